"""Decide: facts become a stage, and a stage becomes rewards and reversals. One short transaction each, no HTTP.

A reward that no attempt has locked follows every change of mind; one that may have been paid is never changed, only
taken back by reversals, whose sum is the difference between what stands and what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from connector.domain import ledger
from connector.domain.attribution import Attribution, Candidate, attribute
from connector.domain.facts import ObjectRef, OrderPaid
from connector.domain.money import Money
from connector.domain.stages import Case, Decision, Plan, Stage, decide
from connector.errors import ConnectorError
from connector.journey.desk import Desk
from connector.journey.evidence import opened
from connector.journey.tasks import ATTRIBUTE, DECIDE, RECORD, purchase_of
from connector.ports.rows import (
    LOCKED,
    Advocate,
    ProgramVersion,
    Referral,
    Reversal,
    Reward,
    RewardState,
    SavedTruth,
    Task,
    connection_lane,
    merchant_lane,
)
from connector.ports.store import Tx

BATCH = 50
#: How often a decision that fails is tried again, and after what pause, before it is left to a person.
TRIES, PAUSE = 5, timedelta(seconds=30)
_OVER = (RewardState.VOID, RewardState.REFUSED)


def attribute_due(desk: Desk, merchant: UUID) -> int:
    """Find or open the referral of each purchase that was read; returns how many there were."""

    def attribute_one(tx: Tx, task: Task) -> str:
        _attribute(tx, desk.touch_key, *purchase_of(task.subject))
        tx.tasks.close([task])
        return ""

    return _each(desk, merchant, ATTRIBUTE, attribute_one)


def decide_due(desk: Desk, merchant: UUID) -> int:
    """Decide each referral whose facts changed or whose time has come; returns how many there were."""
    return _each(desk, merchant, DECIDE, _decide)


def _each(desk: Desk, merchant: UUID, what: str, do: Callable[[Tx, Task], str]) -> int:
    """Each due task in a transaction of its own; one that fails is tried again, then parked, and holds nobody up."""
    with desk.store.begin(merchant) as tx:
        tasks = tx.tasks.due(merchant_lane(merchant), what, BATCH)
    for task in tasks:
        try:
            with desk.store.begin(merchant) as tx:
                lane = do(tx, task)
        except (ConnectorError, ValueError, LookupError) as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            with desk.store.begin(merchant) as tx:
                if task.tries >= TRIES:
                    tx.tasks.park(task, reason)
                else:
                    tx.tasks.later(task, PAUSE, reason)
            continue
        if lane:
            desk.wake(lane)
    return len(tasks)


def _attribute(tx: Tx, key: bytes, connection: UUID, ref: ObjectRef) -> None:
    saved = tx.truths.get(connection, ref)
    if saved is None or saved.person is None or saved.truth.placed_at is None:
        return  # a guest whom nothing identifies: nobody could be referred
    standing = tx.referrals.by_purchase(connection, ref)
    if standing:
        tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(r) for r in standing])
        return
    if saved.truth.note:
        return  # a named outcome that never converts, such as a test order
    programs = tx.programs.current()
    within = max((each.program.window for each in programs), default=timedelta(0))
    seen = (*saved.truth.touches, *tx.truths.noted(connection, ref))
    touches = opened(key, tx.merchant, seen, within, saved.truth.placed_at)
    advocates = tx.programs.advocates({touch.code for touch in touches})
    for program in programs:
        mine = {code: a for code, a in advocates.items() if a.program == program.id}
        candidates = [Candidate(t, mine[t.code].id) for t in touches if t.code in mine]
        won = attribute(program.program, candidates, saved.truth.placed_at)
        if won is not None:
            _open(tx, program, won, {a.id: a for a in mine.values()}[won.advocate], connection, saved)


def _open(
    tx: Tx, program: ProgramVersion, won: Attribution, advocate: Advocate, connection: UUID, saved: SavedTruth
) -> None:
    """A new referral, or the friend's open one with this purchase in its place."""
    friend, placed_at = saved.person, saved.truth.placed_at
    if friend is None or placed_at is None:
        return
    referral = Referral(
        id=uuid4(),
        program=program.id,
        version=program.version,
        advocate=advocate.id,
        advocate_person=advocate.person,
        friend=friend,
        connection=connection,
        ref=saved.truth.ref,
        captured_at=placed_at,
        touch=replace(won.touch, evidence=won.reason),
        stage=Stage.PENDING,
    )
    standing = tx.referrals.of_friend(program.id, friend)
    if standing is None:
        standing = tx.referrals.open(referral)
    elif _still_open(tx, standing):
        tx.referrals.repoint(replace(referral, id=standing))
    else:
        return  # the friend was referred before: the first referral stands, this purchase changes nothing
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(standing)])


def _still_open(tx: Tx, referral: UUID) -> bool:
    """Whether another purchase of the friend may still take the place of the one it waits for."""
    waiting = tx.referrals.lock(referral).stage in (Stage.PENDING, Stage.EXPIRED)
    return waiting and not tx.referrals.is_converted(referral)


def _decide(tx: Tx, task: Task) -> str:
    """Decide one referral from all facts; returns the lane that has money to move, or ""."""
    referral = tx.referrals.lock(UUID(task.subject))
    rewards = tx.rewards.of(referral.id)
    program = tx.programs.pinned(referral.program, referral.version)
    facts = tx.truths.facts(referral.connection, referral.ref)
    owned = not any(isinstance(fact, OrderPaid) for fact in facts) or tx.referrals.convert(referral)
    case = Case(
        advocate=referral.advocate_person,
        friend=referral.friend,
        captured_at=referral.captured_at,
        facts=facts,
        duplicate=not owned or tx.referrals.is_duplicate(referral),
        paid_out=bool(rewards) and all(r.state is RewardState.ISSUED for r in rewards if r.state not in _OVER),
        now=tx.now(),
    )
    decision = decide(program, case)
    moves = _owe(tx, referral, decision, rewards)
    changed = tx.referrals.decide(referral.id, decision.stage, decision.rule, decision.reason)
    lane = connection_lane(referral.connection)
    tx.tasks.close([task])
    if decision.look_again is not None:
        tx.tasks.mark_at(task.lane, DECIDE, task.subject, decision.look_again)
    if changed:
        tx.tasks.mark(lane, RECORD, [task.subject])
    return lane if moves or changed else ""


def _owe(tx: Tx, referral: Referral, decision: Decision, rewards: Sequence[Reward]) -> bool:
    """Bring rewards and reversals in line with the decision; says whether there is money to move."""
    plans = {(plan.role, plan.kind): plan for plan in decision.plans}
    moves = False
    for reward in rewards:
        plan = plans.pop((reward.role, reward.kind), None)
        if reward.state in LOCKED:
            owed = plan.amount if plan and not reward.revoked else Money.zero(reward.amount.currency)
            moves |= _take_back(tx, referral, reward, owed)
        else:
            moves |= _adjust(tx, referral, decision, reward, plan)
            _drop_reversals(tx, reward)
    for plan in plans.values():
        if plan.amount:
            moves |= _promise(tx, referral, decision, plan)
    return moves


def _state(decision: Decision) -> RewardState:
    return RewardState.APPROVED if decision.stage in (Stage.CONVERTED, Stage.REWARDED) else RewardState.DUE


def _beneficiary(referral: Referral, role: str) -> UUID:
    return referral.friend if role == "friend" else referral.advocate_person


def _promise(tx: Tx, referral: Referral, decision: Decision, plan: Plan) -> bool:
    """A new reward and its posting. Its unique key lets nobody promise it twice."""
    state = _state(decision)
    reward = tx.rewards.owe(referral, plan, _beneficiary(referral, plan.role), state, decision.reason)
    tx.ledger.post(ledger.decided(f"{reward}/decided/1", plan.amount), reward=reward)
    return state is RewardState.APPROVED


def _adjust(tx: Tx, referral: Referral, decision: Decision, reward: Reward, plan: Plan | None) -> bool:
    """Change a reward that has certainly not been paid, and post the difference."""
    zero = Money.zero(reward.amount.currency)
    amount = plan.amount if plan else zero
    state = _state(decision) if amount else RewardState.VOID
    if reward.state is RewardState.REFUSED and amount == reward.amount:
        return False  # the platform refused it for good: only a person, or another amount, changes that
    beneficiary = _beneficiary(referral, reward.role)
    if (amount, state, beneficiary) == (reward.amount, reward.state, reward.beneficiary):
        return state is RewardState.APPROVED
    moved = beneficiary if beneficiary != reward.beneficiary else None
    if not tx.rewards.change(reward, amount, state, decision.reason, moved):
        return False
    if amount != reward.amount:
        key = f"{reward.id}/decided/{reward.decision + 1}"
        tx.ledger.post(ledger.decided(key, amount - reward.amount), reward=reward.id)
    return state is RewardState.APPROVED


def _take_back(tx: Tx, referral: Referral, reward: Reward, owed: Money) -> bool:
    """The sum of all reversals of a paid reward is what was paid less what is owed: no more, no less."""
    reversals = [r for r in tx.rewards.reversals(reward.id) if r.state is not RewardState.VOID]
    locked = [r for r in reversals if r.state in LOCKED or r.state is RewardState.REFUSED]
    open_ = [r for r in reversals if r not in locked]
    zero = Money.zero(owed.currency)
    back = sum((reversal.amount for reversal in locked), zero)
    target = reward.amount - owed - back
    if target < zero:
        tx.referrals.review(referral.id, f"{reward.amount - owed} should be back, more was taken: a person decides")
    # What ended unspent did its owner no good, and nobody is asked to give it back.
    unlapsed = reward.amount - (reward.lapsed or zero) - back
    target = target.at_most(unlapsed).at_least_zero()
    if open_:
        return _change_reversal(tx, reward, open_[0], target)
    if not target:
        return False
    ordinal = len(tx.rewards.reversals(reward.id)) + 1
    reversal_id = tx.rewards.reverse(reward, ordinal, target)
    key = f"{reversal_id}/decided/1"
    tx.ledger.post(ledger.reversal_decided(key, target), reward=reward.id, reversal=reversal_id)
    return True


def _drop_reversals(tx: Tx, reward: Reward) -> None:
    """A reward that certainly was not paid has nothing to take back; what was planned while it was under way goes."""
    for reversal in tx.rewards.reversals(reward.id):
        if reversal.state not in LOCKED and reversal.state not in _OVER:
            _change_reversal(tx, reward, reversal, Money.zero(reward.amount.currency))


def _change_reversal(tx: Tx, reward: Reward, reversal: Reversal, target: Money) -> bool:
    state = RewardState.APPROVED if target else RewardState.VOID
    same = (target, state) == (reversal.amount, reversal.state)
    if not same and tx.rewards.change_reversal(reversal, target, state) and target != reversal.amount:
        key = f"{reversal.id}/decided/{reversal.decision + 1}"
        batch = ledger.reversal_decided(key, target - reversal.amount)
        tx.ledger.post(batch, reward=reward.id, reversal=reversal.id)
    return state is RewardState.APPROVED
