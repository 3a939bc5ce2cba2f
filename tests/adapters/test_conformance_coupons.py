"""Coupons: a code that no shop redeems is a promise broken, one that is given out twice is another."""

from collections.abc import Iterator
from itertools import count

import pytest

from adapters import discover
from connector.errors import NotDone, PlatformError, Refused
from connector.ports.coupons import CouponCode, Fate
from connector.ports.platform import Capability
from tests.adapters.conformance.driver import Bench, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

ADAPTERS = discover()
LOW = 7
_serial = count(1)


def able(capability: Capability) -> list[str]:
    return sorted(key for key, each in ADAPTERS.items() if capability in each.manifest.capabilities)


@pytest.fixture(scope="module", params=able(Capability.CODES_KNOWN))
def shop(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


@pytest.fixture(scope="module", params=able(Capability.COUPONS))
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


@pytest.fixture
def coupon() -> str:
    return f"AUTUMN_{next(_serial)}"


def publish(here: Bench, coupon: str, *codes: str, low: int = LOW) -> list[CouponCode]:
    return list(here.out.publish(here.account, coupon, codes, low))  # type: ignore[attr-defined]


# ── A shop that tells which codes it has ────────────────────────────────────────────────────────────────────────────


def test_a_shop_knows_its_own_codes_and_no_others_up_to_a_batch(shop: Bench) -> None:
    codes = [f"TEA{next(_serial)}" for _ in range(shop.adapter.manifest.read_batch)]
    shop.driver.stocked(codes[1:])
    assert shop.out.known_codes(shop.account, codes) == set(codes[1:])  # type: ignore[attr-defined]


def test_a_shop_that_does_not_answer_is_not_taken_for_one_without_the_code(shop: Bench) -> None:
    shop.driver.stocked(["LOST"])
    for trouble in (Trouble(effect=True, told=Broken.RESET), Trouble(effect=True, told=Answer(200, b"<html>"))):
        shop.wire.strike(lambda _: True, trouble)
        with pytest.raises(NotDone):
            shop.out.known_codes(shop.account, ["LOST"])  # type: ignore[attr-defined]
        shop.wire.settle()


# ── A platform that gives them to readers ───────────────────────────────────────────────────────────────────────────


def test_codes_are_published_to_a_coupon_that_warns_when_few_are_left(here: Bench, coupon: str) -> None:
    told = publish(here, coupon, "ONE", "TWO")
    assert [(each.code, each.fate) for each in told] == [("ONE", Fate.PUBLISHED), ("TWO", Fate.PUBLISHED)]
    assert sorted(here.driver.pooled(coupon)) == ["ONE", "TWO"] and here.driver.warns_below(coupon) == LOW


def test_again_changes_nothing_and_says_what_was_there(here: Bench, coupon: str) -> None:
    publish(here, coupon, "ONE", "TWO")
    told = publish(here, coupon, "ONE", "TWO", "THREE", low=LOW + 1)
    assert [each.fate for each in told] == [Fate.ALREADY, Fate.ALREADY, Fate.PUBLISHED]
    assert sorted(here.driver.pooled(coupon)) == ["ONE", "THREE", "TWO"] and here.driver.warns_below(coupon) == LOW


def test_the_same_code_may_stand_in_two_coupons(here: Bench, coupon: str) -> None:
    publish(here, coupon, "ONE")
    assert [each.fate for each in publish(here, f"{coupon}_more", "ONE")] == [Fate.PUBLISHED]


def test_a_code_that_is_refused_holds_up_no_other(here: Bench, coupon: str) -> None:
    publish(here, coupon)
    here.wire.strike(here.driver.is_publish, Trouble(effect=False, told=Answer(400, b"{}")))
    told = publish(here, coupon, "BAD", "GOOD")
    here.wire.settle()
    assert [each.fate for each in told] == [Fate.REFUSED, Fate.PUBLISHED] and told[0].reason
    assert here.driver.pooled(coupon) == ["GOOD"]


def test_a_key_without_the_right_is_told_and_refuses_no_code(here: Bench, coupon: str) -> None:
    publish(here, coupon)
    here.wire.strike(here.driver.is_publish, Trouble(effect=False, told=Answer(403, b"{}")))
    with pytest.raises(Refused):
        publish(here, coupon, "ONE")
    here.wire.settle()


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
def test_a_lost_answer_is_told_and_each_code_is_there_once_in_the_end(
    here: Bench, coupon: str, trouble: Trouble
) -> None:
    publish(here, coupon)
    here.wire.strike(here.driver.is_publish, trouble)
    with pytest.raises(PlatformError) as raised:
        publish(here, coupon, "ONE", "TWO")
    here.wire.settle()
    assert not (trouble.effect and isinstance(raised.value, NotDone))
    first = Fate.ALREADY if trouble.effect else Fate.PUBLISHED
    assert [each.fate for each in publish(here, coupon, "ONE", "TWO")] == [first, Fate.PUBLISHED]
    assert sorted(here.driver.pooled(coupon)) == ["ONE", "TWO"]


def test_what_was_published_before_an_answer_was_lost_is_told(here: Bench, coupon: str) -> None:
    publish(here, coupon)
    sent = count()
    here.wire.strike(
        lambda request: here.driver.is_publish(request) and next(sent) == 1, Trouble(effect=False, told=Broken.RESET)
    )
    assert [each.code for each in publish(here, coupon, "ONE", "TWO", "THREE")] == ["ONE"]
    here.wire.settle()
