"""Stages: where a referral stands and what it owes, as a pure function of all facts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from connector.domain.facts import Fact, OrderPaid, OrderRefunded, RewardReleased, newest
from connector.domain.money import Money
from connector.domain.program import Mode, Program, RewardRule


class Stage(StrEnum):
    """pending -> qualified -> converted -> rewarded; the others are exits."""

    PENDING = "pending"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    REWARDED = "rewarded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REVERSED = "reversed"


@dataclass(frozen=True)
class Case:
    """All that decides one referral. captured_at: when it was first known. paid_out: every reward stands issued."""

    advocate: UUID
    friend: UUID
    captured_at: datetime
    facts: tuple[Fact, ...]
    duplicate: bool
    paid_out: bool
    now: datetime


@dataclass(frozen=True)
class Plan:
    """What one side is owed in total, net of everything taken back. release_at: when it may be paid.

    fallback: kinds to pay it with where `kind` is of no use to the person.
    """

    role: str
    kind: str
    amount: Money
    release_at: datetime
    expires_after: timedelta | None
    fallback: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """The stage, the rule that decided it, the reason in plain words, what is owed, and when to look again."""

    stage: Stage
    rule: str
    reason: str
    plans: tuple[Plan, ...] = ()
    look_again: datetime | None = None
    hold: str = ""


def _rejection(program: Program, case: Case, paid: OrderPaid) -> tuple[str, str] | None:
    """The first rule this order breaks, with the sentence shown to people, or None."""
    if case.duplicate:
        return "duplicate", "This person was already referred; the first referral stands."
    if case.advocate == case.friend:
        return "self_referral", "Advocate and friend are the same person."
    if paid.test:
        return "test_order", "The order is a test order, and test orders never pay."
    if program.new_customers_only and paid.first_order is False:
        return "not_new", "The friend had ordered before, and the program is for new customers."
    if program.minimum_net and paid.net < program.minimum_net:
        return "below_minimum", f"The order's net of {paid.net} is below the minimum of {program.minimum_net}."
    if not paid.net:
        return "zero_total", "The order's net is zero, so there is nothing to reward."
    return None


def remaining(facts: Iterable[Fact], paid: OrderPaid) -> Money:
    """The order's net less all refunds, never below zero."""
    left = paid.net
    for fact in newest(facts).values():
        if isinstance(fact, OrderRefunded) and fact.ref == paid.ref:
            left -= fact.amount.at_least_zero()
    return left.at_least_zero()


def decide(program: Program, case: Case) -> Decision:
    """The decision that follows from the facts, whatever order they arrived in."""
    standing = newest(case.facts)
    paid = next((fact for fact in standing.values() if isinstance(fact, OrderPaid)), None)
    if paid is None:
        return _unpaid(program, case)
    try:
        return _paid(program, case, paid, tuple(standing.values()))
    except ValueError as error:  # money of two currencies met, and no rate is ever assumed
        reason = f"On hold: {error}; state the program in the shop's currency."
        return Decision(Stage.QUALIFIED, "currency", reason, hold="currency")


def _paid(program: Program, case: Case, paid: OrderPaid, standing: tuple[Fact, ...]) -> Decision:
    """The decision on a paid order. Raises ValueError where amounts of two currencies would have to be compared."""
    broken = _rejection(program, case, paid)
    if broken:
        return Decision(Stage.REJECTED, *broken)
    left = remaining(standing, paid)
    if not left:
        return Decision(Stage.REVERSED, "refunded", "The order was cancelled or refunded in full.")
    return _owed(program, case, paid, left)


def _unpaid(program: Program, case: Case) -> Decision:
    deadline = case.captured_at + program.window
    if case.duplicate:
        return Decision(Stage.REJECTED, "duplicate", "This person was already referred; the first referral stands.")
    if case.now >= deadline:
        return Decision(Stage.EXPIRED, "window", f"No payment within {program.window.days} days.")
    return Decision(Stage.PENDING, "unpaid", "The order is not paid yet.", look_again=deadline)


def _owed(program: Program, case: Case, paid: OrderPaid, left: Money) -> Decision:
    release_at = paid.happened_at + program.hold
    plans = tuple(plan for role, rule in program.rewards.items() if (plan := _plan(role, rule, paid, left, release_at)))
    if not plans:
        words = f"The promise comes to less than one {paid.net.currency} unit."
        return Decision(Stage.REWARDED, "nothing_owed", words)
    share = "" if left == paid.net else f" {left} of {paid.net} is left after refunds."
    promised = " and ".join(f"{plan.amount} to the {plan.role}" for plan in plans)
    if program.mode is Mode.TEST:
        return Decision(Stage.QUALIFIED, "test_mode", f"The program is in test mode: {promised} would be owed.{share}")
    released = next((fact for fact in case.facts if isinstance(fact, RewardReleased)), None)
    if case.now < release_at and released is None:
        when = release_at.strftime("%Y-%m-%d %H:%M UTC")
        reason = f"{promised} is promised and held until {when}.{share}"
        return Decision(Stage.QUALIFIED, "hold", reason, plans, release_at)
    early = f" Released early by {released.by}." if released and released.happened_at < release_at else ""
    if case.paid_out:
        return Decision(Stage.REWARDED, "paid", f"{promised} is paid.{share}{early}", plans)
    return Decision(Stage.CONVERTED, "released", f"{promised} is being paid.{share}{early}", plans)


def _plan(role: str, rule: RewardRule, paid: OrderPaid, left: Money, release_at: datetime) -> Plan | None:
    """What one side is owed for what is left of the order; None where it comes to nothing."""
    amount = rule.full(paid.net).share(left.minor, paid.net.minor)
    return Plan(role, rule.kind, amount, release_at, rule.expires_after, rule.fallback) if amount else None
