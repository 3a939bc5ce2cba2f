"""GET and POST /stop/<token>: whoever gets our mails says that they want no more, or wants them again.

A mail program may open the link by itself, so that only a POST changes anything; one click there does (RFC 8058).
"""

from __future__ import annotations

import secrets
from uuid import UUID

from flask import Blueprint, Response, current_app, render_template, request

from connector.journey.hush import whose
from connector.store import merchants
from connector.wiring import App

pages = Blueprint("stop", __name__)
MAX_FORM = 4096


@pages.get("/stop/<token>")
def ask(token: str) -> Response:
    """What is to be said, with one button."""
    app: App = current_app.extensions["connector"]
    return _page(app, whose(app.desk, token), "asked")


@pages.post("/stop/<token>")
def take(token: str) -> Response:
    """They are left alone from now on; with `again` they are written to again."""
    request.max_content_length = MAX_FORM
    app: App = current_app.extensions["connector"]
    known, again = whose(app.desk, token), "again" in request.form
    if known is not None:
        merchant, person = known
        with app.database.begin(merchant) as tx:
            tx.people.hush(person, quiet=not again)
    return _page(app, known, "again" if again else "stopped")


def _page(app: App, known: tuple[UUID, UUID] | None, what: str) -> Response:
    """For whom the link is; of one that we did not make, the page says no more than that."""
    nonce = secrets.token_urlsafe(16)
    business = merchants.name_of(app.database, known[0]) if known else ""
    page = render_template("stop.html", nonce=nonce, business=business, what=what)
    response = Response(page, status=200 if known else 404)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'"
    )
    return response
