"""A person's word: approve, decline, appeal, release, say who sent a friend, record a job, hand a thing over."""

from __future__ import annotations

import getpass
import json
from typing import Any
from uuid import UUID

import click

from connector.cli.account import choose_merchant
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.errors import ConfigError
from connector.journey import apply, judge, spoken
from connector.store import queues
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")
_BY = click.option("--by", default=getpass.getuser, show_default="your user name", help="Who says so.")
_REASON = click.option("--reason", required=True, help="Why; kept with the decision and shown in explanations.")


@click.command("review")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@_MERCHANT
def review(as_json: bool, name: str | None) -> None:
    """The referrals that a person should look at, longest waiting first."""
    with open_app() as app:
        ready(app)
        rows = queues.review(app.database, choose_merchant(app, name))
    if as_json:
        click.echo(json.dumps(rows, default=str, indent=2, ensure_ascii=False))
        return
    for row in rows:
        late = "OVERDUE " if row["overdue"] else ""
        click.echo(f"{row['id']}  {late}{row['program']} {row['code']}: {row['why']}")
    if not rows:
        click.echo("Nothing waits for a person.")


@click.command("judge")
@click.argument("verdict", type=click.Choice(["approve", "decline", "again"]))
@click.argument("referrals", nargs=-1, required=True, type=click.UUID)
@click.option("--reason", default="", help="Why; kept with the decision and shown in explanations.")
@_BY
@_MERCHANT
def judge_(verdict: str, referrals: tuple[UUID, ...], reason: str, by: str, name: str | None) -> None:
    """Approve or decline REFERRALS, or judge them AGAIN by the program as it stands today."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        if verdict == "again":
            for referral in referrals:
                version = judge.again(app.desk, merchant, referral)
                click.echo(f"{referral} is judged by version {version}.")
            return
        count = judge.judge(app.desk, merchant, referrals, by, reason, approved=verdict == "approve")
        click.echo(f"{count} referral{'s' if count != 1 else ''} {verdict}d.")


@click.command("appeal")
@click.argument("referral", type=click.UUID)
@_REASON
@_BY
@_MERCHANT
def appeal(referral: UUID, reason: str, by: str, name: str | None) -> None:
    """Ask for another look at REFERRAL: it goes to review before anything is paid."""
    with open_app() as app:
        ready(app)
        judge.appeal(app.desk, choose_merchant(app, name), referral, by, reason)
        click.echo("It is in the review queue: `connector review`.")


@click.command("release")
@click.argument("referral", type=click.UUID)
@_BY
@_MERCHANT
def release(referral: UUID, by: str, name: str | None) -> None:
    """Pay the reward of REFERRAL before its hold is over."""
    with open_app() as app:
        ready(app)
        judge.release(app.desk, choose_merchant(app, name), referral, by)
        click.echo("It is released.")


@click.command("refer")
@click.option("--program", "slug", required=True)
@click.option("--code", default="", help="The advocate's code.")
@click.option("--name", "advocate", default="", help="The advocate's name, as they were enrolled.")
@click.option("--phone", default="", help="The advocate's phone number.")
@click.option("--friend", "email", default="", help="The friend's e-mail address.")
@click.option("--order", default="", help="ACCOUNT/ID of a purchase that was made already.")
@click.option("--evidence", required=True, help="What it rests on, such as: she told me on the phone.")
@click.option("--claim", is_flag=True, help="The advocate says so themselves: it goes to review.")
@_BY
@_MERCHANT
def refer(
    slug: str,
    code: str,
    advocate: str,
    phone: str,
    email: str,
    order: str,
    evidence: str,
    claim: bool,
    by: str,
    name: str | None,
) -> None:
    """Say who sent a friend, because no link or code did."""
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        bought = _purchase(app, merchant, order) if order else None
        word = spoken.Word(by, evidence, code, advocate, phone, email, bought, claimed=claim)
        standing = spoken.say(app.desk, merchant, slug, word)
        click.echo(f"referral {standing}" if standing else "The purchase is read, and decided by the rules.")


def _purchase(app: App, merchant: UUID, text: str) -> tuple[UUID, ObjectRef]:
    """ACCOUNT/ID, the id as the platform shows it; the account may be left out where there is one."""
    account, _, number = text.rpartition("/")
    with app.database.begin(merchant) as tx:
        found = {each.external: each for each in tx.connections.all() if each.state != "removed"}
    if account:
        found = {external: each for external, each in found.items() if external == account}
    if len(found) != 1:
        raise ConfigError([f"--order: say ACCOUNT/ID; there are {', '.join(sorted(found)) or 'no such accounts'}"])
    [connection] = found.values()
    try:
        return connection.id, app.desk.platforms[connection.platform].inbound.purchase(number)
    except ValueError as error:
        raise ConfigError([f"--order: {number!r} is no number of a purchase on {connection.external}"]) from error


@click.command("done")
@click.argument("referral", type=click.UUID)
@click.option("--amount", default="", help='What it cost, such as "120.00 EUR", where a percentage is promised of it.')
@_BY
@_MERCHANT
def done(referral: UUID, amount: str, by: str, name: str | None) -> None:
    """Record that the work for a referred friend is done."""
    with open_app() as app:
        ready(app)
        judge.job_done(
            app.desk, choose_merchant(app, name), referral, by, _money("--amount", amount) if amount else None
        )
        click.echo("It is recorded.")


@click.command("handed")
@click.argument("reward", type=click.UUID)
@_BY
@_MERCHANT
def handed(reward: UUID, by: str, name: str | None) -> None:
    """Record that the thing promised by REWARD was handed over."""
    with open_app() as app:
        ready(app)
        click.echo(f"Handed over: {judge.handed_over(app.desk, choose_merchant(app, name), reward, by)}.")


@click.command("redeem")
@click.argument("reward", type=click.UUID)
@click.argument("amount")
@click.option("--bill", default="", help="A draft invoice of the platform: have it taken off there.")
@_BY
@_MERCHANT
def redeem(reward: UUID, amount: str, bill: str, by: str, name: str | None) -> None:
    """Record that AMOUNT of the credit of REWARD was taken off a bill, or have the platform take it off a draft."""
    with open_app() as app:
        ready(app)
        if bill:
            apply.ask(app.desk, choose_merchant(app, name), reward, bill, _money("AMOUNT", amount))
            click.echo("Asked for; `connector doctor` says if it cannot be done.")
            return
        left = judge.redeemed(app.desk, choose_merchant(app, name), reward, _money("AMOUNT", amount), by)
        click.echo(f"{left} is left of it.")


def _money(option: str, text: str) -> Money:
    number, _, currency = text.partition(" ")
    try:
        return Money.parse(number, currency.strip())
    except ValueError as error:
        raise ConfigError([f'{option}: write an amount and its currency, such as "10.00 EUR"']) from error


COMMANDS: tuple[Any, ...] = (review, judge_, appeal, release, refer, done, handed, redeem)
