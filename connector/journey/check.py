"""Check: once a day, that a connection is well: what its account says of itself, and that its token does not lie idle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from connector.errors import Refused
from connector.journey.accounts import open_account, refresh
from connector.journey.desk import Desk, Lane
from connector.journey.tasks import CHECK, DECIDE
from connector.ports.platform import Manifest, Scope
from connector.ports.rows import Connection, connection_lane, merchant_lane
from connector.ports.store import Tx

CHECK_EVERY = timedelta(days=1)
#: A token is renewed when it has lain unused for this part of the time after which its platform forgets it.
IDLE_PARTS = 3
#: Begins the trait that says why a kind of credit is of no use on an account.
CANNOT = "cannot:"
_TRAITS = ("name", "zone")


def check_due(desk: Desk, lane: Lane) -> int:
    """Check the connection if it is time to; an account that does not answer is asked again when its lane has rested."""
    name = connection_lane(lane.connection)
    with desk.store.begin(lane.merchant) as tx:
        tasks = tx.tasks.due(name, CHECK, 1)
        connection, now = tx.connections.get(lane.connection), tx.now()
        if connection.state != "active":
            tx.tasks.close(tasks)  # a new installation marks its own
    if not tasks or connection.state != "active":
        return len(tasks)
    if _lies_idle(lane.platform.manifest, connection, now):
        account = refresh(desk, lane, connection)
    else:
        account = open_account(desk, lane)
    try:
        told = lane.platform.auth().probe(account)
    except Refused as error:
        with desk.store.begin(lane.merchant) as tx:
            tx.tasks.later(tasks[0], CHECK_EVERY, error.reason)
        return 1
    with desk.store.begin(lane.merchant) as tx:
        scopes = told.get("scopes", "").split() or sorted(connection.scopes)
        changed = learn(tx, lane.connection, told.get("currency") or connection.currency, scopes, traits_of(told))
        tx.tasks.close(tasks)  # unless it was marked meanwhile: then what we read may be old already
        tx.tasks.mark(name, CHECK, [CHECK], after=CHECK_EVERY)
    if changed:
        desk.wake(merchant_lane(lane.merchant))
    return 1


def _lies_idle(manifest: Manifest, connection: Connection, now: datetime) -> bool:
    if manifest.token_idle is None or connection.refreshed_at is None or not connection.refresh:
        return False
    return connection.refreshed_at + manifest.token_idle / IDLE_PARTS <= now


def learn(tx: Tx, connection: UUID, currency: str, scopes: Sequence[str], traits: Mapping[str, str]) -> bool:
    """Keep what the account says of itself. Where that is new, all that is held is decided anew, for it may go now."""
    changed = tx.connections.learn(connection, currency, scopes, traits)
    if changed:
        decide_held(tx)
    return changed


def decide_held(tx: Tx) -> None:
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, tx.rewards.held())


def traits_of(told: Mapping[str, str]) -> dict[str, str]:
    """What is kept of a probe: the account's name and time zone, and what is of no use there."""
    return {name: text for name, text in told.items() if name in _TRAITS or name.startswith(CANNOT)}


def missing(manifest: Manifest, connection: Connection) -> tuple[Scope, ...]:
    """The permissions that the merchant has not given."""
    return tuple(scope for scope in manifest.scopes if not connection.grants(scope.name))


def useless(connection: Connection) -> dict[str, str]:
    """Why a kind of credit is of no use on this account, by kind."""
    return {
        name.removeprefix(CANNOT): why for name, why in sorted(connection.traits.items()) if name.startswith(CANNOT)
    }
