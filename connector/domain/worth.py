"""Worth: what of a purchase counts for a reward, in the program's currency, and what is left of it after refunds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from connector.domain.case import Remedy
from connector.domain.facts import Deed, Fact, Item, OrderRefunded
from connector.domain.money import Money
from connector.domain.program import Bounds, Program


class Undecided(ValueError):
    """Nothing can be decided before something is known. hold: what, in a word."""

    def __init__(self, hold: str, words: str, remedy: Remedy) -> None:
        super().__init__(words)
        self.hold = hold
        self.remedy = remedy


@dataclass(frozen=True)
class Worth:
    """counted: what a percentage is taken of. left of whole: the part that no refund took back, in the shop's money."""

    counted: Money
    left: Money
    whole: Money


def matches(bounds: Bounds, item: Item) -> bool:
    """Whether this part of a purchase counts."""
    named = not bounds.products or bool(bounds.products & item.labels)
    return named and not bounds.no_products & item.labels


def worth_of(program: Program, deed: Deed, facts: Iterable[Fact]) -> Worth | None:
    """What counts of a deed; None for what has no price. Raises Undecided where the program asks what nobody knows."""
    if deed.net is None:
        return None
    bounds, net, tax = program.bounds, deed.net, deed.tax
    parts: tuple[Item, ...] = (Item(frozenset(), net, tax),)
    if bounds.by_product:
        if deed.items is None:
            raise Undecided("products", _UNREAD, Remedy(_LET_READ, settings=_ANY_PRODUCT))
        parts = tuple(item for item in deed.items if matches(bounds, item))
    zero = Money.zero(net.currency)
    whole = sum((part.net for part in parts), zero)
    counted = whole if bounds.with_tax else whole - sum((_tax(part) for part in parts), zero)
    back = sum((_back(bounds, fact, net, whole) for fact in facts if _is_refund(fact, deed)), zero)
    return Worth(_exchanged(program, counted), (whole - back).at_least_zero(), whole)


_UNREAD = "The program counts certain products alone, and what was bought could not be read."
_LET_READ = "Let the app read products, or take `orders.products` and `orders.except_products` out of the program."
_ANY_PRODUCT = (("orders.products", None), ("orders.except_products", None))


def _is_refund(fact: Fact, deed: Deed) -> bool:
    return isinstance(fact, OrderRefunded) and fact.ref == deed.ref


def _back(bounds: Bounds, fact: Fact, net: Money, whole: Money) -> Money:
    """What one refund took of the parts that count; where only its sum is known, their share of it."""
    if not isinstance(fact, OrderRefunded):
        return Money.zero(net.currency)
    amount = fact.amount.at_least_zero()
    if not bounds.by_product:
        return amount
    if fact.items is None:
        return whole.share(amount.minor, net.minor)
    matched = (item.net for item in fact.items if matches(bounds, item))
    return sum(matched, Money.zero(net.currency)).at_most(amount)


def _tax(item: Item) -> Money:
    if item.tax is None:
        words = "The program counts without tax, and the tax of this purchase could not be read."
        raise Undecided("tax", words, Remedy("Set `orders.tax: included`.", settings=(("orders.tax", "included"),)))
    return item.tax


def _exchanged(program: Program, money: Money) -> Money:
    """In the currency that the merchant wrote a rate into; else as it is."""
    rate = program.rates.get(money.currency)
    return rate.convert(money) if rate else money
