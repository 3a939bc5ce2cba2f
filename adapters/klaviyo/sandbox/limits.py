"""Rate limits: two fixed windows for each operation, a second and a minute, as `x-klaviyo-ratelimit` publishes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import ceil


@dataclass(frozen=True)
class Size:
    """Calls of one operation in a second (burst) and in a minute (steady)."""

    burst: int
    steady: int


XS, S, M, L, XL = Size(1, 15), Size(3, 60), Size(10, 150), Size(75, 750), Size(350, 3500)
_MINUTE_S = 60


@dataclass
class Windows:
    """How many calls each quota made. A quota is that of all the account's keys, or of one app in the account."""

    _counts: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)

    def take(self, quota: str, operation: str, size: Size, now: datetime) -> int:
        """Count a call; or, where a window is full, the seconds until it ends, and the call counts nowhere."""
        for length, most in ((_MINUTE_S, size.steady), (1, size.burst)):
            if self._used(quota, operation, length, now) >= most:
                return _left(length, now)
        for length in (1, _MINUTE_S):
            window = int(now.timestamp() // length)
            used = self._used(quota, operation, length, now)
            self._counts[quota, operation, length] = (window, used + 1)
        return 0

    def headers(self, quota: str, operation: str, size: Size, now: datetime) -> dict[str, str]:
        """What every answer but a 429 tells: both limits, and the state of the steady window."""
        used = self._used(quota, operation, _MINUTE_S, now)
        return {
            "RateLimit-Limit": f"{size.burst}, {size.burst};w=1, {size.steady};w=60",
            "RateLimit-Remaining": str(max(0, size.steady - used)),
            "RateLimit-Reset": str(_left(_MINUTE_S, now)),
        }

    def _used(self, quota: str, operation: str, length: int, now: datetime) -> int:
        window, used = self._counts.get((quota, operation, length), (-1, 0))
        return used if window == int(now.timestamp() // length) else 0


def _left(length: int, now: datetime) -> int:
    """Whole seconds until this window ends, at least one."""
    return max(1, ceil(length - now.timestamp() % length))
