"""Plain values out of Salesforce's records, whose fields may be missing because our user may not see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.plain import text_of, time_of
from connector.domain.money import Money

Json = Mapping[str, Any]


def held(record: Json, name: str | None) -> str:
    """A field's whole text, "" for none: explanations are longer than what may be a code."""
    return whole(record.get(name)) if name else ""


def whole(value: object) -> str:
    """A text as it stands, a number as its digits, "" for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return format(Decimal(str(value)), "f")
    return value if isinstance(value, str) else ""


def when(record: Json, name: str) -> datetime | None:
    """A dateTime, or the beginning of a date."""
    return time_of(record.get(name))


def created_at(record: Json) -> datetime:
    """Raises ValueError for a record that does not say."""
    at = when(record, "CreatedDate")
    if at is None:
        raise ValueError("the record does not say when it was created")
    return at


def money_in(record: Json, name: str, currency: str) -> Money | None:
    """An amount; None where there is none. Raises ValueError for what is no amount."""
    text = held(record, name)
    return Money.parse(text, currency) if text and currency else None


def same(current: str, new: str, kind: str) -> bool:
    """Whether two spellings say the same in a field of this type: 2.50 is 2.5, and +0000 is Z."""
    if current == new:
        return True
    if kind == "datetime":
        times = time_of(text_of(current)), time_of(text_of(new))
        return all(times) and times[0] == times[1]
    if kind in ("double", "currency", "percent", "int"):
        return bool(current and new) and Decimal(current) == Decimal(new)
    # Salesforce takes blanks off the ends of texts, and writes line ends its own way.
    return current.replace("\r\n", "\n").strip() == new.replace("\r\n", "\n").strip()


def stamp(at: datetime) -> str:
    """A dateTime as Salesforce takes it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
