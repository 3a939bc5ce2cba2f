"""When a referral is looked at again, and what a decision carries beside its sentence: what pays, what alarms, what recurs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.domain.case import Decision
from connector.domain.facts import ObjectRef
from connector.domain.program_data import parse
from connector.domain.rules import Look, refusal
from connector.domain.stages import decide
from connector.domain.worth import worth_of
from tests.domain.story import BASE, at, case, fact

ORDER = "d0 order 100.00 EUR"
TWO = {"qualify": {"payment": "each", "payments": 2}}
SECOND = "d4 order 50.00 EUR id=B first=no"


def decided(changes: dict[str, Any], told: list[str], now: str, **about: Any) -> Decision:
    data = {name: value for name, value in {**BASE, **changes}.items() if value is not None}
    return decide(parse(data), case(told, now, **about))


REVIEW = {"review": {"when": "always", "within_days": 3, "decline_after_days": 9}}
PATIENT = {"review": {"when": "always", "within_days": 3}}
#: What the program says, what happened, now, and when something may be different next: nobody looks before.
AGAIN: list[tuple[str, dict[str, Any], list[str], str, str | None]] = [
    ("nobody bought", {}, [], "d1", "d30"),
    ("a friend who is late", {}, [], "d30", None),
    ("a promise is held", {}, [ORDER], "d1", "d14"),
    ("a promise is due", {}, [ORDER], "d14", None),
    ("of two promises the first is due first", TWO, [ORDER, SECOND], "d5", "d14"),
    ("the second is still held", TWO, [ORDER, SECOND], "d14", "d18"),
    ("both are due", TWO, [ORDER, SECOND], "d18", None),
    ("the first is released, the second held", TWO, [ORDER, SECOND, "d5 released Eva"], "d6", "d18"),
    ("the second is released, the first held", TWO, [ORDER, SECOND, "d5 released Eva id=B"], "d6", "d14"),
    ("a deal must stay won", {"event": "deal_won", "qualify": {"stays_days": 5}}, ["d0 won 9.00 EUR"], "d1", "d5"),
    ("thanks are held", {"advocate": {"kind": "thanks"}}, [ORDER], "d1", "d14"),
    ("thanks are given", {"advocate": {"kind": "thanks"}}, [ORDER], "d14", None),
    ("a person has time", REVIEW, [ORDER], "d2", "d3"),
    ("a person is late", REVIEW, [ORDER], "d3", "d9"),
    ("nobody ever looks", PATIENT, [ORDER], "d3", None),
]


@pytest.mark.parametrize(("changes", "told", "now", "again"), [row[1:] for row in AGAIN], ids=[row[0] for row in AGAIN])
def test_it_is_looked_at_again_when_something_may_be_different(
    changes: dict[str, Any], told: list[str], now: str, again: str | None
) -> None:
    assert decided(changes, told, now).look_again == (at(again) if again else None)


def test_a_person_has_their_time_from_when_the_referral_was_known() -> None:
    """Whoever tells of a friend days after the purchase leaves no less time to look at it."""
    decision = decided(PATIENT, [ORDER], "d4", captured="d2")
    assert (decision.look_again, decision.overdue) == (at("d5"), False)
    assert decided(PATIENT, ["d2 order 100.00 EUR"], "d4").look_again == at("d5")


@pytest.mark.parametrize(("now", "overdue"), [("d2", False), ("d3-", False), ("d3", True), ("d8", True)])
def test_a_review_is_overdue_from_its_last_day_on(now: str, overdue: bool) -> None:
    decision = decided(REVIEW, [ORDER], now)
    assert (decision.rule, decision.overdue) == ("review", overdue)
    assert decision.review == "A person looks at every referral of this program."


def test_a_plan_says_all_that_paying_it_takes() -> None:
    reward = {"percent": 10, "expires_days": 90, "fallback": ["code", "gift_card"]}
    won = {"event": "deal_won", "hold_days": 3, "advocate": reward, "qualify": {"stays_days": 5}}
    (plan,) = decided(won, ["d0 won 90.00 EUR id=D7"], "d8").plans
    assert (plan.role, plan.kind, str(plan.amount), plan.ordinal, plan.ready) == ("advocate", "balance", "9.00 EUR", 1, True)  # fmt: skip
    assert (plan.release_at, plan.expires_after) == (at("d8"), timedelta(days=90))
    assert (plan.fallback, plan.deed, plan.item) == (("code", "gift_card"), ObjectRef("deal", "D7"), "")
    (mug,) = decided({"advocate": {"kind": "item", "item": "a mug", "amount": "8.00 EUR"}}, [ORDER], "d14").plans
    assert (mug.kind, mug.item, str(mug.amount)) == ("item", "a mug", "8.00 EUR")


def release(day: str, by: str) -> str:
    return f"{day} released {by}"


@pytest.mark.parametrize(
    ("told", "by"),
    [
        ([release("d2", "Eva"), "d3 released Adam of=referral id=R"], "Eva"),
        ([release("d3", "Eva"), "d2 released Adam of=referral id=R"], "Adam"),
        ([release("d2", "Eva"), "d2 released Adam of=referral id=R"], "Adam"),
        ([release("d13", "Eva"), "d12 released Adam of=referral id=R"], "Adam"),
    ],
)
def test_of_two_who_release_a_reward_the_first_is_named(told: list[str], by: str) -> None:
    assert f"Released early by {by}." in decided({}, [ORDER, *told], "d13").reason


def test_of_two_payments_that_are_released_the_first_word_is_named() -> None:
    words = ["d6 released Zoe", "d5 released Eva id=B"]
    assert "Released early by Eva." in decided(TWO, [ORDER, SECOND, *words], "d7").reason


def test_an_order_that_breaks_a_rule_is_refused_to_whoever_asks_without_a_ruling() -> None:
    """An order makes an advocate only where it would have earned; no person has spoken then."""
    program = parse({**BASE, "minimum_net": "200.00 EUR"})
    order: Any = fact(ORDER)
    found = refusal(Look(program, case([ORDER]), order, worth_of(program, order, [])))
    assert found is not None and found.rule == "below_minimum"


@pytest.mark.parametrize(("answer", "rule"), [("d3", "review"), ("d4", "declined"), ("d5", "declined")])
def test_an_appeal_is_open_until_somebody_answers_it(answer: str, rule: str) -> None:
    told = [ORDER, "d4 appealed Anna he is my brother", f"{answer} declined Eva a reseller"]
    assert decided({}, told, "d14").rule == rule


@pytest.mark.parametrize(("friends", "rule"), [(1, "thanks"), (2, "nothing_owed"), (3, "nothing_owed")])
def test_thanks_are_said_where_thanks_alone_were_promised_for_this_friend(friends: int, rule: str) -> None:
    more = {"advocate": {"kind": "thanks"}, "tiers": {"steps": [{"from": 3, "percent": 1}]}}
    assert decided(more, ["d0 order 0.20 EUR"], "d14", standing={"friends": friends}).rule == rule


def test_what_refunds_left_is_told_of_each_payment() -> None:
    back = ["d5 refund 50.00 EUR", "d5 refund 10.00 EUR id=B r=r2"]
    told = decided(TWO, [ORDER, SECOND, *back], "d30").reason
    assert "50.00 EUR of 100.00 EUR is left after refunds. 40.00 EUR of 50.00 EUR is left after refunds." in told
