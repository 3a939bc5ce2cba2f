"""What the journey asks of its memory. One transaction per `begin`; the merchant is given once and guards every row.

Times that decide about leases and deadlines come from the database; `now()` of a transaction is that clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from connector.domain.case import Decision
from connector.domain.facts import Fact, ObjectRef
from connector.domain.fraud import Evidence
from connector.domain.program import Budget, FraudRules, Program
from connector.domain.touch import Touch
from connector.ports.asking import Asks
from connector.ports.forgetting import Leftovers
from connector.ports.history import Backfill, Chapter
from connector.ports.hooks import Hooks
from connector.ports.inbound import Item, Sighting
from connector.ports.money import Attempts, Holdings, Ledger, Limits, Rewards
from connector.ports.news import Book
from connector.ports.offers import CodesAdded, Offered, OfferReport, RedeemCode
from connector.ports.past import Past
from connector.ports.platform import Seen, Truth
from connector.ports.receipts import Receipts
from connector.ports.roster import Roster
from connector.ports.rows import (
    Advocate,
    Connection,
    Delivery,
    Erased,
    Outcome,
    Owner,
    ProgramVersion,
    Referral,
    SavedTruth,
    Standing,
    Story,
    Task,
)

# ── Repositories ─────────────────────────────────────────────────────────────────────────────────────────────────


class Deliveries(Protocol):
    def add(self, connection: UUID | None, platform: str, items: Sequence[Item], *, quarantined: str = "") -> int:
        """Keep the raw bytes once per key; returns how many were new."""

    def waiting(self, limit: int) -> Sequence[Delivery]: ...
    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of each; one that names somebody who was forgotten since is emptied."""

    def forget(self, names: Collection[bytes], until: datetime, objects: Collection[bytes]) -> None:
        """Empty what names one of these, now and when it comes later. names: until then; objects: for ever."""

    def forget_unread(self, needles: Collection[str]) -> None:
        """Empty what nobody could read where it holds one of these texts."""

    def forget_account(self, connection: UUID) -> None:
        """Empty everything that came from this connection."""


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
    def drop(self, lane: str) -> None:
        """Nothing is left to be done on this lane."""


class Connections(Protocol):
    def get(self, connection: UUID) -> Connection: ...
    def platforms(self) -> Mapping[UUID, str]:
        """The platform of every connection that was not removed."""

    def bearing(self, trait: str) -> Sequence[UUID]:
        """Connections of which this is known, and that were not removed."""

    def claim_refresh(self, connection: UUID, version: int, lease: timedelta) -> bool:
        """Become the only one who refreshes this token version for the length of the lease."""

    def store_pair(
        self, connection: UUID, version: int, access: str, refresh: str, expires_at: datetime | None
    ) -> bool:
        """Store a rotated pair if `version` still stands."""

    def install(
        self,
        platform: str,
        external: str,
        access: str,
        refresh: str,
        expires_at: datetime | None,
        currency: str,
        scopes: Sequence[str],
        traits: Mapping[str, str],
    ) -> UUID:
        """Join an account, or reopen the same row after a reinstall. Raises ConfigError if another merchant has it."""

    def learn(self, connection: UUID, currency: str, scopes: Sequence[str], traits: Mapping[str, str]) -> bool:
        """Keep what the account says of itself; says whether any of it is new."""

    def choose(self, connection: UUID, choices: Mapping[str, str]) -> None:
        """What the merchant decided for it, in place of all before."""

    def doubt(self, connection: UUID, version: int) -> None: ...
    def withhold(self, connection: UUID, kinds: frozenset[str], shown: frozenset[str]) -> None:
        """Remember which kinds of marks the account does not show us, until it shows one."""

    def close(self, connection: UUID, state: str, reason: str) -> None: ...


class Truths(Protocol):
    def get(self, connection: UUID, ref: ObjectRef) -> SavedTruth | None: ...
    def standing(self, places: Collection[tuple[UUID, ObjectRef]]) -> Mapping[tuple[UUID, ObjectRef], Standing]:
        """Which of these (connection, object) were read or referred; unknown ones are absent."""

    def note(self, connection: UUID, ref: ObjectRef, touches: Sequence[Touch]) -> None:
        """Keep evidence that only the delivery carried; the first to tell stands."""

    def note_more(self, connection: UUID, ref: ObjectRef, touches: Sequence[Touch]) -> None:
        """Keep further evidence beside what is known, such as what people say later."""

    def adopt(self, names: Collection[tuple[UUID, ObjectRef, ObjectRef]]) -> set[tuple[UUID, ObjectRef]]:
        """Move evidence from another name of an object to the object; says which (connection, object) got some."""

    def noted(self, connection: UUID, ref: ObjectRef) -> tuple[Touch, ...]: ...
    def save(self, connection: UUID, truth: Truth, person: UUID | None) -> bool:
        """Keep it with its facts unless a newer one, by the platform's time, is there; says whether it was kept."""

    def tell(self, connection: UUID, facts: Sequence[Fact]) -> None:
        """Add facts that come from elsewhere than a read of their object; one that says nothing new adds nothing."""

    def nameless(self, connection: UUID, truths: Collection[Truth]) -> set[ObjectRef]:
        """Which of these objects must bring nobody back: their buyer was forgotten after placing them."""

    def facts(self, connection: UUID, ref: ObjectRef) -> tuple[Fact, ...]: ...
    def of_referral(self, referral: Referral) -> Sequence[tuple[str, Fact]]:
        """All that is known of a referral's purchases and was said of it, each fact with its platform's name."""

    def tell_own(self, told: Fact) -> None:
        """A fact of our own, told once for ever."""


class People(Protocol):
    def resolve(self, connection: UUID | None, identifiers: Sequence[tuple[str, str]]) -> UUID | None:
        """The person behind (kind, clear value) pairs, made if new, joined if two strong ones name two."""

    def canonical(self, person: UUID) -> UUID: ...
    def external(self, person: UUID, connection: UUID, kind: str) -> str | None:
        """The platform's own id of this person on this connection."""

    def email(self, person: UUID) -> str | None: ...
    def is_erased(self, person: UUID) -> bool: ...
    def keep_email(self, person: UUID, email: str) -> None: ...
    def hush(self, person: UUID, *, quiet: bool) -> None:
        """They ask not to be written to, or to be written to again; said by any name that they go by."""

    def link(self, person: UUID, connection: UUID, ref: ObjectRef) -> None: ...
    def revive(self, connection: UUID, ref: ObjectRef) -> bool:
        """A record is there. Says whether that is news: it was retired, or nobody has heard of it."""

    def find(self, connection: UUID | None, kind: str, value: str) -> UUID | None: ...
    def hold(self) -> None:
        """Until this transaction ends, nobody else makes a new person of this merchant's, or forgets one."""

    def known(self, connection: UUID | None, seen: Iterable[Seen]) -> set[UUID]:
        """The people behind any of these."""

    def names(self, connection: UUID | None, seen: Iterable[Seen]) -> tuple[bytes, ...]:
        """Keyed hashes of whom or what a delivery names."""

    def merge(self, kept: UUID, absorbed: UUID, reason: str) -> None: ...
    def retire(self, connection: UUID, ref: ObjectRef) -> None:
        """The platform's record is gone: it still tells who this is, and nothing is sent there any more."""

    def ask(self, connection: UUID, request: str, names: Sequence[bytes], person: UUID | None, at: datetime) -> None:
        """Somebody wants to know what is kept of them."""

    def erase(self, person: UUID) -> Erased: ...
    def forget_asked(self, names: Sequence[bytes]) -> None: ...
    def erase_account(self, connection: UUID) -> None:
        """Forget everybody who is known through this connection alone."""


class Programs(Protocol):
    def current(self) -> Sequence[ProgramVersion]: ...
    def pinned(self, program: UUID, version: int) -> Program: ...
    def apply(self, data: Mapping[str, Any]) -> ProgramVersion:
        """Save data as the program's next version, unless nothing changed. Raises ConfigError."""

    def was_paid(self, program: UUID) -> bool:
        """Whether any reward of it was ever delivered."""

    def budget(self, program: UUID) -> Budget | None:
        """What the program may cost by the merchant's word of today, whatever version was promised."""

    def advocates(self, hints: Iterable[str]) -> Mapping[str, Advocate]:
        """The advocates behind texts that may be codes; unknown texts are absent."""

    def of_people(self, program: UUID, people: Collection[UUID]) -> Sequence[Advocate]:
        """Which of these people are advocates of the program, each with the code that they share."""


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
    def is_anothers(self, referral: Referral) -> bool:
        """Whether its purchase converts another referral of the program."""

    def add_payment(self, referral: UUID, program: UUID, connection: UUID, ref: ObjectRef) -> None:
        """Another payment of a referred friend belongs to the referral too, unless it converts another one."""

    def awaited(self, names: Collection[bytes]) -> set[bytes]:
        """Which of these keyed hashes name a friend whose next purchase may count, whatever it bears."""

    def held_by(self, hold: str) -> Sequence[str]:
        """Referrals that wait for this, to be decided anew once its remedy was applied."""

    def repoint(self, referral: Referral) -> None: ...
    def repin(self, referral: UUID, version: int) -> None:
        """It is judged by another version of its program, from figures that are taken anew."""

    def decide(self, referral: UUID, decision: Decision) -> bool:
        """Write the decision; says whether anything that people see changed."""

    def review(self, referral: UUID, reason: str) -> None: ...


class Marks(Protocol):
    def add(self, seen: Iterable[tuple[UUID, Sequence[Seen]]]) -> None:
        """Remember what marks each person bears, such as a phone number that others may share."""

    def join(self, person: UUID, connection: UUID | None, groups: frozenset[str]) -> None:
        """The audiences of a person, as this connection tells now, or our own staff (None)."""

    def bearers(self, kind: str, value: str) -> Sequence[UUID]:
        """Everybody who bears a mark."""

    def guess(self, network: str) -> None:
        """Somebody tried a code that nobody has."""

    def evidence(
        self, referral: Referral, rules: FraudRules, *, first_order: bool | None, referrers: Collection[str]
    ) -> Evidence:
        """What the fraud rules may look at, as it is known now."""


class Offers(Protocol):
    def mark(self, program: UUID, *, refused: bool = False) -> None:
        """Have the offer of this program brought in line on every connection, also where it was `refused`."""

    def get(self, connection: UUID, program: UUID) -> Offered | None: ...
    def stand(self, offered: Offered, reason: str = "") -> None: ...
    def want_codes(self, offered: Offered) -> None:
        """Every advocate of the program gets a code at checkout: the one they share."""

    def wanted(self, offered: Offered, limit: int) -> Sequence[RedeemCode]: ...
    def adding(self, offered: Offered) -> Sequence[RedeemCode]:
        """The codes of one addition whose end is awaited."""

    def handed(self, offered: Offered, handed: Collection[RedeemCode], operation: str) -> None: ...
    def added(self, offered: Offered, awaited: Collection[RedeemCode], added: CodesAdded) -> None:
        """Write how an addition ended; whose code belongs to another discount gets a new one."""

    def start_over(self, offered: Offered) -> None:
        """Another discount takes the old one's place: every code has to be added there."""

    def retry_refused(self, offered: Offered) -> None: ...
    def report(self) -> Sequence[OfferReport]: ...


class Backfills(Protocol):
    def start(self, connection: UUID, since: datetime) -> bool:
        """Begin a reading; False where one is under way already."""

    def get(self, connection: UUID) -> Backfill | None: ...
    def turn(self, connection: UUID, was: Backfill, chapter: Chapter, signed: int) -> bool:
        """Move on to the next part; False where another worker has turned this page already."""

    def begin_again(self, connection: UUID) -> None: ...
    def end(self, connection: UUID, reason: str) -> None: ...
    def organic(self, connection: UUID, sightings: Sequence[Sighting]) -> None:
        """Remember objects without a sign of a referral in one statement; what is known of one stands."""


class Requests(Protocol):
    def digest(self, key: str) -> bytes | None:
        """What was asked for under this name of the asker's; None where nothing was."""

    def keep(self, key: str, digest: bytes) -> None:
        """It was done; whoever was first to say so stands."""


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
    def roster(self) -> Roster: ...
    @property
    def referrals(self) -> Referrals: ...
    @property
    def marks(self) -> Marks: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def rewards(self) -> Rewards: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def holdings(self) -> Holdings: ...
    @property
    def offers(self) -> Offers: ...
    @property
    def backfills(self) -> Backfills: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def receipts(self) -> Receipts: ...
    @property
    def hooks(self) -> Hooks: ...
    @property
    def requests(self) -> Requests: ...
    @property
    def past(self) -> Past: ...
    @property
    def news(self) -> Book: ...
    @property
    def asks(self) -> Asks: ...
    @property
    def leftovers(self) -> Leftovers: ...
    def now(self) -> datetime: ...
    def savepoint(self) -> AbstractContextManager[object]: ...


class Store(Protocol):
    """The product's only memory."""

    def begin(self, merchant: UUID) -> AbstractContextManager[Tx]:
        """One transaction of one merchant: commits at the end, rolls back on any error."""

    def begin_for(self, platform: str, external: str) -> AbstractContextManager[tuple[Tx, Owner | None]]:
        """The same for the merchant whom a platform account belongs to, or for nobody where none here owns it."""

    def snapshot(self, merchant: UUID) -> AbstractContextManager[Tx]:
        """One transaction that only reads, all of it as of one moment."""

    def account(self, platform: str, external: str) -> Owner | None:
        """Whom a platform account belongs to; asked before the merchant is known."""
