"""Programs from the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from connector.cli.account import choose_merchant
from connector.domain.program_data import parse
from connector.domain.terms import terms
from connector.files import program as program_file
from connector.journey.publish import publish
from connector.wiring import open_app, ready

_MERCHANT = click.option("--merchant", "name", default=None, help="Needed only where there are several.")


@click.group()
def program() -> None:
    """Show and change the merchant's programs."""


@program.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--unrehearsed", is_flag=True, help="Leave the test although no reward was ever delivered in it.")
@_MERCHANT
def apply(file: Path, unrehearsed: bool, name: str | None) -> None:
    """Save FILE (YAML) as the program's next version."""
    with open_app() as app:
        ready(app)
        _, data = program_file.read(file.read_text(), str(file))
        saved, notes = publish(app.desk, choose_merchant(app, name), data, unrehearsed=unrehearsed)
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
            click.echo(program_file.write(tx.programs.data(slug)), nl=False)


@program.command("terms")
@click.argument("slug")
@click.option("--version", type=int, default=None, help="Of an earlier version; else of the one that stands.")
@_MERCHANT
def show_terms(slug: str, version: int | None, name: str | None) -> None:
    """The promise in plain words: who takes part, what is promised, when it comes, what does not count."""
    with open_app() as app:
        ready(app)
        with app.database.begin(choose_merchant(app, name)) as tx:
            for sentence in terms(parse(tx.programs.data(slug, version))):
                click.echo(sentence)


COMMANDS = (program,)
