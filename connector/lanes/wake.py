"""Waking a lane: a job that carries the lane's name and nothing else. Losing one costs at most one sweep."""

from __future__ import annotations

import time

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
