"""How many calls an org has in 24 hours, ours and everybody else's, as the header of every answer tells."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.salesforce.sandbox.answers import Json, Refusal

_WINDOW = timedelta(hours=24)


@dataclass
class Limits:
    """A rolling window. most: calls that the org may make in it."""

    most: int = 15_000
    calls: deque[tuple[datetime, int]] = field(default_factory=deque)

    def used(self, now: datetime) -> int:
        while self.calls and self.calls[0][0] <= now - _WINDOW:
            self.calls.popleft()
        return sum(number for _, number in self.calls)

    def take(self, now: datetime, number: int = 1) -> None:
        """Count calls. Raises Refusal, and counts nothing, where none is left."""
        if self.used(now) >= self.most:
            raise exceeded()
        self.calls.append((now, number))

    def header(self, now: datetime) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.used(now)}/{self.most}"}

    def as_json(self, now: datetime) -> Json:
        """What /limits says; only the first of these is ever used up here."""
        left = max(0, self.most - self.used(now))
        fixed = {"DailyBulkApiBatches": 15_000, "DataStorageMB": 5, "FileStorageMB": 20, "SingleEmail": 15}
        rest = {name: {"Max": most, "Remaining": most} for name, most in fixed.items()}
        return {"DailyApiRequests": {"Max": self.most, "Remaining": left}, **rest}


def exceeded() -> Refusal:
    return Refusal("REQUEST_LIMIT_EXCEEDED", "Request limit exceeded", status=403)
