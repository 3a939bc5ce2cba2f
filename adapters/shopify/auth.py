"""How a shop is joined, who is looking at our page inside its admin, and how its token stays alive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from adapters.http import Reply
from adapters.shopify import MANIFEST, api
from connector.errors import ConfigError, Rejected, Unavailable
from connector.ports.platform import Account, Grant, Kit

_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
}
#: Public apps must ask for tokens that end (offline-access-tokens, 2026-04-01).
_EXPIRING = {"expiring": 1}
_HANDLE = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Visitor:
    """Who looks at our page inside a shop's admin: the shop, and Shopify's id of the member of staff."""

    shop: str
    user: str


@dataclass(frozen=True)
class ShopifyAuth:
    """Joins shops and renews their tokens."""

    client: api.Client

    def check_account(self, external: str) -> str:
        """The shop's permanent name, from that name, its first part, or its admin's address. Raises ConfigError."""
        typed = external.strip().lower()
        url = urlsplit(typed if "//" in typed else f"//{typed}")
        host = url.netloc
        if host == "admin.shopify.com":
            host = url.path.removeprefix("/store/").partition("/")[0]
        if _HANDLE.fullmatch(host):
            host += ".myshopify.com"
        if not re.fullmatch(MANIFEST.account_hosts, host):
            raise ConfigError([f"{external!r} is no Shopify shop; give its permanent name, like acme.myshopify.com"])
        return host

    def probe(self, account: Account) -> Mapping[str, str]:
        """What the shop says of itself: name, currency, time zone, and whether buyers can use store credit."""
        shop = self.client.run(account, "shop", {})
        version = shop["customerAccountsV2"]["customerAccountsVersion"]
        return {
            "id": shop["id"],
            "name": shop["name"],
            "external": shop["myshopifyDomain"],
            "currency": shop["currencyCode"],
            "zone": shop["ianaTimezone"],
            # Store credit can be spent in new customer accounts alone; a merchant on classic ones must know.
            "spendable": "no" if version == "CLASSIC" else "yes",
        }

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair. Raises Gone where the old one is no longer honoured."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _grant(account.external, *self.client.token(account.external, form))

    # ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    def install_url(self, external: str, state: str, redirect_uri: str) -> str:
        """Where to send a merchant who starts from our side."""
        return api.install_url(self.client, external, state, redirect_uri)

    def accept(self, query: Mapping[str, str]) -> Grant:
        """The pair for an installation that Shopify confirms by `query`. Raises Rejected where it did not sign it."""
        shop = query.get("shop", "")
        if not re.fullmatch(MANIFEST.account_hosts, shop) or not api.signed_query(self.client, query):
            raise Rejected("this installation was not confirmed by Shopify, or too long ago; start it again")
        return _grant(shop, *self.client.token(shop, {"code": query.get("code", ""), **_EXPIRING}))

    def visitor(self, authorization: str) -> Visitor:
        """Who sent this request from inside the admin, by its `Authorization: Bearer` header. Raises Rejected."""
        claims = api.session_claims(self.client, authorization)
        shop = urlsplit(str(claims["dest"])).netloc
        if not re.fullmatch(MANIFEST.account_hosts, shop):
            raise Rejected("the session token names no shop")
        return Visitor(shop, str(claims["sub"]))

    def exchange(self, authorization: str) -> Grant:
        """The pair for the shop whose admin sent this request: how an app inside the admin is joined."""
        shop = self.visitor(authorization).shop
        form = {**_EXCHANGE, **_EXPIRING, "subject_token": authorization.removeprefix("Bearer ")}
        return _grant(shop, *self.client.token(shop, form))


def build(kit: Kit) -> ShopifyAuth:
    return ShopifyAuth(api.Client(kit))


def _grant(external: str, answer: Mapping[str, Any], reply: Reply) -> Grant:
    """A pair as told. Its end is counted from the answer's own Date, so that our clock has no say in it."""
    access, life = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(access, str) or not access:
        raise Unavailable("Shopify's answer holds no token", platform=MANIFEST.key, operation="token")
    try:
        ends = parsedate_to_datetime(reply.headers["date"]) + timedelta(seconds=float(life)) if life else None
    except (KeyError, ValueError, TypeError) as error:
        raise Unavailable("Shopify's answer does not say when", platform=MANIFEST.key, operation="token") from error
    scopes = str(answer.get("scope") or "").split(",")
    return Grant(external, access, str(answer.get("refresh_token") or ""), ends, tuple(filter(None, scopes)))
