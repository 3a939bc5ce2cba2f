"""One merchant with a shop and a CRM: what happens in one shows in the other, and nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client
from connector.cli.account import install
from connector.wiring import App
from tests.conftest import MakeApp
from tests.hub import PROGRAM, Hub

DOMAIN, SHOP_TOKEN, SHOP_SECRET = "annas-tea.myshopify.com", "shpat_test", "the shop's secret"
FRIEND = "friend@example.org"
IN_SHOP = {**PROGRAM, "event": "order_paid", "source": "shopify", "links": {"hosts": [DOMAIN]}}


class Both(Hub):
    """The CRM of the harness, and a shop beside it. Both tell us over true HTTP."""

    def __init__(self, make_app: MakeApp) -> None:
        self.shop_sandbox = start()
        self.shop = Client(self.shop_sandbox.url, DOMAIN, SHOP_TOKEN)
        base = {"SHOPIFY_URL": f"{self.shop_sandbox.url}/{{shop}}", "SHOPIFY_API_KEY": "key"}

        def make(**changes: str) -> App:
            return make_app(**{**base, "SHOPIFY_API_SECRET": SHOP_SECRET, **changes})

        super().__init__(make)
        target = f"http://127.0.0.1:{self.port}/webhooks/shopify"
        told = {"currency": "EUR", "token": SHOP_TOKEN, "secret": SHOP_SECRET, "target": target}
        self.shop.control("shops", domain=DOMAIN, **told)
        install(self.app, "shopify", DOMAIN, SHOP_TOKEN, lambda: self.merchant)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.shop.close()
        self.shop_sandbox.stop()

    def customer(self, email: str, **more: Any) -> str:
        return str(self.shop.control("customers", shop=DOMAIN, email=email, send=False, **more)["gid"])

    def order(self, email: str, code: str, net: str = "1000.00") -> None:
        """A new customer orders through an advocate's link."""
        landing = "/tea?" + urlencode({"ref": code, "utm_source": "referral", "utm_content": code})
        self.shop.control("orders", shop=DOMAIN, customer=self.customer(email), net=net, landing_site=landing)

    def drained(self) -> None:
        super().drained()
        assert self.shop.control("drain", timeout_s=20)["idle"]

    def credits(self) -> int:
        """Credits on both platforms, by their own books."""
        in_shop = [entry for entry in self.shop.book()["entries"] if entry["kind"] == "credit"]
        return len(in_shop) + len([amount for _, amount in self.moved() if amount > 0])


@pytest.fixture
def both(make_app: MakeApp) -> Iterator[Both]:
    with Both(make_app) as opened:
        yield opened


def test_an_order_in_the_shop_shows_on_the_friends_contact(both: Both) -> None:
    """Sales see who sent them, though the friend never filled in a form; they are found by their address."""
    both.program = both.apply(IN_SHOP)
    both.customer("anna@example.com", earlier_orders=1)
    _, code = both.advocate()
    friend = both.contact(FRIEND)
    both.work()
    both.order(FRIEND, code)
    both.work()
    assert both.stages() == ["rewarded"]
    held = both.properties("contacts", friend)
    assert (held["referral_advocate_code"], held["referral_stage"]) == (code, "rewarded")
    assert "referral_source" in held
    assert both.credits() == 1


def test_a_friend_who_is_in_the_shop_alone_makes_no_contact(both: Both) -> None:
    """Nobody is put into the merchant's CRM because they bought tea."""
    both.program = both.apply(IN_SHOP)
    both.customer("anna@example.com", earlier_orders=1)
    _, code = both.advocate()
    before = len(both.client.control("state", verb="GET")["portals"][0]["records"]["contacts"])
    both.order(FRIEND, code)
    both.work()
    assert both.stages() == ["rewarded"]
    assert len(both.client.control("state", verb="GET")["portals"][0]["records"]["contacts"]) == before


@pytest.mark.parametrize("first", ["order", "deal"])
@pytest.mark.parametrize("source", ["hubspot", "shopify"])
def test_one_purchase_seen_as_order_and_as_deal_is_paid_once(both: Both, source: str, first: str) -> None:
    """The program names where the purchase counts; what the other platform says of it is evidence alone."""
    both.program = both.apply(PROGRAM if source == "hubspot" else IN_SHOP)
    both.customer("anna@example.com", earlier_orders=1)
    _, code = both.advocate()
    friend = both.contact(FRIEND, ref=code)
    both.work()

    def order() -> None:
        both.order(FRIEND, code)
        both.work()

    def deal() -> None:
        both.win(both.deal(friend))
        both.work()

    for act in (order, deal) if first == "order" else (deal, order):
        act()
    assert both.stages() == ["rewarded"]
    assert both.credits() == 1
    assert both.totals()["rewards"] == {"issued": 1}
