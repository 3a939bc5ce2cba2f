"""GET /r/<code>: a click is noted, and the friend is sent on to the shop, nowhere else."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import Blueprint, abort, current_app, redirect, request
from werkzeug.wrappers import Response

from connector.domain import codes
from connector.domain.person import network_of
from connector.journey import happened
from connector.ports.store import Tx
from connector.store.programs import Click
from connector.web.gate import Gate
from connector.wiring import App

pages = Blueprint("links", __name__)
#: Wrong codes of one network that are remembered in a minute; more of them tell nothing new.
guesses = Gate(30)
_MEDIA = frozenset({"email", "sms", "whatsapp", "social", "copy", "qr", "share", "link"})


@pages.get("/r/<code>")
def minted(code: str) -> Response:
    """A minted code is unique over all merchants."""
    app: App = current_app.extensions["connector"]
    meant = codes.parse_minted(code)
    owner = app.database.lookup("code", meant) if meant else None
    if owner is None or meant is None:
        abort(404)
    with app.database.begin(owner.merchant) as tx:
        click = tx.programs.click(meant, _medium())
        _tell(tx, click)
    if click is None:
        abort(404)
    return _send_on(click, meant)


@pages.get("/r/<merchant>/<code>")
def vanity(merchant: str, code: str) -> Response:
    """A vanity code lives under its merchant's name."""
    app: App = current_app.extensions["connector"]
    owner = app.database.lookup("merchant", merchant.lower()) if (merchant + code).isprintable() else None
    if owner is None:
        abort(404)
    with app.database.begin(owner.merchant) as tx:
        click = tx.programs.click(codes.fold(code), _medium())
        _tell(tx, click)
        if click is None and (network := _network()) and guesses.passes(network):
            tx.marks.guess(network)
    if click is None:
        abort(404)
    return _send_on(click, codes.fold(code))


def _tell(tx: Tx, click: Click | None) -> None:
    """The first who follows an advocate's link tells that it was shared."""
    if click is not None and click.shared_by is not None:
        happened.shared(tx, click.program_id, click.program, click.shared_by)


def _network() -> str:
    """Where the visitor comes from, as the nearest proxy saw it; "" for what is nobody's."""
    return network_of(request.access_route[-1]) if request.access_route else ""


def _medium() -> str:
    wanted = request.args.get("m", "link")
    return wanted if wanted in _MEDIA else "link"


def _send_on(click: Click, code: str) -> Response:
    """Only to the program's own hosts; the first is the default, `to` may choose another of them and never more."""
    if not click.hosts:
        abort(404)
    wanted = request.args.get("to", "")
    host = wanted if wanted in click.hosts else click.hosts[0]
    query = urlencode(
        {
            "ref": code,
            "utm_source": "referral",
            "utm_medium": _medium(),
            "utm_campaign": click.program.slug,
            "utm_content": code,
        }
    )
    page = f"{click.program.landing}{'&' if '?' in click.program.landing else '?'}{query}"
    redeem = click.redeem.get(host)
    if redeem is None:
        return redirect(f"https://{host}{page}", code=302)
    # The shop puts the friend's discount into the cart and sends them on. The marks stand on both pages, because either
    # may be the one that the shop remembers as the first.
    return redirect(
        f"https://{host}/discount/{quote(redeem, safe='')}?redirect={quote(page, safe='/')}&{query}", code=302
    )
