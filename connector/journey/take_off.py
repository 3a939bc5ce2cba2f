"""Take off: whoever was forgotten here bears nothing of ours on a platform's records either."""

from __future__ import annotations

from connector.errors import Refused
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import TAKE_OFF
from connector.ports.rows import connection_lane


def take_off_due(desk: Desk, lane: Lane) -> int:
    """Have the account forget one batch of people for us; returns how many there were, and closes the task after them."""
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(connection_lane(lane.connection), TAKE_OFF, 1)
        people = tx.leftovers.waiting(lane.connection, lane.platform.manifest.write_batch) if tasks else ()
        if not people:
            tx.tasks.close(tasks)
    if not people:
        return len(tasks)
    try:
        lane.platform.forgetting().take_off(open_account(desk, lane), people)
    except Refused as error:  # the rest must not wait for it; `connector replay` takes it up again
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.park(tasks[0], error.reason)
        return 1
    with desk.store.begin(lane.merchant) as tx:
        tx.leftovers.done([each.id for each in people])
    return len(people)
