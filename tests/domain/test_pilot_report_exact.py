"""When a pilot may become live: each question's own measure, to the last case, and all of it for machines."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from connector.domain.pilot_report import QUESTIONS, Answer, Counted, ExitReport

BY_NAME = {question.name: question for question in QUESTIONS}


def answer(name: str, sample: int, wrong: int) -> Answer:
    return Answer(BY_NAME[name], Counted(sample, {f"r{number}": "asked" for number in range(wrong)}))


@pytest.mark.parametrize(
    ("name", "sample", "wrong", "verdict"),
    [
        ("understood", 4, 0, "too early"),
        ("understood", 5, 0, "yes"),
        ("understood", 10, 1, "yes"),
        ("understood", 100, 10, "yes"),
        ("understood", 100, 11, "not yet"),
        ("landed", 20, 1, "yes"),
        ("landed", 100, 5, "yes"),
        ("landed", 100, 6, "not yet"),
        ("landed", 1000, 51, "not yet"),
        ("treated", 5, 0, "yes"),
        ("treated", 1000, 1, "not yet"),
        ("paid", 5, 0, "yes"),
        ("paid", 1000, 1, "not yet"),
    ],
)
def test_nobody_is_let_go_live_a_case_too_early_nor_kept_back_by_one(
    name: str, sample: int, wrong: int, verdict: str
) -> None:
    """Whether customers understand it may fail one in ten, where leads land one in twenty, money and people never."""
    assert answer(name, sample, wrong).verdict == verdict


def test_machines_read_every_figure_under_the_name_that_they_know() -> None:
    report = ExitReport("Tea friends", "the group 'vip'", 30, 200, 12, 9, 50, (answer("paid", 6, 1),))
    assert report.plain() == {
        "program": "Tea friends",
        "audience": {"who": "the group 'vip'", "of": 200, "in_it": 30, "active": 12},
        "places": {"taken": 9, "cap": 50},
        "answers": {
            "paid": {
                "question": "Do rewards go out without disputes?",
                "verdict": "not yet",
                "right": 5,
                "sample": 6,
                "rule": "rewards delivered in time whose debits, if any, found what they looked for, of those that were due",
                "least_percent": 100,
                "look_at": {"r0": "asked"},
            }
        },
    }


def test_people_look_at_ten_in_the_order_of_their_names() -> None:
    wrong = {f"r{number:02}": "asked" for number in reversed(range(11))}
    report = ExitReport("Tea", "all", 1, 1, 1, 0, 0, (Answer(BY_NAME["understood"], Counted(11, wrong)),))
    lines = report.in_words()
    assert lines[0].endswith("; 0 rewarded friends of 0 places.")
    assert [line for line in lines if "Look at" in line] == [f"  Look at r{number:02}: asked" for number in range(10)]


@pytest.mark.parametrize(
    ("thing", "field"),
    [
        (QUESTIONS[0], "least_percent"),
        (Counted(5, {}), "sample"),
        (answer("paid", 5, 0), "counted"),
        (ExitReport("Tea", "all", 1, 1, 1, 0, None, ()), "answers"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_report_stays_as_it_was_counted(thing: Any, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(thing, field, 1)
