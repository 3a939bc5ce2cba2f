"""What HubSpot sends us: verified by its signature at the door, then read for what it says. No network, no SDK."""

from __future__ import annotations

from adapters.hubspot.inbound.door import MAX_BODY, receive, reply, visitor
from adapters.hubspot.inbound.reading import (
    ACTIONS,
    CODE_PROPERTIES,
    OUTCOMES,
    TOPICS,
    UTM_PROPERTIES,
    purchase,
    read,
)

__all__ = [
    "ACTIONS",
    "CODE_PROPERTIES",
    "MAX_BODY",
    "OUTCOMES",
    "TOPICS",
    "UTM_PROPERTIES",
    "purchase",
    "read",
    "receive",
    "reply",
    "visitor",
]
