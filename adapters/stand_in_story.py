"""What every stand-in's story for the demo needs: patience, and movements of money as they are compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from connector.domain.money import Money
from connector.ports.story import Moved

_PATIENCE_S = 60.0


def until(true: Callable[[], bool]) -> None:
    """Wait for the connector, within reason; what is missing at the end is counted there."""
    end = time.monotonic() + _PATIENCE_S
    while not true() and time.monotonic() < end:
        time.sleep(0.1)


def expected(lines: Sequence[Mapping[str, str]], currency: str) -> list[Moved]:
    """What the book must hold at the end, from story.yaml."""
    return [moved(line["person"], line["kind"], Money.parse(line["amount"], currency)) for line in lines]


def moved(person: str, kind: str, money: Money) -> Moved:
    return Moved(person, kind, money.decimal(), money.currency, money.minor)
