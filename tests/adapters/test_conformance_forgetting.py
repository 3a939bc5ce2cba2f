"""Forgetting: what is ours goes from the records of whoever was forgotten, what is the merchant's own stays."""

from collections.abc import Iterator
from itertools import count
from uuid import uuid4

import pytest

from adapters import discover
from connector.domain.facts import ObjectRef
from connector.errors import NotDone, PlatformError
from connector.ports.forgetting import Leftover
from connector.ports.platform import Capability
from connector.ports.records import RecordWrite
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

ADAPTERS = discover()
PLATFORMS = sorted(key for key, each in ADAPTERS.items() if Capability.FORGET in each.manifest.capabilities)
_serial = count(1)


@pytest.fixture(scope="module", params=PLATFORMS)
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def known(here: Bench) -> tuple[ObjectRef, str]:
    """Somebody on whose record something of ours stands, and their address."""
    email = f"forgotten{next(_serial)}@example.com"
    ref = ObjectRef(here.adapter.manifest.person_kind, here.driver.person(email))
    here.out.write_records(here.account, [RecordWrite(ref, here.field("ours", "always"))])
    assert ours(here, ref) == "ours"
    return ref, email


def ours(here: Bench, ref: ObjectRef) -> str | None:
    return here.driver.field(ref, here.driver.fields()[0][0]) or None


def forget(here: Bench, *people: Leftover) -> None:
    here.out.take_off(here.account, people)  # type: ignore[attr-defined]


def test_what_is_ours_goes_by_their_id_and_by_their_address(here: Bench) -> None:
    (one, _), (other, email), (stays, _) = known(here), known(here), known(here)
    forget(here, Leftover(uuid4(), one.id), Leftover(uuid4(), email=email))
    assert (ours(here, one), ours(here, other), ours(here, stays)) == (None, None, "ours")


def test_what_is_the_merchants_own_stays(here: Bench) -> None:
    ref, email = known(here)
    here.driver.own(ref, "favourite tea", "green")
    forget(here, Leftover(uuid4(), email=email))
    assert ours(here, ref) is None and here.driver.owned(ref, "favourite tea") == "green"


def test_asked_again_and_of_nobody_changes_nothing(here: Bench) -> None:
    ref, email = known(here)
    for _ in range(2):
        forget(here, Leftover(uuid4(), ref.id), Leftover(uuid4(), email=email), Leftover(uuid4(), email="no@where.com"))
    forget(here, Leftover(uuid4(), here.driver.missing().id), Leftover(uuid4(), email="no address"))
    assert ours(here, ref) is None


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "1"})),
        Trouble(effect=False, told=Answer(503, b"{}")),
        Trouble(effect=False, told=Broken.RESET),
        Trouble(effect=True, told=Broken.RESET),
        Trouble(effect=True, told=Answer(200, b"<html>")),
    ],
)
def test_a_lost_answer_is_told_and_asked_for_again(here: Bench, trouble: Trouble) -> None:
    ref, email = known(here)
    here.wire.strike(here.driver.is_write, trouble)
    with pytest.raises(PlatformError) as raised:
        forget(here, Leftover(uuid4(), email=email))
    here.wire.settle()
    assert not (trouble.effect and isinstance(raised.value, NotDone))
    forget(here, Leftover(uuid4(), email=email))
    assert ours(here, ref) is None
