"""Time inside the stand-in, which tests and the demo may move forward or stop, and Klaviyo's way of writing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class Clock:
    """Now, aware UTC. `ahead` is how far the stand-in lives in the future; once stopped, it only moves when told."""

    ahead: timedelta = field(default_factory=timedelta)
    stopped: datetime | None = None

    def now(self) -> datetime:
        return (self.stopped or datetime.now(UTC)) + self.ahead

    def stop(self) -> None:
        """Stand still at a whole second, so that nothing depends on how fast a test runs."""
        self.stopped = whole(self.now()) - self.ahead


def whole(moment: datetime) -> datetime:
    """Klaviyo keeps whole seconds of events."""
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime | None) -> str | None:
    """As answers write it: 2026-07-02T05:24:30.282562+00:00."""
    return None if moment is None else moment.astimezone(UTC).isoformat()


def parse(text: str) -> datetime:
    """An aware UTC time. Raises ValueError for what has no offset or is no time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return moment.astimezone(UTC)
