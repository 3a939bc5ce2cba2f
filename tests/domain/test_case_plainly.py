"""The plainest case and what is decided of it: what nobody says of either weighs nothing, and neither can be changed."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from typing import Any

import pytest

from connector.domain.case import Case, Decision, Plan, Remedy, Stage, Standing
from connector.domain.explain import Due, explain, for_advocate
from connector.domain.facts import ObjectRef
from connector.domain.fraud import Evidence
from connector.domain.program import Clawback
from connector.domain.program_data import parse
from connector.domain.rehearsal import Stood, promised
from connector.domain.remedies import applied
from connector.domain.stages import decide
from connector.store import codec
from tests.domain.story import ANNA, BASE, BEN, at, facts, money

PROGRAM = parse(BASE)
PLAIN = Case(ANNA, BEN, at("d0"), facts(["d0 order 100.00 EUR"]), duplicate=False, paid_out=False, now=at("d14"))
PLAN = Plan("advocate", "balance", money("10.00 EUR"), at("d14"), None)


def test_stages_have_the_names_under_which_they_are_stored() -> None:
    """Databases, receipts and the merchants' own records hold these words."""
    assert [stage.value for stage in Stage] == [
        "pending",
        "qualified",
        "converted",
        "rewarded",
        "rejected",
        "expired",
        "reversed",
    ]


def test_a_referral_of_which_nothing_more_is_known_is_paid_by_its_purchase_alone() -> None:
    decision = decide(PROGRAM, PLAIN)
    order = ObjectRef("order", "A")
    reckoned = "10 % of 100.00 EUR = 10.00 EUR"
    plan = replace(PLAN, ordinal=1, ready=True, item="", sum=reckoned, deed=order, fallback=())
    assert decision == Decision(
        Stage.CONVERTED,
        "released",
        "10.00 EUR to the advocate is being paid.",
        plans=(plan,),
        look_again=None,
        hold="",
        review="",
        overdue=False,
        clawback=Clawback.TAKE,
        netted=False,
        remedy=None,
        signals=decision.signals,
        counts=True,
    )


def test_what_is_not_paid_yet_takes_no_place_and_alarms_nobody() -> None:
    waiting = decide(PROGRAM, replace(PLAIN, facts=()))
    assert (waiting.rule, waiting.counts, waiting.overdue, waiting.netted) == ("unpaid", False, False, False)


def test_a_suspicion_is_in_time_as_long_as_nobody_says_that_money_moved() -> None:
    assert decide(PROGRAM, replace(PLAIN, evidence=Evidence(shared=frozenset({"mailbox"})))).rule == "fraud"


def test_whoever_is_the_first_friend_stands_behind_nobody() -> None:
    assert codec.plain_standing(Standing()) == {
        "pinned": False,
        "friends": 0,
        "ever": 0,
        "rewards": 0,
        "earned": None,
        "spent": None,
        "piloted": 0,
    }


def test_a_plan_of_which_little_is_said_is_for_the_first_payment_waits_and_is_money() -> None:
    decision = Decision(Stage.CONVERTED, "released", "", (PLAN,), clawback=Clawback.ABSORB)
    paid = Stood("advocate", "balance", 1, money("12.00 EUR"), locked=True)
    assert promised(decision, [paid]) == (money("12.00 EUR"),), "it is the same reward, and the larger amount stays"
    assert for_advocate(PROGRAM, decision).endswith("It is 10.00 EUR.")
    assert (PLAN.ready, PLAN.sum) == (False, "")


def test_a_remedy_of_settings_alone_leaves_people_and_their_deeds_as_they_are() -> None:
    data, case = applied(BASE, PLAIN, Remedy("Wait for less.", settings=(("hold_days", 3),)))
    assert case == PLAIN
    assert data == {**BASE, "hold_days": 3}


@pytest.mark.parametrize(
    ("thing", "field", "value"),
    [
        (Standing(), "pinned", True),
        (PLAIN, "settled", True),
        (PLAN, "amount", money("99.00 EUR")),
        (PLAN, "expires_after", timedelta(days=1)),
        (Remedy("Wait."), "ruling", True),
        (decide(PROGRAM, PLAIN), "stage", Stage.REJECTED),
        (explain(BASE, PLAIN, [], None), "for_advocate", "Your reward is a thousand."),
        (Due("10.00 EUR to the advocate", at("d14")), "at", at("d90")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_decides_and_what_was_decided_is_never_changed_on_its_way(thing: Any, field: str, value: Any) -> None:
    """A receipt repeats the decision from the same case: what could be changed in between would prove nothing."""
    with pytest.raises(FrozenInstanceError):
        setattr(thing, field, value)
