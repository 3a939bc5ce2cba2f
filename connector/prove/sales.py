"""What people do while it is proven: buy because somebody sent them, and now and then give it back."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.ports.market import Market

PERCENT = 10
#: Every sale has an amount of its own, of which half of a tenth is a whole number.
_LEAST, _STEP = 1000, 20
#: Share of the paid sales that are taken back.
_GIVEN_BACK = 0.4


@dataclass
class Sale:
    """undone: how much of it was taken back; None while nobody thought of it."""

    name: str
    owner: str
    minor: int
    undone: int | None = None


@dataclass
class Stall:
    """One market, and what was sold there. codes: of each advocate, by e-mail."""

    name: str
    url: str
    tally: Path
    market: Market
    codes: Mapping[str, str]
    dice: random.Random
    sales: list[Sale] = field(default_factory=list)

    def sell(self) -> None:
        """One more friend of some advocate's buys."""
        advocate = self.dice.choice(sorted(self.codes))
        number = len(self.sales)
        minor = _LEAST + _STEP * number
        name = self.market.sell(number, advocate, self.codes[advocate], minor)
        self.sales.append(Sale(name, self.market.owner(advocate), minor))

    def give_back(self, paid: Collection[int]) -> None:
        """Of the sales whose rewards were paid, some are taken back. paid: the rewards' amounts."""
        for sale in self.sales:
            if sale.undone is None and sale.minor * PERCENT // 100 in paid:
                sale.undone = self.market.undo(sale.name, sale.minor) if self.dice.random() < _GIVEN_BACK else 0

    def plan(self, ledger: int | None = None) -> dict[str, Any]:
        """For `count`. ledger: what our own books say was paid less what was taken back."""
        sold = [{"owner": each.owner, "minor": each.minor, "undone": each.undone or 0} for each in self.sales]
        return {"name": self.name, "url": self.url, "tally": str(self.tally), "sales": sold, "ledger": ledger}
