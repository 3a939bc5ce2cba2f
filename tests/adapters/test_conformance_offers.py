"""The friend's offer and the past: what every platform that declares them is held to, by its name alone.

A second discount would let friends use two, a lost code would give them none, and an order that the past forgets is a
referral that nobody is thanked for.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from adapters import discover
from connector.domain.program import Offer
from connector.errors import Unavailable, Unknown
from connector.ports.history import History
from connector.ports.offers import CodesAdded, Offers, OfferTerms
from connector.ports.platform import Capability
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Broken, Request, Trouble

NOW = datetime.now(UTC)
TERMS = OfferTerms("Referral: Friends", Offer("percent", 1500), NOW, "CONFORMANCE-ANCHOR")
MOST_LOOKS = 50


def having(capability: Capability) -> list[str]:
    return [key for key, adapter in discover().items() if capability in adapter.manifest.capabilities]


OFFERS, HISTORY = having(Capability.OFFER), having(Capability.HISTORY)


@pytest.fixture
def here(key: str) -> Iterator[Bench]:
    with bench(key) as opened:
        yield opened


def offers(here: Bench) -> Offers:
    return cast("Offers", here.out)


def added(here: Bench, standing: str, codes: list[str]) -> CodesAdded:
    operation = offers(here).add_codes(here.account, standing, codes)
    for _ in range(MOST_LOOKS):
        found = offers(here).codes_added(here.account, standing, operation, codes)
        if found is not None:
            return found
    raise AssertionError("the codes were never added")


@pytest.mark.parametrize("key", OFFERS)
def test_an_offer_is_made_once_however_often_it_is_asked_for(here: Bench) -> None:
    first = offers(here).put_offer(here.account, "", TERMS)
    assert first
    assert offers(here).put_offer(here.account, first, TERMS) == first
    assert offers(here).put_offer(here.account, "", TERMS) == first, "we may have forgotten that it stands"


@pytest.mark.parametrize("key", OFFERS)
def test_a_lost_answer_makes_no_second_offer(here: Bench) -> None:
    """Every request of the making gets lost once, after it had its effect."""
    asked = len(here.wire.calls)
    offers(here).put_offer(here.account, "", TERMS)
    requests = here.wire.calls[asked:]
    with bench(here.adapter.manifest.key) as again:
        for place in range(len(requests)):
            count = iter(range(1000))
            again.wire.clear()

            def strikes(_: Request, place: int = place, count: Iterator[int] = count) -> bool:
                return next(count) == place

            again.wire.strike(strikes, Trouble(effect=True, told=Broken.RESET))
            with pytest.raises((Unknown, Unavailable)):
                offers(again).put_offer(again.account, "", TERMS)
        again.wire.clear()
        found = {offers(again).put_offer(again.account, "", TERMS) for _ in range(2)}
        assert len(found) == 1


@pytest.mark.parametrize("key", OFFERS)
def test_codes_that_stand_already_count_as_added(here: Bench) -> None:
    standing = offers(here).put_offer(here.account, "", TERMS)
    assert added(here, standing, ["ANNA7", "BEA8"]).live == {"ANNA7", "BEA8"}
    again = added(here, standing, ["BEA8", "CARL9"])
    assert (again.live, again.taken, dict(again.refused)) == ({"BEA8", "CARL9"}, frozenset(), {})


@pytest.mark.parametrize("key", OFFERS)
def test_ending_an_offer_twice_is_as_good_as_once_and_it_comes_back_as_itself(here: Bench) -> None:
    standing = offers(here).put_offer(here.account, "", TERMS)
    for _ in range(2):
        offers(here).end_offer(here.account, standing)
    assert offers(here).put_offer(here.account, standing, TERMS) == standing


@pytest.mark.parametrize("key", HISTORY)
def test_the_past_is_read_whole_and_a_page_may_be_read_again(here: Bench) -> None:
    objects = set(here.driver.objects(5))
    straight = here.adapter.outbound(here.kit(here.wire.target.geturl()))  # files lie at an address of their own
    reader, place, seen = cast("History", straight), "", set()
    for _ in range(MOST_LOOKS):
        chapter = reader.read_history(here.account, NOW - timedelta(days=30), place)
        once_more = reader.read_history(here.account, NOW - timedelta(days=30), place) if place else chapter
        if not chapter.again_after:
            assert once_more.sightings == chapter.sightings, "a worker may die between reading a page and keeping it"
        seen |= {sighting.ref for sighting in chapter.sightings}
        seen |= set(chapter.unripe)
        place = chapter.place
        if chapter.done:
            break
    assert seen == objects
