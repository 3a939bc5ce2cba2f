"""Facts: canonical, dated truths, reduced to the fields that decide.

A fact carries no personal data beyond a person id, so it may live as long as the program. Facts about the same
thing (same `key`) replace each other by the platform's own time (`as_of`), never by the time they arrived, so
every order of arrival ends in the same set.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
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


# ── What a friend did ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Item:
    """A part of a purchase: `net` is its share of the purchase's net, `tax` the tax within that share.

    labels: all by which a merchant may name the product: its id, SKU, type, vendor, tags; lower case.
    """

    labels: frozenset[str]
    net: Money
    tax: Money | None = None


@dataclass(frozen=True)
class Deed(Happening):
    """Something a friend did that a program may reward.

    placed_at: when they set about it, such as the checkout; touches count to it. net: shop money after discounts, without
    shipping; None for what has no price. test: made to try things out. first_order: whether it is their first purchase,
    None where nobody can tell. tax: the part of the net that is tax, zero where prices are without, None where unknown.
    items: what was bought, None where it was not read. country: where it went, ISO 3166 two letters, "" where
    unknown. paid_in: the currency that the friend saw, "" for the shop's own.
    """

    placed_at: datetime
    net: Money | None = None
    test: bool = False
    first_order: bool | None = None
    tax: Money | None = None
    items: tuple[Item, ...] | None = None
    country: str = ""
    paid_in: str = ""

    @property
    def key(self) -> str:
        return f"paid:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class OrderPaid(Deed):
    """An order whose payment was captured."""


@dataclass(frozen=True)
class InvoicePaid(Deed):
    """An invoice, or one payment of a subscription, that was paid."""


@dataclass(frozen=True)
class LeadCreated(Deed):
    """A lead that came into the CRM; first_order tells whether the person was unknown there."""


@dataclass(frozen=True)
class StageReached(Deed):
    """A record came to a stage, such as "Demo booked"; stage: its name as the CRM shows it."""

    stage: str = ""

    @property
    def key(self) -> str:
        return f"stage:{self.ref.kind}:{self.ref.id}:{self.stage.casefold()}"


@dataclass(frozen=True)
class PropertyReached(Deed):
    """A property of a record came to a value."""

    name: str = ""
    value: str = ""

    @property
    def key(self) -> str:
        return f"property:{self.ref.kind}:{self.ref.id}:{self.name.casefold()}={self.value.casefold()}"


@dataclass(frozen=True)
class DealWon(Deed):
    """A deal or an opportunity stands as won. It and its reopening replace each other."""

    @property
    def key(self) -> str:
        return won(self.ref)


@dataclass(frozen=True)
class JobDone(Deed):
    """Staff recorded that the work for this friend is done. by: who says so."""

    by: str = ""

    @property
    def key(self) -> str:
        return f"done:{self.ref.kind}:{self.ref.id}"


# ── What changes it afterwards ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class OrderFulfilled(Happening):
    """Everything that was ordered was handed over."""

    @property
    def key(self) -> str:
        return f"fulfilled:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class DealReopened(Happening):
    """A deal that was won is open again, or lost after all."""

    @property
    def key(self) -> str:
        return won(self.ref)


def won(ref: ObjectRef) -> str:
    """The one key of all that is said about a deal being won."""
    return f"won:{ref.kind}:{ref.id}"


@dataclass(frozen=True)
class OrderRefunded(Happening):
    """One refund, cancellation or lost chargeback of a purchase; `amount` is the part of its net it took back.

    items: what went back, None where only the sum is known.
    """

    refund: str
    amount: Money
    items: tuple[Item, ...] | None = None

    @property
    def key(self) -> str:
        return f"refunded:{self.ref.kind}:{self.ref.id}:{self.refund}"


#: What people say about a referral is told of the referral itself, whatever purchase it waits for.
REFERRAL = "referral"


@dataclass(frozen=True)
class Judged(Happening):
    """A person decided about a referral. approved: whether it stands."""

    by: str
    approved: bool
    reason: str

    @property
    def key(self) -> str:
        return f"judged:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class Appealed(Happening):
    """The advocate, or staff for them, asks for another look."""

    by: str
    reason: str

    @property
    def key(self) -> str:
        return f"appealed:{self.ref.kind}:{self.ref.id}"


@dataclass(frozen=True)
class Enrolled(Happening):
    """A person became an advocate. program: its slug; way: how, such as staff, order or list."""

    program: str
    way: str

    @property
    def key(self) -> str:
        return f"enrolled:{self.ref.id}"


@dataclass(frozen=True)
class CareRaised(Happening):
    """Something is wrong for this friend, or well again: the merchant should look after them.

    what: refund, ticket or stalled; still: whether it is still so.
    """

    what: str
    still: bool
    words: str = ""

    @property
    def key(self) -> str:
        return f"care:{self.what}:{self.ref.kind}:{self.ref.id}"


# ── What is told outright ────────────────────────────────────────────────────────────────────────────────────────


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
    """Somebody, or the merchant's own automation, released the reward of this purchase before its hold was over.

    run: the platform's name of the step that waits to hear how it ended, "" where nobody waits.
    """

    by: str
    run: str = ""

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
Fact = (
    OrderPaid
    | InvoicePaid
    | LeadCreated
    | StageReached
    | PropertyReached
    | DealWon
    | JobDone
    | OrderFulfilled
    | DealReopened
    | OrderRefunded
    | Judged
    | Appealed
    | CareRaised
    | Enrolled
    | RewardReleased
    | CreditRedeemed
    | CreditLapsed
    | CreditExpiring
)
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
    for fact in sorted(facts, key=_age):
        standing[fact.key] = fact
    return standing


def _age(fact: Fact) -> tuple[datetime, datetime, str]:
    """By the platform's time; two of one instant are told apart by what they say, never by which came first."""
    return fact.as_of, fact.happened_at, _spelled(fact)


def _spelled(value: object) -> str:
    """One spelling for equal values, whatever order a set of them has in memory."""
    if isinstance(value, frozenset | tuple):
        each = [_spelled(one) for one in value]
        return repr(sorted(each) if isinstance(value, frozenset) else each)
    if is_dataclass(value):
        return repr([type(value).__name__, *(_spelled(getattr(value, field.name)) for field in fields(value))])
    return repr(value)
