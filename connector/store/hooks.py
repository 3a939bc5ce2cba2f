"""Deliveries to receivers of the merchant's own: which are due, and how each stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from connector.ports.hooks import KINDS, Ended, Logged, Outgoing
from connector.store.base import Repository
from connector.store.news import BESIDE, SAYS, waiting

#: Of a receiver: it is called, and a piece of news is of a kind that it wants. Erased people are told of no more.
_WANTED = f"""JOIN person ON person.id = news.person_id AND erased_at IS NULL
    JOIN connection receiver ON receiver.merchant_id = :merchant AND platform = :platform AND receiver.state = 'active'
      AND (coalesce(choices ->> '{KINDS}', '') = ''
           OR news.kind = ANY (regexp_split_to_array(btrim(choices ->> '{KINDS}'), '\\s*,\\s*')))"""
_AGAIN = "state = 'waiting', tries = 0, due_at = now(), done_at = NULL"


class Hooks(Repository):
    def queue(self, platform: str, limit: int) -> tuple[int, Sequence[UUID]]:
        """Make deliveries of news that was not looked at for receivers yet; what was made before one came is not for it."""
        row = self.run(
            f"""WITH news AS (
                    UPDATE news SET hooked = true WHERE id IN (
                        SELECT id FROM news WHERE merchant_id = :merchant AND NOT hooked ORDER BY at, id LIMIT :limit)
                    RETURNING id, kind, person_id, created_at),
                made AS (
                    INSERT INTO hook_delivery (id, merchant_id, connection_id, news_id)
                    SELECT gen_random_uuid(), :merchant, receiver.id, news.id
                    FROM news {_WANTED} AND receiver.installed_at <= news.created_at
                    ON CONFLICT (connection_id, news_id) DO NOTHING RETURNING connection_id)
                SELECT (SELECT count(*) FROM news) AS looked, array(SELECT DISTINCT connection_id FROM made) AS got""",  # noqa: S608 - texts of our own
            platform=platform,
            limit=limit,
        ).one()
        return row.looked, row.got

    def take(self, connection: UUID, limit: int) -> Sequence[Outgoing]:
        """What is due, in order; what is about somebody who was forgotten meanwhile is given up."""
        self.run(
            """UPDATE hook_delivery SET state = 'failed', outcome = 'they were forgotten', done_at = clock_timestamp()
               FROM news JOIN person ON person.id = news.person_id AND erased_at IS NOT NULL
               WHERE hook_delivery.merchant_id = :merchant AND hook_delivery.connection_id = :connection
                 AND hook_delivery.state = 'waiting' AND news.id = news_id""",
            connection=connection,
        )
        rows = self.run(
            f"""SELECT hook_delivery.id AS delivery, hook_delivery.tries, person.canonical_id, news.*, {SAYS}
                FROM hook_delivery JOIN news ON news.id = news_id JOIN person ON person.id = news.person_id
                  {BESIDE}
                WHERE hook_delivery.merchant_id = :merchant AND hook_delivery.connection_id = :connection
                  AND hook_delivery.state = 'waiting' AND hook_delivery.due_at <= clock_timestamp()
                ORDER BY hook_delivery.due_at, news.at, news.id LIMIT :limit""",  # noqa: S608 - texts of our own
            connection=connection,
            limit=limit,
        )
        return [
            Outgoing(row.delivery, row.tries, replace(waiting(row, "", again=row.tries > 0), person=row.canonical_id))
            for row in rows
        ]

    def next_at(self, connection: UUID) -> datetime | None:
        """When the first of what waits is due."""
        found: datetime | None = self.run(
            """SELECT min(due_at) FROM hook_delivery
               WHERE merchant_id = :merchant AND connection_id = :connection AND state = 'waiting'""",
            connection=connection,
        ).scalar_one()
        return found

    def settle(self, ended: Ended) -> None:
        """How a try ended, unless the delivery came to an end meanwhile."""
        self.run(
            """UPDATE hook_delivery SET tries = tries + 1, status = :status, outcome = :why, state = :state,
                   due_at = clock_timestamp() + :again,
                   done_at = CASE WHEN :state = 'waiting' THEN NULL ELSE clock_timestamp() END
               WHERE merchant_id = :merchant AND id = :id AND state = 'waiting'""",
            id=ended.id,
            status=ended.status,
            why=ended.why[:500],
            state="waiting" if ended.again is not None else "failed" if ended.why else "done",
            again=ended.again or timedelta(0),
        )

    def end(self, connection: UUID, reason: str) -> None:
        """The receiver was taken away: what waits for it is not sent."""
        self.run(
            """UPDATE hook_delivery SET state = 'failed', outcome = :reason, done_at = clock_timestamp()
               WHERE merchant_id = :merchant AND connection_id = :connection AND state = 'waiting'""",
            connection=connection,
            reason=reason,
        )

    # ── For people ──────────────────────────────────────────────────────────────────────────────────────────────

    def log(self, url: str, limit: int, *, failed: bool) -> Sequence[Logged]:
        """The newest deliveries first; url: "" for all receivers. failed: only those that were given up."""
        rows = self.run(
            """SELECT hook_delivery.*, external_account AS url, news.kind
               FROM hook_delivery JOIN connection ON connection.id = hook_delivery.connection_id
                 JOIN news ON news.id = news_id
               WHERE hook_delivery.merchant_id = :merchant AND :url IN ('', external_account)
                 AND (NOT :failed OR hook_delivery.state = 'failed')
               ORDER BY hook_delivery.created_at DESC, news.at DESC, news.id DESC LIMIT :limit""",
            url=url,
            failed=failed,
            limit=limit,
        )
        return [
            Logged(
                id=row.id,
                url=row.url,
                kind=row.kind,
                at=row.created_at,
                state=row.state,
                tries=row.tries,
                due_at=row.due_at if row.state == "waiting" else None,
                status=row.status,
                why=row.outcome,
            )
            for row in rows
        ]

    def again(self, ids: Collection[UUID]) -> Sequence[UUID]:
        """Have these sent again, as if for the first time; returns their receivers, each as often as it has some."""
        return self._again("hook_delivery.id = ANY(CAST(:ids AS uuid[]))", ids=list(ids))

    def failed_again(self, url: str) -> Sequence[UUID]:
        """The same for everything that was given up; url: "" for all receivers."""
        return self._again("hook_delivery.state = 'failed' AND :url IN ('', external_account)", url=url)

    def _again(self, which: str, **values: object) -> Sequence[UUID]:
        rows = self.run(
            f"""UPDATE hook_delivery SET {_AGAIN} FROM connection receiver
                WHERE hook_delivery.merchant_id = :merchant AND receiver.id = hook_delivery.connection_id
                  AND receiver.state <> 'removed' AND {which} RETURNING receiver.id""",  # noqa: S608 - one of the two above
            **values,
        )
        return list(rows.scalars())

    def since(self, platform: str, at: datetime, url: str) -> Sequence[UUID]:
        """The same for all news that was made since then, also what a receiver was never sent."""
        rows = self.run(
            f"""INSERT INTO hook_delivery (id, merchant_id, connection_id, news_id)
                SELECT gen_random_uuid(), :merchant, receiver.id, news.id
                FROM news {_WANTED} AND :url IN ('', external_account)
                WHERE news.merchant_id = :merchant AND news.created_at >= :at
                ON CONFLICT (connection_id, news_id) DO UPDATE SET {_AGAIN} RETURNING connection_id""",  # noqa: S608 - texts of our own
            platform=platform,
            at=at,
            url=url,
        )
        return list(rows.scalars())
