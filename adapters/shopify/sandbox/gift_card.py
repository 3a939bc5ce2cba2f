"""A gift card: a balance behind a code."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from connector.domain.money import Money


@dataclass(frozen=True)
class Movement:
    """A credit (above zero) or a debit (below zero) after the card was issued."""

    id: int
    amount: Money
    at: datetime
    note: str | None = None

    @property
    def kind(self) -> str:
        return "GiftCardCreditTransaction" if self.amount.minor > 0 else "GiftCardDebitTransaction"


@dataclass
class GiftCard:
    """One card. The code is kept in lower case, as it is not case sensitive."""

    id: int
    code: str
    initial: Money
    created_at: datetime
    updated_at: datetime
    customer: int | None = None
    note: str | None = None
    expires_on: date | None = None
    deactivated_at: datetime | None = None
    movements: list[Movement] = field(default_factory=list)

    @property
    def balance(self) -> Money:
        return sum((m.amount for m in self.movements), self.initial)

    @property
    def last(self) -> str:
        return self.code[-4:]

    def usable(self, now: datetime) -> bool:
        return self.deactivated_at is None and not self.expired(now)

    def expired(self, now: datetime) -> bool:
        """A card can be used on the whole day it expires on."""
        return self.expires_on is not None and self.expires_on < now.date()

    def status(self, now: datetime) -> str:
        if self.deactivated_at:
            return "disabled"
        return "expired" if self.expired(now) else "enabled"
