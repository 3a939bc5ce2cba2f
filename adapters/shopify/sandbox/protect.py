"""What an app sees that is not approved for protected customer data: people without names and addresses.

The Admin API answers null at such a field, with an error at its place beside the rest (shopify.dev, protected customer
data, read 2026-11-22); webhook bodies hold null and say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from adapters.shopify.sandbox.state import PROTECTED

if TYPE_CHECKING:
    from adapters.shopify.sandbox.state import Shop

_PAGE = "https://shopify.dev/docs/apps/launch/protected-customer-data"
#: What a webhook body calls them.
_HIDDEN = {
    "address": ("addresses", "billing_address", "default_address", "shipping_address"),
    "email": ("contact_email", "email"),
    "name": ("first_name", "last_name"),
    "network": ("browser_ip", "client_details"),
    "phone": ("phone",),
    "visits": (),
}
#: Bodies of other topics speak of the shop, whose own e-mail is no customer's.
_ABOUT_PEOPLE = ("customers/", "disputes/", "orders/", "refunds/", "returns/")


def shown(shop: Shop, kind: str, field: str, value: Any) -> Any:
    """`value` as the field answers it, or the error that stands in its place."""
    if shop.shows(kind):
        return value
    message = f"This app is not approved to use the {field} field. See {_PAGE} for more details."
    return GraphQLError(message, extensions={"code": "ACCESS_DENIED", "documentation": _PAGE})


def redacted(shop: Shop, topic: str, body: dict[str, Any]) -> dict[str, Any]:
    """`body` with null in place of what identifies a person and is not shown; ids stay."""
    hidden = frozenset(name for kind in PROTECTED if not shop.shows(kind) for name in _HIDDEN[kind])
    return _without(body, hidden) if hidden and topic.startswith(_ABOUT_PEOPLE) else body


def _without(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_without(one, hidden) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: None if key in hidden else _without(one, hidden) for key, one in value.items()}
