"""News: each is heard once by whom it is for, whatever gets lost, and one that cannot be told holds up no other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest

from adapters import discover
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import NotDone, PlatformError
from connector.ports.news import News, NewsResult
from connector.ports.platform import Capability
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

ADAPTERS = discover()
PLATFORMS = sorted(key for key, adapter in ADAPTERS.items() if Capability.EVENT in adapter.manifest.capabilities)
_serial = count(1)
#: What a call may come to, and whether it had its effect all the same.
TROUBLES = {
    "429": Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "2"})),
    "401": Trouble(effect=False, told=Answer(401, b"{}")),
    "503 before": Trouble(effect=False, told=Answer(503, b"{}")),
    "503 after": Trouble(effect=True, told=Answer(503, b"{}")),
    "reset before": Trouble(effect=False, told=Broken.RESET),
    "reset after": Trouble(effect=True, told=Broken.RESET),
    "a page before": Trouble(effect=False, told=Answer(200, b"<html>")),
    "a page after": Trouble(effect=True, told=Answer(200, b"<html>")),
}
#: Those of them that are certain to have had no effect.
CERTAIN = {"429", "401"}


@pytest.fixture(scope="module", params=PLATFORMS)
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def listener(here: Bench) -> str:
    """The address of somebody who can be told."""
    email = f"listener{next(_serial)}@example.com"
    here.driver.listener(email)
    return email


def news(email: str, kind: NewsKind = NewsKind.ISSUED, **more: object) -> News:
    told = News(uuid4(), kind, "advocate", datetime.now(UTC), email, values={"program": "tea"})
    return replace(told, **more)  # type: ignore[arg-type]


def tell(here: Bench, *told: News) -> list[NewsResult]:
    results = list(here.out.tell(here.account, told))  # type: ignore[attr-defined]
    assert [result.id for result in results] == [one.id for one in told]
    return results


def heard(here: Bench, *told: News) -> bool:
    """Whether each was heard once and nothing else was, by those who hear them."""
    wanted: dict[str, list[str]] = {}
    for one in told:
        wanted.setdefault(one.email, []).append(str(one.id))
    return {email: sorted(here.driver.heard(email)) for email in wanted} == {
        e: sorted(ids) for e, ids in wanted.items()
    }


def test_one_that_is_told_is_heard_by_whom_it_is_for(here: Bench) -> None:
    one = news(listener(here), amount=Money(1250, "EUR"))
    assert [result.refused for result in tell(here, one)] == [""]
    assert heard(here, one)


def test_a_full_batch_is_heard_whole(here: Bench) -> None:
    people = [listener(here) for _ in range(100)]
    many = [news(people[place % 100]) for place in range(here.adapter.manifest.tell_batch)]
    assert {result.refused for result in tell(here, *many)} == {""}
    assert heard(here, *many)


def test_two_of_one_second_stay_two(here: Bench) -> None:
    first = news(listener(here))
    both = [first, replace(first, id=uuid4())]
    tell(here, *both)
    assert heard(here, *both)


def test_the_same_one_twice_in_a_call_counts_once(here: Bench) -> None:
    one, other = news(listener(here)), news(listener(here))
    assert [result.refused for result in tell(here, one, other, one)] == [""] * 3
    assert heard(here, one, other)


def test_what_was_told_may_be_told_again_beside_what_was_not(here: Bench) -> None:
    one, other = news(listener(here)), news(listener(here))
    tell(here, one)
    tell(here, replace(one, again=True), other)
    assert heard(here, one, other)


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("name", TROUBLES)
def test_what_got_lost_is_told_again_and_heard_once(here: Bench, name: str, size: int) -> None:
    many = [news(listener(here)) for _ in range(size)]
    here.wire.strike(here.driver.is_told, TROUBLES[name])
    with pytest.raises(PlatformError) as raised:
        tell(here, *many)
    here.wire.settle()
    certain = isinstance(raised.value, NotDone)
    assert certain == (name in CERTAIN)
    tell(here, *(replace(one, again=not certain) for one in many))
    assert heard(here, *many)


def test_one_that_reaches_nobody_is_refused_and_the_others_are_heard(here: Bench) -> None:
    good, other = news(listener(here)), news(listener(here))
    results = tell(here, good, news(""), other)
    assert [bool(result.refused) for result in results] == [False, True, False]
    assert results[1].elsewhere, "another account may reach them"
    assert heard(here, good, other)


def test_each_kind_of_news_can_be_told(here: Bench) -> None:
    every = [news(listener(here), kind) for kind in NewsKind]
    assert {result.refused for result in tell(here, *every)} == {""}
    assert heard(here, *every)
