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
class OrderPaid:
    """An order whose payment was captured.

    net: shop money after discounts, before tax and shipping. first_order: whether it is the buyer's first,
    None where the platform does not say. placed_at: when the buyer checked out; windows count to it.
    """

    ref: ObjectRef
    as_of: datetime
    happened_at: datetime
    placed_at: datetime
    net: Money
    test: bool
    first_order: bool | None

    @property
    def key(self) -> str:
        return f"paid:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class OrderRefunded:
    """One refund or cancellation of an order; `amount` is the part of the order's net it took back."""

    ref: ObjectRef
    as_of: datetime
    happened_at: datetime
    refund: str
    amount: Money

    @property
    def key(self) -> str:
        return f"refunded:{self.ref.kind}:{self.ref.id}:{self.refund}"


@dataclass(frozen=True)
class PersonErased:
    """The platform asks us to forget this person."""

    ref: ObjectRef
    as_of: datetime
    happened_at: datetime
    person: UUID | None

    @property
    def key(self) -> str:
        return f"erased:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class ConnectionRemoved:
    """The merchant removed the app; tokens are dead, the ledger stays."""

    ref: ObjectRef
    as_of: datetime
    happened_at: datetime

    @property
    def key(self) -> str:
        return f"removed:{self.ref.kind}:{self.ref.id}"


Fact = OrderPaid | OrderRefunded | PersonErased | ConnectionRemoved


def newest(facts: Iterable[Fact]) -> dict[str, Fact]:
    """The facts that stand: for each key the one with the latest platform time."""
    standing: dict[str, Fact] = {}
    for fact in facts:
        if fact.key not in standing or standing[fact.key].as_of <= fact.as_of:
            standing[fact.key] = fact
    return standing
