"""Questions: why did this happen, does it add up, what needs a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain.money import Money
from connector.domain.receipt import plain
from connector.errors import NotFound
from connector.journey import care, offer
from connector.journey import explain as explaining
from connector.journey import rule as ruling
from connector.journey.check import NUDGES, missing, useless
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
    click.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def _plain(value: object) -> object:
    """Rows as JSON; what has no shape of its own there, such as a span of time, as text."""
    return plain(value) if is_dataclass(value) else str(value)


@click.command()
@click.argument("needle")
@_MERCHANT
@_JSON
def explain(needle: str, name: str | None, as_json: bool) -> None:
    """Tell in words why a referral stands where it stands. NEEDLE: its id, its code, or the order's id."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        with app.database.begin(merchant) as tx:
            found = tx.receipts.find(needle)
        stories = [explaining.explain(app.desk, merchant, referral) for referral in found]
    if not stories:
        raise NotFound(f"no referral is known by {needle!r}: an order without a sign of a referral has none")
    if as_json:
        _print_json([explaining.as_data(story) for story in stories])
        return
    for story in stories:
        ref = story.referral.ref
        click.echo(f"{ref.kind} {ref.id}, referral {story.referral.id}:")
        for line in explaining.in_words(story):
            click.echo(f"  {line}")
        click.echo("What you may show to the advocate:")
        click.echo(f"  {story.why.for_advocate}")


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
        found["nudges"] = _nudges(app, merchant)
        found["held"] = reports.held(app.database, merchant)
        found["parked"] = reports.parked(app.database, merchant)
        found["away"] = reports.away(app.database, merchant)
        found["untold"] = reports.untold(app.database, merchant)
        found["undelivered"] = reports.undelivered(app.database, merchant)
        found["blind"] = reports.blind(app.database, merchant)
        found |= _promises(app, merchant)
        with app.database.begin(merchant) as tx:
            found["offers"] = offer.told(app.desk, tx)
    if as_json:
        _print_json(found)
        return
    for group in ("referrals", "rewards", "reversals", "attempts", "deliveries", "tasks", "news"):
        click.echo(f"{group}: " + (", ".join(f"{n} {state}" for state, n in found[group].items()) or "none"))
    for line in found["ledger"]:
        click.echo(f"ledger {line['book']}: {Money(int(line['amount']), line['currency'])}")
    for line in _promised_words(found):
        click.echo(line)
    for words in found["offers"]:
        click.echo(words)
    for words in _account_words(found):
        click.echo(words)
    for row in found["untold"]:
        click.echo(f"not told {row['times']} times: {row['reason']}")
    for row in found["data_requests"]:
        late = "OVERDUE since" if row["overdue"] else "to answer until"
        click.echo(f"data request {late} {row['due_at']:%Y-%m-%d}: connector data-request {row['id']}")
    for row in found["needs_person"]:
        click.echo(
            f"needs a person: {row['direction']} of {Money(row['amount'], row['currency'])}, {row['needs_person']}"
        )
        click.echo(f"  connector rule {row['id']} landed --transaction ID | connector rule {row['id']} absent")


def _account_words(found: Mapping[str, Any]) -> Iterator[str]:
    for row in found["away"]:
        account = f"{row['platform']} {row['account']}"
        yield f"{account}: {row['state']}; nothing is called there, and all of it waits. {row['reason']}"
    for row in found["permissions"]:
        yield f"permissions {row['account']}: {row['name']} {row['state']}, {row['why']}"
    for row in found["nudges"]:
        yield f"{row['account']} may send outbound messages to this address, which is secret: {row['address']}"
    for row in found["blind"]:
        yield f"{row['platform']} {row['account']} shows no e-mails: {_BLIND}"
    for row in found["undelivered"]:
        yield f"not taken by {row['url']}, and given up {row['times']} times, the last time because {row['reason']}"
        yield f"  connector hook replay --failed --account {row['url']}"


def _promises(app: App, merchant: UUID) -> dict[str, Any]:
    """How the merchant's promises stand: what is open, what is late, and whom somebody should look after."""
    with app.database.begin(merchant) as tx:
        cared = care.needed(tx)
    return {
        "liability": reports.liability(app.database, merchant),
        "budgets": reports.budgets(app.database, merchant),
        "late": reports.late(app.database, merchant),
        "overdue_reviews": reports.overdue(app.database, merchant),
        "care": cared,
    }


def _promised_words(found: Mapping[str, Any]) -> Iterator[str]:
    for each in found["liability"]:
        parts = " - ".join(f"{getattr(each, name)} {name}" for name in ("issued", "redeemed", "expired", "reversed"))
        yield f"liability {each.open} = {parts}"
    for each in found["budgets"]:
        yield f"budget of {each.program}: {each.spent} of {each.budget} is promised, {each.percent} %"
    for each in found["late"]:
        yield f"LATE by {_span(each.by)}: {each.amount} to the {each.role}, {each.why}"
        yield f"  connector explain {each.referral}"
    for row in found["overdue_reviews"]:
        yield f"review OVERDUE since {row['captured_at']:%Y-%m-%d}: {row['why']}"
        yield f"  connector judge approve|decline {row['referral']} --reason WHY"
    for row in found["held"]:
        yield f"held {row['what']} of {Money(row['amount'], row['currency'])}: {row['reason']}"
    for row in found["parked"]:
        times = f"{row['times']} times " if row["times"] > 1 else ""
        yield f"left undone {times}({row['what']}): {row['reason']}"
    if found["parked"]:
        yield "  connector replay, once the cause is mended, takes up all that was left undone"
    for each in found["care"]:
        yield f"care for the friend of referral {each.referral}: {each.care.words} {each.care.do}"


def _span(span: timedelta) -> str:
    return f"{span.days} days" if span >= _TWO_DAYS else f"{span // timedelta(hours=1)} hours"


_TWO_DAYS = timedelta(days=2)


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


def _nudges(app: App, merchant: UUID) -> list[dict[str, str]]:
    """Where accounts that are asked for what changed may tell it sooner."""
    base = app.settings.public_url.rstrip("/")
    with app.database.begin(merchant) as tx:
        return [
            {"account": f"{each.platform} {each.external}", "address": f"{base}{each.traits[NUDGES]}"}
            for each in tx.connections.all()
            if each.state == "active" and NUDGES in each.traits
        ]


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


COMMANDS = (explain, doctor, rule)
