"""Attribute: a purchase that was read finds the referral it belongs to, or opens one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from connector.domain.attribution import Attribution, Candidate, attribute
from connector.domain.case import Stage
from connector.domain.facts import ObjectRef
from connector.domain.program import Mode, Payment
from connector.domain.touch import Touch
from connector.journey.desk import Desk
from connector.journey.each import each
from connector.journey.evidence import opened
from connector.journey.tasks import ATTRIBUTE, DECIDE, purchase_of
from connector.ports.rows import Advocate, ProgramVersion, Referral, SavedTruth, Task, merchant_lane
from connector.ports.store import Tx

#: What a platform says of a purchase that was made to try things out.
TEST_ORDER = "test_order"


def attribute_due(desk: Desk, merchant: UUID) -> int:
    """Find or open the referral of each purchase that was read; returns how many there were."""

    def attribute_one(tx: Tx, task: Task) -> tuple[str, ...]:
        _attribute(tx, desk.touch_key, *purchase_of(task.subject))
        tx.tasks.close([task])
        return ()

    return each(desk, merchant, ATTRIBUTE, attribute_one)


def _attribute(tx: Tx, key: bytes, connection: UUID, ref: ObjectRef) -> None:
    saved = tx.truths.get(connection, ref)
    if saved is None or saved.person is None or saved.truth.placed_at is None:
        return  # a guest whom nothing identifies: nobody could be referred
    standing = tx.referrals.by_purchase(connection, ref)
    if standing:
        tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(r) for r in standing])
        return
    programs = [program for program in tx.programs.current() if _may_count(program, saved)]
    if not programs:
        return
    candidates = _candidates(tx, key, connection, saved, max(each.program.window for each in programs))
    platform = tx.connections.platforms().get(connection, "")
    for program in programs:
        mine = [(candidate, advocate) for candidate, advocate in candidates if advocate.program == program.id]
        won = attribute(program.program, [candidate for candidate, _ in mine], saved.truth.placed_at)
        winner = next((advocate for _, advocate in mine if won is not None and advocate.id == won.advocate), None)
        _belong(tx, program, won, winner, connection, saved, source=program.program.source in ("", platform))


def _may_count(program: ProgramVersion, saved: SavedTruth) -> bool:
    """A purchase with a note, such as a test order, never converts; a program in test lets testers try."""
    return not saved.truth.note or (saved.truth.note == TEST_ORDER and program.program.mode is Mode.TEST)


def _candidates(
    tx: Tx, key: bytes, connection: UUID, saved: SavedTruth, within: timedelta
) -> list[tuple[Candidate, Advocate]]:
    """All evidence on the purchase whose code somebody shares."""
    if saved.truth.placed_at is None:
        return []
    seen: Sequence[Touch] = (*saved.truth.touches, *tx.truths.noted(connection, saved.truth.ref))
    touches = opened(key, tx.merchant, seen, within, saved.truth.placed_at)
    advocates = tx.programs.advocates({touch.code for touch in touches})
    return [
        (Candidate(touch, advocates[touch.code].id), advocates[touch.code])
        for touch in touches
        if touch.code in advocates
    ]


def _belong(
    tx: Tx,
    program: ProgramVersion,
    won: Attribution | None,
    advocate: Advocate | None,
    connection: UUID,
    saved: SavedTruth,
    *,
    source: bool,
) -> None:
    """Open a referral, or let the purchase join the friend's. source: it comes from where the program looks."""
    if saved.person is None:
        return
    standing = tx.referrals.of_friend(program.id, saved.person)
    if standing is None:
        if won is None or advocate is None:
            return
        standing = tx.referrals.open(_referral(program, won, advocate, connection, saved))
    elif not source or not _joins(tx, standing, program, won, advocate, connection, saved):
        return
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(standing)])


def _joins(
    tx: Tx,
    standing: UUID,
    program: ProgramVersion,
    won: Attribution | None,
    advocate: Advocate | None,
    connection: UUID,
    saved: SavedTruth,
) -> bool:
    """Whether another purchase of the friend changes anything: in place of one that still waits, or as a later payment."""
    referral = tx.referrals.lock(standing)
    if referral.stage in (Stage.PENDING, Stage.EXPIRED) and not tx.referrals.is_converted(standing):
        if won is not None and advocate is not None:
            tx.referrals.repoint(replace(_referral(program, won, advocate, connection, saved), id=standing))
        else:
            tx.referrals.repoint(replace(referral, connection=connection, ref=saved.truth.ref))
        return True
    pinned = tx.programs.pinned(referral.program, referral.version)
    if pinned.payment is Payment.FIRST:
        return False  # the first referral stands, and this purchase changes nothing
    tx.referrals.add_payment(standing, referral.program, connection, saved.truth.ref)
    return True


def _referral(
    program: ProgramVersion, won: Attribution, advocate: Advocate, connection: UUID, saved: SavedTruth
) -> Referral:
    if saved.person is None or saved.truth.placed_at is None:
        raise ValueError("a purchase without a buyer or a time has no referral")
    return Referral(
        id=uuid4(),
        program=program.id,
        version=program.version,
        advocate=advocate.id,
        advocate_person=advocate.person,
        friend=saved.person,
        connection=connection,
        ref=saved.truth.ref,
        captured_at=saved.truth.placed_at,
        touch=replace(won.touch, evidence=won.reason),
        stage=Stage.PENDING,
    )
