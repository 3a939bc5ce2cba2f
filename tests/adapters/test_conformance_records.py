"""Records and reads: a person's value is never lost, and one bad object never holds up the others."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from adapters import discover
from connector.domain.facts import Deed, ObjectRef
from connector.domain.money import Money
from connector.errors import Gone, NotDone, PlatformError, Refused, Unknown
from connector.mapping import ALWAYS, IF_EMPTY, NEVER_DOWNGRADE
from connector.ports.platform import Capability, Wanted
from connector.ports.records import RecordResult, RecordWrite
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

ADAPTERS = discover()
PLATFORMS = sorted(key for key, adapter in ADAPTERS.items() if Capability.RECORD in adapter.manifest.capabilities)


@pytest.fixture(scope="module", params=PLATFORMS)
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def write(here: Bench, *writes: RecordWrite) -> list[RecordResult]:
    return list(here.out.write_records(here.account, writes))


def held(here: Bench, ref: ObjectRef, place: int = 0) -> str | None:
    return here.driver.field(ref, here.driver.fields()[place][0])


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_field_is_filled_and_a_persons_value_stays(here: Bench) -> None:
    empty, filled = here.driver.objects(2)
    name = here.driver.fields()[0][0]
    here.driver.set_field(filled, name, "typed by a person")
    first, second = write(here, *(RecordWrite(ref, here.field("ours", IF_EMPTY)) for ref in (empty, filled)))
    assert (first.ref, first.written, first.kept, first.refused) == (empty, (name,), (), "")
    assert (second.ref, second.written, second.kept, second.refused) == (filled, (), (name,), "")
    assert (held(here, empty), held(here, filled)) == ("ours", "typed by a person")


def test_always_replaces_and_writing_the_same_again_changes_nothing(here: Bench) -> None:
    (ref,) = here.driver.objects(1)
    here.driver.set_field(ref, here.driver.fields()[0][0], "old")
    for _ in range(2):
        (result,) = write(here, RecordWrite(ref, here.field("new", ALWAYS)))
        assert result.refused == "" and held(here, ref) == "new"


def test_a_stage_moves_up_and_never_down(here: Bench) -> None:
    (ref,) = here.driver.objects(1)
    lesser, greater = here.driver.ranks()
    policy = f"{NEVER_DOWNGRADE}: {lesser} < {greater}"
    for value, stands in ((lesser, lesser), (greater, greater), (lesser, greater)):
        (result,) = write(here, RecordWrite(ref, here.field(value, policy)))
        assert held(here, ref) == stands
        assert bool(result.kept) == (value != stands)


def test_a_value_changed_between_our_read_and_our_write_is_not_overwritten(here: Bench) -> None:
    if not here.driver.compares:
        pytest.skip("the platform has neither a conditional write nor a history of values")
    raced, calm = here.driver.objects(2)
    name = here.driver.fields()[0][0]
    here.wire.meanwhile(here.driver.is_write, lambda: here.driver.set_field(raced, name, "typed meanwhile"))
    writes = [RecordWrite(ref, here.field("ours", IF_EMPTY)) for ref in (raced, calm)]
    try:
        results = {result.ref: result for result in write(here, *writes)}
        assert not results[raced].written
    except NotDone:  # the whole batch is read and written anew
        results = {result.ref: result for result in write(here, *writes)}
    assert held(here, raced) == "typed meanwhile"
    assert held(here, calm) == "ours" and results[calm].refused == ""


def test_a_record_that_is_gone_holds_up_no_other(here: Bench) -> None:
    good, other = here.driver.objects(2)
    refs = [good, here.driver.missing(), other]
    results = write(here, *(RecordWrite(ref, here.field("ours", IF_EMPTY)) for ref in refs))
    assert [result.ref for result in results] == refs
    assert [bool(result.refused) for result in results] == [False, True, False]
    assert [held(here, ref) for ref in (good, other)] == ["ours", "ours"]


def test_a_full_batch_is_written_whole(here: Bench) -> None:
    refs = here.driver.objects(here.adapter.manifest.write_batch)
    results = write(
        here, *(RecordWrite(ref, {**here.field("a", ALWAYS), **here.field("b", ALWAYS, 1)}) for ref in refs)
    )
    assert [(result.ref, len(result.written)) for result in results] == [(ref, 2) for ref in refs]
    assert {(held(here, ref), held(here, ref, 1)) for ref in refs} == {("a", "b")}


TROUBLES = {
    "429": Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "2"})),
    "401": Trouble(effect=False, told=Answer(401, b"{}")),
    "503": Trouble(effect=False, told=Answer(503, b"{}")),
    "reset": Trouble(effect=True, told=Broken.RESET),
    "html": Trouble(effect=True, told=Answer(200, b"<html>")),
    "empty": Trouble(effect=True, told=Answer(200, b"")),
    "odd": Trouble(effect=True, told=Answer(200, b'{"data": {}}')),
    "half": Trouble(effect=True, told=Broken.HALF),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_a_write_whose_answer_is_lost_can_be_made_again(here: Bench, name: str) -> None:
    (ref,) = here.driver.objects(1)
    here.wire.strike(here.driver.is_write, TROUBLES[name])
    with pytest.raises(PlatformError):
        write(here, RecordWrite(ref, here.field("ours", IF_EMPTY)))
    here.wire.settle()
    (result,) = write(here, RecordWrite(ref, here.field("ours", IF_EMPTY)))
    assert result.refused == "" and held(here, ref) == "ours"


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_is_read_in_one_call_and_what_is_not_there_is_said_so(here: Bench) -> None:
    size = here.adapter.manifest.read_batch
    refs = [*here.driver.objects(min(size, 5) - 1), here.driver.missing()]
    asked = len(here.wire.calls)
    truths = here.out.fetch(here.account, refs, Wanted())
    assert [truth.ref for truth in truths] == refs
    assert [truth.found for truth in truths] == [True] * (len(refs) - 1) + [False]
    assert len(here.wire.calls) == asked + 1
    for truth in truths[:-1]:
        assert truth.as_of is not None and truth.as_of.tzinfo is not None
        assert truth.buyer and all(fact.ref == truth.ref for fact in truth.facts)


def test_what_was_bought_sums_to_the_net_and_changes_nothing_else_that_is_told(here: Bench) -> None:
    refs = here.driver.objects(2)
    plain, full = (here.out.fetch(here.account, refs, Wanted(items)) for items in (False, True))
    for truth, more in zip(plain, full, strict=True):
        paid, same = ([f for f in one.facts if isinstance(f, Deed)] for one in (truth, more))
        assert [replace(fact, items=None) for fact in same] == paid
        for fact in same:
            if fact.items is not None and fact.net is not None:
                assert sum((item.net for item in fact.items), Money.zero(fact.net.currency)) == fact.net
                assert all(label == label.casefold() and label for item in fact.items for label in item.labels)


def test_more_than_one_batch_of_unknown_objects_is_all_unknown(here: Bench) -> None:
    refs = [here.driver.missing() for _ in range(here.adapter.manifest.read_batch)]
    assert [truth.found for truth in here.out.fetch(here.account, refs, Wanted(items=True))] == [False] * len(refs)


def test_a_glance_sees_a_full_batch_and_the_missing_one(here: Bench) -> None:
    refs = [*here.driver.objects(3), *(here.driver.missing() for _ in range(here.adapter.manifest.look_batch - 3))]
    glances = here.out.glance(here.account, refs)
    assert [glance.ref for glance in glances] == refs
    assert [glance.found for glance in glances] == [True] * 3 + [False] * (len(refs) - 3)
    assert all(glance.as_of for glance in glances[:3])


def test_a_person_is_found_by_exactly_their_address(here: Bench) -> None:
    known = here.driver.person("Known.Person@example.com")
    found = here.out.find_person(here.account, " known.person@example.com")
    assert found == ObjectRef(here.adapter.manifest.person_kind, known)
    for other in ("known.person@example.co", "nown.person@example.com", "*", "@", 'x" OR "1'):
        assert here.out.find_person(here.account, other) is None, other


@pytest.mark.parametrize("name", TROUBLES)
def test_a_read_that_fails_had_no_effect(here: Bench, name: str) -> None:
    refs = here.driver.objects(2)
    for read in (partial(here.out.fetch, wanted=Wanted(items=True)), here.out.glance):
        here.wire.strike(lambda _: True, TROUBLES[name])
        with pytest.raises((NotDone, Refused, Gone)) as raised:
            read(here.account, refs)
        assert not isinstance(raised.value, Unknown)
    here.wire.settle()
