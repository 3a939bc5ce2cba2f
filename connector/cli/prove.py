"""`connector prove`: anyone may see in a minute whether a reward is lost or paid twice when everything breaks."""

from __future__ import annotations

import json
import random
import secrets
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from connector import telemetry
from connector.cli.proving_ground import ground
from connector.prove.verdict import promises, table


@click.command()
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(5, 3600), help="How long people buy.")
@click.option("--seed", default=None, type=int, help="Throws the dice of another run again.")
@click.option("--json", "as_json", is_flag=True)
def prove(seconds: int, seed: int | None, as_json: bool) -> None:
    """Let people buy against stand-ins on this machine while everything breaks, and count what became of the promises.

    Exit 1 if one is broken. The figures come from the stand-ins' own books, by a process that imports nothing of ours.
    """
    telemetry.start_logging("ERROR")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = secrets.randbelow(2**32) if seed is None else seed

    def say(words: str) -> None:
        click.echo(words, err=as_json)

    say(f"Seed {seed}. People buy for {seconds} s, and everything breaks meanwhile ...")
    with tempfile.TemporaryDirectory(prefix="connector-proof-") as folder:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as somebody else, who must be able to pass through
        with ground(Path(folder), random.Random(seed)) as made:  # noqa: S311 - dice, and no secret
            made.live(seconds, say)
            say("Nothing breaks any more; what is under way comes to its end ...")
            unsettled = made.calm(say)
            counted = made.count()
            found = promises(counted, made.waiting(), unsettled)
            broke = dict(sorted(made.done.items()))
    broken = sum(each.broken for each in found)
    if as_json:
        told = {"seed": seed, "seconds": seconds, "broken": broken, "promises": [asdict(each) for each in found]}
        click.echo(json.dumps({**told, "what_broke": broke, "platforms": counted}, indent=2))
    else:
        click.echo("\n".join(["", *table(found), "", "What broke on purpose: " + _listed(broke)]))
        click.echo(f"connector prove: {'every promise held' if not broken else f'{broken} BROKEN'} (seed {seed})")
    sys.exit(1 if broken else 0)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in counts.items())


COMMANDS = (prove,)
