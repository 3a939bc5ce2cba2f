"""What each side is promised, to the coin and to the thing, where a price is missing, goes back, or meets a limit."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.case import Decision
from connector.domain.program_data import parse
from connector.domain.remedies import remedies
from connector.domain.stages import decide
from tests.domain.story import BASE, case

ORDER = "d0 order 100.00 EUR"
MUG = {"kind": "item", "item": "a mug", "amount": "8.00 EUR"}
TWO = {"qualify": {"payment": "each", "payments": 2}}


def decided(changes: dict[str, Any], told: list[str], now: str = "d30", **about: Any) -> Decision:
    return decide(parse({**BASE, **changes}), case(told, now, **about))


def test_thanks_need_no_price() -> None:
    decision = decided({"event": "lead_created", "advocate": {"kind": "thanks"}}, ["d0 lead"])
    assert (decision.rule, decision.plans) == ("thanks", ())


def test_a_deal_without_an_amount_needs_one_and_nothing_else() -> None:
    """Any price is named to try it out, so it is above every minimum, and in the program's own currency."""
    won = {**BASE, "event": "deal_won", "minimum_net": "5.00 USD"}
    assert [remedy.words for remedy in remedies(won, case(["d0 won"]))] == ["Give it an amount where it was recorded."]
    budget = {**BASE, "event": "deal_won", "budget": {"amount": "500.00 USD"}}
    assert [remedy.words for remedy in remedies(budget, case(["d0 won"]))] == [
        "Give it an amount where it was recorded.",
        "Raise `budget.amount` to 1000000.00 USD.",
    ]


def test_nothing_is_handed_over_for_a_payment_that_went_back_as_a_whole() -> None:
    story = [ORDER, "d1 order 50.00 EUR id=B first=no"]
    handed = decided({**TWO, "advocate": MUG}, [*story, "d2 refund 50.00 EUR id=B"])
    assert [(plan.ordinal, plan.item) for plan in handed.plans] == [(1, "a mug")]
    both = decided({**TWO, "advocate": MUG}, [*story, "d2 refund 49.00 EUR id=B"])
    assert [(plan.ordinal, str(plan.amount)) for plan in both.plans] == [(1, "8.00 EUR"), (2, "8.00 EUR")]


@pytest.mark.parametrize(
    ("earned", "sums"),
    [
        ("0.00 EUR", ["10 % of 100.00 EUR = 10.00 EUR", "10 % of 50.00 EUR = 5.00 EUR"]),
        ("5.00 EUR", ["10 % of 100.00 EUR = 10.00 EUR", "10 % of 50.00 EUR = 5.00 EUR"]),
        ("6.00 EUR", ["10 % of 100.00 EUR = 10.00 EUR", "10 % of 50.00 EUR = 5.00 EUR, of which the cap leaves 4.00 EUR"]),
        ("10.00 EUR", ["10 % of 100.00 EUR = 10.00 EUR"]),
        ("11.00 EUR", ["10 % of 100.00 EUR = 10.00 EUR, of which the cap leaves 9.00 EUR"]),
        ("20.00 EUR", []),
    ],
)  # fmt: skip
def test_an_advocate_reads_of_their_limit_only_where_it_took_something(earned: str, sums: list[str]) -> None:
    changes = {**TWO, "caps": {"amount": "20.00 EUR"}}
    decision = decided(changes, [ORDER, "d1 order 50.00 EUR id=B first=no"], standing={"earned": earned})
    assert [plan.sum for plan in decision.plans] == sums
    assert (decision.rule == "cap") is (not sums)


def test_what_the_cap_takes_of_the_advocate_is_none_of_the_friends() -> None:
    changes = {"friend": {"kind": "code", "amount": "5.00 EUR"}, "caps": {"amount": "10.00 EUR", "period": "year"}}
    full = decided(changes, [ORDER], standing={"earned": "10.00 EUR"})
    assert [(plan.role, str(plan.amount)) for plan in full.plans] == [("friend", "5.00 EUR")]
    alone = decided({"caps": {"rewards": 1, "period": "year"}}, [ORDER], standing={"rewards": 1})
    assert alone.reason == (
        "The advocate has reached the limit of one rewarded friend in this year; it counts, and nothing is owed."
    )
    assert decided({"caps": {"rewards": 2}}, [ORDER], standing={"rewards": 2}).reason == (
        "The advocate has reached the limit of 2 rewarded friends; it counts, and nothing is owed."
    )


@pytest.mark.parametrize(("spent", "left"), [("490.01 EUR", "9.99 EUR"), ("500.00 EUR", "0.00 EUR"), ("501.00 EUR", "0.00 EUR")])  # fmt: skip
def test_a_promise_waits_where_the_budget_does_not_hold_all_of_it(spent: str, left: str) -> None:
    budget = {"budget": {"amount": "500.00 EUR"}}
    assert decided(budget, [ORDER], standing={"spent": "490.00 EUR"}).rule == "released"
    held = decided(budget, [ORDER], standing={"spent": spent})
    assert held.reason == f"On hold: the program's budget of 500.00 EUR is spent but for {left}."
    assert decided(budget, [ORDER], standing={"spent": spent, "pinned": True}).rule == "released"


@pytest.mark.parametrize(("orders", "amount"), [({}, "7.00 EUR"), ({"orders": {"except_products": ["sale"]}}, "7.50 EUR")])  # fmt: skip
def test_what_goes_back_beside_the_things_themselves_lessens_what_counts_as_a_whole(
    orders: dict[str, Any], amount: str
) -> None:
    """Where all of an order counts, so does all that went back; where products count, no more than their price."""
    (plan,) = decided(orders, [f"{ORDER} items=mug:100.00", "d1 refund 30.00 EUR items=mug:25.00"]).plans
    assert str(plan.amount) == amount


def test_a_refund_that_gave_money_to_the_shop_makes_no_reward_larger() -> None:
    """A platform tells of a correction as of a refund below nothing."""
    corrected = [f"{ORDER} items=mug:100.00", "d1 refund -30.00 EUR items=mug:25.00"]
    for orders in ({}, {"orders": {"except_products": ["sale"]}}):
        (plan,) = decided(orders, corrected).plans
        assert str(plan.amount) == "10.00 EUR"


def test_what_goes_back_of_things_that_do_not_count_leaves_the_others_whole_however_much_it_was() -> None:
    orders = {"orders": {"except_products": ["sale"]}}
    goodwill = [f"{ORDER} items=mug:60.00+sale:40.00", "d1 refund 110.00 EUR items=sale:40.00"]
    (plan,) = decided(orders, goodwill).plans
    assert (str(plan.amount), plan.sum) == ("6.00 EUR", "10 % of 60.00 EUR = 6.00 EUR")
