"""The time of day, for what is judged by the clock on the wall: the one place that asks the machine for it.

Leases and deadlines go by the database's clock, pauses by a monotonic one.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
