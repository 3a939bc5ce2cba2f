"""Keys of the API, for a CRM, a help desk, or a script of the merchant's."""

from __future__ import annotations

import click

from connector.cli.account import choose_merchant
from connector.store import keys
from connector.wiring import open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")


@click.group("api-key")
def api_key() -> None:
    """Make, list and revoke keys of the API."""


@api_key.command()
@click.argument("label", metavar="NAME")
@_MERCHANT
def add(label: str, name: str | None) -> None:
    """Make a key and print it. It is shown this once; only a hash of it is kept."""
    with open_app() as app:
        ready(app)
        click.echo(keys.add(app.database, choose_merchant(app, name), label))


@api_key.command("list")
@_MERCHANT
def list_(name: str | None) -> None:
    """Every key with when it was made, last used and revoked."""
    with open_app() as app:
        ready(app)
        found = keys.every(app.database, choose_merchant(app, name))
    for key in found:
        used = f"last used {key.used_at:%Y-%m-%d}" if key.used_at else "never used"
        over = f", revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else ""
        click.echo(f"{key.name}  made {key.created_at:%Y-%m-%d}, {used}{over}")
    if not found:
        click.echo("There is no key yet; connector api-key add NAME makes one.")


@api_key.command()
@click.argument("label", metavar="NAME")
@_MERCHANT
def revoke(label: str, name: str | None) -> None:
    """From now on, this key opens nothing."""
    with open_app() as app:
        ready(app)
        keys.revoke(app.database, choose_merchant(app, name), label)
        click.echo("Revoked.")


COMMANDS = (api_key,)
