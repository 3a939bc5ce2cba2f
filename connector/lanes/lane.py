"""Claim, work a slice, release: the whole life of a lane's lease.

The claim is one UPDATE under the lane's row lock. A wake-up that meets a held lane sets `again`, and the holder,
when it releases, learns that it must wake the lane once more: no wake-up is lost.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import text

from connector.errors import Late
from connector.ports.platform import Guard
from connector.store.database import Database

#: Also runs while the machine sleeps or the process is stopped, and no clock correction moves it.
_CLOCK = time.CLOCK_BOOTTIME


@dataclass(frozen=True)
class Deadline:
    """The last moment, on this machine's boot clock, at which bytes of an effect may leave."""

    at: float

    def check(self) -> None:
        """Raises Late once the moment has passed."""
        late = time.clock_gettime(_CLOCK) - self.at
        if late >= 0:
            raise Late(f"the deadline passed {late:.3f} s before anything was sent")


@dataclass(frozen=True)
class Claim:
    """A held lane. boot: this machine's clock just before the claim; claimed_at and ends_at: the database's.

    failures: how many slices in a row ended because the platform was away.
    """

    lane: str
    merchant: UUID
    platform: str
    epoch: int
    owner: str
    boot: float
    claimed_at: datetime
    ends_at: datetime
    failures: int = 0

    def guard(self, deadline_at: datetime) -> Guard:
        # boot was read before the database's claimed_at, so this machine's deadline is never the later one.
        return Deadline(self.boot + (deadline_at - self.claimed_at).total_seconds())


@dataclass(frozen=True)
class Lanes:
    """Claims and releases of lanes for `lease`."""

    database: Database
    lease: timedelta

    def claim(self, lane: str) -> Claim | None:
        """Take the lane if it is free or its lease ran out, and its wake time has come; else leave a note in `again`."""
        owner, boot = uuid4().hex, time.clock_gettime(_CLOCK)
        with self.database.switchboard() as session:
            row = session.execute(
                text(
                    """WITH seen AS (
                         SELECT id, (owner IS NULL OR expires_at < clock_timestamp()) AND not_before <= clock_timestamp()
                                AS free FROM lane WHERE id = :lane FOR UPDATE)
                       UPDATE lane SET
                         owner = CASE WHEN seen.free THEN :owner ELSE lane.owner END,
                         epoch = lane.epoch + CASE WHEN seen.free THEN 1 ELSE 0 END,
                         expires_at = CASE WHEN seen.free THEN clock_timestamp() + :lease ELSE lane.expires_at END,
                         again = NOT seen.free
                       FROM seen WHERE lane.id = seen.id
                       RETURNING seen.free, lane.merchant_id, platform, epoch, failures,
                                 expires_at - :lease AS claimed_at, expires_at"""
                ),
                {"lane": lane, "owner": owner, "lease": self.lease},
            ).first()
        if row is None or not row.free:
            return None
        return Claim(
            lane, row.merchant_id, row.platform, row.epoch, owner, boot, row.claimed_at, row.expires_at, row.failures
        )

    def release(self, claim: Claim, *, rest: timedelta = timedelta(0), failures: int = 0) -> bool:
        """Free the lane if it is still ours, to rest a while; says whether it was woken meanwhile.

        failures: how many slices in a row have now found the platform away.
        """
        with self.database.switchboard() as session:
            row = session.execute(
                text(
                    """UPDATE lane SET owner = NULL, expires_at = NULL,
                         failures = :failures, not_before = clock_timestamp() + :rest
                       WHERE id = :lane AND owner = :owner AND epoch = :epoch RETURNING again"""
                ),
                {"lane": claim.lane, "owner": claim.owner, "epoch": claim.epoch, "failures": failures, "rest": rest},
            ).first()
        return bool(row and row.again)

    def go_on(self, merchant: UUID) -> int:
        """End the rests of lanes that found their platform away; what a platform asked for stands. Returns how many."""
        with self.database.begin(merchant) as tx:
            return tx.run(
                """UPDATE lane SET not_before = clock_timestamp()
                   WHERE merchant_id = :merchant AND failures > 0 AND not_before > clock_timestamp()"""
            ).rowcount
