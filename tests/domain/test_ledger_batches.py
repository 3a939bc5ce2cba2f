"""No posting is one-sided, and the books tell at any moment what is owed, what stands issued, and what was lost."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import ledger
from connector.domain.ledger import Batch, Book, Line
from connector.domain.money import Money
from connector.errors import InvariantBroken

EUR = Money(1000, "EUR")


def lines(*pairs: tuple[Book, int, str]) -> tuple[Line, ...]:
    return tuple(Line(book, Money(minor, currency)) for book, minor, currency in pairs)


@pytest.mark.parametrize(
    "bad",
    [
        lines((Book.COST, 1000, "EUR")),
        lines((Book.COST, 1000, "EUR"), (Book.PAYABLE, -999, "EUR")),
        lines((Book.COST, 1000, "EUR"), (Book.PAYABLE, -1000, "USD")),
        lines((Book.COST, 1000, "EUR"), (Book.PAYABLE, 1000, "EUR")),
    ],
    ids=["one-sided", "a cent short", "two currencies", "both debits"],
)
def test_a_batch_that_does_not_sum_to_zero_in_one_currency_cannot_be_made(bad: tuple[Line, ...]) -> None:
    with pytest.raises(InvariantBroken, match="does not sum to zero"):
        Batch("k", "m", bad)
    good = lines((Book.COST, 1000, "EUR"), (Book.PAYABLE, -400, "EUR"), (Book.ISSUED, -600, "EUR"))
    assert Batch("k", "m", good).lines == good


def books(*batches: Batch) -> dict[Book, int]:
    total: Counter[Book] = Counter()
    for batch in batches:
        for line in batch.lines:
            total[line.book] += line.amount.minor
    return {book: minor for book, minor in total.items() if minor}


@pytest.mark.parametrize(
    ("post", "debit", "credit"),
    [
        (ledger.decided, Book.COST, Book.PAYABLE),
        (ledger.issued, Book.PAYABLE, Book.ISSUED),
        (ledger.reversal_decided, Book.RECLAIM, Book.COST),
        (ledger.reversal_taken, Book.ISSUED, Book.RECLAIM),
        (ledger.shortfall, Book.SHORTFALL, Book.RECLAIM),
        (ledger.netted, Book.COST, Book.SHORTFALL),
        (ledger.redeemed, Book.ISSUED, Book.REDEEMED),
        (ledger.expired, Book.ISSUED, Book.EXPIRED),
    ],
)
def test_each_event_moves_its_amount_between_its_two_books(
    post: Callable[[str, Money], Batch], debit: Book, credit: Book
) -> None:
    batch = post("event", EUR)
    assert (batch.key, books(batch)) == ("event", {debit: 1000, credit: -1000})


def test_a_reward_paid_and_taken_back_leaves_nothing_but_what_could_not_be_taken() -> None:
    part, rest = Money(700, "EUR"), Money(300, "EUR")
    promised = ledger.decided("1", EUR)
    paid = ledger.issued("2", EUR)
    back = ledger.reversal_decided("3", EUR)
    taken = ledger.reversal_taken("4", part)
    short = ledger.shortfall("5", rest)
    assert books(promised) == {Book.COST: 1000, Book.PAYABLE: -1000}
    assert books(promised, paid) == {Book.COST: 1000, Book.ISSUED: -1000}
    assert books(promised, paid, back) == {Book.ISSUED: -1000, Book.RECLAIM: 1000}
    assert books(promised, paid, back, taken, short) == {Book.ISSUED: -300, Book.SHORTFALL: 300}
    assert books(promised, ledger.decided("6", Money(-1000, "EUR"))) == {}


@given(st.lists(st.tuples(st.sampled_from(Book), st.integers(-(10**12), 10**12)), max_size=6))
def test_any_lines_make_a_batch_exactly_when_they_sum_to_zero(drawn: list[tuple[Book, int]]) -> None:
    made = tuple(Line(book, Money(minor, "JPY")) for book, minor in drawn)
    if sum(minor for _, minor in drawn):
        with pytest.raises(InvariantBroken):
            Batch("k", "m", made)
    else:
        assert sum(books(Batch("k", "m", made)).values()) == 0
