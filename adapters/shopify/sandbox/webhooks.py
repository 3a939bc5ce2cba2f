"""Signs webhooks as Shopify does and sends them: in the background with repeats, or in a chosen disorder.

Only the body is signed: base64 HMAC-SHA256 of its bytes, keyed with the app's secret. Deliveries of one event share
X-Shopify-Event-Id; a repeat keeps its X-Shopify-Webhook-Id (third parties disagree whether the real one does).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import requests

from adapters import stand_in_sender
from adapters.shopify.sandbox.protect import redacted
from adapters.stand_in_sender import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from adapters.shopify.sandbox.book import Book
    from adapters.shopify.sandbox.state import Shop

API_VERSION = "2026-10"
#: Shopify repeats 8 times over 4 hours; here the same number in seconds.
REPEATS = 8


@dataclass(frozen=True)
class Delivery:
    """One webhook, ready to be sent as often as wanted."""

    url: str
    topic: str
    body: bytes
    headers: Mapping[str, str] = field(repr=False)


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON as Shopify's Rails writes it: compact, with &, < and > escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for char in "&<>":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text.encode()


def sign(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def build(
    shop: Shop, topic: str, body: Mapping[str, Any], at: datetime, *, event: str, test: bool = False, secret: str = ""
) -> list[Delivery]:
    """The deliveries of one topic of an event: to the app's own address and to subscriptions made through the API."""
    raw = encode(redacted(shop, topic, dict(body)))
    wanted = topic.upper().replace("/", "_")
    more = [s for s in shop.subscriptions.values() if s.topic == wanted and s.uri != shop.target]
    places = [(shop.target, "")] if shop.target else []
    return [
        Delivery(
            url,
            topic,
            raw,
            {
                "User-Agent": "Shopify-Captain-Hook",
                "Content-Type": "application/json",
                "Accept": "application/json, text/plain, */*",
                "X-Shopify-Topic": topic,
                "X-Shopify-Hmac-Sha256": sign(secret or shop.secret, raw),
                "X-Shopify-Shop-Domain": shop.domain,
                "X-Shopify-API-Version": API_VERSION,
                "X-Shopify-Webhook-Id": str(uuid4()),
                "X-Shopify-Event-Id": event,
                "X-Shopify-Triggered-At": f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z",
                **({"X-Shopify-Name": name} if name else {}),
                **({"X-Shopify-Test": "true"} if test else {}),
            },
        )
        for url, name in [*places, *((s.uri, s.name or "") for s in more)]
    ]


class Sender(stand_in_sender.Sender):
    """Sends deliveries; every answer is counted in the book."""

    def __init__(self, book: Book) -> None:
        super().__init__("shopify")
        self._book = book

    def later(self, deliveries: Sequence[Delivery]) -> None:
        """Send in the background, repeating until a 2xx or until the repeats are used up."""
        for delivery in deliveries:
            self.background(self.insist, partial(self._repeated, delivery), REPEATS)

    def now(
        self, deliveries: Sequence[Delivery], *, copies: int = 1, shuffle: bool = False, seed: int = 0, threads: int = 1
    ) -> dict[str, int]:
        """Send each `copies` times, once each, and say how often each answer came."""
        queue = [delivery for delivery in deliveries for _ in range(copies)]
        if shuffle:
            random.Random(seed).shuffle(queue)
        with ThreadPoolExecutor(max(1, threads)) as pool:
            return dict(Counter(pool.map(self._once, queue)))

    def _repeated(self, delivery: Delivery, _: int) -> bool:
        return self._once(delivery).startswith("2")

    def _once(self, delivery: Delivery) -> str:
        started = time.monotonic()
        try:
            answer = self.session.post(
                delivery.url,
                data=delivery.body,
                headers=dict(delivery.headers),
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
            word = str(answer.status_code)
        except requests.RequestException as error:
            word = type(error).__name__
        if time.monotonic() - started > sum(TIMEOUT_S):
            word = "too_late"
        self._book.delivery(delivery.topic, word)
        return word


def with_headers(deliveries: Sequence[Delivery], headers: Mapping[str, str]) -> list[Delivery]:
    """The same deliveries with some headers replaced, for tests of what must not be believed."""
    return [replace(d, headers={**d.headers, **headers}) for d in deliveries]
