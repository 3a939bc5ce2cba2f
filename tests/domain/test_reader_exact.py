"""How settings are read: the edge of each limit, what counts as written, and which slip of the finger is recognised."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connector.domain.money import Money
from connector.domain.program import Mode
from connector.domain.reader import MAX_COUNT, MAX_DAYS, Reader, listed, shown


def read(value: Any, how: Callable[[Reader], Any]) -> tuple[Any, list[str]]:
    """What is read of one setting, and what is said against it."""
    reader = Reader({"x": value})
    return how(reader), reader.problems


# ── One setting ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("value", "text"), [("tea", "tea"), (" tea ", "tea"), (None, "usual")])
def test_a_text_is_taken_without_the_space_around_it(value: Any, text: str) -> None:
    assert read(value, lambda reader: reader.text("x", "usual")) == (text, [])


@pytest.mark.parametrize("value", ["", " ", 7, ["tea"], False])
@pytest.mark.parametrize("empty", [True, False])
def test_what_is_no_text_or_an_empty_one_is_told(value: Any, empty: bool) -> None:
    assert read(value, lambda reader: reader.text("x", empty=empty))[1] == ["x: write a text"]


def test_a_text_may_be_left_out_only_where_it_is_not_needed() -> None:
    assert read(None, lambda reader: reader.text("x", empty=True)) == ("", [])
    assert read(None, lambda reader: reader.text("x"))[1] == ["x: write a text"]


def test_one_of_several_is_taken_and_else_the_usual_one_stands_in() -> None:
    assert read("test", lambda reader: reader.one_of("x", Mode, Mode.LIVE)) == (Mode.TEST, [])
    assert read(None, lambda reader: reader.one_of("x", Mode, Mode.LIVE)) == (Mode.LIVE, [])
    assert read("b", lambda reader: reader.choice("x", ("a",), "a")) == ("a", ["x: 'b' is none of a"])
    assert read(["a"], lambda reader: reader.choice("x", ("a",), "a")) == ("a", ["x: ['a'] is none of a"])


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_whole_number_within_its_limits_is_taken(number: int) -> None:
    assert read(number, lambda reader: reader.whole("x", None, 2, 5)) == (number, [])


@pytest.mark.parametrize("number", [1, 6, True, 2.5, "3"])
def test_a_number_outside_its_limits_is_told_and_the_least_stands_in(number: Any) -> None:
    told = f"x: {number!r} must be a whole number, 2 to 5"
    assert read(number, lambda reader: reader.whole("x", None, 2, 5)) == (2, [told])


def test_yes_is_no_number_even_where_one_would_do() -> None:
    assert read(True, lambda reader: reader.count("x", 7, 1, 5))[1] == ["x: True must be a whole number, 1 to 5"]


def test_numbers_begin_at_nothing_and_end_at_a_million() -> None:
    assert (MAX_COUNT, MAX_DAYS) == (1_000_000, 3650)
    for number, wrong in ((0, False), (MAX_COUNT, False), (-1, True), (MAX_COUNT + 1, True)):
        assert bool(read(number, lambda reader: reader.whole("x", None))[1]) is wrong
        assert bool(read(number, lambda reader: reader.count("x", 7))[1]) is wrong


def test_a_number_that_is_left_out_is_the_usual_one_or_none_and_nothing_is_a_number_too() -> None:
    assert read(None, lambda reader: reader.count("x", 7, 1)) == (7, [])
    assert read(None, lambda reader: reader.whole("x", None, 1)) == (None, [])
    assert read(0, lambda reader: reader.count("x", 7)) == (0, [])


@pytest.mark.parametrize(("days", "span"), [(0, timedelta(0)), (3650, timedelta(days=3650)), (None, timedelta(days=9))])
def test_days_are_taken_up_to_ten_years(days: int | None, span: timedelta) -> None:
    assert read(days, lambda reader: reader.days("x", 9)) == (span, [])


@pytest.mark.parametrize("days", [-1, 3651, True, 1.0, "9"])
def test_what_are_no_days_is_told(days: Any) -> None:
    told = f"x: {days!r} must be a whole number of days, 0 to 3650"
    assert read(days, lambda reader: reader.days("x", 9)) == (timedelta(0), [told])
    assert read(None, lambda reader: reader.days("x", None)) == (None, [])


@pytest.mark.parametrize(
    ("written", "money"),
    [("10.00 EUR", Money(1000, "EUR")), ("10.000 EUR", Money(1000, "EUR")), ("0.01 EUR", Money(1, "EUR")),
     ("10  EUR ", Money(1000, "EUR")), ("1.250 KWD", Money(1250, "KWD")), ("500 JPY", Money(500, "JPY")), (None, None)],
)  # fmt: skip
def test_money_is_taken_to_the_coin(written: str | None, money: Money | None) -> None:
    assert read(written, lambda reader: reader.money("x")) == (money, [])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("10.005 EUR", "x: '10.005 EUR' has a part of a coin: EUR has 2 digits"),
        ("10.5 JPY", "x: '10.5 JPY' has a part of a coin: JPY has 0 digits"),
        ("0.00 EUR", "x: '0.00 EUR' must be an amount and its currency, such as \"10.00 EUR\""),
        ("-0.01 EUR", "x: '-0.01 EUR' must be an amount and its currency, such as \"10.00 EUR\""),
        (10, 'x: 10 must be an amount and its currency, such as "10.00 EUR"'),
    ],
)
def test_what_is_no_money_is_told_and_nothing_stands_in_for_it(written: Any, told: str) -> None:
    assert read(written, lambda reader: reader.money("x")) == (None, [told])


@pytest.mark.parametrize(
    ("written", "basis_points"),
    [(10, 1000), ("12.340", 1234), (12.34, 1234), (100, 10_000), (0.01, 1), (" 12.34 ", 1234), (None, 0)],
)
def test_a_percentage_is_taken_to_two_digits(written: Any, basis_points: int) -> None:
    assert read(written, lambda reader: reader.percent("x")) == (basis_points, [])


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (0, "x: 0 must be more than 0 and at most 100"),
        (100.01, "x: 100.01 must be more than 0 and at most 100"),
        (True, "x: True must be more than 0 and at most 100"),
        ("ten", "x: 'ten' must be more than 0 and at most 100"),
        ("12.345", "x: '12.345' must have at most 2 digits after the point"),
    ],
)
def test_what_is_no_percentage_is_told_and_promises_nothing(written: Any, told: str) -> None:
    assert read(written, lambda reader: reader.percent("x")) == (0, [told])


@pytest.mark.parametrize("default", [True, False])
def test_yes_and_no_are_taken_and_else_the_usual_answer_stands_in(default: bool) -> None:
    assert read(None, lambda reader: reader.flag("x", default=default)) == (default, [])
    assert read(not default, lambda reader: reader.flag("x", default=default)) == (not default, [])
    told = ["x: 'maybe' must be true or false"]
    assert read("maybe", lambda reader: reader.flag("x", default=default)) == (default, told)


# ── Lists and sections ───────────────────────────────────────────────────────────────────────────────────────────


def test_texts_keep_their_order_and_labels_are_compared_without_regard_to_case() -> None:
    assert read(["b", "A"], lambda reader: reader.texts("x")) == (("b", "A"), [])
    assert read([" Tea ", 4711, "TEA"], lambda reader: reader.labels("x")) == (frozenset({"tea", "4711"}), [])
    assert read(None, lambda reader: (reader.texts("x"), reader.labels("x"), reader.rows("x"), reader.table("x"))) == (
        ((), frozenset(), [], {}),
        [],
    )


@pytest.mark.parametrize("value", ["tea", {"tea": 1}, ["tea", None]])
def test_what_is_no_list_of_texts_is_told(value: Any) -> None:
    assert read(value, lambda reader: reader.texts("x")) == ((), ["x: write a list of texts"])
    assert read(value, lambda reader: reader.labels("x")) == (frozenset(), ["x: write a list of texts"])


@pytest.mark.parametrize("value", [False, 1.5, "", " "])
def test_what_nobody_meant_as_a_label_is_told(value: Any) -> None:
    assert read(["tea", value], lambda reader: reader.labels("x")) == (frozenset(), ["x: write a list of texts"])


def test_rows_are_told_of_by_their_number_and_all_together() -> None:
    reader = Reader({"x": [{"at": 1}, {"at": "two", "more": 3}]}, "list.2.")
    assert [row.count("at", 0) for row in reader.rows("x")] == [1, 0]
    for row in reader.rows("x"):
        row.get("at")
        row.leftovers()
    assert reader.problems == [
        "list.2.x.2.at: 'two' must be a whole number, 0 to 1000000",
        "list.2.x.2.more: no such setting; take it out",
    ]


@pytest.mark.parametrize("value", [5, {"at": 1}, [{"at": 1}, "at"]])
def test_what_are_no_rows_is_told(value: Any) -> None:
    assert read(value, lambda reader: reader.rows("x")) == ([], ["x: write a list of `- setting: value` sections"])


def test_the_names_in_a_table_are_the_merchants_own() -> None:
    reader = Reader({"rates": {"USD": "0.92 EUR"}, "points": ["velocity"]})
    assert (reader.table("rates"), reader.table("points")) == ({"USD": "0.92 EUR"}, {})
    assert reader.problems == ["points: write it as a section of `name: value` lines"]
    reader.leftovers()
    assert len(reader.problems) == 1, "nothing in a table is left over"


# ── What is left over ────────────────────────────────────────────────────────────────────────────────────────────


def left(data: dict[Any, Any], *asked: str) -> list[str]:
    reader = Reader(data)
    for key in asked:
        reader.get(key)
    reader.leftovers()
    return reader.problems


def test_whatever_nobody_asked_for_is_told_where_it_stands() -> None:
    assert left({"name": "Tea", "links": {"path": "/"}}, "name", "links.path", "links.hosts") == []
    assert left({"colour": "green", "links": {"door": 1}}, "name", "links.path") == [
        "colour: no such setting; take it out",
        "links.door: no such setting; take it out",
    ]
    assert left({"links": "/"}, "links.path") == ["links: write it as a section of `setting: value` lines"]
    assert left({7: 1, "links": {8: 1}}, "links.path") == [
        "7: no such setting; take it out",
        "links.8: no such setting; take it out",
    ]


@pytest.mark.parametrize(
    "written",
    ["hold_day", "hold_dayss", "hold_dais", "hodl_days", "ohld_days", "hold_dasy", "old_days", "xhold_days", "Hold_days"],
)  # fmt: skip
def test_one_slip_of_the_finger_is_recognised_wherever_it_is(written: str) -> None:
    assert left({written: 1}, "name", "hold_days", "links.path") == [
        f"{written}: no such setting; did you mean hold_days?"
    ]
    assert left({"links": {written: 1}}, "links.hold_days", "name") == [
        f"links.{written}: no such setting; did you mean hold_days?"
    ]


@pytest.mark.parametrize("written", ["hold", "hold_dayxx", "ohld_dasy", "hxld_dxys", "days_hold", "lohd_days", ""])
def test_whatever_is_further_away_is_no_slip(written: str) -> None:
    assert left({written: 1}, "hold_days") == [f"{written}: no such setting; take it out"]


def test_a_setting_of_another_section_is_not_what_was_meant() -> None:
    assert left({"paths": 1}, "links.path") == ["paths: no such setting; take it out"]
    assert left({"links": {"name": 1}}, "name", "links.path") == ["links.name: no such setting; take it out"]
    assert left({"links": {"nam": 1}}, "name", "links.path") == ["links.nam: no such setting; take it out"]
    assert left({"link": {"path": "/"}}, "links.path") == ["link: no such setting; did you mean links?"]
    assert left({"links": {"cat": 1}}, "links.bat", "links.car") == ["links.cat: no such setting; did you mean bat?"]


# ── How things are shown ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_is_shown_as_it_was_written_up_to_eighty_letters() -> None:
    assert shown("x" * 78) == "'" + "x" * 78 + "'"
    assert shown("x" * 79) == "'" + "x" * 79 + "..."
    assert shown(10**5000) == "a number without end"
    assert listed({"b", "a"}) == "a, b"


def test_a_setting_below_something_that_is_no_section_is_not_there() -> None:
    reader = Reader({"links": "/", "offer": {"kind": None}})
    assert (reader.get("links.path", "?"), reader.get("offer.kind", "?"), reader.get("offer.kind.x", "?")) == ("?",) * 3
    assert (reader.has("links"), reader.has("offer.kind"), reader.has("nothing")) == (True, False, False)
