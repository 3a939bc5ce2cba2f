"""Time inside the stand-in, which tests and the demo may move forward, and Shopify's ways of writing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass
class Clock:
    """Now, aware UTC. `ahead` is how far the stand-in lives in the future."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def whole(moment: datetime) -> datetime:
    """Shopify keeps and shows whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0)


def graphql_time(moment: datetime) -> str:
    """As GraphQL answers write it: 2026-11-22T02:00:00Z."""
    return whole(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def rest_time(moment: datetime, zone: str) -> str:
    """As webhook bodies write it, in the zone of the shop: 2026-11-21T21:00:00-05:00."""
    return whole(moment).astimezone(ZoneInfo(zone)).isoformat()


def parse_time(text: str) -> datetime:
    """An aware UTC time in whole seconds. Raises ValueError for anything that is no ISO 8601 date and time."""
    moment = datetime.fromisoformat(text)
    return whole(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
