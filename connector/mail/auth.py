"""How a sender's address is joined: with the address of the mail server that takes their mails, which holds the password."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from connector.errors import ConfigError, Gone, Rejected
from connector.mail import MANIFEST
from connector.mail.post import Server, greeted
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

_HOW = "run `connector connect mail --account SENDER` and give the address of its mail server"


@dataclass(frozen=True)
class MailAuth:
    """Joins senders."""

    timeout_s: float

    def check_account(self, external: str) -> str:
        """The sender's address, in small letters. Raises ConfigError for what is none."""
        name = external.strip().lower()
        if not re.fullmatch(MANIFEST.accounts, name):
            raise ConfigError([f"{external[:80]!r} is no address to send from, such as referrals@shop.example.com"])
        return name

    def own(self, external: str, key: str) -> Grant:
        """The server's address is the token, and never ends. Raises ConfigError for one that is none."""
        Server.parse(key)
        return Grant(self.check_account(external), key)

    def probe(self, account: Account) -> Mapping[str, str]:
        """That the server lets us in. Raises TokenExpired for a wrong password, Unavailable where it does not answer."""
        with greeted(Server.parse(account.token), self.timeout_s):
            return {"name": account.external.rpartition("@")[2]}

    def refresh(self, account: Account, refresh_token: str) -> Grant:  # noqa: ARG002
        raise Gone("a mail server's password cannot be renewed", platform=MANIFEST.key)

    def leave(self, account: Account) -> str:  # noqa: ARG002
        """Nothing has to be taken out of a mail server."""
        return ""

    def framing(self, _external: str) -> Sequence[str]:
        return ()

    def arrive(self, _query: Mapping[str, str], _journey: Journey) -> Grant | Elsewhere | Page:
        _not_here()

    def accept(self, _query: Mapping[str, str], _journey: Journey) -> Grant:
        _not_here()


def _not_here() -> NoReturn:
    raise Rejected(f"a mail server is not joined by a browser: {_HOW}", 404)


def build(kit: Kit) -> MailAuth:
    return MailAuth(kit.timeout_s)
