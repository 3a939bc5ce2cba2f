"""Coupons: codes of a shop, published to where messages give one to each reader."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from connector.cli.account import choose_account, choose_merchant
from connector.errors import ConfigError, PlatformError
from connector.journey.coupons import distinct, publish
from connector.ports.coupons import Fate
from connector.ports.platform import Capability
from connector.wiring import open_app, ready

_SHOWN_EVERY = 100
_NO_SHOP = "none of the connected platforms is a shop that tells which codes it has"
_NO_POOL = "none of the connected platforms gives codes to readers of messages"


@click.command()
@click.argument("coupon", metavar="NAME")
@click.option("--codes", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--shop", required=True, help="The shop that redeems the codes.")
@click.option("--account", default=None, help="The account that gives them to readers, where there are several.")
@click.option("--low", default=50, show_default=True, type=click.IntRange(0), help="Warn with fewer codes left.")
@click.option("--merchant", "name", default=None, help="Needed only where there are several.")
def coupons(coupon: str, path: Path, shop: str, account: str | None, low: int, name: str | None) -> None:
    """Publish the codes in a file, one a line, to the coupon NAME; only those that the shop has. Again changes nothing."""
    try:
        codes = distinct(path.read_text(encoding="utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: it is not a text in UTF-8"]) from error
    with open_app() as app:
        ready(app)
        merchant = choose_merchant(app, name)
        redeems = choose_account(app, merchant, Capability.CODES_KNOWN, shop, "--shop", _NO_SHOP)
        gives = choose_account(app, merchant, Capability.COUPONS, account, "--account", _NO_POOL)
        tally: Counter[Fate] = Counter()
        try:
            for each in publish(app.desk, redeems, gives, coupon, codes, low):
                tally[each.fate] += 1
                if each.fate in {Fate.MISSING, Fate.REFUSED}:
                    click.echo(f"{each.code}: {each.fate}{each.reason and f': {each.reason}'}")
                if tally.total() % _SHOWN_EVERY == 0:
                    click.echo(f"{tally.total()} of {len(codes)}")
        except PlatformError as error:
            raise ConfigError([f"{error.reason}; what is published stays, so run it again"]) from error
        finally:
            click.echo(", ".join(f"{tally[fate]} {fate}" for fate in Fate))


COMMANDS = (coupons,)
