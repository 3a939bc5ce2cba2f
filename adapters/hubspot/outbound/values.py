"""Plain values out of HubSpot's records, where every value is a text or null."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from adapters.plain import rows, text_of, time_of
from connector.domain.money import Money

Json = Mapping[str, Any]

_MILLISECONDS = re.compile(r"[0-9]{10,15}")
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


def held(record: Json, name: str) -> str:
    """A property's whole value, "" for none: addresses and explanations are longer than what may be a code."""
    return whole(record["properties"].get(name))


def whole(value: object) -> str:
    """A text as it stands, a number as its digits, "" for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def time_in(record: Json, name: str) -> datetime | None:
    """A property of type datetime or date: ISO 8601, or milliseconds since 1970."""
    text = held(record, name)
    if not _MILLISECONDS.fullmatch(text):
        return time_of(text) if text else None
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the year 9999
        return None


def created_at(record: Json) -> datetime:
    """Raises ValueError for a record that does not say."""
    at = time_in(record, "createdate") or time_in(record, "hs_createdate") or time_of(record.get("createdAt"))
    if at is None:
        raise ValueError("the record does not say when it was created")
    return at


def money_in(record: Json, name: str, currency: str) -> Money | None:
    """An amount; None where there is none. Raises ValueError for what is no amount."""
    text = held(record, name)
    return Money.parse(text, currency) if text and currency else None


def same(one: str, other: str) -> bool:
    """Whether two spellings say the same: HubSpot keeps a time with its milliseconds, and a number without last zeros."""
    if one == other:
        return True
    times = time_of(one), time_of(other)
    if all(times):
        return times[0] == times[1]
    return bool(_NUMBER.fullmatch(one) and _NUMBER.fullmatch(other)) and Decimal(one) == Decimal(other)


@dataclass(frozen=True)
class Version:
    """A value that a property had, since when, and how it came there: FORM, CRM_UI, IMPORT, INTEGRATION ..."""

    value: str
    at: datetime
    source: str
    by: str = ""


def versions(record: Json, name: str) -> Sequence[Version]:
    """All values that a property had, newest first; none where its history was not asked for."""
    return tuple(_versions(record, name))


def _versions(record: Json, name: str) -> Iterator[Version]:
    told = record.get("propertiesWithHistory")
    for row in rows(told.get(name) if isinstance(told, dict) else None):
        at = time_of(row.get("timestamp"))
        if at is not None:
            yield Version(whole(row.get("value")), at, text_of(row.get("sourceType")), text_of(row.get("sourceId")))


def since(record: Json, name: str) -> Version | None:
    """The value that stands, with the moment from which on it has stood."""
    found = None
    now = held(record, name)
    for version in versions(record, name):
        if version.value != now:
            break
        found = version
    return found
