"""How fully a platform's allowance is used: its windows, its bucket, and the room in each call.

What a merchant would lose: credits and sources that come hours late though the platform had room. Each takes true
minutes, for neither a bucket fills nor a window passes any faster; only ratios are quoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from adapters.hubspot.api import BATCH
from adapters.hubspot.sandbox.limits import Limits
from adapters.shopify.sandbox.cost import Bucket
from tests.bench.report import Report, least, most
from tests.conftest import MakeApp
from tests.faults.test_faults_rate import bucket, owed, workers
from tests.faults.test_faults_windows import WRITES, campaign, two_workers
from tests.hub import Hub
from tests.journey.money import until
from tests.shop import Shop

#: What the platform lets in, and in how many seconds.
MOST, SECONDS = 11, 10.0
WINDOWS = 5
#: Each hundred of them takes one glance, two full reads, and for their records a read, a write and two looks after it.
FRIENDS = 1000
#: Batches may wait a while for what fills them; in production they wait longer still.
GATHER_S = "10"
#: Enough for five times what the platform's bucket holds, and for one in a hundred calls to be a call.
REWARDS = 60


@dataclass
class WatchedWindow(Limits):
    """The stand-in's own limit, which also writes down when it was asked, and what it said. Searches have another."""

    asked: list[tuple[float, bool]] = field(default_factory=list)

    def take(self, ticks: float, *, search: bool) -> str:
        refused = super().take(ticks, search=search)
        if not search:
            self.asked.append((ticks, not refused))
        return refused

    @property
    def given(self) -> list[float]:
        return [at for at, let_in in self.asked if let_in]

    @property
    def throttled(self) -> float:
        """Share of calls that were answered 429."""
        return 1 - len(self.given) / len(self.asked)

    @property
    def windows(self) -> int:
        """How many windows were used up after the first one, which calls from before the test had begun to fill."""
        return (len(self.given) - 1) // self.most - 1

    @property
    def used(self) -> float:
        """Share of the allowance that was used: how long so many windows had to take, of how long they took."""
        first, last = self.given[self.most], self.given[(1 + self.windows) * self.most]
        return self.windows * self.seconds / (last - first)


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("style", "with_redis"), [("rolling", True), ("fixed", False)])
def test_every_window_is_used_up_and_every_call_is_full(
    hub: Hub, redis_url: str, report: Report, style: str, with_redis: bool
) -> None:
    if with_redis and not redis_url:
        pytest.skip("there is no Redis program here")
    watched = WatchedWindow(MOST, SECONDS, style)
    _, before = campaign(hub, FRIENDS, watched)
    with two_workers(hub, redis_url if with_redis else "", GATHER_SECONDS=GATHER_S):
        until(hub.settled, "every record to be written", within=240)
    sizes = hub.client.book()["inputs"][WRITES][before:]
    fill = sum(sizes) / (len(sizes) * BATCH)
    assert sum(sizes) == FRIENDS and watched.windows >= WINDOWS, sizes
    seconds = watched.given[-1] - watched.given[0]
    told = f"{len(watched.asked)} calls in {seconds:.0f} s, {watched.windows} windows after the first"
    report.add(
        least(f"R6 share of a {style} window that is used", 0.9, watched.used, told),
        most(f"R6 share of calls that a {style} window refuses", 0.01, watched.throttled),
        least(f"records per call / what a call holds: HubSpot, {style} window", 0.95, fill, counted=True),
    )


@dataclass
class WatchedBucket(Bucket):
    """The stand-in's bucket, which also writes down when it was asked, and what for."""

    spent: float = 0.0
    asked: list[tuple[float, bool]] = field(default_factory=list)

    def take(self, points: float) -> bool:
        if points > self.maximum:
            return False  # records are read in batches that only a real shop's bucket can hold
        given = super().take(points)
        self.asked.append((self.at, given))
        self.spent += points if given else 0
        return given

    def give_back(self, points: float) -> None:
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


def test_the_allowance_is_used_up_and_hardly_ever_overdrawn(shop: Shop, redis_url: str, report: Report) -> None:
    """So little is granted, less than three rewards a second, that all wait for the platform and not for this machine."""
    if not redis_url:
        pytest.skip("there is no Redis program here")
    owed(shop, REWARDS)
    watched = WatchedBucket(maximum=100, rate=30)
    bucket(shop, watched)
    with workers(shop, 4, REDIS_URL=redis_url):
        until(lambda: len(shop.credits()) == REWARDS, "every reward to be paid", within=240)
        asked, spent, refused, used = len(watched.asked), watched.spent, watched.refused, watched.used
    assert spent >= 5 * watched.maximum, f"{asked} calls, {spent:.0f} points"
    report.add(
        least("R6 share of a bucket's points that is used", 0.9, used, f"{asked} calls, {spent:.0f} points"),
        most("R6 share of calls that a bucket refuses", 0.01, refused),
    )
