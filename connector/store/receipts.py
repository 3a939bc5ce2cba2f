"""What people ask of the memory about one referral or reward: why, when, and by what proof."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from connector.domain.facts import Fact
from connector.domain.money import Money
from connector.ports.receipts import Heard, Pinned, Promise, Returned, Stands
from connector.ports.rows import Referral
from connector.store.base import Repository
from connector.store.facts import fact
from connector.store.rewards import reward_row
from connector.store.truths import ABOUT, about

#: Of a reward, beside the version `v` that it was promised under: it should have been there by now.
LATE = """reward.state NOT IN ('issued', 'void', 'refused')
    AND reward.due_at + make_interval(days => coalesce((v.data ->> 'late_days')::int, 1)) < clock_timestamp()"""

_Row = Mapping[str, Any]


class Receipts(Repository):
    def hear(self, heard: Collection[Heard]) -> None:
        """Remember which deliveries told of these objects, each once, in one statement."""
        self.run(
            """INSERT INTO heard (merchant_id, connection_id, object_kind, external_id, delivery_id, topic, digest, at)
               SELECT :merchant, * FROM unnest(CAST(:connections AS uuid[]), CAST(:kinds AS text[]), CAST(:ids AS text[]),
                   CAST(:deliveries AS uuid[]), CAST(:topics AS text[]), CAST(:digests AS bytea[]),
                   CAST(:ats AS timestamptz[]))
               ON CONFLICT DO NOTHING""",
            connections=[each.connection for each in heard],
            kinds=[each.ref.kind for each in heard],
            ids=[each.ref.id for each in heard],
            deliveries=[each.delivery for each in heard],
            topics=[each.topic for each in heard],
            digests=[each.digest for each in heard],
            ats=[each.at for each in heard],
        )

    def find(self, needle: str) -> Sequence[UUID]:
        """Referrals by their id, a code, or the platform's id or number of a purchase, oldest first."""
        named = "(external_id = :needle OR right(external_id, length(:needle) + 1) = '/' || :needle)"
        return list(
            self.run(
                f"""SELECT id FROM referral WHERE merchant_id = :merchant
                     AND (id::text = :needle OR touch ->> 'code' = :needle OR {named}
                       OR id IN (SELECT referral_id FROM conversion WHERE merchant_id = :merchant AND {named}))
                   ORDER BY captured_at, id""",  # noqa: S608  (a condition of ours)
                needle=needle,
            ).scalars()
        )

    def stands(self, referral: UUID) -> Stands:
        row = self.run(
            "SELECT stage, rule, reason, review, decided_at FROM referral WHERE merchant_id = :merchant AND id = :id",
            id=referral,
        ).one()
        return Stands(row.stage, row.rule, row.reason, row.review, row.decided_at)

    def program(self, referral: Referral) -> Pinned:
        """The version that was promised; only what it may cost in all is the merchant's word of today."""
        row = self.run(
            """SELECT slug, pinned.data, today.data -> 'budget' AS budget FROM program
               JOIN program_version pinned ON pinned.program_id = program.id AND pinned.version = :version
               JOIN program_version today ON today.program_id = program.id AND today.version = program.version
               WHERE program.merchant_id = :merchant AND program.id = :program""",
            program=referral.program,
            version=referral.version,
        ).one()
        data = dict(row.data)
        if data.pop("budget", None) and row.budget:
            data["budget"] = row.budget
        return Pinned(row.slug, referral.version, data)

    def promises(self, referral: UUID) -> Sequence[Promise]:
        """The rewards of a referral, not locked."""
        backs: dict[UUID, list[Returned]] = {}
        for row in self.run(
            """SELECT reversal.* FROM reversal JOIN reward ON reward.id = reversal.reward_id
               WHERE reversal.merchant_id = :merchant AND referral_id = :id ORDER BY reversal.ordinal""",
            id=referral,
        ):
            backs.setdefault(row.reward_id, []).append(_returned(row))
        rows = self.run(
            f"""SELECT reward.*, coalesce({LATE}, false) AS late FROM reward
                JOIN referral ON referral.id = reward.referral_id
                JOIN program_version v ON v.program_id = referral.program_id AND v.version = referral.program_version
                WHERE reward.merchant_id = :merchant AND referral_id = :id ORDER BY ordinal, role, kind""",  # noqa: S608
            id=referral,
        )
        return [
            Promise(reward_row(r), r.reason, r.said, r.due_at, r.issued_at, r.late, tuple(backs.get(r.id, ())))
            for r in rows
        ]

    def cared(self) -> Sequence[tuple[UUID, Fact]]:
        """What may call for care, each with the referral that it is about."""
        rows = self.run(
            """WITH mine AS (SELECT id, connection_id, object_kind AS kind, external_id AS external FROM referral
                     WHERE merchant_id = :merchant
                   UNION SELECT referral_id, connection_id, object_kind, external_id FROM conversion
                     WHERE merchant_id = :merchant
                   UNION SELECT id, connection_id, 'referral', id::text FROM referral WHERE merchant_id = :merchant)
               SELECT mine.id, fact.data, fact.as_of FROM fact JOIN mine ON mine.connection_id = fact.connection_id
                 AND mine.kind = fact.object_kind AND mine.external = fact.external_id
               WHERE fact.merchant_id = :merchant AND (fact.key LIKE 'refunded:%' OR fact.key LIKE 'care:%')
               ORDER BY mine.id, fact.as_of, fact.id"""
        )
        return [(row.id, fact(row.data, row.as_of)) for row in rows]

    def owner(self, reward: UUID) -> UUID | None:
        """The referral that a reward belongs to."""
        found: UUID | None = self.run(
            "SELECT referral_id FROM reward WHERE merchant_id = :merchant AND id = :id", id=reward
        ).scalar_one_or_none()
        return found

    def proof(self, reward: UUID, referral: Referral) -> Mapping[str, Any]:
        """The rows that prove a reward, as they are stored, by section of its receipt."""
        sections = {name: self._rows(sql, reward=reward) for name, sql in _OF_REWARD.items()}
        told = {name: self._rows(sql, **about(referral)) for name, sql in _OF_REFERRAL.items()}
        touch = self.run("SELECT touch FROM referral WHERE merchant_id = :merchant AND id = :id", id=referral.id)
        lines = self._rows(_LINES, reward=reward)
        return {
            **sections,
            **told,
            "reward": sections["reward"][0],
            "touch": {**touch.scalar_one(), "advocate": referral.advocate},
            "postings": [
                {**batch, "lines": [_without(line, "batch") for line in lines if line["batch"] == batch["id"]]}
                for batch in sections["postings"]
            ],
        }

    def _rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in self.run(sql, **values).mappings()]


def _without(row: _Row, name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}


def _returned(row: Any) -> Returned:
    amount, taken = Money(row.amount, row.currency), Money(row.taken, row.currency)
    return Returned(row.id, amount, taken, row.state, row.reason, row.transaction or "")


_OF_REWARD = {
    "reward": """SELECT id, referral_id AS referral, role, kind, means, ordinal, amount, currency, netted, state, reason,
            said AS sum, item, transaction, marker, revoked, redeemed, lapsed, due_at, issued_at, expires_at
        FROM reward WHERE merchant_id = :merchant AND id = :reward""",
    "postings": """SELECT id, key, memo, reversal_id AS reversal, at FROM batch
        WHERE merchant_id = :merchant AND reward_id = :reward ORDER BY id""",
    "attempts": """SELECT id, reversal_id AS reversal, capability, direction, amount, moved, currency, marker, since,
            deadline_at, state, transaction, reason, needs_person, answered_at, late_state, late_transaction
        FROM attempt WHERE merchant_id = :merchant AND reward_id = :reward ORDER BY since, id""",
    "reversals": """SELECT id, ordinal, amount, taken, currency, state, reason, transaction FROM reversal
        WHERE merchant_id = :merchant AND reward_id = :reward ORDER BY ordinal""",
}
_LINES = """SELECT batch_id AS batch, book, posting.amount, currency FROM posting JOIN batch ON batch.id = posting.batch_id
    WHERE batch.merchant_id = :merchant AND reward_id = :reward ORDER BY batch_id, line"""
_OF_REFERRAL = {
    "heard": f"""{ABOUT}
        SELECT delivery_id AS delivery, topic, object_kind AS kind, external_id AS object, at, digest FROM heard
        JOIN about ON about.connection_id = heard.connection_id AND about.kind = heard.object_kind
          AND about.external = heard.external_id
        WHERE heard.merchant_id = :merchant ORDER BY at, delivery_id""",  # noqa: S608  (a constant)
    "facts": f"""{ABOUT}
        SELECT fact.id, connection.platform, fact.as_of, fact.recorded_at, fact.data FROM about
        JOIN fact ON fact.connection_id = about.connection_id AND fact.object_kind = about.kind
          AND fact.external_id = about.external
        JOIN connection ON connection.id = fact.connection_id
        WHERE fact.merchant_id = :merchant ORDER BY fact.as_of, fact.id""",  # noqa: S608  (a constant)
}
