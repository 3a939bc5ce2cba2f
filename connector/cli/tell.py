"""Who tells people what happens in their referrals."""

from __future__ import annotations

import click

from connector.cli.account import choose_merchant
from connector.domain.news import NewsKind
from connector.journey.tellers import ALL, choose, orders
from connector.wiring import open_app, ready


@click.command()
@click.argument("choices", nargs=-1)
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def tell(choices: tuple[str, ...], name: str | None) -> None:
    """Choose who tells what, as "reward issued=mail" or "all=PLATFORM"; KIND= takes it back. Alone, say who tells."""
    wanted = {each.partition("=")[0].strip(): each.partition("=")[2].strip() for each in choices}
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            chosen = choose(app.desk, tx, wanted)
            told = orders(app.desk, tx)
            accounts = {each: tx.connections.get(each) for each in {each for order in told.values() for each in order}}
    nobody = "nobody tells it: connect an account whose flows write to people, or mail"
    for kind in NewsKind:
        platforms = [f"{accounts[each].platform} {accounts[each].external}" for each in told[kind]]
        mark = ", as you chose" if platforms and (kind.value in chosen or ALL in chosen) else ""
        click.echo(f"{kind.value}: {', else '.join(platforms) or nobody}{mark}")


COMMANDS = (tell,)
