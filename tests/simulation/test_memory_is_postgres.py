"""The store in memory does what PostgreSQL does: the same steps on both, and every answer and every row compared.

What a merchant would lose: the proof itself, if histories were played on a store that is kinder than the real one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Protocol
from uuid import UUID, uuid4

import pytest

from connector.clock import now
from connector.domain.case import Plan
from connector.domain.money import Money
from connector.errors import InvariantBroken
from connector.ports.platform import Capability, Direction, Effect
from connector.ports.rows import Answer, AttemptState, Connection, Movement, Referral, RewardState, connection_lane
from connector.store.database import Database
from tests.faults.plant import dice
from tests.journey.test_store_world import NOW, TEN, opened, world
from tests.simulation.memory import Memory

HISTORIES, STEPS = 60, 30
NOTHING = timedelta(0)
ANSWERS = (AttemptState.DONE, AttemptState.DONE, AttemptState.NOT_DONE, AttemptState.UNKNOWN, AttemptState.REFUSED)
CHANGED = (RewardState.APPROVED, RewardState.APPROVED, RewardState.DUE, RewardState.VOID)
VIEWS = {
    "rewards": """SELECT id, amount, state, decision, tries, owner, means FROM reward
                  WHERE merchant_id = :merchant""",
    "reversals": """SELECT id, reward_id, ordinal, amount, taken, state, decision, tries FROM reversal
                    WHERE merchant_id = :merchant""",
    "attempts": """SELECT id, state, coalesce(late_state, '') AS late, needs_person FROM attempt
                   WHERE merchant_id = :merchant""",
    "surplus": "SELECT attempt_id AS id FROM surplus WHERE merchant_id = :merchant",
}


class Store(Protocol):
    def begin(self, merchant: UUID, /) -> AbstractContextManager[Any]: ...


@dataclass
class Side:
    """One of the two stores. names: each id it made, in the order in which it came up, so that both call it alike."""

    store: Store
    referral: Referral
    people: list[UUID]
    connection: UUID
    merchant: UUID
    names: dict[UUID, int] = field(default_factory=dict)
    rewards: list[UUID] = field(default_factory=list)
    reversals: list[UUID] = field(default_factory=list)
    attempts: list[Any] = field(default_factory=list)
    seen: list[Movement] = field(default_factory=list)

    def lease(self, epoch: int) -> Any:
        ends = datetime.max.replace(tzinfo=now().tzinfo)
        return SimpleNamespace(lane=connection_lane(self.connection), epoch=epoch, ends_at=ends)

    def name(self, id_: UUID | None) -> int | None:
        return None if id_ is None else self.names.setdefault(id_, len(self.names))

    # ── Steps: each says in plain values what came of it ─────────────────────────────────────────────────────────

    def owe(self, tx: Any, person: int, minor: int) -> object:
        plan = Plan("advocate", "balance", Money(minor, "EUR"), now(), None, ordinal=2 + len(self.rewards), ready=True)
        made = tx.rewards.owe(self.referral, plan, self.people[person], self.connection, RewardState.APPROVED, "")
        self.rewards.append(made)
        return self.name(made)

    def change(self, tx: Any, place: int, minor: int, state: RewardState, behind: int) -> object:
        reward = next(each for each in tx.rewards.of(self.referral.id) if each.id == self.rewards[place])
        seen = SimpleNamespace(id=reward.id, decision=reward.decision - behind)
        return tx.rewards.change(seen, None, Money(minor, "EUR"), state, "", None)

    def reverse(self, tx: Any, place: int, minor: int) -> object:
        reward = next(each for each in tx.rewards.of(self.referral.id) if each.id == self.rewards[place])
        ordinal = len(tx.rewards.reversals(reward.id)) + 1
        self.reversals.append(tx.rewards.reverse(reward, ordinal, Money(minor, "EUR")))
        return self.name(self.reversals[-1])

    def change_reversal(self, tx: Any, place: int, minor: int, state: RewardState) -> object:
        every = [each for reward in self.rewards for each in tx.rewards.reversals(reward)]
        reversal = next(each for each in every if each.id == self.reversals[place])
        return tx.rewards.change_reversal(reversal, Money(minor, "EUR"), state)

    def movable(self, tx: Any) -> list[Movement]:
        found: list[Movement] = list(tx.rewards.movable(self.connection, 10))
        return sorted(found, key=lambda each: self.name((each.reversal or each.reward).id) or 0)

    def look(self, tx: Any) -> object:
        """What may be moved now; `begin` may come later, when it is so no longer."""
        self.seen = self.movable(tx)
        return [self.name((each.reversal or each.reward).id) for each in self.seen]

    def begin(self, tx: Any, place: int, epoch: int) -> object:
        if not self.seen:
            return "nothing to move"
        movement = self.seen[place % len(self.seen)]
        effect = Effect(
            id=uuid4(),
            capability=Capability.BALANCE,
            direction=Direction.DEBIT if movement.reversal else Direction.CREDIT,
            owner=f"owner{self.people.index(movement.reward.beneficiary)}",
            holder="",
            amount=movement.amount,
            marker="mark",
            since=now(),
        )
        attempt = tx.attempts.begin(movement, effect, self.lease(epoch), NOTHING, NOTHING)
        if attempt is None:
            return None
        self.attempts.append(attempt)
        return self.name(attempt.effect.id), self.name(attempt.reward), self.name(attempt.reversal), attempt.tries

    def settle(self, tx: Any, place: int, state: AttemptState, epoch: int, found: bool) -> object:
        attempt = self.attempts[place]
        transaction = f"t{place}" if state is AttemptState.DONE else ""
        return tx.attempts.settle(attempt, self.lease(epoch), Answer(state, transaction, "holder", found=found))

    def need_person(self, tx: Any, place: int) -> object:
        return tx.attempts.need_person(self.attempts[place], "look")

    def ask(self, tx: Any, place: int, person: int) -> object:
        overdue = sorted(self.name(each.effect.id) or 0 for each in tx.attempts.overdue(self.connection))
        but = self.attempts[place].effect.id if self.attempts else uuid4()
        claimed = tx.attempts.claimed(self.connection, f"t{place}", but=but)
        return overdue, claimed, tx.attempts.busy(self.connection, f"owner{person}")

    def leave(self, tx: Any, place: int, how: str) -> object:
        if how == "close":
            reversal = next((each.reversal for each in self.seen if each.reversal), None)
            return tx.rewards.close_empty(reversal, "why") if reversal else "nothing"
        if not self.seen:
            return "nothing"
        movement = self.seen[place % len(self.seen)]
        return tx.rewards.hold(movement, "why") if how == "hold" else tx.rewards.retry(movement, NOTHING, "why")


@dataclass
class Postgres(Side):
    """The real one."""

    def epoch(self, epoch: int) -> None:
        with self.store.begin(self.merchant) as tx:
            lane = connection_lane(self.connection)
            tx.run("UPDATE lane SET epoch = :epoch WHERE id = :lane", epoch=epoch, lane=lane)

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        with self.store.begin(self.merchant) as tx:
            found = {what: [tuple(row) for row in tx.run(sql)] for what, sql in VIEWS.items()}
        return {what: self.alike(rows) for what, rows in found.items()}

    def alike(self, rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
        named = [tuple(self.name(value) if isinstance(value, UUID) else value for value in row) for row in rows]
        return sorted(named, key=str)


@dataclass
class InMemory(Postgres):
    """The one that histories are played on."""

    def epoch(self, epoch: int) -> None:
        self.store.tables.epochs[connection_lane(self.connection)] = epoch  # type: ignore[attr-defined]

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        tables = self.store.tables  # type: ignore[attr-defined]
        rewards = [
            (each.id, each.amount.minor, each.state.value, each.decision, each.tries, each.owner, each.means)
            for each in (held.row for held in tables.rewards.values())
        ]
        reversals = [
            (r.id, r.reward, r.ordinal, r.amount.minor, r.taken.minor, r.state.value, r.decision, r.tries)
            for r in (held.row for held in tables.reversals.values())
        ]
        attempts = [
            (id_, each.row.state.value, each.row.late.state.value if each.row.late else "", each.needs)
            for id_, each in tables.attempts.items()
        ]
        found = {"rewards": rewards, "reversals": reversals, "attempts": attempts}
        found["surplus"] = [(each,) for each in tables.surplus]
        return {what: self.alike(rows) for what, rows in found.items()}


def sides(database: Database, number: int) -> tuple[Postgres, InMemory]:
    """A merchant who owes one reward, on both."""
    shop = world(database, f"merchant {number}", f"shop{number}.example.com")
    people = [shop.anna, shop.ben]
    account = Connection(shop.connection, shop.merchant, "", "", "active", "", "", None, 1, "EUR", now())
    owners = {person: f"owner{place}" for place, person in enumerate(people)}
    memory = Memory(shop.merchant, account, owners, now, uuid4)
    told = (shop.referral, people, shop.connection, shop.merchant)
    real, played = Postgres(database, *told), InMemory(memory, *told)
    real.rewards.append(shop.reward)
    with memory.begin(shop.merchant) as tx:
        plan = Plan("advocate", "balance", TEN, NOW, None)
        made = tx.rewards.owe(shop.referral, plan, shop.anna, shop.connection, RewardState.APPROVED, "promised")
    played.rewards.append(made)
    for side in (real, played):
        side.name(side.rewards[0])
    return real, played


def step(throw: random.Random, side: Side) -> tuple[str, tuple[Any, ...]]:
    """What is done next, in words that both sides understand."""
    epoch = throw.choice((1, 2, 2, 2))
    reward = throw.randrange(len(side.rewards))
    can: dict[str, tuple[Any, ...]] = {
        "look": (),
        "begin": (throw.randrange(9), epoch),
        "owe": (throw.randrange(2), throw.randrange(100, 900)),
        "change": (reward, throw.randrange(100, 900), throw.choice(CHANGED), throw.choice((0, 0, 1))),
        "leave": (throw.randrange(9), throw.choice(("hold", "retry", "close"))),
        "reverse": (reward, throw.randrange(1, 90)),
    }
    if side.attempts:
        place = throw.randrange(len(side.attempts))
        found = throw.random() < 0.3
        can |= {"settle": (place, throw.choice(ANSWERS), epoch, found), "need_person": (place,)}
        can |= {"ask": (place, throw.randrange(2))}
    if side.reversals:
        can["change_reversal"] = (throw.randrange(len(side.reversals)), throw.randrange(1, 90), throw.choice(CHANGED))
    weights = {"look": 6, "begin": 6, "settle": 8, "ask": 2}
    (name,) = throw.choices(list(can), [weights.get(each, 1) for each in can])
    return name, can[name]


def done(side: Side, name: str, given: tuple[Any, ...]) -> object:
    """What came of a step; what breaks a rule of the database changes nothing."""
    try:
        with side.store.begin(side.merchant) as tx:
            return getattr(side, name)(tx, *given)
    except (InvariantBroken, AssertionError):
        return "refused"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened_ = opened(database_url)
    yield opened_
    opened_.engine.dispose()


@pytest.mark.timeout(300)
def test_the_same_steps_have_the_same_ends_on_both(database: Database) -> None:
    throw, seen = dice(), Counter[str]()
    for number in range(HISTORIES):
        real, played = sides(database, number)
        told: list[object] = []
        for side in (real, played):
            side.epoch(2)
        for _ in range(STEPS):
            name, given = step(throw, real)
            ends = [done(side, name, given) for side in (real, played)]
            told.append((name, given, ends))
            assert ends[0] == ends[1], told
            assert real.rows() == played.rows(), told
            seen[name] += ends[0] not in (None, False, "nothing", "nothing to move", "refused")
    assert min(seen[name] for name in ("begin", "settle", "change", "reverse", "owe", "ask")) > 20, seen
