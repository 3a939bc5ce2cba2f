"""Consent and tokens: the web-server flow with PKCE, rotating refresh tokens, client credentials, JWT bearer, revoking.

No answer says how long a token lasts. A request to login or test.salesforce.com means whichever org its token, code or user
belongs to; the stand-in's own address stands for every host.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jwt

from adapters.salesforce.sandbox.answers import Json, Reply
from adapters.salesforce.sandbox.clock import Clock
from adapters.salesforce.sandbox.state import Org, World
from adapters.salesforce.sandbox.tokens import CODE_LIFE, Code

_SHARED = {"login.salesforce.com", "test.salesforce.com"}
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PAGE = (
    "<!DOCTYPE html><html><head><title>Allow Access?</title></head><body><h1>Allow access?</h1>"
    "<p>This app is asking to reach your Salesforce data.</p></body></html>"
)
_DEFAULT_SCOPE = "api refresh_token"


def refused(error: str, words: str, status: int = 400) -> Reply:
    return Reply(status, {"error": error, "error_description": words})


# ── Consent ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def authorize(world: World, query: Mapping[str, str], host: str) -> Reply:
    """The page on which an admin agrees. Where the org agrees by itself, it leads back to the app at once."""
    org = world.by_app(query, host)
    if org is not None and org.consents:
        return consent(world, query, host)
    return refused("invalid_client_id", "client identifier invalid") if org is None else Reply(200, page=_PAGE.encode())


def consent(world: World, query: Mapping[str, str], host: str, *, declined: bool = False) -> Reply:
    """The admin agreed, or did not: back to the app, with a code or an error."""
    org = world.by_app(query, host)
    if org is None or query.get("client_id") != org.client_id:
        return refused("invalid_client_id", "client identifier invalid")
    told = {"state": query["state"]} if "state" in query else {}
    challenge = query.get("code_challenge", "")
    if declined:
        told |= {"error": "access_denied", "error_description": "end-user denied authorization"}
    elif query.get("response_type") != "code":
        told |= {"error": "unsupported_response_type", "error_description": "response type not supported"}
    elif not challenge or query.get("code_challenge_method") != "S256":
        told |= {"error": "invalid_request", "error_description": "missing required code challenge"}
    else:
        told |= {"code": f"aPrx{secrets.token_urlsafe(32)}"}
        scope = query.get("scope", _DEFAULT_SCOPE)
        ends = world.clock.now() + CODE_LIFE
        back = query.get("redirect_uri", "")
        world.codes[told["code"]] = Code(org.id, org.app_user, back, challenge, scope, ends)
    mark = "&" if "?" in query.get("redirect_uri", "") else "?"
    return Reply(302, headers={"Location": f"{query.get('redirect_uri', '')}{mark}{urlencode(told)}"})


# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def token(world: World, form: Mapping[str, str], host: str) -> Reply:
    match form.get("grant_type"):
        case "authorization_code":
            return _redeem(world, form)
        case "refresh_token":
            return _refresh(world, form)
        case "client_credentials":
            return _by_secret(world, form, host)
        case kind if kind == _JWT:
            return _by_certificate(world, form)
    return refused("unsupported_grant_type", "grant type not supported")


def _knows(org: Org, form: Mapping[str, str]) -> bool:
    given, secret = form.get("client_secret", ""), org.client_secret
    return form.get("client_id") == org.client_id and secrets.compare_digest(given.encode(), secret.encode())


def _redeem(world: World, form: Mapping[str, str]) -> Reply:
    """A code is good once, for the app, the address and the verifier that it was made out to."""
    code = world.codes.pop(form.get("code", ""), None)
    if code is None or code.ends <= world.clock.now():
        return refused("invalid_grant", "expired authorization code")
    org = world.orgs[code.org]
    if not _knows(org, form):
        return refused("invalid_client", "invalid client credentials")
    if form.get("redirect_uri") != code.redirect_uri:
        return refused("redirect_uri_mismatch", "redirect_uri must match configuration")
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.challenge:
        return refused("invalid_grant", "invalid code verifier")
    lasting = {"refresh_token", "offline_access"} & {*code.scope.split()}
    refresh = org.tokens.keep(code.user, code.scope) if lasting else ""
    return _issue(world, org, code.user, code.scope, refresh)


def _refresh(world: World, form: Mapping[str, str]) -> Reply:
    """A new session. Where tokens rotate, the old refresh token ends with this very answer, whether it arrives or not."""
    old = form.get("refresh_token", "")
    org = next((each for each in world.orgs.values() if old in each.tokens.refresh), None)
    if org is None:
        return refused("invalid_grant", "expired access/refresh token")
    if not _knows(org, form):
        return refused("invalid_client", "invalid client credentials")
    user, scope = org.tokens.refresh[old]
    if not org.rotates:
        return _issue(world, org, user, scope, "")
    del org.tokens.refresh[old]
    return _issue(world, org, user, scope, org.tokens.keep(user, scope))


def _by_secret(world: World, form: Mapping[str, str], host: str) -> Reply:
    """As the user whom the app's admin named to run as; only the org's own host does this, and nothing lasts."""
    org = None if host in _SHARED else world.by_app(form, host)
    if host in _SHARED or org is None:
        return refused("invalid_grant", "request not supported on this domain")
    if not _knows(org, form):
        return refused("invalid_client", "invalid client credentials")
    return _issue(world, org, org.app_user, "api", "")


def _by_certificate(world: World, form: Mapping[str, str]) -> Reply:
    """For a user who is named in a text that the app's certificate signed."""
    given = form.get("assertion", "")
    try:
        told: dict[str, Any] = jwt.decode(given, options={"verify_signature": False})
    except jwt.PyJWTError:
        return refused("invalid_grant", "invalid assertion")
    org = next((each for each in world.orgs.values() if each.client_id == told.get("iss")), None)
    if org is None or not org.public_key:
        return refused("invalid_client_id", "client identifier invalid")
    known = f"https://{'test' if org.is_sandbox else 'login'}.salesforce.com"
    if told.get("aud") not in {known, f"https://{org.host}", world.url}:
        return refused("invalid_grant", "audience is invalid")
    try:
        jwt.decode(given, org.public_key, algorithms=["RS256"], audience=told["aud"], options=_UNTIMED)
    except (jwt.PyJWTError, ValueError):
        return refused("invalid_grant", "invalid assertion")
    if not _lasts(told, world.clock):
        return refused("invalid_grant", "expired authorization code")
    users = org.records("User").values()
    user = next((each.id for each in users if each.values["Username"] == told.get("sub")), "")
    if not user:
        return refused("invalid_grant", "user hasn't approved this consumer")
    return _issue(world, org, user, "api", "")


#: The stand-in's own clock decides.
_UNTIMED: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


def _lasts(told: Mapping[str, Any], clock: Clock) -> bool:
    ends = told.get("exp")
    return isinstance(ends, int | float) and ends > clock.now().timestamp()


def _issue(world: World, org: Org, user: str, scope: str, refresh: str) -> Reply:
    now = world.clock.now()
    form = slice(org.id_form)
    identity = f"https://{'test' if org.is_sandbox else 'login'}.salesforce.com/id/{org.id[form]}/{user[form]}"
    issued = str(round(now.timestamp() * 1000))
    digest = hmac.new(org.client_secret.encode(), (identity + issued).encode(), hashlib.sha256).digest()
    body: Json = {
        "access_token": org.tokens.open(org.id, user, now + org.session),
        **({"refresh_token": refresh} if refresh else {}),
        "signature": base64.b64encode(digest).decode(),
        "scope": scope,
        "instance_url": world.url,
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued,
    }
    return Reply(200, body)


def revoke(world: World, form: Mapping[str, str]) -> Reply:
    """A session ends alone; a refresh token takes the sessions of its user with it."""
    given = form.get("token", "")
    for org in world.orgs.values():
        if given in org.tokens.refresh:
            user, _ = org.tokens.refresh.pop(given)
            org.tokens.access = {key: held for key, held in org.tokens.access.items() if held[0] != user}
            return Reply(200)
        if given in org.tokens.access:
            del org.tokens.access[given]
            return Reply(200)
    return refused("invalid_token", "invalid token")
