"""How code discounts, their redeem codes and bulk additions look in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.credit import parse_gid
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.search import matcher
from adapters.shopify.sandbox.state import Shop, World, gid
from adapters.shopify.sandbox.views import View, customer_view, money
from connector.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.shopify.sandbox.discount import BulkCreation, Discount


def discount_view(world: World, shop: Shop, discount: Discount, *, typename: str) -> View:
    body = _body(world, shop, discount)
    return {"__typename": typename, "id": gid(typename, discount.id), "discount": body, "codeDiscount": body}


def _body(world: World, shop: Shop, discount: Discount) -> View:
    terms = discount.terms

    def codes(_: Any, **args: Any) -> View:
        keep = matcher(args.get("query"), {"code": lambda c: str(c[0])})
        rows = [c for c in discount.codes.items() if keep(c)]
        return connection(rows, args, key=lambda c: c[1], view=lambda c: redeem_code_view(discount, *c))

    return {
        "__typename": discount.kind,
        "title": discount.title,
        "status": discount.status(world.clock.now()),
        "createdAt": graphql_time(discount.created_at),
        "updatedAt": graphql_time(discount.updated_at),
        "startsAt": graphql_time(discount.starts_at),
        "endsAt": graphql_time(discount.ends_at) if discount.ends_at else None,
        "usageLimit": terms.get("usageLimit"),
        "usesPerOrderLimit": terms.get("usesPerOrderLimit"),
        "recurringCycleLimit": terms.get("recurringCycleLimit"),
        "appliesOncePerCustomer": bool(terms.get("appliesOncePerCustomer")),
        "asyncUsageCount": discount.used(),
        "codesCount": {"count": len(discount.codes), "precision": "EXACT"},
        "codes": codes,
        "combinesWith": _combines(terms.get("combinesWith") or {}),
        "tags": terms.get("tags") or [],
        "context": lambda _: _context(world, shop, terms["context"]),
        "minimumRequirement": _minimum(shop, terms.get("minimumRequirement") or {}),
        **_gives(shop, discount),
    }


def _combines(given: View) -> View:
    return {name: bool(given.get(name)) for name in ("orderDiscounts", "productDiscounts", "shippingDiscounts")}


def _context(world: World, shop: Shop, held: View) -> View:
    kind, value = next(iter(held.items()))
    match kind:
        case "customers":
            known = [shop.customers.get((parse_gid(one) or ("", 0))[1]) for one in value]
            people = [customer_view(world, shop, customer) for customer in known if customer]
            return {"__typename": "DiscountCustomers", "customers": people}
        case "customerSegments":
            return {"__typename": "DiscountCustomerSegments", "segments": [{"id": one} for one in value]}
        case "markets":
            return {"__typename": "DiscountMarkets", "marketsCount": len(value), "markets": _ids(value)}
    return {"__typename": "DiscountBuyerSelectionAll", "all": "ALL"}


def _minimum(shop: Shop, given: View) -> View | None:
    if given.get("quantity"):
        least = given["quantity"]["greaterThanOrEqualToQuantity"]
        return {"__typename": "DiscountMinimumQuantity", "greaterThanOrEqualToQuantity": str(least)}
    if given.get("subtotal"):
        least = _money(shop, given["subtotal"]["greaterThanOrEqualToSubtotal"])
        return {"__typename": "DiscountMinimumSubtotal", "greaterThanOrEqualToSubtotal": least}
    return None


def _gives(shop: Shop, discount: Discount) -> View:
    """What the buyer gets, and for what."""
    terms = discount.terms
    most = terms.get("maximumShippingPrice")
    view: View = {
        "destinationSelection": {"__typename": "DiscountCountryAll", "allCountries": True},
        "maximumShippingPrice": _money(shop, most) if most is not None else None,
    }
    if gets := terms.get("customerGets"):
        view["customerGets"] = {
            "appliesOnOneTimePurchase": gets.get("appliesOnOneTimePurchase", True),
            "appliesOnSubscription": gets.get("appliesOnSubscription", False),
            "items": _items(gets["items"]),
            "value": _value(shop, gets["value"]),
        }
    if buys := terms.get("customerBuys"):
        least = (buys.get("value") or {}).get("amount")
        view["customerBuys"] = {
            "isOneTimePurchase": buys.get("isOneTimePurchase", True),
            "isSubscription": buys.get("isSubscription", False),
            "items": _items(buys["items"]),
            "value": {"__typename": "DiscountPurchaseAmount", "amount": least}
            if least is not None
            else {"__typename": "DiscountQuantity", "quantity": str((buys.get("value") or {}).get("quantity") or 1)},
        }
    return view


def _value(shop: Shop, given: View) -> View:
    if given.get("percentage") is not None:
        return {"__typename": "DiscountPercentage", "percentage": given["percentage"]}
    if amount := given.get("discountAmount"):
        each = bool(amount.get("appliesOnEachItem"))
        return {"__typename": "DiscountAmount", "amount": _money(shop, amount["amount"]), "appliesOnEachItem": each}
    several = given["discountOnQuantity"]
    effect = several.get("effect") or {}
    off = (
        {"discountAmount": effect} if effect.get("amount") is not None else {"percentage": effect.get("percentage", 1)}
    )
    quantity = {"quantity": str(several.get("quantity") or 1)}
    return {"__typename": "DiscountOnQuantity", "effect": _value(shop, off), "quantity": quantity}


def _items(held: View) -> View:
    if held.get("all"):
        return {"__typename": "AllDiscountItems", "allItems": True}
    if "collections" in held:
        return {"__typename": "DiscountCollections", "collections": _ids(held["collections"])}
    products, variants = _ids(held.get("products") or []), _ids(held.get("variants") or [])
    return {"__typename": "DiscountProducts", "products": products, "productVariants": variants}


def _ids(gids: list[str]) -> Callable[..., View]:
    """A connection of objects of which only the gid is known here."""

    def resolve(_: Any, **args: Any) -> View:
        return connection(gids, args, key=lambda one: one, view=lambda one: {"id": one})

    return resolve


def _money(shop: Shop, amount: Any) -> View:
    return money(Money.parse(str(amount), shop.currency))


def redeem_code_view(discount: Discount, code: str, number: int) -> View:
    return {"code": code, "id": gid("DiscountRedeemCode", number), "asyncUsageCount": discount.used(code)}


def bulk_view(world: World, shop: Shop, bulk: BulkCreation) -> View:
    """A bulk addition; it says done from the second look on."""
    done = bulk.reads > 0
    bulk.reads += 1
    discount = shop.discounts[bulk.discount]

    def one(result: tuple[str, int | None, str]) -> View:
        code, number, error = result
        if not done:
            return {"code": code, "discountRedeemCode": None, "errors": []}
        if number is not None:
            return {"code": code, "discountRedeemCode": redeem_code_view(discount, code, number), "errors": []}
        # A real shop tells the reason by the message alone (seen with 2026-04).
        refused = [{"code": None, "field": ["code"], "message": error}]
        return {"code": code, "discountRedeemCode": None, "errors": refused}

    def codes(_: Any, **args: Any) -> View:
        rows = list(enumerate(bulk.results))
        return connection(rows, args, key=lambda r: r[0], view=lambda r: one(r[1]))

    return {
        "__typename": "DiscountRedeemCodeBulkCreation",
        "id": gid("DiscountRedeemCodeBulkCreation", bulk.id),
        "createdAt": graphql_time(bulk.created_at),
        "discountCode": lambda _: discount_view(world, shop, discount, typename="DiscountCodeNode"),
        "done": done,
        "codesCount": len(bulk.results),
        "importedCount": sum(number is not None for _, number, _error in bulk.results) if done else 0,
        "failedCount": sum(number is None for _, number, _error in bulk.results) if done else 0,
        "codes": codes,
    }
