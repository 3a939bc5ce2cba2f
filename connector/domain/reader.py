"""Reader: untyped data becomes typed settings, and every problem is gathered, each with its remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from connector.domain.money import WHOLE_BP, Money, exponent

E = TypeVar("E", bound=StrEnum)

MAX_DAYS = 3650
MAX_COUNT = 1_000_000
_PERCENT_DIGITS = 2
_LONGEST = 80


class Reader:
    """Reads settings by dotted keys. `problems` holds what is wrong, as "KEY: what to do about it"."""

    def __init__(self, data: Mapping[str, Any], under: str = "", problems: list[str] | None = None) -> None:
        self.data = data
        self.under = under
        self.problems: list[str] = [] if problems is None else problems
        self.read: set[str] = set()

    def wrong(self, key: str, words: str) -> None:
        self.problems.append(f"{self.under}{key}: {words}")

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        value: Any = self.data
        for part in key.split("."):
            if not isinstance(value, Mapping) or value.get(part) is None:
                return default
            value = value[part]
        return value

    def has(self, key: str) -> bool:
        return self.get(key) is not None

    def leftovers(self) -> None:
        """What nobody asked for, and sections that are none: a misspelt promise must not be dropped in silence."""
        sections = {key.partition(".")[0] for key in self.read if "." in key}
        for name, value in self.data.items():
            if name in sections and not isinstance(value, Mapping):
                self.wrong(name, "write it as a section of `setting: value` lines")
            elif name in sections:
                for key in value:
                    if f"{name}.{key}" not in self.read:
                        self.wrong(f"{name}.{key}", self._no_such(str(key), name))
            elif name not in self.read:
                self.wrong(str(name), self._no_such(str(name), ""))

    def _no_such(self, name: str, section: str) -> str:
        prefix = f"{section}." if section else ""
        known = {key.removeprefix(prefix).partition(".")[0] for key in self.read if key.startswith(prefix)}
        near = [each for each in sorted(known) if _near(name, each)]
        return f"no such setting; did you mean {near[0]}?" if near else "no such setting; take it out"

    # ── Kinds of settings ────────────────────────────────────────────────────────────────────────────────────────

    def text(self, key: str, default: str = "", *, empty: bool = False) -> str:
        """empty: it may be left out; what is written is never empty."""
        value = self.get(key, default)
        if not isinstance(value, str) or not (value.strip() or (empty and not self.has(key))):
            self.wrong(key, "write a text")
            return "?"
        return value.strip()

    def choice(self, key: str, allowed: Collection[str], default: str) -> str:
        value = self.get(key, default)
        if not isinstance(value, str) or value not in allowed:
            self.wrong(key, f"{shown(value)} is none of {', '.join(allowed)}")
            return default
        return value

    def one_of(self, key: str, kind: type[E], default: E) -> E:
        return kind(self.choice(key, tuple(kind), default))

    def whole(self, key: str, default: int | None, least: int = 0, most: int = MAX_COUNT) -> int | None:
        value = self.get(key, default)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            self.wrong(key, f"{shown(value)} must be a whole number, {least} to {most}")
            return least
        return value

    def count(self, key: str, default: int, least: int = 0, most: int = MAX_COUNT) -> int:
        found = self.whole(key, default, least, most)
        return default if found is None else found

    def days(self, key: str, default: int | None) -> timedelta | None:
        value = self.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_DAYS:
            self.wrong(key, f"{shown(value)} must be a whole number of days, 0 to {MAX_DAYS}")
            return timedelta(0)
        return timedelta(days=value)

    def money(self, key: str) -> Money | None:
        value = self.get(key)
        if value is None:
            return None
        amount, _, currency = str(value).partition(" ")
        try:
            money = Money.parse(amount, currency.strip())
        except ValueError:
            money = None
        if money is None or money.minor <= 0:
            self.wrong(key, f'{shown(value)} must be an amount and its currency, such as "10.00 EUR"')
            return None
        if len(amount.strip().partition(".")[2].rstrip("0")) > exponent(money.currency):
            self.wrong(
                key, f"{shown(value)} has a part of a coin: {money.currency} has {exponent(money.currency)} digits"
            )
            return None
        return money

    def percent(self, key: str) -> int:
        """A percentage as basis points; 0 where none is given."""
        percent = self.get(key)
        if percent is None:
            return 0
        try:
            basis_points = Money.parse(str(percent), "EUR").minor  # two digits after the point, as basis points have
        except ValueError:
            basis_points = 0
        if isinstance(percent, bool) or not 0 < basis_points <= WHOLE_BP:
            self.wrong(key, f"{shown(percent)} must be more than 0 and at most 100")
            return 0
        if len(str(percent).strip().partition(".")[2].rstrip("0")) > _PERCENT_DIGITS:
            self.wrong(key, f"{shown(percent)} must have at most {_PERCENT_DIGITS} digits after the point")
            return 0
        return basis_points

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.wrong(key, f"{shown(value)} must be true or false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.wrong(key, "write a list of texts")
            return ()
        return tuple(value)

    def labels(self, key: str) -> frozenset[str]:
        """Texts that are compared without regard to case. A bare number counts as the text that it looks like."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(_is_label(v) for v in value):
            self.wrong(key, "write a list of texts")
            return frozenset()
        return frozenset(str(each).strip().casefold() for each in value)

    def rows(self, key: str) -> list[Reader]:
        """A list of sections, each to be read on its own; what is left over in one is found by `leftovers` on it."""
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
            self.wrong(key, "write a list of `- setting: value` sections")
            return []
        return [Reader(row, f"{self.under}{key}.{place}.", self.problems) for place, row in enumerate(value, 1)]

    def table(self, key: str) -> Mapping[str, Any]:
        """A section whose names are the merchant's own."""
        value = self.get(key, {})
        if not isinstance(value, Mapping):
            self.wrong(key, "write it as a section of `name: value` lines")
            return {}
        self.read |= {f"{key}.{name}" for name in value}
        return value


def _is_label(value: object) -> bool:
    """A text or a bare number. YAML reads a bare NO as false, which nobody meant."""
    return isinstance(value, str | int) and not isinstance(value, bool) and bool(str(value).strip())


def shown(value: object) -> str:
    """A value as it was written, cut where it is longer than anybody reads."""
    try:
        text = repr(value)
    except ValueError:  # a number of more digits than Python prints
        text = "a number without end"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words))


def _near(a: str, b: str) -> bool:
    """Whether a slip of the finger may lie between two names: one letter more, less, another, or two swapped."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    return rest_a[1:] in (rest_b, rest_b[1:]) or rest_a == rest_b[1:] or rest_a[1::-1] + rest_a[2:] == rest_b
