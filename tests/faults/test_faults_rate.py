"""C21-C23, C26: a platform's limits are never strained; who is told to wait waits, and nobody else does.

What a merchant would lose: credits that come hours late though the platform had room, an app that the platform bars for
calling too often, or the credits of one shop because another shop is in trouble.
How fully limits are used is measured by tests/bench/test_allowances.py.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Barrier, Event, Thread
from typing import Any

import pytest

from adapters.shopify.sandbox.cost import Bucket
from adapters.shopify.sandbox.server import Reply
from connector.errors import Throttled
from connector.journey.accounts import open_account
from connector.journey.desk import Lane
from connector.lanes import due
from connector.ports.rows import connection_lane
from connector.wiring import App
from tests.faults.storefront import Storefront
from tests.journey.money import drive, hurry, learn, open_books, states, until
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
        named = re.search(r"^(?:query|mutation) (\w+)", asked["query"], re.MULTILINE)
        self.arrivals.append(Arrival(time.monotonic(), domain, named[1] if named else ""))
        return self.instead(asked) or self.real(domain, token, raw, request)

    def of(self, domain: str) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.shop == domain]


@contextmanager
def workers(shop: Shop, count: int, **changes: str) -> Iterator[None]:
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
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not failed, failed


def bucket(shop: Shop, made: Bucket) -> None:
    """What the platform grants this shop from now on."""
    with shop.sandbox.world.lock:
        shop.sandbox.world.shops[DOMAIN].bucket = made


def owed(shop: Shop, advocates: int, each: int = 1) -> list[str]:
    """As many rewards to each of so many advocates that may be paid now, and are not yet; returns the customers."""
    bucket(shop, Bucket(maximum=1e6))
    emails = [f"advocate{number}@example.com" for number in range(advocates)]
    for email in emails:
        shop.customer(email, earlier_orders=1)
        link = shop.landing(shop.enrol(email))
        for _ in range(each):
            shop.order(net="80.00", landing_site=link)

    def approved() -> bool:
        learn(shop)
        return states(shop, "reward").count("approved") == advocates * each

    until(approved, "every reward to be approved", 60)
    bucket(shop, Bucket())
    return [shop.customers[email] for email in emails]


def rest(shop: Shop) -> dict[str, Any]:
    """Until when the connection's calls rest, in seconds since 1970, and how often they found the platform away."""
    name = connection_lane(shop.connection)
    [row] = shop.rows(
        "SELECT extract(epoch FROM not_before)::float8 AS until, failures FROM lane WHERE id = :lane", lane=name
    )
    return row


# ── C21 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reward_that_only_waited_for_the_platform_is_paid_as_soon_as_it_may(shop: Shop) -> None:
    """However often: a busy day must not push a credit to tomorrow."""
    owed(shop, 1)
    shop.fault("throttled", count=4)
    for _ in range(4):
        hurry(shop)
        shop.app.workshop.work(connection_lane(shop.connection))
        [reward] = shop.rows("SELECT state, extract(epoch FROM retry_at)::float8 AS due FROM reward")
        assert reward["state"] == "approved" and shop.credits() == []
        assert reward["due"] <= rest(shop)["until"], "the reward rests for longer than its lane"


# ── C22 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WAIT_S = 3.0
#: Shop and this machine count the same seconds, and databases round them.
GRAIN_S = 0.01


def too_many_requests(shop: Shop, wire: Wire) -> None:
    """The next credit is answered 429 with Retry-After."""
    shop.fault("status", retry_after=WAIT_S)


def used_up(shop: Shop, wire: Wire) -> None:
    """The next credit finds a bucket that holds enough for it after WAIT_S; by the one after it, time has filled it."""
    left = [Bucket(maximum=1000, rate=3, level=10 - 3 * WAIT_S), Bucket()]

    def meet(asked: dict[str, Any]) -> None:
        if "storeCreditAccountCredit(" in asked["query"] and left:
            bucket(shop, replace(left.pop(0), at=time.monotonic()))

    wire.instead = meet


@pytest.mark.parametrize("limit", [too_many_requests, used_up])
def test_who_was_told_to_wait_does_not_call_before_its_time(shop: Shop, limit: Callable[[Shop, Wire], None]) -> None:
    """A platform bars who will not listen, and then nobody at all is paid."""
    owed(shop, 1, each=3)  # one account, so one call at a time
    wire = Wire(shop)
    limit(shop, wire)
    with workers(shop, 2):
        until(lambda: len(shop.credits()) == 3, "every reward to be paid", within=240)
    calls = wire.of(DOMAIN)
    told = next(place for place, call in enumerate(calls) if call.what == "Credit")
    assert len(calls) > told + 3, "one was refused, and three were paid"
    assert calls[told + 1].at - calls[told].at >= WAIT_S - GRAIN_S


def test_a_shop_that_must_wait_keeps_no_other_shop_waiting(shop: Shop) -> None:
    """The neighbour's customers would wait for their credits because of a shop that they never heard of."""
    owed(shop, 3)
    wire = Wire(shop)
    shop.fault("status", "*", retry_after=60, count=None)
    neighbour = Storefront(shop.app, shop.client, "bens-coffee.myshopify.com", 10)
    codes = [neighbour.enrol(f"regular{number}@example.com") for number in range(5)]
    with workers(shop, 2):
        until(lambda: bool(wire.of(DOMAIN)), "the first shop to be told to wait")
        told = len(wire.of(DOMAIN))
        for code in codes:
            for headers, body in neighbour.order(code):
                assert shop.web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
        until(lambda: neighbour.credits() == [800] * 5, "the neighbour's rewards to be paid", within=240)
    assert len(wire.of(DOMAIN)) == told == 1


def test_the_longest_wait_that_was_asked_for_counts(shop: Shop) -> None:
    """Calls under way together may be told different things; the platform bars who hears only the shortest."""
    customers = owed(shop, 2)
    wire = Wire(shop)
    for longest in customers:
        wire.instead = partial(told_to_wait, longest)
        hurry(shop)
        begun = time.time()
        shop.app.workshop.work(connection_lane(shop.connection))
        assert [call.what for call in wire.of(DOMAIN)][-2:] == ["Credit", "Credit"]
        assert rest(shop)["until"] - begun >= WAIT_S - GRAIN_S


def told_to_wait(longest: str, asked: dict[str, Any]) -> Reply | None:
    if "storeCreditAccountCredit(" not in asked["query"]:
        return None
    wait = WAIT_S if asked["variables"]["id"] == longest else 1.0
    return Reply(429, b'{"errors": "Too many requests"}', headers={"Retry-After": f"{wait:.1f}"})


# ── C23 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

OUTAGES = {
    "nothing is carried out": {"*": "5xx_before"},
    "all is carried out, and no answer says so": {
        "storeCreditAccountCredit": "5xx_after",
        "CreditAccounts": "5xx_before",
    },
}


@pytest.mark.parametrize("outage", OUTAGES)
def test_a_shop_that_is_down_is_hardly_called_and_everybody_is_paid_once_when_it_is_back(
    shop: Shop, outage: str
) -> None:
    """Credits paid twice or never, or an app that hammers a platform in its worst hour."""
    accounts = 8
    owed(shop, accounts)
    wire = Wire(shop)
    for operation, fault in OUTAGES[outage].items():
        shop.fault(fault, operation, count=None)
    with workers(shop, 2):
        until(
            lambda: rest(shop)["failures"] >= 2 or len(wire.arrivals) > 100,
            "the platform to be found away twice",
            within=240,
        )
    calls, vain = Counter(call.what for call in wire.of(DOMAIN)), shop.client.book()["sends_without_effect"]
    # A credit whose answer is lost is asked for once; any other call in vain ends the slice, and the lane rests.
    assert calls["Credit"] <= accounts, calls
    assert sum(times for told, times in vain.items() if told.endswith(" 5xx_before")) <= rest(shop)["failures"], vain
    shop.client.control("faults", verb="DELETE")
    drive(shop, within=240)
    assert shop.credits() == [800] * accounts
    assert shop.client.book()["calls"]["storeCreditAccountCredit"] == accounts
    assert states(shop, "reward") == ["issued"] * accounts
    assert open_books(shop) == {"cost": 800 * accounts, "issued": -800 * accounts}


# ── C26 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_twenty_workers_that_meet_an_expired_token_renew_it_once(shop: Shop) -> None:
    """Renewed twice, the second pair would end the first, and the merchant would have to connect the shop again."""
    connected(shop, tokens(shop).refresh, ENDED)
    shop.fault("slow", "access_token", delay_s=0.5, when="before")
    start, got, failed = Barrier(20), list[str](), list[BaseException]()

    def work(app: App) -> None:
        lane = Lane(shop.merchant, shop.connection, app.desk.platforms["shopify"])
        start.wait(30)
        try:
            until(lambda: opened(app, lane), "the token to be renewed")
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    def opened(app: App, lane: Lane) -> bool:
        try:
            got.append(open_account(app.desk, lane).token)
        except Throttled:
            return False
        return True

    threads = [Thread(target=work, args=[app], daemon=True) for app in [shop.another_app() for _ in range(5)] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed
    assert renewals(shop) == 1
    assert len(got) == 20 and set(got) == {tokens(shop).newest}
