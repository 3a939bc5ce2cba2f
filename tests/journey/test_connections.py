"""A connection stays well by itself: what the shop changes is noticed, what was held for it is paid, a token never dies
of lying idle, and a removal closes what it was meant for and nothing else."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.shopify import MANIFEST
from connector.cli import main
from connector.domain.facts import ConnectionRemoved, ObjectRef, ScopesChanged
from connector.journey.install import FIRST_CHECK
from connector.journey.tasks import CHECK
from connector.journey.told import take_in
from connector.ports.rows import Connection, connection_lane
from tests.journey.money import approve, drive, hurry
from tests.shop import DOMAIN, TOKEN, Shop

SHOP = ObjectRef("shop", "gid://shopify/Shop/1")
ALL = [scope.name for scope in MANIFEST.scopes]
CREDIT_SCOPE = "write_store_credit_account_transactions"


def connection(shop: Shop) -> Connection:
    with shop.app.database.begin(shop.merchant) as tx:
        return tx.connections.get(shop.connection)


def calls(shop: Shop, operation: str) -> int:
    return int(shop.client.book()["calls"].get(operation, 0))


def check(shop: Shop) -> list[dict[str, Any]]:
    """The open check, with what is left of its pause in seconds."""
    return shop.rows(
        """SELECT state, extract(epoch FROM due_at - clock_timestamp()) AS in_s FROM task
           WHERE merchant_id = :merchant AND what = 'check' AND lane = :lane""",
        lane=connection_lane(shop.connection),
    )


def due_now(shop: Shop) -> None:
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'check' RETURNING lane")


def work_connection(shop: Shop) -> None:
    hurry(shop)
    shop.app.workshop.work(connection_lane(shop.connection))


def told(shop: Shop, topic: str) -> None:
    """The shop sends word of itself as it stands now."""
    (made,) = shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": topic}])
    assert shop.web.post("/webhooks/shopify", data=made["body"], headers=made["headers"]).status_code == 200


def rescope(shop: Shop, scopes: list[str]) -> None:
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=scopes, send=False)
    told(shop, "app/scopes_update")


# ── Once a day ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_is_checked_soon_after_its_installation_and_every_day(shop: Shop) -> None:
    (first,) = check(shop)
    assert 0 < first["in_s"] <= FIRST_CHECK.total_seconds()
    shop.client.control(
        f"shops/{DOMAIN}/update", name="Tea & Cups", currency="SEK", zone="Europe/Stockholm", send=False
    )
    due_now(shop)
    work_connection(shop)
    now = connection(shop)
    assert (now.currency, now.traits["name"], now.traits["zone"]) == ("SEK", "Tea & Cups", "Europe/Stockholm")
    (again,) = check(shop)
    assert again["state"] == "open" and 86_000 < again["in_s"] <= 86_400


def test_a_shop_that_is_away_is_checked_when_it_is_back(shop: Shop) -> None:
    shop.client.control(f"shops/{DOMAIN}/update", currency="SEK", send=False)
    due_now(shop)
    shop.fault("5xx_before", "Shop")
    work_connection(shop)
    assert connection(shop).currency == "EUR"
    (waiting,) = check(shop)
    assert waiting["state"] == "open" and waiting["in_s"] <= 0
    work_connection(shop)
    assert connection(shop).currency == "SEK"


def test_a_lost_connection_is_not_checked_any_more(shop: Shop) -> None:
    for state in ("reconnect", "removed"):
        with shop.app.database.begin(shop.merchant) as tx:
            tx.tasks.mark(connection_lane(shop.connection), CHECK, [CHECK])
            tx.connections.close(shop.connection, state, "for this test")
        due_now(shop)
        asked = calls(shop, "shop")
        work_connection(shop)
        assert check(shop) == [] and calls(shop, "shop") == asked, state


# ── Idle tokens ──────────────────────────────────────────────────────────────────────────────────────────────────


def with_refresh(shop: Shop, idle: timedelta) -> str:
    """The connection as an installation with a refresh token left it so long ago; returns that token."""
    tokens = shop.sandbox.world.shops[DOMAIN].tokens
    with shop.app.database.begin(shop.merchant) as tx:
        ends = tx.now() + timedelta(hours=1)
        tx.connections.install("shopify", DOMAIN, TOKEN, tokens.refresh, ends, "EUR", ALL)
    shop.rows(
        "UPDATE connection SET refreshed_at = clock_timestamp() - CAST(:idle AS interval) RETURNING id", idle=idle
    )
    return str(tokens.refresh)


def test_a_token_is_renewed_long_before_the_platform_forgets_it(shop: Shop) -> None:
    assert MANIFEST.token_idle is not None
    before = with_refresh(shop, MANIFEST.token_idle / 3 + timedelta(hours=1))
    due_now(shop)
    work_connection(shop)
    now = connection(shop)
    assert calls(shop, "access_token") == 1 and now.access != TOKEN and now.refresh not in {"", before}
    assert now.refreshed_at is not None and now.refreshed_at > now.installed_at
    due_now(shop)
    work_connection(shop)
    assert calls(shop, "access_token") == 1, "once, and not again the next day"


def test_a_token_in_use_is_left_alone(shop: Shop) -> None:
    assert MANIFEST.token_idle is not None
    with_refresh(shop, MANIFEST.token_idle / 3 - timedelta(hours=1))
    due_now(shop)
    work_connection(shop)
    assert calls(shop, "access_token") == 0 and connection(shop).access == TOKEN


def test_a_token_that_never_ends_is_not_renewed(shop: Shop) -> None:
    shop.rows("UPDATE connection SET refreshed_at = clock_timestamp() - interval '1 year' RETURNING id")
    due_now(shop)
    work_connection(shop)
    assert calls(shop, "access_token") == 0 and connection(shop).state == "active"


# ── What the shop changes ────────────────────────────────────────────────────────────────────────────────────────


def states(shop: Shop) -> list[str]:
    return [row["state"] for row in shop.rows("SELECT state FROM reward WHERE merchant_id = :merchant")]


def test_credit_that_was_of_no_use_there_is_paid_once_the_shop_can_use_it(shop: Shop) -> None:
    shop.client.control(f"shops/{DOMAIN}/update", accounts_version="CLASSIC", send=False)
    told(shop, "shop/update")
    drive(shop)
    assert "customer accounts" in connection(shop).traits["cannot:balance"]
    approve(shop)
    drive(shop)
    assert (states(shop), shop.credits()) == (["held"], [])
    shop.client.control(f"shops/{DOMAIN}/update", accounts_version="NEW_CUSTOMER_ACCOUNTS", send=False)
    told(shop, "shop/update")
    drive(shop)
    assert (states(shop), shop.credits()) == (["issued"], [800])


def test_a_permission_taken_away_holds_the_credit_and_given_back_pays_it(shop: Shop) -> None:
    rescope(shop, [name for name in ALL if name != CREDIT_SCOPE])
    drive(shop)
    assert CREDIT_SCOPE not in connection(shop).scopes and "read_orders" in connection(shop).scopes
    approve(shop)
    drive(shop)
    assert (states(shop), shop.credits()) == (["held"], [])
    rescope(shop, ALL)
    drive(shop)
    assert (states(shop), shop.credits()) == (["issued"], [800])


def test_of_two_changes_that_come_in_the_wrong_order_the_one_that_stands_wins(shop: Shop) -> None:
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=["read_orders"], send=False)
    (few,) = shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/scopes_update"}])
    rescope(shop, ALL)
    assert shop.web.post("/webhooks/shopify", data=few["body"], headers=few["headers"]).status_code == 200
    drive(shop)
    assert set(ALL) <= connection(shop).scopes


def take(shop: Shop, fact: Any) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        take_in(tx, shop.connection, fact)


def after_install(shop: Shop, seconds: float) -> datetime:
    return connection(shop).installed_at + timedelta(seconds=seconds)


def test_word_from_before_the_installation_changes_nothing(shop: Shop) -> None:
    before, at = connection(shop), after_install(shop, -1)
    take(shop, ScopesChanged(SHOP, at, at, ("read_orders",)))
    take(shop, ConnectionRemoved(SHOP, at, at))
    assert connection(shop) == before


@pytest.mark.parametrize("state", ["active", "reconnect", "removed"])
def test_a_removal_counts_whatever_became_of_the_token(shop: Shop, state: str) -> None:
    drive(shop)
    if state != "active":
        with shop.app.database.begin(shop.merchant) as tx:
            tx.connections.close(shop.connection, state, "for this test")
    shop.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    for _ in range(2):
        told(shop, "app/uninstalled")
        drive(shop)
        now = connection(shop)
        assert (now.state, now.access, now.refresh) == ("removed", "", "")
    parked = shop.rows("SELECT 1 AS n FROM delivery WHERE merchant_id = :merchant AND state <> 'done'")
    assert parked == [], "the word itself is understood every time"


# ── What the operator sees ───────────────────────────────────────────────────────────────────────────────────────


def doctor(shop: Shop, monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    with monkeypatch.context() as patch:
        for name, value in shop.app.environ.items():
            patch.setenv(name, value)
        answer = CliRunner().invoke(main, ["doctor", *options])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_doctor_names_what_is_not_allowed_and_why_it_matters(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "permissions" not in doctor(shop, monkeypatch)
    rescope(shop, [name for name in ALL if name not in {CREDIT_SCOPE, "write_gift_cards"}])
    shop.client.control(f"shops/{DOMAIN}/update", accounts_version="CLASSIC", send=False)
    drive(shop)
    lines = [line for line in doctor(shop, monkeypatch).splitlines() if line.startswith("permissions")]
    why = {scope.name: scope.why for scope in MANIFEST.scopes}
    assert any(CREDIT_SCOPE in line and "cannot work until" in line and why[CREDIT_SCOPE] in line for line in lines)
    assert any("write_gift_cards" in line and "optional" in line for line in lines)
    assert any("balance is of no use there" in line and "customer accounts" in line for line in lines)
    assert len(lines) == 3 and all(DOMAIN in line for line in lines)
    assert {row["name"] for row in json.loads(doctor(shop, monkeypatch, "--json"))["permissions"]} == {
        CREDIT_SCOPE, "write_gift_cards", "balance",
    }  # fmt: skip
