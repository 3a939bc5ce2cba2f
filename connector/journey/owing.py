"""Owing: what is owed becomes rewards and reversals, each with its posting.

A reward that no attempt has locked follows every change of mind; one that may have been paid is never changed, only
taken back by reversals, whose sum is the difference between what stands and what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from connector.domain import ledger
from connector.domain.case import Decision, Plan
from connector.domain.money import Money
from connector.domain.program import Clawback
from connector.ports.rows import LOCKED, Referral, Reversal, Reward, RewardState
from connector.ports.store import Tx

_OVER = (RewardState.VOID, RewardState.REFUSED)


@dataclass(frozen=True)
class Payer:
    """Where a reward can be paid: on the purchase's own connection if that can do it, else on another of the merchant's."""

    able: Callable[[UUID, Sequence[str]], bool]
    others: Sequence[UUID]

    def connection(self, referral: Referral, plan: Plan) -> UUID:
        kinds = (plan.kind, *plan.fallback)
        every = (referral.connection, *self.others)
        return next((each for each in every if self.able(each, kinds)), referral.connection)


def owe(tx: Tx, payer: Payer, referral: Referral, decision: Decision, rewards: Sequence[Reward]) -> set[UUID]:
    """Bring rewards and reversals in line with the decision; returns the connections that have money to move."""
    plans = {(plan.role, plan.kind, plan.ordinal): plan for plan in decision.plans}
    moving = set()
    for reward in rewards:
        plan = plans.pop((reward.role, reward.kind, reward.ordinal), None)
        if _bring_in_line(tx, referral, decision, reward, plan):
            moving.add(reward.connection)
    for plan in plans.values():
        connection = payer.connection(referral, plan)
        if plan.amount and _promise(tx, referral, decision, plan, connection):
            moving.add(connection)
    return moving


def _bring_in_line(tx: Tx, referral: Referral, decision: Decision, reward: Reward, plan: Plan | None) -> bool:
    if decision.hold and reward.state in LOCKED:
        return False  # nobody can tell yet what is owed, so nothing is asked back
    owed = _after_netting(tx, reward, plan)
    if reward.state in LOCKED:
        return _owed_less(tx, referral, decision, reward, Money.zero(owed.currency) if reward.revoked else owed)
    moves = _adjust(tx, referral, decision, reward, plan, owed)
    _drop_reversals(tx, reward)
    return moves


def _after_netting(tx: Tx, reward: Reward, plan: Plan | None) -> Money:
    """What is owed less what was kept from it for an earlier loss; never more is kept than there is to keep it from."""
    promised = plan.amount if plan else Money.zero(reward.amount.currency)
    kept = promised.at_most(reward.netted or Money.zero(reward.amount.currency))
    if reward.netted is not None and kept < reward.netted:
        batch = ledger.netted(f"{reward.id}/netted/{kept.minor}", kept - reward.netted)
        tx.ledger.post(batch, reward=reward.id)
        tx.rewards.net(reward.id, kept)
    return promised - kept


def _state(plan: Plan) -> RewardState:
    """Staff hand a thing over; everything else is sent by itself once it is ready."""
    if not plan.ready:
        return RewardState.DUE
    return RewardState.HELD if plan.item else RewardState.APPROVED


def _beneficiary(referral: Referral, role: str) -> UUID:
    return referral.friend if role == "friend" else referral.advocate_person


def _promise(tx: Tx, referral: Referral, decision: Decision, plan: Plan, connection: UUID) -> bool:
    """A new reward and its posting. Its unique key lets nobody promise it twice."""
    beneficiary, zero = _beneficiary(referral, plan.role), Money.zero(plan.amount.currency)
    lost = tx.rewards.lost(beneficiary, plan.amount.currency) if decision.netted else zero
    kept = plan.amount.at_most(lost)
    amount, state, reason = plan.amount - kept, _state(plan), decision.reason
    if not amount:
        state, reason = RewardState.VOID, f"{kept} is kept for an earlier reward that could not be taken back"
    elif state is RewardState.HELD:
        reason = f"to be handed over: {plan.item}"
    reward = tx.rewards.owe(referral, replace(plan, amount=amount), beneficiary, connection, state, reason)
    if amount:
        tx.ledger.post(ledger.decided(f"{reward}/decided/1", amount), reward=reward)
    if kept:
        tx.ledger.post(ledger.netted(f"{reward}/netted/1", kept), reward=reward)
        tx.rewards.net(reward, kept)
    return state is RewardState.APPROVED


def _adjust(tx: Tx, referral: Referral, decision: Decision, reward: Reward, plan: Plan | None, amount: Money) -> bool:
    """Change a reward that has certainly not been paid, and post the difference."""
    state = _state(plan) if plan and amount else RewardState.VOID
    if reward.state is RewardState.REFUSED and amount == reward.amount:
        return False  # the platform refused it for good: only a person, or another amount, changes that
    beneficiary = _beneficiary(referral, reward.role)
    if (amount, state, beneficiary) == (reward.amount, reward.state, reward.beneficiary):
        return state is RewardState.APPROVED
    moved = beneficiary if beneficiary != reward.beneficiary else None
    if not tx.rewards.change(reward, plan, amount, state, decision.reason, moved):
        return False
    if amount != reward.amount:
        key = f"{reward.id}/decided/{reward.decision + 1}"
        tx.ledger.post(ledger.decided(key, amount - reward.amount), reward=reward.id)
    return state is RewardState.APPROVED


def _owed_less(tx: Tx, referral: Referral, decision: Decision, reward: Reward, owed: Money) -> bool:
    """What was paid and is owed no longer comes back, unless the merchant bears it or wants to be asked first."""
    if reward.item:
        return False  # nobody is asked to bring a mug back
    if decision.clawback is Clawback.TAKE or reward.revoked:
        return _take_back(tx, referral, reward, owed)
    if decision.clawback is Clawback.REVIEW and owed < reward.amount:
        words = (
            f"{reward.amount - owed} is owed no longer: decline the referral to take it back, approve it to let it be"
        )
        tx.referrals.review(referral.id, words)
    return False


def _take_back(tx: Tx, referral: Referral, reward: Reward, owed: Money) -> bool:
    """The sum of all reversals of a paid reward is what was paid less what is owed: no more, no less."""
    reversals = [r for r in tx.rewards.reversals(reward.id) if r.state is not RewardState.VOID]
    locked = [r for r in reversals if r.state in LOCKED or r.state is RewardState.REFUSED]
    open_ = [r for r in reversals if r not in locked]
    zero = Money.zero(owed.currency)
    back = sum((reversal.amount for reversal in locked), zero)
    target = reward.amount - owed - back
    if target < zero:
        words = f"{Money(-target.minor, target.currency)} more is owed than stands: a person decides"
        tx.referrals.review(referral.id, words)
    # What ended unspent did its owner no good, and nobody is asked to give it back.
    unlapsed = reward.amount - (reward.lapsed or zero) - back
    target = target.at_most(unlapsed).at_least_zero()
    if open_:
        # One that was under way when the next was made may be open again beside it: together they ask for the target.
        for other in open_[1:]:
            _change_reversal(tx, reward, other, zero)
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
