"""Plain values out of Shopify's answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connector.domain.money import Money

Json = Mapping[str, Any]


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
