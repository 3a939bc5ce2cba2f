"""History: read what happened before the app was connected."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import click

from connector.cli.account import choose_account, choose_merchant
from connector.errors import ConfigError
from connector.journey import backfill as reading
from connector.ports.history import Backfill
from connector.ports.platform import Capability
from connector.wiring import App, open_app, ready

#: With nothing new for this long there may be nobody who works.
_SILENCE_S, _LOOK_EVERY_S = 15.0, 0.5
_NOBODY = "none of the connected platforms can tell what happened before"


@click.command()
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, 3650), help="How far back to read.")
@click.option("--account", default=None, help="The platform's name of the account, where there are several.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def backfill(days: int, account: str | None, name: str | None) -> None:
    """Read past orders and take up those that came through a referral. Ctrl-C leaves it running; run it again to look."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        connection = choose_account(app, merchant, Capability.HISTORY, account, "--account", _NOBODY).connection
        begun = reading.begin(app.desk, merchant, connection, timedelta(days=days))
        if begun.new and begun.remark:
            click.echo(f"Reading from {begun.since:%Y-%m-%d} on: {begun.remark}.")
        elif not begun.new:
            click.echo(f"A reading from {begun.since:%Y-%m-%d} on is under way already.")
        try:
            ended = _watch(app, merchant, connection)
        except KeyboardInterrupt:
            click.echo("\nIt goes on without you; run `connector backfill` again to see how far it is.")
            return
    if ended.reason:
        raise ConfigError([f"it ended after {ended.seen} orders: {ended.reason}"])
    click.echo(f"{ended.seen} orders read, {ended.signed} of them came through a referral.")


@dataclass
class _Patience:
    """Notices that nothing moves."""

    last: Backfill | None = None
    since: float = 0.0
    said: bool = False

    def look(self, now: Backfill) -> None:
        if now != self.last:
            self.last, self.since = now, time.monotonic()
        elif not self.said and time.monotonic() - self.since > _SILENCE_S:
            self.said = True
            click.echo(
                "\nNothing has moved for a while. A worker must be running: `connector up` starts one.", err=True
            )


def _watch(app: App, merchant: UUID, connection: UUID) -> Backfill:
    """Show how far it is until it has ended."""
    patience = _Patience()
    with click.progressbar(length=1, label="Orders", show_pos=True) as bar:
        while True:
            with app.database.begin(merchant) as tx:
                now = tx.backfills.get(connection)
            if now is None:
                raise ConfigError(["the reading is gone; start it again"])
            bar.length = max(now.total or 0, now.seen, 1)
            bar.update(now.seen - bar.pos)
            if now.ended_at is not None:
                return now
            patience.look(now)
            time.sleep(_LOOK_EVERY_S)


COMMANDS = (backfill,)
