"""Rehearsals at the terminal: a changed program on past purchases, a program that only watches, a pilot's exit report."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from connector.cli.account import choose_merchant
from connector.cli.program import program
from connector.domain.money import Money
from connector.domain.rehearsal import Compared, Outcome, Rehearsal, totals
from connector.files import program as program_file
from connector.journey import rehearse
from connector.journey.exit_report import exit_report
from connector.journey.rehearse import Show
from connector.wiring import open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
_ALL = click.option("--all", "everything", is_flag=True, help="Every line, not only the first.")
#: So many lines are read by people; the rest is counted.
_LINES = 20


@program.command("dry-run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How far back to look.")
@_ALL
@_JSON
@_MERCHANT
def dry_run(file: Path, days: int, everything: bool, as_json: bool, name: str | None) -> None:
    """Replay past purchases through the program in FILE and show what would be different. Writes nothing."""
    changed, _ = program_file.read(file.read_text(), str(file))
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        with _progress() as show:
            found = rehearse.dry_run(app.desk, merchant, changed, days, show)
    if as_json:
        click.echo(json.dumps({**_plain(found), "changes": [_plain_pair(each) for each in found.changes]}, default=str))
        return
    lines = [
        f"{each.purchase} {each.code}: {_said(each.before)} -> {_said(each.after)}: {each.why}"
        for each in found.changes
    ]
    _print_some(lines, everything=everything)
    click.echo(
        f"{found.purchases} purchases since {found.since:%Y-%m-%d}, {len(found.changes)} referrals would change."
    )
    click.echo(f"{totals(found.compared)}.")
    _print_unknown(found)


@program.command()
@click.argument("slug")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3650), help="How far back to look.")
@_ALL
@_JSON
@_MERCHANT
def shadow(slug: str, days: int, everything: bool, as_json: bool, name: str | None) -> None:
    """Show who would have been paid, and why not the others, had the program been live. Writes nothing."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        with _progress() as show:
            found = rehearse.shadow(app.desk, merchant, slug, days, show)
    would = [(each.purchase, each.after) for each in found.compared if each.after is not None]
    if as_json:
        rows = [{"purchase": purchase, **_plain_outcome(after)} for purchase, after in would]
        click.echo(json.dumps({**_plain(found), "referrals": rows}, default=str))
        return
    paid = [(purchase, after) for purchase, after in would if after.earns]
    others = [(purchase, after) for purchase, after in would if not after.earns]
    _print_some([f"{purchase} {after.code}: {after.reason}" for purchase, after in paid], everything=everything)
    if others:
        click.echo("Not paid:")
        _print_some([f"{purchase} {after.code}: {after.reason}" for purchase, after in others], everything=everything)
    click.echo(
        f"{found.purchases} purchases since {found.since:%Y-%m-%d}: {len(paid)} of {len(would)} referrals would earn"
        f" {' and '.join(map(str, found.owed)) or 'nothing'}."
    )
    _print_unknown(found)


@program.command()
@click.argument("slug")
@_JSON
@_MERCHANT
def pilot(slug: str, as_json: bool, name: str | None) -> None:
    """The exit report of a pilot: do people understand it, does it land right, is everybody treated right and paid."""
    with open_app() as app:
        ready(app)
        found = exit_report(app.desk, choose_merchant(app, name), slug)
    if as_json:
        click.echo(json.dumps(found.plain(), default=str))
        return
    for line in found.in_words():
        click.echo(line)


# ── How it is shown ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _progress() -> Iterator[Show]:
    """A bar beside the answer, so that the answer may be piped."""
    with click.progressbar(length=1, label="Replaying", file=sys.stderr) as bar:

        def show(done: int, steps: int) -> None:
            bar.length = max(steps, 1)
            bar.update(done - bar.pos)

        yield show


def _print_some(lines: Sequence[str], *, everything: bool) -> None:
    shown = lines if everything else lines[:_LINES]
    for line in shown:
        click.echo(line)
    if len(lines) > len(shown):
        click.echo(f"... and {len(lines) - len(shown)} more; --all shows them.")


def _print_unknown(found: Rehearsal) -> None:
    for words in found.unknown:
        click.echo(f"Not known: {words}")


def _said(outcome: Outcome | None) -> str:
    return str(outcome) if outcome is not None else "no referral"


# ── For machines ─────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(found: Rehearsal) -> dict[str, Any]:
    sums = totals(found.compared)
    difference = {
        "converted": sums.converted,
        "no_longer": sums.lost,
        "flagged": sums.flagged,
        "released": sums.released,
        "other_advocate": sums.moved,
        "money": _plain_money(sums.money),
    }
    return {
        "since": found.since,
        "purchases": found.purchases,
        "difference": difference,
        "would_be_owed": _plain_money(found.owed),
        "not_known": found.unknown,
    }


def _plain_pair(each: Compared) -> dict[str, Any]:
    sides = {"before": each.before, "after": each.after}
    plain = {side: _plain_outcome(outcome) if outcome is not None else None for side, outcome in sides.items()}
    return {"purchase": each.purchase, **plain, "why": each.why}


def _plain_outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "code": outcome.code,
        "stage": outcome.stage,
        "rule": outcome.rule,
        "reason": outcome.reason,
        "earns": outcome.earns,
        "amounts": _plain_money(outcome.amounts),
    }


def _plain_money(amounts: Sequence[Money]) -> dict[str, str]:
    return {amount.currency: amount.decimal() for amount in amounts}


#: The group, which has these three now.
COMMANDS = (program,)
