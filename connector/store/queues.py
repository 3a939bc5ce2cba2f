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
