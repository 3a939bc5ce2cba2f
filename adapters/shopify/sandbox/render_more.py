"""Webhook bodies beside orders and customers, and parts of them: the shop, returns, disputes, addresses, shipments."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import rest_time
from adapters.shopify.sandbox.state import Shop, gid

if TYPE_CHECKING:
    from adapters.shopify.sandbox.orders import Address, Dispute, Fulfillment, Order

Json = dict[str, Any]


def shop_body(shop: Shop) -> Json:
    """shop/update and app/uninstalled."""
    return {
        "id": shop.id,
        "name": shop.name,
        "email": f"owner@{shop.domain}",
        "domain": shop.domain,
        "myshopify_domain": shop.domain,
        "currency": shop.currency,
        "enabled_presentment_currencies": list(shop.currencies or (shop.currency,)),
        "iana_timezone": shop.zone,
        "plan_display_name": shop.plan,
        "plan_name": shop.plan.lower().replace(" ", "_"),
        "primary_locale": "en",
        "shop_owner": "Shop Owner",
        "taxes_included": None,
        "created_at": rest_time(shop.created_at, shop.zone),
    }


def scopes_body(shop: Shop, previous: tuple[str, ...], at: datetime) -> Json:
    return {
        "id": shop.id,
        "shop_id": gid("Shop", shop.id),
        "previous": list(previous),
        "current": list(shop.scopes),
        "updated_at": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
    }


def deleted_body(number: int) -> Json:
    return {"id": number, "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", number)}


def merge_body(kept: int, deleted: int, *, failed: bool = False) -> Json:
    error = {"customer_ids": [kept], "field": "merge_in_progress", "message": "The customer is currently being merged."}
    return {
        "admin_graphql_api_customer_kept_id": gid("Customer", kept),
        "admin_graphql_api_customer_deleted_id": gid("Customer", deleted),
        "admin_graphql_api_job_id": None,
        "status": "failed" if failed else "completed",
        "errors": [error] if failed else [],
    }


def return_body(order: Order) -> Json:
    """returns/close and its kin: what came back is told by the order alone."""
    number = order.id + 3
    return {"id": number, "admin_graphql_api_id": gid("Return", number), "order_id": order.id, "status": "closed"}


def dispute_body(shop: Shop, order: Order, dispute: Dispute) -> Json:
    closed = dispute.status in {"WON", "LOST", "ACCEPTED", "CHARGE_REFUNDED", "PREVENTED"}
    return {
        "id": dispute.id,
        "order_id": order.id,
        "type": dispute.kind.lower(),
        "amount": order.shop_money(dispute.amount).decimal(),
        "currency": order.currency,
        "reason": "fraudulent",
        "network_reason_code": "4827",
        "status": dispute.status.lower(),
        "evidence_due_by": None,
        "evidence_sent_on": None,
        "finalized_on": f"{order.updated_at:%Y-%m-%d}" if closed else None,
        "initiated_at": rest_time(dispute.at, shop.zone),
    }


def address_body(address: Address | None) -> Json | None:
    if address is None:
        return None
    return {
        "first_name": None,
        "last_name": None,
        "name": None,
        "company": None,
        "address1": address.address1,
        "address2": None,
        "city": address.city,
        "zip": address.zip,
        "province": None,
        "province_code": None,
        "country": address.country,
        "country_code": address.country,
        "phone": None,
        "latitude": None,
        "longitude": None,
    }


def fulfillment_body(shop: Shop, order: Order, one: Fulfillment) -> Json:
    at = rest_time(one.at, shop.zone)
    return {
        "id": one.id,
        "admin_graphql_api_id": gid("Fulfillment", one.id),
        "created_at": at,
        "location_id": None,
        "name": f"{order.name}.1",
        "order_id": order.id,
        "service": "manual",
        "shipment_status": None,
        "status": "cancelled" if one.cancelled else "success",
        "updated_at": at,
    }
