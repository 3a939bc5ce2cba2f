"""Care: which friends of advocates need the merchant's attention now, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from connector.domain.care import FRESH, REFUND, Care, care_of
from connector.ports.store import Tx


@dataclass(frozen=True)
class Cared:
    """One reason, and the referral of the friend whom it is about."""

    referral: UUID
    care: Care


def needed(tx: Tx) -> Sequence[Cared]:
    """All that calls for care now, longest waiting first."""
    since = tx.now() - FRESH
    found = [
        Cared(referral, care)
        for referral, rows in groupby(tx.receipts.cared(), key=lambda row: row[0])
        for care in care_of(fact for _, fact in rows)
        if care.what != REFUND or care.since >= since
    ]
    return sorted(found, key=lambda each: (each.care.since, each.referral))
