"""Decide: facts become a stage, and a stage becomes rewards and reversals. One short transaction each, no HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from connector.domain.case import Case, Standing, plan_key
from connector.domain.deeds import deeds_of, is_asked_for
from connector.domain.facts import Deed, Fact
from connector.domain.fraud import Evidence
from connector.domain.money import Money
from connector.domain.program import Mode, Program
from connector.domain.stages import decide
from connector.domain.touch import Source
from connector.journey import happened
from connector.journey.desk import Desk
from connector.journey.each import each
from connector.journey.owing import Payer, owe
from connector.journey.tasks import DECIDE, RECORD
from connector.ports.rows import LOCKED, Referral, Reward, Task, connection_lane, paid_out
from connector.ports.store import Tx


def decide_due(desk: Desk, merchant: UUID) -> int:
    """Decide each referral whose facts changed or whose time has come; returns how many there were."""
    return each(desk, merchant, DECIDE, lambda tx, task: _decide(desk, tx, task))


def _decide(desk: Desk, tx: Tx, task: Task) -> Collection[str]:
    """Decide one referral from all facts; returns the lanes that have something to do."""
    referral = tx.referrals.lock(UUID(task.subject))
    rewards = tx.rewards.of(referral.id)
    program = program_of(tx, referral)
    facts = facts_of(tx, referral, program)
    owned = not has_deed(program, facts) or tx.referrals.convert(referral)
    case = case_of(tx, referral, program, rewards, facts, owned=owned)
    decision = decide(program, case)
    if not case.settled and case.evidence != (referral.evidence or Evidence()):
        tx.limits.keep_evidence(referral.id, case.evidence)
    moving = owe(tx, _payer(desk, tx), referral, decision, rewards)
    if decision.counts and not case.standing.pinned:
        qualified_at = deeds_of(program, case.facts, case.now).payments[0].happened_at
        tx.limits.pin(referral.id, replace(case.standing, pinned=True), qualified_at)
    changed = tx.referrals.decide(referral.id, decision)
    if changed:
        happened.of_decision(tx, referral, program, decision, case.facts, tx.rewards.of(referral.id))
    tx.tasks.close([task])
    if decision.look_again is not None:
        tx.tasks.mark_at(task.lane, DECIDE, task.subject, decision.look_again)
    if changed and program.mode is not Mode.SHADOW:
        for connection in _recording(desk, tx, referral):
            tx.tasks.mark(connection_lane(connection), RECORD, [task.subject], after=desk.timing.gather)
            moving.add(connection)
    return {connection_lane(connection) for connection in moving}


def _recording(desk: Desk, tx: Tx, referral: Referral) -> set[UUID]:
    """Where it is to be noted: on the purchase's own connection, and wherever people have records that we write."""

    def has_people(platform: str) -> bool:
        tools = desk.platforms.get(platform)
        return tools is not None and tools.mapping is not None and tools.manifest.person_kind in tools.mapping.records

    others = {connection for connection, platform in tx.connections.platforms().items() if has_people(platform)}
    return {referral.connection, *others}


def _payer(desk: Desk, tx: Tx) -> Payer:
    platforms = tx.connections.platforms()

    def able(connection: UUID, kinds: Sequence[str]) -> bool:
        tools = desk.platforms.get(platforms.get(connection, ""))
        return tools is not None and any(tools.manifest.pays(kind) for kind in kinds)

    return Payer(able, tuple(platforms))


def program_of(tx: Tx, referral: Referral) -> Program:
    """The version that was promised; only what it may cost in all is the merchant's word of today."""
    pinned = tx.programs.pinned(referral.program, referral.version)
    return replace(pinned, budget=tx.programs.budget(referral.program)) if pinned.budget else pinned


def facts_of(tx: Tx, referral: Referral, program: Program) -> tuple[Fact, ...]:
    """All facts that count for it."""
    return tuple(fact for platform, fact in tx.truths.of_referral(referral) if counts(program, platform, fact))


def has_deed(program: Program, facts: Iterable[Fact]) -> bool:
    """Whether the friend did something that only one referral may count."""
    return any(is_asked_for(program, fact) for fact in facts)


def case_of(
    tx: Tx, referral: Referral, program: Program, rewards: Sequence[Reward], facts: tuple[Fact, ...], *, owned: bool
) -> Case:
    """All that decides about a referral, as it is known now; only reads. owned: no other referral has its purchase."""
    now = tx.now()
    payments = deeds_of(program, facts, now).payments
    settled = any(reward.state in LOCKED for reward in rewards)
    return Case(
        advocate=referral.advocate_person,
        friend=referral.friend,
        captured_at=referral.captured_at,
        facts=facts,
        duplicate=not owned or tx.referrals.is_duplicate(referral),
        paid_out=paid_out((reward.state, bool(reward.netted)) for reward in rewards),
        now=now,
        settled=settled,
        claimed=referral.touch.source is Source.CLAIM,
        groups=referral.groups,
        standing=referral.standing
        or (tx.limits.standing(referral, program, payments[0].happened_at) if payments else Standing()),
        evidence=referral.evidence or Evidence() if settled else _evidence(tx, referral, program, payments),
        kept=_kept(tx, referral, rewards) if settled else {},
    )


def _kept(tx: Tx, referral: Referral, rewards: Sequence[Reward]) -> Mapping[str, Money]:
    """What stands of each paid reward of which something was taken back; what was kept for an earlier loss counts."""
    back = tx.rewards.returned(referral.id)
    return {
        plan_key(each.role, each.kind, each.ordinal): each.amount
        + (each.netted or Money.zero(each.amount.currency))
        - back[each.id]
        for each in rewards
        if each.id in back
    }


def counts(program: Program, platform: str, fact: Fact) -> bool:
    """What a friend did counts where the program looks; elsewhere the same purchase is evidence alone."""
    return not isinstance(fact, Deed) or program.source in ("", platform)


def _evidence(tx: Tx, referral: Referral, program: Program, payments: Sequence[Deed]) -> Evidence:
    """What the fraud rules may look at."""
    if not payments:
        return Evidence()
    saved = tx.truths.get(referral.connection, referral.ref)
    noted = tx.truths.noted(referral.connection, referral.ref)
    touches = (referral.touch, *noted, *(saved.truth.touches if saved else ()))
    referrers = {touch.referrer for touch in touches if touch.referrer} | (saved.truth.referrers if saved else set())
    return tx.marks.evidence(referral, program.fraud, first_order=payments[0].first_order, referrers=referrers)
