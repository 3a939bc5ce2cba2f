"""Receipts: print the proof of a reward, write it to a file, and check such a file anywhere."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain import receipt as paper
from connector.domain.money import Money
from connector.domain.receipt_checks import Check, Readers, check
from connector.errors import NotFound
from connector.journey.receipt import PURPOSE, receipt
from connector.store import codec
from connector.store.facts import fact
from connector.wiring import open_app, ready

_READERS = Readers(fact, codec.standing, codec.evidence)


@click.command()
@click.argument("what", metavar="REWARD|FILE")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the receipt of REWARD to this file."
)
@click.option(
    "--origin", is_flag=True, help="Also check that FILE was sealed here; needs this installation's settings."
)
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(what: str, save: Path | None, origin: bool, name: str | None, as_json: bool) -> None:
    """Print a reward's receipt, or check one in a FILE, which needs neither database nor settings."""
    try:
        reward = UUID(what)
    except ValueError:
        sys.exit(_check(Path(what), origin=origin, as_json=as_json))
    with open_app() as app:
        ready(app)
        document = receipt(app.desk, choose_merchant(app, name), reward, app.key(PURPOSE))
    if save is not None:
        save.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
        click.echo(f"Saved; `connector verify {save}` checks it anywhere.")
        return
    told = _told({section["name"]: section["data"] for section in document["sections"]})
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        _print(told)


def _told(papers: dict[str, Any]) -> dict[str, Any]:
    """The calls, the postings and their sum."""
    lines = [{"memo": batch["memo"], **line} for batch in papers["postings"] for line in batch["lines"]]
    return {
        **{name: papers["reward"][name] for name in ("id", "referral", "amount", "currency", "state", "transaction")},
        "attempts": papers["attempts"],
        "postings": lines,
        "sum": sum(line["amount"] for line in lines),
    }


def _print(told: dict[str, Any]) -> None:
    click.echo(f"reward {Money(told['amount'], told['currency'])}: {told['state']}")
    for attempt in told["attempts"]:
        where = attempt["transaction"] or attempt["needs_person"] or attempt["reason"]
        click.echo(f"  {attempt['since'][:19].replace('T', ' ')} {attempt['direction']}: {attempt['state']} {where}")
    for line in told["postings"]:
        click.echo(f"  {line['memo']:<20} {line['book']:<10} {Money(line['amount'], line['currency'])}")
    click.echo(f"  postings sum to {told['sum']}")


def _check(file: Path, *, origin: bool, as_json: bool) -> int:
    """One line for each check; returns the exit status."""
    try:
        document = paper.read(file.read_bytes())
    except OSError as error:
        raise NotFound(f"{file} is neither a reward's id nor a file that can be read: {error.strerror}") from error
    except ValueError as error:
        checks: tuple[Check, ...] = (Check("It is a receipt.", f"{error}"),)
    else:
        checks = check(document, _READERS)
        if origin:
            checks += (_origin(document),)
    if as_json:
        click.echo(json.dumps([{"check": each.words, "broken": each.broken} for each in checks], indent=2))
    else:
        for each in checks:
            click.echo(f"BROKEN  {each.words} {each.broken}" if each.broken else f"ok      {each.words}")
    return 1 if any(each.broken for each in checks) else 0


def _origin(document: Any) -> Check:
    with open_app() as app:
        ours = paper.is_ours(document, app.key(PURPOSE))
    return Check("It was sealed by this installation.", "" if ours else "The seal is not ours.")


COMMANDS = (verify,)
