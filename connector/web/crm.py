"""What our cards and settings page inside a CRM ask of us. The platform signs each request for its account.

GET /crm/<platform>/settings        what is connected, what is missing, and the remedy
GET /crm/<platform>/<kind>/<id>     who sent this person, or brought this deal, and what to answer
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, current_app, jsonify, request

from connector.domain.facts import ObjectRef
from connector.errors import Rejected
from connector.journey import card as cards
from connector.journey.check import missing, useless
from connector.journey.desk import Platform
from connector.ports.inbound import Inbox
from connector.ports.rows import Connection, Owner
from connector.wiring import App

pages = Blueprint("crm", __name__)
_ID = re.compile(r"[A-Za-z0-9-]{1,40}")


@pages.get("/crm/<platform>/settings")
def settings(platform: str) -> Response:
    """The connection as it stands."""
    app, tools, owner = _open(platform)
    with app.database.begin(owner.merchant) as tx:
        connection: Connection = tx.connections.get(owner.target)
        names = [each.program.name for each in tx.programs.current()]
    lacking = [
        {"what": scope.name, "why": scope.why, "remedy": f"connect {tools.manifest.label} again and grant it"}
        for scope in missing(tools.manifest, connection)
    ]
    lacking += [{"what": what, "why": why, "remedy": ""} for what, why in useless(connection).items()]
    return jsonify(account=connection.external, missing=lacking, program=", ".join(names))


@pages.get("/crm/<platform>/<kind>/<number>")
def record(platform: str, kind: str, number: str) -> Response:
    """The card of one record. Kinds are named as the platform names them in its addresses, in the plural."""
    app, tools, owner = _open(platform)
    kind = kind.removesuffix("s")
    if not _ID.fullmatch(number):
        raise Rejected("this names no record", status=404)
    told = cards.card(app.desk, owner, ObjectRef(kind, number), tools.manifest.person_kind)
    lines = [{"label": label, "value": value} for label, value in told.lines]
    return jsonify(state=told.state, lines=lines, words=told.words, answer=told.answer)


def _open(platform: str) -> tuple[App, Platform, Owner]:
    """The account that the platform's signature proves. Raises Rejected."""
    app: App = current_app.extensions["connector"]
    tools = app.desk.platforms.get(platform)
    if tools is None:
        raise Rejected("no such platform", status=404)
    headers = {name.lower(): value for name, value in request.headers.items()}
    inbox = Inbox(request.method, request.full_path.rstrip("?"), headers, b"", app.desk.public_url)
    owner = app.database.account(platform, tools.inbound.visitor(inbox, tools.secrets).account)
    if owner is None:
        raise Rejected("nobody here has connected this account", status=403)
    return app, tools, owner
