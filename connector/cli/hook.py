"""Receivers of the merchant's own: added, looked at, sent to again, taken away."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import UUID

import click

from connector.cli.account import choose_merchant, install
from connector.errors import ConfigError
from connector.journey.install import leave
from connector.journey.receivers import Which, replay, rotate
from connector.ports.hooks import KINDS, NEW, RECEIVER, Logged
from connector.ports.rows import Connection
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")
_ACCOUNT = click.option("--account", "url", default="", help="One receiver alone.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")
_ONCE = "The secret, which is shown this once:"


@click.group()
def hook() -> None:
    """Send what people hear to receivers of your own, signed."""


@hook.command()
@click.argument("url")
@click.option("--own-secret", is_flag=True, help="Read the secret from standard input instead of making one.")
@_MERCHANT
def add(url: str, own_secret: bool, name: str | None) -> None:
    """Have URL told from now on, and print the secret that signs."""
    with open_app() as app:
        ready(app)
        merchant, address = choose_merchant(app, name), _address(app, url)
        if any(each.external == address and each.state == "active" for each in _receivers(app, merchant)):
            raise ConfigError([f"{address} is told already; `connector hook rotate {address}` gives it a new secret"])
        key = sys.stdin.read().strip() if own_secret else NEW
        connection = install(app, RECEIVER, address, key, lambda: merchant)
        click.echo(f"{address} is told what happens from now on.")
        if not own_secret:
            with app.database.begin(merchant) as tx:
                click.echo(f"{_ONCE} {tx.connections.get(connection).access}")


@hook.command("rotate")
@click.argument("url")
@_MERCHANT
def rotate_(url: str, name: str | None) -> None:
    """Give URL a new secret, and print it; for a day the old one signs as well."""
    with open_app() as app:
        ready(app)
        click.echo(f"{_ONCE} {rotate(app.desk, choose_merchant(app, name), _address(app, url))}")


@hook.command("list")
@_MERCHANT
@_JSON
def list_(name: str | None, as_json: bool) -> None:
    """Every receiver, and what it is told."""
    with open_app() as app:
        ready(app)
        found = _receivers(app, choose_merchant(app, name))
    rows = [{"url": each.external, "state": each.state, KINDS: each.choices.get(KINDS, "")} for each in found]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['url']}  {row['state']}  {row[KINDS] or 'everything'}")


@hook.command()
@_ACCOUNT
@click.option("--failed", is_flag=True, help="Only what was given up.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@_MERCHANT
@_JSON
def log(url: str, failed: bool, limit: int, name: str | None, as_json: bool) -> None:
    """What was sent, the newest first: when, what, how it stands, tries, and what was answered."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            rows = tx.hooks.log(_address(app, url) if url else "", limit, failed=failed)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], default=str))
        return
    for row in rows:
        click.echo(_line(row))


def _line(row: Logged) -> str:
    after = f", again at {row.due_at:%Y-%m-%d %H:%M:%S}" if row.due_at and row.tries else ""
    said = f"{row.status or ''} {row.why}".strip()
    return f"{row.at:%Y-%m-%d %H:%M:%S}  {row.id}  {row.kind:<18}  {row.state:<7}  {row.tries} tries  {said}{after}"


@hook.command("replay")
@click.argument("delivery", type=click.UUID, required=False)
@click.option("--failed", is_flag=True, help="All that was given up.")
@click.option("--since", type=click.DateTime(), default=None, help="All that happened since then (UTC).")
@_ACCOUNT
@_MERCHANT
def replay_(delivery: UUID | None, failed: bool, since: datetime | None, url: str, name: str | None) -> None:
    """Send again: one DELIVERY, all that was given up, or everything since a date. Ids stay the same."""
    with open_app() as app:
        ready(app)
        at = since.replace(tzinfo=UTC) if since else None
        which = Which(delivery, failed, at, _address(app, url) if url else "")
        count = replay(app.desk, choose_merchant(app, name), which)
        click.echo(f"{count} {'is' if count == 1 else 'are'} sent again.")


@hook.command()
@click.argument("url")
@_MERCHANT
def remove(url: str, name: str | None) -> None:
    """Tell URL nothing more; what waits for it is not sent."""
    with open_app() as app:
        ready(app)
        address = _address(app, url)
        leave(app.desk, choose_merchant(app, name), RECEIVER, address)
        click.echo(f"{address} is told nothing more.")


def _address(app: App, url: str) -> str:
    return app.desk.platforms[RECEIVER].auth().check_account(url)


def _receivers(app: App, merchant: UUID) -> list[Connection]:
    with app.database.begin(merchant) as tx:
        return [each for each in tx.connections.all() if each.platform == RECEIVER and each.state != "removed"]


COMMANDS = (hook,)
