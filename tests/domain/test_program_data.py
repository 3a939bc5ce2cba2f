"""A merchant's program means what they wrote; whatever is wrong in it is told at once, each with its remedy."""

from datetime import timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.money import Money
from connector.domain.program import Mode, Offer, Program, RewardRule
from connector.domain.program_data import parse
from connector.domain.touch import Source
from connector.errors import ConfigError

SMALLEST: dict[str, Any] = {"name": "Friends", "advocate": {"amount": "10.00 EUR"}}


def problems(data: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(data)
    return refused.value.problems


def test_the_smallest_program_gets_careful_defaults() -> None:
    assert parse(SMALLEST) == Program(
        name="Friends",
        slug="friends",
        mode=Mode.LIVE,
        event="order_paid",
        window=timedelta(days=30),
        hold=timedelta(days=14),
        advocate_reward=RewardRule("balance", Money(1000, "EUR")),
        last_touch=True,
        precedence=tuple(Source),
        minimum_net=None,
        new_customers_only=True,
        redirect_hosts=(),
        landing="/",
    )


def test_everything_a_merchant_may_write_is_taken_as_written() -> None:
    text = """
        name: Tea for Two
        slug: tea
        mode: test
        event: order_paid
        window_days: 60
        hold_days: 0
        minimum_net: 50.00 EUR
        new_customers_only: false
        attribution: {touch: first, precedence: [staff, redeem_code]}
        advocate: {kind: balance, percent: 12.5, cap: 40.00 EUR, expires_days: 365}
        links: {hosts: [anna.example.com, tea.example.com], path: /collections/all}
    """
    assert parse(yaml.safe_load(text)) == Program(
        name="Tea for Two",
        slug="tea",
        mode=Mode.TEST,
        event="order_paid",
        window=timedelta(days=60),
        hold=timedelta(0),
        advocate_reward=RewardRule("balance", None, 1250, Money(4000, "EUR"), timedelta(days=365)),
        last_touch=False,
        precedence=(Source.STAFF, Source.REDEEM_CODE),
        minimum_net=Money(5000, "EUR"),
        new_customers_only=False,
        redirect_hosts=("anna.example.com", "tea.example.com"),
        landing="/collections/all",
    )


@pytest.mark.parametrize(
    ("percent", "basis_points"),
    [("10", 1000), ("10.0", 1000), ("12.34", 1234), ("'7.5'", 750), ("100", 10_000), ("0.01", 1)],
)
def test_a_percent_is_kept_exactly(percent: str, basis_points: int) -> None:
    data = yaml.safe_load(f"{{name: F, advocate: {{percent: {percent}}}}}")
    assert parse(data).rewards["advocate"].percent_bp == basis_points


BAD: list[tuple[dict[Any, Any], str]] = [
    ({"name": ""}, "name: write a text"),
    ({"name": 7}, "name: write a text"),
    ({"name": None}, "name: write a text"),
    ({"slug": ["x"]}, "slug: write a text"),
    ({"mode": "pilots"}, "mode: 'pilots' is none of shadow, test, pilot, live"),
    ({"mode": "pilot"}, "pilot: say who takes part: a section `pilot`"),
    ({"mode": ["live"]}, "mode: ['live'] is none of"),
    ({"event": "deal_lost"}, "event: 'deal_lost' is none of order_paid"),
    ({"window_days": -1}, "window_days: -1 must be a whole number of days, 0 to 3650"),
    ({"window_days": 3651}, "window_days: 3651 must be"),
    ({"window_days": 1.5}, "window_days: 1.5 must be"),
    ({"window_days": "30"}, "window_days: '30' must be"),
    ({"hold_days": True}, "hold_days: True must be"),
    ({"minimum_net": "50"}, "minimum_net: '50' must be an amount and its currency"),
    ({"minimum_net": 50}, "minimum_net: 50 must be an amount and its currency"),
    ({"minimum_net": "-1.00 EUR"}, "minimum_net: '-1.00 EUR' must be"),
    ({"minimum_net": "0.00 EUR"}, "minimum_net: '0.00 EUR' must be"),
    ({"minimum_net": "1e400 EUR"}, "minimum_net: '1e400 EUR' must be"),
    ({"minimum_net": "NaN EUR"}, "minimum_net: 'NaN EUR' must be"),
    ({"minimum_net": "10,00 EUR"}, 'such as "10.00 EUR"'),
    ({"minimum_net": "10.00 euros"}, 'such as "10.00 EUR"'),
    ({"minimum_net": ["10.00 EUR"]}, 'such as "10.00 EUR"'),
    ({"new_customers_only": "yes"}, "new_customers_only: 'yes' must be true or false"),
    ({"new_customers_only": 1}, "new_customers_only: 1 must be true or false"),
    ({"attribution": {"touch": "middle"}}, "attribution.touch: 'middle' is none of first, last"),
    ({"attribution": {"precedence": "click"}}, "attribution.precedence: write a list of texts"),
    ({"attribution": {"precedence": [1]}}, "attribution.precedence: write a list of texts"),
    ({"attribution": {"precedence": ["clicks"]}}, "attribution.precedence: name each of redeem_code,"),
    ({"attribution": {"precedence": ["click", "click"]}}, "at most once"),
    ({"advocate": {}}, "advocate: give either"),
    ({"advocate": None}, "advocate: promise something"),
    ({"advocate": 10}, "advocate: give either"),
    ({"advocate": {"amount": "10.00 EUR", "percent": 10}}, "not both, not neither"),
    ({"advocate": {"percent": 0}}, "advocate.percent: 0 must be more than 0 and at most 100"),
    ({"advocate": {"percent": 100.01}}, "advocate.percent: 100.01 must be"),
    ({"advocate": {"percent": -5}}, "advocate.percent: -5 must be"),
    ({"advocate": {"percent": "10%"}}, "advocate.percent: '10%' must be"),
    ({"advocate": {"percent": True}}, "advocate.percent: True must be"),
    ({"advocate": {"percent": float("nan")}}, "advocate.percent: nan must be"),
    ({"advocate": {"percent": 1e300}}, "advocate.percent: 1e+300 must be"),
    ({"advocate": {"amount": "0.001 EUR"}}, "advocate.amount: '0.001 EUR' must be"),
    ({"advocate": {"percent": 10, "cap": "0 EUR"}}, "advocate.cap: '0 EUR' must be"),
    ({"advocate": {"percent": 10, "expires_days": 0}}, "advocate.expires_days: must be at least 1, or left out"),
    ({"advocate": {"percent": 10, "expires_days": "soon"}}, "advocate.expires_days: 'soon' must be"),
    (
        {"advocate": {"percent": 10, "kind": "cash"}},
        "advocate.kind: 'cash' is none of balance, code, gift_card, points, native",
    ),
    ({"links": {"hosts": "anna.example.com"}}, "links.hosts: write a list of texts"),
    ({"links": {"path": "collections"}}, "links.path: 'collections' must be a path on the shop"),
    ({"links": {"path": "//evil.example"}}, "links.path: '//evil.example' must be"),
    ({"links": {"path": "/\\evil.example"}}, "must be a path on the shop"),
    ({"links": {"path": "https://evil.example/"}}, "must be a path on the shop"),
    ({"hold_day": 14}, "hold_day: no such setting"),
    ({7: 7}, "7: no such setting"),
]


@pytest.mark.parametrize(("change", "told"), BAD, ids=[str(change) for change, _ in BAD])
def test_each_mistake_is_told_with_its_remedy_and_the_mended_program_is_taken(
    change: dict[Any, Any], told: str
) -> None:
    assert [problem for problem in problems({**SMALLEST, **change}) if told in problem]
    assert parse(SMALLEST).name == "Friends"


def test_all_mistakes_of_one_program_are_told_at_once() -> None:
    data = {
        "name": "",
        "mode": "maybe",
        "window_days": -1,
        "hold_days": "two",
        "minimum_net": "ten",
        "new_customers_only": "no",
        "attribution": {"touch": "both", "precedence": ["luck"]},
        "advocate": {"kind": "cash", "percent": 200, "cap": "x", "expires_days": 0},
        "links": {"hosts": [1], "path": "x"},
        "colour": "green",
    }
    told = problems(data)
    keys = [
        "name:", "mode:", "window_days:", "hold_days:", "minimum_net:", "new_customers_only:", "attribution.touch:",
        "attribution.precedence:", "advocate.kind:", "advocate.percent:", "advocate.cap:", "advocate.expires_days:",
        "links.hosts:", "links.path:", "colour:",
    ]  # fmt: skip
    assert sorted(keys) == sorted(key for key in keys if any(problem.startswith(key) for problem in told))
    assert len(told) == len(keys)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys_ = st.sampled_from(
    ["name", "slug", "mode", "event", "window_days", "hold_days", "minimum_net", "new_customers_only", "attribution",
     "advocate", "links"]
)  # fmt: skip


@given(st.dictionaries(keys_, plain))
def test_no_data_at_all_breaks_the_reading_of_a_program(data: dict[str, Any]) -> None:
    try:
        parse(data)
    except ConfigError as refused:
        assert refused.problems
        assert all(": " in problem for problem in refused.problems)


@pytest.mark.parametrize(
    "change",
    [
        {"advocate": {"amount": "10.00 EUR", "expire_days": 90}},
        {"attribution": {"touches": "first"}},
        {"links": {"host": ["anna.example.com"]}},
    ],
)
def test_a_misspelt_nested_setting_is_told(change: dict[str, Any]) -> None:
    assert [problem for problem in problems({**SMALLEST, **change}) if "no such setting" in problem]


@pytest.mark.parametrize("change", [{"attribution": "first"}, {"links": ["anna.example.com"]}])
def test_a_section_written_as_a_single_value_is_told(change: dict[str, Any]) -> None:
    assert problems({**SMALLEST, **change})


def test_a_cap_in_another_currency_than_the_promise_is_told_when_it_is_saved() -> None:
    assert problems({**SMALLEST, "advocate": {"amount": "10.00 EUR", "cap": "5.00 USD"}})


def test_one_mistake_is_told_once() -> None:
    assert len(problems({**SMALLEST, "advocate": {"amount": "10,00 EUR"}})) == 1


def test_a_percentage_is_held_to_its_cap_and_a_fixed_amount_never_crosses_currencies() -> None:
    rule = RewardRule("balance", percent_bp=1000, cap=Money(500, "EUR"))
    assert [rule.full(Money(net, "EUR")).minor for net in (4_990, 5_000, 5_010, 90_000)] == [499, 500, 500, 500]
    with pytest.raises(ValueError, match="promise is in EUR, the order in USD"):
        RewardRule("balance", Money(500, "EUR")).full(Money(5_000, "USD"))
    with pytest.raises(ValueError, match="nothing to take it of"):
        rule.full(None)


WHOLE: dict[str, Any] = {
    **SMALLEST,
    "advocate": {
        "kind": "balance",
        "fallback": ["gift_card", "code"],
        "amount": "10.00 EUR",
        "expires_days": 90,
        "remind_days": 7,
    },
    "friend": {"kind": "code", "percent": 5},
    "offer": {"kind": "percent", "percent": 15, "minimum": "30.00 EUR"},
}


def test_a_program_with_two_sides_and_an_offer_is_taken_as_written() -> None:
    program = parse(WHOLE)
    assert program.rewards["advocate"].kinds == ("balance", "gift_card", "code")
    assert program.rewards["advocate"].remind_before == timedelta(days=7)
    assert program.rewards == {"advocate": program.advocate_reward, "friend": RewardRule("code", percent_bp=500)}
    assert program.offer == Offer("percent", 1500, minimum=Money(3000, "EUR"))


@pytest.mark.parametrize(
    ("offer", "told"),
    [
        ({"kind": "percent"}, ["offer.percent: is missing"]),
        ({"kind": "amount"}, ["offer.amount: is missing"]),
        ({"kind": "gift"}, ["offer.product: is missing", "offer.collection: is missing"]),
        ({"kind": "shipping", "percent": 10}, ["offer.percent: does not belong to a shipping offer; take it out"]),
        (
            {"kind": "percent", "percent": 10, "product": "gid://1"},
            ["offer.product: does not belong to a percent offer; take it out"],
        ),
        ({"kind": "percent", "percent": 0}, ["offer.percent: 0 must be more than 0 and at most 100"]),
        ({"kind": "cake", "percent": 5}, ["offer.kind: 'cake' is none of percent, amount, shipping, gift"]),
        (
            {"kind": "amount", "amount": "5.00 USD"},
            ["minimum_net: the program names amounts in EUR, USD; use one currency"],
        ),
    ],
)
def test_each_mistake_in_an_offer_is_told(offer: dict[str, Any], told: list[str]) -> None:
    assert problems({**SMALLEST, "offer": offer}) == told


def test_the_advocate_may_go_without_where_anything_else_is_promised() -> None:
    for other in (
        {"friend": {"percent": 5}},
        {"offer": {"kind": "shipping"}},
        {"milestones": [{"at": 3, "percent": 5}]},
    ):
        assert parse({"name": "Friends", **other}).advocate_reward is None
    assert problems({"name": "Friends"}) == [
        "advocate: promise something: a reward to the advocate, to the friend, or an offer"
    ]


def test_a_won_deal_may_qualify_and_so_may_all_else_that_can_be_told() -> None:
    for event in ("order_fulfilled", "invoice_paid", "lead_created", "deal_won", "job_done"):
        assert parse({**SMALLEST, "event": event}).event == event


@pytest.mark.parametrize("fallback", [["balance"], ["code", "code"], ["cash"]])
def test_a_fallback_is_another_kind_and_each_once(fallback: list[str]) -> None:
    data = {**SMALLEST, "advocate": {"amount": "10.00 EUR", "fallback": fallback}}
    assert problems(data) == [
        "advocate.fallback: name other kinds than balance, each once, of balance, code, gift_card, points, native"
    ]
