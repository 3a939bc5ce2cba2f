"""Webhook bodies: the REST-shaped objects Shopify still sends, names and types as in its 2026-07 examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import rest_time
from adapters.shopify.sandbox.render_more import address_body, fulfillment_body
from adapters.shopify.sandbox.state import Customer, Shop, gid
from connector.domain.money import Money

if TYPE_CHECKING:
    from adapters.shopify.sandbox.orders import DiscountUse, Line, Order, Payment, Refund, RefundLine

Json = dict[str, Any]
_SIDES = ("shop_money", "presentment_money")
_FULFILLED = {"FULFILLED": "fulfilled", "PARTIALLY_FULFILLED": "partial", "UNFULFILLED": None}
#: A line inside a refund is the older shape.
_NOT_IN_REFUNDS = frozenset({"attributed_staffs", "current_quantity", "sales_line_item_group_id"})


def _set(order: Order, minor: int) -> Json:
    shop, buyer = order.shop_money(minor), order.presentment_money(minor)
    return {
        "shop_money": {"amount": shop.decimal(), "currency_code": shop.currency},
        "presentment_money": {"amount": buyer.decimal(), "currency_code": buyer.currency},
    }


def _both(name: str, order: Order, minor: int) -> Json:
    """The plain amount in shop money, and its `_set`."""
    return {name: order.shop_money(minor).decimal(), f"{name}_set": _set(order, minor)}


def order_body(shop: Shop, order: Order) -> Json:
    customer = shop.customers.get(order.customer) if order.customer else None
    web = order.source_name == "web"
    return {
        "id": order.id,
        "admin_graphql_api_id": gid("Order", order.id),
        "app_id": 580111,
        "billing_address": address_body(order.billing_address),
        "browser_ip": order.client_ip,
        "buyer_accepts_marketing": False,
        "cancel_reason": order.cancel_reason,
        "cancelled_at": rest_time(order.cancelled_at, shop.zone) if order.cancelled_at else None,
        "cart_token": f"cart{order.id}" if web else None,
        "checkout_token": f"checkout{order.id}" if web else None,
        "client_details": None,
        "closed_at": None,
        "confirmation_number": f"CN{order.id}",
        "confirmed": True,
        "contact_email": order.email,
        "created_at": rest_time(order.created_at, shop.zone),
        "currency": order.currency,
        "customer": customer_body(shop, customer) if customer else None,
        "customer_locale": "en",
        "device_id": None,
        "discount_applications": [_application(order, use) for use in order.discounts],
        # Titles typed by staff stand here beside real codes; only discount_applications tells them apart.
        "discount_codes": [_code(order, use) for use in order.discounts if use.kind != "automatic"],
        "duties_included": False,
        "email": order.email or "",
        "estimated_taxes": False,
        "financial_status": order.status.lower(),
        "fulfillment_status": _FULFILLED[order.fulfillment],
        "fulfillments": [fulfillment_body(shop, order, one) for one in order.fulfillments],
        "landing_site": order.landing_site,
        "landing_site_ref": None,
        "line_item_groups": [],
        "line_items": [_line(order, line) for line in order.lines],
        "location_id": None,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": None,
        "name": order.name,
        "note": None,
        "note_attributes": [{"name": key, "value": value} for key, value in order.attributes],
        "number": order.number - 1000,
        "order_number": order.number,
        "order_status_url": f"https://{shop.domain}/{shop.id}/orders/{order.id}/authenticate",
        "payment_gateway_names": sorted({p.gateway for p in order.payments}),
        "payment_terms": None,
        "phone": order.phone,
        "po_number": None,
        "presentment_currency": order.presentment or order.currency,
        "processed_at": rest_time(order.created_at, shop.zone),
        "reference": None,
        "referring_site": order.referring_site,
        "refunds": [refund_body(shop, order, refund) for refund in order.refunds],
        "returns": [],
        "shipping_address": address_body(order.shipping_address),
        "shipping_lines": [_shipping(order)] if order.shipping else [],
        "source_identifier": None,
        "source_name": order.source_name,
        "source_url": None,
        "tags": "",
        "tax_exempt": False,
        "tax_lines": _tax_lines(order, order.tax),
        "taxes_included": order.taxes_included,
        "test": order.test,
        "token": f"token{order.id}",
        "total_weight": 0,
        "updated_at": rest_time(order.updated_at, shop.zone),
        "user_id": None,
        **_sums(order),
    }


def _sums(order: Order) -> Json:
    return {
        **_both("subtotal_price", order, order.subtotal),
        **_both("current_subtotal_price", order, order.current_subtotal),
        **_both("total_price", order, order.total),
        **_both("current_total_price", order, order.current_total),
        **_both("total_discounts", order, order.discount),
        **_both("current_total_discounts", order, order.current_discount),
        **_both("total_line_items_price", order, order.gross),
        **_both("total_tax", order, order.tax),
        **_both("current_total_tax", order, order.current_tax),
        "total_shipping_price_set": _set(order, order.shipping),
        "current_shipping_price_set": _set(order, order.current_shipping),
        "current_total_additional_fees_set": None,
        "current_total_duties_set": None,
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "total_cash_rounding_payment_adjustment_set": _set(order, 0),
        "total_cash_rounding_refund_adjustment_set": _set(order, 0),
        "total_outstanding": order.shop_money(order.due).decimal(),
        "total_tip_received": order.shop_money(0).decimal(),
    }


def _code(order: Order, use: DiscountUse) -> Json:
    return {"code": use.name, "amount": order.shop_money(use.amount).decimal(), "type": "fixed_amount"}


def _application(order: Order, use: DiscountUse) -> Json:
    base = {
        "target_type": "line_item",
        "type": "discount_code" if use.kind == "code" else use.kind,
        "value": f"{float(order.shop_money(use.amount).decimal())}",
        "value_type": "fixed_amount",
        "allocation_method": "across",
        "target_selection": "all",
    }
    if use.kind == "code":
        return base | {"code": use.name}
    return base | {"title": use.name} | ({"description": use.name} if use.kind == "manual" else {})


def _line(order: Order, line: Line) -> Json:
    share = {"amount": order.shop_money(line.discount).decimal(), "amount_set": _set(order, line.discount)}
    return {
        "id": line.id,
        "admin_graphql_api_id": gid("LineItem", line.id),
        "attributed_staffs": [],
        "current_quantity": line.current,
        "discount_allocations": [share | {"discount_application_index": 0}] if line.discount else [],
        "duties": [],
        "fulfillable_quantity": line.current,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": 0,
        "name": line.title,
        **_both("price", order, line.price),
        "product_exists": line.product is not None,
        "product_id": line.product.id if line.product else None,
        "properties": [],
        "quantity": line.quantity,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": line.sku or "",
        "tax_lines": _tax_lines(order, line.tax),
        "taxable": True,
        "title": line.title,
        **_both("total_discount", order, 0),
        "variant_id": None,
        "variant_inventory_management": None,
        "variant_title": None,
        "vendor": None,
    }


def _tax_lines(order: Order, tax: int) -> list[Json]:
    line = {"channel_liable": False, **_both("price", order, tax), "rate": 0.2, "title": "Tax"}
    return [line] if tax else []


def _shipping(order: Order) -> Json:
    return {
        "id": order.id + 1,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": _set(order, order.current_shipping),
        "discount_allocations": [],
        **_both("discounted_price", order, order.shipping),
        "is_removed": False,
        "phone": None,
        **_both("price", order, order.shipping),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "tax_lines": _tax_lines(order, order.shipping_tax),
        "title": "Standard",
    }


def customer_body(shop: Shop, customer: Customer) -> Json:
    """Without orders_count, total_spent and tags, which are gone since 2025-01."""
    return {
        "id": customer.id,
        "admin_graphql_api_id": gid("Customer", customer.id),
        "created_at": rest_time(customer.created_at, shop.zone),
        "updated_at": rest_time(customer.updated_at, shop.zone),
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "state": "enabled",
        "note": None,
        "verified_email": customer.email is not None,
        "multipass_identifier": None,
        "tax_exempt": False,
        "email": customer.email,
        "phone": customer.phone,
        "currency": shop.currency,
        "tax_exemptions": [],
    }


def refund_body(shop: Shop, order: Order, refund: Refund) -> Json:
    at = rest_time(refund.at, shop.zone)
    shipping = {"id": refund.id + 1, "subtotal_amount_set": _set(order, refund.shipping)}
    adjustment = {
        "id": refund.id + 2,
        "order_id": order.id,
        "refund_id": refund.id,
        "kind": "refund_discrepancy",
        "reason": "Refund discrepancy",
        **_both("amount", order, -refund.discrepancy),
        **_both("tax_amount", order, 0),
    }
    return {
        "id": refund.id,
        "admin_graphql_api_id": gid("Refund", refund.id),
        "order_id": order.id,
        "created_at": at,
        "processed_at": at,
        "note": refund.note,
        "user_id": None,
        "duties": [],
        "total_duties_set": _set(order, 0),
        "return": None,
        "restock": any(item.restocked for item in refund.lines),
        "refund_shipping_lines": [shipping] if refund.shipping else [],
        "order_adjustments": [adjustment] if refund.discrepancy else [],
        "refund_line_items": [_refund_line(order, item) for item in refund.lines],
        "transactions": [_payment(shop, order, refund.payment)] if refund.payment else [],
    }


def _refund_line(order: Order, item: RefundLine) -> Json:
    """The subtotal and total_tax are numbers here, not strings, as in real bodies."""
    return {
        "id": item.id,
        "line_item_id": item.line.id,
        "line_item": {k: v for k, v in _line(order, item.line).items() if k not in _NOT_IN_REFUNDS},
        "location_id": None,
        "quantity": item.quantity,
        "restock_type": "return" if item.restocked else "no_restock",
        "subtotal": float(Money(item.net, order.currency).decimal()),
        "subtotal_set": _set(order, item.net),
        "total_tax": float(Money(item.tax, order.currency).decimal()),
        "total_tax_set": _set(order, item.tax),
    }


def _payment(shop: Shop, order: Order, payment: Payment) -> Json:
    at = rest_time(payment.at, shop.zone)
    return {
        "id": payment.id,
        "admin_graphql_api_id": gid("OrderTransaction", payment.id),
        "order_id": order.id,
        "amount": order.shop_money(payment.amount).decimal(),
        "currency": order.currency,
        "kind": payment.kind.lower(),
        "gateway": payment.gateway,
        "status": "success",
        "message": None,
        "created_at": at,
        "processed_at": at,
        "test": order.test,
        "authorization": None,
        "location_id": None,
        "user_id": None,
        "parent_id": None,
        "device_id": None,
        "error_code": None,
        "source_name": order.source_name,
        "receipt": {},
        "payment_id": f"{order.name}.{len(order.payments)}",
        "total_unsettled_set": {side: {"amount": "0.0", "currency": order.currency} for side in _SIDES},
        "manual_payment_gateway": False,
    }


def edit_body(shop: Shop, order: Order) -> Json:
    """Only the change; whoever wants the order must fetch it."""
    if order.edit is None:
        raise ValueError(f"order {order.name} was never edited")
    at = rest_time(order.edit.at, shop.zone)
    none: Json = {"additions": [], "removals": []}
    return {
        "order_edit": {
            "id": order.edit.id,
            "app_id": None,
            "created_at": at,
            "committed_at": at,
            "notify_customer": False,
            "order_id": order.id,
            "staff_note": "",
            "user_id": None,
            "line_items": {
                "additions": [{"id": line, "delta": delta} for line, delta in order.edit.additions],
                "removals": [{"id": line, "delta": delta} for line, delta in order.edit.removals],
            },
            "discounts": {"line_item": none},
            "shipping_lines": none,
        }
    }


def privacy_body(shop: Shop, topic: str, customer: Customer | None, number: int) -> Json:
    """The compliance topics: customers/data_request, customers/redact and shop/redact."""
    body: Json = {"shop_id": shop.id, "shop_domain": shop.domain}
    if customer is None or topic == "shop/redact":
        return body
    body["customer"] = {"id": customer.id, "email": customer.email, "phone": customer.phone}
    orders = [order.id for order in shop.orders_of(customer.id)]
    if topic == "customers/redact":
        return body | {"orders_to_redact": orders}
    return body | {"orders_requested": orders, "data_request": {"id": number}}
