"""The store's part about money, in memory and on a virtual clock: what PostgreSQL does, told once more in few words.

`test_memory_is_postgres` plays the same steps on both and compares every answer. A transaction is one step of a strand;
whatever is raised in it rolls all of it back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from connector.domain.case import Plan
from connector.domain.ledger import Batch
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.ports.money import Lease
from connector.ports.platform import Effect
from connector.ports.rows import (
    LOCKED,
    Answer,
    Attempt,
    AttemptState,
    Connection,
    Movement,
    Referral,
    Reversal,
    Reward,
    RewardState,
)

_UNDER_WAY = (AttemptState.OPEN, AttemptState.UNKNOWN)
_BUSY = (RewardState.SENDING, RewardState.UNKNOWN)
_ROW_AFTER = {
    AttemptState.DONE: RewardState.ISSUED,
    AttemptState.NOT_DONE: RewardState.APPROVED,
    AttemptState.UNKNOWN: RewardState.UNKNOWN,
    AttemptState.REFUSED: RewardState.REFUSED,
    AttemptState.GONE: RewardState.APPROVED,
}


@dataclass(frozen=True)
class Owed:
    """A reward's or reversal's row, and what only the store knows of it. attempt: its newest."""

    row: Any
    retry_at: datetime
    attempt: UUID | None = None


@dataclass(frozen=True)
class Tried:
    """An attempt's row. answer: what stands; needs: why a person must look."""

    row: Attempt
    readback_at: datetime
    answer: Answer | None = None
    needs: str = ""

    @property
    def transactions(self) -> set[str]:
        return {each.transaction for each in (self.answer, self.row.late) if each is not None}


@dataclass
class Tables:
    """Rows never change, so that a copy of the dicts is a copy of everything."""

    rewards: dict[UUID, Owed] = field(default_factory=dict)
    reversals: dict[UUID, Owed] = field(default_factory=dict)
    attempts: dict[UUID, Tried] = field(default_factory=dict)
    postings: dict[str, Batch] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    surplus: dict[UUID, Money] = field(default_factory=dict)

    def copy(self) -> Tables:
        return Tables(**{name: value.copy() for name, value in vars(self).items()})


@dataclass
class Memory:
    """The Store of `connector.ports.store`, as far as money needs it. committed: called after each transaction."""

    merchant: UUID
    connection: Connection
    owners: dict[UUID, str]
    clock: Callable[[], datetime]
    new_id: Callable[[], UUID]
    committed: Callable[[], None] = lambda: None
    tables: Tables = field(default_factory=Tables)
    open_transactions: int = 0

    @contextmanager
    def begin(self, _merchant: UUID) -> Iterator[Any]:
        before = self.tables.copy()
        self.open_transactions += 1
        try:
            yield MemoryTx(self)
        except BaseException:
            self.tables = before
            raise
        finally:
            self.open_transactions -= 1
        self.committed()


class MemoryTx:
    """One transaction; it is each of its own repositories."""

    def __init__(self, store: Memory) -> None:
        self.store, self.merchant = store, store.merchant
        self.rewards, self.attempts = MemoryRewards(store), MemoryAttempts(store)
        self.connections = self.people = self.tasks = self.ledger = self.news = self.referrals = self

    def now(self) -> datetime:
        return self.store.clock()

    # Connections, people, tasks, ledger, news and reviews: what the money's way asks of them, and no more.

    def get(self, _connection: UUID) -> Connection:
        return self.store.connection

    def external(self, person: UUID, _connection: UUID, _kind: str) -> str | None:
        return self.store.owners[person]

    def is_erased(self, _person: UUID) -> bool:
        return False

    def mark(self, lane: str, _what: str, _subjects: Collection[str], *, after: timedelta = timedelta(0)) -> None:
        if not after:
            self.store.tables.dirty.add(lane)

    def post(self, batch: Batch, *, reward: UUID, reversal: UUID | None = None) -> None:  # noqa: ARG002
        assert batch.key not in self.store.tables.postings, f"{batch.key} is posted twice"
        self.store.tables.postings[batch.key] = batch

    def of_reward(self, _kind: NewsKind, _key: str, _reward: UUID, _amount: Money) -> bool:
        return False

    def review(self, _referral: UUID, _reason: str) -> None:
        """A person looks; money waits for nobody here."""


class MemoryRewards:
    """`connector.ports.money.Rewards`."""

    def __init__(self, store: Memory) -> None:
        self.store, self.tables = store, store.tables

    def of(self, referral: UUID) -> Sequence[Reward]:
        rows = (each.row for each in self.tables.rewards.values() if each.row.referral == referral)
        return sorted(rows, key=lambda reward: reward.ordinal)

    def reversals(self, reward: UUID) -> Sequence[Reversal]:
        rows = (each.row for each in self.tables.reversals.values() if each.row.reward == reward)
        return sorted(rows, key=lambda reversal: reversal.ordinal)

    def owe(
        self, referral: Referral, plan: Plan, beneficiary: UUID, connection: UUID, state: RewardState, _reason: str
    ) -> UUID:
        keys = {(each.row.referral, each.row.role, each.row.kind, each.row.ordinal) for each in self._all()}
        assert (referral.id, plan.role, plan.kind, plan.ordinal) not in keys
        new = self.store.new_id()
        reward = Reward(
            new,
            referral.id,
            plan.role,
            plan.kind,
            beneficiary,
            connection,
            plan.amount,
            state,
            1,
            plan.expires_after,
            ordinal=plan.ordinal,
        )
        self.tables.rewards[new] = Owed(reward, self.store.clock())
        return new

    def _all(self) -> Collection[Owed]:
        return self.tables.rewards.values()

    def lost(self, _beneficiary: UUID, currency: str) -> Money:
        return Money.zero(currency)

    def change(
        self, reward: Reward, _plan: Plan | None, amount: Money, state: RewardState, _reason: str, _whose: UUID | None
    ) -> bool:
        return self._change(self.tables.rewards, reward, amount, state)

    def change_reversal(self, reversal: Reversal, amount: Money, state: RewardState) -> bool:
        return self._change(self.tables.reversals, reversal, amount, state)

    def _change(self, table: dict[UUID, Owed], seen: Any, amount: Money, state: RewardState) -> bool:
        held = table[seen.id]
        if held.row.decision != seen.decision or held.row.state in LOCKED:
            return False
        row = replace(held.row, amount=amount, state=state, decision=seen.decision + 1, tries=0)
        table[seen.id] = replace(held, row=row, retry_at=self.store.clock())
        return True

    def reverse(self, reward: Reward, ordinal: int, amount: Money) -> UUID:
        assert ordinal not in {each.ordinal for each in self.reversals(reward.id)}
        new = self.store.new_id()
        zero = Money.zero(amount.currency)
        row = Reversal(new, reward.id, ordinal, amount, zero, RewardState.APPROVED, 1)
        self.tables.reversals[new] = Owed(row, self.store.clock())
        return new

    def movable(self, _connection: UUID, limit: int) -> Sequence[Movement]:
        now, busy = self.store.clock(), self._busy()
        reversals: dict[str, Movement] = {}
        for each in self.tables.reversals.values():
            reward = self.tables.rewards[each.row.reward].row
            if self._ready(each, now) and reward.state is RewardState.ISSUED and reward.owner not in busy:
                reversals.setdefault(reward.owner, Movement(reward, each.row, each.row.amount, each.row.decision))
        credits_: dict[UUID, Movement] = {}
        for each in self.tables.rewards.values():
            if self._ready(each, now) and self.store.owners[each.row.beneficiary] not in busy:
                movement = Movement(each.row, None, each.row.amount, each.row.decision)
                credits_.setdefault(each.row.beneficiary, movement)
        free = [each for each in credits_.values() if each.reward.owner not in reversals]
        return [*reversals.values(), *free][:limit]

    def _ready(self, each: Owed, now: datetime) -> bool:
        return each.row.state is RewardState.APPROVED and each.retry_at <= now

    def _busy(self) -> set[str]:
        return {each.row.effect.owner for each in self.tables.attempts.values() if each.row.state in _UNDER_WAY}

    def close_empty(self, reversal: Reversal, _reason: str) -> bool:
        held = self.tables.reversals[reversal.id]
        if held.row.state is not RewardState.APPROVED or held.row.decision != reversal.decision:
            return False
        self.tables.reversals[reversal.id] = replace(held, row=replace(held.row, state=RewardState.ISSUED))
        return True

    def hold(self, movement: Movement, _reason: str) -> None:
        self._leave(movement, state=RewardState.HELD, decision=movement.decision + 1)

    def retry(self, movement: Movement, after: timedelta, _reason: str) -> None:
        self._leave(movement, after, tries=(movement.reversal or movement.reward).tries + 1)

    def _leave(self, movement: Movement, after: timedelta | None = None, **changes: Any) -> None:
        table: dict[UUID, Owed] = self.tables.reversals if movement.reversal else self.tables.rewards
        held = table[(movement.reversal or movement.reward).id]
        if held.row.state is RewardState.APPROVED and held.row.decision == movement.decision:
            retry_at = held.retry_at if after is None else self.store.clock() + after
            table[held.row.id] = replace(held, row=replace(held.row, **changes), retry_at=retry_at)


class MemoryAttempts:
    """`connector.ports.money.Attempts`."""

    def __init__(self, store: Memory) -> None:
        self.store, self.tables = store, store.tables

    def begin(
        self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta, quiet: timedelta
    ) -> Attempt | None:
        table = self._table(movement.reversal is not None)
        held = table[(movement.reversal or movement.reward).id]
        if held.row.state is not RewardState.APPROVED or held.row.decision != movement.decision:
            return None
        if self.busy(movement.reward.connection, effect.owner):
            return None
        row = replace(held.row, state=RewardState.SENDING, tries=held.row.tries + 1)
        if movement.reversal is None:
            pinned = {"owner": effect.owner, "marker": effect.marker, "expires_at": effect.expires_at}
            row = replace(row, **pinned, means=effect.capability.value)
        table[row.id] = replace(held, row=row, attempt=effect.id)
        ends = min(self.store.clock() + deadline, lease.ends_at)
        attempt = Attempt(
            effect=effect,
            connection=movement.reward.connection,
            reward=movement.reward.id,
            reversal=movement.reversal.id if movement.reversal else None,
            epoch=lease.epoch,
            deadline_at=ends,
            state=AttemptState.OPEN,
            referral=movement.reward.referral,
            owed=movement.amount,
            tries=(movement.reversal or movement.reward).tries + 1,
        )
        self.tables.attempts[effect.id] = Tried(attempt, ends + quiet)
        return attempt

    def overdue(self, _connection: UUID) -> Sequence[Attempt]:
        now = self.store.clock()
        found = [
            each.row
            for each in self.tables.attempts.values()
            if each.row.state in _UNDER_WAY and not each.needs and each.readback_at <= now
        ]
        return sorted(found, key=lambda attempt: attempt.deadline_at)

    def settle(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        table = self._table(attempt.reversal is not None)
        held, tried = table[attempt.reversal or attempt.reward], self.tables.attempts[attempt.effect.id]
        newest = held.attempt == attempt.effect.id and held.row.state in _BUSY and tried.row.state in _UNDER_WAY
        if not newest or self.tables.epochs.get(lease.lane) != lease.epoch:
            if not answer.found:
                self._keep_late(tried, answer)
            return False
        changes: dict[str, Any] = {"state": _ROW_AFTER[answer.state]}
        if answer.state is AttemptState.DONE:
            changes |= {"taken": answer.moved or attempt.effect.amount} if attempt.reversal else {}
            changes |= {} if attempt.reversal else {"holder": answer.holder}
        retry_at = self.store.clock() + answer.retry
        table[held.row.id] = replace(held, row=replace(held.row, **changes), retry_at=retry_at)
        settled = replace(tried.row, state=answer.state)
        self.tables.attempts[attempt.effect.id] = replace(tried, row=settled, answer=answer, needs="")
        return True

    def _keep_late(self, tried: Tried, answer: Answer) -> None:
        needs = tried.needs if answer.state is AttemptState.UNKNOWN else ""
        late = replace(tried, row=replace(tried.row, late=answer), needs=needs)
        self.tables.attempts[tried.row.effect.id] = late
        if answer.state is AttemptState.DONE and tried.row.state is AttemptState.NOT_DONE:
            self.tables.surplus[tried.row.effect.id] = tried.row.effect.amount

    def need_person(self, attempt: Attempt, reason: str) -> None:
        tried = self.tables.attempts[attempt.effect.id]
        if tried.row.state in _UNDER_WAY:
            unknown = replace(tried.row, state=AttemptState.UNKNOWN)
            self.tables.attempts[attempt.effect.id] = replace(tried, row=unknown, needs=reason)
        table = self._table(attempt.reversal is not None)
        held = table[attempt.reversal or attempt.reward]
        if held.attempt == attempt.effect.id and held.row.state in _BUSY:
            table[held.row.id] = replace(held, row=replace(held.row, state=RewardState.UNKNOWN))

    def claimed(self, _connection: UUID, transaction: str, *, but: UUID) -> bool:
        return any(transaction in each.transactions for id_, each in self.tables.attempts.items() if id_ != but)

    def busy(self, _connection: UUID, owner: str) -> bool:
        return any(
            each.row.effect.owner == owner and each.row.state in _UNDER_WAY for each in self.tables.attempts.values()
        )

    def expiry_taken(self, _connection: UUID, owner: str, expires_at: datetime, *, but: UUID) -> bool:
        return any(
            (each.row.owner, each.row.expires_at) == (owner, expires_at)
            for each in self.tables.rewards.values()
            if each.row.id != but
        )

    def _table(self, reversal: bool) -> dict[UUID, Owed]:
        return self.tables.reversals if reversal else self.tables.rewards


def surplus(tables: Tables) -> list[UUID]:
    """Attempts that a late word says landed, though another movement stands for them."""
    settled = {each.answer.transaction: id_ for id_, each in tables.attempts.items() if each.answer}
    late = {id_: tables.attempts[id_].row.late for id_ in tables.surplus}
    return [id_ for id_, answer in late.items() if answer and answer.transaction not in settled]


def balance(tables: Tables) -> Counter[str]:
    """Each book of the ledger."""
    total: Counter[str] = Counter()
    for batch in tables.postings.values():
        for line in batch.lines:
            total[line.book.value] += line.amount.minor
    return total
