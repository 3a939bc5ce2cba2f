"""Rotation of ENCRYPTION_KEYS: nothing stays sealed with a key that is to go."""

from __future__ import annotations

import sys

import click

from connector.store import rotation
from connector.wiring import open_app, ready


@click.command("rotate-keys")
def rotate_keys() -> None:
    """Seal with the newest of ENCRYPTION_KEYS what an older one sealed. May be stopped and run again at any time."""
    with open_app() as app:
        ready(app)
        before = rotation.left(app.database)
        try:
            with click.progressbar(length=before, label="Sealing anew", show_pos=True) as bar:
                for done in rotation.rotate(app.database):
                    bar.update(done)
        except KeyboardInterrupt:
            click.echo("\nStopped; run it again and it goes on from there.")
        left = rotation.left(app.database)
    click.echo(f"{before - left} of {before} sealed anew; {left} are left on an older key.")
    if left:
        click.echo(
            "Run it again. If a number stays, a process still seals with the older key first, or its key is not listed"
            " in ENCRYPTION_KEYS: leave the older keys in place.",
            err=True,
        )
        sys.exit(1)


COMMANDS = (rotate_keys,)
