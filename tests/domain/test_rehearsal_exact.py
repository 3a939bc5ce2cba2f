"""What was compared in a rehearsal stays as it was, and what is over takes no place from the friends to come."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from connector.domain.case import Stage
from connector.domain.rehearsal import OVER, Compared, Outcome, Rehearsal, Stood, totals
from tests.domain.story import ANNA, at, money

HELD = Outcome(ANNA, "ANNA", Stage.QUALIFIED, "hold", "It is held.")


def test_what_was_refused_went_back_or_came_too_late_takes_no_place() -> None:
    assert {Stage.REJECTED, Stage.REVERSED, Stage.EXPIRED} == OVER


def test_where_nothing_is_said_of_money_nothing_is_owed() -> None:
    assert (HELD.amounts, str(HELD)) == ((), "qualified/hold")


@pytest.mark.parametrize(
    ("stage", "rule", "earns", "flagged"),
    [
        (Stage.CONVERTED, "released", True, False),
        (Stage.REWARDED, "thanks", True, False),
        (Stage.QUALIFIED, "hold", True, False),
        (Stage.QUALIFIED, "thanks_held", True, False),
        (Stage.QUALIFIED, "budget", False, False),
        (Stage.PENDING, "unpaid", False, False),
        (Stage.QUALIFIED, "review", False, True),
        (Stage.REJECTED, "review_lapsed", False, True),
        (Stage.REJECTED, "fraud", False, True),
        (Stage.REJECTED, "duplicate", False, False),
        (Stage.REVERSED, "refunded", False, False),
    ],
)
def test_each_outcome_earns_or_waits_for_a_person_or_neither(
    stage: Stage, rule: str, earns: bool, flagged: bool
) -> None:
    outcome = Outcome(ANNA, "ANNA", stage, rule, "")
    assert (outcome.earns, outcome.flagged) == (earns, flagged)


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        (Stood("advocate", "balance", 1, money("8.00 EUR"), locked=True), "locked"),
        (HELD, "stage"),
        (Compared("order 1", None, HELD), "after"),
        (totals([]), "converted"),
        (Rehearsal(at("d0"), 0, (), ()), "purchases"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_was_compared_stays_as_it_was(thing: Any, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(thing, field, 1)
