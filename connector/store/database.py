"""The database: engine, transactions of one merchant, and the check that row-level security cannot be bypassed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Connection as Session
from sqlalchemy import CursorResult, Engine, create_engine, text
from sqlalchemy.exc import DataError, IntegrityError, InternalError

from connector.errors import ConfigError, InvariantBroken
from connector.ports.rows import Owner
from connector.store.accounts import Connections
from connector.store.asks import Asks
from connector.store.attempts import Attempts
from connector.store.backfill import Backfills
from connector.store.history_facts import Past
from connector.store.holdings import Holdings
from connector.store.hooks import Hooks
from connector.store.inbox import Deliveries, Tasks
from connector.store.ledger import Ledger
from connector.store.leftovers import Leftovers
from connector.store.limits import Limits
from connector.store.marks import Marks
from connector.store.news import Book
from connector.store.offers import Offers
from connector.store.people import People
from connector.store.programs import Programs
from connector.store.receipts import Receipts
from connector.store.referrals import Referrals
from connector.store.requests import Requests
from connector.store.rewards import Rewards
from connector.store.roster import Roster
from connector.store.truths import Truths
from connector.store.vault import Vault

NOBODY = UUID(int=0)
CONNECT_TIMEOUT_S = 1
#: Before a platform's key: the names of its accounts in the directory.
_ACCOUNT = "account:"


def engine(url: str, *, pool: int = 4) -> Engine:
    """An engine that fails fast when the server is away, so that intake can say 503 in time."""
    url = url.replace("postgres://", "postgresql+psycopg://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    options = "-c timezone=UTC -c idle_in_transaction_session_timeout=60000"
    return create_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=CONNECT_TIMEOUT_S,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": options, "tcp_user_timeout": 10_000},
    )


class Tx:
    """One short transaction of one merchant; every repository it hands out is bound to that merchant."""

    def __init__(self, session: Session, merchant: UUID, vault: Vault, hash_key: bytes) -> None:
        self.session, self.merchant, self.vault, self.hash_key = session, merchant, vault, hash_key

    def run(self, sql: str, **values: Any) -> CursorResult[Any]:
        """One statement; `:merchant` is always bound."""
        return self.session.execute(text(sql), {"merchant": self.merchant, **values})

    def now(self) -> datetime:
        moment: datetime = self.run("SELECT clock_timestamp()").scalar_one()
        return moment

    def savepoint(self) -> AbstractContextManager[object]:
        """A part that may fail alone."""
        return self.session.begin_nested()

    def seal(self, field: str, clear: bytes) -> bytes:
        return self.vault.seal(self.merchant, field, clear)

    def unseal(self, field: str, sealed: bytes) -> bytes:
        return self.vault.open(self.merchant, field, sealed)

    @cached_property
    def deliveries(self) -> Deliveries:
        return Deliveries(self)

    @cached_property
    def tasks(self) -> Tasks:
        return Tasks(self)

    @cached_property
    def connections(self) -> Connections:
        return Connections(self)

    @cached_property
    def truths(self) -> Truths:
        return Truths(self)

    @cached_property
    def people(self) -> People:
        return People(self)

    @cached_property
    def programs(self) -> Programs:
        return Programs(self)

    @cached_property
    def roster(self) -> Roster:
        return Roster(self)

    @cached_property
    def referrals(self) -> Referrals:
        return Referrals(self)

    @cached_property
    def marks(self) -> Marks:
        return Marks(self)

    @cached_property
    def limits(self) -> Limits:
        return Limits(self)

    @cached_property
    def rewards(self) -> Rewards:
        return Rewards(self)

    @cached_property
    def attempts(self) -> Attempts:
        return Attempts(self)

    @cached_property
    def holdings(self) -> Holdings:
        return Holdings(self)

    @cached_property
    def offers(self) -> Offers:
        return Offers(self)

    @cached_property
    def backfills(self) -> Backfills:
        return Backfills(self)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self)

    @cached_property
    def past(self) -> Past:
        return Past(self)

    @cached_property
    def receipts(self) -> Receipts:
        return Receipts(self)

    @cached_property
    def asks(self) -> Asks:
        return Asks(self)

    @cached_property
    def news(self) -> Book:
        return Book(self)

    @cached_property
    def leftovers(self) -> Leftovers:
        return Leftovers(self)

    @cached_property
    def hooks(self) -> Hooks:
        return Hooks(self)

    @cached_property
    def requests(self) -> Requests:
        return Requests(self)


class Database:
    """The Store of `connector.ports.store` on PostgreSQL."""

    def __init__(self, engine: Engine, vault: Vault, hash_key: bytes) -> None:
        self.engine, self.vault, self.hash_key = engine, vault, hash_key

    @contextmanager
    def begin(self, merchant: UUID) -> Iterator[Tx]:
        with self._of(merchant, "") as tx:
            yield tx

    @contextmanager
    def begin_for(self, platform: str, external: str) -> Iterator[tuple[Tx, Owner | None]]:
        """A transaction of whoever an account belongs to: looked up and entered by one question to the database."""
        with self._guarded() as session:
            row = session.execute(
                text(
                    """SELECT merchant_id, target_id, set_config('app.merchant', coalesce(merchant_id, :nobody)::text, true)
                       FROM (SELECT) AS once LEFT JOIN directory ON kind = :kind AND name = :name"""
                ),
                {"kind": _ACCOUNT + platform, "name": external, "nobody": NOBODY},
            ).one()
            owner = Owner(row.merchant_id, row.target_id) if row.merchant_id else None
            yield Tx(session, owner.merchant if owner else NOBODY, self.vault, self.hash_key), owner

    @contextmanager
    def snapshot(self, merchant: UUID) -> Iterator[Tx]:
        """A transaction that sees one moment throughout, and in which the database itself refuses every change."""
        with self._of(merchant, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY") as tx:
            yield tx

    @contextmanager
    def _of(self, merchant: UUID, manner: str) -> Iterator[Tx]:
        with self._guarded() as session:
            if manner:
                session.execute(text(manner))
            session.execute(text("SELECT set_config('app.merchant', :m, true)"), {"m": str(merchant)})
            yield Tx(session, merchant, self.vault, self.hash_key)

    @contextmanager
    def _guarded(self) -> Iterator[Session]:
        """A transaction in which what the database refuses is a broken invariant of ours."""
        try:
            with self.engine.begin() as session:
                yield session
        except (IntegrityError, DataError, InternalError) as error:
            raise InvariantBroken(str(error.orig)) from error

    @contextmanager
    def switchboard(self) -> Iterator[Session]:
        """A transaction over all merchants that may see lanes and what is due, and nothing else."""
        with self.engine.begin() as session:
            session.execute(text("SELECT set_config('app.merchant', '*', true)"))
            yield session

    def lookup(self, kind: str, name: str) -> Owner | None:
        """Whom a name in the directory belongs to."""
        with self.engine.connect() as session:
            row = session.execute(
                text("SELECT merchant_id, target_id FROM directory WHERE kind = :kind AND name = :name"),
                {"kind": kind, "name": name},
            ).first()
        return Owner(row.merchant_id, row.target_id) if row else None

    def account(self, platform: str, external: str) -> Owner | None:
        return self.lookup(_ACCOUNT + platform, external)

    def check_role(self) -> None:
        """Raises ConfigError when the role could read past row-level security."""
        with self.engine.connect() as session:
            row = session.execute(
                text("SELECT rolname, rolsuper OR rolbypassrls AS free FROM pg_roles WHERE rolname = current_user")
            ).one()
        if row.free:
            problem = (
                f"DATABASE_URL: role {row.rolname!r} is a superuser or bypasses row-level security, so one merchant could"
                " see another's rows; create a plain role that owns the database and use that"
            )
            raise ConfigError([problem])
