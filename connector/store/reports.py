"""What people ask of the memory: why, how much, and whether it adds up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from connector.store.database import Database


def explain(database: Database, merchant: UUID, needle: str) -> list[dict[str, Any]]:
    """Referrals found by their id, a code, or the platform's id of the purchase, with the whole story of each."""
    with database.begin(merchant) as tx:
        found = tx.run(
            """SELECT referral.id, stage, rule, reason, review, touch, object_kind, external_id, captured_at, decided_at,
                   program.slug AS program, program_version, advocate_id
               FROM referral JOIN program ON program.id = referral.program_id
               WHERE referral.merchant_id = :merchant AND (referral.id::text = :needle OR touch ->> 'code' = :needle
                 OR external_id = :needle OR external_id LIKE '%/' || :needle)
               ORDER BY captured_at""",
            needle=needle,
        ).mappings()
        stories = [dict(row) for row in found]
        for story in stories:
            story["rewards"] = [
                dict(row)
                for row in tx.run(
                    """SELECT id, role, kind, means, amount, currency, state, reason, transaction, issued_at, expires_at
                       FROM reward WHERE merchant_id = :merchant AND referral_id = :id ORDER BY ordinal""",
                    id=story["id"],
                ).mappings()
            ]
            story["reversals"] = [
                dict(row)
                for row in tx.run(
                    """SELECT reversal.id, reversal.amount, taken, reversal.currency, reversal.state, reversal.reason,
                           reversal.transaction
                       FROM reversal JOIN reward ON reward.id = reversal.reward_id
                       WHERE reversal.merchant_id = :merchant AND reward.referral_id = :id ORDER BY reversal.ordinal""",
                    id=story["id"],
                ).mappings()
            ]
    return stories


def receipt(database: Database, merchant: UUID, reward: UUID) -> dict[str, Any] | None:
    """All that proves one reward: its row, every attempt, every posting, and their sum."""
    with database.begin(merchant) as tx:
        row = tx.run("SELECT * FROM reward WHERE merchant_id = :merchant AND id = :id", id=reward).mappings().first()
        if row is None:
            return None
        attempts = tx.run(
            """SELECT id, direction, amount, currency, since, deadline_at, state, transaction, reason, needs_person,
                   answered_at FROM attempt WHERE merchant_id = :merchant AND reward_id = :id ORDER BY since""",
            id=reward,
        ).mappings()
        postings = tx.run(
            """SELECT batch.at, memo, book, amount, currency FROM batch JOIN posting ON posting.batch_id = batch.id
               WHERE batch.merchant_id = :merchant AND batch.reward_id = :id ORDER BY batch.id, line""",
            id=reward,
        ).mappings()
        lines = [dict(line) for line in postings]
        return {
            **{name: row[name] for name in ("id", "referral_id", "amount", "currency", "state", "transaction")},
            "attempts": [dict(attempt) for attempt in attempts],
            "postings": lines,
            "sum": sum(line["amount"] for line in lines),
        }


def totals(database: Database, merchant: UUID) -> dict[str, Any]:
    """Counts and the ledger's balances by book and currency."""
    with database.begin(merchant) as tx:
        books = tx.run(
            """SELECT book, currency, sum(amount) AS amount FROM posting WHERE merchant_id = :merchant
               GROUP BY book, currency ORDER BY 1, 2"""
        ).mappings()
        counts = {
            name: {row.state: row.n for row in tx.run(sql)}
            for name, sql in {
                "referrals": "SELECT stage AS state, count(*) AS n FROM referral WHERE merchant_id = :merchant GROUP BY 1",
                "rewards": "SELECT state, count(*) AS n FROM reward WHERE merchant_id = :merchant GROUP BY 1",
                "reversals": "SELECT state, count(*) AS n FROM reversal WHERE merchant_id = :merchant GROUP BY 1",
                "attempts": "SELECT state, count(*) AS n FROM attempt WHERE merchant_id = :merchant GROUP BY 1",
                "deliveries": "SELECT state, count(*) AS n FROM delivery WHERE merchant_id = :merchant GROUP BY 1",
                # What is looked after once a day is no backlog.
                "tasks": """SELECT CASE WHEN due_at > clock_timestamp() + interval '1 minute' THEN 'later' ELSE state END
                    AS state, count(*) AS n FROM task WHERE merchant_id = :merchant GROUP BY 1""",
                "surplus": "SELECT 'found' AS state, count(*) AS n FROM surplus WHERE merchant_id = :merchant",
            }.items()
        }
        return {**counts, "ledger": [dict(row) for row in books]}


def needs_person(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Attempts that only a person can rule on."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT id, direction, owner, amount, currency, since, needs_person FROM attempt
               WHERE merchant_id = :merchant AND needs_person <> '' AND state = 'unknown' ORDER BY since"""
        ).mappings()
        return [dict(row) for row in rows]


def held(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Rewards and reversals that wait for a remedy, each with what it is."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT 'reward' AS what, amount, currency, reason FROM reward
               WHERE merchant_id = :merchant AND state IN ('held', 'refused')
               UNION ALL SELECT 'reversal', amount, currency, reason FROM reversal
               WHERE merchant_id = :merchant AND state IN ('held', 'refused') ORDER BY 1, 4"""
        ).mappings()
        return [dict(row) for row in rows]


#: So many people without a single e-mail are no chance.
ENOUGH = 3


def blind(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Accounts that show us people and never an e-mail: they may not have let us see protected data."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT platform, external_account AS account FROM connection
               WHERE merchant_id = :merchant AND state = 'active' AND :enough <= (
                   SELECT count(DISTINCT person_id) FROM identifier
                   WHERE identifier.connection_id = connection.id AND kind <> 'email')
                 AND NOT EXISTS (SELECT FROM identifier WHERE identifier.connection_id = connection.id AND kind = 'email')
               ORDER BY 1, 2""",
            enough=ENOUGH,
        ).mappings()
        return [dict(row) for row in rows]
