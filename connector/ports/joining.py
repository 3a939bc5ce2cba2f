"""How an account of a platform is joined to a merchant, and how its token is kept alive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from connector.ports.platform import Account


@dataclass(frozen=True)
class Grant:
    """A token pair as a platform gave it. `external` is the account it is for."""

    external: str
    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """Where a merchant must agree first: an address on the platform's own host.

    account: the account that they must come back for; "" where the platform lets them choose it there. note: what the
    platform's code must be told again when they come back; it travels with them, sealed.
    """

    url: str
    account: str = ""
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A page that proves who looks at it and then comes back, for platforms that show us inside their admin."""

    html: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Journey:
    """One installation under way. state: unguessable, comes back with the answer. verifier: its PKCE secret.

    note: what `arrive` wanted to be told again.
    """

    state: str
    verifier: str = field(repr=False)
    redirect_uri: str
    note: str = ""


class Auth(Protocol):
    """How an account is joined and its token kept alive."""

    def check_account(self, external: str) -> str:
        """The canonical name of an account a person typed. Raises ConfigError for one outside the platform."""

    def own(self, external: str, key: str) -> Grant:
        """What joins an account that a person typed, by a key of its own. Raises ConfigError for a name or key that is none,

        and Gone or Refused where the platform gives nothing for it.
        """

    def probe(self, account: Account) -> Mapping[str, str]:
        """Prove that the token works and learn the account's own facts.

        name, zone, currency; scopes: granted ones, by spaces; host: where its own pages are, if they have another name;
        `cannot:CAPABILITY`: why a kind of credit is of no use there; polled: why it must be asked what changed, since it
        does not tell by itself; nudges: the path at which it may tell that something did.
        """

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair. Raises Gone for invalid_grant, which the caller believes only after re-reading its own pair."""

    def leave(self, account: Account) -> str:
        """Take the app out of the account on the platform's side; says what the merchant must do there themselves, if

        the platform lets nobody else do it.
        """

    def framing(self, external: str) -> Sequence[str]:
        """Whose pages may show ours in a frame for this account; nobody's where the platform does not."""

    def arrive(self, query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        """A merchant opens us: joined at once where the platform vouches for them, else sent to agree.

        Raises Rejected for a visit that names no account of the platform, or that it did not sign.
        """

    def accept(self, query: Mapping[str, str], journey: Journey) -> Grant:
        """The pair for an installation that the platform confirms by `query`. Raises Rejected if it did not."""
