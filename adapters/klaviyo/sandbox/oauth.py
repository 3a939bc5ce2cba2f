"""Consent and tokens: the authorization-code flow with PKCE, refreshing, revoking; and whom credentials belong to.

The stand-in's own address stands for both www.klaviyo.com (consent) and a.klaviyo.com (tokens).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from html import escape
from urllib.parse import urlencode
from uuid import uuid4

from adapters.klaviyo.sandbox.answers import Json, Refusal, Reply, unauthorised
from adapters.klaviyo.sandbox.call import Caller
from adapters.klaviyo.sandbox.state import Account, App, Approval, Grant, Integration, World

TOKEN_LIFE = timedelta(hours=1)
CODE_LIFE = timedelta(minutes=5)
_KEY, _BEARER = "Klaviyo-API-Key ", "Bearer "
_API = Integration("0eMvjm", "api", "API")


def refused(error: str, words: str, status: int = 400) -> Reply:
    return Reply(status, {"error": error, "error_description": words})


# ── Consent ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def page(world: World, query: Mapping[str, str]) -> Reply:
    """A plain page on which somebody chooses an account and allows the app, or does not."""
    app = _asking(world, query)
    if app is None:
        return Reply(400, page=b"<h1>Invalid app or redirect address</h1>")
    choices = "".join(
        f'<option value="{escape(one.id)}">{escape(one.name)}</option>' for one in world.accounts.values()
    )
    html = (
        f"<!DOCTYPE html><html><head><title>Allow {escape(app.name)}</title></head><body>"
        f"<h1>Allow {escape(app.name)} to access your account?</h1><p>{escape(query.get('scope', ''))}</p>"
        f'<form method="post"><select name="account">{choices}</select>'
        '<button name="decision" value="allow">Allow</button><button name="decision" value="cancel">Cancel</button>'
        "</form></body></html>"
    )
    return Reply(200, page=html.encode())


def decide(world: World, query: Mapping[str, str], account: str, *, allowed: bool) -> Reply:
    """Back to the app, with a code or an error. An address that the app did not register is never led to."""
    app = _asking(world, query)
    if app is None or account not in world.accounts:
        return Reply(400, page=b"<h1>Invalid app, account or redirect address</h1>")
    back, asked = query["redirect_uri"], frozenset(query.get("scope", "").split())
    challenge = query.get("code_challenge", "")
    if query.get("response_type") != "code":
        told = {"error": "unsupported_response_type"}
    elif not challenge or query.get("code_challenge_method") != "S256":
        told = {"error": "invalid_request", "error_description": "PKCE with S256 is required"}
    elif not asked or asked - app.scopes:
        told = {"error": "invalid_scope"}
    elif not allowed:
        told = {"error": "access_denied", "error_description": "The user denied the request"}
    else:
        told = {"code": secrets.token_urlsafe(32)}
        grant = Grant(str(uuid4()), account, app.id, asked)
        world.approvals[told["code"]] = Approval(grant, back, challenge, world.clock.now() + CODE_LIFE)
    told |= {"state": query["state"]} if "state" in query else {}
    mark = "&" if "?" in back else "?"
    return Reply(302, headers={"Location": f"{back}{mark}{urlencode(told)}"})


def _asking(world: World, query: Mapping[str, str]) -> App | None:
    app = world.apps.get(query.get("client_id", ""))
    return app if app is not None and query.get("redirect_uri") in app.backs else None


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def token(world: World, header: str, form: Mapping[str, str]) -> Reply:
    app = _authenticated(world, header)
    if app is None:
        return refused("invalid_client", "Client authentication failed", 401)
    match form.get("grant_type"):
        case "authorization_code":
            return _redeem(world, app, form)
        case "refresh_token":
            return _renew(world, app, form)
    return refused("unsupported_grant_type", "The grant type is not supported")


def _authenticated(world: World, header: str) -> App | None:
    """The app of HTTP Basic credentials; a form cannot hold them."""
    kind, _, given = header.partition(" ")
    try:
        number, _, secret = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    app = world.apps.get(number) if kind == "Basic" else None
    return app if app is not None and secrets.compare_digest(app.secret.encode(), secret.encode()) else None


def _redeem(world: World, app: App, form: Mapping[str, str]) -> Reply:
    code = world.approvals.pop(form.get("code", ""), None)
    if code is None or code.grant.app != app.id or code.ends <= world.clock.now():
        return refused("invalid_grant", "The authorization code is invalid or expired")
    if form.get("redirect_uri") != code.back:
        return refused("invalid_grant", "redirect_uri does not match")
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
        return refused("invalid_grant", "Invalid code verifier")
    return Reply(200, issue(world, code.grant))


def _renew(world: World, app: App, form: Mapping[str, str]) -> Reply:
    """A new access token. Where tokens rotate, the old refresh token ends with this answer, whether it arrives or not."""
    old = form.get("refresh_token", "")
    grant = world.refresh.get(old)
    if grant is None or grant.app != app.id:
        return refused("invalid_grant", "The refresh token is invalid, expired or revoked")
    if world.rotates:
        del world.refresh[old]
    return Reply(200, issue(world, grant, "" if world.rotates else old))


def issue(world: World, grant: Grant, refresh: str = "") -> Json:
    """A new access token, with the refresh token that stays or a new one."""
    access, refresh = secrets.token_urlsafe(48), refresh or secrets.token_urlsafe(48)
    world.access[access] = (grant, world.clock.now() + TOKEN_LIFE)
    world.refresh[refresh] = grant
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": int(TOKEN_LIFE.total_seconds()),
        "refresh_token": refresh,
        "scope": " ".join(sorted(grant.scopes)),
    }


def revoke(world: World, header: str, form: Mapping[str, str]) -> Reply:
    """A refresh token takes its access tokens with it: the app is gone from the account. Unknown ones are gone already."""
    app = _authenticated(world, header)
    if app is None:
        return refused("invalid_client", "Client authentication failed", 401)
    given = form.get("token", "")
    if (grant := world.refresh.get(given)) and grant.app == app.id:
        world.end(grant)
    elif given in world.access and world.access[given][0].app == app.id:
        del world.access[given]
    return Reply(200, {})


# ── Whose credentials ───────────────────────────────────────────────────────────────────────────────────────────────


def owner(world: World, header: str) -> Account | None:
    """Whose credentials these are or were."""
    for account in world.accounts.values():
        if header.startswith(_KEY) and header.removeprefix(_KEY).strip() in account.keys:
            return account
    held = world.access.get(header.removeprefix(_BEARER).strip())
    return world.accounts.get(held[0].account) if held and header.startswith(_BEARER) else None


def caller(world: World, header: str) -> tuple[Account, Caller]:
    """Whom a request speaks for. All keys of an account share one quota; each app has its own. Raises Refusal."""
    if not header:
        raise unauthorised(given=False)
    account = owner(world, header)
    if account is None:
        raise _wrong()
    if header.startswith(_KEY):
        key = header.removeprefix(_KEY).strip()
        return account, Caller(key, "keys", account.keys[key], _API)
    grant, ends = world.access[header.removeprefix(_BEARER).strip()]
    if ends <= world.clock.now():
        raise _wrong()
    app = world.apps[grant.app]
    return account, Caller(app.id, app.id, grant.scopes, Integration(app.id[:6], app.id, app.name))


def _wrong() -> Refusal:
    return unauthorised(given=True)
