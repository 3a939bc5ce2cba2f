"""Leftovers: whom platforms are still to forget, and by which name they know them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from connector.ports.forgetting import Leftover
from connector.store.base import Repository, new_id
from connector.store.people import EMAIL_FIELD


class Leftovers(Repository):
    def leave(self, person: UUID, connections: Collection[UUID], emails: Collection[str]) -> None:
        """Before they are forgotten here: by what each of these connections knows them, and these addresses."""
        theirs = self.run(
            """SELECT connection_id, external FROM identifier JOIN person ON person.id = identifier.person_id
               WHERE identifier.merchant_id = :merchant AND connection_id = ANY(CAST(:connections AS uuid[]))
                 AND external IS NOT NULL AND person.canonical_id =
                   (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id)""",
            id=person,
            connections=list(connections),
        ).all()
        for row in theirs:
            self._add(row.connection_id, row.external, None)
        for connection in connections:
            for email in sorted(emails):
                self._add(connection, "", self.tx.seal(EMAIL_FIELD, email.encode()))

    def _add(self, connection: UUID, external: str, sealed: bytes | None) -> None:
        self.run(
            """INSERT INTO leftover (id, merchant_id, connection_id, external, email_sealed)
               VALUES (:id, :merchant, :connection, :external, :sealed)""",
            id=new_id(),
            connection=connection,
            external=external,
            sealed=sealed,
        )

    def waiting(self, connection: UUID, limit: int) -> Sequence[Leftover]:
        rows = self.run(
            """SELECT id, external, email_sealed FROM leftover
               WHERE merchant_id = :merchant AND connection_id = :connection ORDER BY id LIMIT :limit""",
            connection=connection,
            limit=limit,
        ).all()
        return [
            Leftover(
                row.id,
                row.external,
                self.tx.unseal(EMAIL_FIELD, row.email_sealed).decode() if row.email_sealed else "",
            )
            for row in rows
        ]

    def done(self, ids: Collection[UUID]) -> None:
        self.run("DELETE FROM leftover WHERE merchant_id = :merchant AND id = ANY(CAST(:ids AS uuid[]))", ids=list(ids))
