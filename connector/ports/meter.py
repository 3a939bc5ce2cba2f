"""Meters: a platform's rate limits, and what of them is ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Window:
    """A limit of the kind "so many calls in any so many seconds"."""

    most: int
    seconds: float


class Meter(Protocol):
    """The connection's share of the platform's rate limit, shared by all workers."""

    def take(self, connection: UUID, cost: float) -> None:
        """Reserve `cost`; raises Throttled with the wait when the bucket is too low."""

    def enter(self, connection: UUID, window: Window) -> None:
        """Count one call; raises Throttled with the wait when the window is full. What was learned counts instead."""

    def saw(self, connection: UUID, window: Window, left: int) -> None:
        """The platform's own word of its window, and how many calls are left in it now."""

    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None:
        """Correct the bucket by what the platform just said. back: what a call reserved and did not cost in the end."""
