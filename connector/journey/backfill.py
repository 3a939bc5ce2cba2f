"""Backfill: orders from before we came, read part by part. It may be stopped at any point and goes on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.errors import ConfigError, Refused, Unavailable, Unknown
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.evidence import readable
from connector.journey.tasks import BACKFILL, FETCH, LOOK, POLL, subject
from connector.ports.history import Backfill, Chapter
from connector.ports.inbound import Sighting
from connector.ports.platform import Capability
from connector.ports.rows import Standing, Task, connection_lane
from connector.ports.store import Tx

#: The one subject of the task: a connection has one history.
ALL = "history"
#: How often a reading that the platform lost begins again before it ends with the reason, and after what pause.
BEGINNINGS, PAUSE = 3, timedelta(seconds=30)
_NO_ANSWER = timedelta(minutes=1)
#: How often an account that does not tell by itself is asked, and how much of what was read is read again.
POLL_EVERY, OVERLAP = timedelta(minutes=1), timedelta(minutes=5)


@dataclass(frozen=True)
class Begun:
    """since: from when on orders are read. remark: why that is later than asked for. new: False where one is under way

    already.
    """

    since: datetime
    remark: str
    new: bool


def begin(desk: Desk, merchant: UUID, connection: UUID, reach: timedelta) -> Begun:
    """Have the last `reach` of a connection's history read. Raises ConfigError where its platform cannot."""
    with desk.store.begin(merchant) as tx:
        held = tx.connections.get(connection)
        platform = desk.platforms[held.platform]
        if Capability.HISTORY not in platform.manifest.capabilities:
            raise ConfigError([f"{platform.manifest.label} cannot tell what happened before it was connected"])
        horizon, remark = platform.history().horizon(held.scopes), ""
        if horizon.longest is not None and reach > horizon.longest:
            reach, remark = horizon.longest, horizon.remedy
        since = tx.now() - reach
        new = tx.backfills.start(connection, since)
        if new:
            tx.tasks.mark(connection_lane(connection), BACKFILL, [ALL])
        else:
            running = tx.backfills.get(connection)
            since = running.since if running else since
    desk.wake(connection_lane(connection))
    return Begun(since, remark, new)


def poll_due(desk: Desk, lane: Lane) -> int:
    """Have what changed since the last reading read; the account does not tell by itself."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, POLL, 1)
        if not tasks:
            return 0
        last = tx.backfills.get(lane.connection)
        # What changed while it was being read may have stood on a page that had been read already.
        since = last.started_at if last else tx.connections.get(lane.connection).installed_at
        if (last is None or last.ended_at) and tx.backfills.start(lane.connection, since - OVERLAP):
            tx.tasks.mark(name, BACKFILL, [ALL])
        tx.tasks.close(tasks)
        tx.tasks.mark(name, POLL, [POLL], after=POLL_EVERY)
    return 1


def backfill_due(desk: Desk, lane: Lane) -> int:
    """Read one part of the history; returns 1 where there was one to read."""
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(connection_lane(lane.connection), BACKFILL, 1)
        reading = tx.backfills.get(lane.connection) if tasks else None
        if tasks and (reading is None or reading.ended_at is not None):
            tx.tasks.close(tasks)
    if not tasks:
        return 0
    if reading is None or reading.ended_at is not None:
        return 1
    task = tasks[0]
    account = open_account(desk, lane)
    try:
        chapter = lane.platform.history().read_history(account, reading.since, reading.place)
    except Refused as error:
        _end(desk, lane, task, error.reason)
    except Unknown as error:
        _begin_again(desk, lane, task, reading, error.reason)
    except Unavailable as error:  # history can wait, and must not make the lane rest that pays
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.later(task, _NO_ANSWER, error.reason)
    else:
        if chapter.lost:
            _begin_again(desk, lane, task, reading, chapter.lost)
        else:
            _keep(desk, lane, task, reading, chapter)
    return 1


def _end(desk: Desk, lane: Lane, task: Task, reason: str) -> None:
    with desk.store.begin(lane.merchant) as tx:
        tx.backfills.end(lane.connection, reason)
        tx.tasks.close([task])


def _begin_again(desk: Desk, lane: Lane, task: Task, reading: Backfill, reason: str) -> None:
    if reading.failures >= BEGINNINGS:
        _end(desk, lane, task, f"given up after {BEGINNINGS + 1} beginnings: {reason}")
        return
    with desk.store.begin(lane.merchant) as tx:
        tx.backfills.begin_again(lane.connection)
        tx.tasks.later(task, PAUSE, reason)


def _keep(desk: Desk, lane: Lane, task: Task, reading: Backfill, chapter: Chapter) -> None:
    """Turn the page and take up what stands on it, in one transaction."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        signed, organic = _sort_out(tx, desk, lane, chapter)
        growing = [subject(each.ref) for each in organic if each.grows]
        organic = [each for each in organic if not each.grows]
        if not tx.backfills.turn(lane.connection, reading, chapter, len(signed)):
            return  # another worker was here; the task stays and goes on from where that one stands
        if signed:
            tx.tasks.mark(name, FETCH, signed)
        if later := [*growing, *(subject(ref) for ref in chapter.unripe)]:
            tx.tasks.mark(name, LOOK, later, after=desk.timing.gather)
        if organic:
            tx.backfills.organic(lane.connection, organic)
        if chapter.done:
            tx.tasks.close([task])
        elif chapter.again_after:
            tx.tasks.later(task, chapter.again_after, "the platform is preparing its history")


def _sort_out(tx: Tx, desk: Desk, lane: Lane, chapter: Chapter) -> tuple[set[str], list[Sighting]]:
    """What bears a known code, or is a referral's already, is read in full; the rest is nobody's."""
    hints = {s.ref: readable(desk.touch_key, tx.merchant, s.hints, s.as_of) for s in chapter.sightings}
    codes = tx.programs.advocates({hint for texts in hints.values() for hint in texts})
    standing = _standing(tx, lane, chapter.sightings)
    signed: set[str] = set()
    organic: list[Sighting] = []
    for sighting in chapter.sightings:
        known = any(hint in codes for hint in hints[sighting.ref])
        if known or standing.get((lane.connection, sighting.ref)) is Standing.REFERRED:
            signed.add(subject(sighting.ref))
        else:
            organic.append(sighting)
    return signed, organic


def _standing(tx: Tx, lane: Lane, sightings: Sequence[Sighting]) -> Mapping[tuple[UUID, ObjectRef], Standing]:
    return tx.truths.standing({(lane.connection, sighting.ref) for sighting in sightings}) if sightings else {}
