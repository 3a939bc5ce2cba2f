"""The `connector` command. One file a group; each says what it did in words, or in JSON where a machine reads."""

from __future__ import annotations

import sys

import click

from connector import telemetry
from connector.cli import (
    account,
    advocate,
    ask,
    care,
    coupons,
    demo,
    fraud,
    history,
    hook,
    inspect,
    judge,
    keys,
    program,
    prove,
    receipt,
    rehearse,
    rotate,
    run,
    sandbox,
    tell,
)
from connector.errors import ConnectorError


class _Group(click.Group):
    """Errors made on purpose end with their message, not with a trace."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ConnectorError as error:
            click.echo(str(error), err=True)
            sys.exit(2)


@click.group(cls=_Group)
def main() -> None:
    """Referral Connector: every reward exactly once."""
    telemetry.start_logging("WARNING")


for _module in (
    run,
    account,
    program,
    advocate,
    rehearse,
    judge,
    fraud,
    inspect,
    receipt,
    keys,
    rotate,
    care,
    history,
    tell,
    coupons,
    ask,
    hook,
    sandbox,
    demo,
    prove,
):
    for _command in _module.COMMANDS:
        main.add_command(_command)
