"""Fetch: read the truth of objects from the platform, in its own batches, and keep it with its facts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.domain.fraud import REFERRER
from connector.domain.person import EMAIL, MAILBOX
from connector.domain.program import Program
from connector.errors import Refused
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.enrol import keep_address
from connector.journey.tasks import ADDRESSES, ATTRIBUTE, FETCH, LOOK, RECORD, purchase, ref_of, subject
from connector.ports.platform import Glance, Seen, Truth, Wanted
from connector.ports.rows import Task, connection_lane, merchant_lane
from connector.ports.store import Tx

T = TypeVar("T")

#: How often evidence that a platform is still computing is looked for again.
LOOKS = 3
PATIENCE = timedelta(minutes=5)
#: What a platform says of a record that went into another one.
MERGED = "merged"
_NO_SUCH = "the platform has no such object, or does not let us read it"


def fetch_due(desk: Desk, lane: Lane) -> int:
    """Read one batch of objects in one call; returns how many."""
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(connection_lane(lane.connection), FETCH, lane.platform.manifest.read_batch)
        wanted = _wanted([each.program for each in tx.programs.current()] if tasks else [])
    if not tasks:
        return 0
    account = open_account(desk, lane)
    outbound = lane.platform.outbound()
    fetch = partial(outbound.fetch, account, wanted=wanted)
    truths = _one_by_one_if_refused(fetch, [ref_of(task.subject) for task in tasks])
    with desk.store.begin(lane.merchant) as tx:
        _keep(tx, lane, tasks, {subject(truth.ref): truth for truth in truths})
    desk.wake(merchant_lane(lane.merchant))
    return len(tasks)


def _wanted(programs: Sequence[Program]) -> Wanted:
    """What any program asks for beyond the usual."""
    items = any(program.bounds.by_product or (program.asking and program.asking.products) for program in programs)
    content = [program.asking.field for program in programs if program.asking is not None]
    return Wanted(items, frozenset(filter(None, [*(program.property_name for program in programs), *content])))


def _keep(tx: Tx, lane: Lane, tasks: Sequence[Task], truths: Mapping[str, Truth]) -> None:
    """Save each truth, hand it to the merchant's lane, and look again later where evidence is still being computed."""
    read: list[str] = []
    closed: list[Task] = []
    bearing: list[tuple[UUID, tuple[Seen, ...]]] = []
    back: set[UUID] = set()
    withheld: frozenset[str] = frozenset()
    shown: frozenset[str] = frozenset()
    tx.people.hold()  # whoever is forgotten meanwhile is forgotten after this, with what is kept here
    # Their record in a CRM is found by their address, which nothing else than their purchase tells; a mail needs it too.
    by_address = bool(tx.connections.bearing(ADDRESSES))
    nameless = tx.truths.nameless(lane.connection, truths.values())
    for task in tasks:
        truth = truths.get(task.subject)
        if truth is None or not truth.found or truth.as_of is None:
            tx.tasks.park(task, truth.note if truth and truth.note else _NO_SUCH)
            continue
        buyer = () if truth.ref in nameless else truth.buyer
        is_person = truth.ref.kind == lane.platform.manifest.person_kind and truth.note != MERGED
        news = bool(is_person and buyer) and _is_news(tx, lane.connection, truth.ref, buyer)
        person = tx.people.resolve(lane.connection, [(seen.kind, seen.value) for seen in buyer])
        tx.truths.save(lane.connection, truth, person)
        if person is not None:
            if news:
                back.add(person)
            if by_address:
                keep_address(tx, person, buyer)
            bearing.append((person, buyer))
            tx.marks.join(person, lane.connection, truth.groups)
        withheld |= truth.withheld
        shown |= _shown(truth, buyer)
        read.append(purchase(lane.connection, truth.ref))
        if truth.complete or task.tries >= LOOKS:
            closed.append(task)
        else:
            tx.tasks.later(task, truth.again_after or PATIENCE, "evidence is still being computed")
    tx.tasks.close(closed)
    tx.marks.add(bearing)
    if back:
        _write_again(tx, lane, back)
    if read:
        tx.connections.withhold(lane.connection, withheld, shown)
        tx.tasks.mark(merchant_lane(lane.merchant), ATTRIBUTE, read)


def _is_news(tx: Tx, connection: UUID, ref: ObjectRef, buyer: Sequence[Seen]) -> bool:
    """Whether their record was gone or unheard of, or they have another one now, as a lead that became a contact."""
    others = [seen for seen in buyer if seen.kind == ref.kind and seen.value != ref.id]
    another = any(tx.people.find(connection, seen.kind, seen.value) is None for seen in others)
    return tx.people.revive(connection, ref) or another


def _write_again(tx: Tx, lane: Lane, friends: Collection[UUID]) -> None:
    """What could not be noted on somebody's record while it was gone, or before there was one."""
    for program in tx.programs.current():
        referrals = (tx.referrals.of_friend(program.id, friend) for friend in friends)
        if found := [str(referral) for referral in referrals if referral is not None]:
            tx.tasks.mark(connection_lane(lane.connection), RECORD, found)


def _shown(truth: Truth, buyer: Sequence[Seen]) -> frozenset[str]:
    """Kinds of marks that the platform did show us, so that they are withheld no longer."""
    kinds = {MAILBOX if seen.kind == EMAIL else seen.kind for seen in buyer}
    return frozenset(kinds | ({REFERRER} if truth.referrers else set()))


def _one_by_one_if_refused(read: Callable[[Sequence[ObjectRef]], Sequence[T]], refs: Sequence[ObjectRef]) -> list[T]:
    """Read a batch in one call; if the platform refuses it, find the object that spoils it and leave that one out."""
    try:
        return list(read(refs))
    except Refused:
        if len(refs) == 1:
            return []
    middle = len(refs) // 2
    return [*_one_by_one_if_refused(read, refs[:middle]), *_one_by_one_if_refused(read, refs[middle:])]


def look_due(desk: Desk, lane: Lane) -> int:
    """Glance at one batch of objects that show no sign of a referral; a batch leaves when it is full or has waited."""
    size, name = lane.platform.manifest.look_batch, connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.waiting(name, LOOK, size)
        if len(tasks) < size and not tx.tasks.due(name, LOOK, 1):
            return 0
    account = open_account(desk, lane)
    glance = partial(lane.platform.outbound().glance, account)
    glances = _one_by_one_if_refused(glance, [ref_of(task.subject) for task in tasks])
    with desk.store.begin(lane.merchant) as tx:
        _sort_out(tx, lane, tasks, {subject(glance.ref): glance for glance in glances})
    return len(tasks)


def _sort_out(tx: Tx, lane: Lane, tasks: Sequence[Task], glances: Mapping[str, Glance]) -> None:
    """What bears a known code is read in full; the rest is remembered as nobody's."""
    codes = tx.programs.advocates({hint for glance in glances.values() for hint in glance.hints})
    closed, signed = [], []
    for task in tasks:
        glance = glances.get(task.subject)
        if glance is None or not glance.found:
            tx.tasks.park(task, _NO_SUCH)
        elif not glance.complete and task.tries < LOOKS:
            tx.tasks.later(task, glance.again_after or PATIENCE, "evidence is still being computed")
        elif any(hint in codes for hint in glance.hints):
            signed.append(task)
        else:
            tx.truths.save(lane.connection, Truth(glance.ref, found=True, as_of=glance.as_of), None)
            closed.append(task)
    if signed:
        tx.tasks.mark(connection_lane(lane.connection), FETCH, [task.subject for task in signed])
    tx.tasks.close([*closed, *signed])
