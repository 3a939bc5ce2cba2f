"""Where an org is called, and with which token: each answer about tokens tells both, for orgs move between hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from adapters.salesforce import MANIFEST
from connector.errors import Unavailable


@dataclass(frozen=True)
class Seat:
    """The org's own host, and an access token for it. Kept together as the one text that a connection's token is."""

    url: str
    token: str = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Seat:
        """Raises Unavailable for a text that is none."""
        url, blank, token = text.partition(" ")
        if not blank or not token:
            raise Unavailable("the stored token names no host: connect the org again", platform=MANIFEST.key)
        return cls(url, token)

    def __str__(self) -> str:
        return f"{self.url} {self.token}"


def seat(instance_url: object, token: object, *, anywhere: bool) -> Seat:
    """As an answer told them. anywhere: a base URL replaces all hosts. Raises Unavailable for another's host."""
    url = instance_url if isinstance(instance_url, str) else ""
    host = urlsplit(url).hostname or ""
    if not isinstance(token, str) or not token or " " in token:
        raise Unavailable("Salesforce's answer holds no token", platform=MANIFEST.key, operation="token")
    if not anywhere and not (url == f"https://{host}" and re.fullmatch(MANIFEST.hosts, host)):
        words = f"Salesforce's answer names {host[:80]!r}, which is no host of Salesforce's"
        raise Unavailable(words, platform=MANIFEST.key, operation="token")
    return Seat(url.rstrip("/"), token)
