"""The RQ side: one job function, and a worker that waits for Redis rather than dying with it."""

from __future__ import annotations

import signal
import time
from typing import Any

from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from connector import telemetry
from connector.errors import InvariantBroken
from connector.lanes.wake import QUEUE
from connector.lanes.work import Workshop

_shop: Workshop | None = None
_RECONNECT_S = 1.0


class _Worker(SimpleWorker):
    """RQ's worker also returns when it loses Redis or meets an error of its own; this one says if it was asked to."""

    asked_to_stop = False

    def request_stop(self, signum: Any, frame: Any) -> None:
        self.asked_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(lane: str) -> None:
    """The only RQ job: work one slice of the named lane."""
    if _shop is None:
        raise InvariantBroken("a worker took a job before it was set up")
    _shop.work(lane)


def serve(shop: Workshop, redis: Redis) -> None:
    """Take jobs until told to stop. One queue, in this process: leases guard against a crash, not a fork."""
    global _shop  # noqa: PLW0603  (RQ calls jobs by name, so this is the one place to leave what they need)
    _shop = shop
    stopped: list[int] = []
    previous = signal.getsignal(signal.SIGTERM)
    while not stopped:
        for number in (signal.SIGTERM, signal.SIGINT):  # RQ puts its own in their place while it works
            signal.signal(number, lambda received, _frame: stopped.append(received))
        try:
            queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
            worker = _Worker([queue], connection=redis, serializer=JSONSerializer)
            worker.work(logging_level="WARNING", burst=False)
            if worker.asked_to_stop:
                break
        except RedisError as error:
            telemetry.warn("redis_away", error=type(error).__name__)
        time.sleep(_RECONNECT_S)
    signal.signal(signal.SIGTERM, previous)
