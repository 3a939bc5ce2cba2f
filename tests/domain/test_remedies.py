"""What the explanation names as a remedy really is one: 1,000 refusals are turned by what is said about them.

Each refusal is a random program and a random story with several things wrong at once. Settings are changed here on their
own, written to a file and read again as a merchant would, and not by the code that looked for the remedies.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any

import pytest

from connector.domain.case import Case, Decision, Remedy, Stage
from connector.domain.facts import REFERRAL
from connector.domain.program_data import parse
from connector.domain.remedies import applied, is_refused, remedies, with_setting
from connector.domain.stages import decide
from connector.errors import ConfigError
from connector.files.program import read, write
from tests.domain.chance import a_program, a_story
from tests.domain.story import BASE, case

WANTED = 1_000


@dataclass(frozen=True)
class Refusal:
    """A program and a story that come to nothing, and what is said about it."""

    data: dict[str, Any]
    case: Case
    decision: Decision
    named: tuple[Remedy, ...]


@cache
def refusals() -> tuple[Refusal, ...]:
    """A thousand of them, always the same."""
    chance = Random(20_261_122)
    found: list[Refusal] = []
    for _ in range(4 * WANTED):
        wild = chance.choice([0.3, 1.0])
        data = a_program(chance, wild)
        story = a_story(chance, data, wild)
        decision = decide(parse(data), story)
        if is_refused(decision):
            found.append(Refusal(data, story, decision, remedies(data, story)))
        if len(found) == WANTED:
            break
    return tuple(found)


# ── What is named works ──────────────────────────────────────────────────────────────────────────────────────────


def by_hand(data: dict[str, Any], remedy: Remedy) -> dict[str, Any]:
    """The settings as a person would change them in their file."""
    data = deepcopy(data)
    for key, value in remedy.settings:
        section, _, name = key.rpartition(".")
        place = data.setdefault(section, {}) if section else data
        if value is None:
            place.pop(name, None)
        else:
            place[name] = value
    return {name: value for name, value in data.items() if value != {}}


def turned(refusal: Refusal) -> bool:
    """Whether all that is named, done one after the other, ends in something that is not refused."""
    data, mine, story = refusal.data, refusal.data, refusal.case
    for remedy in refusal.named:
        mine = by_hand(mine, remedy)
        changed, story = applied(data, story, remedy)
        data = dict(changed)
    program, again = read(write(mine), "mine.yaml") if mine != refusal.data else (parse(mine), mine)
    return bool(refusal.named) and not is_refused(decide(program, story)) and parse(again) == parse(data)


def test_a_thousand_refusals_are_turned_by_their_remedies() -> None:
    found = refusals()
    assert len(found) == WANTED
    assert [(refusal.data, refusal.case, refusal.decision.rule) for refusal in found if not turned(refusal)] == []


def test_every_rule_that_refuses_is_among_the_thousand() -> None:
    assert {refusal.decision.rule for refusal in refusals()} == {
        "below_minimum", "budget", "cap", "country", "currency", "declined", "duplicate", "fraud", "not_new",
        "outside_pilot", "paid_in", "pilot_full", "products", "products_unread", "refunded", "reopened", "review",
        "review_lapsed", "self_referral", "shadow_mode", "tax_unread", "test_mode", "test_order", "window", "zero_total",
    }  # fmt: skip
    assert max(len(refusal.named) for refusal in refusals()) >= 6


def unsaid() -> set[str]:
    """Settings of all the remedies that would change something in the program and are not named in their words."""
    found = set()
    for refusal in refusals():
        data: dict[str, Any] = refusal.data
        for remedy in refusal.named:
            changed = by_hand(data, remedy)
            for key, _ in remedy.settings:
                differs = _at(data, key) != _at(changed, key)
                found |= {key} if differs and not all(part in remedy.words for part in key.split(".")) else set()
            data = changed
    return found


def _at(data: Any, key: str) -> Any:
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def test_no_remedy_changes_a_setting_without_a_word() -> None:
    assert unsaid() == set()


def test_each_remedy_is_a_sentence_and_is_named_once() -> None:
    for refusal in refusals():
        words = [remedy.words for remedy in refusal.named]
        assert all(each.endswith(".") and each[0].isupper() for each in words)
        assert len(words) == len({*words})


# ── Where there is nothing to name ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("told", "now"), [(["d0 order 100.00 EUR"], "d14"), (["d0 order 100.00 EUR"], "d1"), ([], "d1")]
)
def test_what_is_not_refused_needs_no_remedy(told: list[str], now: str) -> None:
    assert remedies(BASE, case(told, now)) == ()


@pytest.mark.parametrize(
    ("decision", "refused"),
    [
        (Decision(Stage.REJECTED, "tomorrow", "A rule of tomorrow."), True),
        (Decision(Stage.QUALIFIED, "tomorrow", "It waits.", hold="tomorrow"), True),
        (Decision(Stage.QUALIFIED, "tomorrow", "A person looks.", review="Nobody knows Ben."), True),
        (Decision(Stage.QUALIFIED, "tomorrow", "It waits.", remedy=Remedy("Wait.")), True),
        (Decision(Stage.QUALIFIED, "hold", "It is held."), False),
        (Decision(Stage.CONVERTED, "released", "It is being paid."), False),
    ],
)
def test_a_refusal_is_one_even_where_nobody_knows_a_way_out_of_it(decision: Decision, refused: bool) -> None:
    assert is_refused(decision) is refused


def test_a_remedy_that_no_program_can_hold_is_not_named() -> None:
    """A window is at most ten years: a friend who comes later is too late for good."""
    assert remedies(BASE, case([], "d3700")) == ()


def test_where_the_first_remedy_changes_nothing_none_is_named() -> None:
    """The advocate earned in a currency in which the cap is not: no rate for this purchase would mend that."""
    capped = {**BASE, "caps": {"amount": "20.00 EUR"}}
    story = case(["d0 order 100.00 EUR"], standing={"earned": "5.00 USD"})
    assert decide(parse(capped), story).rule == "currency"
    assert remedies(capped, story) == ()


@pytest.mark.parametrize(("wrong", "named"), [(1, 1), (29, 29), (30, 0)])
def test_who_would_have_to_mend_thirty_things_is_given_none(wrong: int, named: int) -> None:
    data = {**BASE, "qualify": {"payment": "each", "payments": 40}}
    told = [f"d{n} order 100.00 EUR id=O{n} first={'no' if n else 'yes'}" for n in range(wrong)]
    story = case([*told, *(f"d{n} refund 1.00 USD id=O{n}" for n in range(wrong))], "d50")
    assert len(remedies(data, story)) == named


def test_a_remedy_is_refused_where_the_program_would_contradict_itself() -> None:
    with pytest.raises(ConfigError):
        applied(BASE, case([]), Remedy("Nonsense.", settings=(("mode", "pilot"),)))


def test_a_setting_is_put_in_and_taken_out_with_its_empty_section() -> None:
    data = with_setting(BASE, "orders.tax", "excluded")
    assert data == {**BASE, "orders": {"tax": "excluded"}}
    assert with_setting(data, "orders.tax", None) == BASE
    assert with_setting({**data, "slug": "x"}, "slug", None) == data
    assert with_setting(BASE, "orders.tax", None) == BASE
    assert with_setting({"slug": "x"}, "slug", None) == {}
    assert "orders" not in BASE


#: Refusals whose way out is not plain to see: what it is, changes of the program, what was told.
CORNERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("a percentage of a deal without an amount", {"event": "deal_won"}, ["d0 won"]),
    ("a refund in another currency", {}, ["d0 order 100.00 EUR", "d1 refund 5.00 USD"]),
    ("a refund in another currency than the minimum", {"minimum_net": "5.00 EUR"}, ["d0 order 100.00 EUR", "d1 refund 5.00 USD"]),
    ("a second payment in another currency", {"minimum_net": "5.00 EUR", "qualify": {"payment": "each", "payments": 2}},
     ["d0 order 10.00 EUR", "d1 order 10.00 USD id=B"]),
    ("nameless things where some products count", {"orders": {"products": ["tea"]}}, ["d0 order 10.00 EUR items=:10.00"]),
    ("a free order in another currency than the minimum", {"minimum_net": "5.00 EUR"}, ["d0 order 0 JPY"]),
    ("a free order in another currency than its country", {"rates": {"USD": "0.92 EUR"}, "minimum_net": "5.00 EUR"},
     ["d0 order 0.00 USD", "d1 refund 0.00 USD"]),
    ("an approval of what the program does not count", {"orders": {"products": ["tea"]}},
     ["d0 order 10.00 EUR items=mug:10.00", "d1 approved Eva a good friend"]),
    ("an approval of a free order, which breaks another rule too", {"orders": {"currencies": ["CHF"]}},
     ["d0 order 0.00 EUR in=GBP", "d1 approved Eva a good friend"]),
    ("thirteen rules at once",
     {"mode": "shadow", "minimum_net": "5.00 EUR", "caps": {"rewards": 1, "amount": "1.00 EUR"}, "budget": {"amount": "2.00 EUR"},
      "review": {"when": "always"}, "orders": {"products": ["tea"], "countries": ["DE"], "currencies": ["CHF"], "tax": "excluded"}},
     ["d0 order 3.00 EUR kind=test first=no to=FR in=GBP"]),
    ("a deal without an amount, and one in another currency", {"event": "deal_won", "advocate": {"amount": "5.00 EUR"},
     "qualify": {"payment": "each", "payments": 2}}, ["d0 won", "d1 won 10.00 USD id=B"]),
    ("an order of nothing where some products count", {"orders": {"products": ["tea"]}}, ["d0 order 0.00 EUR items="]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), [row[1:] for row in CORNERS], ids=[row[0] for row in CORNERS])
def test_there_is_a_way_out_of_every_refusal(change: dict[str, Any], told: list[str]) -> None:
    data = {**BASE, **change}
    story = case(told, self="kind=test" in told[0], standing={"rewards": 1, "earned": "1.00 EUR", "spent": "2.00 EUR"})
    decision = decide(parse(data), story)
    assert is_refused(decision)
    assert turned(Refusal(data, story, decision, remedies(data, story)))


def test_an_approval_by_somebody_replaces_what_was_said_before() -> None:
    declined = case(["d0 order 100.00 EUR", "d20 declined Eva a reseller"], now="d14")
    (remedy,) = remedies(BASE, declined)
    _, then = applied(BASE, declined, remedy)
    assert remedy.ruling and decide(parse(BASE), then).rule == "released"
    assert replace(then, facts=declined.facts) == declined


def test_an_approval_is_tried_of_the_referral_as_a_person_would_give_it() -> None:
    watched = {**BASE, "review": {"when": "always"}}
    waiting = case(["d0 order 100.00 EUR"])
    (remedy,) = remedies(watched, waiting)
    _, then = applied(watched, waiting, remedy)
    assert then.facts[:-1] == waiting.facts and then.facts[-1].ref.kind == REFERRAL
