"""The API: how accounts are connected, why a referral stands where it stands, and the receipt of a reward.

GET /api/v1/connections                  each account, and what it does not let us do, with the remedy
GET /api/v1/referrals/<id>/explanation   for the merchant; `?for=advocate` gives the text that is safe to show to them
GET /api/v1/rewards/<id>/receipt         the document that `connector verify FILE` checks
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, current_app, jsonify, request

from connector.errors import NotFound, Rejected
from connector.journey import explain, receipt
from connector.journey.check import missing, useless
from connector.ports.rows import Connection
from connector.store import keys
from connector.wiring import App

pages = Blueprint("api", __name__, url_prefix="/api/v1")
_NO_KEY = (
    "send a key of the API as `Authorization: Bearer KEY`; `connector api-key add NAME` makes one, and a revoked one"
    " opens nothing"
)


@pages.after_request
def ask_for_a_key(response: Response) -> Response:
    if response.status_code == 401:  # noqa: PLR2004  (its name says no more)
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


@pages.get("/referrals/<referral>/explanation")
def explanation(referral: str) -> Response:
    """Evidence, rule, arithmetic, dates and remedies; or the advocate's text alone."""
    app, merchant = open_merchant()
    whom = request.args.get("for", "merchant")
    if whom not in ("merchant", "advocate"):
        raise Rejected("for: say `merchant` or `advocate`, or leave it out", status=400)
    wanted = _id(referral, _NO_REFERRAL)
    try:
        told = explain.explain(app.desk, merchant, wanted)
    except NotFound as error:
        raise Rejected(_NO_REFERRAL, status=404) from error
    if whom == "advocate":
        return jsonify(referral=str(wanted), for_advocate=told.why.for_advocate)
    return jsonify(explain.as_data(told))


@pages.get("/rewards/<reward>/receipt")
def reward_receipt(reward: str) -> Response:
    """The receipt as it stands now."""
    app, merchant = open_merchant()
    wanted = _id(reward, _NO_REWARD)
    try:
        return jsonify(receipt.receipt(app.desk, merchant, wanted, app.key(receipt.PURPOSE)))
    except NotFound as error:
        raise Rejected(_NO_REWARD, status=404) from error


@pages.get("/connections")
def connections() -> Response:
    """Each account that was not removed: permissions that were not given, and what is missing or hidden there."""
    app, merchant = open_merchant()
    with app.database.begin(merchant) as tx:
        held = [each for each in tx.connections.all() if each.state != "removed"]
    return jsonify(connections=[_connection(app, each) for each in held])


def _connection(app: App, held: Connection) -> dict[str, object]:
    lacking = [{"what": what, "why": why} for what, why in useless(held).items()]
    refused = [
        {"scope": scope.name, "why": scope.why, "optional": scope.optional}
        for scope in missing(app.adapters[held.platform].manifest, held)
    ]
    told = {"platform": held.platform, "account": held.external, "state": held.state}
    return {**told, "name": held.traits.get("name", ""), "refused": refused, "lacking": lacking}


_NO_REFERRAL = "you have no referral with this id; `connector explain CODE` and the admin show the ids"
_NO_REWARD = "you have no reward with this id; the explanation of its referral names it"


def open_merchant() -> tuple[App, UUID]:
    """The merchant whose key was sent. Raises Rejected."""
    app: App = current_app.extensions["connector"]
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    merchant = keys.owner(app.database, key.strip()) if scheme.lower() == "bearer" else None
    if merchant is None:
        raise Rejected(_NO_KEY, status=401)
    return app, merchant


def _id(text: str, otherwise: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Rejected(otherwise, status=404) from error
