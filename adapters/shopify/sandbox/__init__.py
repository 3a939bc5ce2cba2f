"""A stand-in for Shopify on loopback: Admin GraphQL, tokens, signed webhooks, faults, and its own book of effects.

SHOPIFY_URL=http://127.0.0.1:PORT/{shop} points the connector at it. `control` tells what can be made to happen.
"""

from __future__ import annotations

from adapters import stand_in
from adapters.shopify.sandbox.server import Sandbox

__all__ = ["Sandbox", "serve", "start"]


def start(port: int = 0) -> Sandbox:
    """A stand-in on 127.0.0.1 in a thread of this process; port 0 takes a free one. Call `.stop()` at the end."""
    return Sandbox(port=port).start()


def serve(host: str, port: int) -> None:
    """Run until interrupted; prints one line with the URL."""
    stand_in.serve("Shopify", Sandbox(host, port))
