"""How a shop is joined, who is looking at our page inside its admin, and how its token stays alive."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from adapters.http import Reply
from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, signatures
from adapters.shopify.api.answers import dated
from adapters.shopify.inbound.plain import with_reads
from connector.errors import ConfigError, Rejected, Unavailable
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import CANNOT, Account, Capability, Kit

_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
    "requested_token_type": "urn:shopify:params:oauth:token-type:offline-access-token",
}
#: Public apps must ask for tokens that end (offline-access-tokens, 2026-04-01).
_EXPIRING = {"expiring": 1}
CLASSIC = "store credit can be spent in new customer accounts alone: switch to them in the shop's settings"
_HANDLE = re.compile(r"[a-z0-9][a-z0-9-]*")


#: Gets a fresh session token from the admin around it, and comes back with that. The signature of the first visit would
#: not fit the second one; the session token proves more.
_COME_BACK = """
shopify.idToken().then((token) => {
  const here = new URL(location.href);
  here.searchParams.delete("hmac");
  here.searchParams.set("id_token", token);
  location.replace(here);
});
"""
_BOUNCE = """<!doctype html>
<html lang="en">
<head>
<script src="https://cdn.shopify.com/shopifycloud/app-bridge.js" data-api-key="{key}"></script>
<meta charset="utf-8">
<title>Opening</title>
<script>{script}</script>
</head>
<body><p>Opening&hellip;</p></body>
</html>
"""
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_COME_BACK.encode()).digest()).decode()


@dataclass(frozen=True)
class ShopifyAuth:
    """Joins shops and renews their tokens."""

    client: Client

    def check_account(self, external: str) -> str:
        """The shop's permanent name, from that name, its first part, or its admin's address. Raises ConfigError."""
        typed = external.strip().lower()
        url = urlsplit(typed if "//" in typed else f"//{typed}")
        host = url.netloc
        if host == "admin.shopify.com":
            host = url.path.removeprefix("/store/").partition("/")[0]
        if _HANDLE.fullmatch(host):
            host += ".myshopify.com"
        if not re.fullmatch(MANIFEST.accounts, host):
            raise ConfigError([f"{external!r} is no Shopify shop; give its permanent name, like acme.myshopify.com"])
        return host

    def own(self, external: str, key: str) -> Grant:
        """A key of one's own is the token itself, and never ends."""
        return Grant(self.check_account(external), key)

    def probe(self, account: Account) -> Mapping[str, str]:
        """What the shop says of itself: name, currency, time zone, permissions, and what buyers cannot use."""
        shop = self.client.run(account, "shop", {})
        version = shop["customerAccountsV2"]["customerAccountsVersion"]
        given = self.client.run(account, "scopes", {})["accessScopes"]
        classic = {f"{CANNOT}{Capability.BALANCE}": CLASSIC} if version == "CLASSIC" else {}
        return {
            "id": shop["id"],
            "name": shop["name"],
            "external": shop["myshopifyDomain"],
            "currency": shop["currencyCode"],
            "zone": shop["ianaTimezone"],
            "host": shop["primaryDomain"]["host"],
            "scopes": " ".join(with_reads(scope["handle"] for scope in given)),
            **classic,
        }

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        """A new pair. Raises Gone where the old one is no longer honoured."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return _grant(account.external, *self.client.token(account.external, form))

    def leave(self, _account: Account) -> str:
        """Shopify lets nobody but the merchant take an app out."""
        return "remove the app in the shop's admin, under Settings, Apps"

    # ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────

    def framing(self, external: str) -> Sequence[str]:
        """The shop's own admin and no other page (iframe protection, 2026-11)."""
        return (f"https://{external}", "https://admin.shopify.com")

    def arrive(self, query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        """A merchant opens the app.

        Inside the admin a session token vouches for them, and is fetched where it is missing: Shopify has asked them for
        our scopes already. From anywhere else they are sent to agree. Raises Rejected.
        """
        if "hmac" in query and not signatures.signed_query(self.client, query):
            raise Rejected("this visit was not signed by Shopify, or too long ago; open the app in the shop's admin")
        if query.get("id_token"):
            return self._exchange(query)
        shop = _shop(query)
        if query.get("embedded") == "1" or query.get("host"):
            return self._bounce(shop)
        return Elsewhere(signatures.install_url(self.client, shop, journey.state, journey.redirect_uri), shop)

    def accept(self, query: Mapping[str, str], _journey: Journey) -> Grant:
        """The pair for an installation that Shopify confirms by `query`. Raises Rejected where it did not sign it."""
        shop = _shop(query)
        if not signatures.signed_query(self.client, query):
            raise Rejected("this installation was not confirmed by Shopify, or too long ago; start it again")
        return _grant(shop, *self.client.token(shop, {"code": query.get("code", ""), **_EXPIRING}))

    def _exchange(self, query: Mapping[str, str]) -> Grant:
        """The pair for the shop whose admin shows us."""
        token = query["id_token"]
        url = urlsplit(str(signatures.session_claims(self.client, token)["dest"]))
        shop = url.netloc
        if url.scheme != "https" or not re.fullmatch(MANIFEST.accounts, shop):
            raise Rejected("the session token names no shop")
        if query.get("shop", shop) != shop:
            raise Rejected("the session token is of another shop")
        return _grant(shop, *self.client.token(shop, {**_EXCHANGE, **_EXPIRING, "subject_token": token}))

    def _bounce(self, shop: str) -> Page:
        """A page that App Bridge gives a session token to."""
        policy = (
            f"default-src 'none'; script-src https://cdn.shopify.com 'sha256-{_SCRIPT_HASH}'; connect-src https:;"
            f" frame-ancestors {' '.join(self.framing(shop))}"
        )
        html = _BOUNCE.format(key=escape(self.client.key), script=_COME_BACK)
        return Page(html, {"Content-Security-Policy": policy})


def build(kit: Kit) -> ShopifyAuth:
    return ShopifyAuth(Client(kit))


def _shop(query: Mapping[str, str]) -> str:
    """The shop that a visit names. Raises Rejected."""
    shop = query.get("shop", "")
    if not re.fullmatch(MANIFEST.accounts, shop):
        words = "this visit names no shop; open the app in the shop's admin, or add ?shop=NAME.myshopify.com"
        raise Rejected(words, status=400)
    return shop


def _grant(external: str, answer: Mapping[str, Any], reply: Reply) -> Grant:
    """A pair as told. Its end is counted from the answer's own Date, so that our clock has no say in it."""
    access, life = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(access, str) or not access:
        raise Unavailable("Shopify's answer holds no token", platform=MANIFEST.key, operation="token")
    try:
        ends = dated(reply) + timedelta(seconds=float(life)) if life else None
    except ValueError as error:
        raise Unavailable("Shopify's answer does not say when", platform=MANIFEST.key, operation="token") from error
    scopes = with_reads(str(answer.get("scope") or "").split(","))
    return Grant(external, access, str(answer.get("refresh_token") or ""), ends, scopes)
