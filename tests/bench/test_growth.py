"""What the same work costs when much is stored already: webhooks, one reward, and the sweeper's look at what is due.

What a merchant would lose: an app that gets slower with every month of success. Time is what the database took for its
statements, the median of many; buffers in memory and on the disk are the same server's throughout.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import create_engine

from connector.lanes import due
from tests.bench.purchases import stand, store
from tests.bench.report import Report, most
from tests.shop import DOMAIN, Shop
from tests.statements import Statements, statements

#: Referrals that are stored; each is a purchase with its facts and its paid reward. BENCH_REFERRALS=1000,100000,1000000
#: goes on to a million, which alone takes minutes to store.
SIZES = [int(size) for size in os.environ.get("BENCH_REFERRALS", "1000,100000").split(",")]
WEBHOOKS, REWARDS, SWEEPS = 60, 12, 30
MOST = 1.2
#: Steps that take less than this are not listed.
LISTED_MS = 0.3
ASKED_HERE = ("elsewhere", "due.lanes")


@dataclass(frozen=True)
class Cost:
    """Medians in ms. steps: of one reward."""

    webhook: float
    reward: float
    sweep: float
    steps: dict[str, float]


@pytest.mark.timeout(900)
def test_cost_does_not_grow_with_what_is_stored(shop: Shop, report: Report) -> None:
    links = [_link(shop, number) for number in range(1 + REWARDS * len(SIZES))]
    shop.work()
    _reward(shop, links.pop())  # what is looked up once and kept is not counted
    stored, costs = 0, list[Cost]()
    for size in SIZES:
        begun = time.monotonic()
        store(shop, size - stored, sent=1, first=stored)
        stand(shop)
        _settle(shop)
        stored = size
        print(f"{size} referrals stored in {time.monotonic() - begun:.0f} s")
        costs.append(_cost(shop, [links.pop() for _ in range(REWARDS)]))
    _hand_in(report, costs)


def _hand_in(report: Report, costs: list[Cost]) -> None:
    measures: dict[str, Callable[[Cost], float]] = {
        "a webhook": lambda cost: cost.webhook,
        "a reward": lambda cost: cost.reward,
        "a look at what is due": lambda cost: cost.sweep,
    }
    for name, of in measures.items():
        for size, cost in zip(SIZES[1:], costs[1:], strict=True):
            told = f"{of(cost):.2f} / {of(costs[0]):.2f} ms"
            figure = f"cost growth, {name}: {size:,} referrals stored / {SIZES[0]:,}"
            report.add(most(figure, MOST, of(cost) / of(costs[0]), told))
    steps = sorted(costs[0].steps, key=lambda step: -costs[-1].steps.get(step, 0))
    rows = [
        (s, *(f"{cost.steps.get(s, 0):.2f}" for cost in costs)) for s in steps if costs[-1].steps.get(s, 0) > LISTED_MS
    ]
    report.explain("Database ms of one reward by step and referrals stored", ("step", *(f"{s:,}" for s in SIZES)), rows)


def _settle(shop: Shop) -> None:
    """Statistics and visibility as autovacuum would have left them, so that it does not run meanwhile."""
    engine = create_engine(shop.app.settings.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as session:
        session.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()


def _cost(shop: Shop, links: list[str]) -> Cost:
    webhooks, sweeps = list[float](), list[float]()
    friend = shop.customer(f"stranger{len(shop.customers)}@example.org")
    for _ in range(WEBHOOKS):
        order = shop.client.control("orders", shop=DOMAIN, customer=friend, net="9.00", send=False)["id"]
        with statements(shop.app) as asked:
            shop.deliver(order, "orders/create")
        webhooks.append(asked.ms())
    shop.work()
    rewards = [_reward(shop, link) for link in links]
    for _ in range(SWEEPS):
        with statements(shop.app) as asked:
            due.lanes(shop.app.database)
        sweeps.append(asked.ms())
    by_step = [_by_step(reward) for reward in rewards]
    steps = {s: statistics.median(each.get(s, 0.0) for each in by_step) for s in {s for each in by_step for s in each}}
    totals = [sum(each.values()) for each in by_step]
    return Cost(statistics.median(webhooks), statistics.median(totals), statistics.median(sweeps), steps)


def _link(shop: Shop, number: int) -> str:
    email = f"advocate{number}@example.com"
    shop.customer(email, earlier_orders=1)
    return shop.landing(shop.enrol(email))


def _reward(shop: Shop, link: str) -> Statements:
    """All that the product asks from the webhooks of one order to its end."""
    with statements(shop.app) as asked:
        shop.order(net="80.00", landing_site=link)
        shop.work()
    return asked


def _by_step(asked: Statements) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for each in asked.asked:
        if each.step not in ASKED_HERE:
            spent[each.step] += each.ms
    return spent
