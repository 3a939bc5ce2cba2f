"""Facts: canonical, dated truths, reduced to the fields that decide.

A fact carries no personal data beyond a person id, so it may live as long as the program. Facts about the same
thing (same `key`) replace each other by the platform's own time (`as_of`), never by the time they arrived, so
every order of arrival ends in the same set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector.domain.money import Money


@dataclass(frozen=True, order=True)
class ObjectRef:
    """One object on one connection: `kind` in our words (order, customer, contact ...), `id` in the platform's."""

    kind: str
    id: str


@dataclass(frozen=True)
class Happening:
    """What every fact says: what it is about, the platform's time of saying so, and when it happened."""

    ref: ObjectRef
    as_of: datetime
    happened_at: datetime


@dataclass(frozen=True)
class OrderPaid(Happening):
    """An order whose payment was captured.

    net: shop money after discounts, before tax and shipping. first_order: whether it is the buyer's first,
    None where the platform does not say. placed_at: when the buyer checked out; windows count to it.
    """

    placed_at: datetime
    net: Money
    test: bool
    first_order: bool | None

    @property
    def key(self) -> str:
        return f"paid:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class OrderRefunded(Happening):
    """One refund or cancellation of an order; `amount` is the part of the order's net it took back."""

    refund: str
    amount: Money

    @property
    def key(self) -> str:
        return f"refunded:{self.ref.kind}:{self.ref.id}:{self.refund}"


@dataclass(frozen=True)
class PersonErased(Happening):
    """The platform asks us to forget this person."""


@dataclass(frozen=True)
class ConnectionRemoved(Happening):
    """The merchant removed the app; tokens are dead, the ledger stays."""


@dataclass(frozen=True)
class PeopleMerged(Happening):
    """The platform made one person of two: `other` is gone into `ref`."""

    other: ObjectRef


@dataclass(frozen=True)
class PersonGone(Happening):
    """The platform's record of a person was deleted; the person may come back under another one."""


@dataclass(frozen=True)
class DataRequested(Happening):
    """A person asks the merchant what is kept of them. request: the platform's number of it."""

    request: str


@dataclass(frozen=True)
class ScopesChanged(Happening):
    """The merchant gave or took permissions; these stand now."""

    scopes: tuple[str, ...]


@dataclass(frozen=True)
class AccountErased(Happening):
    """The account is to be forgotten with all that is personal in it."""


@dataclass(frozen=True)
class SettingsChanged(Happening):
    """The account's own settings changed, such as its currency: to be read again."""


@dataclass(frozen=True)
class RewardReleased(Happening):
    """Somebody, or the merchant's own automation, released the reward of this purchase before its hold was over."""

    by: str

    @property
    def key(self) -> str:
        return f"released:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class CreditRedeemed(Happening):
    """Credit of a reward was spent. total: all that was spent of it so far."""

    reward: UUID
    total: Money

    @property
    def key(self) -> str:
        return f"redeemed:{self.reward}"


@dataclass(frozen=True)
class CreditLapsed(Happening):
    """Credit of a reward ended unspent."""

    reward: UUID
    amount: Money

    @property
    def key(self) -> str:
        return f"lapsed:{self.reward}"


@dataclass(frozen=True)
class CreditExpiring(Happening):
    """Credit of a reward will end soon: time to remind its owner."""

    reward: UUID
    amount: Money
    expires_at: datetime

    @property
    def key(self) -> str:
        return f"expiring:{self.reward}"


#: What is kept as long as the program and decides or is told.
Fact = OrderPaid | OrderRefunded | RewardReleased | CreditRedeemed | CreditLapsed | CreditExpiring
#: What a delivery tells outright, without a further look at the platform.
Told = (
    PersonErased
    | ConnectionRemoved
    | PeopleMerged
    | PersonGone
    | DataRequested
    | ScopesChanged
    | AccountErased
    | SettingsChanged
    | RewardReleased
)


def newest(facts: Iterable[Fact]) -> dict[str, Fact]:
    """The facts that stand: for each key the one with the latest platform time."""
    standing: dict[str, Fact] = {}
    for fact in facts:
        if fact.key not in standing or standing[fact.key].as_of <= fact.as_of:
            standing[fact.key] = fact
    return standing
