"""Redemption: what of an account's credits was spent or ended, when the platform shows only what is left of each.

A platform takes money from the credit that ends first, whoever takes it: our own debit for one reward may eat the
credit of another. So what was spent is known for the account as a whole: all that is gone from its credits, less all
that we took back ourselves. It is laid to the single credits in their order, never more than is gone from each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.domain.money import Money


@dataclass(frozen=True)
class Lot:
    """One credit of an account.

    left: what the platform says is left of it. taken: what we took back for it. spent and lapsed: what of it was counted
    as spent or ended before. ended: what is left can no longer be spent; closed: because somebody switched it off.
    """

    amount: Money
    left: Money
    taken: Money
    spent: Money
    lapsed: Money
    ended: bool = False
    closed: bool = False

    @property
    def rest(self) -> Money:
        """What is left and was not taken by us: a reversal switches off what it takes, without emptying it."""
        return self.left - self.left.at_most(self.taken) if self.closed else self.left


def settle(lots: Sequence[Lot]) -> tuple[tuple[Money, Money], ...]:
    """What of each lot counts as spent and as ended now: never less than before, because postings are not taken back.

    Raises ValueError where the lots are of several currencies.
    """
    if not lots:
        return ()
    zero = Money.zero(lots[0].amount.currency)
    taken = sum((lot.taken for lot in lots), zero)
    gone = [(lot.amount - lot.rest).at_least_zero() for lot in lots]
    spent = _lay(sum(gone, zero) - taken, [(lot.spent, away) for lot, away in zip(lots, gone, strict=True)])
    owed = [lot.amount - lot.taken - used for lot, used in zip(lots, spent, strict=True)]
    live = sum((lot.rest for lot in lots if not (lot.ended or lot.closed)), zero)
    over = sum((lot.rest for lot in lots if lot.ended or lot.closed), zero)
    ended = (sum(owed, zero) - live).at_most(over)
    lapsed = _lay(ended, [(lot.lapsed, open_) for lot, open_ in zip(lots, owed, strict=True)])
    return tuple(zip(spent, lapsed, strict=True))


def _lay(total: Money, rooms: Sequence[tuple[Money, Money]]) -> list[Money]:
    """Lay `total` to the rooms, each (held already, holds at most), in their order."""
    new = (total - sum((held for held, _ in rooms), Money.zero(total.currency))).at_least_zero()
    laid = []
    for held, most in rooms:
        more = (most - held).at_least_zero().at_most(new)
        new -= more
        laid.append(held + more)
    return laid
