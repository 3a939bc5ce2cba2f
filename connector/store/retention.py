"""Retention: personal data goes when its time is over. docs/retention.md says what is kept, why and how long."""

from __future__ import annotations

from datetime import timedelta

from connector.store.database import Database
from connector.store.merchants import every

_RULES = (
    # Raw deliveries carry names and addresses; facts outlive them without.
    """DELETE FROM delivery WHERE merchant_id = :merchant AND state <> 'received'
       AND received_at < clock_timestamp() - CAST(:keep AS interval)""",
    """DELETE FROM directory WHERE merchant_id = :merchant AND kind = 'join' AND target_id IN (SELECT id FROM join_code
       WHERE merchant_id = :merchant AND expires_at < clock_timestamp() - CAST(:keep AS interval))""",
    "DELETE FROM join_code WHERE merchant_id = :merchant AND expires_at < clock_timestamp() - CAST(:keep AS interval)",
    # An erasure is remembered as long as a delivery that was under way may still be read; an order of theirs for ever.
    "DELETE FROM erasure WHERE merchant_id = :merchant AND until < clock_timestamp() - CAST(:keep AS interval)",
    # An account that could not be reached all that time is not asked any more.
    "DELETE FROM leftover WHERE merchant_id = :merchant AND created_at < clock_timestamp() - CAST(:keep AS interval)",
    """DELETE FROM data_request WHERE merchant_id = :merchant AND answered_at < clock_timestamp() - interval '400 days'""",
    # Networks and guesses are about a few days; what nobody asks for any more goes.
    """DELETE FROM person_mark WHERE merchant_id = :merchant AND kind = 'network'
       AND since < clock_timestamp() - interval '400 days'""",
    "DELETE FROM request WHERE merchant_id = :merchant AND at < clock_timestamp() - interval '400 days'",
    """DELETE FROM hook_delivery WHERE merchant_id = :merchant
       AND done_at < clock_timestamp() - CASE state WHEN 'done' THEN interval '30 days' ELSE interval '400 days' END""",
    "DELETE FROM guess WHERE merchant_id = :merchant AND at < clock_timestamp() - interval '30 days'",
    "DELETE FROM touch WHERE merchant_id = :merchant AND at < clock_timestamp() - interval '400 days'",
)


def purge(database: Database, keep: timedelta) -> int:
    """Delete what is older than it may be, merchant by merchant; returns how many rows went."""
    gone = 0
    for merchant in every(database):
        with database.begin(merchant) as tx:
            gone += sum(tx.run(rule, keep=keep).rowcount for rule in _RULES)
    return gone
