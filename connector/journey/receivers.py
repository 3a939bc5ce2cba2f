"""Receivers of the merchant's own: what is due at each of them, what is sent there again, and their secrets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from connector.errors import ConfigError, NotFound
from connector.journey.accounts import lane_of
from connector.journey.desk import Desk
from connector.journey.tasks import HOOK
from connector.ports.hooks import NEW, RECEIVER
from connector.ports.rows import connection_lane
from connector.ports.store import Tx

#: How long both secrets sign, so that whoever verifies may be given the new one meanwhile.
BOTH = timedelta(days=1)


def queue(tx: Tx, limit: int) -> tuple[int, Sequence[UUID]]:
    """What just happened is due at every receiver that wants it; returns how much was looked at, and who got any."""
    count, receivers = tx.hooks.queue(RECEIVER, limit)
    _mark(tx, receivers)
    return count, receivers


def _mark(tx: Tx, receivers: Collection[UUID]) -> None:
    for receiver in sorted(set(receivers)):
        tx.tasks.mark(connection_lane(receiver), HOOK, [HOOK])


@dataclass(frozen=True)
class Which:
    """What is to be sent again: one delivery, all that were given up, or everything since a time.

    url: of the latter two, at this receiver alone; "" for all.
    """

    delivery: UUID | None = None
    failed: bool = False
    since: datetime | None = None
    url: str = ""


def replay(desk: Desk, merchant: UUID, which: Which) -> int:
    """Send again, under the same ids; returns how many. Raises NotFound and ConfigError."""
    if [which.delivery is not None, which.failed, which.since is not None].count(True) != 1:
        raise ConfigError(["say what to send again: the ID of a delivery, --failed, or --since DATE"])
    if which.url:
        lane_of(desk, merchant, RECEIVER, which.url)
    with desk.store.begin(merchant) as tx:
        receivers = _again(tx, which)
        _mark(tx, receivers)
    for receiver in set(receivers):
        desk.wake(connection_lane(receiver))
    return len(receivers)


def _again(tx: Tx, which: Which) -> Sequence[UUID]:
    if which.since is not None:
        return tx.hooks.since(RECEIVER, which.since, which.url)
    if which.delivery is None:
        return tx.hooks.failed_again(which.url)
    receivers = tx.hooks.again([which.delivery])
    if not receivers:
        raise NotFound(f"there is no delivery {which.delivery} to a receiver of yours; `connector hook log` lists them")
    return receivers


def rotate(desk: Desk, merchant: UUID, url: str) -> str:
    """Give a receiver a new secret, and return it; for a day the old one signs as well. Raises NotFound."""
    lane = lane_of(desk, merchant, RECEIVER, url)
    secret = lane.platform.auth().own(url, NEW).access
    with desk.store.begin(merchant) as tx:
        held = tx.connections.get(lane.connection)
        if held.state != "active":
            raise ConfigError([f"{url} is not called now; `connector hook add` gives it a new secret"])
        both = f"{secret} {held.access.split()[0]}"
        # What is renewed then is the new one alone.
        tx.connections.store_pair(held.id, held.token_version, both, secret, tx.now() + BOTH)
    return secret
