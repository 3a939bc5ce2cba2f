"""What ShopifyAPI does for us: signatures and names, never calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client
from connector.errors import Rejected

Json = Mapping[str, Any]

#: ShopifyAPI keeps the app's key and secret in its class, which all threads share.
_SESSION = threading.Lock()


def install_url(client: Client, external: str, state: str, redirect_uri: str) -> str:
    """Where a merchant agrees to our scopes."""
    from shopify import Session

    with _SESSION:
        Session.setup(api_key=client.key, secret=client.secret)
        session = Session(external, MANIFEST.api_version)
    scopes = [scope.name for scope in MANIFEST.scopes if not scope.optional]
    url = urlsplit(session.create_permission_url(scopes, redirect_uri, state))
    return client.url(external, f"{url.path}?{url.query}")


def signed_query(client: Client, query: Mapping[str, str]) -> bool:
    """Whether Shopify signed this query string, within the last day."""
    return any(_signed_with(client.key, secret, query) for secret in client.secrets)


def _signed_with(key: str, secret: str, query: Mapping[str, str]) -> bool:
    from shopify import Session

    with _SESSION:
        Session.setup(api_key=key, secret=secret)
        try:
            return bool(Session.validate_params(dict(query)))
        except ValueError:  # a timestamp that is no number
            return False


def session_claims(client: Client, id_token: str) -> Json:
    """The claims of a session token: what Shopify vouches for about who looks at a page in the admin. Raises Rejected.

    Signed with our secret, for our app, issued by the shop that it names, and not over for more than ten seconds.
    """
    claims = _claims(client, id_token)
    if not isinstance(claims.get("exp"), int):
        # ShopifyAPI checks `exp` where it stands, and accepts a token without one.
        raise Rejected("the session token never ends")
    return claims


def _claims(client: Client, id_token: str) -> Json:
    from shopify import session_token

    told = ""
    for secret in client.secrets:
        try:
            claims: Json = session_token.decode_from_header(f"Bearer {id_token}", client.key, secret)
        except (session_token.SessionTokenError, ValueError, TypeError, AttributeError) as error:
            told = str(error)
        else:
            return claims
    raise Rejected(f"the session token is not valid ({told}); open the app in the shop's admin again")
