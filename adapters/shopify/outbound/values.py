"""Plain values out of Shopify's answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.domain.money import Money

Json = Mapping[str, Any]

#: A number that means the same in every country, as ITU-T E.164 writes it.
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def money(value: Json) -> Money:
    """A MoneyV2."""
    return Money.parse(value["amount"], value["currencyCode"])


def sent(amount: Money) -> Json:
    """A MoneyInput."""
    return {"amount": amount.decimal(), "currencyCode": amount.currency}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def instant(moment: datetime) -> str:
    """Whole seconds, which is all that Shopify keeps."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def phone_of(text: str | None) -> str:
    """The number in E.164, "" for one that could be anybody's."""
    number = re.sub(r"[\s().\-/]", "", text or "")
    return number if _E164.fullmatch(number) else ""
