"""Care: read deliveries again, tell a person what is kept of them, and forget them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain.person import EMAIL
from connector.errors import NotFound
from connector.journey.erase import forget
from connector.journey.tasks import DECIDE
from connector.ports.platform import Seen
from connector.ports.rows import merchant_lane
from connector.store import personal
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also those that were read without trouble.")
@_MERCHANT
def replay(everything: bool, name: str | None) -> None:
    """Take up again what was parked, is held, or waits for a later try. Safe at any time: nothing is ever rewarded twice."""
    with open_app() as app:
        ready(app)
        click.echo(f"{take_up(app, choose_merchant(app, name), everything=everything)} are due again.")


def take_up(app: App, merchant: UUID, *, everything: bool = False) -> str:
    """Have all work tried again that was parked, is held or waits; says in words how much.

    everything: also deliveries that were read without trouble.
    """
    with app.database.begin(merchant) as tx:
        deliveries = tx.deliveries.again(parked_only=not everything)
        tasks, payments, held = tx.tasks.unpark(), tx.rewards.try_now(), tx.rewards.held()
        if held:
            tx.tasks.mark(merchant_lane(merchant), DECIDE, held)
    lanes = app.workshop.lanes.go_on(merchant)
    app.desk.wake(merchant_lane(merchant))
    return (
        f"{deliveries} deliveries, {tasks} parked tasks, {len(held)} held referrals, {payments} payments that waited for a"
        f" later try and {lanes} accounts that rested"
    )


@click.command()
@click.argument("email")
@_MERCHANT
def erase(email: str, name: str | None) -> None:
    """Forget the person with this e-mail: identifiers and address go, the pseudonymous ledger stays."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            known = forget(tx, None, [Seen(EMAIL, email)], "", tx.now())
        if not known:
            raise NotFound(f"nobody here is known by {email!r}; deliveries that named them were emptied all the same")
        click.echo("Forgotten.")


@click.command("data-requests")
@_MERCHANT
def data_requests(name: str | None) -> None:
    """List who asked what is kept of them and is not answered yet, and until when you must answer."""
    with open_app() as app:
        ready(app)
        found = personal.requests(app.database, choose_merchant(app, name))
    for row in found:
        whose = "somebody we know" if row["known"] else "nobody we know by name"
        late = "OVERDUE since" if row["overdue"] else "answer until"
        click.echo(f"{row['id']}  {late} {row['due_at']:%Y-%m-%d}  {row['account']}, request {row['request']}: {whose}")
    click.echo("connector data-request ID prints the answer." if found else "No request is open.")


@click.command("data-request")
@click.argument("request", type=click.UUID)
@click.option("--peek", is_flag=True, help="Only look: the request stays open.")
@_MERCHANT
def data_request(request: UUID, peek: bool, name: str | None) -> None:
    """Print all that is kept about who asked, as JSON, and mark the request answered."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            _print(personal.about(tx, *personal.asked(tx, request)))
            if not peek:
                personal.answered(tx, request)


@click.command()
@click.option("--person", "email", required=True, help="Their e-mail.")
@_MERCHANT
def export(email: str, name: str | None) -> None:
    """Print all that is kept about one person, as JSON."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            names = tx.people.names(None, [Seen(EMAIL, email)])
            _print(personal.about(tx, tx.people.find(None, EMAIL, email), names))


def _print(lists: Iterable[tuple[str, Iterator[personal.Row]]]) -> None:
    """One JSON object, written as it is read: an advocate's lists may be long."""
    click.echo("{", nl=False)
    for place, (title, rows) in enumerate(lists):
        click.echo(f'{"," if place else ""}\n"{title}": [', nl=False)
        for number, row in enumerate(rows):
            click.echo(("," if number else "") + "\n  " + json.dumps(row, default=str, ensure_ascii=False), nl=False)
        click.echo("]", nl=False)
    click.echo("\n}")


COMMANDS = (replay, erase, data_requests, data_request, export)
