"""How work stands over all merchants, as numbers alone: nothing in them is anybody's."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from sqlalchemy import text

from connector.lanes.due import DUE
from connector.store import reports
from connector.store.database import Database

#: Every kind of work that can be due. news: what happened, to be handed out, told, or sent to receivers. history: past
#: orders to be read, which takes as long as there are many and comes after all else.
WORK = ("delivery", "task", "news", "history", "reward", "reversal", "attempt")
#: What can wait for a person: an attempt whose outcome nobody else can tell, and money that needs a remedy.
HELD = ("attempt", "reward", "reversal")
#: What is given up until its cause is mended and `connector replay` takes it up again.
PARKED = ("delivery", "task")
STATES = ("active", "reconnect", "removed")

#: What waits for an account that was removed or must be joined again is not due: the account's state tells of it.
_WORK = f"""{DUE}
SELECT work, sum(amount) AS amount, extract(epoch FROM clock_timestamp() - min(since)) AS oldest_s
FROM due LEFT JOIN connection ON due.lane = 'c:' || connection.id
WHERE coalesce(connection.state, 'active') = 'active' GROUP BY work
"""  # noqa: S608 - a text of our own
_COUNTS = """
SELECT 'unknown' AS name, '' AS kind, '' AS state, count(*) AS amount FROM attempt WHERE state = 'unknown'
UNION ALL SELECT 'held', 'attempt', '', count(*) FROM attempt WHERE state = 'unknown' AND needs_person <> ''
UNION ALL SELECT 'held', 'reward', '', count(*) FROM reward WHERE state = 'held'
UNION ALL SELECT 'held', 'reversal', '', count(*) FROM reversal WHERE state = 'held'
UNION ALL SELECT 'parked', 'delivery', '', count(*) FROM delivery WHERE state = 'parked'
UNION ALL SELECT 'parked', 'task', '', count(*) FROM task WHERE state = 'parked'
UNION ALL SELECT 'connection', platform, state, count(*) FROM connection GROUP BY 2, 3
"""
_SWEEPING = "SELECT count(*) FROM sweep WHERE expires_at >= clock_timestamp()"


@dataclass(frozen=True)
class Figures:
    """due, oldest_s: by WORK. held, parked: by HELD and PARKED. connections: by platform and one of STATES.

    unknown: attempts of which nobody knows yet whether they had an effect. late: rewards past their promised time.
    sweepers: how many hold the sweeper's lease, 1 or 0.
    """

    due: Mapping[str, float]
    oldest_s: Mapping[str, float]
    held: Mapping[str, float]
    parked: Mapping[str, float]
    connections: Mapping[tuple[str, str], float]
    unknown: float
    late: float
    sweepers: float


def read(database: Database, platforms: Collection[str]) -> Figures:
    """The figures of this moment. Raises SQLAlchemyError while the database is away."""
    with database.switchboard() as session:
        work = session.execute(text(_WORK)).all()
        rows = session.execute(text(_COUNTS)).all()
        sweepers = session.execute(text(_SWEEPING)).scalar_one()
    counts = {(row.name, row.kind, row.state): row.amount for row in rows}
    return Figures(
        due=_all(WORK, {row.work: float(row.amount) for row in work}),
        oldest_s=_all(WORK, {row.work: float(row.oldest_s) for row in work}),
        held={kind: counts["held", kind, ""] for kind in HELD},
        parked={kind: counts["parked", kind, ""] for kind in PARKED},
        connections={each: counts.get(("connection", *each), 0) for each in product(platforms, STATES)},
        unknown=counts["unknown", "", ""],
        late=sum(len(reports.late(database, merchant)) for merchant in reports.waiting(database)),
        sweepers=sweepers,
    )


def unknown(platforms: Collection[str]) -> Figures:
    """The figures while the database is away: none is a number."""
    return Figures(
        due=dict.fromkeys(WORK, math.nan),
        oldest_s=dict.fromkeys(WORK, math.nan),
        held=dict.fromkeys(HELD, math.nan),
        parked=dict.fromkeys(PARKED, math.nan),
        connections=dict.fromkeys(product(platforms, STATES), math.nan),
        unknown=math.nan,
        late=math.nan,
        sweepers=math.nan,
    )


def sweeping(database: Database) -> bool:
    """Whether somebody holds the sweeper's lease: without one, nothing is found whose wake-up was lost."""
    with database.switchboard() as session:
        return bool(session.execute(text(_SWEEPING)).scalar_one())


def _all(kinds: Iterable[str], found: Mapping[str, float]) -> dict[str, float]:
    return {kind: found.get(kind, 0) for kind in kinds}
