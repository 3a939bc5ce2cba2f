"""Digest: what arrived becomes work. No HTTP here; one batch costs a handful of statements."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.errors import ConnectorError
from connector.journey.desk import Desk
from connector.journey.enrol import wants_buyers
from connector.journey.evidence import readable
from connector.journey.tasks import FETCH, LOOK, subject
from connector.journey.told import take_in
from connector.ports.inbound import Reading, Sighting
from connector.ports.platform import Seen
from connector.ports.receipts import Heard
from connector.ports.rows import Delivery, Outcome, Standing, connection_lane
from connector.ports.store import Tx

BATCH = 50


@dataclass(frozen=True)
class _Seen:
    """A sighting, the delivery that it came by, and keyed hashes of whom and what that one names."""

    connection: UUID
    sighting: Sighting
    delivery: Delivery
    names: frozenset[bytes]

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
            names = frozenset(outcome.names)
            seen += [_Seen(delivery.connection, each, delivery, names) for each in reading.sightings] if reading else []
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
                    take_in(tx, delivery.connection, fact, reading.people)
    except (ValueError, ConnectorError) as error:
        return Outcome(delivery.id, "unreadable", str(error)[:500], parked=True), None
    # An object is named too: once its buyer is forgotten, no late word about it may bring them back.
    things = [Seen(sighting.ref.kind, sighting.ref.id) for sighting in reading.sightings]
    names = tx.people.names(delivery.connection, [*reading.people, *things])
    return Outcome(delivery.id, reading.outcome, reading.reason, names=names), reading


def _take_up(desk: Desk, tx: Tx, seen: Collection[_Seen]) -> set[str]:
    """Have the truth read: at once where a referral is in sight, else together with others. Returns lanes to wake."""
    hints = {s: readable(desk.touch_key, tx.merchant, s.sighting.hints, s.sighting.as_of) for s in seen}
    codes = tx.programs.advocates({hint for each in hints.values() for hint in each})
    standing = tx.truths.standing({s.place for s in seen})
    awaited = tx.referrals.awaited({name for s in seen for name in s.names})
    signed = {s.place for s in seen if s.names & awaited or any(hint in codes for hint in hints[s])}
    for s in seen:
        if s.place in signed and s.sighting.touches:
            tx.truths.note(s.connection, s.sighting.ref, s.sighting.touches)
    others = {(s.connection, s.sighting.also, s.sighting.ref) for s in seen if s.sighting.also}
    if others:
        signed |= tx.truths.adopt(others)
    told = [s for s in seen if s.place in signed or standing.get(s.place) is Standing.REFERRED]
    if told:
        tx.receipts.hear([_heard(s) for s in told])
    now, later = defaultdict(set), defaultdict(set)
    whole = wants_buyers(tx)
    for s in seen:
        name, lane = subject(s.sighting.ref), connection_lane(s.connection)
        if s.place in signed or standing.get(s.place) is Standing.REFERRED:
            now[lane].add(name)
        elif whole or s.sighting.grows or s.place not in standing:  # else it was read before without a sign: leave it
            later[lane].add(name)
    for lane, names in now.items():
        tx.tasks.mark(lane, FETCH, names)
    for lane, names in later.items():
        tx.tasks.mark(lane, FETCH if whole else LOOK, names, after=desk.timing.gather)
    return set(now) | set(later)


def _heard(seen: _Seen) -> Heard:
    """What a receipt keeps of a delivery: the bytes themselves are forgotten after a while."""
    sent = seen.delivery
    digest = hashlib.sha256(sent.body).digest()
    return Heard(seen.connection, seen.sighting.ref, sent.id, sent.topic, digest, sent.at)
