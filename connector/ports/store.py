"""What the journey asks of its memory. One transaction per `begin`; the merchant is given once and guards every row.

Times that decide about leases and deadlines come from the database; `now()` of a transaction is that clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from connector.domain.facts import Fact, ObjectRef
from connector.domain.ledger import Batch
from connector.domain.money import Money
from connector.domain.program import Program
from connector.domain.stages import Plan, Stage
from connector.domain.touch import Touch
from connector.ports.platform import Effect, Guard, Item, Truth
from connector.ports.rows import (
    Advocate,
    Answer,
    Attempt,
    Connection,
    Delivery,
    Movement,
    Outcome,
    Owner,
    ProgramVersion,
    Referral,
    Reversal,
    Reward,
    RewardState,
    SavedTruth,
    Standing,
    Story,
    Task,
)


class Lease(Protocol):
    """The right to work one lane for a while."""

    @property
    def lane(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def ends_at(self) -> datetime:
        """When it ends, by the database's clock."""

    def guard(self, deadline_at: datetime) -> Guard:
        """The check that nothing leaves after `deadline_at` (database time)."""


# ── Repositories ─────────────────────────────────────────────────────────────────────────────────────────────────


class Deliveries(Protocol):
    def add(self, connection: UUID | None, platform: str, items: Sequence[Item], *, quarantined: str = "") -> int:
        """Keep the raw bytes once per key; returns how many were new."""

    def waiting(self, limit: int) -> Sequence[Delivery]: ...
    def finish(self, outcomes: Sequence[Outcome]) -> None: ...


class Tasks(Protocol):
    def mark(self, lane: str, what: str, subjects: Collection[str], *, after: timedelta = timedelta(0)) -> None:
        """Make work due; marking again raises its version and never moves it later."""

    def mark_at(self, lane: str, what: str, subject: str, at: datetime) -> None: ...
    def due(self, lane: str, what: str, limit: int) -> Sequence[Task]: ...
    def waiting(self, lane: str, what: str, limit: int) -> Sequence[Task]:
        """Open work whether due or not, oldest first: to fill a batch that leaves anyway."""

    def close(self, tasks: Iterable[Task]) -> None:
        """Close exactly the versions that were read."""

    def later(self, task: Task, after: timedelta, reason: str) -> None: ...
    def park(self, task: Task, reason: str) -> None: ...


class Connections(Protocol):
    def get(self, connection: UUID) -> Connection: ...
    def claim_refresh(self, connection: UUID, version: int, lease: timedelta) -> bool:
        """Become the only one who refreshes this token version for the length of the lease."""

    def store_pair(
        self, connection: UUID, version: int, access: str, refresh: str, expires_at: datetime | None
    ) -> bool:
        """Store a rotated pair if `version` still stands."""

    def doubt(self, connection: UUID, version: int) -> None: ...
    def close(self, connection: UUID, state: str, reason: str) -> None: ...


class Truths(Protocol):
    def get(self, connection: UUID, ref: ObjectRef) -> SavedTruth | None: ...
    def standing(self, places: Collection[tuple[UUID, ObjectRef]]) -> Mapping[tuple[UUID, ObjectRef], Standing]:
        """Which of these (connection, object) were read or referred; unknown ones are absent."""

    def note(self, connection: UUID, ref: ObjectRef, touches: Sequence[Touch]) -> None:
        """Keep evidence that only the delivery carried; the first to tell stands."""

    def noted(self, connection: UUID, ref: ObjectRef) -> tuple[Touch, ...]: ...
    def save(self, connection: UUID, truth: Truth, person: UUID | None) -> bool:
        """Keep it with its facts unless a newer one, by the platform's time, is there; says whether it was kept."""

    def facts(self, connection: UUID, ref: ObjectRef) -> tuple[Fact, ...]: ...


class People(Protocol):
    def resolve(self, connection: UUID | None, identifiers: Sequence[tuple[str, str]]) -> UUID | None:
        """The person behind (kind, clear value) pairs, made if new, joined if two strong ones name two."""

    def canonical(self, person: UUID) -> UUID: ...
    def external(self, person: UUID, connection: UUID, kind: str) -> str | None:
        """The platform's own id of this person on this connection."""

    def email(self, person: UUID) -> str | None: ...
    def keep_email(self, person: UUID, email: str) -> None: ...
    def link(self, person: UUID, connection: UUID, ref: ObjectRef) -> None: ...
    def find(self, connection: UUID | None, kind: str, value: str) -> UUID | None: ...
    def erase(self, person: UUID) -> None: ...


class Programs(Protocol):
    def current(self) -> Sequence[ProgramVersion]: ...
    def pinned(self, program: UUID, version: int) -> Program: ...
    def enrol(self, program: UUID, person: UUID) -> tuple[UUID, str]: ...
    def advocates(self, hints: Iterable[str]) -> Mapping[str, Advocate]:
        """The advocates behind texts that may be codes; unknown texts are absent."""


class Referrals(Protocol):
    def by_purchase(self, connection: UUID, ref: ObjectRef) -> Sequence[UUID]: ...
    def of_friend(self, program: UUID, friend: UUID) -> UUID | None: ...
    def open(self, referral: Referral) -> UUID:
        """Create it, or return the one that stands for (program, friend)."""

    def lock(self, referral: UUID) -> Referral:
        """Read it with program and referral locked, in this order for everybody."""

    def story(self, referral: UUID) -> Story | None: ...
    def is_duplicate(self, referral: Referral) -> bool: ...
    def convert(self, referral: Referral) -> bool:
        """Claim the purchase for this referral, once and for ever; False if another owns it."""

    def is_converted(self, referral: UUID) -> bool: ...
    def repoint(self, referral: Referral) -> None: ...
    def decide(self, referral: UUID, stage: Stage, rule: str, reason: str) -> bool:
        """Write the decision; says whether the stage or reason changed."""

    def review(self, referral: UUID, reason: str) -> None: ...


class Rewards(Protocol):
    def of(self, referral: UUID) -> Sequence[Reward]: ...
    def reversals(self, reward: UUID) -> Sequence[Reversal]: ...
    def owe(self, referral: Referral, plan: Plan, beneficiary: UUID, state: RewardState, reason: str) -> UUID: ...
    def change(
        self, reward: Reward, amount: Money, state: RewardState, reason: str, beneficiary: UUID | None = None
    ) -> bool:
        """Change a reward that no attempt has locked; False if one has since."""

    def reverse(self, reward: Reward, ordinal: int, amount: Money) -> UUID: ...
    def change_reversal(self, reversal: Reversal, amount: Money, state: RewardState) -> bool: ...
    def movable(self, connection: UUID, limit: int) -> Sequence[Movement]:
        """What may be sent now on accounts without an open effect: reversals first, oldest first."""

    def close_empty(self, reversal: Reversal, reason: str) -> bool:
        """Settle a reversal that found nothing to take; False if it changed meanwhile."""

    def revoke(self, reward: UUID) -> None: ...
    def hold(self, movement: Movement, reason: str) -> None:
        """It cannot be sent until somebody does what `reason` says; it blocks nothing and may be decided anew."""

    def retry(self, movement: Movement, after: timedelta, reason: str) -> None: ...


class Attempts(Protocol):
    def begin(
        self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta, quiet: timedelta
    ) -> Attempt | None:
        """Commit to one call: the row is `sending`, everything is pinned. None if it changed or the account is busy."""

    def overdue(self, connection: UUID) -> Sequence[Attempt]:
        """Open attempts past their deadline and unknown ones, quiet for long enough to be read back."""

    def settle(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Write the answer if this attempt is still the newest word on its row; else keep it on the attempt alone."""

    def need_person(self, attempt: Attempt, reason: str) -> None: ...
    def rule(self, attempt: UUID, answer: Answer) -> Attempt | None:
        """A person's word on an attempt that waits for one; None if it does not."""

    def claimed(self, connection: UUID, transaction: str, *, but: UUID) -> bool: ...
    def settles_another(self, attempt: UUID, transaction: str) -> bool: ...
    def expiry_taken(self, connection: UUID, owner: str, expires_at: datetime, *, but: UUID) -> bool: ...


class Ledger(Protocol):
    def post(self, batch: Batch, *, reward: UUID, reversal: UUID | None = None) -> None: ...


class Tx(Protocol):
    """One short transaction of one merchant."""

    @property
    def merchant(self) -> UUID: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def tasks(self) -> Tasks: ...
    @property
    def connections(self) -> Connections: ...
    @property
    def truths(self) -> Truths: ...
    @property
    def people(self) -> People: ...
    @property
    def programs(self) -> Programs: ...
    @property
    def referrals(self) -> Referrals: ...
    @property
    def rewards(self) -> Rewards: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def ledger(self) -> Ledger: ...
    def now(self) -> datetime: ...
    def savepoint(self) -> AbstractContextManager[object]: ...


class Store(Protocol):
    """The product's only memory."""

    def begin(self, merchant: UUID) -> AbstractContextManager[Tx]:
        """One transaction of one merchant: commits at the end, rolls back on any error."""

    def account(self, platform: str, external: str) -> Owner | None:
        """Whom a platform account belongs to; asked before the merchant is known."""
