"""Whom a program asks for referrals, why, and what it brings."""

from __future__ import annotations

import json

import click

from connector.cli.account import choose_merchant
from connector.cli.advocate import choose_program
from connector.journey.ask import ranked
from connector.wiring import open_app, ready

_WORDS = {"asked": "asked", "held_out": "held out, never asked"}


@click.command()
@click.option("--program", "slug", default=None, help="Needed only where there are several.")
@click.option("--people", default=0, metavar="N", help="Rank the latest N people too, the likeliest advocates first.")
@click.option("--json", "as_json", is_flag=True)
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def asks(slug: str | None, people: int, as_json: bool, name: str | None) -> None:
    """What asking people for referrals brings, against those who are held out; with --people, whom to ask first and why."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            program = choose_program(tx, slug)
            effects = tx.asks.effects(program)
            rank = ranked(tx, program, people) if people else ()
    if as_json:
        told = {
            "effects": [vars(each) for each in effects],
            "people": [
                {"person": str(each.person), "code": each.code, "score": points.points, "strong": points.strong,
                 "reasons": points.reasons}
                for points, each in rank
            ],
        }  # fmt: skip
        click.echo(json.dumps(told, indent=2))
        return
    for effect in effects:
        share = f"{effect.joined / effect.people:.0%}" if effect.people else "none"
        words = f"{effect.people} people, {effect.joined} take part now ({share}), {effect.friends} friends count"
        click.echo(f"{_WORDS[effect.answer]}: {words}")
    if not effects:
        click.echo("Nobody was asked so far. A section `ask` in the program says whom to ask, and when.")
    for points, each in rank:
        mark = "strong advocate, " if points.strong else ""
        click.echo(
            f"{points.points:3} {each.code or each.person}: {mark}{'; '.join(points.reasons) or 'nothing is known'}"
        )


COMMANDS = (asks,)
