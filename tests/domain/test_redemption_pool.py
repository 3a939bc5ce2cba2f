"""What was spent is told for an account as a whole; the books of a merchant follow it and never run backwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.money import Money
from connector.domain.redemption import Lot, settle


def eur(minor: int) -> Money:
    return Money(minor, "EUR")


def lot(
    amount: int,
    left: int,
    taken: int = 0,
    spent: int = 0,
    lapsed: int = 0,
    *,
    ended: bool = False,
    closed: bool = False,
) -> Lot:
    return Lot(eur(amount), eur(left), eur(taken), eur(spent), eur(lapsed), ended, closed)


def told(*lots: Lot) -> list[tuple[int, int]]:
    return [(spent.minor, lapsed.minor) for spent, lapsed in settle(lots)]


GOLDEN = {
    "nothing happened": ([lot(800, 800)], [(0, 0)]),
    "a part was spent": ([lot(800, 500)], [(300, 0)]),
    "all was spent": ([lot(800, 0)], [(800, 0)]),
    "we took it back ourselves": ([lot(800, 0, taken=800)], [(0, 0)]),
    "spent in part, then we took the rest": ([lot(800, 0, taken=500)], [(300, 0)]),
    "our debit of the second ate the first": ([lot(500, 0), lot(800, 800, taken=500)], [(0, 0), (0, 0)]),
    "it ate the first, and the second was spent too": ([lot(800, 300), lot(500, 0, taken=500)], [(500, 0), (0, 0)]),
    "it ended unspent": ([lot(800, 800, ended=True)], [(0, 800)]),
    "it ended after a purchase": ([lot(800, 200, ended=True)], [(600, 200)]),
    "the first was eaten by our debit, the second ended": (
        [lot(800, 0), lot(800, 800, taken=800, ended=True)],
        [(0, 800), (0, 0)],
    ),
    "a card that we switched off": ([lot(800, 800, taken=800, closed=True)], [(0, 0)]),
    "a card that we switched off after a purchase": ([lot(800, 500, taken=500, closed=True)], [(300, 0)]),
    "a card that the merchant switched off": ([lot(800, 500, closed=True)], [(300, 500)]),
    "told before": ([lot(800, 500, spent=300)], [(300, 0)]),
    "a purchase that was refunded gives no debt back": ([lot(800, 800, spent=300)], [(300, 0)]),
    "somebody else's credit was eaten by our debit": ([lot(800, 800, taken=300)], [(0, 0)]),
    "no credit at all": ([], []),
}


@pytest.mark.parametrize(("lots", "expected"), GOLDEN.values(), ids=GOLDEN)
def test_golden_table(lots: list[Lot], expected: list[tuple[int, int]]) -> None:
    assert told(*lots) == expected


def test_currencies_never_meet() -> None:
    with pytest.raises(ValueError, match="cannot combine"):
        settle([lot(800, 800), replace(lot(1, 1), amount=Money(1, "JPY"))])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Lot], int, int]:
    """An account whose purchases and debits took from its lots in order; what was truly bought, and what ended."""
    amounts = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=5))
    left, taken, bought = list(amounts), [0] * len(amounts), 0
    for _ in range(draw(st.integers(0, 8))):
        wanted, ours = draw(st.integers(1, 400)), draw(st.booleans())
        who = draw(st.integers(0, len(amounts) - 1))
        if ours:
            wanted = min(wanted, amounts[who] - taken[who])
        wanted = min(wanted, sum(left))
        for place, rest in enumerate(left):
            part = min(rest, wanted)
            left[place] -= part
            wanted -= part
            taken[who] += part if ours else 0
            bought += 0 if ours else part
    ended = draw(st.integers(0, len(amounts)))  # the soonest ending ones
    lots = [lot(a, x, t, ended=place < ended) for place, (a, x, t) in enumerate(zip(amounts, left, taken, strict=True))]
    return lots, bought, sum(left[:ended])


@given(histories())
def test_the_whole_account_is_told_exactly_and_no_lot_more_than_it_held(
    history: tuple[list[Lot], int, int],
) -> None:
    lots, bought, ended = history
    found = told(*lots)
    assert sum(spent for spent, _ in found) == bought
    assert sum(lapsed for _, lapsed in found) == ended
    owed = sum(one.amount.minor - one.taken.minor for one in lots) - bought - ended
    assert owed == sum(one.left.minor for one in lots if not one.ended)
    assert all(spent >= 0 and lapsed >= 0 for spent, lapsed in found)


@given(histories(), histories())
def test_what_was_told_once_is_never_told_less(
    first: tuple[list[Lot], int, int], second: tuple[list[Lot], int, int]
) -> None:
    before = settle(first[0])
    later = [
        replace(one, spent=min(spent, one.amount, key=_minor), lapsed=min(lapsed, one.amount, key=_minor))
        for one, (spent, lapsed) in zip(second[0], before, strict=False)
    ]
    for one, (spent, lapsed) in zip(later, settle(later), strict=True):
        assert one.spent <= spent and one.lapsed <= lapsed


@given(histories())
def test_looking_again_changes_nothing(history: tuple[list[Lot], int, int]) -> None:
    lots = history[0]
    found = settle(lots)
    again: Sequence[Lot] = [
        replace(one, spent=spent, lapsed=lapsed) for one, (spent, lapsed) in zip(lots, found, strict=True)
    ]
    assert settle(again) == found


def _minor(money: Money) -> int:
    return money.minor
