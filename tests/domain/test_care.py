"""Friends who are unhappy: each reason is shown once, from when it was so, and ends when somebody has seen to it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from connector.domain.care import Care, care_of
from connector.domain.facts import CareRaised, Fact, ObjectRef, OrderRefunded
from tests.domain.story import at, fact

ORDER, DEAL = ObjectRef("order", "A"), ObjectRef("deal", "D")


def raised(what: str, day: str, still: bool = True, words: str = "", about: ObjectRef = DEAL) -> CareRaised:
    return CareRaised(about, at(day), at(day), what, still, words)


def refund(day: str, amount: str = "20.00 EUR", name: str = "r1", order: str = "A") -> OrderRefunded:
    told = fact(f"{day} refund {amount} r={name} id={order}")
    assert isinstance(told, OrderRefunded)
    return told


def words(*facts: Fact) -> list[str]:
    return [care.words for care in care_of(facts)]


@pytest.mark.parametrize(
    ("told", "care"),
    [
        (refund("d3"), Care("refund", "20.00 EUR of their purchase went back.", at("d3"), "Ask them what was wrong before you ask them for anything.")),
        (raised("refund", "d2"), Care("refund", "Their purchase went back.", at("d2"), "Ask them what was wrong before you ask them for anything.")),
        (raised("ticket", "d2"), Care("ticket", "They have an open ticket.", at("d2"), "See that their ticket is answered first.")),
        (raised("stalled", "d2"), Care("stalled", "Their deal has stalled.", at("d2"), "Talk to them: their deal does not move.")),
        (raised("ticket", "d2", words="The kettle leaks."), Care("ticket", "The kettle leaks.", at("d2"), "See that their ticket is answered first.")),
        (raised("rumour", "d2"), Care("rumour", "Something is wrong.", at("d2"), "Look after them.")),
    ],
)  # fmt: skip
def test_each_reason_says_what_is_wrong_since_when_and_what_would_help(told: Fact, care: Care) -> None:
    assert care_of([told]) == (care,)


def test_a_friend_who_is_well_needs_no_care() -> None:
    assert words(fact("d0 order 100.00 EUR"), refund("d1", "0.00 EUR")) == []


def test_all_refunds_of_one_purchase_are_one_reason_from_the_last_one_on() -> None:
    (care,) = care_of([refund("d3", name="r1"), refund("d5", "5.00 EUR", "r2"), refund("d4", "1.00 EUR", "r3")])
    assert (care.words, care.since) == ("26.00 EUR of their purchase went back.", at("d5"))


def test_refunds_of_two_purchases_are_two_reasons_the_oldest_first() -> None:
    said = words(refund("d5"), refund("d3", "7.00 EUR", order="B"), raised("ticket", "d4"))
    assert said == ["7.00 EUR of their purchase went back.", "They have an open ticket.", "20.00 EUR of their purchase went back."]  # fmt: skip


def test_of_one_moment_the_reasons_stand_in_the_order_of_their_names() -> None:
    said = words(raised("ticket", "d4"), raised("stalled", "d4"), raised("ticket", "d4", words="A leak.", about=ORDER))
    assert said == ["Their deal has stalled.", "A leak.", "They have an open ticket."]


@pytest.mark.parametrize("what", ["ticket", "stalled", "refund"])
def test_what_is_well_again_is_shown_no_more_whatever_arrives_first(what: str) -> None:
    wrong, well = raised(what, "d2"), raised(what, "d4", still=False)
    assert words(wrong, well) == words(well, wrong) == []
    assert words(wrong, well, raised(what, "d5")) != []


def test_who_has_seen_to_a_refund_ends_it_until_more_goes_back() -> None:
    seen = raised("refund", "d4", still=False, about=ORDER)
    assert words(refund("d3"), seen) == []
    assert words(refund("d4"), seen) == []
    assert words(refund("d3"), refund("d5", name="r2"), seen) == ["40.00 EUR of their purchase went back."]
    assert words(refund("d3", order="B"), seen) == ["20.00 EUR of their purchase went back."]
    assert words(refund("d3"), replace(seen, what="ticket")) == ["20.00 EUR of their purchase went back."]


def test_a_refund_that_two_platforms_tell_of_is_one_reason() -> None:
    assert words(refund("d3"), raised("refund", "d4", about=ORDER)) == ["20.00 EUR of their purchase went back."]
    elsewhere = raised("refund", "d4", about=ObjectRef("ticket", "A"))
    assert words(refund("d3"), elsewhere) == ["20.00 EUR of their purchase went back."]
    another = raised("refund", "d4", about=ObjectRef("order", "B"))
    assert words(refund("d3"), another) == ["20.00 EUR of their purchase went back.", "Their purchase went back."]
    ticket = raised("ticket", "d4", about=ORDER)
    assert words(refund("d3"), ticket) == ["20.00 EUR of their purchase went back.", "They have an open ticket."]


def test_what_is_wrong_for_a_friend_is_not_made_well_by_writing_over_it() -> None:
    (care,) = care_of([raised("ticket", "d2")])
    with pytest.raises(FrozenInstanceError):
        care.words = "All is well."  # type: ignore[misc]
