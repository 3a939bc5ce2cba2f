"""A portal's rate limits: so many calls in any so many seconds (rolling) or in each (fixed), a day's, and of search."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from adapters.hubspot.sandbox.answers import Json

SEARCH_MOST = 5
_DAY_S = 86_400.0


@dataclass
class Limits:
    """Windows are counted by `ticks`, seconds that never go back. daily None: no limit a day, as for OAuth apps."""

    most: int = 110
    seconds: float = 10.0
    style: str = "rolling"
    daily: int | None = None
    _calls: deque[float] = field(default_factory=deque)
    _today: deque[float] = field(default_factory=deque)
    _searches: deque[float] = field(default_factory=deque)

    def take(self, ticks: float, *, search: bool) -> str:
        """Count one call; the name of the policy that refuses it, or ""."""
        if self.daily is not None and _count(self._today, ticks - _DAY_S) >= self.daily:
            return "DAILY"
        if search:
            if _count(self._searches, ticks - 1) >= SEARCH_MOST:
                return "SECONDLY"
            self._searches.append(ticks)
        elif self.left(ticks) <= 0:
            return "TEN_SECONDLY_ROLLING"
        else:
            self._calls.append(ticks)
        self._today.append(ticks)
        return ""

    def left(self, ticks: float) -> int:
        """Calls that the present window still takes."""
        start = ticks - self.seconds if self.style == "rolling" else ticks - ticks % self.seconds
        return max(0, self.most - _count(self._calls, start))

    def headers(self, ticks: float) -> dict[str, str]:
        return {
            "X-HubSpot-RateLimit-Max": str(self.most),
            "X-HubSpot-RateLimit-Remaining": str(self.left(ticks)),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(round(self.seconds * 1000)),
        }


def _count(calls: deque[float], start: float) -> int:
    """How many calls lie in the window; older ones are forgotten. One at the very start of a window has left it."""
    while calls and calls[0] <= start:
        calls.popleft()
    return len(calls)


def refusal(policy: str, correlation: str, group: str) -> Json:
    """The body of a 429."""
    return {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": correlation,
        "policyName": policy,
        **({"requestId": correlation} if policy == "DAILY" else {"groupName": group}),
    }
