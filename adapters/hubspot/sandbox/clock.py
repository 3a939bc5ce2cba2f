"""Time inside the stand-in, which tests and the demo may move forward, and HubSpot's ways of writing it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """Now, aware UTC. `ahead` is how far the stand-in lives in the future."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def ticks(self) -> float:
        """Seconds that never go back, for rate windows; moved ahead together with `now`."""
        return time.monotonic() + self.ahead.total_seconds()


def iso(moment: datetime) -> str:
    """As answers write it: 2025-11-03T23:36:13.632Z."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def millis(moment: datetime) -> int:
    """As webhooks write it."""
    return round(moment.timestamp() * 1000)


def parse_time(text: str) -> datetime:
    """An aware UTC time from ISO 8601 or from milliseconds. Raises ValueError."""
    if text.lstrip("-").isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
