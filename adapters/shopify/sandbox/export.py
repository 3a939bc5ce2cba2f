"""A bulk operation as the stand-in holds it: what it found, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: Nobody may ever look at an operation whose id was lost; it ends by itself and frees the shop for the next one.
LONGEST = timedelta(minutes=10)
LIFE = timedelta(days=7)


@dataclass
class Export:
    """One bulk operation. It is CREATED, then RUNNING, and ends with its `looks`th look; error: it ends as FAILED."""

    id: int
    query: str
    created_at: datetime
    lines: list[str]
    roots: int
    looks: int
    error: str | None = None
    seen: int = 0
    ended_at: datetime | None = None

    @property
    def text(self) -> str:
        """What can be fetched: all of it, or of a failed operation the first half."""
        rows = self.lines[: len(self.lines) // 2] if self.error else self.lines
        return "".join(f"{row}\n" for row in rows)

    def look(self, now: datetime) -> str:
        """The status at the next look."""
        self.seen += 1
        if self.ended_at is None and (self.seen > self.looks or now - self.created_at > LONGEST):
            self.ended_at = now
        return self.status

    @property
    def status(self) -> str:
        if self.ended_at is None:
            return "CREATED" if self.seen <= 1 else "RUNNING"
        return "FAILED" if self.error else "COMPLETED"

    def running(self, now: datetime) -> bool:
        return self.ended_at is None and now - self.created_at <= LONGEST

    def counted(self, whole: int) -> int:
        """How many of `whole` objects it has come past."""
        return whole if self.ended_at else whole * max(0, self.seen - 1) // (self.looks + 1)


@dataclass
class Exports:
    """The bulk operations of a shop, and how the next one will go: its looks, and with what error it fails."""

    runs: dict[int, Export] = field(default_factory=dict)
    looks: int = 2
    error: str | None = None
