"""Attribute: a purchase that was read finds the referral it belongs to, or opens one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from connector.domain.attribution import Attribution, Candidate, attribute
from connector.domain.case import Stage
from connector.domain.deeds import is_asked_for
from connector.domain.facts import Deed, Fact, ObjectRef
from connector.domain.program import Mode, Payment, Program
from connector.domain.touch import Touch
from connector.journey.ask import consider
from connector.journey.desk import Desk
from connector.journey.each import each
from connector.journey.enrol import enrol_buyer
from connector.journey.evidence import opened
from connector.journey.tasks import ATTRIBUTE, DECIDE, purchase_of
from connector.ports.rows import LOCKED, Advocate, ProgramVersion, Referral, SavedTruth, Task, merchant_lane
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
    standing = tx.referrals.by_purchase(connection, ref)
    if standing:
        tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(r) for r in standing])
    if saved is None or saved.person is None or saved.truth.placed_at is None:
        return  # a guest whom nothing identifies: nobody could be referred
    current = tx.programs.current()
    enrol_buyer(tx, current, connection, saved)
    consider(tx, current, connection, saved)
    if standing:
        return
    programs = [each for each in current if may_count(each.program, saved.truth.note)]
    if not programs:
        return
    candidates = candidates_of(tx, key, connection, saved, max(each.program.window for each in programs))
    platform = tx.connections.platforms().get(connection, "")
    for program in programs:
        mine = [(candidate, advocate) for candidate, advocate in candidates if advocate.program == program.id]
        won = attribute(program.program, [candidate for candidate, _ in mine], saved.truth.placed_at)
        winner = next((advocate for _, advocate in mine if won is not None and advocate.id == won.advocate), None)
        _belong(tx, _Bid(program, won, winner, connection, saved, saved.person, saved.truth.placed_at), platform)


@dataclass(frozen=True)
class _Bid:
    """One purchase in the light of one program: who won it, if anybody did."""

    program: ProgramVersion
    won: Attribution | None
    advocate: Advocate | None
    connection: UUID
    saved: SavedTruth
    friend: UUID
    placed_at: datetime

    def referral(self, id_: UUID) -> Referral | None:
        """The referral that the evidence on this purchase makes; None where it makes none."""
        if self.won is None or self.advocate is None:
            return None
        return Referral(
            id=id_,
            program=self.program.id,
            version=self.program.version,
            advocate=self.advocate.id,
            advocate_person=self.advocate.person,
            friend=self.friend,
            connection=self.connection,
            ref=self.saved.truth.ref,
            captured_at=self.placed_at,
            touch=replace(self.won.touch, evidence=self.won.reason),
            stage=Stage.PENDING,
        )


def may_count(program: Program, note: str) -> bool:
    """A purchase with a note, such as a test order, never converts; a program in test lets testers try."""
    return not note or (note == TEST_ORDER and program.mode is Mode.TEST)


def candidates_of(
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


def _belong(tx: Tx, bid: _Bid, platform: str) -> None:
    """Open a referral, or let the purchase join the friend's, if it comes from where the program looks."""
    standing = tx.referrals.of_friend(bid.program.id, bid.friend)
    if standing is None:
        opened = bid.referral(uuid4())
        if opened is None:
            return
        standing = tx.referrals.open(opened)
    elif bid.program.program.source not in ("", platform) or not _joins(tx, standing, bid):
        return
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(standing)])


def _joins(tx: Tx, standing: UUID, bid: _Bid) -> bool:
    """Whether another purchase of the friend changes anything: in place of one that still waits, or as a later payment."""
    referral = tx.referrals.lock(standing)
    pinned = tx.programs.pinned(referral.program, referral.version)
    made = bid.referral(standing)
    if _still_waits(tx, referral, pinned):
        tx.referrals.repoint(made or replace(referral, connection=bid.connection, ref=bid.saved.truth.ref))
        return True
    if made is not None and _came_first(tx, referral, bid, pinned):
        tx.referrals.repoint(made)
        return True
    if pinned.payment is Payment.FIRST:
        return False  # the first referral stands, and this purchase changes nothing
    tx.referrals.add_payment(standing, referral.program, bid.connection, bid.saved.truth.ref)
    return True


def _still_waits(tx: Tx, referral: Referral, program: Program) -> bool:
    """Whether the friend has done nothing yet that counts, so that another purchase may take its place."""
    if referral.stage not in (Stage.PENDING, Stage.EXPIRED) or tx.referrals.is_converted(referral.id):
        return False
    told = tx.truths.of_referral(referral)
    return not any(is_asked_for(program, fact) and program.source in ("", platform) for platform, fact in told)


def _came_first(tx: Tx, referral: Referral, bid: _Bid, program: Program) -> bool:
    """Whether the friend's first purchase is told of after a later one, and nothing was sent for that one yet.

    What is none that the program asks for came before nothing: the friend's own record is older than their deal.
    """
    facts = tx.truths.facts(bid.connection, bid.saved.truth.ref)
    if not any(is_asked_for(program, fact) for fact in facts):
        return False
    if any(reward.state in LOCKED for reward in tx.rewards.of(referral.id)):
        return False
    standing = tx.truths.get(referral.connection, referral.ref)
    if standing is None or standing.truth.placed_at is None:
        return False
    this = (bid.placed_at, _is_later(facts))
    that = (standing.truth.placed_at, _is_later(tx.truths.facts(referral.connection, referral.ref)))
    return this < that


def _is_later(facts: Sequence[Fact]) -> bool:
    """Whether the platform says that it was not the friend's first."""
    return any(isinstance(fact, Deed) and fact.first_order is False for fact in facts)
