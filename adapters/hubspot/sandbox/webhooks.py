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
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.events import Event

MOST = 100
TIMEOUT_S = (1.0, 5.0)
#: HubSpot repeats 10 times over 24 hours; here the same number in seconds.
REPEATS = 10
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
BACKGROUND_THREADS = 8
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


class Sender:
    """Sends events; every answer is counted in the book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._pool = ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix="hubspot-webhooks")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", HTTPAdapter(pool_maxsize=64))
        self._stopped = threading.Event()
        self._idle = threading.Condition()
        self._waiting: dict[Address, list[Event]] = {}
        self._open = 0

    def later(self, to: Address, events: Sequence[Event]) -> None:
        """Send in the background, repeating until a 2xx or until the repeats are used up."""
        if not to.url or not events:
            return
        with self._idle:
            first = to not in self._waiting
            self._waiting.setdefault(to, []).extend(events)
            self._open += first
        if first:
            self._pool.submit(self._gather, to).add_done_callback(lambda _: self._ended())

    def _gather(self, to: Address) -> None:
        self._stopped.wait(GATHER_S)
        with self._idle:
            posts = parts(self._waiting.pop(to))
            self._open += len(posts)
        for post in posts:
            self._pool.submit(self._insist, to, post).add_done_callback(lambda _: self._ended())

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
        return self._session.post(url, data=body, headers=dict(signed), timeout=TIMEOUT_S, allow_redirects=False)

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the background; False when the time is up first."""
        with self._idle:
            return self._idle.wait_for(lambda: self._open == 0, timeout_s)

    def stop(self) -> None:
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._session.close()

    def _insist(self, to: Address, post: Sequence[Event]) -> None:
        """The whole POST is repeated, each time with one more in `attemptNumber`."""
        wait = FIRST_WAIT_S
        for attempt in range(1 + REPEATS):
            tried = [{**event, "attemptNumber": attempt} for event in post]
            if self._once(to, tried, {}).startswith("2") or self._stopped.wait(wait):
                return
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _once(self, to: Address, post: Sequence[Event], more: Mapping[str, str]) -> str:
        body = encode(post)
        try:
            word = str(self.ask(to.url, body, {**headers(to, body), **more}).status_code)
        except requests.RequestException as error:
            word = type(error).__name__
        self._book.delivery(word, len(post))
        return word

    def _ended(self) -> None:
        with self._idle:
            self._open -= 1
            self._idle.notify_all()
