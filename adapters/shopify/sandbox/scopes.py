"""Access scopes: what each field needs, and Shopify's answer where the shop has not granted it.

The scopes are those that the page of each field names (shopify.dev, admin-graphql/latest, read 2026-11-22). What moves
money on a gift card asks for a scope of its own, beside write_gift_cards.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any

from graphql import GraphQLError

from adapters.shopify import MANIFEST

_DOCUMENTATION = "https://shopify.dev/api/usage/access-scopes"
#: What a shop grants unless told otherwise: all that the app asks for.
ASKED = tuple(scope.name for scope in MANIFEST.scopes)
_FIELDS = {
    "order": "read_orders",
    "orders": "read_orders",
    "customer": "read_customers",
    "customers": "read_customers",
    "customerByIdentifier": "read_customers",
    "storeCreditAccount": "read_store_credit_accounts",
    "storeCreditAccountCredit": "write_store_credit_account_transactions",
    "storeCreditAccountDebit": "write_store_credit_account_transactions",
    "discountNodes": "read_discounts",
    "codeDiscountNode": "read_discounts",
    "codeDiscountNodeByCode": "read_discounts",
    "discountRedeemCodeBulkCreation": "read_discounts",
    "giftCard": "read_gift_cards",
    "giftCards": "read_gift_cards",
    "giftCardCreate": "write_gift_cards",
    "giftCardDeactivate": "write_gift_cards",
    "giftCardCredit": "write_gift_card_transactions",
    "giftCardDebit": "write_gift_card_transactions",
    "webPixelCreate": "write_pixels",
    "webPixelUpdate": "write_pixels",
    "webPixel": "read_pixels",
}
_KINDS = {
    "Order": "read_orders",
    "Refund": "read_orders",
    "Customer": "read_customers",
    "StoreCreditAccount": "read_store_credit_accounts",
    "StoreCreditAccountCreditTransaction": "read_store_credit_account_transactions",
    "StoreCreditAccountDebitTransaction": "read_store_credit_account_transactions",
    "GiftCard": "read_gift_cards",
    "GiftCardCreditTransaction": "read_gift_card_transactions",
    "GiftCardDebitTransaction": "read_gift_card_transactions",
}


def holds(scopes: Collection[str], needed: str) -> bool:
    """Whether `needed` is granted; write_x grants read_x too."""
    return needed in scopes or (needed.startswith("read_") and f"write_{needed.removeprefix('read_')}" in scopes)


def told(scopes: Iterable[str]) -> str:
    """As the token endpoints answer them: read_x is left out where write_x stands."""
    given = tuple(dict.fromkeys(scopes))
    implied = {f"read_{name.removeprefix('write_')}" for name in given if name.startswith("write_")}
    return ",".join(name for name in given if name not in implied)


def expanded(scopes: Iterable[str]) -> list[str]:
    """All handles, with the reads that the writes bring along."""
    given = tuple(dict.fromkeys(scopes))
    implied = [f"read_{name.removeprefix('write_')}" for name in given if name.startswith("write_")]
    return [*dict.fromkeys([*given, *implied])]


def require(scopes: Collection[str], field: str, needed: str) -> None:
    """Raises ACCESS_DENIED at the field that is being resolved."""
    if holds(scopes, needed):
        return
    access = f"`{needed}` access scope."
    raise GraphQLError(
        f"Access denied for {field} field. Required access: {access}",
        extensions={"code": "ACCESS_DENIED", "documentation": _DOCUMENTATION, "requiredAccess": access},
    )


def require_kind(scopes: Collection[str], field: str, kind: str) -> None:
    """Raises ACCESS_DENIED for an object of this kind asked for by its gid."""
    needed = _KINDS.get(kind) or ("read_discounts" if kind.startswith("Discount") else "")
    if needed:
        require(scopes, field, needed)


def guarded(scopes: Collection[str], field: str, resolver: Callable[..., Any]) -> Callable[..., Any]:
    """`resolver` behind the scope that `field` needs."""
    needed = _FIELDS.get(field) or ("write_discounts" if field.startswith("discount") else "")
    if not needed:
        return resolver

    def resolve(*args: Any, **kwargs: Any) -> Any:
        require(scopes, field, needed)
        return resolver(*args, **kwargs)

    return resolve
