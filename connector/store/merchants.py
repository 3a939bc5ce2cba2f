"""Merchants, their users with roles, and the one-time codes by which a second platform joins."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from connector.domain.person import EMAIL, fingerprint
from connector.errors import ConfigError
from connector.ports.rows import merchant_lane
from connector.store.base import new_id
from connector.store.database import NOBODY, Database

ROLES = ("owner", "marketer", "sales", "front_desk", "auditor")


def slug(name: str) -> str:
    """The merchant's name in links."""
    return "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())


def named(database: Database, name: str | None) -> dict[UUID, str]:
    """Merchants by id; with a name, only the one of that name."""
    with database.engine.connect() as session:
        rows = session.execute(
            text("SELECT id, name FROM merchant WHERE id <> :nobody AND (CAST(:name AS text) IS NULL OR name = :name)"),
            {"nobody": NOBODY, "name": name},
        ).all()
    return {row.id: row.name for row in rows}


def ensure(database: Database, name: str) -> UUID:
    """The merchant of this name, made if new, with its lane and its place in links."""
    merchant, place = new_id(), slug(name)
    if not place:
        raise ConfigError([f"{name!r}: a business needs at least one letter or digit in its name"])
    with database.engine.begin() as session:
        taken = session.execute(
            text(
                """SELECT merchant.id, merchant.name FROM directory JOIN merchant ON merchant.id = merchant_id
                   WHERE kind = 'merchant' AND directory.name = :slug"""
            ),
            {"slug": place},
        ).first()
        if taken is not None and taken.name != name:
            raise ConfigError(
                [f"{name!r} would share its links with {taken.name!r}; choose a name that differs in a letter"]
            )
        if taken is not None:
            found: UUID = taken.id
            return found
        session.execute(text("INSERT INTO merchant (id, name) VALUES (:id, :name)"), {"id": merchant, "name": name})
        session.execute(
            text("INSERT INTO directory (kind, name, merchant_id, target_id) VALUES ('merchant', :slug, :id, :id)"),
            {"slug": place, "id": merchant},
        )
        session.execute(
            text("INSERT INTO lane (id, merchant_id, platform) VALUES (:lane, :id, '')"),
            {"lane": merchant_lane(merchant), "id": merchant},
        )
    return merchant


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
