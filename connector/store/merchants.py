"""Merchants, their users with roles, and the one-time codes by which a second platform joins."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from itertools import count
from uuid import UUID

from sqlalchemy import text

from connector.domain.codes import slug
from connector.domain.person import EMAIL, fingerprint
from connector.errors import ConfigError
from connector.ports.rows import merchant_lane
from connector.store.base import new_id
from connector.store.database import NOBODY, Database

ROLES = ("owner", "marketer", "sales", "front_desk", "auditor")


def named(database: Database, name: str | None) -> dict[UUID, str]:
    """Merchants by id; with a name, only the one of that name."""
    with database.engine.connect() as session:
        rows = session.execute(
            text("SELECT id, name FROM merchant WHERE id <> :nobody AND (CAST(:name AS text) IS NULL OR name = :name)"),
            {"nobody": NOBODY, "name": name},
        ).all()
    return {row.id: row.name for row in rows}


def every(database: Database) -> list[UUID]:
    """All of them, and nobody, to whom deliveries belong that name an account we do not know."""
    with database.engine.connect() as session:
        return list(session.execute(text("SELECT id FROM merchant ORDER BY id")).scalars())


def name_of(database: Database, merchant: UUID) -> str:
    """What the business is called."""
    with database.engine.connect() as session:
        name: str = session.execute(text("SELECT name FROM merchant WHERE id = :id"), {"id": merchant}).scalar_one()
    return name


def ensure(database: Database, name: str) -> UUID:
    """The merchant of this name, made if new, with its lane and its place in links."""
    made = _add(database, name)
    if made is not None:
        return made
    with database.engine.connect() as session:
        taken = session.execute(
            text(
                """SELECT merchant.id, merchant.name FROM directory JOIN merchant ON merchant.id = merchant_id
                   WHERE kind = 'merchant' AND directory.name = :slug"""
            ),
            {"slug": slug(name)},
        ).one()
    if taken.name != name:
        raise ConfigError(
            [f"{name!r} would share its links with {taken.name!r}; choose a name that differs in a letter"]
        )
    found: UUID = taken.id
    return found


def fresh(database: Database, name: str) -> UUID:
    """A new merchant, whatever others are called: a name that is taken gets a number, and nobody joins by a name."""
    numbered = (name if number == 1 else f"{name} {number}" for number in count(1))
    return next(made for each in numbered if (made := _add(database, each)))


def _add(database: Database, name: str) -> UUID | None:
    """A merchant with this name's place in links; None where somebody has that place."""
    merchant, place = new_id(), slug(name)
    if not place:
        raise ConfigError([f"{name!r}: a business needs at least one letter or digit in its name"])
    with database.engine.begin() as session:
        made = session.execute(
            text(
                """WITH place AS (
                       INSERT INTO directory (kind, name, merchant_id, target_id)
                       VALUES ('merchant', :slug, :id, :id) ON CONFLICT DO NOTHING RETURNING target_id),
                   made AS (INSERT INTO merchant (id, name) SELECT target_id, :name FROM place RETURNING id)
                   INSERT INTO lane (id, merchant_id, platform) SELECT :lane, id, '' FROM made"""
            ),
            {"slug": place, "id": merchant, "name": name, "lane": merchant_lane(merchant)},
        ).rowcount
    return merchant if made else None


def add_user(database: Database, merchant: UUID, email: str, role: str) -> UUID:
    """A user of this merchant, or the same one with a new role. Raises ConfigError for an unknown role."""
    if role not in ROLES:
        raise ConfigError([f"{role!r} is no role; choose one of {', '.join(ROLES)}"])
    with database.begin(merchant) as tx:
        user: UUID = tx.run(
            """INSERT INTO app_user (id, merchant_id, email_digest, email_sealed, role)
               VALUES (:id, :merchant, :digest, :sealed, :role)
               ON CONFLICT (merchant_id, email_digest) DO UPDATE SET role = excluded.role RETURNING id""",
            id=new_id(),
            digest=fingerprint(database.hash_key, merchant, EMAIL, email),
            sealed=tx.seal("app_user.email", email.strip().encode()),
            role=role,
        ).scalar_one()
    return user


def join_code(database: Database, merchant: UUID, valid: timedelta) -> str:
    """A code good for one join; only its hash is kept."""
    code, row = secrets.token_urlsafe(12), new_id()
    with database.begin(merchant) as tx:
        tx.run(
            """INSERT INTO join_code (id, merchant_id, expires_at)
               VALUES (:id, :merchant, clock_timestamp() + CAST(:valid AS interval))""",
            id=row,
            valid=valid,
        )
        tx.run(
            "INSERT INTO directory (kind, name, merchant_id, target_id) VALUES ('join', :name, :merchant, :id)",
            name=_hash(code),
            id=row,
        )
    return code


def redeem(database: Database, code: str) -> UUID:
    """The merchant a code joins, once. Raises ConfigError for one that is unknown, used or too old."""
    owner = database.lookup("join", _hash(code))
    if owner is not None:
        with database.begin(owner.merchant) as tx:
            used = tx.run(
                """UPDATE join_code SET used_at = clock_timestamp() WHERE merchant_id = :merchant AND id = :id
                   AND used_at IS NULL AND expires_at > clock_timestamp()""",
                id=owner.target,
            ).rowcount
        if used:
            return owner.merchant
    raise ConfigError(["this join code is unknown, used or too old; make a new one in the first platform's admin"])


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
