"""The sweeper: finds lanes with due work and wakes them. Nothing depends on any other wake-up arriving.

When Redis is away it works the lanes itself, in a pool as large as the workers', through the very same function.
One sweeper is active at a time, by a lease; a second one stands by.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from redis import Redis, RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from connector import telemetry
from connector.lanes import due
from connector.lanes.work import Workshop
from connector.store import retention

#: Lanes woken ahead of each worker: enough to keep it busy for a sweep, few enough that the queue stays short.
AHEAD = 8
#: Between two sweeps, even where some lane may go on any moment.
SHORTEST_S = 0.1
_PURGE_EVERY_S = 3600.0


@dataclass
class Sweeper:
    """Sweeps every `every` until stopped. keep: how long raw deliveries are kept."""

    shop: Workshop
    redis: Redis | None
    every: timedelta
    keep: timedelta
    name: str = field(default_factory=lambda: uuid4().hex)
    stopping: threading.Event = field(default_factory=threading.Event)
    running: dict[str, Future[None]] = field(default_factory=dict)

    def run(self) -> None:
        """Sweep until `stopping` is set. A database that is away is waited for."""
        purged_at = float("-inf")
        with ThreadPoolExecutor(self.shop.slots) as pool:
            while not self.stopping.is_set():
                pause = self.every.total_seconds()
                try:
                    if self._active():
                        self.sweep(pool)
                        pause = self._pause()
                        if time.monotonic() - purged_at >= _PURGE_EVERY_S:
                            retention.purge(self.shop.lanes.database, self.keep)
                            purged_at = time.monotonic()
                except SQLAlchemyError as error:
                    telemetry.warn("sweep_failed", error=type(error).__name__)
                self.stopping.wait(pause)

    def _active(self) -> bool:
        """Take or keep the sweeper's own lease."""
        with self.shop.lanes.database.switchboard() as session:
            return bool(
                session.execute(
                    text(
                        """UPDATE sweep SET owner = :name, expires_at = clock_timestamp() + :lease
                           WHERE owner = :name OR owner IS NULL OR expires_at < clock_timestamp()"""
                    ),
                    {"name": self.name, "lease": self.every * 3},
                ).rowcount
            )

    def _pause(self) -> float:
        """Until the next sweep, or until a lane has rested as long as its platform asked it to: no longer than needed."""
        if self.running:
            return SHORTEST_S  # nobody else works here: what is due meanwhile goes on at once
        rested = due.soonest(self.shop.lanes.database)
        every = self.every.total_seconds()
        return every if rested is None else min(every, max(rested, SHORTEST_S))

    def sweep(self, pool: ThreadPoolExecutor) -> int:
        """Wake every due lane, or work it here when nobody can be woken; returns how many were due."""
        waiting = due.lanes(self.shop.lanes.database)
        queued = self._queued()
        if queued is None:
            self._work_here(pool, [lane.id for lane in waiting])
        else:
            for lane in waiting[: max(0, AHEAD * self.shop.slots - queued)]:
                self.shop.desk.wake(lane.id)
        return len(waiting)

    def _work_here(self, pool: ThreadPoolExecutor, waiting: Sequence[str]) -> None:
        """Work lanes in this process; returns when the first is through, so that none waits for the longest slice."""
        self.running = {lane: slice_ for lane, slice_ in self.running.items() if not slice_.done()}
        for lane in waiting:
            if lane not in self.running and len(self.running) < self.shop.slots:
                self.running[lane] = pool.submit(self._work, lane)
        if self.running:
            wait(self.running.values(), self.every.total_seconds(), FIRST_COMPLETED)

    def _queued(self) -> int | None:
        """How many wake-ups are waiting for a worker; None when Redis is away."""
        if self.redis is None:
            return None
        try:
            return int(self.redis.llen("rq:queue:lanes"))
        except RedisError:
            return None

    def _work(self, lane: str) -> None:
        try:
            self.shop.work(lane)
        except Exception as error:  # noqa: BLE001  (a lane's failure is its own; the others must be worked)
            telemetry.warn("slice_crashed", lane=lane, error=f"{type(error).__name__}: {error}"[:300])
