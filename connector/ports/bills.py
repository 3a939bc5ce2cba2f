"""Bills that are not sent yet, from which staff take an advocate's credit off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connector.domain.money import Money
from connector.ports.platform import Account, Guard


@dataclass(frozen=True)
class Deduction:
    """Credit of one person to be taken off one bill. holder: what holds it; marker: what it is recognised by."""

    bill: str
    holder: str
    amount: Money
    marker: str


class Bills(Protocol):
    """What a platform with the capability BILLS can do."""

    def deduct(self, account: Account, deduction: Deduction, guard: Guard) -> None:
        """Take it off the bill, and off what the person holds, once: what bears our mark already is not done again.

        Raises Refused for a bill that is sent, paid or gone, and for more than is held.
        """
