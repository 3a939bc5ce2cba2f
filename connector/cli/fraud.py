"""The fraud rules at work: how often each fired, what it stopped, and which good referrals it stopped wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain import fraud
from connector.domain.program import Program
from connector.store import codec, queues
from connector.wiring import App, open_app, ready

_PAGE = 1000


@dataclass
class _Tally:
    """What one rule did. stopped: referrals that it helped to flag or block; wrongly: of those, approved by a person."""

    fired: int = 0
    stopped: int = 0
    unavailable: int = 0
    wrongly: list[str] = field(default_factory=list)


@click.command("fraud")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def fraud_(as_json: bool, name: str | None) -> None:
    """How often each fraud rule fired, and which good referrals were stopped by it and let through by a person."""
    with open_app() as app:
        ready(app)
        tallies, seen = _tally(app, choose_merchant(app, name))
    if as_json:
        click.echo(json.dumps({"weighed": seen, "rules": {rule: vars(t) for rule, t in tallies.items()}}, indent=2))
        return
    click.echo(f"{seen} referrals were weighed.")
    for rule, tally in tallies.items():
        line = f"{rule:<18} fired {tally.fired:>5}  stopped {tally.stopped:>5}  wrongly {len(tally.wrongly):>5}"
        click.echo(line + (f"  not to be seen in {tally.unavailable}" if tally.unavailable else ""))
        for referral in tally.wrongly:
            click.echo(f"  a person approved {referral}")


def _tally(app: App, merchant: UUID) -> tuple[dict[str, _Tally], int]:
    tallies = {rule: _Tally() for rule in fraud.NAMES}
    programs: dict[tuple[UUID, int], Program] = {}
    seen = 0
    for row in _rows(app, merchant):
        seen += 1
        pinned = (row["program_id"], row["program_version"])
        if pinned not in programs:
            with app.database.begin(merchant) as tx:
                programs[pinned] = tx.programs.pinned(*pinned)
        rules = programs[pinned].fraud
        signals = fraud.assess(rules, codec.evidence(row["evidence"]))
        stopped = fraud.score(signals) >= rules.flag
        for signal in signals:
            tally = tallies[signal.rule]
            tally.fired += signal.fired
            tally.unavailable += not signal.available
            if signal.fired and signal.points and stopped:
                tally.stopped += 1
                tally.wrongly += [str(row["id"])] if row["approved"] else []
    return tallies, seen


def _rows(app: App, merchant: UUID) -> Iterator[dict[str, Any]]:
    after: UUID | None = None
    while rows := queues.weighed(app.database, merchant, after, _PAGE):
        yield from rows
        after = rows[-1]["id"]


COMMANDS = (fraud_,)
