"""Which of a friend's deeds earn, where they must stand for a time or stand at the very moment at which we look."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.case import Decision
from connector.domain.program_data import parse
from connector.domain.remedies import applied
from connector.domain.stages import decide
from tests.domain.story import BASE, at, case

STAYS = {**BASE, "event": "deal_won", "qualify": {"stays_days": 5}}
SECOND = {**BASE, "event": "deal_won", "qualify": {"stays_days": 5, "payment": "nth", "payments": 2}}


def decided(data: dict[str, Any], told: list[str], now: str) -> Decision:
    return decide(parse(data), case(told, now))


def test_a_deal_that_nobody_has_won_yet_is_waited_for() -> None:
    decision = decided(STAYS, [], "d1")
    assert (decision.rule, decision.reason) == ("unpaid", "No deal is won yet.")


@pytest.mark.parametrize(("now", "rule"), [("d4", "stays"), ("d5-", "stays"), ("d5", "hold")])
def test_a_won_deal_counts_from_the_moment_at_which_it_stayed_for_long_enough(now: str, rule: str) -> None:
    assert decided(STAYS, ["d0 won 90.00 EUR"], now).rule == rule


def test_a_deal_that_stayed_won_is_one_of_two_and_needs_not_stay_any_longer() -> None:
    told = decided(SECOND, ["d0 won 90.00 EUR", "d4 won 50.00 EUR id=B first=no"], "d6")
    assert (told.rule, told.reason) == ("payments", "Payment 1 of 2: the reward is for number 2.")


@pytest.mark.parametrize("payment", ["nth", "each"])
def test_a_second_deal_is_looked_at_again_once_it_has_stayed_won_too(payment: str) -> None:
    """Nothing is told on that day, so a friend's second deal earns only if somebody looks by themselves."""
    data = {**SECOND, "hold_days": 0, "qualify": {**SECOND["qualify"], "payment": payment}}
    story = ["d0 won 90.00 EUR", "d4 won 50.00 EUR id=B first=no"]
    assert decided(data, story, "d6").look_again == at("d9")


def test_an_order_of_a_shop_whose_clock_is_ahead_of_ours_is_held_like_any_other() -> None:
    early = decided(BASE, ["d1 order 100.00 EUR"], "d1-")
    assert (early.rule, early.look_again) == ("hold", at("d15"))


def test_had_nothing_gone_back_the_order_itself_would_still_be_there() -> None:
    story = case(["d0 order 100.00 EUR", "d1 refund 60.00 EUR", "d2 refund 40.00 EUR r=r2"])
    refused = decide(parse(BASE), story)
    assert refused.rule == "refunded" and refused.remedy is not None
    _, then = applied(BASE, story, refused.remedy)
    assert decide(parse(BASE), then).reason == "10.00 EUR to the advocate is being paid."
