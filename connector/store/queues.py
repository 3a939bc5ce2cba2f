"""Queues: what waits for a person, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from connector.store.database import Database


def review(database: Database, merchant: UUID) -> list[dict[str, Any]]:
    """Referrals that a person should look at, and things to be handed over; longest waiting first."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT referral.id, program.slug AS program, touch ->> 'code' AS code, stage, rule, overdue, captured_at,
                   CASE WHEN doubt <> '' THEN doubt ELSE review END AS why
               FROM referral JOIN program ON program.id = referral.program_id
               WHERE referral.merchant_id = :merchant AND (doubt <> '' OR review <> '')
               ORDER BY captured_at, referral.id"""
        ).mappings()
        return [dict(row) for row in rows]


def weighed(database: Database, merchant: UUID, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """Referrals whose evidence was weighed, page by page, with the last word that a person said of each."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT referral.id, program_id, program_version, evidence, rule, touch ->> 'code' AS code, (
                   SELECT (data ->> 'approved')::boolean FROM fact WHERE fact.merchant_id = :merchant
                     AND object_kind = 'referral' AND external_id = referral.id::text AND data ->> 'is' = 'Judged'
                   ORDER BY fact.as_of DESC, fact.id DESC LIMIT 1) AS approved
               FROM referral WHERE merchant_id = :merchant AND evidence IS NOT NULL
                 AND id > coalesce(CAST(:after AS uuid), '00000000-0000-0000-0000-000000000000')
               ORDER BY id LIMIT :limit""",
            after=after,
            limit=limit,
        ).mappings()
        return [dict(row) for row in rows]
