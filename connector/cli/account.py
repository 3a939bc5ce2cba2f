"""Joining a platform account with a token of one's own, and merchants with their people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import click

from connector.errors import ConfigError
from connector.journey.accounts import lane_of
from connector.journey.check import make_fields
from connector.journey.choose import choose
from connector.journey.desk import Lane
from connector.journey.install import join, leave
from connector.ports.platform import CANNOT, Capability
from connector.store import merchants
from connector.wiring import App, open_app, ready


def choose_merchant(app: App, name: str | None) -> UUID:
    """The named merchant; without a name the only one there is. Raises ConfigError with the choices."""
    found = merchants.named(app.database, name)
    if len(found) == 1:
        return next(iter(found))
    if name:
        raise ConfigError([f"there is no merchant {name!r}; `connector connect PLATFORM --merchant NAME` makes one"])
    raise ConfigError([f"say which merchant with --merchant: {', '.join(found.values()) or 'there is none yet'}"])


def choose_account(
    app: App, merchant: UUID, capability: Capability, account: str | None, option: str, nobody: str
) -> Lane:
    """A merchant's account that can do this; by its name where there are several. Raises ConfigError with the choices."""
    platforms = app.desk.platforms
    with app.database.begin(merchant) as tx:
        found = {
            each.external: Lane(merchant, each.id, platforms[each.platform])
            for each in tx.connections.all()
            if each.state == "active" and capability in platforms[each.platform].manifest.capabilities
        }
    if account is None and len(found) == 1:
        return next(iter(found.values()))
    if account in found:
        return found[account]
    raise ConfigError([f"say which account with {option}: {', '.join(found) or nobody}"])


@click.command()
@click.argument("platform")
@click.option("--account", required=True, help="The platform's name of the account, such as anna.myshop.example.")
@click.option("--merchant", "name", default="My shop", show_default=True, help="The business; made if it is new.")
@click.option("--join", "code", default=None, help="One-time code of a merchant who is already here.")
def connect(platform: str, account: str, name: str, code: str | None) -> None:
    """Join an account of PLATFORM with its own token, read from standard input."""
    with open_app() as app:
        ready(app)
        if platform not in app.adapters:
            raise ConfigError([f"there is no platform {platform!r}; choose one of {', '.join(app.adapters)}"])
        token = (click.prompt("Access token", hide_input=True) if sys.stdin.isatty() else sys.stdin.read()).strip()
        if not token:
            raise ConfigError(["the access token is read from standard input, and nothing was there"])
        install(app, platform, account, token, lambda: _merchant(app, name, code))
        click.echo(f"Connected {account} on {app.adapters[platform].manifest.label}.")


def _merchant(app: App, name: str, code: str | None) -> UUID:
    return merchants.redeem(app.database, code) if code else merchants.ensure(app.database, name)


def install(app: App, platform: str, external: str, token: str, merchant: Callable[[], UUID]) -> UUID:
    """Join an account by a token of its own. Raises ConfigError if another merchant has it.

    merchant: made or found only once the token is proven.
    """
    grant = app.desk.platforms[platform].auth().own(external, token)
    return join(app.desk, platform, grant, lambda _standing, _name: merchant()).id


@click.command("join-code")
@click.option("--merchant", "name", default=None)
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 168))
def join_code(name: str | None, hours: int) -> None:
    """Make a one-time code with which a second platform joins this merchant."""
    with open_app() as app:
        ready(app)
        click.echo(merchants.join_code(app.database, choose_merchant(app, name), timedelta(hours=hours)))


@click.command()
@click.argument("platform")
@click.option("--account", required=True, help="The platform's name of the account.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def disconnect(platform: str, account: str, name: str | None) -> None:
    """Take the app out of an account of PLATFORM. What was earned and paid stays in the books."""
    with open_app() as app:
        ready(app)
        if platform not in app.adapters:
            raise ConfigError([f"there is no platform {platform!r}; choose one of {', '.join(app.adapters)}"])
        left = leave(app.desk, choose_merchant(app, name), platform, account)
        click.echo(f"Disconnected {account}." + (f" Still to do: {left}." if left else ""))


@click.command("choose")
@click.argument("platform")
@click.argument("choices", nargs=-1)
@click.option("--account", required=True, help="The platform's name of the account.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def choose_(platform: str, choices: tuple[str, ...], account: str, name: str | None) -> None:
    """Decide something for one account, as NAME=WORD; NAME= takes it back. Without any, tell what can be decided."""
    wanted = {each.partition("=")[0]: each.partition("=")[2] for each in choices}
    with open_app() as app:
        ready(app)
        if platform not in app.adapters:
            raise ConfigError([f"there is no platform {platform!r}; choose one of {', '.join(app.adapters)}"])
        chosen = choose(app.desk, choose_merchant(app, name), platform, account, wanted)
        for each in app.adapters[platform].manifest.choices:
            click.echo(f"{each.name}={chosen.get(each.name, '')}   {each.help}")


@click.command()
@click.argument("platform")
@click.option("--account", required=True, help="The platform's name of the account.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def fields(platform: str, account: str, name: str | None) -> None:
    """Make the fields that we write, in an account of a developer's own; elsewhere they come with what is installed."""
    with open_app() as app:
        ready(app)
        lane = lane_of(app.desk, choose_merchant(app, name), platform, account)
        lacking = make_fields(app.desk, lane)
        for what, why in lacking.items():
            click.echo(f"{what.removeprefix(CANNOT)}: {why}")
        click.echo(f"{len(lacking)} still to do." if lacking else "All fields are there.")


COMMANDS = (connect, disconnect, join_code, choose_, fields)
