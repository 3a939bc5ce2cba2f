"""Owed: what each side is promised for what a friend paid, within the limits that the merchant set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from connector.domain.case import Plan, Remedy, Standing
from connector.domain.facts import Deed
from connector.domain.money import Money
from connector.domain.program import ITEM, THANKS, Program, RewardRule
from connector.domain.rules import Refusal
from connector.domain.words import percent_words
from connector.domain.worth import Undecided, Worth


@dataclass(frozen=True)
class Owed:
    """What is promised. capped: the advocate has reached a limit; stopped: the budget is spent, and nothing is promised."""

    plans: tuple[Plan, ...]
    capped: Refusal | None = None
    stopped: Refusal | None = None


def owed(program: Program, standing: Standing, payments: Sequence[tuple[int, Deed, Worth | None]]) -> Owed:
    """All plans for these payments (place from 0, deed, worth). Raises ValueError where currencies differ."""
    plans = [plan for place, deed, worth in payments for plan in _plans(program, standing, place, deed, worth)]
    kept, capped = _within_caps(program, standing, [plan for plan in plans if plan.amount])
    stopped = _beyond_budget(program, standing, kept)
    return Owed((), capped, stopped) if stopped else Owed(tuple(kept), capped)


def _plans(program: Program, standing: Standing, place: int, deed: Deed, worth: Worth | None) -> list[Plan]:
    """Both sides' rewards for one payment, and the milestone that its first one may reach."""
    sides = {"advocate": program.advocates_reward(standing.friends + 1), "friend": program.friend_reward}
    promised = [(role, rule) for role, rule in sides.items() if rule is not None]
    if place == 0:
        promised += [("milestone", each.reward) for each in program.milestones if each.at == standing.ever + 1]
    return [_plan(program, role, rule, place, deed, worth) for role, rule in promised if rule.kind != THANKS]


def _plan(program: Program, role: str, rule: RewardRule, place: int, deed: Deed, worth: Worth | None) -> Plan:
    if worth is None and rule.percent_bp:
        some = Money(10**9, program.currency or "EUR")
        remedy = Remedy(
            "Give it an amount where it was recorded.", deed={"net": some, "tax": Money.zero(some.currency)}
        )
        raise Undecided("price", _NO_PRICE, remedy)
    full = rule.full(worth.counted if worth else None)
    amount = full.share(worth.left.minor, worth.whole.minor) if worth else full
    if rule.kind == ITEM:
        amount = full if amount else Money.zero(full.currency)  # half a mug cannot be handed over
    return Plan(
        role,
        rule.kind,
        amount,
        deed.happened_at + program.stays + program.hold,
        rule.expires_after,
        rule.fallback,
        place + 1,
        item=rule.item,
        sum=_sum(rule, worth, full, amount),
        deed=deed.ref,
    )


_NO_PRICE = "A percentage is promised, and what the friend did came without an amount."


def _sum(rule: RewardRule, worth: Worth | None, full: Money, amount: Money) -> str:
    """How the amount came about."""
    said = f"{full}"
    if rule.percent_bp and worth is not None:
        cap = f", at most {rule.cap}" if rule.cap else ""
        said = f"{percent_words(rule.percent_bp)} of {worth.counted}{cap} = {full}"
    if worth is not None and worth.left != worth.whole:
        said += f"; {worth.left} of {worth.whole} is left after refunds = {amount}"
    return said


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _within_caps(program: Program, standing: Standing, plans: list[Plan]) -> tuple[list[Plan], Refusal | None]:
    """What the caps leave of the advocate's rewards; the friend's are not the advocate's."""
    caps = program.caps
    if caps is None or not plans:
        return plans, None
    theirs = [plan for plan in plans if plan.role != "friend"]
    others = [plan for plan in plans if plan.role == "friend"]
    if caps.rewards is not None and standing.rewards >= caps.rewards:
        remedy = Remedy("Raise `caps.rewards`.", settings=(("caps.rewards", standing.rewards + 1),))
        return others, _capped(_friends(caps.rewards), caps.period, remedy)
    if caps.amount is None:
        return plans, None
    room = (caps.amount - (standing.earned or Money.zero(caps.amount.currency))).at_least_zero()
    wanted = sum((plan.amount for plan in theirs), Money.zero(caps.amount.currency))
    kept = []
    for plan in theirs:
        amount = plan.amount.at_most(room)
        room -= amount
        cut = replace(plan, amount=amount, sum=f"{plan.sum}, of which the cap leaves {amount}")
        kept += [plan if amount == plan.amount else cut] if amount else []
    raised = str((standing.earned or Money.zero(wanted.currency)) + wanted)
    remedy = Remedy(f"Raise `caps.amount` to {raised}.", settings=(("caps.amount", raised),))
    capped = None if kept else _capped(str(caps.amount), caps.period, remedy)
    return [*kept, *others], capped


def _friends(count: int) -> str:
    return "one rewarded friend" if count == 1 else f"{count} rewarded friends"


def _capped(limit: str, period: str, remedy: Remedy) -> Refusal:
    when = "" if period == "ever" else f" in this {period}"
    return Refusal(
        "cap", f"The advocate has reached the limit of {limit}{when}; it counts, and nothing is owed.", remedy
    )


def _beyond_budget(program: Program, standing: Standing, plans: Sequence[Plan]) -> Refusal | None:
    """What was promised stays promised; a promise that the budget does not hold is not made."""
    budget = program.budget
    if budget is None or standing.pinned or not plans:
        return None
    spent = standing.spent or Money.zero(budget.amount.currency)
    after = spent + sum((plan.amount for plan in plans), Money.zero(budget.amount.currency))
    if after <= budget.amount:
        return None
    words = (
        f"On hold: the program's budget of {budget.amount} is spent but for {(budget.amount - spent).at_least_zero()}."
    )
    return Refusal(
        "budget", words, Remedy(f"Raise `budget.amount` to {after}.", settings=(("budget.amount", str(after)),))
    )
