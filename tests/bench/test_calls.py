"""R2: how often a platform is called so that a reward is paid, beside the fewest calls that can do it.

A merchant's daily calls are shared with all their other apps. The fewest: each reward is sent once, once more where a fault
kept it from having an effect, and what is unknown is read once. One call in each run has no effect, and one has an
effect and no answer. What is read and written for more than money leaves in batches and is told without a goal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import partial
from typing import Any

import pytest

from adapters.salesforce.sandbox.answers import Reply
from tests.bench.report import Figure, Report, plain
from tests.conftest import MakeApp
from tests.hub import Hub
from tests.orgs import Org
from tests.shop import Shop

REWARDS = 10
#: Of each run: sent in vain, and answers lost (a call that was cut before its effect is not known to be without one).
IN_VAIN, UNKNOWN = 1, 2
#: From one advocate to the credit that a friend's purchase brought them.
Buy = Callable[[], None]


@dataclass(frozen=True)
class Payer:
    """A platform with as many friends about to buy. sends, reads: of the calls since then, those that pay or read back."""

    world: Any
    buy: Buy
    faults: list[dict[str, Any]]
    paid: Callable[[], int]
    sends: Callable[[Counter[str]], int]
    reads: Callable[[Counter[str]], int] | None = None


@contextmanager
def shopify(make_app: MakeApp) -> Iterator[Payer]:
    with Shop(make_app) as shop:
        emails = [f"advocate{number}@example.com" for number in range(REWARDS)]
        for email in emails:
            shop.customer(email, earlier_orders=1)
        links = [shop.landing(shop.enrol(email)) for email in emails]
        shop.work()

        def buy() -> None:
            for link in links:
                shop.order(net="80.00", landing_site=link)

        buy()
        shop.work()  # an account that holds nothing yet would take one call less to read
        before, pays = len(shop.credits()), "storeCreditAccountCredit"
        yield Payer(
            shop,
            buy,
            [{"fault": fault, "operation": pays} for fault in ("5xx_before", "cut_after")],
            lambda: len(shop.credits()) - before,
            lambda calls: calls[pays],
            lambda calls: calls["customer"] + calls["storeCreditAccount"],
        )


@contextmanager
def hubspot(make_app: MakeApp) -> Iterator[Payer]:
    with Hub(make_app) as hub:
        advocates = [hub.advocate(f"advocate{number}@example.com") for number in range(REWARDS)]
        friends = [hub.form(f"friend{number}@example.org", ref=code) for number, (_, code) in enumerate(advocates)]
        hub.work()
        deals = [hub.deal(friend) for friend in friends]
        hub.work()

        def buy() -> None:
            for deal in deals:
                hub.win(deal)

        faults = [{"fault": fault, "path": "PATCH .*/contacts/"} for fault in ("cut_before", "cut_after")]
        pays = "PATCH /crm/objects/2026-09/contacts/{id}"
        yield Payer(hub, buy, faults, lambda: len(hub.moved()), lambda calls: calls[pays])


@contextmanager
def salesforce(make_app: MakeApp) -> Iterator[Payer]:
    with Org(make_app) as org:
        advocates = [org.advocate(f"advocate{number}@example.com") for number in range(REWARDS)]
        leads = [org.lead(f"f{n}@example.org", Referral_Code__c=code) for n, (_, code) in enumerate(advocates)]
        org.work()
        deals = [org.convert(lead, "Tea for all")["opportunity"] for lead in leads]
        for deal in deals:
            org.save(deal, Amount="800.00")
        org.work()

        def buy() -> None:
            for deal in deals:
                org.win(deal)

        sends, real = list[str](), org.sandbox.answer

        def answer(method: str, target: str, headers: Message[str, str], raw: bytes) -> Reply:
            if b'"Kind__c": "Credit"' in raw:  # what is promised is told in the same records, in batches and without it
                sends.append(target)
            return real(method, target, headers, raw)

        org.sandbox.answer = answer  # type: ignore[method-assign]
        faults = [{"fault": fault, "path": "PATCH .*Referral_Credit__c"} for fault in ("cut_before", "cut_after")]
        paid = partial(map, org.credits, [owner for owner, _ in advocates])
        yield Payer(org, buy, faults, lambda: sum(map(len, paid())), lambda _: len(sends))


PLATFORMS = {"Shopify": shopify, "HubSpot": hubspot, "Salesforce": salesforce}


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_reward_is_sent_no_more_often_than_it_must_be(name: str, make_app: MakeApp, report: Report) -> None:
    with PLATFORMS[name](make_app) as payer:
        world = payer.world
        before = Counter(world.client.book()["calls"])
        for fault in payer.faults:
            world.client.control("faults", **fault, count=1)
        payer.buy()
        world.work()
        calls = Counter(world.client.book()["calls"]) - before
        assert payer.paid() == REWARDS and set(world.stages()) == {"rewarded"}
        report.add(
            _equal(f"R2 calls that pay {REWARDS} rewards, 1 in vain: {name}", REWARDS + IN_VAIN, payer.sends(calls))
        )
        if payer.reads:
            report.add(_equal(f"R2 calls that read 2 unknown answers: {name}", UNKNOWN, payer.reads(calls)))
    report.add(plain(f"R2 calls per reward, all of them: {name}", f"{calls.total() / REWARDS:.2f}"))


def _equal(name: str, fewest: int, measured: int) -> Figure:
    return Figure(name, f"= {fewest}", str(measured), measured == fewest, counted=True)
