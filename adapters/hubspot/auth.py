"""How a HubSpot account is joined, by OAuth with PKCE or by a key of its own, and how its token stays alive."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import VERSION, Client, Json, shaped
from connector import clock
from connector.errors import ConfigError, Refused, Rejected, Unavailable
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

_AUTHORIZE = "/oauth/authorize"
#: No token lives longer than a year; HubSpot's live half an hour.
_LONGEST_S = 366 * 24 * 3600
#: Begins every key that an account makes for itself: it never ends, and HubSpot tells nobody what it may do.
_OWN_KEY = "pat-"


@dataclass(frozen=True)
class HubSpotAuth:
    """Joins accounts and renews their tokens."""

    client: Client

    def check_account(self, external: str) -> str:
        """The account's number, from that number or an address of its pages. Raises ConfigError."""
        typed = external.strip()
        found = re.fullmatch(r"https://app(?:-[a-z0-9]+)?\.hubspot\.com/[a-z-]+/([0-9]{1,15})(?:[/?#].*)?", typed)
        name = found[1] if found else typed
        if not re.fullmatch(MANIFEST.accounts, name):
            raise ConfigError([f"{external[:80]!r} is no HubSpot account; give its number, which HubSpot calls Hub ID"])
        return name

    def own(self, external: str, key: str) -> Grant:
        """A key of one's own is the token itself, and never ends."""
        return Grant(self.check_account(external), key)

    @shaped
    def probe(self, account: Account) -> Mapping[str, str]:
        """What the account says of itself: number, currency, time zone, and the permissions that it gave.

        Raises Refused for a key of another account than the one that was named.
        """
        path = f"/account-info/{VERSION}/details"
        told = self.client.run(account, "GET", path, operation="account_info")
        number = str(told["portalId"])
        if account.external not in ("", number):
            words = f"this key is of the HubSpot account {number}, not of {account.external}"
            raise Refused(words, code="ANOTHER_ACCOUNT", platform=MANIFEST.key)
        return {
            "external": number,
            "name": f"HubSpot {number}",
            "currency": str(told["companyCurrency"]),
            "zone": str(told.get("timeZone") or ""),
            "host": str(told.get("uiDomain") or ""),
            "scopes": " ".join(self._scopes(account)),
            **({"polled": "HubSpot sends a key of your own no webhooks"} if _is_own(account.token) else {}),
        }

    def _scopes(self, account: Account) -> Sequence[str]:
        """What an installation may do. A key of one's own cannot be asked: HubSpot refuses single calls instead."""
        if _is_own(account.token) or not self.client.kit.settings.get(MANIFEST.app_secret):
            return ()
        form = {"token": account.token, "token_type_hint": "access_token"}
        told = self.client.token(form, operation="introspect", path="/token/introspect")
        return _words_of(told)

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair. Raises Gone where the old one is no longer honoured."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _grant(self.client.token(form), account.external, refresh_token)

    def leave(self, account: Account) -> str:
        """Take the app out of the account; nothing is left to be done there."""
        path = f"/appinstalls/{VERSION}/external-install"
        self.client.run(account, "DELETE", path, operation="uninstall", empty=True)
        return ""

    # ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    def framing(self, _external: str) -> Sequence[str]:
        """Nobody's: HubSpot shows its own pages of ours."""
        return ()

    def arrive(self, _query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        """A merchant is sent to HubSpot, where they choose an account and agree; what is optional they may refuse."""
        required = [scope.name for scope in MANIFEST.scopes if not scope.optional]
        optional = [scope.name for scope in MANIFEST.scopes if scope.optional]
        query = {
            "client_id": self.client.key,
            "redirect_uri": journey.redirect_uri,
            "scope": " ".join(required),
            "optional_scope": " ".join(optional),
            "state": journey.state,
            "code_challenge": _challenge(journey.verifier),
            "code_challenge_method": "S256",
        }
        base = self.client.kit.base_url.rstrip("/") or "https://app.hubspot.com"
        return Elsewhere(f"{base}{_AUTHORIZE}?{urlencode(query)}")

    def accept(self, query: Mapping[str, str], journey: Journey) -> Grant:
        """The pair for an installation that HubSpot confirms by `query`. Raises Rejected where it did not agree."""
        code = query.get("code", "")
        if not code:
            told = query.get("error_description") or query.get("error") or "no code came back"
            raise Rejected(f"HubSpot did not connect the account: {told[:200]}; start it again", status=400)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": journey.redirect_uri,
            "code_verifier": journey.verifier,
        }
        return _grant(self.client.token(form), "", "")


def _is_own(token: str) -> bool:
    return token.startswith(_OWN_KEY)


def build(kit: Kit) -> HubSpotAuth:
    return HubSpotAuth(Client(kit))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _grant(answer: Json, external: str, refresh_token: str) -> Grant:
    """A pair as told. HubSpot's answer bears no time of its own, so its life is counted from now, a little shorter."""
    access, life, number = answer.get("access_token"), answer.get("expires_in"), str(answer.get("hub_id") or external)
    if not isinstance(access, str) or not access or type(life) is not int or not 0 < life <= _LONGEST_S:
        raise Unavailable("HubSpot's answer holds no token", platform=MANIFEST.key, operation="token")
    if not re.fullmatch(MANIFEST.accounts, number):
        raise Unavailable("HubSpot's answer names no account", platform=MANIFEST.key, operation="token")
    if external not in ("", number):
        raise Unavailable("HubSpot's answer is for another account", platform=MANIFEST.key, operation="token")
    return Grant(
        number,
        access,
        str(answer.get("refresh_token") or refresh_token),
        clock.now() + timedelta(seconds=life),
        tuple(_words_of(answer)),
    )


def _words_of(answer: Json) -> Sequence[str]:
    told = answer.get("scopes")
    return sorted(str(scope) for scope in told) if isinstance(told, list) else str(answer.get("scope") or "").split()
