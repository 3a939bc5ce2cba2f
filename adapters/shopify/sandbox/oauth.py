"""The token endpoint: refresh with rotation, and the exchange of a session token for an offline token."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import jwt

from adapters.shopify.sandbox.state import REFRESH_LIFE, TOKEN_LIFE, Shop, World

if TYPE_CHECKING:
    from datetime import datetime

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
SCOPES = "read_orders,write_customers,write_discounts,write_store_credit_account_transactions"


def answer(world: World, shop: Shop, form: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and body for one token request."""
    now = world.clock.now()
    if not secrets.compare_digest(str(form.get("client_secret", "")), shop.secret):
        return 401, {"error": "invalid_client", "error_description": "The client secret is wrong."}
    grant = form.get("grant_type")
    if grant == TOKEN_EXCHANGE:
        return _exchange(shop, str(form.get("subject_token", "")), now)
    if grant == "refresh_token":
        return _refresh(shop, str(form.get("refresh_token", "")), now)
    return 400, {"error": "unsupported_grant_type", "error_description": f"{grant!r} is not known here."}


def _refresh(shop: Shop, given: str, now: datetime) -> tuple[int, dict[str, Any]]:
    """A new pair. The token before the last stays good until the last one is used, as since 2026-08-28."""
    tokens = shop.tokens
    usable = bool(given) and given in {tokens.refresh, tokens.previous}
    if not shop.installed or not usable or tokens.refresh_ends <= now:
        return 400, {"error": "invalid_grant", "error_description": "The refresh token is invalid or expired."}
    return 200, _issue(shop, now, previous=given)


def _exchange(shop: Shop, subject: str, now: datetime) -> tuple[int, dict[str, Any]]:
    try:
        claims = jwt.decode(
            subject,
            shop.secret,
            algorithms=["HS256"],
            options={"verify_aud": False, "require": ["exp", "dest"], "verify_exp": True},
        )
    except jwt.PyJWTError as error:
        return 400, {"error": "invalid_subject_token", "error_description": str(error)}
    if claims["dest"] != f"https://{shop.domain}":
        return 400, {"error": "invalid_subject_token", "error_description": "It was issued for another shop."}
    shop.installed = True
    return 200, _issue(shop, now, previous="")


def _issue(shop: Shop, now: datetime, *, previous: str) -> dict[str, Any]:
    access, refresh = f"shpat_{secrets.token_hex(16)}", f"shprt_{secrets.token_hex(16)}"
    tokens = shop.tokens
    tokens.access = {token: ends for token, ends in tokens.access.items() if ends is None or ends > now}
    tokens.access[access] = now + TOKEN_LIFE
    tokens.previous, tokens.refresh, tokens.refresh_ends = previous, refresh, now + REFRESH_LIFE
    return {
        "access_token": access,
        "scope": SCOPES,
        "expires_in": int(TOKEN_LIFE.total_seconds()),
        "refresh_token": refresh,
        "refresh_token_expires_in": int(REFRESH_LIFE.total_seconds()),
    }
