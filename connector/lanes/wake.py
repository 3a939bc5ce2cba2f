"""Waking a lane: a job that carries the lane's name and nothing else. Losing one costs at most one sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from redis import Redis, RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from connector.telemetry import warn

QUEUE = "lanes"
JOB = "connector.lanes.jobs.work"
#: RQ's own timeout must never cut a slice: slices end by themselves, and a signal amid a money call helps nobody.
_TIMEOUT_S = 600
_FAILURE_TTL_S = 300
_AWAY_S = 1.0
#: Between two rounds of a process that names the same lanes again and again.
_ROUND_S = 0.02


class Waker:
    """Puts lanes on the one queue. Without Redis it does nothing: the sweeper works due lanes itself."""

    def __init__(self, redis: Redis | None) -> None:
        self.queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer) if redis is not None else None
        self.away_until = 0.0

    def __call__(self, lane: str) -> None:
        if self.queue is None or time.monotonic() < self.away_until:
            return
        try:
            self.queue.enqueue(JOB, lane, job_timeout=_TIMEOUT_S, result_ttl=0, failure_ttl=_FAILURE_TTL_S)
        except RedisError as error:
            self.away_until = time.monotonic() + _AWAY_S  # deliveries must not wait for it one by one
            warn("wake_lost", lane=lane, error=type(error).__name__)


class Soon:
    """Wakes from a thread of its own, each lane once however often it was named meanwhile.

    For who answers a stranger: nobody who sends a delivery waits for Redis, and a hundred of one merchant wake their lane
    as often as it can be worked. What this process takes with it when it dies is found by the sweeper.
    """

    def __init__(self, wake: Callable[[str], None]) -> None:
        self.wake = wake
        self.named: set[str] = set()
        self.guard, self.some = threading.Lock(), threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self, lane: str) -> None:
        with self.guard:
            self.named.add(lane)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name="wake", daemon=True)
                self.thread.start()
        self.some.set()

    def _run(self) -> None:
        while self.some.wait():
            self.some.clear()
            with self.guard:
                named, self.named = self.named, set()
            for lane in named:
                self.wake(lane)
            time.sleep(_ROUND_S)
