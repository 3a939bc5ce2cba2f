"""How a receiver is joined: its address, and the secret that signs what it gets. Nothing is asked of it for that."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from connector.errors import ConfigError, Rejected
from connector.hook import MANIFEST
from connector.ports.hooks import NEW
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

#: What a secret begins with, and how many bytes it may hold (standardwebhooks.com).
PREFIX, FEWEST, MOST, FRESH = "whsec_", 24, 64, 32
_LONGEST = 1000
#: Names that lead into somebody's own network wherever they are looked up.
_INTERNAL = re.compile(r"(.+\.)?(localhost|local|internal|intranet|lan|home\.arpa|localdomain|onion)")
_NO_PAGES = "hooks are added by `connector hook add`"


class HookAuth:
    """Joins receivers."""

    def check_account(self, external: str) -> str:
        """The receiver's https address. Raises ConfigError for one that is none, or that is not on the public internet."""
        text = external.strip()
        text = text if "://" in text else f"https://{text}"
        try:
            parts = urlsplit(text)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _wrong(external, "it is no address") from error
        if why := _why_not(text, parts.scheme, host, port, named="@" in parts.netloc):
            raise _wrong(external, why)
        query = f"?{parts.query}" if parts.query else ""
        return f"https://{host}{parts.path or '/'}{query}"

    def own(self, external: str, key: str) -> Grant:
        """The secret of one's own, or, for the word `new`, one that is made. Raises ConfigError for what is none."""
        secret = PREFIX + base64.b64encode(secrets.token_bytes(FRESH)).decode() if key == NEW else key
        bytes_of(secret)
        return Grant(self.check_account(external), secret)

    def probe(self, account: Account) -> Mapping[str, str]:
        """Nothing is called: whether it takes what it gets is seen in the log."""
        return {"name": urlsplit(account.external).hostname or account.external}

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """The time of two secrets is over: the newer one signs alone."""
        return Grant(account.external, refresh_token)

    def leave(self, _account: Account) -> str:
        """Nothing is left to do there."""
        return ""

    def framing(self, _external: str) -> Sequence[str]:
        return ()

    def arrive(self, _query: Mapping[str, str], _journey: Journey) -> Grant | Elsewhere | Page:
        raise Rejected(_NO_PAGES, status=404)

    def accept(self, _query: Mapping[str, str], _journey: Journey) -> Grant:
        raise Rejected(_NO_PAGES, status=404)


def build(_kit: Kit) -> HookAuth:
    return HookAuth()


def bytes_of(secret: str) -> bytes:
    """What signs. Raises ConfigError for a text that is no secret, without repeating it."""
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        found = b""
    if not secret.startswith(PREFIX) or not FEWEST <= len(found) <= MOST:
        raise ConfigError([f"this is no secret: it is {PREFIX} and then {FEWEST} to {MOST} random bytes in base64"])
    return found


def _why_not(text: str, scheme: str, host: str, port: int | None, *, named: bool) -> str:
    if not text.isascii() or not text.isprintable() or " " in text or len(text) > _LONGEST:
        return f"it must be at most {_LONGEST} plain letters; write others in their encoded form"
    if scheme != "https":
        return "it must begin with https://"
    if named or "#" in text or port not in (None, 443):
        return "give it without a name, a port or a #"
    if not re.fullmatch(MANIFEST.hosts, host) or _INTERNAL.fullmatch(host):
        return "its host must have a name on the public internet"
    return ""


def _wrong(external: str, why: str) -> ConfigError:
    return ConfigError([f"{external[:80]!r} is no receiver: {why}"])
