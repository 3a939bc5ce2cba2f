"""Bills: credit comes off a draft once, whatever gets lost on the way, and never off what a customer has seen already."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from adapters import discover
from connector.domain.money import Money
from connector.errors import Late, NotDone, Refused, Unknown
from connector.ports.bills import Deduction
from connector.ports.platform import Capability
from tests.adapters.conformance.driver import CURRENCY, Bench, OnTime, TooLate, bench
from tests.adapters.conformance.wire import Answer, Broken, Trouble

PLATFORMS = sorted(key for key, each in discover().items() if Capability.BILLS in each.manifest.capabilities)
HELD = Money(5_000, CURRENCY)


@pytest.fixture(scope="module", params=PLATFORMS)
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def wanted(here: Bench, minor: int = 700, bill: str = "") -> Deduction:
    holder = here.driver.fund(here.driver.person(f"{uuid4().hex}@example.com"), Capability.BALANCE, HELD)
    return Deduction(bill or here.driver.bill(), holder, Money(minor, CURRENCY), uuid4().hex[:24])


def deduct(here: Bench, deduction: Deduction) -> None:
    here.out.deduct(here.account, deduction, OnTime())  # type: ignore[attr-defined]


def left(here: Bench, deduction: Deduction) -> Money:
    return here.out.balance(here.account, Capability.BALANCE, deduction.holder, deduction.holder, CURRENCY)


def test_credit_comes_off_the_bill_and_off_the_balance_once(here: Bench) -> None:
    asked = wanted(here)
    for _ in range(3):
        deduct(here, asked)
    assert here.driver.deducted(asked.bill) == [700]
    assert left(here, asked) == Money(HELD.minor - 700, CURRENCY)


def test_two_deductions_off_one_bill_are_two(here: Bench) -> None:
    first = wanted(here)
    second = wanted(here, 300, first.bill)
    for each in (first, second):
        deduct(here, each)
    assert sorted(here.driver.deducted(first.bill)) == [300, 700]


def test_whatever_answer_gets_lost_it_comes_off_once_in_the_end(here: Bench) -> None:
    place = 0
    while True:
        asked, calls = wanted(here), iter(range(1_000))
        hit = []

        def strikes(_: object, at: int = place, numbers: Iterator[int] = calls, hits: list[int] = hit) -> bool:
            reached = next(numbers) == at
            hits += [at] if reached else []
            return reached

        here.wire.clear()
        here.wire.strike(strikes, Trouble(effect=True, told=Broken.RESET))
        for _ in range(3):
            try:
                deduct(here, asked)
                break
            except (NotDone, Unknown):
                here.wire.settle()
        here.wire.clear()
        assert here.driver.deducted(asked.bill) == [700], place
        assert left(here, asked) == Money(HELD.minor - 700, CURRENCY), place
        if not hit:
            break  # there are no more calls to lose
        place += 1
    assert place > 2


def test_what_cannot_be_taken_off_is_refused_in_words_and_nothing_moves(here: Bench) -> None:
    too_much = wanted(here, HELD.minor + 1)
    sent = wanted(here, bill=here.driver.bill(sent=True))
    foreign = wanted(here, bill=here.driver.bill(currency="USD"))
    nowhere = wanted(here, bill=here.driver.missing().id)
    for asked in (too_much, sent, foreign, nowhere):
        with pytest.raises(Refused) as raised:
            deduct(here, asked)
        assert len(raised.value.reason.split()) > 3
        assert left(here, asked) == HELD
    assert here.driver.deducted(too_much.bill) == here.driver.deducted(sent.bill) == []


def test_after_the_deadline_nothing_is_written(here: Bench) -> None:
    asked = wanted(here)
    with pytest.raises(Late):
        here.out.deduct(here.account, asked, TooLate())  # type: ignore[attr-defined]
    assert here.driver.deducted(asked.bill) == [] and left(here, asked) == HELD


def test_a_throttle_costs_nothing(here: Bench) -> None:
    asked = wanted(here)
    here.wire.strike(lambda _: True, Trouble(effect=False, told=Answer(429, b"{}")))
    with pytest.raises(NotDone):
        deduct(here, asked)
    here.wire.settle()
    deduct(here, asked)
    assert here.driver.deducted(asked.bill) == [700]
