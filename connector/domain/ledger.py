"""The double-entry ledger: what the merchant owes, has given, and has taken back. Every batch sums to zero.

cost      what the program costs the merchant (debit, positive)
payable   rewards decided and not yet on the platform (credit, negative)
issued    credit standing on the platform (credit, negative): the open liability
reclaim   reversals decided and not yet taken (debit)
shortfall reversals that found the account empty: the merchant's loss (debit)
redeemed  issued credit that was spent, expired  issued credit that lapsed (credit)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from connector.domain.money import Money
from connector.errors import InvariantBroken


class Book(StrEnum):
    """The accounts of the ledger."""

    COST = "cost"
    PAYABLE = "payable"
    ISSUED = "issued"
    RECLAIM = "reclaim"
    SHORTFALL = "shortfall"
    REDEEMED = "redeemed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Line:
    """One posting: positive is a debit, negative a credit."""

    book: Book
    amount: Money


@dataclass(frozen=True)
class Batch:
    """Postings that belong together. `key` names the event that caused them: each event is posted once, for ever."""

    key: str
    memo: str
    lines: tuple[Line, ...]

    def __post_init__(self) -> None:
        total = sum(line.amount.minor for line in self.lines)
        if total or len({line.amount.currency for line in self.lines}) > 1:
            raise InvariantBroken(f"batch {self.key} does not sum to zero in one currency: {self.lines}")


def move(key: str, memo: str, amount: Money, *, debit: Book, credit: Book) -> Batch:
    """A batch that moves `amount` from `credit` to `debit`."""
    return Batch(key, memo, (Line(debit, amount), Line(credit, Money(-amount.minor, amount.currency))))


def decided(key: str, amount: Money) -> Batch:
    """A reward is owed (or, with a negative amount, owed less than before)."""
    return move(key, "reward decided", amount, debit=Book.COST, credit=Book.PAYABLE)


def issued(key: str, amount: Money) -> Batch:
    """The platform holds the credit."""
    return move(key, "reward issued", amount, debit=Book.PAYABLE, credit=Book.ISSUED)


def reversal_decided(key: str, amount: Money) -> Batch:
    """A paid reward must come back, in part or whole."""
    return move(key, "reversal decided", amount, debit=Book.RECLAIM, credit=Book.COST)


def reversal_taken(key: str, amount: Money) -> Batch:
    """The platform took the credit back."""
    return move(key, "reversal taken", amount, debit=Book.ISSUED, credit=Book.RECLAIM)


def shortfall(key: str, amount: Money) -> Batch:
    """The account held less than the reversal: the rest stays with the merchant."""
    return move(key, "reversal fell short", amount, debit=Book.SHORTFALL, credit=Book.RECLAIM)


def netted(key: str, amount: Money) -> Batch:
    """An earlier shortfall is kept from a reward instead of being lost (or, negative, is lost after all)."""
    return move(key, "shortfall kept from a reward", amount, debit=Book.COST, credit=Book.SHORTFALL)


def redeemed(key: str, amount: Money) -> Batch:
    """Credit was spent: it is owed no longer."""
    return move(key, "credit redeemed", amount, debit=Book.ISSUED, credit=Book.REDEEMED)


def expired(key: str, amount: Money) -> Batch:
    """Credit ended unspent: it is owed no longer."""
    return move(key, "credit expired", amount, debit=Book.ISSUED, credit=Book.EXPIRED)
