"""The books keep the names that stored postings bear, and credit that was spent or ended is owed no longer."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from connector.domain import ledger
from connector.domain.ledger import Batch, Book, Line
from connector.domain.money import Money

TEN = Money(1000, "EUR")


def test_a_book_bears_the_name_that_is_stored() -> None:
    assert [str(book) for book in Book] == [
        "cost",
        "payable",
        "issued",
        "reclaim",
        "shortfall",
        "redeemed",
        "expired",
    ]


@pytest.mark.parametrize(
    ("post", "memo", "debit", "credit"),
    [
        (ledger.decided, "reward decided", Book.COST, Book.PAYABLE),
        (ledger.issued, "reward issued", Book.PAYABLE, Book.ISSUED),
        (ledger.reversal_decided, "reversal decided", Book.RECLAIM, Book.COST),
        (ledger.reversal_taken, "reversal taken", Book.ISSUED, Book.RECLAIM),
        (ledger.shortfall, "reversal fell short", Book.SHORTFALL, Book.RECLAIM),
        (ledger.netted, "shortfall kept from a reward", Book.COST, Book.SHORTFALL),
        (ledger.redeemed, "credit redeemed", Book.ISSUED, Book.REDEEMED),
        (ledger.expired, "credit expired", Book.ISSUED, Book.EXPIRED),
    ],
)
def test_every_event_is_two_lines_a_merchant_can_follow(
    post: Callable[[str, Money], Batch], memo: str, debit: Book, credit: Book
) -> None:
    assert post("k", TEN) == Batch("k", memo, (Line(debit, TEN), Line(credit, Money(-1000, "EUR"))))


def test_a_posting_cannot_be_changed_after_it_was_checked() -> None:
    batch = ledger.issued("k", TEN)
    with pytest.raises(FrozenInstanceError):
        batch.lines = batch.lines[:1]  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        batch.lines[0].amount = Money(1, "EUR")  # type: ignore[misc]
