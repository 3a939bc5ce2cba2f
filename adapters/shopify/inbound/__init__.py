"""What Shopify sends us: verified by its signature at the door, then read for what it says. No network, no SDK."""

from __future__ import annotations

from adapters.shopify.inbound.door import MAX_BODY, receive, reply, visitor
from adapters.shopify.inbound.reading import (
    ACTIONS,
    CHANGES,
    NAMING,
    ORDERS,
    OUTCOMES,
    PEOPLE,
    PRIVACY,
    TOPICS,
    purchase,
    read,
)
from adapters.shopify.inbound.touches import (
    cart_touch,
    code_touch,
    evidence,
    visit_touches,
)

__all__ = [
    "ACTIONS",
    "CHANGES",
    "MAX_BODY",
    "NAMING",
    "ORDERS",
    "OUTCOMES",
    "PEOPLE",
    "PRIVACY",
    "TOPICS",
    "cart_touch",
    "code_touch",
    "evidence",
    "purchase",
    "read",
    "receive",
    "reply",
    "visit_touches",
    "visitor",
]
