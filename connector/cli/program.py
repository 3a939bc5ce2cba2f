"""Programs and advocates from the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import yaml

from connector.cli.account import choose_merchant
from connector.domain import codes
from connector.domain.program import Program, parse
from connector.errors import ConfigError
from connector.journey import enrol
from connector.ports.platform import Capability, Direction, EffectClass
from connector.wiring import App, open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")


def read_program(text: str, source: str) -> dict[str, Any]:
    """A program's data from YAML. Raises ConfigError with the line."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError([f"{source}: {error}"]) from error
    if not isinstance(data, dict):
        raise ConfigError([f"{source}: a program is a list of `setting: value` lines"])
    return data


def check(app: App, program: Program, merchant: UUID) -> list[str]:
    """What the merchant should know before relying on a program; raises ConfigError if nobody could ever pay it.

    Judged by the platforms they have connected; before the first one is, by all there are.
    """
    with app.database.begin(merchant) as tx:
        connected = {connection.platform for connection in tx.connections.all()} or set(app.adapters)
    rule, able, notes = program.advocate_reward, [], []
    for adapter in (adapter for key, adapter in app.adapters.items() if key in connected):
        operation = adapter.manifest.operation(Capability(rule.kind), Direction.CREDIT)
        if operation is None or program.event not in adapter.manifest.qualifying:
            continue
        able.append(adapter.manifest.label)
        effect = operation.effect if rule.expires_after is None else operation.effect_with_expiry or operation.effect
        if effect is EffectClass.D:
            notes.append(
                f"{adapter.manifest.label} keeps no mark on such a reward, so after a lost answer a person must look"
                " whether it landed. Set advocate.expires_days, and the connector can tell by itself."
            )
    if not able:
        raise ConfigError([f"advocate.kind: no connected platform can pay a {rule.kind!r} for {program.event!r}"])
    return notes


@click.group()
def program() -> None:
    """Show and change the merchant's programs."""


@program.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_MERCHANT
def apply(file: Path, name: str | None) -> None:
    """Save FILE (YAML) as the program's next version."""
    with open_app() as app:
        ready(app)
        data = read_program(file.read_text(), str(file))
        program = parse(data)
        merchant = choose_merchant(app, name)
        notes = check(app, program, merchant)
        with app.database.begin(merchant) as tx:
            saved = tx.programs.apply(data)
        for note in notes:
            click.echo(f"Note: {note}")
        click.echo(f"Program {saved.program.slug} is at version {saved.version}.")


@program.command()
@click.argument("slug")
@_MERCHANT
def show(slug: str, name: str | None) -> None:
    """Print a program as it was written."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            click.echo(yaml.safe_dump(dict(tx.programs.data(slug)), sort_keys=False, allow_unicode=True), nl=False)


@click.group()
def advocate() -> None:
    """Enrol and list advocates."""


@advocate.command()
@click.argument("email")
@click.option("--program", "slug", default=None, help="Needed only where there are several.")
@click.option("--vanity", default=None, help="A code of their own choice, under /r/<merchant>/<code>.")
@click.option("--redeem", default=None, help="The shop's discount code that carries their referral to checkout.")
@click.option("--json", "as_json", is_flag=True)
@_MERCHANT
def add(email: str, slug: str | None, vanity: str | None, redeem: str | None, as_json: bool, name: str | None) -> None:
    """Enrol the person with this e-mail and print their code and link."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            programs = [p for p in tx.programs.current() if slug in (None, p.program.slug)]
            if len(programs) != 1:
                raise ConfigError(["say which program with --program" if programs else "there is no such program"])
            made = enrol.enrol(tx, programs[0].id, email)
            for kind, text in (("vanity", codes.vanity(vanity) if vanity else None), ("redeem", redeem)):
                if text:
                    tx.programs.add_code(made.id, text, kind)
        link = f"{app.settings.public_url.rstrip('/')}/r/{made.code}"
        told = {"advocate": str(made.id), "code": made.code, "link": link}
        click.echo(json.dumps(told) if as_json else f"{made.code}  {link}")


@advocate.command("list")
@click.option("--json", "as_json", is_flag=True)
@_MERCHANT
def list_(as_json: bool, name: str | None) -> None:
    """Every advocate with their codes and counts."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            rows = tx.programs.roster()
        if as_json:
            click.echo(json.dumps(rows, default=str))
        else:
            for row in rows:
                click.echo(f"{row['code']}  {row['referrals']:>5} referrals  {row['program']}")


COMMANDS = (program, advocate)
