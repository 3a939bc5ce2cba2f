"""What the stand-in holds in memory: accounts with their profiles, metrics, events, coupons and jobs, and the tokens.

Mutable on purpose; everything is read and changed under the one lock of `World`.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from threading import RLock
from typing import Any

from adapters.klaviyo.sandbox.clock import Clock
from adapters.klaviyo.sandbox.limits import Size, Windows

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
#: By what a profile is found, the first that fits before the others.
IDENTIFIERS = ("email", "phone_number", "external_id", "anonymous_id")


@dataclass
class Consent:
    """Whether somebody may be written to: SUBSCRIBED, UNSUBSCRIBED or NEVER_SUBSCRIBED. suppressions: since when."""

    email: str = "NEVER_SUBSCRIBED"
    sms: str = "NEVER_SUBSCRIBED"
    at: datetime | None = None
    method: str | None = None
    suppressions: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Profile:
    """One person. `values` are all attributes but location and properties."""

    id: str
    created: datetime
    updated: datetime
    values: dict[str, Any] = field(default_factory=dict)
    location: dict[str, Any] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)
    consent: Consent = field(default_factory=Consent)
    last_event: datetime | None = None


@dataclass(frozen=True)
class Integration:
    """Where the events of a metric come from: the API for keys, the app's own name for an OAuth app."""

    id: str
    key: str
    name: str
    category: str = "API"


@dataclass(frozen=True)
class Metric:
    """A kind of events. The same name from another integration is another metric."""

    id: str
    name: str
    created: datetime
    integration: Integration


@dataclass
class Event:
    """Something that a profile did. key: its unique_id, or else the second in which it happened."""

    id: str
    uuid: str
    profile: str
    metric: str
    at: datetime
    key: str
    properties: dict[str, Any]
    value: float | None
    currency: str | None
    backfill: bool


@dataclass
class Coupon:
    id: str
    description: str | None
    monitor: dict[str, Any]


@dataclass
class Code:
    """A code of a coupon; its id is both. profile: whom a message with it went to, "" for nobody."""

    coupon: str
    code: str
    expires: datetime
    status: str = "UNASSIGNED"
    profile: str = ""

    @property
    def id(self) -> str:
        return f"{self.coupon}-{self.code}"


@dataclass
class Job:
    """Work that was taken and is done later. made: ids of what it made."""

    id: str
    kind: str
    created: datetime
    total: int
    done: int = 0
    ended: datetime | None = None
    errors: list[dict[str, Any]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


@dataclass
class Account:
    """One Klaviyo account.

    keys: its private keys with their scopes, None for all. event_lag, job_lag: how long after the answer an event or a
    job is processed. refuses_repeats: a bulk call with any event that was recorded before records none of it.
    """

    id: str
    name: str
    zone: str
    currency: str
    keys: dict[str, frozenset[str] | None] = field(default_factory=dict)
    event_lag: timedelta = timedelta()
    job_lag: timedelta = timedelta(seconds=1)
    refuses_repeats: bool = False
    limits: dict[str, Size] = field(default_factory=dict)
    windows: Windows = field(default_factory=Windows)
    profiles: dict[str, Profile] = field(default_factory=dict)
    index: dict[tuple[str, str], str] = field(default_factory=dict)
    metrics: dict[tuple[str, str], Metric] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    recorded: set[tuple[str, str, str]] = field(default_factory=set)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    _queue: list[tuple[datetime, int, Callable[[datetime], None]]] = field(default_factory=list)
    _turns: Iterator[int] = field(default_factory=count)

    def later(self, due: datetime, work: Callable[[datetime], None]) -> None:
        """Do this once it is that late; work gets the moment at which it is done."""
        heapq.heappush(self._queue, (due, next(self._turns), work))

    def settle(self, now: datetime) -> None:
        """Do all work that is due."""
        while self._queue and self._queue[0][0] <= now:
            due, _, work = heapq.heappop(self._queue)
            work(due)

    @property
    def waiting(self) -> int:
        """How many pieces of work are not due yet."""
        return len(self._queue)


@dataclass(frozen=True)
class App:
    """An OAuth app. backs: the addresses to which consent may lead back."""

    id: str
    secret: str
    name: str
    scopes: frozenset[str]
    backs: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """What an account allowed an app. One for each consent; its tokens die together."""

    id: str
    account: str
    app: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Approval:
    """What stands behind an authorization code, good once: the grant, and what the token request must match."""

    grant: Grant
    back: str
    challenge: str
    ends: datetime


@dataclass
class World:
    """Everything, and the lock that guards it. rotates: whether a refresh ends the refresh token that it used."""

    url: str = ""
    clock: Clock = field(default_factory=Clock)
    lock: RLock = field(default_factory=RLock)
    accounts: dict[str, Account] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    approvals: dict[str, Approval] = field(default_factory=dict)
    access: dict[str, tuple[Grant, datetime]] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    rotates: bool = True

    def settle(self) -> None:
        now = self.clock.now()
        for account in self.accounts.values():
            account.settle(now)

    def end(self, grant: Grant) -> None:
        """None of its tokens works any more."""
        self.access = {token: held for token, held in self.access.items() if held[0] != grant}
        self.refresh = {token: held for token, held in self.refresh.items() if held != grant}


def new_ulid(now: datetime) -> str:
    """An id of a profile or a job: 26 characters that sort by the time of their making."""
    millis = int(now.timestamp() * 1000)
    head = "".join(_CROCKFORD[millis >> shift & 31] for shift in range(45, -1, -5))
    return head + "".join(secrets.choice(_CROCKFORD) for _ in range(16))


def new_id(length: int) -> str:
    """An id of a metric (6 characters) or of an event (11)."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
