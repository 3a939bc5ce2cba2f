"""Digest: what arrived becomes work. No HTTP here; one batch costs a handful of statements."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from connector.domain.facts import ConnectionRemoved, ObjectRef, PersonErased
from connector.errors import ConnectorError
from connector.journey.desk import Desk
from connector.journey.tasks import FETCH, LOOK, subject
from connector.ports.platform import Reading, Sighting
from connector.ports.rows import Delivery, Outcome, Standing, connection_lane
from connector.ports.store import Tx

BATCH = 50


@dataclass(frozen=True)
class _Seen:
    """A sighting and the connection it was made on."""

    connection: UUID
    sighting: Sighting

    @property
    def place(self) -> tuple[UUID, ObjectRef]:
        return self.connection, self.sighting.ref


def digest(desk: Desk, merchant: UUID) -> int:
    """Read one batch of waiting deliveries; returns how many there were."""
    with desk.store.begin(merchant) as tx:
        waiting = tx.deliveries.waiting(BATCH)
        outcomes, seen = [], []
        for delivery in waiting:
            outcome, reading = _read(desk, tx, delivery)
            outcomes.append(outcome)
            seen += [_Seen(delivery.connection, sighting) for sighting in reading.sightings] if reading else []
        lanes = _take_up(desk, tx, seen) if seen else set()
        if outcomes:
            tx.deliveries.finish(outcomes)
    for lane in lanes:
        desk.wake(lane)
    return len(waiting)


def _read(desk: Desk, tx: Tx, delivery: Delivery) -> tuple[Outcome, Reading | None]:
    """What it says. One that cannot be read is parked alone, with the reason, and holds nobody up."""
    try:
        reading = desk.platforms[delivery.platform].inbound.read(delivery.topic, delivery.body, delivery.at)
        if reading.facts:
            with tx.savepoint():
                for fact in reading.facts:
                    _apply(tx, delivery, fact)
    except (ValueError, ConnectorError) as error:
        return Outcome(delivery.id, "unreadable", str(error)[:500], parked=True), None
    return Outcome(delivery.id, reading.outcome, reading.reason), reading


def _apply(tx: Tx, delivery: Delivery, fact: PersonErased | ConnectionRemoved) -> None:
    """Facts that need no further truth from the platform."""
    if isinstance(fact, PersonErased):
        person = tx.people.find(delivery.connection, fact.ref.kind, fact.ref.id)
        if person is not None:
            tx.people.erase(person)
    elif fact.happened_at >= tx.connections.get(delivery.connection).installed_at:
        # One sent before a quick reinstall must not close the new installation.
        tx.connections.close(delivery.connection, "removed", "the merchant removed the app")


def _take_up(desk: Desk, tx: Tx, seen: Collection[_Seen]) -> set[str]:
    """Have the truth read: at once where a referral is in sight, else together with others. Returns lanes to wake."""
    codes = tx.programs.advocates({hint for s in seen for hint in s.sighting.hints})
    standing = tx.truths.standing({s.place for s in seen})
    now, later = defaultdict(set), defaultdict(set)
    for s in seen:
        name, lane = subject(s.sighting.ref), connection_lane(s.connection)
        signed = any(hint in codes for hint in s.sighting.hints)
        if signed and s.sighting.touches:
            tx.truths.note(s.connection, s.sighting.ref, s.sighting.touches)
        if signed or standing.get(s.place) is Standing.REFERRED:
            now[lane].add(name)
        elif s.place not in standing:  # read before without a sign of a referral, and still without one: leave it
            later[lane].add(name)
    for lane, names in now.items():
        tx.tasks.mark(lane, FETCH, names)
    for lane, names in later.items():
        tx.tasks.mark(lane, LOOK, names, after=desk.timing.gather)
    return set(now) | set(later)
