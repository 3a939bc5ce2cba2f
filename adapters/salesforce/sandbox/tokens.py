"""Sessions, refresh tokens and codes of an org. None of them says how long it lasts: the org's policy decides."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

#: A code is redeemed at once or not at all.
CODE_LIFE = timedelta(minutes=15)


@dataclass(frozen=True)
class Code:
    """What an admin agreed to: for which org and user, address, scopes and verifier."""

    org: str
    user: str
    redirect_uri: str
    challenge: str
    scope: str
    ends: datetime


@dataclass
class Tokens:
    """access: token -> (user, when its session ends or None). refresh: token -> (user, scopes)."""

    access: dict[str, tuple[str, datetime | None]] = field(default_factory=dict)
    refresh: dict[str, tuple[str, str]] = field(default_factory=dict)

    def user(self, token: str, now: datetime) -> str:
        """Whose session this is, "" for none or one that ended."""
        user, ends = self.access.get(token, ("", None))
        return user if ends is None or ends > now else ""

    def open(self, org: str, user: str, ends: datetime) -> str:
        """A new session."""
        token = f"{org[:15]}!AQ{secrets.token_urlsafe(48)}"
        self.access[token] = (user, ends)
        return token

    def keep(self, user: str, scope: str) -> str:
        """A new refresh token."""
        token = f"5Aep861{secrets.token_urlsafe(40)}"
        self.refresh[token] = (user, scope)
        return token

    def expire(self, now: datetime) -> int:
        """End every session; how many there were."""
        self.access = {token: (user, now) for token, (user, _) in self.access.items()}
        return len(self.access)

    def clear(self) -> None:
        self.access.clear()
        self.refresh.clear()
