"""How orders, their refunds, discounts and journeys look in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.protect import shown
from adapters.shopify.sandbox.scopes import require
from adapters.shopify.sandbox.state import Shop, World, gid
from adapters.shopify.sandbox.views import View, bag, customer_view, metafield_fields, money, payment_view

if TYPE_CHECKING:
    from adapters.shopify.sandbox.orders import (
        Address,
        DiscountUse,
        Dispute,
        Fulfillment,
        Line,
        Order,
        Product,
        Refund,
        RefundLine,
        Visit,
    )

_DISCOUNT_TYPES = {
    "code": "DiscountCodeApplication",
    "manual": "ManualDiscountApplication",
    "automatic": "AutomaticDiscountApplication",
}


def order_view(world: World, shop: Shop, order: Order) -> View:
    owner = gid("Order", order.id)

    def lines(_: Any, **args: Any) -> View:
        return connection(order.lines, args, key=lambda n: n.id, view=lambda n: line_view(shop, order, n))

    def applications(_: Any, **args: Any) -> View:
        rows = list(enumerate(order.discounts))
        return connection(rows, args, key=lambda r: r[0], view=lambda r: _application(order, *r))

    def customer(_: Any) -> View | None:
        found = shop.customers.get(order.customer) if order.customer else None
        return customer_view(world, shop, found) if found else None

    return {
        "__typename": "Order",
        "id": owner,
        "legacyResourceId": str(order.id),
        "name": order.name,
        "number": order.number,
        "email": shown(shop, "email", "email", order.email),
        "phone": shown(shop, "phone", "phone", order.phone),
        "clientIp": shown(shop, "network", "clientIp", order.client_ip),
        "shippingAddress": _address(shop, order.shipping_address),
        "billingAddress": _address(shop, order.billing_address),
        "disputes": [_dispute(d) for d in order.disputes],
        "note": None,
        "tags": [],
        "test": order.test,
        "closed": False,
        "confirmed": True,
        "edited": order.edit is not None,
        "sourceName": order.source_name,
        "createdAt": graphql_time(order.created_at),
        "processedAt": graphql_time(order.created_at),
        "updatedAt": graphql_time(order.updated_at),
        "cancelledAt": graphql_time(order.cancelled_at) if order.cancelled_at else None,
        "cancelReason": order.cancel_reason.upper() if order.cancel_reason else None,
        "displayFinancialStatus": order.status,
        "displayFulfillmentStatus": order.fulfillment,
        "fulfillments": lambda _, first=None, **_args: [_fulfillment(one) for one in order.fulfillments[:first]],
        "fullyPaid": order.paid,
        "unpaid": not order.received and order.total > 0,
        "paymentGatewayNames": sorted({p.gateway for p in order.payments}),
        "customAttributes": [{"key": k, "value": v} for k, v in order.attributes],
        # A title typed by staff shows here as well, so a code proves nothing unless a DiscountCodeApplication has it.
        "discountCodes": [d.name for d in order.discounts if d.kind != "automatic"],
        "discountCode": next((d.name for d in order.discounts if d.kind != "automatic"), None),
        "discountApplications": applications,
        "lineItems": lines,
        "customer": customer,
        "customerJourneySummary": lambda _: _journey(shop, order),
        "refunds": lambda _, first=None: [refund_view(world, shop, order, r) for r in order.refunds[:first]],
        "transactions": lambda _, first=None, **_args: [payment_view(order, p) for p in order.payments[:first]],
        **_sums(order),
        **metafield_fields(shop, owner),
    }


def _dispute(dispute: Dispute) -> View:
    return {"id": gid("OrderDisputeSummary", dispute.id), "initiatedAs": dispute.kind, "status": dispute.status}


def _address(shop: Shop, address: Address | None) -> View | None:
    if address is None:
        return None
    hidden = {name: shown(shop, "address", name, getattr(address, name)) for name in ("address1", "city", "zip")}
    # Of an address the country alone is no protected field.
    return {
        "__typename": "MailingAddress",
        "id": gid("MailingAddress", address.id),
        "countryCodeV2": address.country,
        "address2": shown(shop, "address", "address2", None),
        **hidden,
    }


def _fulfillment(one: Fulfillment) -> View:
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", one.id),
        "legacyResourceId": str(one.id),
        "createdAt": graphql_time(one.at),
        "updatedAt": graphql_time(one.at),
        "status": "CANCELLED" if one.cancelled else "SUCCESS",
    }


def _shipping(order: Order) -> View | None:
    """All shipping in one, with its tax."""
    if not order.shipping:
        return None
    taxes = _tax_lines(order, order.shipping_tax, 1)
    return {"title": "Standard", "discountedPriceSet": bag(order, order.shipping), "taxLines": taxes}


def _tax_lines(order: Order, tax: int, parts: int) -> list[View]:
    """`tax` as so many taxes, such as those of a state and of a town; the last one takes the rounding."""
    if not tax:
        return []
    shares = [*[tax // parts] * (parts - 1), tax - tax // parts * (parts - 1)]
    return [{"title": "Tax", "rate": 0.2, "priceSet": bag(order, share)} for share in shares]


def _sums(order: Order) -> View:
    return {
        "shippingLine": _shipping(order),
        "currencyCode": order.currency,
        "presentmentCurrencyCode": order.presentment or order.currency,
        "taxesIncluded": order.taxes_included,
        "subtotalPriceSet": bag(order, order.subtotal),
        "currentSubtotalPriceSet": bag(order, order.current_subtotal),
        "totalPriceSet": bag(order, order.total),
        "currentTotalPriceSet": bag(order, order.current_total),
        "totalDiscountsSet": bag(order, order.discount),
        "currentTotalDiscountsSet": bag(order, order.current_discount),
        "totalTaxSet": bag(order, order.tax),
        "currentTotalTaxSet": bag(order, order.current_tax),
        "totalShippingPriceSet": bag(order, order.shipping),
        "currentShippingPriceSet": bag(order, order.current_shipping),
        "totalReceivedSet": bag(order, order.received),
        "totalRefundedSet": bag(order, order.refunded),
        "totalRefundedShippingSet": bag(order, order.refunded_shipping),
        "refundDiscrepancySet": bag(order, order.discrepancy),
        "netPaymentSet": bag(order, order.received - order.refunded),
        "totalOutstandingSet": bag(order, order.due),
    }


def line_view(shop: Shop, order: Order, line: Line) -> View:
    def discounted(_: Any, *, withCodeDiscounts: bool = False) -> View:  # noqa: N803 - the schema's name
        """What was taken off the order as a whole is not taken off here; what a code took off, only if asked for."""
        by_code = sum(use.amount for use in order.discounts if use.kind == "code")
        whole = sum(use.amount for use in order.discounts)
        off = line.discount * by_code // whole if withCodeDiscounts and whole else 0
        return bag(order, line.price * line.quantity - off)

    def product(_: Any) -> View | None:
        require(shop.scopes, "product", "read_products")
        return _product(line.product) if line.product else None

    def taxes(_: Any, first: int | None = None) -> list[View]:
        return _tax_lines(order, line.tax, line.tax_parts)[:first]

    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line.id),
        "title": line.title,
        "name": line.title,
        "sku": line.sku,
        "vendor": line.product.vendor if line.product else None,
        "product": product,
        "taxLines": taxes,
        "quantity": line.quantity,
        "currentQuantity": line.current,
        "originalUnitPriceSet": bag(order, line.price),
        "discountedTotalSet": discounted,
        "totalDiscountSet": bag(order, line.discount),
    }


def _product(product: Product) -> View:
    return {
        "__typename": "Product",
        "id": gid("Product", product.id),
        "legacyResourceId": str(product.id),
        "title": "Goods",
        "vendor": product.vendor,
        "productType": product.kind,
        "tags": list(product.tags),
    }


def _application(order: Order, index: int, use: DiscountUse) -> View:
    view: View = {
        "__typename": _DISCOUNT_TYPES[use.kind],
        "index": index,
        "allocationMethod": "ACROSS",
        "targetSelection": "ALL",
        "targetType": "LINE_ITEM",
        "value": {"__typename": "MoneyV2", **money(order.shop_money(use.amount))},
    }
    return view | ({"code": use.name} if use.kind == "code" else {"title": use.name, "description": use.name})


def refund_view(world: World, shop: Shop, order: Order, refund: Refund) -> View:
    def lines(_: Any, **args: Any) -> View:
        return connection(refund.lines, args, key=lambda n: n.id, view=lambda n: _refund_line(shop, order, n))

    return {
        "__typename": "Refund",
        "id": gid("Refund", refund.id),
        "legacyResourceId": str(refund.id),
        "note": refund.note,
        "order": lambda _: order_view(world, shop, order),
        "createdAt": graphql_time(refund.at),
        "processedAt": graphql_time(refund.at),
        "updatedAt": graphql_time(refund.at),
        "totalRefundedSet": bag(order, refund.amount),
        "refundLineItems": lines,
    }


def _refund_line(shop: Shop, order: Order, item: RefundLine) -> View:
    return {
        "id": gid("RefundLineItem", item.id),
        "lineItem": line_view(shop, order, item.line),
        "quantity": item.quantity,
        "restockType": "RETURN" if item.restocked else "NO_RESTOCK",
        "restocked": item.restocked,
        "priceSet": bag(order, item.line.price),
        "subtotalSet": bag(order, item.net),
        "totalTaxSet": bag(order, item.tax),
    }


def _journey(shop: Shop, order: Order) -> View | None:
    """The journey; visits are withheld until it was read `journey_after` times, as Shopify works them out later."""
    if order.journey_after is None:
        return None
    ready = order.journey_reads >= order.journey_after
    order.journey_reads += 1
    visits = order.visits if ready else []
    placed = shop.orders_of(order.customer) if order.customer else []
    earlier = shop.customers[order.customer].earlier_orders if order.customer in shop.customers else 0
    return {
        "ready": ready,
        "customerOrderIndex": earlier + placed.index(order) + 1 if ready and order in placed else None,
        "daysToConversion": (order.created_at - visits[0].at).days if visits else None,
        "momentsCount": {"count": len(visits), "precision": "EXACT"} if ready else None,
        "firstVisit": _visit(shop, visits[0]) if visits else None,
        "lastVisit": _visit(shop, visits[-1]) if visits else None,
    }


def _visit(shop: Shop, visit: Visit) -> View:
    utm = dict(visit.utm)
    names = ("source", "medium", "campaign", "content", "term")
    return {
        "__typename": "CustomerVisit",
        "id": gid("CustomerVisit", visit.id),
        "landingPage": shown(shop, "visits", "landingPage", visit.landing_page),
        "referrerUrl": shown(shop, "visits", "referrerUrl", visit.referrer),
        "referralCode": visit.referral_code,
        "source": visit.source,
        "occurredAt": graphql_time(visit.at),
        "utmParameters": {name: utm.get(name) for name in names} if utm else None,
    }
