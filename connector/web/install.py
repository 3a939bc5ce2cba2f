"""GET /install/<platform>: a merchant opens us. GET /oauth/<platform>/callback: they agreed, and come back.

What must come back with them travels in a cookie of their own browser for ten minutes, sealed with a key that no
platform knows: a value signed with an app's own secret could be shown to our webhooks as the platform's signature.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken
from flask import Blueprint, Response, current_app, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from connector import telemetry
from connector.domain.codes import slug
from connector.domain.terms import kind_words
from connector.errors import ConfigError, Gone, PlatformError, Refused, Rejected
from connector.journey.check import missing, useless
from connector.journey.install import join
from connector.ports.joining import Auth, Elsewhere, Grant, Journey, Page
from connector.store import merchants
from connector.wiring import App

pages = Blueprint("install", __name__)
COOKIE_LIFE_S = 600
_AWAY = 503
_START_AGAIN = "this installation was not begun in this browser, or more than ten minutes ago; start it again"


@dataclass(frozen=True)
class _Begun:
    """An installation under way. account: the one that must come back, where the visit named one. code: to join by.

    note: the platform's own.
    """

    platform: str
    account: str
    note: str
    code: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@pages.get("/install/<platform>")
def arrive(platform: str) -> Answer:
    """Joined at once where the platform vouches for the visitor, else sent there to agree."""
    app, auth = _open(platform)
    journey = Journey(secrets.token_urlsafe(32), secrets.token_urlsafe(48), _callback(app, platform))
    query = request.args.to_dict()
    code = query.pop("join", "")
    try:
        answer = auth.arrive(query, journey)
    except (ConfigError, PlatformError, Rejected) as error:
        return _failed(error)
    if isinstance(answer, Grant):
        return _joined(app, platform, answer, code, auth.framing(answer.external))
    if isinstance(answer, Page):
        return Response(answer.html, headers=dict(answer.headers), content_type="text/html; charset=utf-8")
    _check_host(app, platform, answer)
    begun = _Begun(platform, answer.account, answer.note, code, journey.state, journey.verifier)
    response = redirect(answer.url)
    response.set_cookie(
        _cookie(journey.state),
        _sealer(app).encrypt(json.dumps(asdict(begun)).encode()).decode(),
        max_age=COOKIE_LIFE_S,
        path=_path(platform),
        secure=app.settings.public_url.startswith("https://"),
        httponly=True,
        samesite="Lax",
    )
    return response


@pages.get("/oauth/<platform>/callback")
def come_back(platform: str) -> Answer:
    """The merchant agreed. Whatever comes of it, the cookie is used up."""
    app, auth = _open(platform)
    state = request.args.get("state", "")
    try:
        begun = _begun(app, platform, state)
        grant = _accept(auth, begun, _callback(app, platform))
    except (ConfigError, PlatformError, Rejected) as error:
        response = _failed(error)
    else:
        response = _joined(app, platform, grant, begun.code)
    response.delete_cookie(_cookie(state), path=_path(platform))
    return response


def _accept(auth: Auth, begun: _Begun, redirect_uri: str) -> Grant:
    grant = auth.accept(request.args.to_dict(), Journey(begun.state, begun.verifier, redirect_uri, begun.note))
    if begun.account and grant.external != begun.account:
        raise Rejected("another account came back than the one that the installation was begun for")
    return grant


def _open(platform: str) -> tuple[App, Auth]:
    app: App = current_app.extensions["connector"]
    if platform not in app.desk.platforms:
        raise Rejected("no such platform", status=404)
    return app, app.desk.platforms[platform].auth()


# ── What travels with the merchant ───────────────────────────────────────────────────────────────────────────────


def _path(platform: str) -> str:
    return f"/oauth/{platform}/callback"


def _callback(app: App, platform: str) -> str:
    return app.settings.public_url.rstrip("/") + _path(platform)


def _cookie(state: str) -> str:
    """One for each installation, so that two tabs do not disturb each other."""
    return "install-" + re.sub(r"[^A-Za-z0-9_-]", "", state)[:12]


def _sealer(app: App) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(app.key("install")))


def _begun(app: App, platform: str, state: str) -> _Begun:
    """The installation that this browser began here. Raises Rejected."""
    try:
        kept = _sealer(app).decrypt(request.cookies.get(_cookie(state), ""), ttl=COOKIE_LIFE_S)
    except InvalidToken as error:
        raise Rejected(_START_AGAIN) from error
    begun = _Begun(**json.loads(kept))
    if begun.platform != platform or not hmac.compare_digest(begun.state.encode(), state.encode()):
        raise Rejected(_START_AGAIN)
    return begun


def _check_host(app: App, platform: str, answer: Elsewhere) -> None:
    """A merchant is sent to the platform's own hosts and nowhere else. Raises Refused."""
    from adapters.http import Gate  # the way to the platform is loaded with its rooms, not with the web process

    manifest = app.adapters[platform].manifest
    hosts = "|".join([manifest.hosts, *map(re.escape, sorted(manifest.own_hosts))])
    Gate(platform, hosts, app.kit(platform).base_url).check(answer.url)


# ── What they see ────────────────────────────────────────────────────────────────────────────────────────────────


def _joined(app: App, platform: str, grant: Grant, code: str, framing: Sequence[str] = ()) -> Response:
    """Join the account, and say what it is connected to and what is missing."""

    def choose(standing: UUID | None, name: str) -> UUID:
        if code:
            return merchants.redeem(app.database, code)
        return standing or merchants.fresh(app.database, name if slug(name) else grant.external)

    try:
        connection = join(app.desk, platform, grant, choose)
    except (ConfigError, PlatformError) as error:
        return _failed(error, framing)
    manifest = app.desk.platforms[platform].manifest
    told = {
        "name": connection.traits.get("name", grant.external),
        "connection": connection,
        "platform": manifest.label,
        "merchant": merchants.name_of(app.database, connection.merchant),
        "missing": missing(manifest, connection),
        "useless": useless(connection),
        "kind_words": kind_words,
    }
    return _page("connected.html", 200, framing, **told)


def _failed(error: ConfigError | PlatformError | Rejected, framing: Sequence[str] = ()) -> Response:
    """Why it did not work. Nothing was changed, so that starting again is all there is to do."""
    match error:
        case Rejected():
            status = error.status
        case ConfigError():
            status = 409
        case Refused() | Gone():
            status = 403
        case _:
            status = _AWAY
    telemetry.warn("install_failed", status=status, reason=str(error))
    return _page("not_connected.html", status, framing, reason=str(error), again=status == _AWAY)


def _page(template: str, status: int, framing: Sequence[str], **told: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    response = Response(render_template(template, nonce=nonce, **told), status=status)
    ancestors = " ".join(framing) or "'none'"
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; frame-ancestors {ancestors}"
    )
    return response
