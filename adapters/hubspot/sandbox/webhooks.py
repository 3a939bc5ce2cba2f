"""Signs events as HubSpot does and sends them: gathered across portals, up to 100 to a POST, with repeats.

Version 3 signs METHOD + address + body + time of the request with the app's secret; version 1, which HubSpot still
sends beside it for subscriptions, is a digest of secret and body.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from adapters import stand_in_sender
from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.events import Event
from adapters.stand_in_sender import TIMEOUT_S

MOST = 100
#: HubSpot repeats 10 times over 24 hours; here the same number in seconds.
REPEATS = 10
#: How long events are gathered before they go out together.
GATHER_S = 0.02


@dataclass(frozen=True)
class Address:
    """Where events go, and the secret that signs them. Portals that share it share their POSTs."""

    url: str
    secret: str = field(repr=False)


def encode(events: Sequence[Event]) -> bytes:
    return json.dumps(list(events), ensure_ascii=False, separators=(",", ":")).encode()


def encode_one(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def sign_v1(secret: str, body: bytes) -> str:
    return hashlib.sha256(secret.encode() + body).hexdigest()


def sign_v2(secret: str, method: str, url: str, body: bytes) -> str:
    return hashlib.sha256(secret.encode() + method.encode() + url.encode() + body).hexdigest()


def sign_v3(secret: str, method: str, url: str, body: bytes, stamp: str) -> str:
    text = method.encode() + url.encode() + body + stamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def headers(to: Address, body: bytes) -> dict[str, str]:
    """The headers of one POST of events, dated by the real clock, by which the app judges it."""
    stamp = str(round(time.time() * 1000))
    return {
        "User-Agent": "HubSpot Connect 2.0 (http://dev.hubspot.com/) (namespace: webhooks-nio-http-client)",
        "Content-Type": "application/json",
        "Accept": "*/*",
        "X-HubSpot-Signature": sign_v1(to.secret, body),
        "X-HubSpot-Signature-Version": "v1",
        "X-HubSpot-Request-Timestamp": stamp,
        "X-HubSpot-Signature-v3": sign_v3(to.secret, "POST", to.url, body, stamp),
    }


def parts(events: Sequence[Event], size: int = MOST) -> list[Sequence[Event]]:
    """The POSTs in which events go out."""
    return [events[at : at + size] for at in range(0, len(events), size)]


class Sender(stand_in_sender.Sender):
    """Sends events; every answer is counted in the book."""

    def __init__(self, book: Book) -> None:
        super().__init__("hubspot")
        self._book = book
        self._waiting: dict[Address, list[Event]] = {}

    def later(self, to: Address, events: Sequence[Event]) -> None:
        """Send in the background, repeating until a 2xx or until the repeats are used up."""
        if not to.url or not events:
            return
        with self.idle:
            first = to not in self._waiting
            self._waiting.setdefault(to, []).extend(events)
            if first:
                self.background(self._gather, to)

    def _gather(self, to: Address) -> None:
        self.stopped.wait(GATHER_S)
        with self.idle:
            told = self._waiting.pop(to)
        for post in parts(told):
            self.background(self.insist, partial(self._repeated, to, post), REPEATS)

    def now(
        self, to: Address, events: Sequence[Event], *, size: int, copies: int, shuffle: bool, seed: int,
        more: Mapping[str, str],
    ) -> dict[str, int]:  # fmt: skip
        """Send each event `copies` times, each POST once, and say how often each answer came."""
        queue = [event for event in events for _ in range(copies)]
        if shuffle:
            random.Random(seed).shuffle(queue)
        return dict(Counter(self._once(to, post, more) for post in parts(queue, size)))

    def ask(self, url: str, body: bytes, signed: Mapping[str, str]) -> requests.Response:
        """One POST that is no subscription's, answered raw."""
        return self.session.post(url, data=body, headers=dict(signed), timeout=TIMEOUT_S, allow_redirects=False)

    def _repeated(self, to: Address, post: Sequence[Event], attempt: int) -> bool:
        """The whole POST is repeated, each time with one more in `attemptNumber`."""
        return self._once(to, [{**event, "attemptNumber": attempt} for event in post], {}).startswith("2")

    def _once(self, to: Address, post: Sequence[Event], more: Mapping[str, str]) -> str:
        body = encode(post)
        try:
            word = str(self.ask(to.url, body, {**headers(to, body), **more}).status_code)
        except requests.RequestException as error:
            word = type(error).__name__
        self._book.delivery(word, len(post))
        return word
