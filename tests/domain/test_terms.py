"""The promise in plain sentences: what a friend or an advocate reads is what the program does, and nothing else."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest

from connector.domain.program import EVENTS, KINDS, OFFERS
from connector.domain.program_data import parse
from connector.domain.terms import kind_words, offer_words, terms, terms_words
from tests.domain.chance import a_program
from tests.domain.story import BASE

#: What is said of every program that says nothing else.
USUAL = [
    "Friends: tell a friend about us. You get 10 % of your friend's order as store credit, 14 days after your friend has paid.",
    "Your friend has 30 days from your word to their decision.",
    "It counts for people who have not bought from us before.",
    "Each friend counts once, for whoever told them of us last.",
    "You cannot refer yourself, and trial orders do not count.",
    "If a purchase goes back, in whole or in part, so does the reward, in proportion.",
    "We look at unusual referrals before we pay, and you can ask us for another look.",
]
FIXED = {"amount": "5.00 EUR"}
MUG = {"kind": "item", "item": "a mug", "amount": "8.00 EUR"}
DEMO = {"event": "stage_reached", "qualify": {"stage": "Demo"}, "advocate": FIXED}
GOLD = {"event": "property_reached", "qualify": {"property": "plan {no}", "value": "gold"}, "advocate": FIXED}
WON = {"event": "deal_won", "qualify": {"stays_days": 1}}
#: What the program says, and what is said of it, up to where it begins.
FIRST: list[tuple[dict[str, Any], str]] = [
    ({}, "You get 10 % of your friend's order as store credit, 14 days after your friend has paid."),
    ({"hold_days": 1}, "You get 10 % of your friend's order as store credit, 1 day after your friend has paid."),
    ({"hold_days": 0}, "You get 10 % of your friend's order as store credit, once your friend has paid."),
    ({"advocate": {"percent": 7.5, "cap": "40.00 EUR"}, "hold_days": 0},
     "You get 7.5 % of your friend's order, at most 40.00 EUR, as store credit, once your friend has paid."),
    ({"advocate": {"amount": "7.50 EUR", "kind": "code"}}, "You get 7.50 EUR as a discount code, 14 days after your friend has paid."),
    ({"advocate": {**FIXED, "cap": "4.00 EUR"}}, "You get 5.00 EUR as store credit, 14 days after your friend has paid."),
    ({"advocate": {**FIXED, "kind": "gift_card"}}, "You get 5.00 EUR as a gift card, 14 days after your friend has paid."),
    ({"advocate": {**FIXED, "kind": "points"}}, "You get 5.00 EUR as loyalty points, 14 days after your friend has paid."),
    ({"advocate": {**FIXED, "kind": "native"}},
     "You get 5.00 EUR as a reward of our customer program, 14 days after your friend has paid."),
    ({"advocate": MUG}, "You get a mug, 14 days after your friend has paid."),
    ({"advocate": {"kind": "thanks"}}, "You get our thanks once your friend has paid."),
    ({"advocate": None, "friend": FIXED}, "You get our thanks once your friend has paid."),
    ({"minimum_net": "20.00 EUR"}, "You get 10 % of your friend's order as store credit, 14 days after your friend has paid at least 20.00 EUR."),
    ({"event": "order_fulfilled"}, "You get 10 % of your friend's order as store credit, 14 days after your friend has received their order."),
    ({"event": "invoice_paid"}, "You get 10 % of your friend's order as store credit, 14 days after your friend has paid their invoice."),
    ({"event": "lead_created", "advocate": FIXED}, "You get 5.00 EUR as store credit, 14 days after your friend has got in touch."),
    (DEMO, "You get 5.00 EUR as store credit, 14 days after your friend has got as far as Demo."),
    (GOLD, "You get 5.00 EUR as store credit, 14 days after your friend has plan {no} at gold."),
    (WON, "You get 10 % of your friend's order as store credit, 15 days after your friend has become a customer."),
    ({"event": "job_done"}, "You get 10 % of your friend's order as store credit, 14 days after your friend has had the work done."),
]  # fmt: skip
#: What the program says, what is said of it besides the usual, and which of the usual is not said.
MORE: list[tuple[dict[str, Any], list[str], list[int]]] = [
    ({}, [], []),
    ({"offer": {"kind": "percent", "percent": 12.5}}, ["Your friend gets 12.5 % off."], []),
    ({"offer": {"kind": "amount", **FIXED, "minimum": "30.00 EUR"}}, ["Your friend gets 5.00 EUR off on an order of 30.00 EUR or more."], []),
    ({"offer": {"kind": "shipping"}}, ["Your friend gets free shipping."], []),
    ({"offer": {"kind": "gift", "product": "1", "collection": "2"}}, ["Your friend gets a gift."], []),
    ({"friend": {"percent": 5, "cap": "9.00 EUR", "kind": "code"}}, ["Your friend gets 5 % of their order, at most 9.00 EUR, as a discount code, too."], []),
    ({"friend": MUG}, ["Your friend gets a mug, too."], []),
    ({"friend": {"kind": "thanks"}}, [], []),
    ({"friend": {**MUG, "expires_days": 30}}, ["Your friend gets a mug, too."], []),
    ({"friend": {**FIXED, "expires_days": 30}},
     ["Your friend gets 5.00 EUR as store credit, too.", "Your friend's credit ends 30 days after they get it."], []),
    ({"tiers": {"period": "quarter", "steps": [{"from": 3, "percent": 15}, {"from": 9, **FIXED}]}},
     ["From your friend number 3 of the quarter on, you get 15 % of your friend's order as store credit.",
      "From your friend number 9 of the quarter on, you get 5.00 EUR as store credit."], []),
    ({"tiers": {"steps": [{"from": 2, **MUG}]}}, ["From your friend number 2 on, you get a mug."], []),
    ({"milestones": [{"at": 5, **FIXED}, {"at": 9, **MUG}]},
     ["With your friend number 5, you get 5.00 EUR as store credit on top.", "With your friend number 9, you get a mug on top."], []),
    ({"qualify": {"payment": "each", "payments": 2}}, ["This holds for each of your friend's first 2 payments."], []),
    ({"qualify": {"payment": "nth", "payments": 3}}, ["It comes with payment number 3 of your friend."], []),
    ({"window_days": 1}, ["Your friend has 1 day from your word to their decision."], [1]),
    ({"new_customers_only": False}, [], [2]),
    ({"attribution": {"touch": "first"}}, ["Each friend counts once, for whoever told them of us first."], [3]),
    ({"orders": {"products": ["tea", "mug"]}}, ["Only these products count: mug, tea."], []),
    ({"orders": {"except_products": ["tea", "mug"]}}, ["These products do not count: mug, tea."], []),
    ({"orders": {"countries": ["DE", "AT"]}}, ["Only purchases to these countries count: AT, DE."], []),
    ({"orders": {"except_countries": ["FR", "CH"]}}, ["Purchases to these countries do not count: CH, FR."], []),
    ({"orders": {"currencies": ["USD", "EUR"]}}, ["Only purchases in these currencies count: EUR, USD."], []),
    ({"orders": {"tax": "excluded"}}, ["Tax does not count."], []),
    ({"caps": {"rewards": 3, "period": "month"}}, ["One person can earn at most 3 rewarded friends a month."], []),
    ({"caps": {"amount": "9.00 EUR", "period": "quarter"}}, ["One person can earn at most 9.00 EUR a quarter."], []),
    ({"caps": {"rewards": 3, "amount": "9.00 EUR", "period": "year"}}, ["One person can earn at most 3 rewarded friends and 9.00 EUR a year."], []),
    ({"caps": {"rewards": 3}}, ["One person can earn at most 3 rewarded friends in all."], []),
    ({"budget": {"amount": "9.00 EUR"}}, ["The program has a budget; once it is spent, new rewards wait until we raise it."], []),
    ({"mode": "pilot", "pilot": {"percent": 10}}, ["For now, it is open to 10 % of all advocates."], []),
    ({"mode": "pilot", "pilot": {"group": "regulars"}}, ["For now, it is open to the group 'regulars'."], []),
    ({"mode": "shadow"}, ["It is being tried out: nothing is paid yet."], []),
    ({"mode": "test"}, ["It is being tried out: nothing is paid yet."], []),
    ({"review": {"when": "always"}}, ["We look at each referral before we pay."], [6]),
    ({"review": {"when": "never"}}, [], [6]),
    ({"friend": {**FIXED, "expires_days": 30}, "milestones": [{"at": 2, **FIXED, "expires_days": 1}, {"at": 3, **FIXED, "expires_days": 30}]},
     ["Your friend gets 5.00 EUR as store credit, too.", "With your friend number 2, you get 5.00 EUR as store credit on top.",
      "With your friend number 3, you get 5.00 EUR as store credit on top.",
      "Credit ends 1 day after you get it.", "Credit ends 30 days after you get it.",
      "Your friend's credit ends 30 days after they get it."], []),
]  # fmt: skip


def said(changes: dict[str, Any]) -> list[str]:
    return terms(parse({name: value for name, value in {**BASE, **changes}.items() if value is not None}))


@pytest.mark.parametrize(("changes", "words"), FIRST, ids=[words for _, words in FIRST])
def test_an_advocate_reads_what_they_get_and_after_what(changes: dict[str, Any], words: str) -> None:
    program = parse({name: value for name, value in {**BASE, **changes}.items() if value is not None})
    assert terms_words(program) == words
    assert terms(program)[0] == f"Friends: tell a friend about us. {words}"


def test_every_event_and_every_kind_of_reward_is_among_them() -> None:
    assert {changes.get("event", "order_paid") for changes, _ in FIRST} == set(EVENTS)
    kinds = {(changes.get("advocate", BASE["advocate"]) or FIXED).get("kind", "balance") for changes, _ in FIRST}
    assert kinds == set(KINDS)
    assert {changes["offer"]["kind"] for changes, *_ in MORE if "offer" in changes} == set(OFFERS)


@pytest.mark.parametrize(("changes", "more", "less"), MORE, ids=[str(changes) for changes, *_ in MORE])
def test_whatever_differs_from_the_usual_is_said_and_nothing_else(
    changes: dict[str, Any], more: list[str], less: list[int]
) -> None:
    found = said(changes)
    usual = [sentence for place, sentence in enumerate(USUAL) if place not in less]
    assert [sentence for sentence in found if sentence not in usual] == more
    assert [sentence for sentence in found if sentence not in more] == usual


def test_the_whole_promise_of_a_large_program_in_the_order_in_which_one_reads() -> None:
    found = said({
        **WON, "advocate": {"percent": 10, "cap": "40.00 EUR", "expires_days": 365}, "friend": FIXED,
        "offer": {"kind": "shipping"}, "milestones": [{"at": 5, **FIXED}], "minimum_net": "20.00 EUR", "hold_days": 0,
        "orders": {"tax": "excluded"}, "caps": {"rewards": 3}, "budget": {"amount": "900.00 EUR"},
    })  # fmt: skip
    assert found[0].startswith(
        "Friends: tell a friend about us. You get 10 % of your friend's order, at most 40.00 EUR,"
    )
    assert found[1:] == [
        "Your friend gets free shipping.",
        "Your friend gets 5.00 EUR as store credit, too.",
        "With your friend number 5, you get 5.00 EUR as store credit on top.",
        USUAL[1],
        USUAL[2],
        "Purchases of 20.00 EUR or more count, without shipping.",
        USUAL[3],
        USUAL[4],
        "Tax does not count.",
        "One person can earn at most 3 rewarded friends in all.",
        "The program has a budget; once it is spent, new rewards wait until we raise it.",
        USUAL[5],
        "It must stay so for 1 day.",
        USUAL[6],
        "Credit ends 365 days after you get it.",
    ]


def test_what_a_friend_gets_can_be_said_alone() -> None:
    assert offer_words(parse({**BASE, "offer": {"kind": "percent", "percent": 10}})) == "Your friend gets 10 % off."
    assert offer_words(parse(BASE)) == ""


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("balance", "Store credit"),
        ("code", "Discount code"),
        ("gift_card", "Gift card"),
        ("points", "Loyalty points"),
        ("store_metrics", "Store metrics"),
    ],
)
def test_a_kind_of_credit_makes_a_heading(kind: str, heading: str) -> None:
    assert kind_words(kind) == heading


def test_no_promise_of_a_thousand_shows_what_only_a_program_can_read() -> None:
    chance = Random(20_261_122)
    for _ in range(1_000):
        data = a_program(chance, 1.0)
        for sentence in terms(parse(data)):
            assert re.fullmatch(r"[A-Z].*[A-Za-z0-9')]\.", sentence, re.ASCII), (sentence, data)
            assert not re.search(r"None|[{}_<>]|timedelta|  ", sentence), (sentence, data)


@pytest.mark.parametrize("extra", [{"tiers": {"steps": [{"from": 3, "kind": "thanks"}]}}, {"milestones": [{"at": 3, "kind": "thanks"}]}])  # fmt: skip
def test_thanks_for_many_friends_are_promised_in_words_too(extra: dict[str, Any]) -> None:
    assert [sentence for sentence in said(extra) if "our thanks" in sentence]


@pytest.mark.parametrize("event", ["order_fulfilled", "deal_won", "job_done", "invoice_paid"])
def test_a_minimum_is_said_in_english_whatever_the_event(event: str) -> None:
    first = said({"event": event, "minimum_net": "20.00 EUR"})[0]
    assert not re.search(r"(order|customer|done|invoice) at least", first)


def test_one_friend_is_one_friend() -> None:
    assert "1 rewarded friends" not in " ".join(said({"caps": {"rewards": 1}}))


def test_a_thing_is_no_credit_that_ends() -> None:
    assert not [sentence for sentence in said({"advocate": {**MUG, "expires_days": 30}}) if "Credit" in sentence]
