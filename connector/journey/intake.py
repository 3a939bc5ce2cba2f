"""Intake: believe, split, keep the raw bytes, and only then say yes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from connector.journey.desk import Desk
from connector.ports.inbound import Inbox, Item
from connector.ports.rows import Owner, merchant_lane

NOBODY = UUID(int=0)


def receive(desk: Desk, platform: str, inbox: Inbox) -> int:
    """Verify and store one request; returns how many deliveries were new. Raises Rejected.

    When this returns, every byte is committed: the platform may forget. Deliveries of accounts that nobody here owns
    are kept apart and never processed; a wake-up that gets lost is made good by the sweeper.
    """
    tools = desk.platforms[platform]
    new = 0
    for owner, items in _by_owner(desk, platform, tools.inbound.receive(inbox, tools.secrets)).items():
        merchant, connection = (owner.merchant, owner.target) if owner else (NOBODY, None)
        reason = "" if owner else "nobody here has connected this account"
        with desk.store.begin(merchant) as tx:
            stored = tx.deliveries.add(connection, platform, items, quarantined=reason)
        if owner and stored:
            desk.wake(merchant_lane(merchant))
        new += stored
    return new


def _by_owner(desk: Desk, platform: str, items: Sequence[Item]) -> dict[Owner | None, list[Item]]:
    """One request may carry items of several accounts; each goes to its own merchant."""
    owners = {account: desk.store.account(platform, account) for account in {item.account for item in items}}
    groups: dict[Owner | None, list[Item]] = defaultdict(list)
    for item in items:
        groups[owners[item.account]].append(item)
    return groups
