"""At the terminal a merchant sees who tells what, chooses another, and reads what asking for referrals brings."""

from __future__ import annotations

from click.testing import CliRunner, Result

from connector.cli import main
from connector.domain.news import NewsKind
from tests.conftest import MakeApp
from tests.journey.test_ask import Asking
from tests.journey.test_mail import SENDER, Writing
from tests.shop import DOMAIN, Shop


def run(shop: Shop, *words: str) -> Result:
    return CliRunner(env=dict(shop.app.environ)).invoke(main, list(words))


def test_who_tells_what_is_listed_and_chosen(make_app: MakeApp) -> None:
    with Writing(make_app) as shop:
        before = run(shop, "tell")
        assert before.stdout.splitlines() == [f"{kind}: mail {SENDER}" for kind in NewsKind]
        after = run(shop, "tell", "reward issued=shopify").stdout.splitlines()
        assert f"reward issued: shopify {DOMAIN}, else mail {SENDER}, as you chose" in after
        assert f"reward due: mail {SENDER}" in after
        assert run(shop, "tell", "reward issued=").stdout == before.stdout
        wrong = run(shop, "tell", "reward issued=fax")
        assert wrong.exit_code == 2 and "'fax' cannot tell" in wrong.stderr


def test_where_nobody_tells_it_says_so(make_app: MakeApp) -> None:
    with Shop(make_app) as shop:
        assert all("nobody tells it" in line for line in run(shop, "tell").stdout.splitlines())


def test_what_asking_brings_and_whom_to_ask_first_is_told_with_reasons(make_app: MakeApp) -> None:
    with Asking(make_app) as shop:
        assert "Nobody was asked so far" in run(shop, "asks").stdout
        shop.asks()
        shop.delivered("cleo@example.com")
        told = run(shop, "asks", "--people", "5").stdout.splitlines()
        assert told[0] == "asked: 1 people, 0 take part now (0%), 0 friends count"
        assert any("bought 1 times" in line for line in told[1:])
