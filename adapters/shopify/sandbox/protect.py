"""Webhook bodies for an app that is not approved for protected customer data: people without names and addresses."""

from __future__ import annotations

from typing import Any

_HIDDEN = frozenset(
    {
        "addresses",
        "billing_address",
        "browser_ip",
        "client_details",
        "contact_email",
        "default_address",
        "email",
        "first_name",
        "last_name",
        "phone",
        "shipping_address",
    }
)
#: Bodies of other topics speak of the shop, whose own e-mail is no customer's.
_ABOUT_PEOPLE = ("customers/", "disputes/", "orders/", "refunds/", "returns/")


def redacted(topic: str, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with null in place of what identifies a person; ids stay."""
    return _without(body) if topic.startswith(_ABOUT_PEOPLE) else body


def _without(value: Any) -> Any:
    if isinstance(value, list):
        return [_without(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: None if key in _HIDDEN else _without(one) for key, one in value.items()}
