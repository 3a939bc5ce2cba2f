"""The demo: embedded servers, a stand-in for every platform, a merchant, and a story of real orders over true HTTP.

What it claims at the end is counted from the stand-ins' own books, read over HTTP, against the story's own file.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import click

from connector import telemetry
from connector.cli.account import install
from connector.cli.run import Processes
from connector.cli.stand_ins import StandIn, answers, environment, free_port, stand_ins, until
from connector.errors import ConnectorError
from connector.journey import enrol
from connector.ports.platform import Manifest
from connector.ports.story import Audience, Moved, Story
from connector.store import merchants, migrate, reports
from connector.wiring import App, open_app

#: The stand-ins answer at once, so the pauses that a real platform needs would only make people wait.
_QUICK = {
    "SWEEP_SECONDS": "1",
    "CALL_SECONDS": "10",
    "DEADLINE_SECONDS": "5",
    "SLICE_SECONDS": "5",
    "LEASE_SECONDS": "20",
    "QUIET_SECONDS": "10",
    "GATHER_SECONDS": "2",
}


@dataclass(frozen=True)
class Stage:
    """One platform's part of the demo: a story that happens there, or an audience that hears what happens elsewhere."""

    stand_in: StandIn
    part: Story | Audience

    @property
    def manifest(self) -> Manifest:
        return self.stand_in.adapter.manifest

    @property
    def listens(self) -> bool:
        return self.stand_in.listens


@click.command()
@click.option("--once", is_flag=True, help="End by itself when the story is told; exit 1 if anything is off.")
@click.option("--port", default=0, help="0 takes a free one.")
def demo(once: bool, port: int) -> None:
    """Play a merchant's first day against stand-ins on this machine, and count what really happened."""
    telemetry.start_logging("ERROR")
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="connector-demo-") as folder, _stages() as stages:
        Path(folder).chmod(0o711)  # PostgreSQL may have to run as somebody else, who must be able to pass through
        port = port or free_port()
        environ = {**os.environ, **_QUICK}
        for stage in stages:
            environ |= environment(stage.stand_in, stage.part.base_url)
        environ |= {"DATA_DIR": folder, "PUBLIC_URL": f"http://127.0.0.1:{port}", "PORT": str(port)}
        for name in ("DATABASE_URL", "REDIS_URL", "MAIL_SERVER"):
            environ.pop(name, None)  # the demo never touches a database of yours, and writes to nobody
        os.environ.clear()
        os.environ.update(environ)
        with open_app() as app:
            good = _play(app, stages, port, Path(folder), started, once=once)
    sys.exit(0 if good else 1)


def _play(app: App, stages: list[Stage], port: int, logs: Path, started: float, *, once: bool) -> bool:
    migrate.migrate(app.database.engine)
    server = "Redis" if app.redis is not None else "no Redis: the sweeper works alone"
    click.echo(f"  {time.monotonic() - started:5.1f} s  PostgreSQL and {server} are up")
    processes = Processes(app, port=port, logs=logs)
    try:
        processes.start()
        until(lambda: answers(port), "the web server to answer")
        click.echo(f"  {time.monotonic() - started:5.1f} s  web, workers and sweeper are up")
        merchant = merchants.ensure(app.database, "Anna's Tea House")
        for stage in stages:
            _tell(app, merchant, stage, port, started)
        good = _count(app, merchant, stages)
        if not once:
            click.echo(f"\nEverything keeps running at http://127.0.0.1:{port} until Ctrl-C.")
            processes.wait()
        return good
    except KeyboardInterrupt:
        return True
    except ConnectorError as error:
        click.echo(f"demo: {error}", err=True)
        return False
    finally:
        processes.stop()


def _tell(app: App, merchant: UUID, stage: Stage, port: int, started: float) -> None:
    """Connect, enrol, play, and wait until everything that is due was done."""
    key, label = stage.manifest.key, stage.manifest.label
    account, token = stage.part.open_shop(f"http://127.0.0.1:{port}/webhooks/{key}", stage.stand_in.secret)
    install(app, key, account, token, lambda: merchant)
    if stage.listens:
        click.echo(f"  {time.monotonic() - started:5.1f} s  {label} listens to what happens on the others")
        return
    story, codes = cast("Story", stage.part), dict[str, str]()
    with app.database.begin(merchant) as tx:
        saved = tx.programs.apply(story.program)
        for name, email in story.advocates.items():
            codes[name] = enrol.enrol(tx, saved.id, email).code
    for line in story.play(codes):
        click.echo(f"  {time.monotonic() - started:5.1f} s  {line}")
    try:
        until(lambda: reports.settled(app.database, merchant), "all work to be done")
    except ConnectorError:
        click.echo(f"  left to do: {reports.totals(app.database, merchant)}", err=True)
        click.echo(f"  needs a person: {reports.needs_person(app.database, merchant)}", err=True)
        raise
    click.echo(f"  {time.monotonic() - started:5.1f} s  all work is done; {label} now holds:")
    for moved in story.book():
        click.echo(f"           {moved.person:<16} {moved.kind:<7} {moved.amount} {moved.currency}")


def _count(app: App, merchant: UUID, stages: list[Stage]) -> bool:
    """Compare each stand-in's own book with what its story says must be there, and with our ledger."""
    duplicates = missing = credited = 0
    stories = [cast("Story", stage.part) for stage in stages if not stage.listens]
    for story in stories:
        booked, expected = Counter(story.book()), Counter(story.expected())
        credited += sum(n for moved, n in booked.items() if moved.kind == "credit")
        surplus, lacking = booked - expected, expected - booked
        duplicates, missing = duplicates + surplus.total(), missing + lacking.total()
        for moved, count in surplus.items():
            click.echo(f"  not in the story: {count} x {moved}", err=True)
        for moved, count in lacking.items():
            click.echo(f"  missing: {count} x {moved}", err=True)
    for stage in (stage for stage in stages if stage.listens):
        twice, never = _heard(stage.manifest.label, cast("Audience", stage.part))
        duplicates, missing = duplicates + twice, missing + never
    found = reports.totals(app.database, merchant)
    issued = -sum(int(line["amount"]) for line in found["ledger"] if line["book"] == "issued")
    standing = sum(_net(story.book()) for story in stories)
    differences = int(issued != standing) + int(sum(int(line["amount"]) for line in found["ledger"]) != 0)
    referrals = sum(found["referrals"].values())
    click.echo(
        f"demo: {referrals} referrals, {credited} credits, duplicates={duplicates}, missing={missing},"
        f" differences={differences}"
    )
    return not (duplicates or missing or differences)


def _heard(label: str, audience: Audience) -> tuple[int, int]:
    """Tell what an audience heard: how much of it too often, and how much it never heard."""
    heard, awaited = audience.heard(), audience.awaited()
    click.echo(f"{label} heard: " + ", ".join(f"{count} x {what}" for what, count in sorted(heard.items())))
    surplus, lacking = heard - awaited, awaited - heard
    for words, wrong in (("heard and not in the story", surplus), ("never heard", lacking)):
        for what, count in wrong.items():
            click.echo(f"  {words}: {count} x {what}", err=True)
    return surplus.total(), lacking.total()


def _net(book: list[Moved]) -> int:
    return sum(moved.minor if moved.kind == "credit" else -moved.minor for moved in book)


@contextmanager
def _stages() -> Iterator[list[Stage]]:
    """A stand-in process for every platform that has a story."""
    with stand_ins("story") as found:
        yield [Stage(each, each.module.open_story(each.url)) for each in found]


COMMANDS = (demo,)
