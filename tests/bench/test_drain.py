"""R8: a backlog is gone as soon as it can be: more workers drain it faster, and an outage costs no more than itself.

What a merchant would lose: hours after a busy day, or after their platform's bad one, in which nobody is paid.
"""

from __future__ import annotations

import statistics
import time

import pytest

from tests.bench.purchase_times import Buyers, rate
from tests.bench.report import Report, least, most
from tests.bench.test_allowances import WatchedBucket
from tests.faults.conftest import MakePlant
from tests.faults.test_faults_rate import bucket, owed, rest, workers
from tests.journey.money import until
from tests.shop import Shop

LANES, EACH, LATENCY_S = 16, 6, 0.05
MANY, PAIRS = 4, 2
#: After the outage: a bucket that fills so slowly that all wait for the platform and not for this machine.
REWARDS, POINTS, PER_SECOND = 60, 100, 15


@pytest.mark.timeout(300)
def test_four_workers_drain_faster_than_one(make_plant: MakePlant, report: Report) -> None:
    plant = make_plant()
    shops = [plant.open_shop(f"shop{number}") for number in range(LANES)]
    buyers = [Buyers.enrolled(plant, shop, EACH) for shop in shops]
    for shop in shops:
        shop.fault("slow", "*", delay_s=LATENCY_S, when="before")
    plant.start("web")

    def drained(count: int) -> float:
        """Rewards a second by so many workers, which find all of the backlog when they start."""
        sent = [(each, each.send(each.orders(EACH))) for each in buyers]
        own = [plant.start("sweeper", WORKER_SLOTS=str(count)), *(plant.start("worker") for _ in range(count))]
        for each, rewards in sent:
            each.until_paid(set(rewards), within=120)
        for child in own:
            child.kill()
            plant.children.remove(child)
        return rate([each.paid()[reward] for each, rewards in sent for reward in rewards])

    pairs = [(drained(1), drained(MANY)) for _ in range(PAIRS)]
    one, many = (statistics.median(column) for column in zip(*pairs, strict=True))
    faster = statistics.median(more / less for less, more in pairs)
    told = f"{many:.1f} / {one:.1f} rewards a second, {LANES} shops"
    report.add(least(f"R8 drain rate of {MANY} workers / of 1", 3.2, faster, told))


@pytest.mark.timeout(300)
def test_an_outage_costs_little_more_than_itself(shop: Shop, redis_url: str, report: Report) -> None:
    """The best there can be: from the moment the platform is back, its allowance is used up until all is paid."""
    if not redis_url:
        pytest.skip("there is no Redis program here")
    owed(shop, REWARDS)
    shop.fault("5xx_before", "*", count=None)
    watched = WatchedBucket(maximum=POINTS, rate=PER_SECOND)
    with workers(shop, 2, REDIS_URL=redis_url):
        until(lambda: rest(shop)["failures"] >= 3, "the platform to be found away three times", within=60)
        bucket(shop, watched)
        shop.client.control("faults", verb="DELETE")
        begun = time.monotonic()
        until(lambda: len(shop.credits()) == REWARDS, "every reward to be paid", within=240)
        took = time.monotonic() - begun
    ideal = (watched.spent - watched.maximum) / watched.rate
    told = f"{took:.1f} / {ideal:.1f} s for {REWARDS} rewards"
    report.add(most("R8 drain time after an outage / the least that the allowance permits", 1.25, took / ideal, told))
