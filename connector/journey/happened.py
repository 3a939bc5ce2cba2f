"""Happened: what a referral means to the people in it, kept in the transaction in which it comes about, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from connector.domain.case import Decision, Stage
from connector.domain.deeds import deeds_of
from connector.domain.explain import for_advocate
from connector.domain.facts import Fact
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.domain.program import TESTERS, Mode, Program
from connector.domain.rules import takes_part
from connector.journey.tasks import TELL
from connector.ports.news import Happened
from connector.ports.rows import Referral, Reward, RewardState, merchant_lane
from connector.ports.store import Tx

_STAGES = {
    Stage.QUALIFIED: NewsKind.QUALIFIED,
    Stage.CONVERTED: NewsKind.CONVERTED,
    Stage.REJECTED: NewsKind.REJECTED,
}
_OWED = (RewardState.DUE, RewardState.APPROVED)
#: As whom somebody hears it.
ADVOCATE, FRIEND = "advocate", "friend"


def heard(program: Program, advocate: UUID, groups: frozenset[str]) -> bool:
    """Whether anybody hears of it: a shadow is nobody's business, a test its testers', a pilot theirs who take part."""
    match program.mode:
        case Mode.LIVE:
            return True
        case Mode.TEST:
            return TESTERS in groups
        case Mode.PILOT:
            return program.pilot is not None and takes_part(program.pilot, program.slug, advocate, groups)
    return False


def of_decision(
    tx: Tx, referral: Referral, program: Program, decision: Decision, facts: Sequence[Fact], rewards: Sequence[Reward]
) -> None:
    """What a decision means to the friend and the advocate. rewards: all that are owed now."""
    if not heard(program, referral.advocate_person, referral.groups):
        return
    now = tx.now()
    # Who refers themselves, or whom the first look rejects, never started: a welcome would promise them something.
    alone = referral.friend == referral.advocate_person
    begun = _started(referral) if not alone and decision.stage is not Stage.REJECTED else ()
    news = [*begun, *_stage(program, referral, decision, facts, now)]
    _keep(tx, [*news, *(_owed(referral, reward, now) for reward in rewards if reward.state in _OWED)])


def _started(referral: Referral) -> Iterator[Happened]:
    for role, person in ((FRIEND, referral.friend), (ADVOCATE, referral.advocate_person)):
        yield Happened(
            key=f"started/{referral.id}/{role}",
            kind=NewsKind.STARTED,
            role=role,
            person=person,
            program=referral.program,
            at=referral.captured_at,
            referral=referral.id,
        )


def _stage(
    program: Program, referral: Referral, decision: Decision, facts: Sequence[Fact], now: datetime
) -> Iterator[Happened]:
    kind = _STAGES.get(decision.stage)
    if kind is None:
        return
    payments = deeds_of(program, facts, now).payments
    yield Happened(
        key=f"{decision.stage}/{referral.id}",
        kind=kind,
        role=ADVOCATE,
        person=referral.advocate_person,
        program=referral.program,
        at=payments[0].happened_at if payments and kind is not NewsKind.REJECTED else now,
        referral=referral.id,
        reason=for_advocate(program, decision) if kind is NewsKind.REJECTED else "",
    )


def _owed(referral: Referral, reward: Reward, now: datetime) -> Happened:
    return Happened(
        key=f"reward/{reward.id}/due",
        kind=NewsKind.MILESTONE if reward.role == "milestone" else NewsKind.DUE,
        role=FRIEND if reward.role == FRIEND else ADVOCATE,
        person=reward.beneficiary,
        program=referral.program,
        at=now,
        referral=referral.id,
        reward=reward.id,
        amount=reward.amount,
    )


def enrolled(tx: Tx, program: UUID, rules: Program, people: Mapping[UUID, datetime]) -> None:
    """These became advocates. Who is in a group is not known yet, so that testers and a pilot's group are not told."""
    told = {person: at for person, at in people.items() if heard(rules, person, frozenset())}
    _keep(tx, [_personal(NewsKind.ENROLLED, program, person, at) for person, at in told.items()])


def invited(tx: Tx, program: UUID, people: Sequence[UUID]) -> None:
    """These were asked to take part."""
    at = tx.now()
    _keep(tx, [_personal(NewsKind.INVITED, program, person, at) for person in people])


def shared(tx: Tx, program: UUID, rules: Program, person: UUID) -> None:
    """A link of theirs was followed for the first time."""
    if heard(rules, person, frozenset()):
        _keep(tx, [_personal(NewsKind.SHARED, program, person, tx.now())])


def visited(tx: Tx, program: UUID, rules: Program, friend: UUID) -> None:
    """Somebody whom a platform vouches for came by an advocate's link."""
    if heard(rules, friend, frozenset()):
        key = f"{NewsKind.VISITED}/{program}/{friend}"
        _keep(tx, [Happened(key, NewsKind.VISITED, FRIEND, friend, program, tx.now())])


def asked(tx: Tx, program: UUID, person: UUID, ask: UUID, reason: str) -> None:
    """They were asked to take part, for a reason that they may hear; each time is news."""
    key = f"{NewsKind.INVITED}/{program}/{person}/{ask}"
    _keep(tx, [Happened(key, NewsKind.INVITED, ADVOCATE, person, program, tx.now(), reason=reason)])


def _personal(kind: NewsKind, program: UUID, person: UUID, at: datetime) -> Happened:
    return Happened(f"{kind}/{program}/{person}", kind, ADVOCATE, person, program, at)


def of_reward(tx: Tx, kind: NewsKind, key: str, reward: UUID, amount: Money) -> None:
    """Something that just became of a reward, for its beneficiary."""
    if tx.news.of_reward(kind, key, reward, amount):
        mark(tx)


def late(tx: Tx) -> None:
    """What should have been paid by now."""
    if tx.news.late():
        mark(tx)


def _keep(tx: Tx, rows: Sequence[Happened]) -> None:
    if tx.news.add(rows):
        mark(tx)


def mark(tx: Tx) -> None:
    """Somebody is to be told something."""
    tx.tasks.mark(merchant_lane(tx.merchant), TELL, [TELL])
