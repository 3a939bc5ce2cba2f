"""With what an account is called: a key of its own, or the pair that OAuth brought.

Only the refresh token takes the app out of an account, and whoever leaves is given nothing but the access token. The two
change together, so they are kept together as the one text that a connection's token is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Begins every private key. It never ends, and Klaviyo tells nobody what it may do.
OWN_KEY = "pk_"


@dataclass(frozen=True)
class Credentials:
    """A private key, or an access token with the refresh token that belongs to it."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Credentials:
        access, _, refresh = text.partition(" ")
        return cls(access, refresh)

    def __str__(self) -> str:
        return f"{self.access} {self.refresh}".strip()

    @property
    def own(self) -> bool:
        return self.access.startswith(OWN_KEY)

    @property
    def header(self) -> str:
        """The whole Authorization header."""
        return f"Klaviyo-API-Key {self.access}" if self.own else f"Bearer {self.access}"
