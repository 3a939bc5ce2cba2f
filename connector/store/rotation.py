"""Rotation of keys: what was sealed with an older key is sealed with the newest, while traffic goes on.

Each batch is a transaction of its own that holds the rows it read until it has written them, so nothing newer is ever
overwritten. Rows that somebody else holds are passed by and found again, so it never waits for anybody. Where it stopped
is seen from the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from connector.errors import InvariantBroken
from connector.store.database import Database, Tx
from connector.store.merchants import every

BATCH = 200
_FIRST = UUID(int=0)


@dataclass(frozen=True)
class Column:
    """Where sealed texts stand. field: what they are bound to (see `vault`)."""

    table: str
    name: str
    field: str

    @property
    def old(self) -> str:
        """The condition that a row holds a text which an older key sealed; a forgotten one is empty."""
        return (
            f"merchant_id = :merchant AND {self.name} <> ''::bytea"
            f" AND substring({self.name} FROM 1 FOR length(CAST(:newest AS bytea))) <> :newest"
        )


#: Every sealed column of the schema.
COLUMNS = (
    Column("connection", "access_sealed", "connection.access"),
    Column("connection", "refresh_sealed", "connection.refresh"),
    Column("app_user", "email_sealed", "app_user.email"),
    Column("person", "email_sealed", "person.email"),
    Column("leftover", "email_sealed", "person.email"),
    Column("delivery", "body_sealed", "delivery.body"),
)


def left(database: Database) -> int:
    """How many texts are sealed with an older key, of all merchants."""
    count = 0
    for merchant in every(database):
        with database.begin(merchant) as tx:
            for column in COLUMNS:
                sql = f"SELECT count(*) FROM {column.table} WHERE {column.old}"  # noqa: S608 - names of our own
                count += tx.run(sql, newest=database.vault.newest).scalar_one()
    return count


def rotate(database: Database) -> Iterator[int]:
    """Seal with the newest key whatever an older one sealed; tells after each batch how many texts that were.

    What no key opens stays as it is, and so does what somebody else holds at that moment: `left` counts them.
    """
    for merchant in every(database):
        for column in COLUMNS:
            last: UUID | None = _FIRST
            while last is not None:
                with database.begin(merchant) as tx:
                    last, done = _batch(tx, column, last)
                yield done


def _batch(tx: Tx, column: Column, after: UUID) -> tuple[UUID | None, int]:
    """Seal the next rows anew; returns the last one looked at, None where there was none, and how many it were."""
    rows = tx.run(
        f"""SELECT id, {column.name} AS sealed FROM {column.table} WHERE {column.old} AND id > :after
            ORDER BY id LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED""",  # noqa: S608 - names of our own
        newest=tx.vault.newest,
        after=after,
        batch=BATCH,
    ).all()
    fresh = {row.id: text for row in rows if (text := _fresh(tx, column.field, row.sealed))}
    if fresh:
        tx.run(
            f"""UPDATE {column.table} SET {column.name} = new.sealed
                FROM unnest(CAST(:ids AS uuid[]), CAST(:texts AS bytea[])) AS new (id, sealed)
                WHERE merchant_id = :merchant AND {column.table}.id = new.id""",  # noqa: S608 - names of our own
            ids=list(fresh),
            texts=list(fresh.values()),
        )
    return (rows[-1].id if rows else None), len(fresh)


def _fresh(tx: Tx, field: str, sealed: bytes) -> bytes | None:
    """The text under the newest key; None where no key of ours opens it in this place."""
    try:
        return tx.seal(field, tx.unseal(field, sealed))
    except InvariantBroken:
        return None
