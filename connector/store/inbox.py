"""What came in and what is to be done about it: deliveries and tasks."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from connector.ports.inbound import Item
from connector.ports.rows import Delivery, Outcome, Task
from connector.store.base import Repository, new_id

_BODY = "delivery.body"
#: What stands in the place of bytes that had to be forgotten.
_EMPTY = "''::bytea"
#: Shorter texts stand in too many bodies to prove anything.
_NEEDLE = 4
NOBODY = UUID(int=0)


class Deliveries(Repository):
    def add(self, connection: UUID | None, platform: str, items: Sequence[Item], *, quarantined: str = "") -> int:
        """Keep the raw bytes, compressed and sealed, once per key; returns how many were new."""
        # Unknown topics are kept apart, so that a topic switched on too early is found and not processed.
        rows = [
            {
                "id": new_id(),
                "account": item.account,
                "topic": item.topic,
                "key": item.key,
                "body": self.tx.seal(_BODY, zlib.compress(item.body, 1)),
                "state": "received" if item.known and not quarantined else "quarantined",
                "reason": quarantined or ("" if item.known else "this topic is not read"),
                "at": item.triggered_at,
            }
            for item in items
        ]
        columns = {f"{name}s": [row[name] for row in rows] for name in rows[0]}
        return self.run(
            """INSERT INTO delivery (id, merchant_id, connection_id, platform, account, topic, key, body_sealed, state,
                                     reason, triggered_at)
               SELECT id, :merchant, :connection, :platform, account, topic, key, body, state, reason, at
               FROM unnest(CAST(:ids AS uuid[]), CAST(:accounts AS text[]), CAST(:topics AS text[]),
                           CAST(:keys AS text[]), CAST(:bodys AS bytea[]), CAST(:states AS text[]),
                           CAST(:reasons AS text[]), CAST(:ats AS timestamptz[]))
                    AS new (id, account, topic, key, body, state, reason, at)
               ON CONFLICT (platform, account, topic, key) DO NOTHING""",
            connection=connection,
            platform=platform,
            **columns,
        ).rowcount

    def waiting(self, limit: int) -> Sequence[Delivery]:
        rows = self.run(
            """SELECT id, connection_id, platform, topic, body_sealed, coalesce(triggered_at, received_at) AS at
               FROM delivery
               WHERE merchant_id = :merchant AND state = 'received' ORDER BY id LIMIT :limit""",
            limit=limit,
        )
        return [Delivery(r.id, r.connection_id, r.platform, r.topic, self._open(r.body_sealed), r.at) for r in rows]

    def _open(self, sealed: bytes) -> bytes:
        return zlib.decompress(self.tx.unseal(_BODY, sealed)) if sealed else b""  # nothing is left of a forgotten one

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Write what became of each and whom it names; one that names somebody who was forgotten since is emptied."""
        self.run(
            f"""UPDATE delivery SET outcome = new.word, reason = new.reason,
                   state = CASE WHEN new.parked THEN 'parked' ELSE 'done' END,
                   people = CASE WHEN new.gone OR forgotten_at IS NOT NULL THEN '{{}}' ELSE new.people END,
                   body_sealed = CASE WHEN new.gone THEN {_EMPTY} ELSE body_sealed END,
                   forgotten_at = CASE WHEN new.gone THEN clock_timestamp() ELSE forgotten_at END
               FROM (SELECT word.*, coalesce(named.people, '{{}}') AS people, EXISTS (
                       SELECT FROM erasure JOIN delivery about ON about.id = word.id
                       WHERE erasure.merchant_id = :merchant AND erasure.digest = ANY(named.people)
                         AND erasure.until >= coalesce(about.triggered_at, about.received_at)) AS gone
                     FROM unnest(CAST(:ids AS uuid[]), CAST(:words AS text[]), CAST(:reasons AS text[]),
                                 CAST(:parked AS boolean[])) AS word (id, word, reason, parked)
                     LEFT JOIN (SELECT id, array_agg(DISTINCT digest) AS people
                                FROM unnest(CAST(:owners AS uuid[]), CAST(:names AS bytea[])) AS each (id, digest)
                                GROUP BY id) named ON named.id = word.id) new
               WHERE delivery.merchant_id = :merchant AND delivery.id = new.id""",  # noqa: S608  (a constant)
            ids=[o.delivery for o in outcomes],
            words=[o.word for o in outcomes],
            reasons=[o.reason for o in outcomes],
            parked=[o.parked for o in outcomes],
            owners=[o.delivery for o in outcomes for _ in o.names],
            names=[name for o in outcomes for name in o.names],
        )

    def again(self, *, parked_only: bool) -> int:
        """Have deliveries read again; returns how many. What belongs to nobody stays apart; what was emptied is over."""
        return self.run(
            """UPDATE delivery SET state = 'received', outcome = '', reason = ''
               WHERE merchant_id = :merchant AND state = ANY(:states) AND forgotten_at IS NULL""",
            states=["parked"] if parked_only else ["parked", "done"],
        ).rowcount

    # ── Forgetting ──────────────────────────────────────────────────────────────────────────────────────────────

    def forget(self, names: Collection[bytes], until: datetime, objects: Collection[bytes]) -> None:
        """Empty every delivery that names one of these, and, once they are read, those that are still to come.

        names: keyed hashes of a person; what is said of them after `until` is about somebody new. objects: of theirs,
        for ever.
        """
        self.run(
            """INSERT INTO erasure (merchant_id, digest, until)
               SELECT :merchant, digest, until FROM (
                   SELECT unnest(CAST(:names AS bytea[])) AS digest, CAST(:until AS timestamptz) AS until
                   UNION SELECT unnest(CAST(:objects AS bytea[])), 'infinity') AS new
               ON CONFLICT (merchant_id, digest) DO UPDATE SET until = greatest(erasure.until, excluded.until)""",
            names=sorted(set(names)),
            until=until,
            objects=sorted(set(objects) - set(names)),
        )
        self._empty("people && CAST(:digests AS bytea[])", digests=sorted({*names, *objects}))

    def forget_unread(self, needles: Collection[str]) -> None:
        """Empty what nobody could read, and what was read before names were kept, where it holds one of these texts."""
        wanted = [needle.encode().lower() for needle in needles if len(needle) >= _NEEDLE]
        last = NOBODY
        while wanted:
            rows = self.run(
                """SELECT id, body_sealed FROM delivery WHERE merchant_id = :merchant AND id > :last
                     AND people = '{}' AND forgotten_at IS NULL AND state <> 'received' ORDER BY id LIMIT 200""",
                last=last,
            ).all()
            if not rows:
                return
            last = rows[-1].id
            found = [r.id for r in rows if _holds(self._open(r.body_sealed), wanted)]
            if found:
                self._empty("id = ANY(:ids)", ids=found)

    def forget_account(self, connection: UUID) -> None:
        """Empty everything that came from this connection, read or not."""
        self._empty("connection_id = :connection", connection=connection)

    def _empty(self, which: str, **values: object) -> None:
        self.run(
            f"""UPDATE delivery SET body_sealed = {_EMPTY}, people = '{{}}', forgotten_at = clock_timestamp(),
                   state = CASE state WHEN 'received' THEN 'done' ELSE state END
               WHERE merchant_id = :merchant AND forgotten_at IS NULL AND {which}""",  # noqa: S608  (one of ours, above)
            **values,
        )


def _holds(body: bytes, needles: Sequence[bytes]) -> bool:
    """Whether the text stands there, and not as a part of a longer number or name."""
    text = body.lower()
    return any(re.search(rb"(?<![0-9a-z])" + re.escape(needle) + rb"(?![0-9a-z])", text) for needle in needles)


class Tasks(Repository):
    def mark(self, lane: str, what: str, subjects: Collection[str], *, after: timedelta = timedelta(0)) -> None:
        """Make work due; marking again raises its version, unparks it and never moves it later."""
        self.run(
            """INSERT INTO task (merchant_id, lane, what, subject, due_at)
               SELECT :merchant, :lane, :what, subject, clock_timestamp() + :after
               FROM unnest(CAST(:subjects AS text[])) AS new (subject)
               ON CONFLICT (lane, what, subject) DO UPDATE SET version = task.version + 1, state = 'open', tries = 0,
                   due_at = CASE task.state WHEN 'open' THEN least(task.due_at, excluded.due_at)
                                            ELSE excluded.due_at END""",
            lane=lane,
            what=what,
            subjects=sorted(set(subjects)),  # one order for everybody, so that two markers cannot deadlock
            after=after,
        )

    def mark_at(self, lane: str, what: str, subject: str, at: datetime) -> None:
        self.mark(lane, what, [subject], after=at - self.tx.now())

    def due(self, lane: str, what: str, limit: int) -> Sequence[Task]:
        return self._open(lane, what, limit, "due_at <= clock_timestamp()")

    def waiting(self, lane: str, what: str, limit: int) -> Sequence[Task]:
        """Open work whether due or not, most pressing first: to fill a batch that leaves anyway."""
        return self._open(lane, what, limit, "true")

    def _open(self, lane: str, what: str, limit: int, when: str) -> Sequence[Task]:
        rows = self.run(
            f"""SELECT lane, what, subject, version, tries FROM task
                WHERE merchant_id = :merchant AND lane = :lane AND what = :what AND state = 'open' AND {when}
                ORDER BY due_at LIMIT :limit""",  # noqa: S608  (one of the two conditions above)
            lane=lane,
            what=what,
            limit=limit,
        )
        return [Task(r.lane, r.what, r.subject, r.version, r.tries) for r in rows]

    def close(self, tasks: Iterable[Task]) -> None:
        """Close exactly the versions that were read: what was marked since stays due."""
        done = list(tasks)
        if done:
            self.run(
                """DELETE FROM task USING unnest(CAST(:lanes AS text[]), CAST(:whats AS text[]), CAST(:subjects AS text[]),
                                                 CAST(:versions AS bigint[])) AS read (lane, what, subject, version)
                   WHERE task.merchant_id = :merchant AND task.lane = read.lane AND task.what = read.what
                     AND task.subject = read.subject AND task.version = read.version""",
                lanes=[t.lane for t in done],
                whats=[t.what for t in done],
                subjects=[t.subject for t in done],
                versions=[t.version for t in done],
            )

    def later(self, task: Task, after: timedelta, reason: str) -> None:
        """Try again after a while, unless it was marked anew meanwhile."""
        self._move(task, "due_at = clock_timestamp() + :after, tries = tries + 1", reason, after=after)

    def park(self, task: Task, reason: str) -> None:
        """Leave it to a person, unless it was marked anew meanwhile."""
        self._move(task, "state = 'parked'", reason)

    def drop(self, lane: str) -> None:
        """Nothing is left to be done on this lane."""
        self.run("DELETE FROM task WHERE merchant_id = :merchant AND lane = :lane", lane=lane)

    def unpark(self) -> int:
        """Have all parked work tried again; returns how much there was."""
        return self.run(
            """UPDATE task SET state = 'open', tries = 0, version = version + 1, due_at = clock_timestamp()
               WHERE merchant_id = :merchant AND state = 'parked'"""
        ).rowcount

    def _move(self, task: Task, change: str, reason: str, **values: object) -> None:
        self.run(
            f"""UPDATE task SET {change}, reason = :reason
                WHERE merchant_id = :merchant AND lane = :lane AND what = :what AND subject = :subject
                  AND version = :version""",  # noqa: S608  (one of the two changes above)
            lane=task.lane,
            what=task.what,
            subject=task.subject,
            version=task.version,
            reason=reason,
            **values,
        )
