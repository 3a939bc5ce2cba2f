"""What Salesforce sends us: nudges at a secret address. What changed is polled, so that none of them is needed."""

from __future__ import annotations

from adapters.salesforce.inbound.door import MAX_BODY, place_of, receive, reply, visitor
from adapters.salesforce.inbound.reading import OUTCOMES, TOPICS, purchase, read

__all__ = ["MAX_BODY", "OUTCOMES", "TOPICS", "place_of", "purchase", "read", "receive", "reply", "visitor"]
