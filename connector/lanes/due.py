"""Which lanes have work: the one query behind the sweeper and the figures, and fairness between platforms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from connector.store.database import Database

#: What is due now, by kind of work and lane: since when the oldest of it, and how much of it.
DUE = """
WITH due (work, lane, since, amount) AS (
    SELECT 'delivery', 'm:' || merchant_id, min(received_at), count(*) FROM delivery WHERE state = 'received' GROUP BY 2
    UNION ALL SELECT CASE WHEN what IN ('tell', 'hook') THEN 'news' WHEN what = 'backfill' THEN 'history' ELSE 'task' END,
        lane, min(due_at), count(*) FROM task WHERE state = 'open' AND due_at <= clock_timestamp() GROUP BY 1, 2
    -- What waits behind an open effect of its account is not due: settling that one wakes the lane.
    UNION ALL SELECT 'reward', 'c:' || connection_id, min(retry_at), count(*) FROM reward
        WHERE state = 'approved' AND retry_at <= clock_timestamp() AND NOT EXISTS (
            SELECT FROM attempt JOIN reward busy ON busy.id = attempt.reward_id
            WHERE attempt.state IN ('open', 'unknown') AND attempt.connection_id = reward.connection_id
              AND attempt.currency = reward.currency AND busy.beneficiary_id = reward.beneficiary_id)
        GROUP BY 2
    UNION ALL SELECT 'reversal', 'c:' || reversal.connection_id, min(reversal.retry_at), count(*) FROM reversal
        JOIN reward ON reward.id = reversal.reward_id AND reward.state = 'issued'
        WHERE reversal.state = 'approved' AND reversal.retry_at <= clock_timestamp() AND NOT EXISTS (
            SELECT FROM attempt WHERE attempt.state IN ('open', 'unknown')
              AND attempt.connection_id = reversal.connection_id AND attempt.owner = reward.owner
              AND attempt.currency = reversal.currency)
        GROUP BY 2
    UNION ALL SELECT 'attempt', 'c:' || connection_id, min(readback_at), count(*) FROM attempt
        WHERE state IN ('open', 'unknown') AND needs_person = '' AND readback_at <= clock_timestamp() GROUP BY 2
)
"""
_LANES = f"""{DUE}
SELECT lane.id, lane.platform, extract(epoch FROM clock_timestamp() - min(due.since)) AS age
FROM due JOIN lane ON lane.id = due.lane
LEFT JOIN connection ON lane.id = 'c:' || connection.id
-- What was removed or must be renewed is not called: a new installation wakes its lane.
WHERE coalesce(connection.state, 'active') = 'active'
  AND (lane.owner IS NULL OR lane.expires_at < clock_timestamp()) AND lane.not_before <= clock_timestamp()
GROUP BY lane.id ORDER BY min(due.since)
"""  # noqa: S608 - a text of our own


#: What is due on a lane besides its tasks: deliveries to be read, money to be moved, calls to be read back.
DELIVERY, MONEY, DOUBT = "delivery", "money", "doubt"
_ON = f"""
SELECT what FROM task WHERE lane = :lane AND state = 'open'
    AND (due_at <= clock_timestamp() OR what = ANY(:gathered)) GROUP BY what
UNION ALL SELECT '{DELIVERY}' WHERE EXISTS (SELECT FROM delivery WHERE merchant_id = :id AND state = 'received')
UNION ALL SELECT '{MONEY}' WHERE EXISTS (
        SELECT FROM reward WHERE connection_id = :id AND state = 'approved' AND retry_at <= clock_timestamp())
    OR EXISTS (SELECT FROM reversal WHERE connection_id = :id AND state = 'approved' AND retry_at <= clock_timestamp())
UNION ALL SELECT '{DOUBT}' WHERE EXISTS (SELECT FROM attempt WHERE connection_id = :id AND needs_person = ''
    AND state IN ('open', 'unknown') AND readback_at <= clock_timestamp())
"""  # noqa: S608 - words of our own


@dataclass(frozen=True)
class DueLane:
    """A free lane with work; age in seconds of the oldest."""

    id: str
    platform: str
    age: float


def lanes(database: Database) -> list[DueLane]:
    """Every lane that could be worked now, longest waiting first."""
    with database.switchboard() as session:
        return [DueLane(row.id, row.platform, float(row.age)) for row in session.execute(text(_LANES))]


def on(database: Database, lane: str, gathered: Collection[str]) -> frozenset[str]:
    """What is due on one lane: kinds of its tasks, and DELIVERY, MONEY or DOUBT.

    gathered: kinds that leave before they are due where there are enough of them, so that any of them counts.
    """
    with database.switchboard() as session:
        told = session.execute(text(_ON), {"lane": lane, "id": UUID(lane[2:]), "gathered": list(gathered)})
        return frozenset(told.scalars())


def soonest(database: Database) -> float | None:
    """Seconds until the first lane that rests may be worked again, such as one whose platform asked it to wait."""
    with database.switchboard() as session:
        told = session.execute(
            text(
                """SELECT extract(epoch FROM min(not_before) - clock_timestamp()) FROM lane
                   WHERE not_before > clock_timestamp()"""
            )
        ).scalar()
    return None if told is None else float(told)


@dataclass(frozen=True)
class Standing:
    """How a platform fares. held: lanes being worked now. down: most of its lanes found it away in their last slice."""

    held: int
    down: bool


#: Fewer lanes than this prove nothing about a platform: they may have troubles of their own.
ENOUGH = 3


def standing(database: Database, platform: str) -> Standing:
    """The platform's breaker and its share of the workers, read from its lanes alone."""
    with database.switchboard() as session:
        row = session.execute(
            text(
                """SELECT count(*) FILTER (WHERE expires_at >= clock_timestamp()) AS held,
                     count(*) FILTER (WHERE failures > 0) AS failing, count(*) FILTER (WHERE epoch > 0) AS worked
                   FROM lane WHERE platform = :platform"""
            ),
            {"platform": platform},
        ).one()
    return Standing(row.held, down=row.failing >= ENOUGH and 2 * row.failing >= row.worked)


def others(database: Database, platform: str) -> bool:
    """Whether lanes of anything but this platform are waiting for a worker."""
    return any(lane.platform != platform for lane in lanes(database))
