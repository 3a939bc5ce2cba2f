"""A process for each job, as RQ does it by itself, against the product's worker: what a job costs that does next to nothing."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from redis import Redis
from rq import Queue, Worker
from rq.serializers import JSONSerializer
from sqlalchemy import text

from connector.lanes import jobs
from tests.bench.report import Report, plain
from tests.conftest import MakeApp

JOBS = 200
QUEUE = "bench"
_NAME = "tests.bench.test_jobs.ask_database"


def ask_database() -> None:
    """The job: which session of the database it has, told with the process that asked."""
    assert jobs._shop is not None
    with jobs._shop.lanes.database.engine.connect() as session:
        backend = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    connection = jobs._shop.desk.wake.queue.connection  # type: ignore[attr-defined]
    connection.sadd("bench:sessions", backend)
    connection.sadd("bench:processes", os.getpid())


@pytest.mark.timeout(240)
def test_a_job_in_a_process_of_its_own_against_one_in_the_worker(
    make_app: MakeApp, redis_url: str, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not redis_url:
        pytest.skip("there is no Redis program here")
    app = make_app(REDIS_URL=redis_url)
    monkeypatch.setattr(jobs, "_shop", app.workshop)
    with Redis.from_url(redis_url) as redis:
        _work(redis, jobs._Worker, 10)  # warms up and is not counted
        app.database.engine.dispose()  # nothing is open that a fork could share
        forked, fork_sessions = _work(redis, Worker, JOBS)
        own, own_sessions = _work(redis, jobs._Worker, JOBS)
    report.add(
        plain(f"jobs: {JOBS} in a process each, and within the worker", f"{forked:.1f} and {own:.1f} ms per job"),
        plain(f"jobs: database sessions of those {JOBS}", f"{fork_sessions} and {own_sessions}"),
    )


def _work(redis: Redis, kind: type[Any], number: int) -> tuple[float, int]:
    """ms per job, and how many sessions they had between them."""
    redis.delete("bench:sessions", "bench:processes")
    queue = Queue(QUEUE, connection=redis, serializer=JSONSerializer)
    for _ in range(number):
        queue.enqueue(_NAME, result_ttl=0)
    worker = kind([queue], connection=redis, serializer=JSONSerializer)
    begun = time.monotonic()
    worker.work(burst=True, logging_level="ERROR")
    took = (time.monotonic() - begun) * 1000 / number
    processes = redis.scard("bench:processes")
    assert processes == (1 if kind is jobs._Worker else number), processes
    return took, int(redis.scard("bench:sessions"))
