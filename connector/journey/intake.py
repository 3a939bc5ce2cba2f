"""Intake: believe, split, keep the raw bytes, and only then say yes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from connector.journey.desk import Desk
from connector.ports.inbound import Inbox, Item
from connector.ports.rows import merchant_lane


def receive(desk: Desk, platform: str, inbox: Inbox) -> int:
    """Verify and store one request; returns how many deliveries were new. Raises Rejected.

    When this returns, every byte is committed: the platform may forget. Deliveries of accounts that nobody here owns
    are kept apart and never processed; a wake-up that gets lost is made good by the sweeper.
    """
    tools = desk.platforms[platform]
    new = 0
    for account, items in _by_account(tools.inbound.receive(inbox, tools.secrets)).items():
        with desk.store.begin_for(platform, account) as (tx, owner):
            connection, reason = (owner.target, "") if owner else (None, "nobody here has connected this account")
            stored = tx.deliveries.add(connection, platform, items, quarantined=reason)
        if owner and stored:
            desk.wake(merchant_lane(owner.merchant))
        new += stored
    return new


def _by_account(items: Sequence[Item]) -> dict[str, list[Item]]:
    """One request may carry items of several accounts; each goes to its own merchant."""
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.account].append(item)
    return groups
