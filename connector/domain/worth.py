"""Worth: what of a purchase counts for a reward, in the program's currency, and what is left of it after refunds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
            raise Undecided("products_unread", _UNREAD, Remedy(_LET_READ, settings=_ANY_PRODUCT))
        parts = tuple(item for item in deed.items if matches(bounds, item))
    zero = Money.zero(net.currency)
    whole = sum((part.net for part in parts), zero)
    counted = whole if bounds.with_tax else (whole - sum((_tax(part) for part in parts), zero)).at_least_zero()
    refunds = [fact for fact in facts if isinstance(fact, OrderRefunded) and fact.ref == deed.ref]
    _same_currency(refunds, net)
    left = _left(bounds, refunds, net, whole) if bounds.by_product else whole - _sum(refunds, zero)
    return Worth(_exchanged(program, counted), left.at_least_zero(), whole)


_UNREAD = "The program counts certain products alone, and what was bought could not be read."
_LET_READ = "Let the app read products, or take `orders.products` and `orders.except_products` out of the program."
_ANY_PRODUCT = (("orders.products", None), ("orders.except_products", None))


def _same_currency(refunds: Sequence[OrderRefunded], net: Money) -> None:
    odd = [refund for refund in refunds if refund.amount.currency != net.currency]
    if odd:
        words = f"A refund is told in {odd[0].amount.currency}, and the purchase in {net.currency}."
        remedy = Remedy("Have the refund told in the currency of the purchase.", without=frozenset(r.key for r in odd))
        raise Undecided("currency", words, remedy)


def _left(bounds: Bounds, refunds: Sequence[OrderRefunded], net: Money, whole: Money) -> Money:
    """What is left of the parts that count. Refunds told as a sum take their share of what the others have left."""
    zero = Money.zero(net.currency)
    told = [refund for refund in refunds if refund.items is not None]
    back = (_matched(bounds, refund).at_most(refund.amount.at_least_zero()) for refund in told)
    left = (whole - sum(back, zero)).at_least_zero()
    order_left = (net - _sum(told, zero)).at_least_zero()
    rest = _sum([refund for refund in refunds if refund.items is None], zero).at_most(order_left)
    return left - left.share(rest.minor, order_left.minor)


def _matched(bounds: Bounds, refund: OrderRefunded) -> Money:
    """The price of all that counts among what went back."""
    things = (item.net for item in refund.items or () if matches(bounds, item))
    return sum(things, Money.zero(refund.amount.currency))


def _sum(refunds: Sequence[OrderRefunded], zero: Money) -> Money:
    return sum((refund.amount.at_least_zero() for refund in refunds), zero)


def _tax(item: Item) -> Money:
    if item.tax is None:
        words = "The program counts without tax, and the tax of this purchase could not be read."
        raise Undecided(
            "tax_unread", words, Remedy("Set `orders.tax: included`.", settings=(("orders.tax", "included"),))
        )
    return item.tax


def _exchanged(program: Program, money: Money) -> Money:
    """In the currency that the merchant wrote a rate into; else as it is."""
    rate = program.rates.get(money.currency)
    return rate.convert(money) if rate else money
