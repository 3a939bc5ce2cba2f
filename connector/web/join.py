"""GET and POST /join/<merchant>: somebody becomes an advocate by themselves.

Nobody has shown yet that the address is theirs. So the page gives the code alone, the same for whoever was enrolled
before, never says which it was, and never shows the token of the advocate's own pages.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from flask import Blueprint, Response, current_app, render_template, request

from connector.domain.program import Mode
from connector.domain.terms import terms
from connector.errors import ConfigError
from connector.journey.enrol import enrol
from connector.ports.rows import Owner, ProgramVersion
from connector.store import merchants
from connector.web.gate import Gate
from connector.wiring import App

pages = Blueprint("join", __name__)
MAX_FORM = 4096
#: Anybody can write here, so a merchant's page takes so many in a minute.
MOST = 60
gate = Gate(MOST)


@pages.get("/join/<merchant>")
def ask(merchant: str) -> Response:
    """The promise, and what to fill in."""
    app: App = current_app.extensions["connector"]
    owner, programs = _open(app, merchant)
    if owner is None or not programs:
        return _page("join_nothing.html", 404)
    return _form(app, owner, programs)


@pages.post("/join/<merchant>")
def take(merchant: str) -> Response:
    """Their code and link. Asking again gives the same ones."""
    request.max_content_length = MAX_FORM
    app: App = current_app.extensions["connector"]
    email, name = request.form.get("email", ""), request.form.get("name", "")
    owner, programs = _open(app, merchant)
    if owner is None or not programs:
        return _page("join_nothing.html", 404)
    if not gate.passes(owner.merchant):
        wait = _form(
            app, owner, programs, 429, problem="Many people are joining just now. Please try again in a minute."
        )
        wait.headers["Retry-After"] = "60"
        return wait
    if len(programs) > 1:
        return _form(app, owner, programs, 422)
    program = programs[0]
    try:
        with app.database.begin(owner.merchant) as tx:
            made = enrol(tx, program.id, email, way="join", name=name)
    except ConfigError:
        return _form(app, owner, programs, 422, problem="This does not look like an e-mail address. Please check it.")
    link = f"{app.settings.public_url.rstrip('/')}/r/{made.code}"
    return _page(
        "joined.html", 200, business=_name(app, owner), code=made.code, link=link, terms=terms(program.program)
    )


def _open(app: App, merchant: str) -> tuple[Owner | None, Sequence[ProgramVersion]]:
    """Whose page this is, and the programs that people may join by themselves; the one that the address names alone."""
    owner = app.database.lookup("merchant", merchant.lower()) if merchant.isprintable() else None
    if owner is None:
        return None, ()
    wanted = request.args.get("program")
    with app.database.begin(owner.merchant) as tx:
        every = tx.programs.current()
    return owner, [each for each in every if _joinable(each) and wanted in (None, each.program.slug)]


def _joinable(version: ProgramVersion) -> bool:
    return version.program.mode in (Mode.LIVE, Mode.PILOT) and "join" in version.program.enrolment.ways


def _name(app: App, owner: Owner) -> str:
    return merchants.name_of(app.database, owner.merchant)


def _form(
    app: App, owner: Owner, programs: Sequence[ProgramVersion], status: int = 200, *, problem: str = ""
) -> Response:
    """With what was typed, so that nobody has to type it again. Of several programs, each has an address of its own."""
    return _page(
        "join.html",
        status,
        business=_name(app, owner),
        programs=[each.program for each in programs],
        terms=terms(programs[0].program),
        typed={field: request.form.get(field, "") for field in ("email", "name")},
        problem=problem,
    )


def _page(template: str, status: int, **told: object) -> Response:
    nonce = secrets.token_urlsafe(16)
    response = Response(render_template(template, nonce=nonce, **told), status=status)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; frame-ancestors 'none'"
    )
    return response
