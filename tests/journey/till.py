"""A platform of a test's own: a till in memory that does and says what the test wants, on the real database.

till.says(Done("t1", "a1"))     its answers to the next calls that move money, in order; an error is raised
till.finds(Absent())            its answers to the next looks for a movement of ours
till.moved, till.sought         the effects it was asked to make, and to find
till.hears(error), till.told    its answers to the next calls with news, and what each of them had
till.tells["order"] = reading   what a delivery of this topic says
"""
# ruff: noqa: ARG002  (it has the shape of a platform, and needs little of what it is given)

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from test_store_world import World

from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.journey.desk import Desk, Lane, Platform, Timing
from connector.ports.inbound import Item, Reading
from connector.ports.joining import Grant
from connector.ports.news import News, NewsResult
from connector.ports.platform import (
    Account,
    Capability,
    Direction,
    Done,
    Effect,
    EffectClass,
    Finding,
    Guard,
    Manifest,
    Operation,
)

MARKER_KEY, TOUCH_KEY = b"the key of our marks", b"the key of our notes"
GATHER = timedelta(minutes=7)
CUSTOMER = ObjectRef("customer", "customer/1")
#: Balance bears our mark where it ends, and can be looked up when it is taken back; a code names itself.
OPERATIONS = (
    Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.D, effect_with_expiry=EffectClass.C),
    Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.C),
    Operation(Capability.CODE, Direction.CREDIT, EffectClass.A, guests=True),
)
MANIFEST = Manifest(
    key="shop",
    label="Anna's till",
    api_version="1",
    capabilities=frozenset({Capability.BALANCE, Capability.CODE}),
    qualifying=frozenset({"order_paid"}),
    scopes=(),
    operations=OPERATIONS,
    settings=(),
    app_key="KEY",
    app_secret="SECRET",
    url_setting="URL",
    accounts=r".*",
    hosts=r".*",
    own_hosts=frozenset(),
    object_kinds=frozenset({"order", "checkout", "customer"}),
    person_kind="customer",
    read_batch=10,
    look_batch=10,
    write_batch=10,
    watch_batch=10,
    quiet=timedelta(minutes=3),
)
Answer = Done | Exception | Callable[[Effect], Done]


class Till:
    """What the platform's folder would bring along."""

    def __init__(self) -> None:
        self.moved: list[Effect] = []
        self.sought: list[Effect] = []
        self.tells: dict[str, Reading | Exception] = {}
        self.holds = Money(10**6, "EUR")
        self.renewed: list[str] = []
        self.told: list[list[News]] = []
        self._hears: deque[Exception | str] = deque()
        self._misses: deque[str] = deque()
        self._says: deque[Answer] = deque()
        self._finds: deque[Finding | Exception | Callable[[Callable[[str], bool]], Finding]] = deque()

    def says(self, *answers: Answer) -> None:
        self._says += answers

    def finds(self, *findings: Finding | Exception | Callable[[Callable[[str], bool]], Finding]) -> None:
        self._finds += findings

    # ── As an Outbound ───────────────────────────────────────────────────────────────────────────────────────────

    def balance(self, account: Account, capability: Capability, owner: str, holder: str, currency: str) -> Money:
        return self.holds

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        guard.check()
        self.moved.append(effect)
        answer = self._says.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Done) else answer(effect)

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        self.sought.append(effect)
        finding = self._finds.popleft()
        if isinstance(finding, Exception):
            raise finding
        return finding(claimed) if callable(finding) else finding

    # ── As what tells news on ────────────────────────────────────────────────────────────────────────────────────

    def hears(self, *answers: Exception | str) -> None:
        """Its answers to the next calls: an error is raised, a text is why the first of them is refused, "" is yes."""
        self._hears += answers

    def misses(self, reason: str) -> None:
        """It reaches nobody of the next call, for this reason."""
        self._misses.append(reason)

    def tell(self, account: Account, news: Sequence[News]) -> Sequence[NewsResult]:
        answer = self._hears.popleft() if self._hears else ""
        self.told.append(list(news))
        if self._misses:
            reason = self._misses.popleft()
            return [NewsResult(each.id, reason, elsewhere=True) for each in news]
        if isinstance(answer, Exception):
            raise answer
        return [NewsResult(each.id, answer if not place else "") for place, each in enumerate(news)]

    # ── As an Auth, and as an Inbound ────────────────────────────────────────────────────────────────────────────

    def refresh(self, account: Account, refresh: str) -> Grant:
        self.renewed.append(refresh)
        return Grant(account.external, "access 2", "refresh 2")

    def read(self, topic: str, body: bytes, at: datetime) -> Reading:
        told = self.tells[topic]
        if isinstance(told, Exception):
            raise told
        return told


class Counter:
    """A merchant's desk with one till on it. woken: the lanes that workers were told of."""

    def __init__(self, world: World, manifest: Manifest = MANIFEST) -> None:
        self.world, self.till = world, Till()
        self.woken: list[str] = []
        till: Any = self.till
        platform = Platform(
            manifest=manifest,
            inbound=till,
            outbound=lambda: till,
            offers=lambda: till,
            history=lambda: till,
            lists=lambda: till,
            steps=lambda: till,
            bills=lambda: till,
            telling=lambda: till,
            forgetting=lambda: till,
            shelf=lambda: till,
            coupons=lambda: till,
            receiver=lambda: till,
            auth=lambda: till,
            standing=lambda _merchant: None,
            mapping=None,
            secrets=(),
        )
        timing = Timing(gather=GATHER)
        self.desk = Desk(world.database, {"shop": platform}, timing, MARKER_KEY, TOUCH_KEY, "", self.woken.append)
        self.lane = Lane(world.merchant, world.connection, platform)

    def rows(self, sql: str, **values: object) -> list[Mapping[str, Any]]:
        """Rows by plain SQL; `:merchant` is bound."""
        with self.world.begin() as tx:
            result = tx.run(sql, **values)
            return [dict(row) for row in result.mappings()] if result.returns_rows else []

    def row(self, sql: str, **values: object) -> Mapping[str, Any]:
        (row,) = self.rows(sql, **values)
        return row

    def tasks(self) -> list[tuple[str, str, str, timedelta]]:
        """Open work but for news: lane, what, subject, and in how long it is due, in whole minutes."""
        rows = self.rows(
            """SELECT lane, what, subject, greatest(due_at - clock_timestamp(), interval '0') AS wait
               FROM task WHERE state = 'open' AND what <> 'tell' ORDER BY lane, what, subject"""
        )
        return [
            (r["lane"], r["what"], r["subject"], timedelta(minutes=round(r["wait"].total_seconds() / 60))) for r in rows
        ]

    def delivers(self, *topics: str) -> None:
        """One delivery of each topic, in this order."""
        with self.world.begin() as tx:
            count = len(tx.run("SELECT id FROM delivery").all())
            items: Sequence[Item] = [
                Item("anna.example.com", topic, f"key {count + place}", b"{}") for place, topic in enumerate(topics)
            ]
            tx.deliveries.add(self.world.connection, "shop", items)
