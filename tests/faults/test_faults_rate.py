"""C21-C23, C26: the platform's limits are used fully and never strained; who is told to wait waits, and nobody else does.

What a merchant would lose: credits that come hours late though the platform had room, an app that the platform bars for
calling too often, or the credits of one shop because another shop is in trouble.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from adapters.shopify.sandbox.cost import Bucket
from adapters.shopify.sandbox.server import Reply
from connector.errors import Throttled
from connector.journey.accounts import open_account
from connector.journey.desk import Lane
from connector.lanes import due
from connector.wiring import App
from tests.faults.storefront import Storefront
from tests.journey.money import drive, learn, open_books, states, until
from tests.journey.test_money_tokens import ENDED, connected, renewals, tokens
from tests.shop import DOMAIN, Shop

# ── Instruments: what reached the stand-in, and what its own bucket gave ─────────────────────────────────────────


@dataclass(frozen=True)
class Arrival:
    """One call as it reached the stand-in, by the machine's steady clock."""

    at: float
    shop: str
    what: str


@dataclass
class Wire:
    """Notes every call to the stand-in before it is answered."""

    shop: Shop
    arrivals: list[Arrival] = field(default_factory=list)
    #: Answers in the stand-in's place, or None to let it answer.
    instead: Callable[[dict[str, Any]], Reply | None] = lambda _: None

    def __post_init__(self) -> None:
        self.real = self.shop.sandbox.graphql
        self.shop.sandbox.graphql = self.answer  # type: ignore[method-assign]

    def answer(self, domain: str, token: str, raw: bytes, request: str) -> Reply:
        asked = json.loads(raw)
        what = asked["query"].partition("{")[0].split("(")[0].split()[-1]
        self.arrivals.append(Arrival(time.monotonic(), domain, what))
        return self.instead(asked) or self.real(domain, token, raw, request)

    def of(self, domain: str) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.shop == domain]


@dataclass
class Watched(Bucket):
    """The stand-in's bucket, which also writes down what was asked of it and how much of it ran over."""

    spent: float = 0.0
    asked: list[tuple[float, bool]] = field(default_factory=list)
    over: float = 0.0

    def available(self) -> float:
        now = time.monotonic()
        self.over += max(0.0, self.level + (now - self.at) * self.rate - self.maximum)
        return super().available()

    def take(self, points: float) -> bool:
        given = super().take(points)
        if not self.asked:
            self.over = 0.0  # before the first call nothing could be used
        self.asked.append((self.at, given))
        self.spent += points if given else 0
        return given

    def give_back(self, points: float) -> None:
        self.over += max(0.0, self.level + points - self.maximum)
        self.spent -= points
        super().give_back(points)

    @property
    def refused(self) -> float:
        """Share of calls that were answered THROTTLED."""
        return sum(not given for _, given in self.asked) / len(self.asked)

    @property
    def used(self) -> float:
        """Points spent, of all that could have been spent between the first call and the last."""
        first, last = self.asked[0][0], self.asked[-1][0]
        return self.spent / (self.maximum + self.rate * (last - first))


@contextmanager
def workers(shop: Shop, count: int, **changes: str) -> Iterator[list[App]]:
    """As many workers, each with a view of its own of the installation, working whatever is due."""
    apps = [shop.another_app(**changes) for _ in range(count)]
    stop, failed = Event(), list[BaseException]()

    def work(app: App) -> None:
        try:
            while not stop.wait(0.02):
                for lane in due.lanes(app.database):
                    app.workshop.work(lane.id)
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    threads = [Thread(target=work, args=[app], daemon=True) for app in apps]
    with ExitStack() as ending:
        ending.callback(lambda: [thread.join(60) for thread in threads])
        ending.callback(stop.set)
        for thread in threads:
            thread.start()
        yield apps
    assert not failed, failed


def owed(shop: Shop, count: int) -> None:
    """As many rewards that may be paid now, each to another advocate; nothing is paid yet."""
    for number in range(count):
        email = f"advocate{number}@example.com"
        shop.customer(email, earlier_orders=1)
        shop.order(net="80.00", landing_site=shop.landing(shop.enrol(email)))
    until(lambda: learn(shop) or states(shop, "reward").count("approved") == count, "every reward to be approved")


# ── C21 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_allowance_is_used_and_hardly_ever_overdrawn(shop: Shop, redis_url: str) -> None:
    import os
    N = int(os.environ.get("N", 60))
    owed(shop, N)
    if os.environ.get("KNOWN"):
        shop.rows("UPDATE reward SET retry_at = clock_timestamp() + interval '1 h' RETURNING id")
        from connector.journey import effects
        from connector.ports.rows import connection_lane
        with shop.app.database.begin(shop.merchant) as tx:
            from connector.domain.facts import ObjectRef
            for row in shop.rows("SELECT beneficiary_id FROM reward"):
                email = tx.people.email(row["beneficiary_id"])
                tx.people.link(row["beneficiary_id"], shop.connection, ObjectRef("customer", shop.customers[email]))
        shop.rows("UPDATE reward SET retry_at = clock_timestamp() RETURNING id")
    bucket = Watched(maximum=float(os.environ.get("MAX", 100)), rate=float(os.environ.get("RATE", 50)))
    with shop.sandbox.world.lock:
        shop.sandbox.world.shops[DOMAIN].bucket = bucket
    begun = time.monotonic()
    try:
      with workers(shop, 4, **({} if os.environ.get("LOCAL") else {"REDIS_URL": redis_url})):
        until(lambda: len(shop.credits()) == N, "everything to be done", within=60)
    finally:
     print("took", time.monotonic() - begun, "calls", len(bucket.asked), "spent", bucket.spent, "refused", bucket.refused, "used", bucket.used, "over", bucket.over, "left", bucket.level, "paid", len(shop.credits()))
     print(shop.client.book()["sends_without_effect"], shop.client.book()["calls"])
     print("tries", shop.rows("SELECT tries, state, count(*), max(retry_at - clock_timestamp()) FROM reward GROUP BY 1, 2 ORDER BY 1"))
     print("reasons", shop.rows("SELECT state, reason, count(*) FROM attempt GROUP BY 1, 2 ORDER BY 1"))
    assert 0
