"""How an org is joined and stays so: by an admin in the browser, or one's own org by its app's own key or certificate.

The refresh token rotates with each use, and the one that is kept says which of these ways it belongs to.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import jwt

from adapters.answers import Json
from adapters.plain import text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, shaped
from adapters.salesforce.api.seat import Seat, seat
from adapters.salesforce.inbound.door import place_of
from adapters.salesforce.inbound.ids import ORG, full_id
from adapters.salesforce.outbound.org import Orgs
from connector import clock
from connector.errors import ConfigError, Gone, Refused, Rejected, Unavailable
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

_AUTHORIZE = "/services/oauth2/authorize"
_LOGIN, _SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"
#: How a kept refresh token was come by: `browser HOST TOKEN`, `app HOST` or `jwt HOST USER`.
_BROWSER, _APP, _JWT = "browser", "app", "jwt"
_JWT_LIFE = timedelta(minutes=3)
_WAYS = (
    f"give `{_APP}` to join by the app's own key (client credentials), or `{_JWT} USERNAME` to join by its certificate"
)


@dataclass(frozen=True)
class SalesforceAuth:
    """Joins orgs and renews their tokens."""

    client: Client

    def check_account(self, external: str) -> str:
        """The org's id in its 18 characters. Raises ConfigError for what is none."""
        organization = full_id(external)
        if not organization.startswith(ORG):
            raise ConfigError([f"{external[:80]!r} is no org's id; Setup, Company Information shows it: 00D..."])
        return organization

    def host(self, typed: str) -> str:
        """The base address of an org, from its host or any address there. Raises ConfigError for one not Salesforce's.

        It is typed by a person, and called with our secret: nothing but the exact form of such a host is believed.
        """
        text = typed.strip().lower()
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        host = re.sub(r"\.lightning\.force\.com$", ".my.salesforce.com", host)
        if self.client.base and host == urlsplit(self.client.base).hostname:
            return self.client.base
        if not re.fullmatch(MANIFEST.hosts, host):
            words = "give its My Domain, such as acme.my.salesforce.com; Setup, My Domain shows it"
            raise ConfigError([f"{typed[:80]!r} is no address of a Salesforce org; {words}"])
        return self.client.base or f"https://{host}"

    def own(self, external: str, key: str) -> Grant:
        """The grant of one's own org, by its app's own key or its certificate. Raises ConfigError, Gone, Refused."""
        way, _, user = key.strip().partition(" ")
        if way not in (_APP, _JWT) or bool(user.strip()) != (way == _JWT):
            raise ConfigError([_WAYS])
        kept = f"{way} {self.host(external)} {user.strip()}".strip()
        return self._granted(self._renewed(kept), "", kept)

    def probe(self, account: Account) -> Mapping[str, str]:
        """What the org says of itself: its id, name, currency and time zone."""
        told = Orgs(self.client).told(account)
        if account.external not in ("", told.id):
            words = f"this token is of the org {told.id}, not of {account.external}"
            raise Refused(words, code="ANOTHER_ACCOUNT", platform=MANIFEST.key)
        return {
            "external": told.id,
            "name": told.name,
            "currency": told.currency,
            "zone": told.zone,
            "host": urlsplit(Seat.parse(account.token).url).hostname or "",
            "scopes": " ".join(scope.name for scope in MANIFEST.scopes),
            "polled": "Salesforce is asked for what changed; an outbound message only makes that sooner",
            **(
                {"nudges": place_of(told.id, self.client.secret)}
                if MANIFEST.app_secret in self.client.kit.settings
                else {}
            ),
        }

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair. Raises Gone where the old one is no longer honoured."""
        return self._granted(self._renewed(refresh_token), account.external, refresh_token)

    @shaped
    def _renewed(self, kept: str) -> Json:
        way, _, rest = kept.partition(" ")
        host, _, more = rest.partition(" ")
        if way == _BROWSER:
            form = {"grant_type": "refresh_token", "client_secret": self.client.secret, "refresh_token": more}
        elif way == _APP:
            form = {"grant_type": "client_credentials", "client_secret": self.client.secret}
        elif way == _JWT:
            form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._signed(host, more)}
        else:
            raise Gone("no refresh token is kept: connect the org again", platform=MANIFEST.key)
        return self.client.token(host, form)

    def _signed(self, host: str, user: str) -> str:
        """Who asks and for whom, signed with the certificate's key. The audience is where people of this org log in."""
        key = self.client.kit.settings.get("SALESFORCE_PRIVATE_KEY", "").replace("\\n", "\n")
        sandbox = ".sandbox." in host or host == _SANDBOX
        audience = self.client.base or (_SANDBOX if sandbox else _LOGIN)
        told = {"iss": self.client.key, "sub": user, "aud": audience, "exp": clock.now() + _JWT_LIFE}
        try:
            return jwt.encode(told, key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError) as error:
            raise ConfigError(
                ["SALESFORCE_PRIVATE_KEY is no PEM key: give the one of the app's certificate"]
            ) from error

    def leave(self, account: Account) -> str:
        """End what was granted. The app's own entry in Setup is the admin's."""
        held = Seat.parse(account.token)
        self.client.revoke(held.url, held.token)
        return "uninstall the package, or remove the app in Setup, External Client Apps, if you no longer want it"

    # ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    def framing(self, _external: str) -> tuple[str, ...]:
        """Nobody's: our card in Salesforce is Salesforce's own page."""
        return ()

    def arrive(self, query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        """An admin is sent to log in: to the org's own host where they named it, else where everybody logs in.

        `account` names the host, since some orgs let nobody log in elsewhere; `sandbox` stands for a sandbox org.
        """
        named = query.get("account", "")
        common = _SANDBOX if query.get("sandbox") else _LOGIN
        host = self.host(named) if named else self.client.base or common
        asked = {
            "response_type": "code",
            "client_id": self.client.key,
            "redirect_uri": journey.redirect_uri,
            "scope": " ".join(scope.name for scope in MANIFEST.scopes),
            "state": journey.state,
            "code_challenge": _challenge(journey.verifier),
            "code_challenge_method": "S256",
        }
        return Elsewhere(f"{host}{_AUTHORIZE}?{urlencode(asked)}", note=host)

    def accept(self, query: Mapping[str, str], journey: Journey) -> Grant:
        """The pair for an admin who agreed, from the host where they did. Raises Rejected where they did not."""
        code = query.get("code", "")
        if not code:
            told = query.get("error_description") or query.get("error") or "no code came back"
            hint = "; install our package first, for Salesforce blocks apps that are not installed"
            raise Rejected(f"Salesforce did not connect the org: {told[:200]}{hint}", status=400)
        form = {
            "grant_type": "authorization_code",
            "client_secret": self.client.secret,
            "code": code,
            "redirect_uri": journey.redirect_uri,
            "code_verifier": journey.verifier,
        }
        host = self.host(journey.note)
        answer = self.client.token(host, form)
        if not _token(answer.get("refresh_token")):
            words = "give the external client app the scope to perform requests at any time (refresh_token)"
            raise Rejected(f"Salesforce gave no token that lasts: {words}, and connect again", status=400)
        return self._granted(answer, "", f"{_BROWSER} {host} ")

    @shaped
    def _granted(self, answer: Json, external: str, kept: str) -> Grant:
        """A pair as told. The org is named by the address of who it is for; its tokens name no end."""
        path = urlsplit(str(answer.get("id") or "")).path.split("/")  # /id/ORG/USER
        organization = next((each for part in path if (each := full_id(part)).startswith(ORG)), external)
        if not organization:
            raise Unavailable("Salesforce's answer names no org", platform=MANIFEST.key, operation="token")
        if external not in ("", organization):
            raise Unavailable("Salesforce's answer is for another org", platform=MANIFEST.key, operation="token")
        held = seat(answer.get("instance_url"), answer.get("access_token"), anywhere=bool(self.client.base))
        fresh = _token(answer.get("refresh_token"))
        if kept.startswith(_BROWSER) and fresh:
            kept = f"{_BROWSER} {kept.split(' ')[1]} {fresh}"
        return Grant(organization, str(held), kept.strip(), None, tuple(text_of(answer.get("scope")).split()))


def build(kit: Kit) -> SalesforceAuth:
    return SalesforceAuth(Client(kit))


def _token(value: object) -> str:
    """A token as it stands, "" for what is none: it has no blanks and is longer than other texts may be."""
    return value if isinstance(value, str) and " " not in value else ""


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
