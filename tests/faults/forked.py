"""Workers that are real processes, many of them cheaply: for tests of what they do to one another, and of their death.

    with processes(org, meet, 50) as workers:
        said(workers)                    what each says next
        go_on(workers)                   lets each take its next step
        workers[0].end()                 SIGKILL

All that an app reads at its start is read once, in a process without threads, and then as many are forked from it; each
opens a database connection of its own.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Line
from typing import Protocol
from uuid import UUID

from connector.errors import Throttled, TokenExpired
from connector.journey.accounts import open_account, token_expired
from connector.journey.desk import Lane
from connector.lanes import due
from connector.wiring import App, open_app

#: A process that says nothing for so long is a failure of its own; no test depends on how fast one is.
BOUND_S = 60
#: Nothing runs out while many take their turns on a small machine.
_PATIENT = {"CALL_SECONDS": str(BOUND_S), "QUIET_SECONDS": str(BOUND_S), "LEASE_SECONDS": "120"}
_CLEAN, _FORK = get_context("forkserver"), get_context("fork")
_CLEAN.set_forkserver_preload(["tests.faults.forked"])

Job = Callable[[App, Lane, Line], None]


class Worked(Protocol):
    """A merchant and the connection whose lane is worked."""

    app: App
    merchant: UUID
    connection: UUID


# ── What they do ─────────────────────────────────────────────────────────────────────────────────────────────────


def work(app: App, lane: Lane, line: Line) -> None:
    """Work whatever is due until nothing is."""
    while lanes := due.lanes(app.database):
        for each in lanes:
            app.workshop.work(each.id)


def work_until_killed(app: App, lane: Lane, line: Line) -> None:
    """Work whatever is due, then wait to be killed."""
    work(app, lane, line)
    line.recv()


def meet(app: App, lane: Lane, line: Line) -> None:
    """Step by step: find that the token ended, have it renewed, go on with what is kept then, and work what is due."""
    since = began(app, lane)
    try:
        lane.platform.auth().probe(open_account(app.desk, lane))
    except TokenExpired as error:
        line.send("met")
        line.recv()
        try:
            token_expired(app.desk, lane, error, since)
            line.send("renewed")
        except Throttled:
            line.send("waits")
    line.recv()
    account = open_account(app.desk, lane)
    lane.platform.auth().probe(account)
    line.send(account.token)
    line.recv()
    work(app, lane, line)
    line.send("worked")


def renew(app: App, lane: Lane, line: Line) -> None:
    """Once told to, find that the token ended, and have it renewed; then wait to be killed."""
    line.recv()
    since = began(app, lane)
    try:
        lane.platform.auth().probe(open_account(app.desk, lane))
    except TokenExpired as error:
        line.send("met")
        token_expired(app.desk, lane, error, since)
    line.recv()


def began(app: App, lane: Lane) -> datetime:
    """When the work began, by the database's clock."""
    with app.database.begin(lane.merchant) as tx:
        return tx.now()


# ── How they are made, spoken with and ended ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Worker:
    """One process, and the line to it."""

    pid: int
    line: Line

    def says(self) -> str:
        assert self.line.poll(BOUND_S), "a process says nothing"
        return str(self.line.recv())

    def end(self) -> None:
        """SIGKILL, and gone when this returns: its end of the line is closed then."""
        os.kill(self.pid, signal.SIGKILL)
        with suppress(EOFError, ConnectionResetError):
            while True:
                self.says()


@contextmanager
def processes(org: Worked, job: Job, number: int, platform: str = "salesforce") -> Iterator[list[Worker]]:
    """As many processes that do `job` on the merchant's connection; they end with the block."""
    lines = [_CLEAN.Pipe() for _ in range(number)]
    theirs = [there for _, there in lines]
    told = (job, number, {**org.app.environ, **_PATIENT}, org.merchant, org.connection, platform, theirs)
    parent = _CLEAN.Process(target=_fork, args=told)
    parent.start()
    for there in theirs:
        there.close()
    try:
        yield [Worker(int(Worker(0, here).says()), here) for here, _ in lines]
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid or 0, signal.SIGKILL)
        parent.join()
        for here, _ in lines:
            here.close()


def _fork(
    job: Job,
    number: int,
    environ: Mapping[str, str],
    merchant: UUID,
    connection: UUID,
    platform: str,
    lines: list[Line],
) -> None:
    os.setpgrp()  # so that all of them can be ended at once
    os.environ.update(environ)
    with open_app(environ, pool=1) as app:
        lane = Lane(merchant, connection, app.desk.platforms[platform])
        gc.freeze()  # else each of them goes through all that they share, which costs more than its work
        made = [_FORK.Process(target=_alone, args=(job, app, lane, lines, place)) for place in range(number)]
        for each in made:
            each.start()
        for line in lines:
            line.close()
        for each in made:
            each.join()


def _alone(job: Job, app: App, lane: Lane, lines: list[Line], place: int) -> None:
    for other in (*lines[:place], *lines[place + 1 :]):
        other.close()
    lines[place].send(os.getpid())
    job(app, lane, lines[place])


def said(workers: list[Worker]) -> set[str]:
    """What they say next, each one of them."""
    return {each.says() for each in workers}


def speaking(workers: list[Worker]) -> list[Worker]:
    """Those who have something to say."""
    return [each for each in workers if each.line.poll()]


def go_on(workers: list[Worker]) -> None:
    for each in workers:
        each.line.send(None)
