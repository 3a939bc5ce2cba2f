"""One history: people are owed rewards, get some of them, give things back, while everything dies and lies.

    History(seed, EffectClass.C).play().check()

The money's way is the product's own code (`connector.journey.issue`, `effects`, `owing`, `postings`), the worker's is
told once more here: claim a lane, work it for a slice, give it back.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, Self, cast
from unittest.mock import patch
from uuid import UUID

from connector.domain.case import Decision, Plan, Stage
from connector.domain.money import Money
from connector.errors import Late, PlatformError
from connector.journey import effects, issue
from connector.journey.desk import Desk, Lane, Timing
from connector.journey.owing import Payer, owe
from connector.ports.platform import Capability, Direction, EffectClass, Operation
from connector.ports.rows import Connection, Referral, RewardState, connection_lane, merchant_lane
from tests.simulation.bank import Bank
from tests.simulation.loom import Loom
from tests.simulation.memory import Memory, balance, surplus

LEASE_S, SLICE_S, CALL_S, DEADLINE_S, QUIET_S, LAG_S = 12.0, 4.0, 4.0, 3.0, 8.0, 3.0
#: How long things go wrong, and how long all may take to come to its end afterwards, in seconds of the loom.
STORMY_S, CALM_S = 240.0, 400_000.0
TIMING = Timing(
    lease=timedelta(seconds=LEASE_S),
    slice=timedelta(seconds=SLICE_S),
    call=timedelta(seconds=CALL_S),
    deadline=timedelta(seconds=DEADLINE_S),
    quiet=timedelta(seconds=QUIET_S),
)


@dataclass
class Held:
    """A lane as the database holds it."""

    epoch: int = 0
    owner: int = 0
    expires: float = 0.0
    again: bool = False


@dataclass(frozen=True)
class Claim:
    """The Lease of `connector.ports.money`."""

    lane: str
    epoch: int
    claimed_at: datetime
    ends_at: datetime
    now: Callable[[], datetime]

    def guard(self, deadline_at: datetime) -> Any:
        return SimpleNamespace(check=lambda: self._check(deadline_at))

    def _check(self, deadline_at: datetime) -> None:
        if self.now() >= deadline_at:
            raise Late("the deadline passed before anything was sent")


@dataclass
class Owing:
    """A referral and what is owed for it now, in cents."""

    referral: Referral
    minor: int


class History:
    """Everything of one seed."""

    def __init__(self, seed: int, effect_class: EffectClass) -> None:
        self.seed, self.effect_class = seed, effect_class
        self.loom = Loom(seed)
        self.ids = random.Random(seed)
        self.bank = Bank(self.loom, effect_class, CALL_S, LAG_S)
        self.merchant, self.connection = self.id(), self.id()
        people = [self.id() for _ in range(self.loom.dice.randint(1, 2))]
        account = Connection(
            self.connection, self.merchant, "bank", "bank", "active", "token", "", None, 1, "EUR", self.loom.now()
        )
        owners = {person: f"owner{place}" for place, person in enumerate(people)}
        self.store = Memory(self.merchant, account, owners, self.loom.now, self.id, self.loom.point)
        self.owed = [self._owing(self.loom.dice.choice(people)) for _ in range(self.loom.dice.randint(1, 3))]
        self.lanes = {lane: Held() for lane in (merchant_lane(self.merchant), connection_lane(self.connection))}
        self.wakes: list[str] = []
        self.desk = self._desk()

    def id(self) -> UUID:
        return UUID(int=self.ids.getrandbits(128), version=4)

    def _owing(self, person: UUID) -> Owing:
        ids = {"id": self.id(), "program": self.id(), "advocate": self.id(), "friend": self.id()}
        told = {**ids, "advocate_person": person, "connection": self.connection}
        return Owing(cast("Referral", SimpleNamespace(**told)), self.loom.dice.randrange(100, 1000, 2))

    def _desk(self) -> Desk:
        both = (Direction.CREDIT, Direction.DEBIT)
        operations = {each: Operation(Capability.BALANCE, each, self.effect_class) for each in both}
        manifest = SimpleNamespace(
            key="bank", label="Bank", person_kind="person", operation=lambda _kind, direction: operations[direction]
        )
        platform = cast("Any", SimpleNamespace(manifest=manifest, outbound=lambda: self.bank))
        store = cast("Any", self.store)
        return Desk(store, {"bank": platform}, TIMING, b"marks", b"touches", "", self._wake)

    # ── How it goes ──────────────────────────────────────────────────────────────────────────────────────────────

    def play(self) -> Self:
        with played(self):
            for work in (self._worker, self._worker, self._buyer, self._sweeper):
                self.loom.spawn(work)
            self.loom.run(until=STORMY_S)
            self.loom.calm()
            self.bank.calm()
            self._until_settled()
            self.loom.end()
        return self

    def _until_settled(self) -> None:
        while not self.settled() and self.loom.time < CALM_S:
            self.loom.run(until=self.loom.time + 20)
            if not self.settled():
                self._skip()

    def _skip(self) -> None:
        """Where nothing can go on, time passes until something can."""
        rows = [*self.store.tables.rewards.values(), *self.store.tables.reversals.values()]
        ahead = [each.retry_at for each in rows if each.row.state is RewardState.APPROVED]
        if ahead and min(ahead) > self.loom.now():
            self.loom.time += (min(ahead) - self.loom.now()).total_seconds()
            for strand in self.loom.strands:
                strand.wakes_at = min(strand.wakes_at, self.loom.time)

    def settled(self) -> bool:
        """Nothing can move by itself any more."""
        tables = self.store.tables
        moving = {RewardState.DUE, RewardState.APPROVED, RewardState.SENDING, RewardState.UNKNOWN}
        rows = [*tables.rewards.values(), *tables.reversals.values()]
        doubts = {each.row.reversal or each.row.reward for each in tables.attempts.values() if each.needs}
        blocked = {each.row.effect.owner for each in tables.attempts.values() if each.needs}
        waits = [
            each
            for each in rows
            if each.row.state in moving and each.row.id not in doubts and not self._behind(each, blocked)
        ]
        return not waits and merchant_lane(self.merchant) not in tables.dirty

    def _behind(self, each: Any, blocked: set[str]) -> bool:
        """Whether it waits behind an effect of its account that waits for a person."""
        reward = self.store.tables.rewards[getattr(each.row, "reward", each.row.id)].row
        return each.row.state is RewardState.APPROVED and self.store.owners[reward.beneficiary] in blocked

    # ── Who acts ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _buyer(self) -> None:
        """Sales come about, and some are given back, in part or whole, at any moment."""
        for _ in self.owed:
            self.loom.sleep(self.loom.dice.uniform(0, 10))
            self._decide_anew()
            self._wake(merchant_lane(self.merchant))
        for _ in range(self.loom.dice.randint(0, 3)):
            self.loom.sleep(self.loom.dice.uniform(0, 60))
            each = self.loom.dice.choice(self.owed)
            each.minor = self.loom.dice.choice((0, each.minor // 2, each.minor))
            self._decide_anew()

    def _decide_anew(self) -> None:
        """What is owed is to be looked at; whether anybody is woken for it is another matter."""
        with self.store.begin(self.merchant):
            self.store.tables.dirty.add(merchant_lane(self.merchant))

    def _sweeper(self) -> None:
        while True:
            self.loom.sleep(5)
            self.wakes.extend(self.lanes)

    def _wake(self, lane: str) -> None:
        """Half of all wake-ups get lost."""
        if self.loom.dice.random() < 0.5:
            self.wakes.append(lane)

    def _worker(self) -> None:
        name = self.loom.dice.random()
        while True:
            if not self.wakes:
                self.loom.sleep(self.loom.dice.uniform(0.1, 2))
                continue
            lane = self.wakes.pop(0)
            if claim := self._claim(lane, name):
                try:
                    self._slice(claim)
                except PlatformError:
                    self.loom.sleep(0.5)
                self._release(claim, name)

    def _claim(self, lane: str, name: float) -> Claim | None:
        self.loom.point("before the claim")
        held, now = self.lanes[lane], self.loom.time
        if held.owner and held.expires >= now:
            held.again = True
            return None
        held.owner, held.expires, held.again = hash(name), now + LEASE_S, False
        held.epoch += 1
        self.store.tables.epochs[lane] = held.epoch
        at = self.loom.now()
        return Claim(lane, held.epoch, at, at + TIMING.lease, self.loom.now)

    def _release(self, claim: Claim, name: float) -> None:
        held = self.lanes[claim.lane]
        if (held.owner, held.epoch) == (hash(name), claim.epoch):
            held.owner = 0
            if held.again:
                self._wake(claim.lane)

    def _slice(self, claim: Claim) -> None:
        until = self.loom.time + SLICE_S
        steps = self._decide if claim.lane.startswith("m:") else partial(self._move, claim)
        while steps() and self.loom.time < until:
            self.loom.point("between steps")

    def _decide(self) -> int:
        """What is owed now, by the product's own `owe`."""
        lane = merchant_lane(self.merchant)
        if lane not in self.store.tables.dirty:
            return 0
        with self.store.begin(self.merchant) as tx:
            self.store.tables.dirty.discard(lane)
            for each in self.owed:
                self._owe(tx, each)
        self._wake(connection_lane(self.connection))
        return 1

    def _owe(self, tx: Any, each: Owing) -> None:
        amount = Money(each.minor, "EUR")
        plan = Plan("advocate", "balance", amount, self.loom.now(), timedelta(days=90), ready=True)
        decision = Decision(Stage.CONVERTED, "paid", "", (plan,) if amount else ())
        payer = Payer(lambda *_: True, ())
        owe(tx, payer, each.referral, decision, tx.rewards.of(each.referral.id))

    def _move(self, claim: Claim) -> int:
        lane = Lane(self.merchant, self.connection, self.desk.platforms["bank"])
        return issue.settle_overdue(self.desk, lane, claim) or issue.move_money(self.desk, lane, claim)

    # ── What must be true ────────────────────────────────────────────────────────────────────────────────────────

    def check(self) -> Self:
        """Every promise about money, by the bank's own book."""
        told = f"seed {self.seed}, class {self.effect_class}"
        tables = self.store.tables
        needs = [each for each in tables.attempts.values() if each.needs]
        assert self.settled(), f"{told}: work does not come to its end"
        assert not surplus(tables), f"{told}: something landed twice: {tables.surplus}"
        per_mark = Counter(each.marker for each in self.bank.moves)
        assert max(per_mark.values(), default=1) == 1, f"{told}: one movement landed more than once: {per_mark}"
        if self.effect_class is not EffectClass.D:
            assert not needs, f"{told}: a person is asked what could be read back"
            assert self.sends_are_explained(), f"{told}: sent again after an effect"
            self._check_books(told)
        for owner in self.store.owners.values():
            assert self.bank.held(owner) >= 0, f"{told}: more was taken back than stood there"
        return self

    def sends_are_explained(self) -> bool:
        """Each call had its one effect, or certainly none; the repeats of a natural key have none."""
        return self.bank.sends == len(self.bank.moves) + self.bank.harmless

    def _check_books(self, told: str) -> None:
        books = balance(self.store.tables)
        standing = sum(self.bank.held(owner) for owner in set(self.store.owners.values()))
        assert books["issued"] == -standing, f"{told}: our books say {-books['issued']}, the bank {standing}"
        assert books["payable"] == books["reclaim"] == 0, f"{told}: something is still owed or asked back: {books}"
        assert sum(books.values()) == 0, f"{told}: the books do not add up"
        owed = sum(each.minor for each in self.owed)
        assert standing == owed, f"{told}: {owed} is owed, and {standing} stands there"


@contextmanager
def played(history: History) -> Iterator[None]:
    """The product's failpoints become places where this history may turn; its calls go one after the other."""

    def reach(name: str) -> None:
        if history.store.open_transactions:
            history.loom.maybe_die()
        else:
            history.loom.point(name)

    with (
        patch.object(issue, "reach", reach),
        patch.object(issue, "ThreadPoolExecutor", Inline),
        patch.object(effects, "uuid4", history.id),
    ):
        yield


class Inline:
    """An executor without threads."""

    def __init__(self, _workers: int) -> None:
        """As many workers as wanted, which are all this one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to be waited for."""

    def map(self, work: Callable[[Any], Any], each: list[Any]) -> list[Any]:
        return [work(one) for one in each]
