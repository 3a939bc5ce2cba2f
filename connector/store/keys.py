"""Keys of the API: made once and shown once; only their SHA-256 is kept, so a look-up by it takes the same time for all."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector.errors import ConfigError, NotFound
from connector.store.base import new_id
from connector.store.database import Database

_KIND = "api_key"
#: Tells people and scanners of leaked secrets what it is.
_PREFIX = "rc_"


@dataclass(frozen=True)
class ApiKey:
    """A key as the merchant sees it. used_at: within the last hour of its use."""

    name: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def add(database: Database, merchant: UUID, name: str) -> str:
    """A new key under a name of the merchant's choice. Raises ConfigError where one of that name is in use."""
    key, row = _PREFIX + secrets.token_urlsafe(32), new_id()
    if not name.strip():
        raise ConfigError(["name the key after who uses it, such as `crm` or `help-desk`"])
    with database.begin(merchant) as tx:
        made = tx.run(
            """INSERT INTO api_key (id, merchant_id, name, digest) VALUES (:id, :merchant, :name, :digest)
               ON CONFLICT (merchant_id, name) WHERE revoked_at IS NULL DO NOTHING""",
            id=row,
            name=name.strip(),
            digest=_digest(key),
        ).rowcount
        if not made:
            raise ConfigError([f"there is a key {name.strip()!r} already; revoke it first, or choose another name"])
        tx.run(
            "INSERT INTO directory (kind, name, merchant_id, target_id) VALUES (:kind, :name, :merchant, :id)",
            kind=_KIND,
            name=_digest(key).hex(),
            id=row,
        )
    return key


def every(database: Database, merchant: UUID) -> list[ApiKey]:
    """All keys there ever were, oldest first."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            "SELECT name, created_at, used_at, revoked_at FROM api_key WHERE merchant_id = :merchant ORDER BY id"
        )
        return [ApiKey(row.name, row.created_at, row.used_at, row.revoked_at) for row in rows]


def revoke(database: Database, merchant: UUID, name: str) -> None:
    """From now on the key opens nothing. Raises NotFound."""
    with database.begin(merchant) as tx:
        digest = tx.run(
            """UPDATE api_key SET revoked_at = clock_timestamp()
               WHERE merchant_id = :merchant AND name = :name AND revoked_at IS NULL RETURNING digest""",
            name=name,
        ).scalar_one_or_none()
        if digest is None:
            raise NotFound(f"there is no key {name!r} in use; `connector api-key list` shows them")
        tx.run(
            "DELETE FROM directory WHERE kind = :kind AND name = :name AND merchant_id = :merchant",
            kind=_KIND,
            name=bytes(digest).hex(),
        )


def owner(database: Database, key: str) -> UUID | None:
    """The merchant whose key this is; None for any other text."""
    found = database.lookup(_KIND, _digest(key).hex())
    if found is None:
        return None
    with database.begin(found.merchant) as tx:
        tx.run(
            """UPDATE api_key SET used_at = clock_timestamp() WHERE merchant_id = :merchant AND id = :id
               AND (used_at IS NULL OR used_at < clock_timestamp() - interval '1 hour')""",
            id=found.target,
        )
    return found.merchant


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
