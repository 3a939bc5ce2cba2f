"""What one platform folder must offer. The journey knows platforms only through these shapes.

Every call raises nothing but the PlatformError family of `connector.errors`, decided in the platform's `api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from connector.domain.facts import Fact, ObjectRef
from connector.domain.money import Money
from connector.domain.touch import Touch
from connector.ports.meter import Meter
from connector.ports.records import RecordResult, RecordWrite, Setup

# ── What a platform says of itself ───────────────────────────────────────────────────────────────────────────────


class Capability(StrEnum):
    """What a platform can do for a program. Rewards name capabilities, never platforms."""

    BALANCE = "balance"
    CODE = "code"
    GIFT_CARD = "gift_card"
    POINTS = "points"
    NATIVE = "native"
    RECORD = "record"
    EVENT = "event"
    OFFER = "offer"
    HISTORY = "history"
    LISTS = "lists"
    STEPS = "steps"
    BILLS = "bills"
    FORGET = "forget"
    CODES_KNOWN = "codes_known"
    COUPONS = "coupons"


#: Begins what an account says of a part of the product that is of no use there, such as `cannot:balance`.
CANNOT = "cannot:"


class Direction(StrEnum):
    """Money to the person, or back from them."""

    CREDIT = "credit"
    DEBIT = "debit"


class EffectClass(StrEnum):
    """What makes one operation safe to settle after a lost answer.

    A: a natural key (an upsert, a code that answers TAKEN). B: a key the platform honours for this operation.
    C: read back by our marker. D: none, so it is never sent again by itself.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"


@dataclass(frozen=True)
class Scope:
    """One permission asked of the merchant, and why, in words shown at install. An optional one may be refused."""

    name: str
    why: str
    optional: bool = False


@dataclass(frozen=True)
class Setting:
    """One environment variable of a platform. `secret` values are never printed. pattern: judged at start, "" for any."""

    name: str
    help: str
    secret: bool = False
    pattern: str = ""


@dataclass(frozen=True)
class Choice:
    """Something that a merchant decides for one account, such as the campaign that referred people become members of.

    pattern: what it must look like; nothing needs to be chosen.
    """

    name: str
    help: str
    pattern: str = r".{1,255}"


@dataclass(frozen=True)
class Operation:
    """One money operation and its effect class. With an expiry date the class may be better than without.

    scope: the permission it needs, so that a program falls back to another kind where the merchant refused it.
    guests: whether it can be made out to somebody who has no account on the platform.
    """

    capability: Capability
    direction: Direction
    effect: EffectClass
    effect_with_expiry: EffectClass | None = None
    scope: str = ""
    guests: bool = False

    def effect_for(self, expires_at: datetime | None) -> EffectClass:
        return self.effect_with_expiry if expires_at and self.effect_with_expiry else self.effect


@dataclass(frozen=True)
class Manifest:
    """All that the rest of the product may know of a platform without asking it.

    read_batch, look_batch and watch_batch: records per call; write_batch: referrals whose records are written together.
    write_codes: codes of an offer per call; most_codes: how many an account has room for. quiet: how long after an
    attempt's deadline a sent request may still take effect. token_idle: how long a token may lie unused before the
    platform forgets it. object_kinds: kinds of objects it reports on; person_kind: what it calls a person. accounts:
    pattern of the names of its accounts; hosts: pattern of the host names that are called for them; own_hosts: other
    hosts of its own; anything else is refused. qualifying: purchase events it can supply. api_version: the pinned version
    of its API. app_key and app_secret name the settings that hold the app's own id and secret; url_setting names the one
    that replaces its hosts. prepares: whether something must be set up on an account before anything is written there.
    choices: what a merchant may decide for each account. tell_batch: news told in one call, for the capability
    `event`; tell_rank: of several accounts that could tell, the one with the least does; 0 where none does unless its
    merchant chose it, because it only starts what they must have built there. mails: it writes to people itself, and so
    leaves alone whoever asked not to be written to.
    beside: the kind of record that a purchase of some kind belongs to and that is written beside it, such as the account
    of an opportunity; it goes by the purchase's id. by_email: whether records of people are found by e-mail together, so
    that a person need not be known there to be written to.
    """

    key: str
    label: str
    api_version: str
    capabilities: frozenset[Capability]
    qualifying: frozenset[str]
    scopes: tuple[Scope, ...]
    operations: tuple[Operation, ...]
    settings: tuple[Setting, ...]
    app_key: str
    app_secret: str
    url_setting: str
    accounts: str
    hosts: str
    own_hosts: frozenset[str]
    object_kinds: frozenset[str]
    person_kind: str
    read_batch: int
    look_batch: int
    write_batch: int
    watch_batch: int
    quiet: timedelta
    token_idle: timedelta | None = None
    write_codes: int = 0
    most_codes: int = 0
    prepares: bool = False
    by_email: bool = False
    beside: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    tell_batch: int = 0
    tell_rank: int = 0
    mails: bool = False

    def operation(self, capability: Capability, direction: Direction) -> Operation | None:
        """The declared operation, or None where the platform cannot do it."""
        return next((o for o in self.operations if (o.capability, o.direction) == (capability, direction)), None)

    def pays(self, kind: str) -> Operation | None:
        """How it pays a reward of this kind; None where it cannot."""
        return self.operation(Capability(kind), Direction.CREDIT) if kind in set(Capability) else None


# ── What is true there ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    """An identifier as the platform gives it, in clear; hashed by the journey before it is kept."""

    kind: str
    value: str


@dataclass(frozen=True)
class Truth:
    """One object as the platform holds it now.

    found False: the platform has no such object. as_of: the platform's own time of this state. buyer: who they
    are, strongest first; empty for a guest without e-mail; weak marks (phone, address, network) may stand beside. groups:
    audiences that the buyer belongs to, such as "tag:vip". withheld: kinds of marks that the platform does not show us.
    referrers: hosts that sent the buyer. complete False: evidence is still being computed by the platform, look again
    after `again_after`. note: a named outcome (test_order, no_buyer ...) or "".
    """

    ref: ObjectRef
    found: bool
    as_of: datetime | None = None
    placed_at: datetime | None = None
    buyer: tuple[Seen, ...] = ()
    touches: tuple[Touch, ...] = ()
    facts: tuple[Fact, ...] = ()
    complete: bool = True
    again_after: timedelta | None = None
    note: str = ""
    groups: frozenset[str] = frozenset()
    withheld: frozenset[str] = frozenset()
    referrers: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wanted:
    """What a program asks of an object beyond the usual, since it costs more. items: what was bought.

    properties: fields of a CRM record whose value may be the deed; named as the merchant names them there.
    """

    items: bool = False
    properties: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Glance:
    """A cheap look at an object: texts on it that may be codes, and whether the platform is still gathering them."""

    ref: ObjectRef
    found: bool
    as_of: datetime | None = None
    hints: tuple[str, ...] = ()
    complete: bool = True
    again_after: timedelta | None = None


# ── What goes out ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Account:
    """One connection, opened for calls: where it lives, the token to use, and what its merchant chose. Never logged."""

    connection: UUID
    platform: str
    external: str
    token: str = field(repr=False)
    choices: Mapping[str, str] = field(default_factory=dict, hash=False)


#: Begins the owner of an effect for somebody who has no account on the platform.
GUEST = "guest:"


@dataclass(frozen=True)
class Effect:
    """One intended movement of money, pinned when its attempt was committed. Sent again only as it stands.

    owner: the platform's id of the person it is for, pinned; a name of ours where they have no account there (`guest`).
    holder: what holds the money (an account, a card, a code's discount), "" before the platform has named it. marker:
    what we recognise it by afterwards. since: the first moment it may have landed. expires_at: the whole expiry of a
    credit, which may carry the marker. leaves: what should be left after a debit, where that can be set outright.
    code: the secret text that a code or card is made out to, computed for each call and kept nowhere. reward: what is paid
    or taken back, where the platform keeps one record for each. deed: the purchase on this platform that earned it.
    """

    id: UUID
    capability: Capability
    direction: Direction
    owner: str
    holder: str
    amount: Money
    marker: str
    since: datetime
    expires_at: datetime | None = None
    leaves: Money | None = None
    code: str = field(default="", repr=False)
    reward: UUID | None = None
    deed: ObjectRef | None = None

    @property
    def guest(self) -> bool:
        return self.owner.startswith(GUEST)


@dataclass(frozen=True)
class Done:
    """The platform did it. transaction: its own id of the movement. holder: what holds the money, for later.

    amount: what really moved, where the platform says so and it may be less than was asked.
    """

    transaction: str
    holder: str
    at: datetime | None = None
    amount: Money | None = None


@dataclass(frozen=True)
class Absent:
    """Certainly did not land."""


@dataclass(frozen=True)
class Undecidable:
    """Nobody but a person can tell; `reason` says what they should look at."""

    reason: str


Finding = Done | Absent | Undecidable


@dataclass(frozen=True)
class Holding:
    """One credit of ours that may still be spent: what it is, where it is held, what it was, and when it ends."""

    capability: Capability
    transaction: str
    holder: str
    amount: Money
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Remains:
    """What is left of a holding now; None where the platform forgot it.

    ended: what is left can no longer be spent, because its time is over. closed: because somebody switched it off.
    """

    holding: Holding
    left: Money | None
    ended: bool = False
    closed: bool = False


class Guard(Protocol):
    """The deadline of one effect, checked after the connection stands and right before the first byte leaves."""

    def check(self) -> None:
        """Raises Late once the deadline has passed."""


@dataclass(frozen=True)
class Kit:
    """What a platform's code is given: its settings, the meter, and the base address if its hosts are replaced."""

    settings: Mapping[str, str]
    meter: Meter
    base_url: str = ""
    proxy: str = ""
    timeout_s: float = 10.0


class Outbound(Protocol):
    """All calls to one platform. Batches are the platform's own; no call is repeated inside."""

    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:
        """The present truth of up to `read_batch` objects, in one call for objects that stand alone."""

    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """Evidence that no delivery carries, for up to `look_batch` objects that show no sign of a referral."""

    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:
        """Set up on the platform what the product needs there; running it again changes nothing.

        What could not be set up, by `cannot:PART`, with the reason and its remedy.
        """

    def unheard(self, account: Account) -> Sequence[ObjectRef]:
        """Objects that changed lately in a way of which no delivery tells, such as a lost chargeback."""

    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The platform's record of the person with this e-mail."""

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Move the money once. Raises NotDone, Unknown, Refused or Gone."""

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Read back whether `effect` landed on its pinned owner; `claimed` tells ids that settle another."""

    def balance(self, account: Account, capability: Capability, owner: str, holder: str, currency: str) -> Money:
        """What the pinned holder has now, so that a debit can be clamped to it."""

    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of up to `watch_batch` credits of ours, in one call for each capability among them."""

    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write records, each field by its policy: in the platform's own batches, up to `write_batch` of one kind in one.

        Each comes with its own result, in the order of the question.
        """
