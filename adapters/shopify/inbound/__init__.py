"""What Shopify sends us: verified by its signature at the door, then read for what it says. No network, no SDK."""

from __future__ import annotations

from adapters.shopify.inbound.door import MAX_BODY, receive, visitor
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
    host_of,
    link_touch,
    utm_touch,
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
    "host_of",
    "link_touch",
    "purchase",
    "read",
    "receive",
    "utm_touch",
    "visit_touches",
    "visitor",
]
