"""Advocates from the terminal: one at a time, or whole lists of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain.person import NAME
from connector.domain.program import TESTERS
from connector.errors import ConfigError
from connector.files import roster as roster_file
from connector.files.columns import FORMATS
from connector.journey import enrol, roster
from connector.journey.invite import Invited, invite, participation
from connector.ports.roster import Flaw, Participation
from connector.ports.store import Tx
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")
_PROGRAM = click.option("--program", "slug", default=None, help="Needed only where there are several.")
_JSON = click.option("--json", "as_json", is_flag=True)
_LIST = click.Path(exists=True, dir_okay=False, path_type=Path)


def choose_program(tx: Tx, slug: str | None) -> UUID:
    """The named program; without a name the only one there is. Raises ConfigError with the choices."""
    every = {each.program.slug: each.id for each in tx.programs.current()}
    found = [program for name, program in every.items() if slug in (None, name)]
    if len(found) == 1:
        return found[0]
    choices = ", ".join(every) or "there is none; `connector program apply FILE` makes one"
    raise ConfigError([f"{'say which program with --program' if found else 'there is no such program'}: {choices}"])


@click.group()
def advocate() -> None:
    """Enrol, invite, list, import and export advocates."""


@advocate.command()
@click.argument("email")
@_PROGRAM
@click.option("--vanity", default=None, help="A code of their own choice, under /r/<merchant>/<code>.")
@click.option("--redeem", default=None, help="The shop's discount code that carries their referral to checkout.")
@click.option(
    "--name", "called", default="", help="Their name; only a mark of it is kept, for `advocate list --called`."
)
@click.option("--group", "groups", multiple=True, help="A group they belong to, such as the one of a pilot.")
@click.option("--tester", is_flag=True, help=f"The group {TESTERS!r}: paid while the program is in test.")
@_JSON
@_MERCHANT
def add(
    email: str,
    slug: str | None,
    vanity: str | None,
    redeem: str | None,
    called: str,
    groups: tuple[str, ...],
    tester: bool,
    as_json: bool,
    name: str | None,
) -> None:
    """Enrol the person with this e-mail, and print their code and link; as JSON, the token of their own pages too."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            program = choose_program(tx, slug)
            belongs = [*groups, *([TESTERS] if tester else [])]
            made = enrol.enrol(tx, program, email, source="command line", name=called, groups=belongs)
            if vanity:
                enrol.choose_code(tx, program, made.id, vanity)
            if redeem:
                enrol.add_code(tx, made.id, redeem, "redeem")
        link = f"{app.settings.public_url.rstrip('/')}/r/{made.code}"
        told = {"advocate": str(made.id), "code": made.code, "link": link, "token": made.token, "new": made.new}
        click.echo(json.dumps(told) if as_json else f"{made.code}  {link}")


@advocate.command("list")
@_PROGRAM
@click.option("--called", default=None, help="Only people of this name.")
@_JSON
@_MERCHANT
def list_(slug: str | None, called: str | None, as_json: bool, name: str | None) -> None:
    """Every advocate with codes and counts, and how many of those who were invited came."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            program = choose_program(tx, slug) if slug else None
            rows, joined = tx.roster.all(program), participation(tx, program)
            if called is not None:
                bearers = {*tx.marks.bearers(NAME, called)}
                rows = [row for row in rows if row["person"] in bearers]
        if as_json:
            click.echo(json.dumps({"advocates": rows, "participation": _plain(joined)}, default=str))
            return
        for row in rows:
            click.echo(f"{row['code']}  {row['referrals']:>5} referrals  {row['way']:<5}  {row['program']}")
        click.echo(_said(joined))


def _plain(joined: Participation) -> dict[str, Any]:
    return {
        "enrolled": joined.enrolled,
        "invited": joined.invited,
        "joined": joined.joined,
        "share": joined.share,
    }


def _said(joined: Participation) -> str:
    asked = "nobody was invited" if joined.share is None else f"of {joined.invited} invited, {joined.joined} joined"
    return f"{joined.enrolled} enrolled; {asked}{'' if joined.share is None else f' ({joined.share:.0%})'}."


@advocate.command("invite")
@click.argument("whom", metavar="FILE|EMAIL")
@_PROGRAM
@_MERCHANT
def invite_(whom: str, slug: str | None, name: str | None) -> None:
    """Remember that people were asked to take part: one e-mail, or a list with a column named email."""
    with open_app() as app:
        ready(app)
        file, merchant = Path(whom), choose_merchant(app, name)
        if file.is_file():
            emails, flaws = roster_file.addresses(file.read_bytes(), file.name)
        else:
            emails, flaws = [whom], []
        with app.database.begin(merchant) as tx:
            program = choose_program(tx, slug)
        done = [_invite(app, merchant, program, emails[at : at + roster.BATCH]) for at in _parts(len(emails))]
        new, again = sum(each.new for each in done), sum(each.again for each in done)
        click.echo(f"{new} invited, {again} had been before.")
        _tell(flaws)


def _parts(length: int) -> range:
    return range(0, length, roster.BATCH)


def _invite(app: App, merchant: UUID, program: UUID, emails: list[str]) -> Invited:
    with app.database.begin(merchant) as tx:
        return invite(tx, program, emails)


# ── Whole lists ──────────────────────────────────────────────────────────────────────────────────────────────────


@advocate.command("import")
@click.argument("file", type=_LIST)
@_PROGRAM
@click.option("--format", "format_", default="auto", type=click.Choice(["auto", *FORMATS]), show_default=True)
@click.option("--dry-run", is_flag=True, help="Show what would be, and change nothing.")
@_JSON
@_MERCHANT
def import_(file: Path, slug: str | None, format_: str, dry_run: bool, as_json: bool, name: str | None) -> None:
    """Enrol everybody on a CSV list, with the codes that they share already. Ends with 1 where a line needs a look."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        listed = roster_file.read(file.read_bytes(), file.name, format_)
        with app.database.begin(merchant) as tx:
            program = choose_program(tx, slug)
        new, known, flaws = 0, 0, [*listed.flaws]
        label = "Reading" if dry_run else "Enrolling"
        with click.progressbar(length=len(listed.entries), label=label, file=sys.stderr) as bar:
            for part in roster.take(app.database, merchant, program, listed.entries, rehearse=dry_run):
                new, known = new + part.enrolled, known + part.known
                flaws += part.flaws
                bar.update(part.enrolled + part.known)
    flaws.sort(key=lambda flaw: flaw.line)
    if as_json:
        lines = [{"line": flaw.line, "words": flaw.words} for flaw in flaws]
        told = {"format": listed.format, "enrolled": new, "known": known, "flaws": lines, "dry_run": dry_run}
        click.echo(json.dumps(told))
    else:
        would = "would be " if dry_run else ""
        click.echo(f"{new} {would}enrolled, {known} were already; read as a list of {listed.format}.")
        _tell(flaws)
    if flaws:
        sys.exit(1)


def _tell(flaws: Iterable[Flaw]) -> None:
    for flaw in flaws:
        click.echo(str(flaw), err=True)


@advocate.command("export")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path), required=False)
@_PROGRAM
@_MERCHANT
def export_(file: Path | None, slug: str | None, name: str | None) -> None:
    """Write all advocates as CSV to FILE, or to the screen; `advocate import` takes it in again as it is."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            rows = list(roster.rows(tx, choose_program(tx, slug)))
        known = [(email, row) for email, row in rows if email is not None]
        text = "".join(roster_file.write(known, app.settings.public_url))
        if file:
            file.write_bytes(text.encode())
        else:
            click.echo(text.encode(), nl=False)
        if left := len(rows) - len(known):
            click.echo(
                f"{left} left out: only their platform knows who they are, and no e-mail is kept here.", err=True
            )


COMMANDS = (advocate,)
