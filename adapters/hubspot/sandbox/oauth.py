"""The consent screen, and the token endpoints of 2026-09: a code with PKCE, a refresh, introspection and revoking."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply
from adapters.hubspot.sandbox.scopes import EVERY
from adapters.hubspot.sandbox.state import TOKEN_LIFE, Code, Portal, World, new_token

CODE_LIFE = timedelta(minutes=10)
_BAD_REFRESH = {
    "error": "invalid_grant",
    "error_description": "refresh token is invalid, expired or revoked",
    "status": "BAD_REFRESH_TOKEN",
    "message": "refresh token is invalid, expired or revoked",
}


def authorize(world: World, query: Mapping[str, str]) -> Reply:
    """The merchant says yes: 302 to the app with a code. Which portal says it, and to what not, `control` sets."""
    portal = world.portals.get(world.consenting) or next(iter(world.portals.values()), None)
    if portal is None or query.get("client_id") != portal.client_id:
        return Reply(400, {"status": "error", "message": "Couldn't complete the connection: unknown app or account"})
    asked = frozenset(query.get("scope", "").split())
    optional = frozenset(query.get("optional_scope", "").split())
    back = {"state": query["state"]} if "state" in query else {}
    if asked & world.declined:
        told = {"error": "access_denied", "error_description": "The user denied access", **back}
    else:
        code = secrets.token_hex(16)
        world.codes[code] = Code(
            portal.id,
            asked | (optional - world.declined),
            query.get("redirect_uri", ""),
            query.get("code_challenge", ""),
            world.clock.now() + CODE_LIFE,
        )
        told = {"code": code, **back}
    mark = "&" if "?" in query.get("redirect_uri", "") else "?"
    return Reply(302, headers={"Location": f"{query.get('redirect_uri', '')}{mark}{urlencode(told)}"})


def token(world: World, form: Mapping[str, str]) -> Reply:
    match form.get("grant_type"):
        case "authorization_code":
            return _redeem(world, form)
        case "refresh_token":
            return _refresh(world, form)
    return _refused("UNSUPPORTED_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant_type")


def _refused(status: str, error: str, words: str) -> Reply:
    return Reply(400, {"error": error, "error_description": words, "status": status, "message": words})


def _knows(portal: Portal, form: Mapping[str, str]) -> bool:
    given, secret = form.get("client_secret", ""), portal.client_secret
    return form.get("client_id") == portal.client_id and secrets.compare_digest(given.encode(), secret.encode())


def _redeem(world: World, form: Mapping[str, str]) -> Reply:
    """A code is good once, for the app, the address and the verifier that it was made out to."""
    code = world.codes.pop(form.get("code", ""), None)
    if code is None or code.ends <= world.clock.now():
        return _refused("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code")
    portal = world.portals[code.portal]
    if not _knows(portal, form):
        return _refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client id or client secret")
    if form.get("redirect_uri") != code.redirect_uri:
        return _refused("MISMATCH_REDIRECT_URI_AUTH_CODE", "invalid_grant", "redirect_uri does not match the auth code")
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if code.challenge and base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
        return _refused("BAD_CODE_VERIFIER", "invalid_grant", "code_verifier does not match the code_challenge")
    portal.installed, portal.scopes = True, code.scopes
    refresh = new_token("R")
    portal.tokens.refresh.add(refresh)
    return _issue(world, portal, refresh)


def _refresh(world: World, form: Mapping[str, str]) -> Reply:
    """A new access token; the refresh token stays the same."""
    refresh = form.get("refresh_token", "")
    portal = next((p for p in world.portals.values() if refresh in p.tokens.refresh), None)
    if portal is None or not portal.installed:
        return Reply(400, _BAD_REFRESH)
    if not _knows(portal, form):
        return _refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client id or client secret")
    return _issue(world, portal, refresh)


def _issue(world: World, portal: Portal, refresh: str) -> Reply:
    access, now = new_token("P"), world.clock.now()
    portal.tokens.access[access] = now + TOKEN_LIFE
    body: Json = {
        "token_type": "bearer",
        "refresh_token": refresh,
        "access_token": access,
        "hub_id": portal.id,
        "scopes": sorted(EVERY if portal.scopes is None else portal.scopes | {"oauth"}),
        "expires_in": int(TOKEN_LIFE.total_seconds()),
    }
    return Reply(200, body)


def introspect(world: World, form: Mapping[str, str]) -> Reply:
    """What a token is good for; a dead one is not active, and no more is said."""
    given, now = form.get("token", ""), world.clock.now()
    for portal in world.portals.values():
        ends = portal.tokens.access.get(given)
        alive = given in portal.tokens.access and (ends is None or ends > now)
        if _knows(portal, form) and (alive or given in portal.tokens.refresh):
            left = int((ends - now).total_seconds()) if ends else int(TOKEN_LIFE.total_seconds())
            about = {"hub_id": portal.id, "app_id": portal.app_id, "client_id": portal.client_id, "user_id": 1}
            kind = "access_token" if alive else "refresh_token"
            scopes = sorted(EVERY if portal.scopes is None else portal.scopes | {"oauth"})
            return Reply(200, {"active": True, "token_use": kind, "scopes": scopes, "expires_in": left, **about})
    return Reply(200, {"active": False})


def revoke(world: World, form: Mapping[str, str]) -> Reply:
    """Unknown tokens are revoked already. A refresh token takes its access tokens with it."""
    given = form.get("token", "")
    for portal in world.portals.values():
        if given in portal.tokens.refresh and _knows(portal, form):
            portal.tokens.refresh.discard(given)
            portal.tokens.access.clear()
        elif given in portal.tokens.access and _knows(portal, form):
            del portal.tokens.access[given]
    return Reply(200, {})


def bearer(world: World, header: str) -> Portal:
    """The portal that a request speaks for. Raises Refusal."""
    given = header.removeprefix("Bearer ").strip()
    portal = world.owner_of(given) if header.startswith("Bearer ") else None
    if portal is None or not portal.installed:
        words = "Authentication credentials not found. This API supports OAuth 2.0 authentication."
        raise Refusal(401, words, "INVALID_AUTHENTICATION")
    ends, now = portal.tokens.access[given], world.clock.now()
    if ends is not None and ends <= now:
        words = f"The OAuth token used to make this call expired {int((now - ends).total_seconds())} second(s) ago."
        raise Refusal(401, words, "EXPIRED_AUTHENTICATION")
    return portal


def uninstall(portal: Portal) -> None:
    """The app is gone from the portal; nobody tells it, and none of its tokens works."""
    portal.installed = False
    portal.tokens.access.clear()
    portal.tokens.refresh.clear()
