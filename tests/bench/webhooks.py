"""One signed webhook about a real order, to be sent again and again: each time as another delivery."""

from __future__ import annotations

from tests.bench.load import KEY, Load
from tests.faults.storefront import Webhook
from tests.shop import DOMAIN, Shop

EVENT = "X-Shopify-Event-Id"


def any_key(webhook: Webhook) -> Webhook:
    """The same webhook, with KEY in the header by which a delivery is known."""
    headers, body = webhook
    return {name: KEY if name.lower() == EVENT.lower() else value for name, value in headers.items()}, body


def webhook(shop: Shop) -> Webhook:
    """Headers and body; the header that names the delivery holds KEY."""
    customer = shop.customer("stranger@example.org")
    order = shop.client.control("orders", shop=DOMAIN, customer=customer, net="9.00", send=False)["id"]
    return any_key(*shop.webhooks(order, "orders/paid"))


def posted(shop: Shop, port: int, connections: int, seconds: float) -> Load:
    headers, body = webhook(shop)
    return Load(port, "/webhooks/shopify", connections, seconds, "POST", headers, body.decode())
