"""What exactly a merchant is told to change, no more than the one thing; and who takes part in a pilot, today and tomorrow."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from connector.domain.program import Pilot
from connector.domain.program_data import parse
from connector.domain.remedies import remedies
from connector.domain.rules import takes_part
from connector.domain.stages import decide
from tests.domain.story import BASE, case

TENTH = Pilot(percent_bp=1000)


def orders(**bounds: Any) -> dict[str, Any]:
    return {"orders": bounds}


MUG, NAMELESS = ["d0 order 10.00 EUR items=mug:10.00"], ["d0 order 10.00 EUR items=:10.00"]
CAP, BUDGET = {"amount": "20.00 EUR"}, {"amount": "500.00 EUR"}
#: What the program says, what happened, what else is known, and the settings that would have to differ: None goes out.
CHANGES: list[tuple[dict[str, Any], list[str], dict[str, Any], dict[str, Any]]] = [
    (orders(products=["tea"]), MUG, {}, {"orders.products": ["mug", "tea"]}),
    (orders(except_products=["mug", "sale"]), MUG, {}, {"orders.except_products": ["sale"]}),
    (orders(except_products=["mug"]), MUG, {}, {"orders.except_products": None}),
    (orders(products=["tea"]), NAMELESS, {}, {"orders.products": None}),
    (orders(products=["tea"], except_products=["sale"]), NAMELESS, {}, {"orders.products": None, "orders.except_products": None}),
    (orders(products=["tea"], except_products=["mug", "sale"]), MUG, {},
     {"orders.products": ["mug", "tea"], "orders.except_products": ["sale"]}),
    (orders(countries=["AT"]), ["d0 order 10.00 EUR to=DE"], {}, {"orders.countries": ["at", "de"]}),
    (orders(countries=["AT"]), ["d0 order 10.00 EUR"], {}, {"orders.countries": None}),
    (orders(except_countries=["DE"]), ["d0 order 10.00 EUR to=DE"], {}, {"orders.except_countries": None}),
    (orders(except_countries=["DE", "FR"]), ["d0 order 10.00 EUR to=DE"], {}, {"orders.except_countries": ["fr"]}),
    (orders(countries=["AT"], except_countries=["DE"]), ["d0 order 10.00 EUR to=DE"], {},
     {"orders.countries": ["at", "de"], "orders.except_countries": None}),
    (orders(currencies=["CHF"]), ["d0 order 10.00 EUR in=GBP"], {}, {"orders.currencies": ["CHF", "GBP"]}),
    (orders(currencies=["CHF"]), ["d0 order 10.00 EUR"], {}, {"orders.currencies": ["CHF", "EUR"]}),
    ({"minimum_net": "20.00 EUR"}, ["d0 order 10.00 EUR"], {}, {"minimum_net": "10.00 EUR"}),
    ({"minimum_net": "20.00 EUR"}, ["d0 order 0.00 EUR"], {}, {"minimum_net": None}),
    ({}, ["d0 order 10.00 EUR first=no"], {}, {"new_customers_only": False}),
    ({"mode": "shadow"}, ["d0 order 10.00 EUR"], {}, {"mode": "live", "pilot": None}),
    ({"mode": "shadow", "advocate": {"kind": "thanks"}}, ["d0 order 10.00 EUR"], {}, {"mode": "live", "pilot": None}),
    ({}, [], {"now": "d30"}, {"window_days": 31}),
    (orders(products=["tea"]), ["d0 order 10.00 EUR"], {}, {"orders.products": None, "orders.except_products": None}),
    (orders(tax="excluded"), ["d0 order 10.00 EUR"], {}, {"orders.tax": "included"}),
    ({"advocate": {"amount": "5.00 EUR"}}, ["d0 order 10.00 USD"], {}, {"rates.USD": "1 EUR"}),
    ({"caps": {"rewards": 3}}, ["d0 order 10.00 EUR"], {"standing": {"rewards": 7}}, {"caps.rewards": 8}),
    ({"caps": CAP}, ["d0 order 10.00 EUR"], {"standing": {"earned": "25.00 EUR"}}, {"caps.amount": "26.00 EUR"}),
    ({"budget": BUDGET}, ["d0 order 10.00 EUR"], {"standing": {"spent": "600.00 EUR"}}, {"budget.amount": "601.00 EUR"}),
    ({"budget": {"amount": "0.50 EUR"}}, ["d0 order 10.00 EUR"], {}, {"budget.amount": "1.00 EUR"}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told", "about", "settings"), CHANGES, ids=[f"{c[0]} {c[1]}" for c in CHANGES])
def test_a_merchant_is_told_to_change_exactly_what_stands_in_the_way(
    changes: dict[str, Any], told: list[str], about: dict[str, Any], settings: dict[str, Any]
) -> None:
    remedy = decide(parse({**BASE, **changes}), case(told, **{"now": "d14", **about})).remedy
    assert remedy is not None
    assert dict(remedy.settings) == settings
    assert all(f"`{key}" in remedy.words or key.rpartition(".")[2] in remedy.words for key in settings)


def test_a_tenth_of_all_advocates_is_always_the_same_tenth() -> None:
    """An update that drew lots anew would take promises from some and make them to others."""
    drawn = [n for n in range(1, 60) if takes_part(TENTH, "friends", UUID(int=n), frozenset())]
    assert drawn == [9, 11, 13, 26, 36, 49, 59]


def test_another_program_draws_its_own_lots() -> None:
    drawn = [n for n in range(1, 60) if takes_part(TENTH, "tea", UUID(int=n), frozenset())]
    assert drawn and drawn != [9, 11, 13, 26, 36, 49, 59]


@pytest.mark.parametrize(("advocate", "inside"), [(9584, True), (9948, False)])
def test_a_tenth_is_no_hair_more_and_no_hair_less(advocate: int, inside: bool) -> None:
    assert takes_part(TENTH, "friends", UUID(int=advocate), frozenset()) is inside


@pytest.mark.parametrize("groups", [frozenset(), frozenset({"regulars"}), frozenset({"tag:vip"})])
def test_a_group_is_its_members_and_nobody_else(groups: frozenset[str]) -> None:
    assert takes_part(Pilot(group="regulars"), "friends", UUID(int=9), groups) is ("regulars" in groups)


def test_a_free_order_of_which_money_went_back_needed_a_price_and_nothing_else() -> None:
    story = case(["d0 order 0.00 EUR", "d1 refund 5.00 EUR"])
    assert [remedy.words for remedy in remedies(BASE, story)] == ["A purchase that costs something would earn."]
    of_tea = case(["d0 order 0.00 EUR items=tea:0.00"])
    assert len(remedies({**BASE, **orders(products=["tea"])}, of_tea)) == 1


@pytest.mark.parametrize(
    ("order", "words"),
    [("10.00 EUR", "Set `minimum_net` to 10.00 EUR or less, or take it out."), ("0.00 EUR", "Take `minimum_net` out.")],
)
def test_a_minimum_of_nothing_is_no_minimum(order: str, words: str) -> None:
    remedy = decide(parse({**BASE, "minimum_net": "20.00 EUR"}), case([f"d0 order {order}"])).remedy
    assert remedy is not None and remedy.words == words


def test_what_has_no_name_is_told_in_words() -> None:
    refused = decide(parse({**BASE, **orders(products=["tea"])}), case(NAMELESS))
    assert refused.remedy is not None
    assert refused.remedy.words == "Let the program count things that have no name: change `orders.products`."


def test_a_deal_without_a_price_is_in_no_currency_that_could_be_refused() -> None:
    data = {**BASE, "event": "deal_won", "advocate": {"amount": "5.00 EUR"}, **orders(currencies=["CHF"])}
    assert decide(parse(data), case(["d0 won"])).rule == "released"


def test_a_free_order_would_have_to_cost_something_in_its_own_currency() -> None:
    """Ten million stand for any price: no minimum is above it, and the budget is told what that would take."""
    data = {**BASE, "budget": {"amount": "500.00 USD"}}
    free, budget = remedies(data, case(["d0 order 0.00 USD"]))
    assert free.words == "A purchase that costs something would earn."
    assert budget.words == "Raise `budget.amount` to 1000000.00 USD."
