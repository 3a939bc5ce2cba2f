"""Windows of calls: a platform that lets in so many calls in any so many seconds gets every record told, and each once.

What a merchant would lose: the source of a campaign's contacts, because the platform was busy. How fully its windows
are used is measured by tests/bench/test_allowances.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import DequeueTimeout
from rq.serializers import JSONSerializer

from adapters.hubspot.sandbox.limits import Limits
from connector.lanes.sweeper import Sweeper
from connector.lanes.wake import QUEUE
from connector.ports.rows import merchant_lane
from connector.wiring import App
from tests.conftest import MakeApp
from tests.hub import PORTAL, Hub
from tests.journey.money import until

#: What the platform lets in, and in how many seconds.
MOST, SECONDS = 5, 1.0
WRITES = "POST /crm/objects/2026-09/contacts/batch/update"


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


@pytest.mark.parametrize(("style", "with_redis"), [("rolling", True), ("fixed", False)])
def test_a_campaign_behind_a_narrow_window_is_written_whole_and_once(
    hub: Hub, redis_url: str, style: str, with_redis: bool
) -> None:
    if with_redis and not redis_url:
        pytest.skip("there is no Redis program here")
    friends, before = campaign(hub, 300, Limits(MOST, SECONDS, style))
    with two_workers(hub, redis_url if with_redis else ""):
        until(hub.settled, "every record to be written", within=240)
    sizes = hub.client.book()["inputs"][WRITES][before:]
    assert sum(sizes) == len(friends), sizes
    assert {hub.properties("contacts", each)["referral_stage"] for each in friends[::50]} == {"pending"}


@contextmanager
def two_workers(hub: Hub, redis_url: str, **changes: str) -> Iterator[None]:
    """The sweeper, and two workers that take lanes from the queue as it says; without Redis it works them itself."""
    stop, failed = Event(), list[BaseException]()
    apps = [hub.another_app(REDIS_URL=redis_url, **changes) for _ in range(2 if redis_url else 0)]
    master = hub.another_app(REDIS_URL=redis_url, **changes)
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
        yield
    finally:
        stop.set()
        sweeper.stopping.set()
        for thread in threads:
            thread.join(60)
    assert not failed, failed


def campaign(hub: Hub, friends: int, limits: Limits) -> tuple[list[str], int]:
    """So many contacts come in with a code; all of that was told, nothing was looked at yet, and the limits begin now.

    Returns the contacts, and how many batches were written before.
    """
    _, code = hub.advocate()
    hub.work()
    made = []
    for number in range(friends):
        properties = {"email": f"friend{number}@example.org", "ref": code}
        made.append(str(hub.client.control("contacts", properties=properties, send=False)["id"]))
    told = [{"type": "object.creation", "object": {"type": "contacts", "id": each}} for each in made]
    assert hub.client.control("send", events=told)["answers"] == {"200": friends // 100}

    def read() -> bool:
        hub.app.workshop.work(merchant_lane(hub.merchant))
        return not hub.totals()["deliveries"].get("received")

    until(read, "every webhook to be read", within=240)
    with hub.sandbox.world.lock:
        hub.sandbox.world.portals[PORTAL].limits = limits
    return made, len(hub.client.book()["inputs"][WRITES])
