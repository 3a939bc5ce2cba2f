"""Windows of calls: a platform that lets in so many calls in any so many seconds is used fully, and never strained.

What a merchant would lose: a campaign's contacts that get their source hours late though the platform had room, or an
app that the platform bars for calling too often.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Thread

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import DequeueTimeout
from rq.serializers import JSONSerializer

from adapters.hubspot.api import BATCH
from adapters.hubspot.sandbox.limits import Limits
from connector.lanes.sweeper import Sweeper
from connector.lanes.wake import QUEUE
from connector.ports.rows import merchant_lane
from connector.wiring import App
from tests.conftest import MakeApp
from tests.hub import PORTAL, Hub
from tests.journey.money import until

#: What the platform lets in, and in how many seconds.
MOST, SECONDS = 11, 10.0
WINDOWS = 5
#: Each hundred of them takes one glance, two full reads, and for their records a read, a write and two looks after it.
FRIENDS = 1000
#: Batches may wait a while for what fills them; in production they wait longer still.
GATHER = {"GATHER_SECONDS": "10"}
WRITES = "POST /crm/objects/2026-09/contacts/batch/update"


@dataclass
class Watched(Limits):
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


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("style", "with_redis"), [("rolling", True), ("fixed", False)])
def test_every_window_is_used_up_and_every_call_is_full(hub: Hub, redis_url: str, style: str, with_redis: bool) -> None:
    """A true minute each: so many windows of ten seconds cannot pass any faster."""
    if with_redis and not redis_url:
        pytest.skip("there is no Redis program here")
    _, code = hub.advocate()
    hub.work()
    friends = _campaign(hub, code)
    watched = Watched(MOST, SECONDS, style)
    with hub.sandbox.world.lock:
        hub.sandbox.world.portals[PORTAL].limits = watched
    before = len(hub.client.book()["inputs"][WRITES])
    with _two_workers(hub, redis_url if with_redis else "") as failed:
        until(lambda: bool(failed) or hub.settled(), "every record to be written", within=240)
    sizes = hub.client.book()["inputs"][WRITES][before:]
    fill = sum(sizes) / (len(sizes) * BATCH)
    told = (
        f"{style}: {len(watched.asked)} calls in {watched.given[-1] - watched.given[0]:.0f} s, {watched.windows} windows"
        f" after the first, {watched.used:.1%} of the allowance used, {watched.throttled:.1%} throttled, writes"
        f" {fill:.1%} full: {sizes}"
    )
    print(told)
    assert all(hub.properties("contacts", each)["referral_stage"] == "pending" for each in (friends[0], friends[-1]))
    assert sum(sizes) == FRIENDS, told
    assert watched.windows >= WINDOWS, told
    assert fill >= 0.95, told
    assert watched.used >= 0.9, told
    assert watched.throttled <= 0.01, told


@contextmanager
def _two_workers(hub: Hub, redis_url: str) -> Iterator[list[BaseException]]:
    """The sweeper, and two workers that take lanes from the queue as it says; without Redis it works them itself.

    Yields what workers failed with.
    """
    stop, failed = Event(), list[BaseException]()
    apps = [hub.another_app(REDIS_URL=redis_url, **GATHER) for _ in range(2 if redis_url else 0)]
    master = hub.another_app(REDIS_URL=redis_url, **GATHER)
    sweeper = Sweeper(master.workshop, master.redis, master.settings.timing.sweep, timedelta(days=30))
    assert sweeper.shop.slots == 2

    def work(app: App) -> None:
        try:
            with Redis.from_url(redis_url) as redis:
                queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
                while not stop.is_set():
                    try:
                        taken = Queue.dequeue_any([queue], 1, connection=redis, serializer=JSONSerializer)
                    except DequeueTimeout:
                        continue
                    if taken:
                        app.workshop.work(*taken[0].args)
                        taken[0].delete()
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    threads = [Thread(target=sweeper.run, daemon=True), *(Thread(target=work, args=[app], daemon=True) for app in apps)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        stop.set()
        sweeper.stopping.set()
        for thread in threads:
            thread.join(60)
    assert not failed, failed


def _campaign(hub: Hub, code: str) -> list[str]:
    """So many contacts come in with a code; all of that was told, and nothing of it was looked at yet."""
    friends = []
    for number in range(FRIENDS):
        properties = {"email": f"friend{number}@example.org", "ref": code}
        friends.append(str(hub.client.control("contacts", properties=properties, send=False)["id"]))
    told = [{"type": "object.creation", "object": {"type": "contacts", "id": each}} for each in friends]
    assert hub.client.control("send", events=told)["answers"] == {"200": FRIENDS // 100}

    def read() -> bool:
        hub.app.workshop.work(merchant_lane(hub.merchant))
        return not hub.totals()["deliveries"].get("received")

    until(read, "every webhook to be read", within=60)
    return friends
