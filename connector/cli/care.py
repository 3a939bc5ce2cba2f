"""Care: read deliveries again, and forget a person."""

from __future__ import annotations

import click

from connector.cli.account import choose_merchant
from connector.domain.person import EMAIL
from connector.errors import NotFound
from connector.journey.tasks import DECIDE
from connector.ports.rows import merchant_lane
from connector.wiring import open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that were read without trouble.")
@_MERCHANT
def replay(everything: bool, name: str | None) -> None:
    """Take up parked deliveries, parked work and held rewards again. Safe at any time: nothing is ever rewarded twice."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        with app.database.begin(merchant) as tx:
            deliveries = tx.deliveries.again(parked_only=not everything)
            tasks = tx.tasks.unpark()
            held = tx.rewards.held()
            if held:
                tx.tasks.mark(merchant_lane(merchant), DECIDE, held)
        app.desk.wake(merchant_lane(merchant))
        click.echo(f"{deliveries} deliveries, {tasks} parked tasks and {len(held)} held referrals are due again.")


@click.command()
@click.argument("email")
@_MERCHANT
def erase(email: str, name: str | None) -> None:
    """Forget the person with this e-mail: identifiers and address go, the pseudonymous ledger stays."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            person = tx.people.find(None, EMAIL, email)
            if person is None:
                raise NotFound(f"nobody here is known by {email!r}")
            tx.people.erase(person)
        click.echo("Forgotten.")


COMMANDS = (replay, erase)
