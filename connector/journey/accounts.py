"""Opening a connection for calls: its token, renewed in time, by one worker at a time, without a row lock over HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from connector.errors import Gone, NotFound, Throttled, TokenExpired
from connector.failpoints import reach
from connector.journey.desk import Desk, Lane
from connector.ports.platform import Account
from connector.ports.rows import Connection

#: A token that ends within this time is renewed before it is used.
MARGIN = timedelta(minutes=2)
#: How soon work that met an ended token is taken up anew with the one that another worker brought.
_AGAIN_S = 0.1
_RECONNECT = "the platform no longer honours our token: reconnect"


def lane_of(desk: Desk, merchant: UUID, platform: str, external: str) -> Lane:
    """The lane of a merchant's own account. Raises NotFound."""
    owner = desk.store.account(platform, external)
    if owner is None or owner.merchant != merchant:
        raise NotFound(f"you have no account {external!r} on {platform!r}; `connector doctor` lists them")
    return Lane(merchant, owner.target, desk.platforms[platform])


def open_account(desk: Desk, lane: Lane) -> Account:
    """The account with a token that still lives. Raises Gone when the merchant must reconnect."""
    with desk.store.begin(lane.merchant) as tx:
        connection = tx.connections.get(lane.connection)
        now = tx.now()
    if connection.state != "active":
        raise Gone(f"the connection is {connection.state}", platform=connection.platform)
    if connection.token_expires_at is None or connection.token_expires_at - MARGIN > now:
        return _account(connection, connection.access)
    return refresh(desk, lane, connection)


def _account(connection: Connection, token: str) -> Account:
    return Account(connection.id, connection.platform, connection.external, token, connection.choices)


def refresh(desk: Desk, lane: Lane, connection: Connection) -> Account:
    """Renew the pair. Only the holder of the refresh lease calls; the new pair is stored if nobody else was first."""
    with desk.store.begin(lane.merchant) as tx:
        mine = tx.connections.claim_refresh(connection.id, connection.token_version, desk.timing.lease)
    if not mine:
        raise Throttled("another worker is renewing the token", wait_s=1.0, platform=connection.platform)
    try:
        grant = lane.platform.auth().refresh(_account(connection, connection.access), connection.refresh)
    except Gone as error:
        return _doubt(desk, lane, connection, error)
    reach("accounts.rotated")
    with desk.store.begin(lane.merchant) as tx:
        tx.connections.store_pair(
            connection.id, connection.token_version, grant.access, grant.refresh, grant.expires_at
        )
    return _account(connection, grant.access)


def _doubt(desk: Desk, lane: Lane, connection: Connection, error: Gone) -> Account:
    """A refused refresh token is believed only when no other worker can have rotated it meanwhile.

    Somebody whose lease ran out may still store a new pair until lease and call have both passed. Until then the
    refusal is only a doubt, and a version that changed meanwhile proves it wrong.
    """
    patience = desk.timing.lease + desk.timing.call
    with desk.store.begin(lane.merchant) as tx:
        now, fresh = tx.now(), tx.connections.get(connection.id)
        rotated = fresh.token_version != connection.token_version
        believed = not rotated and fresh.doubted_at is not None and fresh.doubted_at + patience <= now
        if believed:
            tx.connections.close(connection.id, "reconnect", _RECONNECT)
        elif not rotated:
            tx.connections.doubt(connection.id, connection.token_version)
    if believed:
        raise error
    if rotated:
        return _account(fresh, fresh.access)
    raise Throttled(
        "the platform refused our token; looking once more", wait_s=patience.total_seconds(), platform=error.platform
    )


def token_expired(desk: Desk, lane: Lane, error: TokenExpired, since: datetime) -> None:
    """The platform no longer honours an access token. Renew it; without a way to renew, the merchant reconnects.

    since: when the work began that met it, by the database's clock. A pair that was given later is another one than that
    which ended: each renewal that nobody needs is one more answer that can be lost.
    """
    with desk.store.begin(lane.merchant) as tx:
        connection = tx.connections.get(lane.connection)
        if not connection.refresh:
            tx.connections.close(connection.id, "reconnect", _RECONNECT)
    if not connection.refresh:
        raise Gone(error.reason, platform=error.platform, status=error.status) from error
    if connection.refreshed_at is not None and connection.refreshed_at > since:
        raise Throttled("the token was renewed meanwhile", wait_s=_AGAIN_S, platform=error.platform) from error
    refresh(desk, lane, connection)
