"""How far the reading of a connection's history has come, and the orders in it that are nobody's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from connector.ports.history import Backfill, Chapter
from connector.ports.inbound import Sighting
from connector.ports.platform import Truth
from connector.store import codec
from connector.store.base import Repository, as_json


class Backfills(Repository):
    def start(self, connection: UUID, since: datetime) -> bool:
        """Begin a reading; False where one is under way already."""
        return bool(
            self.run(
                """INSERT INTO backfill (connection_id, merchant_id, since) VALUES (:connection, :merchant, :since)
                   ON CONFLICT (connection_id) DO UPDATE SET since = excluded.since, place = '', seen = 0, total = NULL,
                       signed = 0, failures = 0, started_at = clock_timestamp(), ended_at = NULL, reason = ''
                   WHERE backfill.ended_at IS NOT NULL""",
                connection=connection,
                since=since,
            ).rowcount
        )

    def get(self, connection: UUID) -> Backfill | None:
        row = self.run(
            """SELECT since, place, seen, total, signed, failures, ended_at, reason, started_at FROM backfill
               WHERE merchant_id = :merchant AND connection_id = :connection""",
            connection=connection,
        ).first()
        return Backfill(**row._mapping) if row else None  # noqa: SLF001  (SQLAlchemy's documented row mapping)

    def turn(self, connection: UUID, was: Backfill, chapter: Chapter, signed: int) -> bool:
        """Move on to the next part; False where another worker has turned this page already."""
        return bool(
            self.run(
                """UPDATE backfill SET place = :place, seen = :seen, total = :total, signed = signed + :signed,
                       ended_at = CASE WHEN :done THEN clock_timestamp() END
                   WHERE merchant_id = :merchant AND connection_id = :connection AND place = :was AND since = :since
                     AND ended_at IS NULL""",
                connection=connection,
                place=chapter.place,
                seen=chapter.seen,
                total=chapter.total,
                signed=signed,
                done=chapter.done,
                was=was.place,
                since=was.since,
            ).rowcount
        )

    def begin_again(self, connection: UUID) -> None:
        self.run(
            """UPDATE backfill SET place = '', seen = 0, total = NULL, signed = 0, failures = failures + 1
               WHERE merchant_id = :merchant AND connection_id = :connection""",
            connection=connection,
        )

    def end(self, connection: UUID, reason: str) -> None:
        """It cannot go on, and `reason` says why."""
        self.run(
            """UPDATE backfill SET ended_at = clock_timestamp(), reason = :reason
               WHERE merchant_id = :merchant AND connection_id = :connection AND ended_at IS NULL""",
            connection=connection,
            reason=reason,
        )

    def organic(self, connection: UUID, sightings: Sequence[Sighting]) -> None:
        """Remember objects without a sign of a referral, so that they are not looked at again; what is known stands."""
        seen = [Truth(sighting.ref, found=True, as_of=sighting.as_of) for sighting in sightings]
        self.run(
            """INSERT INTO truth (merchant_id, connection_id, object_kind, external_id, as_of, data)
               SELECT :merchant, :connection, kind, external, as_of, CAST(data AS jsonb)
               FROM unnest(CAST(:kinds AS text[]), CAST(:externals AS text[]), CAST(:times AS timestamptz[]),
                           CAST(:datas AS text[])) AS new (kind, external, as_of, data)
               ORDER BY kind, external ON CONFLICT DO NOTHING""",
            connection=connection,
            kinds=[truth.ref.kind for truth in seen],
            externals=[truth.ref.id for truth in seen],
            times=[truth.as_of for truth in seen],
            datas=[as_json(codec.plain_truth(truth)) for truth in seen],
        )
