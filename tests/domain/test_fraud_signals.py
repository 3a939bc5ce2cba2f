"""What each fraud rule sees, from which figure on, and what it weighs where the merchant says nothing of it."""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.fraud import Evidence, Signal, assess, score, told
from connector.domain.program import FraudRules
from connector.domain.program_data import parse
from connector.store import codec
from tests.domain.story import BASE

RULES = parse({**BASE, "fraud": {"employees": ["annas-tea.com"], "coupon_sites": ["spar.example"]}}).fraud
EVERYTHING = frozenset({"mailbox", "phone", "address", "network", "first_order", "referrer", "guesses"})
#: Programs of years ago name these rules, and decisions were made by these points: rule, points, and what it saw.
SEEN: list[tuple[dict[str, Any], str, int, str]] = [
    ({"shared": {"mailbox"}}, "same_mailbox", 100, "Advocate and friend have a mailbox, spelled in two ways, in common."),
    ({"shared": {"phone"}}, "same_phone", 60, "Advocate and friend have a phone number in common."),
    ({"shared": {"address"}}, "same_address", 40, "Advocate and friend have a postal address in common."),
    ({"shared": {"network"}}, "same_network", 10, "Advocate and friend have a network in common."),
    ({"first_order": False}, "existing_customer", 0, "The friend had bought before."),
    ({"friend_domain": "yopmail.com"}, "disposable_mail", 40, "The friend's address is at yopmail.com, which gives addresses for an hour."),
    ({"by_advocate": 21}, "velocity", 20, "This is friend 21 of the advocate within 1 day; more than 20 is unusual."),
    ({"by_network": 6}, "network", 20, "6 friends came from one network within 7 days; more than 5 is unusual."),
    ({"referrers": {"groupon.com"}}, "coupon_site", 50, "The friend came from groupon.com, where codes are published for everybody."),
    ({"guesses": 11}, "guessing", 40, "11 wrong codes were tried from the friend's network shortly before."),
    ({"refunded": 2, "converted": 4}, "refund_ring", 50, "2 of the advocate's 4 friends sent everything back."),
    ({"friend_domain": "annas-tea.com"}, "employee", 50, "The friend's address is at annas-tea.com, one of your own domains."),
]  # fmt: skip


def seen(told: dict[str, Any]) -> Evidence:
    given: dict[str, Any] = {name: frozenset(v) if isinstance(v, set) else v for name, v in told.items()}
    return Evidence(**given)


def fired(evidence: Evidence, rules: FraudRules = RULES) -> list[Signal]:
    return [signal for signal in assess(rules, evidence) if signal.fired]


@pytest.mark.parametrize(("evidence", "rule", "points", "words"), SEEN, ids=[row[1] for row in SEEN])
def test_each_rule_says_what_it_saw_and_adds_its_points(
    evidence: dict[str, Any], rule: str, points: int, words: str
) -> None:
    assert fired(seen(evidence)) == [Signal(rule, fired=True, points=points, words=words, available=True)]


def test_no_rule_is_missing_from_the_table_and_they_speak_in_this_order() -> None:
    assert [signal.rule for signal in assess(RULES, Evidence())] == [rule for _, rule, *_ in SEEN]


@pytest.mark.parametrize("data", [{}, {"fraud": {"velocity": 1, "network": 1, "guesses": 1, "ring_percent": 1}}])
def test_of_people_of_whom_nothing_is_known_nobody_is_suspected_however_strict_the_program(
    data: dict[str, Any],
) -> None:
    signals = assess(parse({**BASE, **data}).fraud, Evidence())
    assert {(signal.fired, signal.points, signal.words) for signal in signals} == {(False, 0, "Nothing of the kind.")}
    assert all(signal.available for signal in signals)
    assert (score(signals), told(signals)) == (0, "")


@pytest.mark.parametrize(
    ("evidence", "rules"),
    [
        ({"by_advocate": 20}, []),
        ({"by_network": 5}, []),
        ({"guesses": 10}, []),
        ({"first_order": True}, []),
        ({"friend_domain": "yopmail.com.example"}, []),
        ({"referrers": {"notgroupon.com", "groupon.com.example"}}, []),
        ({"referrers": {"www.Spar.example"}}, ["coupon_site"]),
        ({"refunded": 3, "converted": 3}, []),
        ({"refunded": 4, "converted": 4}, ["refund_ring"]),
        ({"refunded": 1, "converted": 4}, []),
        ({"refunded": 2, "converted": 5}, []),
        ({"refunded": 50, "converted": 101}, []),
        ({"refunded": 51, "converted": 101}, ["refund_ring"]),
    ],
)
def test_what_may_well_be_chance_is_no_suspicion(evidence: dict[str, Any], rules: list[str]) -> None:
    """As many friends as the program allows, three who sent things back, or fewer than half of many."""
    assert [signal.rule for signal in fired(seen(evidence))] == rules


def test_what_no_platform_shows_is_said_by_name_and_weighs_nothing() -> None:
    everything = {name: value for row in SEEN for name, value in row[0].items() if name not in {"shared", "withheld"}}
    signals = assess(RULES, Evidence(**{**everything, "shared": EVERYTHING, "withheld": EVERYTHING}))
    hidden = [signal for signal in signals if not signal.available]
    assert {signal.rule: signal.words for signal in hidden} == {
        "same_mailbox": "No platform shows us: mailbox.",
        "same_phone": "No platform shows us: phone.",
        "same_address": "No platform shows us: address.",
        "same_network": "No platform shows us: network.",
        "existing_customer": "No platform shows us: first_order.",
        "disposable_mail": "No platform shows us: mailbox.",
        "network": "No platform shows us: network.",
        "coupon_site": "No platform shows us: referrer.",
        "guessing": "No platform shows us: guesses.",
        "employee": "No platform shows us: mailbox.",
    }
    assert {(signal.fired, signal.points) for signal in hidden} == {(False, 0)}
    assert [signal.rule for signal in signals if signal.available] == ["velocity", "refund_ring"]
    assert told(signals) == f"{SEEN[6][3]} {SEEN[10][3]}"


def test_people_read_only_what_weighs_something() -> None:
    rules = FraudRules(points={"velocity": 0, "network": 7})
    signals = assess(rules, Evidence(first_order=False, by_advocate=21, by_network=6))
    assert [(signal.rule, signal.points) for signal in signals if signal.fired] == [
        ("existing_customer", 0),
        ("velocity", 0),
        ("network", 7),
    ]
    assert (score(signals), told(signals)) == (7, SEEN[7][3])


def test_evidence_of_before_a_rule_was_there_reads_as_nothing_seen() -> None:
    assert codec.plain_evidence(codec.evidence({})) == {
        "shared": [],
        "withheld": [],
        "friend_domain": "",
        "first_order": None,
        "by_advocate": 1,
        "by_network": 1,
        "guesses": 0,
        "referrers": [],
        "refunded": 0,
        "converted": 0,
    }
