"""Explain: why a referral stands where it stands, from the same case and the same rules that decided it.

Two texts: one for the merchant with all facts, and one that is safe to show to the advocate, which says nothing of the
friend, of suspicion, or of other advocates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.domain.attribution import WORDS, Candidate, Weighed, weigh
from connector.domain.case import Case, Decision, Remedy, Stage
from connector.domain.fraud import Signal
from connector.domain.program import Program
from connector.domain.program_data import parse
from connector.domain.remedies import remedies
from connector.domain.stages import decide


@dataclass(frozen=True)
class Due:
    """One thing that is promised or awaited, and when."""

    words: str
    at: datetime


@dataclass(frozen=True)
class Explanation:
    """Why, in order: what was seen, who won and who lost, what the rules said, how much, when, and what would change it."""

    decision: Decision
    evidence: tuple[Weighed, ...]
    signals: tuple[Signal, ...]
    arithmetic: tuple[str, ...]
    due: tuple[Due, ...]
    remedies: tuple[Remedy, ...]
    for_advocate: str


def explain(
    data: Mapping[str, Any], case: Case, candidates: Sequence[Candidate], placed_at: datetime | None
) -> Explanation:
    """The explanation of a case under a program's data. placed_at: of the purchase, None where there is none yet."""
    program = parse(data)
    decision = decide(program, case)
    return Explanation(
        decision,
        weigh(program, candidates, placed_at or case.now),
        decision.signals,
        tuple(f"{plan.role}: {plan.sum}" for plan in decision.plans),
        _due(decision),
        remedies(data, case),
        for_advocate(program, decision),
    )


def _due(decision: Decision) -> tuple[Due, ...]:
    open_ = () if decision.rule == "paid" else decision.plans
    due = [Due(f"{plan.amount} to the {plan.role}", plan.release_at) for plan in open_]
    if decision.look_again is not None and not due:
        due.append(Due("looked at again", decision.look_again))
    return tuple(sorted(due, key=lambda each: each.at))


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def in_words(told: Explanation) -> list[str]:
    """The explanation for the merchant, one sentence a line."""
    decision = told.decision
    lines = [f"It is {decision.stage}, by the rule {decision.rule!r}: {decision.reason}"]
    lines += [_touched(each) for each in told.evidence]
    fired = [signal for signal in told.signals if signal.fired]
    lines += [f"Suspicion {signal.rule}, {signal.points} points: {signal.words}" for signal in fired]
    lines += [f"Not looked at, {signal.rule}: {signal.words}" for signal in told.signals if not signal.available]
    lines += [f"Reckoned for the {sum_}." for sum_ in told.arithmetic]
    lines += [f"{due.words} on {_at(due.at)}." for due in told.due]
    lines += [f"What would change it: {remedy.words}" for remedy in told.remedies]
    return lines


def _touched(each: Weighed) -> str:
    return f"{_at(each.touch.at)} {WORDS[each.touch.source]} named {each.touch.code}: {each.verdict}."


def _at(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


#: What an advocate may read. What is about the friend, or a suspicion, is not said; whoever asks is told by the merchant.
_SAFE: Mapping[str, str] = {
    "unpaid": "Your friend was here on your word. Your reward waits for their purchase.",
    "stays": "Your friend decided for us. Your reward waits until that is final.",
    "payments": "Your friend is a customer now. Your reward comes with a later payment of theirs.",
    "window": "Your friend did not buy in time, so there is no reward for this one.",
    "review": "We are looking at this one before we pay it. You need not do anything.",
    "hold": "Your reward is promised, and paid once your friend can no longer return their purchase.",
    "released": "Your reward is on its way.",
    "paid": "Your reward is paid.",
    "thanks": "Thank you: one more friend came on your word.",
    "thanks_held": "Thank you: your friend came on your word. It counts soon.",
    "cap": "Thank you: your friend came on your word. You have reached the most that the program gives for now.",
    "refunded": "Your friend sent their purchase back, so there is no reward for this one.",
    "reopened": "Your friend has not decided for us after all, so there is no reward for this one yet.",
    "below_minimum": "Your friend's purchase was smaller than the program asks for.",
    "zero_total": "Your friend's purchase was free, so there is no reward for this one.",
    "nothing_owed": "Thank you: your friend came on your word. The reward came to less than a coin.",
    "self_referral": "You cannot refer yourself.",
    "test_order": "This was a trial, so there is no reward for it.",
}
_WAITS = "Your reward waits for something on our side. You need not do anything."
_OTHERWISE: Mapping[Stage, str] = {
    Stage.QUALIFIED: "Your friend came on your word. The program is not open to everybody yet.",
    Stage.REJECTED: "By its terms, this one does not count. If you think that it should, ask us for another look.",
}


def for_advocate(program: Program, decision: Decision) -> str:
    """Where the advocate's referral stands, without a word about the friend's person or anybody's suspicion."""
    if decision.review:
        words = _SAFE["review"]
    else:
        words = _SAFE.get(decision.rule) or (_WAITS if decision.hold else _OTHERWISE.get(decision.stage, _WAITS))
    theirs = [plan for plan in decision.plans if plan.role != "friend"]
    if decision.rule not in ("hold", "released", "paid") or not theirs:
        return f"{program.name}: {words}"
    amount = " and ".join(str(plan.item or plan.amount) for plan in theirs)
    when = f" It is due on {min(plan.release_at for plan in theirs):%Y-%m-%d}." if decision.rule == "hold" else ""
    return f"{program.name}: {words} It is {amount}.{when}"
