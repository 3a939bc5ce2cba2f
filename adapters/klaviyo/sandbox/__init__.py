"""A stand-in for Klaviyo on loopback: accounts with their JSON:API, keys and OAuth, rate windows, faults, and a book.

KLAVIYO_URL=http://127.0.0.1:PORT points the connector at it. `control` tells what can be made to happen.
"""

from __future__ import annotations

from adapters import stand_in
from adapters.klaviyo.sandbox.server import Sandbox

__all__ = ["Sandbox", "serve", "start"]


def start(port: int = 0) -> Sandbox:
    """A stand-in on 127.0.0.1 in a thread of this process; port 0 takes a free one. Call `.stop()` at the end."""
    return Sandbox(port=port).start()


def serve(host: str, port: int) -> None:
    """Run until interrupted; prints one line with the URL."""
    stand_in.serve("Klaviyo", Sandbox(host, port))
