"""How a Klaviyo account is joined, by OAuth with PKCE or by a private key of its own, and how its token stays alive."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from adapters.answers import Json
from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api import Client, id_of, shaped
from adapters.klaviyo.api.credentials import OWN_KEY, Credentials
from adapters.klaviyo.api.endpoints import ACCOUNTS
from adapters.plain import part, text_of
from connector import clock
from connector.errors import ConfigError, Refused, Rejected, Unavailable
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

_AUTHORIZE = "/oauth/authorize"
#: No token lives longer than a year; Klaviyo's live an hour.
_LONGEST_S = 366 * 24 * 3600
#: An account that is being joined has no connection yet.
_NO_CONNECTION = UUID(int=0)


@dataclass(frozen=True)
class KlaviyoAuth:
    """Joins accounts and renews their tokens."""

    client: Client

    def check_account(self, external: str) -> str:
        """The account's id. Raises ConfigError for what is none; capitals count in it."""
        name = external.strip()
        if not re.fullmatch(MANIFEST.accounts, name):
            where = "give its six letters and digits, which Klaviyo calls Public API key: Settings, API keys"
            raise ConfigError([f"{external[:80]!r} is no Klaviyo account; {where}"])
        return name

    def own(self, external: str, key: str) -> Grant:
        """A private key is the token itself, and never ends."""
        if not re.fullmatch(rf"{OWN_KEY}\w{{8,200}}", key, re.ASCII):
            raise ConfigError([f"this is no private key of Klaviyo's: it begins with {OWN_KEY}; Settings, API keys"])
        return Grant(self.check_account(external), key)

    @shaped
    def probe(self, account: Account) -> Mapping[str, str]:
        """What the account says of itself: its id, name, currency and time zone.

        Raises Refused for a key of another account than the one that was named.
        """
        told = self._told(account)
        number, attributes = id_of(told), told["attributes"]
        if account.external not in ("", number):
            words = f"this key is of the Klaviyo account {number}, not of {account.external}"
            raise Refused(words, code="ANOTHER_ACCOUNT", platform=MANIFEST.key)
        contact = part(attributes.get("contact_information"))
        return {
            "external": number,
            "name": text_of(contact.get("organization_name")) or f"Klaviyo {number}",
            "currency": str(attributes["preferred_currency"]),
            "zone": text_of(attributes.get("timezone")),
        }

    def _told(self, account: Account) -> Json:
        """The account that the credentials belong to."""
        (told,) = self.client.run(account, ACCOUNTS)["data"]
        if not re.fullmatch(MANIFEST.accounts, id_of(told)):
            raise ValueError("the answer names no account")
        found: Json = told
        return found

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair; where its refresh token is a new one, the old one is over. Raises Gone for one not honoured."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _grant(self.client.token(form), account.external, refresh_token)

    def leave(self, account: Account) -> str:
        """Take the app out of the account. A key of one's own is its owner's to delete."""
        held = Credentials.parse(account.token)
        if held.own:
            return "delete the private key in Klaviyo, under Settings, API keys"
        self.client.revoke(held.refresh or held.access)
        return ""

    # ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    def framing(self, _external: str) -> Sequence[str]:
        """Nobody's: Klaviyo shows no pages of ours."""
        return ()

    def arrive(self, _query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        """A merchant is sent to Klaviyo, where they log in to the account that is to be connected, and agree."""
        query = {
            "response_type": "code",
            "client_id": self.client.key,
            "redirect_uri": journey.redirect_uri,
            "scope": " ".join(scope.name for scope in MANIFEST.scopes),
            "state": journey.state,
            "code_challenge": _challenge(journey.verifier),
            "code_challenge_method": "S256",
        }
        base = self.client.kit.base_url.rstrip("/") or "https://www.klaviyo.com"
        return Elsewhere(f"{base}{_AUTHORIZE}?{urlencode(query)}")

    def accept(self, query: Mapping[str, str], journey: Journey) -> Grant:
        """The pair for an installation that Klaviyo confirms by `query`. Raises Rejected where it did not agree."""
        code = query.get("code", "")
        if not code:
            told = query.get("error_description") or query.get("error") or "no code came back"
            raise Rejected(f"Klaviyo did not connect the account: {told[:200]}; start it again", status=400)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": journey.redirect_uri,
            "code_verifier": journey.verifier,
        }
        answer = self.client.token(form)
        return _grant(answer, self._whose(answer), "")

    @shaped
    def _whose(self, answer: Json) -> str:
        """The account that a fresh token is for: Klaviyo's answer does not say."""
        access = _token(answer.get("access_token"))
        return id_of(self._told(Account(_NO_CONNECTION, MANIFEST.key, "", access)))


def build(kit: Kit) -> KlaviyoAuth:
    return KlaviyoAuth(Client(kit))


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _grant(answer: Json, external: str, refresh_token: str) -> Grant:
    """A pair as told. The answer bears no time of its own, so its life is counted from now."""
    access, life = _token(answer.get("access_token")), answer.get("expires_in")
    refresh = answer.get("refresh_token") or refresh_token
    if type(life) is not int or not 0 < life <= _LONGEST_S:
        raise _no_token()
    ends, scopes = clock.now() + timedelta(seconds=life), tuple(str(answer.get("scope") or "").split())
    kept = Credentials(access, _token(refresh))
    return Grant(external, str(kept), kept.refresh, ends, scopes)


def _token(value: object) -> str:
    """A token as it stands. Raises Unavailable for what is none: a blank in it would part it from its other half."""
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]{1,8000}", value) or value.startswith(OWN_KEY):
        raise _no_token()
    return value


def _no_token() -> Unavailable:
    return Unavailable("Klaviyo's answer holds no token", platform=MANIFEST.key, operation="token")
