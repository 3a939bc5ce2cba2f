"""The token endpoint, and what Shopify signs to get there: authorization codes and session tokens.

Three grants: an authorization code (no grant_type), a session token exchanged for an offline token, and a refresh.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import jwt

from adapters.shopify.sandbox.scopes import told
from adapters.shopify.sandbox.state import PREVIOUS_LIFE, REFRESH_LIFE, TOKEN_LIFE, Shop, World

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
CODE_LIFE = timedelta(minutes=10)
SESSION_LIFE_S = 60
STAFF = "4242424242"
#: The client id that tokens name where a shop was not told one.
API_KEY = "key"
Answer = tuple[int, dict[str, Any]]


def answer(world: World, shop: Shop, form: dict[str, Any]) -> Answer:
    """Status and body for one token request."""
    now = world.clock.now()
    wrong_app = bool(shop.api_key) and form.get("client_id") != shop.api_key
    if wrong_app or not secrets.compare_digest(str(form.get("client_secret", "")), shop.secret):
        return 401, {"error": "invalid_client", "error_description": "The client id or secret is wrong."}
    grant = form.get("grant_type")
    expiring = str(form.get("expiring", "")) in {"1", "True", "true"}
    if grant == TOKEN_EXCHANGE:
        return _exchange(shop, str(form.get("subject_token", "")), now, expiring=expiring)
    if grant == "refresh_token":
        return _refresh(shop, str(form.get("refresh_token", "")), now)
    if grant is None and "code" in form:
        return _redeem(shop, str(form["code"]), now, expiring=expiring)
    return 400, {"error": "unsupported_grant_type", "error_description": f"{grant!r} is not known here."}


def _refresh(shop: Shop, given: str, now: datetime) -> Answer:
    """A new pair. The token before the last stays good until one of the last pair is used, as since 2026-08-28."""
    tokens = shop.tokens
    late = tokens.previous_ends is not None and tokens.previous_ends <= now
    usable = {tokens.refresh} if late else {tokens.refresh, tokens.previous}
    if not shop.installed or not given or given not in usable or tokens.refresh_ends <= now:
        return 400, {"error": "invalid_grant", "error_description": "The refresh token is invalid or expired."}
    ends = tokens.previous_ends if given == tokens.previous else now + PREVIOUS_LIFE
    body = _issue(shop, now)
    tokens.previous, tokens.previous_ends = given, ends
    return 200, body


def _exchange(shop: Shop, subject: str, now: datetime, *, expiring: bool) -> Answer:
    try:
        claims = jwt.decode(
            subject,
            shop.secret,
            algorithms=["HS256"],
            audience=shop.api_key or None,
            options={"verify_aud": bool(shop.api_key), "require": ["exp", "dest"], "verify_exp": True},
        )
    except jwt.PyJWTError as error:
        return 400, {"error": "invalid_subject_token", "error_description": str(error)}
    if claims["dest"] != f"https://{shop.domain}":
        return 400, {"error": "invalid_subject_token", "error_description": "It was issued for another shop."}
    return 200, _join(shop, now, expiring=expiring)


def _redeem(shop: Shop, code: str, now: datetime, *, expiring: bool) -> Answer:
    """An authorization code is good once."""
    ends = shop.codes.pop(code, None)
    if ends is None or ends <= now:
        words = "The authorization code was not found or was already used"
        return 400, {"error": "invalid_request", "error_description": words}
    return 200, _join(shop, now, expiring=expiring)


def _join(shop: Shop, now: datetime, *, expiring: bool) -> dict[str, Any]:
    """The token of an installation. A shop that was away opens with none of its old tokens."""
    if not shop.installed:
        shop.tokens.access.clear()
    shop.installed = True
    if expiring:
        return _issue(shop, now)
    access = f"shpat_{secrets.token_hex(16)}"
    shop.tokens.access[access] = None
    return {"access_token": access, "scope": told(shop.scopes)}


def _issue(shop: Shop, now: datetime) -> dict[str, Any]:
    access, refresh = f"shpat_{secrets.token_hex(16)}", f"shprt_{secrets.token_hex(16)}"
    tokens = shop.tokens
    tokens.access = {token: ends for token, ends in tokens.access.items() if ends is None or ends > now}
    tokens.access[access] = now + TOKEN_LIFE
    tokens.newest, tokens.previous, tokens.previous_ends = access, "", None
    tokens.refresh, tokens.refresh_ends = refresh, now + REFRESH_LIFE
    return {
        "access_token": access,
        "scope": told(shop.scopes),
        "expires_in": int(TOKEN_LIFE.total_seconds()),
        "refresh_token": refresh,
        "refresh_token_expires_in": int(REFRESH_LIFE.total_seconds()),
    }


# ── What Shopify signs. All of it is dated by the real clock, by which the app judges it ─────────────────────────


def authorize(world: World, shop: Shop, state: str) -> tuple[str, str]:
    """A new authorization code, and the signed query with which a merchant comes back to the app."""
    code = secrets.token_hex(16)
    shop.codes[code] = world.clock.now() + CODE_LIFE
    host = base64.b64encode(f"admin.shopify.com/store/{shop.domain.partition('.')[0]}".encode()).decode().rstrip("=")
    query = {"code": code, "host": host, "shop": shop.domain, "state": state, "timestamp": str(int(time.time()))}
    text = "&".join(f"{key}={value}" for key, value in sorted(query.items()))
    return code, urlencode({**query, "hmac": _hex(shop, text)})


def session_token(shop: Shop, *, customer: str | None, extension: bool, life_s: int = SESSION_LIFE_S) -> str:
    """What App Bridge gives to a page in the admin; with `extension`, what a buyer's page holds.

    An extension's token names the shop without a scheme, has no issuer, and a `sub` only where a buyer is logged in.
    """
    now = int(time.time())
    claims: dict[str, Any] = {
        "dest": shop.domain if extension else f"https://{shop.domain}",
        "aud": shop.api_key or API_KEY,
        "exp": now + life_s,
        "nbf": min(now, now + life_s),
        "iat": min(now, now + life_s),
        "jti": secrets.token_hex(16),
    }
    if extension:
        claims |= {"sub": customer} if customer else {}
    else:
        claims |= {"iss": f"https://{shop.domain}/admin", "sub": STAFF, "sid": secrets.token_hex(32)}
    return jwt.encode(claims, shop.secret, algorithm="HS256")


def proxied(shop: Shop, path: str, query: Mapping[str, Any], customer: str) -> str:
    """The query string with which the app proxy passes a buyer's request on. Repeated keys are signed comma-joined."""
    given = {key: [str(v) for v in value] if isinstance(value, list) else [str(value)] for key, value in query.items()}
    given |= {
        "shop": [shop.domain],
        "logged_in_customer_id": [customer],
        "path_prefix": ["/" + "/".join(path.strip("/").split("/")[:2])],
        "timestamp": [str(int(time.time()))],
    }
    text = "".join(f"{key}={','.join(values)}" for key, values in sorted(given.items()))
    return urlencode({**given, "signature": [_hex(shop, text)]}, doseq=True)


def _hex(shop: Shop, text: str) -> str:
    return hmac.new(shop.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
