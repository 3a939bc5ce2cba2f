"""One answer of a platform, before it is known what it means: each platform's own rules for that build on this."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypedDict

from adapters.http import Reply
from connector.errors import PlatformError, Unavailable, Unknown

Json = Mapping[str, Any]

#: No wait that a platform asks for is shorter or longer than these.
MIN_WAIT_S, MAX_WAIT_S = 1.0, 3600.0


class Facts(TypedDict):
    """What every error says of the answer that it came from."""

    platform: str
    operation: str
    status: int
    request_id: str


@dataclass(frozen=True)
class Answered:
    """One answer, and how an unclear one counts: a change may have had its effect, a read had none."""

    platform: ClassVar[str]

    reply: Reply
    operation: str
    changes: bool

    @property
    def request_id(self) -> str:
        """The platform's own name of this answer, by which its support finds it."""
        return self.reply.request_id

    @property
    def facts(self) -> Facts:
        return Facts(
            platform=self.platform, operation=self.operation, status=self.reply.status, request_id=self.request_id
        )

    def uncertain(self, reason: str) -> PlatformError:
        kind = Unknown if self.changes else Unavailable
        return kind(reason, **self.facts)


def asked_wait(reply: Reply, otherwise: float) -> float:
    """Seconds by Retry-After, within reason; else as said. A NaN must not become a wait."""
    try:
        told = float(reply.headers.get("retry-after", ""))
    except ValueError:
        return otherwise
    return min(max(told, MIN_WAIT_S), MAX_WAIT_S) if told == told else otherwise  # noqa: PLR0124


def parse(reply: Reply) -> Json | None:
    """The JSON object of an answer, or None."""
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
