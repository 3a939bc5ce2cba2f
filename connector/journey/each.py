"""Each due task of a merchant's lane in a transaction of its own, so that one that fails holds nobody up."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

from connector.errors import ConnectorError
from connector.journey.desk import Desk
from connector.ports.rows import Task, merchant_lane
from connector.ports.store import Tx

BATCH = 50
#: How often a decision that fails is tried again, and after what pause, before it is left to a person.
TRIES, PAUSE = 5, timedelta(seconds=30)


def each(desk: Desk, merchant: UUID, what: str, do: Callable[[Tx, Task], Collection[str]]) -> int:
    """Do each due task; one that fails is tried again, then parked. do: returns the lanes to wake."""
    with desk.store.begin(merchant) as tx:
        tasks = tx.tasks.due(merchant_lane(merchant), what, BATCH)
    for task in tasks:
        try:
            with desk.store.begin(merchant) as tx:
                lanes = do(tx, task)
        except (ConnectorError, ValueError, LookupError) as error:
            reason = f"{type(error).__name__}: {error}"[:500]
            with desk.store.begin(merchant) as tx:
                if task.tries >= TRIES:
                    tx.tasks.park(task, reason)
                else:
                    tx.tasks.later(task, PAUSE, reason)
            continue
        for lane in lanes:
            desk.wake(lane)
    return len(tasks)
