"""Every setting of a program reaches the rules, each limit lies where the documents say, and one mistake is told once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connector.domain.money import Money, Rate
from connector.domain.program import (
    EVENTS,
    OWN_EVENTS,
    Bounds,
    Budget,
    Caps,
    Clawback,
    Enrolment,
    FraudRules,
    Milestone,
    Offer,
    Payment,
    Period,
    Pilot,
    Review,
    RewardRule,
    Rounding,
    Step,
    Tiers,
    When,
)
from connector.domain.program_data import parse
from connector.domain.stages import decide
from connector.domain.touch import Source
from connector.errors import ConfigError
from tests.domain.story import BASE, case, money

MUG = {"kind": "item", "item": "a mug"}
FIVE = RewardRule("balance", money("5.00 EUR"))


def problems(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse({**BASE, **changes})
    return refused.value.problems


# ── What is written is taken ─────────────────────────────────────────────────────────────────────────────────────

#: What a merchant writes, and what the rules then read of it.
TAKEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"name": "Tea for  Two"}, {"name": "Tea for  Two", "slug": "tea-for-two"}),
    ({"source": "a-shop"}, {"source": "a-shop"}),
    ({}, {"source": "", "stays": timedelta(0), "late_after": timedelta(days=1), "rates": {}, "bounds": Bounds()}),
    ({"late_days": 0, "window_days": 0}, {"late_after": timedelta(0), "window": timedelta(0)}),
    ({"event": "deal_won", "qualify": {"stays_days": 3}}, {"event": "deal_won", "stays": timedelta(days=3)}),
    ({"qualify": {"payment": "nth", "payments": 1000}}, {"payment": Payment.NTH, "payments": 1000}),
    ({"event": "property_reached", "advocate": {"amount": "5.00 EUR"}, "qualify": {"property": "plan", "value": "paid"}},
     {"property_name": "plan", "property_value": "paid", "stage": "", "advocate_reward": FIVE}),
    ({"rates": {"USD": "0.92 EUR"}}, {"rates": {"USD": Rate("USD", "EUR", "0.92")}}),
    ({"rates": {"USD": "0.92  EUR "}}, {"rates": {"USD": Rate("USD", "EUR", "0.92")}}),
    ({"clawback": {"shortfall": "net"}}, {"netted": True, "clawback": Clawback.TAKE}),
    ({"clawback": {"after_issue": "absorb", "shortfall": "absorb"}}, {"netted": False, "clawback": Clawback.ABSORB}),
    ({"offer": {"kind": "gift", "product": "p1", "collection": "c1", "minimum": "9.00 EUR"}},
     {"offer": Offer("gift", product="p1", collection="c1", minimum=money("9.00 EUR"))}),
    ({"offer": {"kind": "amount", "amount": "5.00 EUR"}}, {"offer": Offer("amount", amount=money("5.00 EUR"))}),
    ({"advocate": {**MUG, "amount": "8.00 EUR"}}, {"advocate_reward": RewardRule("item", money("8.00 EUR"), item="a mug")}),
    ({"advocate": {"percent": 10, "rounding": "up", "remind_days": 0, "expires_days": 1}},
     {"advocate_reward": RewardRule("balance", None, 1000, None, timedelta(days=1), remind_before=timedelta(0), rounding=Rounding.UP)}),
    ({"tiers": {"period": "year", "steps": [{"from": 2, "amount": "5.00 EUR"}]}}, {"tiers": Tiers(Period.YEAR, (Step(2, FIVE),))}),
    ({"milestones": [{"at": 1, "amount": "5.00 EUR"}]}, {"milestones": (Milestone(1, FIVE),)}),
    ({"caps": {"rewards": 1}}, {"caps": Caps(Period.EVER, 1, None)}),
    ({"budget": {"amount": "9.00 EUR"}}, {"budget": Budget(money("9.00 EUR"), Period.EVER, 80)}),
    ({"budget": {"amount": "9.00 EUR", "warn_percent": 100, "period": "month"}}, {"budget": Budget(money("9.00 EUR"), Period.MONTH, 100)}),
    ({"mode": "pilot", "pilot": {"percent": 10, "cap": 1}}, {"pilot": Pilot(percent_bp=1000, cap=1)}),
    ({"review": {"when": "always", "within_days": 0, "decline_after_days": 0}}, {"review": Review(When.ALWAYS, timedelta(0), timedelta(0))}),
    ({"fraud": {"flag": 1, "block": 1}}, {"fraud": FraudRules(1, 1)}),
    ({"enrol": {"ways": ["staff", "file", "order", "deal", "list", "join"]}}, {"enrolment": Enrolment()}),
    ({"enrol": {"lists": ["VIPs", "Staff"]}}, {"enrolment": Enrolment(lists=("VIPs", "Staff"))}),
    ({"enrol": {"ways": ["list"], "property": "segment", "value": "vip"}},
     {"enrolment": Enrolment(frozenset({"list"}), property_name="segment", property_value="vip")}),
    ({"enrol": {"vanity_by": "nobody", "after_order": True, "ways": ["join"]}}, {"enrolment": Enrolment(frozenset({"join"}), True, "nobody")}),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "read"), TAKEN, ids=[str(changes) for changes, _ in TAKEN])
def test_what_a_merchant_writes_is_what_the_rules_read(changes: dict[str, Any], read: dict[str, Any]) -> None:
    program = parse({**BASE, **changes})
    assert {name: getattr(program, name) for name in read} == read


def test_every_setting_against_fraud_is_taken_and_what_is_left_out_is_as_the_documents_say() -> None:
    written = {
        "flag": 1, "block": 2, "points": {"velocity": 0, "network": 1000}, "velocity": 3, "velocity_days": 4,
        "network": 5, "network_days": 6, "guesses": 7, "ring_percent": 8, "employees": ["Annas-Tea.com"],
        "coupon_sites": ["spar.example"],
    }  # fmt: skip
    assert parse({**BASE, "fraud": written}).fraud == FraudRules(
        1, 2, {"velocity": 0, "network": 1000}, 3, 4, 5, 6, 7, 8, frozenset({"annas-tea.com"}), frozenset({"spar.example"})
    )  # fmt: skip
    assert parse(BASE).fraud == FraudRules(50, 100, {}, 20, 1, 5, 7, 10, 50, frozenset(), frozenset())


def test_where_links_go_first_codes_keep_their_order_behind_them_and_nothing_is_lost() -> None:
    links = (Source.CART_ATTRIBUTE, Source.LANDING_SITE, Source.LAST_VISIT, Source.FIRST_VISIT, Source.CLICK)
    others = (Source.REDEEM_CODE, Source.CART_HINT, Source.CRM_FIELD, Source.FORM, Source.STAFF, Source.CLAIM)
    assert parse({**BASE, "attribution": {"prefer": "link"}}).precedence == (*links, *others)
    assert parse({**BASE, "attribution": {"prefer": "code"}}).precedence == tuple(Source)


def test_what_staff_record_is_among_what_may_qualify() -> None:
    assert set(EVENTS) >= OWN_EVENTS == {"job_done"}


@pytest.mark.parametrize(
    "changes",
    [{"budget": {"amount": "500.00 USD"}}, {"caps": {"amount": "500.00 USD"}}, {"minimum_net": "1.00 USD"},
     {"friend": {"amount": "1.00 USD"}}, {"tiers": {"steps": [{"from": 2, "amount": "1.00 USD"}]}},
     {"milestones": [{"at": 9, "amount": "1.00 USD"}]}, {"rates": {"CHF": "1.1 USD"}, "advocate": {"amount": "5.00 USD"}}],
    ids=str,
)  # fmt: skip
def test_a_program_is_in_the_currency_of_any_amount_that_it_names(changes: dict[str, Any]) -> None:
    program = parse({**BASE, **changes})
    assert program.currency == "USD"
    held = decide(program, case(["d0 order 10.00 EUR"], standing={"earned": "0.00 USD", "spent": "0.00 USD"}))
    assert held.rule != "currency" or (held.remedy is not None and held.remedy.settings == (("rates.EUR", "1 USD"),))


# ── What is wrong is told once ───────────────────────────────────────────────────────────────────────────────────

NO_ITEM = 'an item needs `item: "a mug"` and what it costs you, `amount: "8.00 EUR"`'
NEITHER = 'give either `amount: "10.00 EUR"` or `percent: 10`, not both, not neither'
WHO = 'pilot: say who takes part: either `group: "tag:vip"` or `percent: 10`'
NO_LIST = "add list, since `enrol.lists` or `enrol.property` let people in that way"
#: One mistake each, and all that is told of it.
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"orders": {"except_countries": ["Germany"]}}, "orders.except_countries: germany: write countries as two letters, such as DE"),
    ({"rates": {"USD": "0.92 euro"}, "minimum_net": "5.00 EUR"}, "rates.USD: '0.92 euro': write what one USD is worth, such as \"0.92 EUR\""),
    ({"rates": {"USD": "much EUR"}}, "rates.USD: 'much EUR': write what one USD is worth, such as \"0.92 EUR\""),
    ({"rates": {"USD": "1 USD "}}, "rates.USD: '1 USD ': write what one USD is worth, such as \"0.92 EUR\""),
    ({"advocate": {**MUG, "percent": 5}}, f"advocate: {NO_ITEM}"),
    ({"advocate": {**MUG, "amount": "8.00 EUR", "percent": 5}}, f"advocate: {NO_ITEM}"),
    ({"advocate": MUG}, f"advocate: {NO_ITEM}"),
    ({"advocate": {"kind": "item", "amount": "8.00 EUR"}}, f"advocate: {NO_ITEM}"),
    ({"tiers": {"steps": [{"from": 3}]}}, f"tiers.steps.1.reward: {NEITHER}"),
    ({"advocate": {"amount": "9.00 EUR", "cap": "5.00 USD"}}, "advocate.cap: 5.00 USD is not in the currency of advocate.amount"),
    ({"tiers": {"steps": [{"from": 3, "amount": "9.00 EUR", "cap": "5.00 USD"}]}},
     "tiers.steps.1.cap: 5.00 USD is not in the currency of reward.amount"),
    ({"tiers": {"period": "year"}}, "tiers.steps: write at least one step, each with a higher `from` than the one before, from 2 on"),
    ({"tiers": {"steps": [{"from": 2, "amount": "9.00 USD"}]}, "minimum_net": "5.00 EUR"},
     "minimum_net: the program names amounts in EUR, USD; use one currency"),
    ({"caps": {"amount": "9.00 USD"}, "minimum_net": "5.00 EUR"}, "minimum_net: the program names amounts in EUR, USD; use one currency"),
    ({"budget": {"amount": "9.00 USD"}, "minimum_net": "5.00 EUR"}, "minimum_net: the program names amounts in EUR, USD; use one currency"),
    ({"advocate": None, "mode": "life"}, "mode: 'life' is none of shadow, test, pilot, live"),
    ({"budget": {"warn_percent": 50}}, 'budget.amount: say how much the program may cost, such as "5000.00 EUR"'),
    ({"budget": {"amount": "9.00 EUR", "warn_percent": 0}}, "budget.warn_percent: 0 must be a whole number, 1 to 100"),
    ({"mode": "pilot", "pilot": {"cap": 5}}, WHO),
    ({"mode": "pilot", "pilot": {"group": "vip", "percent": 5}}, WHO),
    ({"fraud": {"points": {"velocity": 1001}}}, "fraud.points.velocity: 1001 must be a whole number, 0 to 1000"),
    ({"fraud": {"points": {"velocity": True}}}, "fraud.points.velocity: True must be a whole number, 0 to 1000"),
    ({"fraud": {"flag": 2, "block": 1}}, "fraud.block: 1 is below fraud.flag of 2; blocking takes at least as much"),
    ({"fraud": {"velocity_days": 401}}, "fraud.velocity_days: 401 must be a whole number, 1 to 400"),
    ({"fraud": {"network_days": 0}}, "fraud.network_days: 0 must be a whole number, 1 to 400"),
    ({"fraud": {"ring_percent": 101}}, "fraud.ring_percent: 101 must be a whole number, 1 to 100"),
    ({"fraud": {"coupon_sites": ["spar"]}}, "fraud.coupon_sites: spar: write host names, such as annas-tea.com"),
    ({"enrol": {"property": "segment"}}, "enrol.value: name both: the field, and the value it must have"),
    ({"enrol": {"value": "vip"}}, "enrol.property: name both: the field, and the value it must have"),
    ({"enrol": {"ways": ["staff"], "lists": ["VIPs"]}}, f"enrol.ways: {NO_LIST}"),
    ({"enrol": {"ways": ["staff"], "property": "segment", "value": "vip"}}, f"enrol.ways: {NO_LIST}"),
    ({"mode": "live", "pilot": {"percent": 5}}, "pilot: goes with `mode: pilot` only"),
    ({"advocate": None, "friend": {"percent": 5}, "tiers": {"steps": [{"from": 2, "percent": 5}]}},
     "tiers: tiers raise the advocate's reward: promise one under `advocate` first"),
    ({"event": "lead_created", "advocate": {"amount": "5.00 EUR"}, "minimum_net": "5.00 EUR"},
     "minimum_net: lead_created comes without a price; take it out"),
    ({"event": "lead_created", "advocate": {"amount": "5.00 EUR"}, "orders": {"products": ["tea"]}},
     "orders.products: lead_created comes without a price; take it out"),
    ({"event": "lead_created", "advocate": {"amount": "5.00 EUR"}, "qualify": {"payment": "each", "payments": 2}},
     "qualify.payment: lead_created comes without a price, so there are no payments to count"),
    ({"event": "stage_reached", "advocate": {"amount": "5.00 EUR"}}, "qualify.stage: say which: `event: stage_reached` needs it"),
    ({"qualify": {"value": "gold"}}, "qualify.value: goes with `event: property_reached` only"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "told"), MISTAKES, ids=[str(changes) for changes, _ in MISTAKES])
def test_one_mistake_is_told_once_at_its_setting_with_what_to_do(changes: dict[str, Any], told: str) -> None:
    assert problems(changes) == [told]


def test_no_friend_is_asked_for_more_than_a_thousand_payments() -> None:
    assert "qualify.payments: 1001 must be a whole number, 1 to 1000" in problems(
        {"qualify": {"payment": "nth", "payments": 1001}}
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"milestones": [{"amount": "5.00 EUR"}]}, "milestones.1.at: say how many friends it takes, 1 or more"),
        ({"tiers": {"steps": [{"amount": "5.00 EUR"}]}}, "tiers.steps.1.from: say how many friends it takes, 2 or more"),
        ({"qualify": {"payment": "nth", "payments": 1001}}, "qualify.payments: 1001 must be a whole number, 1 to 1000"),
    ],
    ids=["milestone", "step", "payments"],
)  # fmt: skip
def test_a_number_that_is_missing_or_too_great_is_one_mistake(changes: dict[str, Any], told: str) -> None:
    assert problems(changes) == [told]


@pytest.mark.parametrize("most", ["5.00 EUR", "10.00 EUR"])
def test_a_cap_holds_whether_or_not_it_is_ever_reached(most: str) -> None:
    rule = parse({**BASE, "advocate": {"percent": 10, "cap": most}}).rewards["advocate"]
    assert rule.full(money("100.00 EUR")) == money(most)
    assert rule.full(Money(0, "EUR")) == Money(0, "EUR")
