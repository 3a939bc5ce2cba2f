"""Time inside the stand-in, which tests and the demo may move forward, and Salesforce's ways of writing it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

#: What the API takes for a moment: always with its offset, the fraction of a second as it likes.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass
class Clock:
    """Now, aware UTC. `ahead` is how far the stand-in lives in the future."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def whole(moment: datetime) -> datetime:
    """Salesforce keeps whole seconds of moments."""
    return moment.astimezone(UTC).replace(microsecond=0)


def stamp(moment: datetime) -> str:
    """As answers write it: 2026-05-06T10:00:00.000+0000."""
    return f"{whole(moment):%Y-%m-%dT%H:%M:%S}.000+0000"


def parse_moment(text: str) -> datetime:
    """An aware UTC time in whole seconds. Raises ValueError for what the API does not take for one."""
    if not _MOMENT.fullmatch(text):
        raise ValueError(f"{text!r} is no date and time with an offset")
    return whole(datetime.fromisoformat(text))


def parse_date(text: str) -> date:
    """Raises ValueError for what the API does not take for a date."""
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is no date")
    return date.fromisoformat(text)
