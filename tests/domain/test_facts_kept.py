"""Facts live for years: under which key each is kept, what is stored of one that says little, and which of two stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from connector.domain import facts as f
from connector.domain.money import Money
from connector.store.facts import plain_fact
from tests.domain.story import BEN, at, money

DAY = at("d0")
DEAL, ORDER, PERSON = f.ObjectRef("deal", "D1"), f.ObjectRef("order", "7"), f.ObjectRef("person", str(BEN))
CREDIT = UUID(int=9)
#: Rows of years ago bear these keys: a fact under another one no longer replaces what was told before, and counts twice.
KEYS: list[tuple[f.Fact, str]] = [
    (f.OrderPaid(ORDER, DAY, DAY, DAY), "paid:order:7"),
    (f.InvoicePaid(f.ObjectRef("invoice", "I1"), DAY, DAY, DAY), "paid:invoice:I1"),
    (f.LeadCreated(f.ObjectRef("lead", "L1"), DAY, DAY, DAY), "paid:lead:L1"),
    (f.StageReached(DEAL, DAY, DAY, DAY, stage="Demo Booked"), "stage:deal:D1:demo booked"),
    (f.PropertyReached(DEAL, DAY, DAY, DAY, name="Plan", value="Gold"), "property:deal:D1:plan=gold"),
    (f.DealWon(DEAL, DAY, DAY, DAY), "won:deal:D1"),
    (f.DealReopened(DEAL, DAY, DAY), "won:deal:D1"),
    (f.JobDone(f.ObjectRef("job", "J1"), DAY, DAY, DAY), "done:job:J1"),
    (f.OrderFulfilled(ORDER, DAY, DAY), "fulfilled:order:7"),
    (f.OrderRefunded(ORDER, DAY, DAY, "r1", money("1.00 EUR")), "refunded:order:7:r1"),
    (f.Judged(f.ObjectRef("referral", "R"), DAY, DAY, "Eva", approved=True, reason=""), "judged:referral:R"),
    (f.Appealed(f.ObjectRef("referral", "R"), DAY, DAY, "Anna", ""), "appealed:referral:R"),
    (f.Enrolled(PERSON, DAY, DAY, "friends", "staff"), f"enrolled:{BEN}"),
    (f.CareRaised(DEAL, DAY, DAY, "ticket", still=True), "care:ticket:deal:D1"),
    (f.RewardReleased(ORDER, DAY, DAY, "Eva"), "released:order:7"),
    (f.CreditRedeemed(PERSON, DAY, DAY, CREDIT, money("1.00 EUR")), f"redeemed:{CREDIT}"),
    (f.CreditLapsed(PERSON, DAY, DAY, CREDIT, money("1.00 EUR")), f"lapsed:{CREDIT}"),
    (f.CreditExpiring(PERSON, DAY, DAY, CREDIT, money("1.00 EUR"), DAY), f"expiring:{CREDIT}"),
]  # fmt: skip


@pytest.mark.parametrize(("fact", "key"), KEYS, ids=[key for _, key in KEYS])
def test_every_fact_is_kept_under_the_key_of_all_years(fact: f.Fact, key: str) -> None:
    assert fact.key == key


def test_no_kind_of_fact_is_missing_from_the_table() -> None:
    assert {type(fact) for fact, _ in KEYS} == set(f.Fact.__args__)


@pytest.mark.parametrize(
    ("deed", "more"),
    [
        (f.OrderPaid(ORDER, DAY, DAY, DAY), {}),
        (f.JobDone(ORDER, DAY, DAY, DAY), {"by": ""}),
        (f.StageReached(ORDER, DAY, DAY, DAY), {"stage": ""}),
        (f.PropertyReached(ORDER, DAY, DAY, DAY), {"name": "", "value": ""}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_a_deed_of_which_little_is_told_nothing_is_made_up(deed: f.Deed, more: dict[str, str]) -> None:
    """Neither a trial, nor a country, nor a currency: each of them would cost somebody their reward."""
    told = {"is": type(deed).__name__, "kind": "order", "id": "7", "at": DAY}
    assert plain_fact(deed) == {**told, "placed": DAY, "test": False, "first": None, **more}  # type: ignore[arg-type]


def test_of_a_release_that_no_step_waits_for_nobody_is_told() -> None:
    assert f.RewardReleased(ORDER, DAY, DAY, "Eva").run == ""


def test_trouble_of_which_nobody_says_a_word_is_stored_without_words() -> None:
    assert plain_fact(f.CareRaised(DEAL, DAY, DAY, "ticket", still=True))["words"] == ""


# ── Which of two stands ──────────────────────────────────────────────────────────────────────────────────────────


class Label(str):
    """A label that sets keep in the order in which it came: from one process to the next, that of a text differs."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 1


def item(labels: Iterable[str], price: str = "5.00 EUR", tax: Money | None = None) -> f.Item:
    return f.Item(frozenset(labels), money(price), tax)


def bought(*items: f.Item) -> f.OrderPaid:
    return f.OrderPaid(ORDER, DAY, DAY, DAY, money("10.00 EUR"), items=items)


def stands(*told: f.Fact) -> dict[str, f.Fact]:
    return f.newest(told)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (bought(item(["tea"])), bought(item(["cup"]))),
        (bought(item(["tea"])), bought(item(["tea", "sale"]))),
        (bought(item(["tea"])), bought(item(["tea"], "6.00 EUR"))),
        (bought(item(["tea"])), bought(item(["tea"], tax=money("1.00 EUR")))),
        (bought(item(["tea"]), item(["cup"])), bought(item(["cup"]), item(["tea"]))),
        (bought(item(["tea"])), bought()),
        (bought(), replace(bought(), items=None)),
    ],
)
def test_of_two_versions_of_one_instant_the_same_one_stands_whichever_came_first(one: f.Deed, other: f.Deed) -> None:
    assert stands(one, other) == stands(other, one)  # type: ignore[arg-type]


def test_of_two_versions_of_one_instant_the_same_one_stands_in_every_process() -> None:
    tea, green = Label("tea"), Label("green")
    here, there = bought(item([tea, green])), bought(item([green, tea]))
    assert here == there and repr(here) != repr(there), "the sets of this test must differ in their order alone"
    other = bought(item([Label("mug")]))  # in the alphabet, it lies between the two
    assert stands(here, other) == stands(there, other)


def test_what_happened_later_stands_where_two_were_told_at_once() -> None:
    early: Any = bought(item(["tea"]))
    late = replace(early, happened_at=at("d1"), items=())
    assert stands(early, late) == stands(late, early) == {"paid:order:7": late}
