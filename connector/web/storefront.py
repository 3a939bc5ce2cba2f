"""What the shop's own pages ask of us: a signed note for the cart, word of a checkout, a buyer's own link.

GET /touch/<platform>/sign?ref=CODE   through the platform, which signs for its account: a token for the cart
POST /touch/<platform>                from the visitor's browser, unsigned: which link a checkout came from
GET /share/<platform>                 from an extension, with the platform's token: the buyer's own link
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from connector.domain import tokens
from connector.domain.facts import ObjectRef
from connector.domain.program import Mode, Program
from connector.domain.terms import offer_words, terms_words
from connector.domain.touch import Source, Touch
from connector.errors import Rejected
from connector.journey import happened
from connector.journey.desk import Platform
from connector.journey.enrol import enrol_person
from connector.ports.inbound import Inbox, Visitor
from connector.ports.rows import Advocate, Connection, Owner
from connector.ports.store import Tx
from connector.web.gate import Gate
from connector.wiring import App

pages = Blueprint("storefront", __name__)
MAX_TOUCH = 2048
_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
_MAX_WORD = 255
#: Anybody can post here, so an account takes so many in a minute; more are dropped, and the cart still tells.
MOST = 100
gate = Gate(MOST)


@pages.after_request
def _from_anywhere(response: Response) -> Response:
    """These pages run on other origins. No cookie of ours is ever sent or read here, so `*` opens nothing."""
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response.headers["Access-Control-Allow-Methods"] = "GET, POST"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


@pages.get("/touch/<platform>/sign")
def sign(platform: str) -> Response:
    """The code in `ref`, signed, so that the cart proves who brought the visitor."""
    app, tools = _open(platform)
    owner, visitor = _visitor(app, tools)
    with app.database.begin(owner.merchant) as tx:
        _active(tx, owner)
        ref, now = request.args.get("ref", ""), tx.now()
        found = tx.programs.advocates([ref[:_MAX_WORD]])
        if ref in found and visitor.person:
            _visited(tx, owner, (tools.manifest.person_kind, visitor.person), found[ref])
    if ref not in found:
        return _refusal(404, "this is no code of this shop's")
    return jsonify(token=tokens.make(app.desk.touch_key, owner.merchant, found[ref].code, now))


def _visited(tx: Tx, owner: Owner, name: tuple[str, str], advocate: Advocate) -> None:
    """A friend whom the platform vouches for looks around; the advocate themselves is no friend."""
    friend = tx.people.resolve(owner.target, [name])
    version = next((each for each in tx.programs.current() if each.id == advocate.program), None)
    if version is not None and friend is not None and friend != tx.people.canonical(advocate.person):
        happened.visited(tx, version.id, version.program, friend)


@pages.post("/touch/<platform>")
def touch(platform: str) -> Response:
    """Keep which link a checkout came from. What is not ours is passed over with the same answer."""
    app, _ = _open(platform)
    told = _told(request.get_data(cache=False))
    owner = next(filter(None, (app.database.account(platform, name) for name in _accounts(told))), None)
    if owner is not None and gate.passes(owner):
        with app.database.begin(owner.merchant) as tx:
            _note(tx, owner, told)
    return Response(status=204)


@pages.get("/share/<platform>")
def share(platform: str) -> Response:
    """The link of the buyer whom the platform vouches for: they are enrolled by asking for it."""
    app, tools = _open(platform)
    owner, visitor = _visitor(app, tools)
    with app.database.begin(owner.merchant) as tx:
        _active(tx, owner)
        live = next((each for each in tx.programs.current() if _may_join(each.program)), None)
        if live is None:
            return _refusal(404, "no referral program runs now")
        person = tx.people.resolve(owner.target, [(tools.manifest.person_kind, visitor.person)])
        if person is None:
            return _refusal(403, "log in, so that we know whom to thank")
        code = enrol_person(tx, live.id, person, way="join", source=platform).code
    return jsonify(
        link=f"{app.settings.public_url.rstrip('/')}/r/{code}",
        code=code,
        offer=offer_words(live.program),
        terms=terms_words(live.program),
    )


def _may_join(program: Program) -> bool:
    return program.mode is Mode.LIVE and "join" in program.enrolment.ways


# ── Who asks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _open(platform: str) -> tuple[App, Platform]:
    app: App = current_app.extensions["connector"]
    if platform not in app.desk.platforms:
        raise Rejected("no such platform", status=404)
    return app, app.desk.platforms[platform]


def _visitor(app: App, tools: Platform) -> tuple[Owner, Visitor]:
    """The account and the buyer that the platform's signature proves. Raises Rejected."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    inbox = Inbox(request.method, request.full_path, headers, b"", app.desk.public_url)
    visitor = tools.inbound.visitor(inbox, tools.secrets)
    owner = app.database.account(tools.manifest.key, visitor.account)
    if owner is None:
        raise Rejected("this account is not connected", status=404)
    return owner, visitor


def _active(tx: Tx, owner: Owner) -> Connection:
    """The connection, while the merchant keeps us. Raises Rejected."""
    connection = tx.connections.get(owner.target)
    if connection.state == "removed":
        raise Rejected("this account is not connected", status=404)
    return connection


def _refusal(status: int, reason: str) -> Response:
    response = jsonify(reason=reason)
    response.status_code = status
    return response


# ── Word of a checkout ───────────────────────────────────────────────────────────────────────────────────────────


def _told(body: bytes) -> Mapping[str, Any]:
    """What the visitor's browser tells. Raises Rejected for what its script would never send."""
    if len(body) > MAX_TOUCH:
        raise Rejected(f"word of a checkout has {MAX_TOUCH} bytes at most", status=413)
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Rejected("the body is no JSON", status=400) from error
    if not isinstance(told, dict) or not _accounts(told) or not _word(told, "ref"):
        raise Rejected("the body must be an object with shop or account, checkout and ref", status=400)
    if not _TOKEN.fullmatch(_word(told, "checkout")):
        raise Rejected("checkout must be the token of a checkout", status=400)
    return told


def _word(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value[:_MAX_WORD] if isinstance(value, str) and value.isprintable() else ""


def _accounts(told: Mapping[str, Any]) -> list[str]:
    return [name for key in ("shop", "account") if (name := _word(told, key))]


def _note(tx: Tx, owner: Owner, told: Mapping[str, Any]) -> None:
    """Kept under the checkout, where the order that comes of it will look; the first word of a checkout stands."""
    code = _word(told, "ref")
    if tx.connections.get(owner.target).state == "removed" or code not in tx.programs.advocates([code]):
        return
    utm = told.get("utm")
    marks = utm if isinstance(utm, dict) else {}
    seen = Touch(
        Source.CART_HINT,
        code,
        tx.now(),
        medium=_word(marks, "utm_medium"),
        campaign=_word(marks, "utm_campaign"),
        evidence="kept by the shop's own pixel",
    )
    tx.truths.note(owner.target, ObjectRef("checkout", _word(told, "checkout")), [seen])
