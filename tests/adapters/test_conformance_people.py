"""Lists and workflow steps: everybody on a list is let in once, and a workflow that waits hears how its step ended."""

from collections.abc import Iterator

import pytest

from adapters import discover
from connector.errors import NotDone, PlatformError, Refused
from connector.ports.lists import Members
from connector.ports.platform import Capability
from connector.ports.steps import Ended
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

ADAPTERS = discover()
WITH_LISTS = sorted(key for key, each in ADAPTERS.items() if Capability.LISTS in each.manifest.capabilities)
WITH_STEPS = sorted(key for key, each in ADAPTERS.items() if Capability.STEPS in each.manifest.capabilities)
#: More than any platform gives at once.
MANY = 230


@pytest.fixture(scope="module", params=WITH_LISTS)
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


@pytest.fixture(scope="module", params=WITH_STEPS)
def waiting(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def everybody(here: Bench, name: str, value: str = "") -> list[str]:
    """The ids of all people, page by page."""
    found, place, kind = [], "", here.adapter.manifest.person_kind
    lists = here.out
    for _ in range(MANY):
        page: Members = (
            lists.bearing(here.account, name, value, place) if value else lists.members(here.account, name, place)  # type: ignore[attr-defined]
        )
        found += [next(seen.value for seen in person if seen.kind == kind) for person in page.people]
        place = page.place
        if not place:
            return found
    raise AssertionError("the list never ends")


def test_a_long_list_is_read_to_its_end_and_names_each_person_once(here: Bench) -> None:
    people = [here.driver.person(f"member{number}@example.com") for number in range(MANY)]
    here.driver.person("outsider@example.com")
    assert sorted(everybody(here, here.driver.listed(people))) == sorted(people)


def test_people_with_a_value_in_a_field_are_found(here: Bench) -> None:
    people = [here.driver.person(f"bearer{number}@example.com") for number in range(120)]
    name, value = here.driver.bearing(people)
    assert sorted(everybody(here, name, value)) == sorted(people)


def test_a_list_that_is_not_there_is_refused_in_words(here: Bench) -> None:
    with pytest.raises(Refused) as raised:
        everybody(here, "no such list")
    assert raised.value.reason


def test_a_list_that_cannot_be_read_now_may_be_read_later(here: Bench) -> None:
    name = here.driver.listed([here.driver.person("later@example.com")])
    for told in (Answer(503, b"{}"), Answer(429, b"{}"), Answer(200, b"<html>"), Answer(200, b"{}"), Broken.RESET):
        here.wire.strike(lambda _: True, Trouble(effect=True, told=told))
        with pytest.raises(NotDone):
            everybody(here, name)
        here.wire.settle()
    assert len(everybody(here, name)) == 1


@pytest.mark.parametrize("done", [True, False])
def test_a_workflow_that_waits_is_told_how_its_step_ended(waiting: Bench, done: bool) -> None:
    run = waiting.driver.run()
    waiting.out.complete(waiting.account, run, Ended(done, {"referral_state": "rewarded"}))  # type: ignore[attr-defined]
    (told,) = waiting.driver.ended(run)
    assert told["referral_state"] == "rewarded"
    assert ("SUCCESS" in told.values()) is done


def test_a_run_that_nobody_waits_for_is_refused(waiting: Bench) -> None:
    with pytest.raises(Refused):
        waiting.out.complete(waiting.account, "ap-1-2-3-4", Ended(done=True, told={}))  # type: ignore[attr-defined]


def test_an_answer_that_got_lost_may_be_given_again(waiting: Bench) -> None:
    run = waiting.driver.run()
    for told in (Answer(503, b"{}"), Broken.RESET):
        waiting.wire.strike(lambda _: True, Trouble(effect=False, told=told))
        with pytest.raises(PlatformError) as raised:
            waiting.out.complete(waiting.account, run, Ended(done=True, told={}))  # type: ignore[attr-defined]
        assert isinstance(raised.value, NotDone)
        waiting.wire.settle()
    waiting.out.complete(waiting.account, run, Ended(done=True, told={}))  # type: ignore[attr-defined]
    assert len(waiting.driver.ended(run)) == 1
