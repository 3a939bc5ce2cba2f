"""What the journey asks of its memory about money: what is owed, sent, spent, and posted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from connector.domain.case import Plan
from connector.domain.case import Standing as Place
from connector.domain.fraud import Evidence
from connector.domain.ledger import Batch
from connector.domain.money import Money
from connector.domain.program import Program
from connector.ports.platform import Effect, Guard
from connector.ports.rows import (
    Answer,
    Attempt,
    Credit,
    Movement,
    Paid,
    Referral,
    Reversal,
    Reward,
    RewardState,
)


class Lease(Protocol):
    """The right to work one lane for a while."""

    @property
    def lane(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def claimed_at(self) -> datetime:
        """When it was given, by the database's clock."""

    @property
    def ends_at(self) -> datetime:
        """When it ends, by the database's clock."""

    def guard(self, deadline_at: datetime) -> Guard:
        """The check that nothing leaves after `deadline_at` (database time)."""


class Limits(Protocol):
    def standing(self, referral: Referral, program: Program, at: datetime) -> Place:
        """The figures of the advocate's and the program's other referrals, as they are now."""

    def pin(self, referral: UUID, standing: Place, at: datetime) -> None:
        """It was promised something on these figures, and keeps them."""

    def keep_evidence(self, referral: UUID, evidence: Evidence) -> None: ...


class Rewards(Protocol):
    def of(self, referral: UUID) -> Sequence[Reward]: ...
    def get(self, reward: UUID) -> Reward | None: ...
    def reversals(self, reward: UUID) -> Sequence[Reversal]: ...
    def returned(self, referral: UUID) -> Mapping[UUID, Money]:
        """What was taken back, or is being, of each paid reward; only reads."""

    def owe(
        self, referral: Referral, plan: Plan, beneficiary: UUID, connection: UUID, state: RewardState, reason: str
    ) -> UUID: ...
    def change(
        self,
        reward: Reward,
        plan: Plan | None,
        amount: Money,
        state: RewardState,
        reason: str,
        beneficiary: UUID | None,
    ) -> bool:
        """Change a reward that no attempt has locked; False if one has since. beneficiary: where it is another now."""

    def reverse(self, reward: Reward, ordinal: int, amount: Money) -> UUID: ...
    def change_reversal(self, reversal: Reversal, amount: Money, state: RewardState) -> bool: ...
    def movable(self, connection: UUID, limit: int) -> Sequence[Movement]:
        """What may be sent now on accounts without an open effect: reversals first, oldest first."""

    def close_empty(self, reversal: Reversal, reason: str) -> bool:
        """Settle a reversal that found nothing to take; False if it changed meanwhile."""

    def revoke(self, reward: UUID) -> None: ...
    def lost(self, beneficiary: UUID, currency: str) -> Money:
        """What could not be taken back from this human and has not been kept from a later reward yet."""

    def net(self, reward: UUID, kept: Money) -> None:
        """So much of it is kept for an earlier loss."""

    def hand_over(self, reward: UUID, transaction: str) -> Reward | None:
        """Staff gave a thing that waited for it; None where none did."""

    def hold(self, movement: Movement, reason: str) -> None:
        """It cannot be sent until somebody does what `reason` says; it blocks nothing and may be decided anew."""

    def held(self) -> Sequence[str]:
        """Referrals with something held, to be decided anew once its remedy was applied."""

    def retry(self, movement: Movement, after: timedelta, reason: str) -> None: ...


class Attempts(Protocol):
    def begin(
        self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta, quiet: timedelta
    ) -> Attempt | None:
        """Commit to one call: the row is `sending`, everything is pinned. None if it changed or the account is busy."""

    def overdue(self, connection: UUID) -> Sequence[Attempt]:
        """Open attempts past their deadline and unknown ones, quiet for long enough to be read back."""

    def settle(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Write the answer if this attempt is still the newest word on its row; else keep it on the attempt alone.

        What was only found is dropped then.
        """

    def need_person(self, attempt: Attempt, reason: str) -> None: ...
    def rule(self, attempt: UUID, answer: Answer) -> Attempt | None:
        """A person's word on an attempt that waits for one; None if it does not."""

    def claimed(self, connection: UUID, transaction: str, *, but: UUID) -> bool: ...
    def settles_another(self, attempt: UUID, transaction: str) -> bool: ...
    def busy(self, connection: UUID, owner: str) -> bool:
        """Whether an effect on this account is under way or in doubt."""

    def expiry_taken(self, connection: UUID, owner: str, expires_at: datetime, *, but: UUID) -> bool: ...


class Holdings(Protocol):
    def due(self, connection: UUID, limit: int) -> Sequence[Credit]:
        """All paid credits of up to `limit` accounts that were not looked at for longest, soonest ending first."""

    def any(self, connection: UUID) -> bool: ...
    def saw(self, credit: Credit, redeemed: Money, lapsed: Money, after: timedelta | None) -> None:
        """Keep what was seen. after: when to look again; None where nothing can change any more."""

    def of_reward(self, reward: UUID) -> Paid | None:
        """A credit that was paid, and what became of it; None where there is none."""

    def look_again(self, reward: UUID) -> None:
        """Have the account that holds it looked at now, for something was just spent of it."""

    def spent(self, reward: UUID, total: Money) -> None:
        """Staff told what was spent of it in all."""

    def reminded(self, credit: Credit) -> None: ...


class Ledger(Protocol):
    def post(self, batch: Batch, *, reward: UUID, reversal: UUID | None = None) -> None: ...
