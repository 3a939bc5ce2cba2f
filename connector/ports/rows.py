"""The rows that the store hands to the journey and takes from it: frozen, and named by the field's own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from connector.domain.case import Stage
from connector.domain.case import Standing as Place
from connector.domain.facts import ObjectRef
from connector.domain.fraud import Evidence
from connector.domain.money import Money
from connector.domain.program import Program
from connector.domain.touch import Touch
from connector.ports.platform import Effect, Holding, Truth

# ── Words ────────────────────────────────────────────────────────────────────────────────────────────────────────


class RewardState(StrEnum):
    """Of a reward or a reversal. due: on hold. approved: may be sent. held: needs a remedy, blocks nothing."""

    DUE = "due"
    APPROVED = "approved"
    SENDING = "sending"
    ISSUED = "issued"
    UNKNOWN = "unknown"
    HELD = "held"
    REFUSED = "refused"
    VOID = "void"


class AttemptState(StrEnum):
    """Of one call. open: it may be under way. unknown: it may have had an effect. The others are its answer."""

    OPEN = "open"
    DONE = "done"
    NOT_DONE = "not_done"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    GONE = "gone"


#: States in which an attempt may have moved money: the reward may not be changed, only reversed.
LOCKED = frozenset({RewardState.SENDING, RewardState.UNKNOWN, RewardState.ISSUED})


def paid_out(rewards: Iterable[tuple[RewardState, bool]]) -> bool:
    """Whether all that was promised stands issued. Each reward's state, and whether it was kept for an earlier loss."""
    live = [(state, kept) for state, kept in rewards if kept or state is not RewardState.VOID]
    return bool(live) and all(
        state is RewardState.ISSUED or (kept and state is RewardState.VOID) for state, kept in live
    )


def merchant_lane(merchant: UUID) -> str:
    """The lane of a merchant's decisions."""
    return f"m:{merchant}"


def connection_lane(connection: UUID) -> str:
    """The lane of all calls to one connection."""
    return f"c:{connection}"


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Owner:
    """Whom an outside name (account, code) belongs to."""

    merchant: UUID
    target: UUID


@dataclass(frozen=True)
class Delivery:
    """One stored delivery, its body opened. at: when the platform says it happened, else when it came."""

    id: UUID
    connection: UUID
    platform: str
    topic: str
    body: bytes
    at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of one delivery, in a word and a sentence. names: keyed hashes of all whom and what it names."""

    delivery: UUID
    word: str
    reason: str
    parked: bool = False
    names: tuple[bytes, ...] = ()


class Standing(StrEnum):
    """Of a purchase whose truth was read before: it belongs to a referral, or to none."""

    REFERRED = "referred"
    ORGANIC = "organic"


@dataclass(frozen=True)
class Task:
    """Work that is due on a lane. The row stays until its version is closed."""

    lane: str
    what: str
    subject: str
    version: int
    tries: int


@dataclass(frozen=True)
class Connection:
    """One installation. currency and traits: what the account said of itself. token_version counts token pairs.

    refreshed_at: when the pair that stands was given. choices: what the merchant decided for it.
    """

    id: UUID
    merchant: UUID
    platform: str
    external: str
    state: str
    access: str
    refresh: str
    token_expires_at: datetime | None
    token_version: int
    currency: str
    installed_at: datetime
    doubted_at: datetime | None = None
    scopes: frozenset[str] = frozenset()
    traits: Mapping[str, str] = field(default_factory=dict)
    refreshed_at: datetime | None = None
    choices: Mapping[str, str] = field(default_factory=dict)

    def grants(self, scope: str) -> bool:
        """Whether the merchant gave this permission; one that nobody told us about counts as given until refused."""
        return not scope or not self.scopes or scope in self.scopes


@dataclass(frozen=True)
class SavedTruth:
    """The latest fetched truth of an object and the person it belongs to."""

    truth: Truth
    person: UUID | None


@dataclass(frozen=True)
class Erased:
    """What named somebody who is forgotten now. names and objects: keyed hashes of themselves and of their purchases.

    texts: what was kept of them in clear or sealed, for a last search of what nobody could read.
    """

    names: tuple[bytes, ...]
    objects: tuple[bytes, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class ProgramVersion:
    """One pinned version of a program."""

    id: UUID
    version: int
    program: Program


@dataclass(frozen=True)
class Advocate:
    """A person enrolled in a program, and the code they share."""

    id: UUID
    program: UUID
    person: UUID
    code: str


@dataclass(frozen=True)
class Referral:
    """One friend in one program; `ref` on `connection` is the purchase that converts it.

    groups: of the advocate. standing and evidence: the figures on which it was promised something, and what the fraud
    rules saw, None before that.
    """

    id: UUID
    program: UUID
    version: int
    advocate: UUID
    advocate_person: UUID
    friend: UUID
    connection: UUID
    ref: ObjectRef
    captured_at: datetime
    touch: Touch
    stage: Stage
    rule: str = ""
    reason: str = ""
    groups: frozenset[str] = frozenset()
    standing: Place | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True)
class Reward:
    """What one side is owed. decision counts the changes of mind; owner, marker and expires_at are pinned once sent.

    revoked: a person ruled that it must come back whatever the rules say. kind: what was promised; fallback: the other
    kinds it may be paid with; means: the one that it is paid with, once that is known; lapsed: what
    of it ended unspent, which nobody needs to give back. ordinal: which payment of the friend it is for. item: what staff
    hand over. netted: what of the promise is kept for an earlier loss.
    """

    id: UUID
    referral: UUID
    role: str
    kind: str
    beneficiary: UUID
    connection: UUID
    amount: Money
    state: RewardState
    decision: int
    expires_after: timedelta | None
    owner: str = ""
    holder: str = ""
    marker: str = ""
    expires_at: datetime | None = None
    transaction: str = ""
    tries: int = 0
    revoked: bool = False
    fallback: tuple[str, ...] = ()
    means: str = ""
    lapsed: Money | None = None
    ordinal: int = 1
    item: str = ""
    netted: Money | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds it may still be paid with, best first."""
        every = (self.kind, *self.fallback)
        return every[every.index(self.means) :] if self.means in every else every


@dataclass(frozen=True)
class Reversal:
    """Part of a paid reward that must come back; `taken` is what the account still held."""

    id: UUID
    reward: UUID
    ordinal: int
    amount: Money
    taken: Money
    state: RewardState
    decision: int
    tries: int = 0


@dataclass(frozen=True)
class Credit:
    """A paid credit as last seen. taken: what our own reversals took back of it."""

    reward: UUID
    role: str
    program: UUID
    version: int
    ref: ObjectRef
    holding: Holding
    taken: Money
    redeemed: Money
    lapsed: Money
    expires_at: datetime | None
    reminded: bool


@dataclass(frozen=True)
class Paid:
    """A credit that was paid, where and for what purchase, and what became of it: taken back by us, spent, ended."""

    connection: UUID
    platform: str
    ref: ObjectRef
    amount: Money
    taken: Money
    redeemed: Money
    lapsed: Money


@dataclass(frozen=True)
class Story:
    """A referral with what the merchant's records should tell of it."""

    referral: Referral
    program: str
    reward: Reward | None
    converted_at: datetime | None
    issued_at: datetime | None


@dataclass(frozen=True)
class Answer:
    """How a call ended. retry: when to send again after it certainly had no effect.

    moved: what a debit really took, where that may be less than asked. next_means: the kind to pay with instead of one
    that the platform refused. found: nobody was told so by the call itself; it was read on the account afterwards.
    """

    state: AttemptState
    transaction: str = ""
    holder: str = ""
    reason: str = ""
    retry: timedelta = timedelta(0)
    moved: Money | None = None
    next_means: str = ""
    found: bool = False


@dataclass(frozen=True)
class Attempt:
    """One committed call: what it moves is pinned in `effect` (whose id is the attempt's).

    owed: what its reward or reversal asks for; a clamped debit moves less. tries: calls made for that row so far.
    late: what its own worker heard after it had lost the lane; certain, but not yet acted on. instead: kinds to pay
    with where the platform refuses this one.
    """

    effect: Effect
    connection: UUID
    reward: UUID
    reversal: UUID | None
    epoch: int
    deadline_at: datetime
    state: AttemptState
    referral: UUID
    owed: Money
    tries: int
    late: Answer | None = None
    instead: tuple[str, ...] = ()


@dataclass(frozen=True)
class Movement:
    """A reward or reversal that may be sent now, with all that the call must pin."""

    reward: Reward
    reversal: Reversal | None
    amount: Money
    decision: int
