"""Stand-ins for the platforms, on loopback."""

from __future__ import annotations

import os
import sys

import click

from adapters import discover
from connector.errors import ConfigError


@click.command()
@click.argument("platform")
@click.option("--port", default=0, help="0 takes a free one.")
def sandbox(platform: str, port: int) -> None:
    """Run the stand-in for PLATFORM until Ctrl-C; it prints its address."""
    adapters = discover()
    if platform not in adapters:
        raise ConfigError([f"there is no platform {platform!r}; choose one of {', '.join(adapters)}"])
    command = [sys.executable, "-m", f"{adapters[platform].package}.sandbox", "--port", str(port)]
    os.execv(sys.executable, command)  # noqa: S606  (it takes this process's place, and so its signals)


COMMANDS = (sandbox,)
