"""Money: whole minor units and their currency; never a float, never a rate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal

#: ISO 4217 currencies whose minor unit is not a hundredth. A test holds this table to the published list.
EXPONENTS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}
#: Hundredths of a percent in a whole: percents are kept as whole basis points.
WHOLE_BP = 10_000
#: No order or credit is larger; a number beyond it is hostile or a mistake, and would overflow the ledger.
MAX_MINOR = 10**15

_CURRENCY = re.compile(r"[A-Z]{3}")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
#: Wide enough for all digits that are accepted, so that an amount is rounded once, and by us.
_EXACT = Context(prec=60)


def exponent(currency: str) -> int:
    """Digits after the point for `currency`: 2 for EUR, 0 for JPY, 3 for KWD."""
    return EXPONENTS.get(currency, 2)


@dataclass(frozen=True, order=False)
class Money:
    """`minor` whole minor units (cents, yen, fils) of `currency` (ISO 4217, upper case)."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if not _CURRENCY.fullmatch(self.currency):
            raise ValueError(f"{self.currency!r} is not a three-letter ISO 4217 currency code")
        if abs(self.minor) > MAX_MINOR:
            raise ValueError(f"{self.minor} minor units is beyond what is accepted as an amount")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def parse(cls, amount: str | int, currency: str) -> Money:
        """Money from a decimal text such as "12.50". More digits than the currency has are rounded half up.

        Raises ValueError for anything else: exponents, NaN, thousands separators, floats.
        """
        text = str(amount).strip()
        if isinstance(amount, float) or not _DECIMAL.fullmatch(text):
            raise ValueError(f"{amount!r} is not a decimal amount")
        scaled = Decimal(text).scaleb(exponent(currency), _EXACT)
        return cls(int(scaled.to_integral_value(ROUND_HALF_UP, _EXACT)), currency)

    def decimal(self) -> str:
        """The platform's notation: "12.50" for 1250 EUR, "12" for 12 JPY."""
        return str(Decimal(self.minor).scaleb(-exponent(self.currency)))

    def __str__(self) -> str:
        return f"{self.decimal()} {self.currency}"

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise ValueError(f"cannot combine {self.currency} with {other.currency}: no rate is ever assumed")
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def share(self, part: int, whole: int, rounding: str = "half_up") -> Money:
        """`part/whole` of this money in whole minor units; zero when `whole` is zero.

        rounding: half_up, or down and up, to the next unit below and above.
        """
        if whole <= 0:
            return Money.zero(self.currency)
        exact, half = self.minor * part, {"half_up": whole, "down": 0, "up": 2 * (whole - 1)}[rounding]
        return Money((2 * exact + half) // (2 * whole), self.currency)

    def percent(self, basis_points: int, rounding: str = "half_up") -> Money:
        """`basis_points` hundredths of a percent of this money."""
        return self.share(basis_points, WHOLE_BP, rounding)

    def at_least_zero(self) -> Money:
        return Money(max(0, self.minor), self.currency)

    def at_most(self, cap: Money) -> Money:
        return Money(min(self.minor, self._same(cap)), self.currency)


@dataclass(frozen=True)
class Rate:
    """What one whole unit of `of` is worth in `into`: `value` as a decimal text, written down by the merchant."""

    of: str
    into: str
    value: str

    def __post_init__(self) -> None:
        if not _DECIMAL.fullmatch(self.value) or Decimal(self.value) <= 0:
            raise ValueError(f"{self.value!r} is not a decimal rate above zero")

    def convert(self, money: Money) -> Money:
        """The same worth in the other currency, rounded half up. Raises ValueError for any other currency."""
        if money.currency != self.of:
            raise ValueError(f"a rate for {self.of} does not tell the worth of {money.currency}")
        worth = Decimal(money.minor).scaleb(exponent(self.into) - exponent(self.of), _EXACT)
        minor = _EXACT.multiply(worth, Decimal(self.value)).to_integral_value(ROUND_HALF_UP, _EXACT)
        return Money(int(minor), self.into)
