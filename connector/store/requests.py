"""Which actions were asked for already, by the name that the asker gave each."""

from __future__ import annotations

from connector.store.base import Repository


class Requests(Repository):
    def digest(self, key: str) -> bytes | None:
        """What was asked for under this name; None where nothing was."""
        found: bytes | None = self.run(
            "SELECT digest FROM request WHERE merchant_id = :merchant AND key = :key", key=key
        ).scalar_one_or_none()
        return found

    def keep(self, key: str, digest: bytes) -> None:
        """It was done; whoever was first to say so stands."""
        self.run(
            "INSERT INTO request (merchant_id, key, digest) VALUES (:merchant, :key, :digest) ON CONFLICT DO NOTHING",
            key=key,
            digest=digest,
        )
