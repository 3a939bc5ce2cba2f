"""Questions: why did this happen, does it add up, what needs a person."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain.money import Money
from connector.errors import NotFound
from connector.journey import offer
from connector.journey import rule as ruling
from connector.journey.check import missing, useless
from connector.store import personal, reports
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")
_JSON = click.option("--json", "as_json", is_flag=True, help="For machines.")


#: What an account that shows no e-mails costs the merchant.
_BLIND = (
    "people are known by its own ids alone, so nobody is recognised on another platform or under a second account there,"
    " and an advocate who never bought cannot be found. Ask it for access to protected customer data (e-mail)"
)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, default=str, indent=2, ensure_ascii=False))


@click.command()
@click.argument("needle")
@_MERCHANT
@_JSON
def explain(needle: str, name: str | None, as_json: bool) -> None:
    """Tell in words why a referral stands where it stands. NEEDLE: its id, its code, or the order's id."""
    with open_app() as app:
        ready(app)
        stories = reports.explain(app.database, choose_merchant(app, name), needle)
    if not stories:
        raise NotFound(f"no referral is known by {needle!r}: an order without a sign of a referral has none")
    if as_json:
        _print_json(stories)
        return
    for story in stories:
        click.echo(f"{story['object_kind']} {story['external_id']}: {story['stage']} ({story['rule']})")
        click.echo(f"  {story['touch']['evidence']}")
        click.echo(f"  {story['reason']}")
        for reward in story["rewards"]:
            means = (reward["means"] or reward["kind"]).replace("_", " ")
            amount = f"{Money(reward['amount'], reward['currency'])} to the {reward['role']} as {means}"
            click.echo(f"  reward {amount}: {reward['state']} {reward['reason']}")
        for back in story["reversals"]:
            click.echo(f"  taken back {Money(back['taken'], back['currency'])}: {back['state']} {back['reason']}")


@click.command()
@click.argument("reward", type=click.UUID)
@_MERCHANT
@_JSON
def verify(reward: UUID, name: str | None, as_json: bool) -> None:
    """The receipt of one reward: every call, every posting, and their sum."""
    with open_app() as app:
        ready(app)
        found = reports.receipt(app.database, choose_merchant(app, name), reward)
    if found is None:
        raise NotFound(f"there is no reward {reward}")
    if as_json:
        _print_json(found)
        return
    click.echo(f"reward {Money(found['amount'], found['currency'])}: {found['state']}")
    for attempt in found["attempts"]:
        where = attempt["transaction"] or attempt["needs_person"] or attempt["reason"]
        click.echo(f"  {attempt['since']:%Y-%m-%d %H:%M:%S} {attempt['direction']}: {attempt['state']} {where}")
    for line in found["postings"]:
        click.echo(f"  {line['memo']:<20} {line['book']:<10} {Money(line['amount'], line['currency'])}")
    click.echo(f"  postings sum to {found['sum']}")


@click.command()
@_MERCHANT
@_JSON
def doctor(name: str | None, as_json: bool) -> None:
    """Counts, balances, and what needs a person."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        found = reports.totals(app.database, merchant)
        found["needs_person"] = reports.needs_person(app.database, merchant)
        found["data_requests"] = personal.requests(app.database, merchant)
        found["permissions"] = _permissions(app, merchant)
        found["held"] = reports.held(app.database, merchant)
        found["blind"] = reports.blind(app.database, merchant)
        with app.database.begin(merchant) as tx:
            found["offers"] = offer.told(app.desk, tx)
    if as_json:
        _print_json(found)
        return
    for group in ("referrals", "rewards", "reversals", "attempts", "deliveries", "tasks"):
        click.echo(f"{group}: " + (", ".join(f"{n} {state}" for state, n in found[group].items()) or "none"))
    for line in found["ledger"]:
        click.echo(f"ledger {line['book']}: {Money(int(line['amount']), line['currency'])}")
    for words in found["offers"]:
        click.echo(words)
    for row in found["permissions"]:
        click.echo(f"permissions {row['account']}: {row['name']} {row['state']}, {row['why']}")
    for row in found["blind"]:
        click.echo(f"{row['platform']} {row['account']} shows no e-mails: {_BLIND}")
    for row in found["held"]:
        click.echo(f"held {row['what']} of {Money(row['amount'], row['currency'])}: {row['reason']}")
    for row in found["data_requests"]:
        late = "OVERDUE since" if row["overdue"] else "to answer until"
        click.echo(f"data request {late} {row['due_at']:%Y-%m-%d}: connector data-request {row['id']}")
    for row in found["needs_person"]:
        click.echo(
            f"needs a person: {row['direction']} of {Money(row['amount'], row['currency'])}, {row['needs_person']}"
        )
        click.echo(f"  connector rule {row['id']} landed --transaction ID | connector rule {row['id']} absent")


def _permissions(app: App, merchant: UUID) -> list[dict[str, str]]:
    """What each account does not let us do: permissions that were not given, and credit that is of no use there."""
    with app.database.begin(merchant) as tx:
        connections = [each for each in tx.connections.all() if each.state != "removed"]
    rows = []
    for each in connections:
        account = f"{each.platform} {each.external}"
        for scope in missing(app.adapters[each.platform].manifest, each):
            state = (
                "is not given, and is optional" if scope.optional else "is not given, and this cannot work until it is"
            )
            rows.append({"account": account, "name": scope.name, "state": state, "why": scope.why})
        for kind, why in useless(each).items():
            rows.append({"account": account, "name": kind, "state": "is of no use there", "why": why})
    return rows


@click.command()
@click.argument("attempt", type=click.UUID)
@click.argument("verdict", type=click.Choice(["landed", "absent", "reverse"]))
@click.option("--transaction", default="", help="The platform's id of the movement, for `landed` and `reverse`.")
@_MERCHANT
def rule(attempt: UUID, verdict: str, transaction: str, name: str | None) -> None:
    """Rule on a movement that nobody but a person can tell: it landed, it did not, or it landed and must come back."""
    with open_app() as app:
        ready(app)
        ruling.rule(app.desk, choose_merchant(app, name), attempt, verdict, transaction)
        click.echo("Done.")


COMMANDS = (explain, verify, doctor, rule)
