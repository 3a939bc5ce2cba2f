"""Install: an account of a platform becomes a connection of a merchant, once its token is proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from uuid import UUID

from connector.errors import Gone, TokenExpired
from connector.journey.accounts import lane_of, open_account
from connector.journey.check import decide_held, traits_of
from connector.journey.desk import Desk
from connector.journey.tasks import CHECK, OFFER
from connector.journey.tellers import hand_back
from connector.ports.joining import Grant
from connector.ports.platform import Account, Capability
from connector.ports.rows import Connection, connection_lane, merchant_lane
from connector.ports.store import Tx

#: How soon after joining the account is looked at again: it was proven just now, and the merchant looks on.
FIRST_CHECK = timedelta(minutes=2)
#: Given the merchant who has the account already, if any, and the account's own name: the merchant to join it to.
Choose = Callable[[UUID | None, str], UUID]


def join(desk: Desk, platform: str, grant: Grant, choose: Choose) -> Connection:
    """Join the account to a merchant, or renew its connection. Raises ConfigError if another merchant has it.

    choose: asked only once the token is proven, so that a mistake leaves nothing behind.
    """
    told = desk.platforms[platform].auth().probe(Account(UUID(int=0), platform, grant.external, grant.access))
    owner = desk.store.account(platform, grant.external)
    merchant = choose(owner.merchant if owner else None, told.get("name", "") or grant.external)
    with desk.store.begin(merchant) as tx:
        connection = tx.connections.get(_install(tx, desk, platform, grant, told))
        _retire_what_stood(tx, desk, platform, grant)
        _have_it_worked(tx, desk, connection)
        _join_what_stands(tx, desk)
    desk.wake(connection_lane(connection.id))
    desk.wake(merchant_lane(merchant))
    return connection


def _retire_what_stood(tx: Tx, desk: Desk, platform: str, grant: Grant) -> None:
    """Who joins an account of their own needs the one no more that stood in for it."""
    stood = desk.platforms[platform].standing(tx.merchant)
    owner = desk.store.account(platform, stood.external) if stood and stood.external != grant.external else None
    if owner is not None:
        tx.news.end(owner.target, "another account was joined before it was known whether this was taken")
        tx.connections.close(owner.target, "removed", "the merchant joined an account of their own")


def _join_what_stands(tx: Tx, desk: Desk) -> None:
    """What every merchant has without joining it, such as the connector's own mail server, beside what they joined."""
    joined = set(tx.connections.platforms().values())
    for platform, tools in desk.platforms.items():
        grant = None if platform in joined else tools.standing(tx.merchant)
        if grant is not None:
            _have_it_worked(tx, desk, tx.connections.get(_install(tx, desk, platform, grant, {})))


def leave(desk: Desk, merchant: UUID, platform: str, external: str) -> str:
    """Disconnect an account; returns what the merchant must still do on the platform, "" where nothing is left.

    Everything that is known stays; nothing is called there any more. Raises NotFound, and Unavailable where the platform
    could not be told, in which case nothing has changed.
    """
    lane = lane_of(desk, merchant, platform, external)
    try:
        left = lane.platform.auth().leave(open_account(desk, lane))
    except (Gone, TokenExpired) as error:
        left = f"it was out of reach already: {error.reason}"
    with desk.store.begin(merchant) as tx:
        tx.news.end(lane.connection, "the account was disconnected before it said that it had taken this")
        tx.hooks.end(lane.connection, "the receiver was taken away")
        hand_back(tx)
        tx.connections.close(lane.connection, "removed", "the merchant disconnected it")
    return left


def _install(tx: Tx, desk: Desk, platform: str, grant: Grant, told: Mapping[str, str]) -> UUID:
    return tx.connections.install(
        platform,
        grant.external,
        grant.access,
        grant.refresh,
        grant.expires_at,
        told.get("currency", ""),
        told.get("scopes", "").split() or grant.scopes,
        traits_of(told, desk.platforms[platform]),
    )


def _have_it_worked(tx: Tx, desk: Desk, connection: Connection) -> None:
    """What waited for this account goes on, and what every account needs is begun."""
    lane = connection_lane(connection.id)
    decide_held(tx)
    hand_back(tx)  # it may be this one now that tells
    manifest = desk.platforms[connection.platform].manifest
    tx.tasks.mark(lane, CHECK, [CHECK], after=timedelta(0) if manifest.prepares else FIRST_CHECK)
    if Capability.OFFER in manifest.capabilities:
        tx.tasks.mark(lane, OFFER, [str(each.id) for each in tx.programs.current() if each.program.offer])
