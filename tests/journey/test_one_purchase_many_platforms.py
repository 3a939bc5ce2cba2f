"""The same purchase seen as an order, a synced deal and an opportunity is paid once, whichever is seen first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import permutations
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest

from adapters.hubspot import MANIFEST
from adapters.hubspot.sandbox import Sandbox, start
from adapters.hubspot.sandbox.client import Client
from adapters.salesforce.sandbox import Sandbox as OrgSandbox
from adapters.salesforce.sandbox import start as start_org
from adapters.salesforce.sandbox.client import Client as OrgClient
from connector.cli.account import install
from connector.domain.facts import DealWon, Deed, ObjectRef, OrderPaid
from connector.domain.money import Money
from connector.domain.person import EMAIL
from connector.domain.touch import Source, Touch
from connector.journey.tasks import ATTRIBUTE, purchase
from connector.ports.platform import Truth
from connector.ports.rows import connection_lane, merchant_lane
from connector.wiring import App
from tests.journey.money import hurry
from tests.shop import PROGRAM, Shop

FRIEND = "friend@example.org"
NOW = datetime.now(UTC).replace(microsecond=0)
PLACES = ("shopify", "hubspot", "salesforce")
PORTAL, CRM_TOKEN, CRM_SECRET = "62515", "hubspot-token", "the client's secret"
ORG, HOST = "00Dal0000004TeaEAE", "annas-tea.my.salesforce.com"


@dataclass(frozen=True)
class Sight:
    """One platform's view of the one purchase."""

    connection: UUID
    ref: ObjectRef
    deed: Deed


class Both(Shop):
    """The shop, and the same merchant's CRMs, where the advocate is a contact too."""

    crm: Sandbox
    contacts: Client
    org: OrgSandbox
    records: OrgClient

    def another_app(self, **changes: str) -> App:
        urls = {"HUBSPOT_URL": self.crm.url, "HUBSPOT_CLIENT_ID": "client", "HUBSPOT_CLIENT_SECRET": CRM_SECRET}
        urls |= {
            "SALESFORCE_URL": self.org.url,
            "SALESFORCE_CLIENT_ID": "client",
            "SALESFORCE_CLIENT_SECRET": CRM_SECRET,
        }
        return super().another_app(**{**urls, **changes})

    def paid(self) -> list[int]:
        """Minor units of every credit, wherever it was paid: in the shop, on the contact, or as a Referral Credit."""
        moved = [
            each
            for each in self.contacts.book()["entries"]
            if (each["kind"], each.get("property")) == ("property", "referral_credit_balance")
        ]
        noted = [
            each
            for each in self.records.book()["entries"]
            if (each["object"], each["field"]) == ("Referral_Credit__c", "Amount__c")
        ]
        return [
            *self.credits(),
            *(Money.parse(each["new"], "EUR").minor for each in moved),
            *(round(each["new"] * 100) for each in noted),
        ]


@pytest.fixture
def shop(make_app: Any) -> Iterator[Both]:
    Both.crm, Both.org = start(), start_org()
    try:
        with Both(make_app) as shop:
            shop.contacts = Client(Both.crm.url, CRM_TOKEN)
            scopes = [scope.name for scope in MANIFEST.scopes]
            told = {"portal": int(PORTAL), "currency": "EUR", "token": CRM_TOKEN, "secret": CRM_SECRET}
            shop.contacts.control("portals", **told, scopes=scopes, target="http://127.0.0.1:9/")
            shop.contacts.control("contacts", properties={"email": "anna@example.com"}, send=False)
            shop.records = OrgClient(Both.org.url)
            org = {"org": ORG, "host": HOST, "currency": "EUR", "client_secret": CRM_SECRET}
            shop.records.control("orgs", **org, package={"rights": "package"})
            shop.records.control("records", object="Contact", values={"LastName": "Anna", "Email": "anna@example.com"})
            yield shop
            shop.contacts.close()
            shop.records.close()
    finally:
        Both.crm.stop()
        Both.org.stop()


def sights(shop: Both) -> dict[str, Sight]:
    """An order of 80 EUR in the shop, and the deal and the opportunity that sales made of it."""
    other = {"hubspot": install(shop.app, "hubspot", PORTAL, CRM_TOKEN, lambda: shop.merchant)}
    other["salesforce"] = install(shop.app, "salesforce", HOST, "app", lambda: shop.merchant)
    for connection in other.values():
        shop.app.workshop.work(connection_lane(connection))  # what it needs is made before anybody waits for it
    net, earlier = Money(8_000, "EUR"), NOW - timedelta(minutes=10)
    kinds = {"shopify": (OrderPaid, "order"), "hubspot": (DealWon, "deal"), "salesforce": (DealWon, "opportunity")}
    found = {}
    for platform, (deed, kind) in kinds.items():
        ref = ObjectRef(kind, f"{kind}-77")
        told = deed(ref, NOW, earlier, earlier, net, test=False, first_order=True)
        found[platform] = Sight(other.get(platform, shop.connection), ref, told)
    return found


def see(shop: Shop, sight: Sight) -> None:
    """The truth of the purchase was read on one platform, with the buyer and the code that it bears there."""
    touch = Touch(Source.REDEEM_CODE, shop.code, sight.deed.placed_at)
    truth = Truth(sight.ref, True, NOW, sight.deed.placed_at, touches=(touch,), facts=(sight.deed,))
    with shop.app.database.begin(shop.merchant) as tx:
        person = tx.people.resolve(sight.connection, [(EMAIL, FRIEND)])
        tx.truths.save(sight.connection, truth, person)
        tx.tasks.mark(merchant_lane(shop.merchant), ATTRIBUTE, [purchase(sight.connection, sight.ref)])


def work(shop: Shop) -> None:
    """Decide, and move the money where it can be paid: first of all where the purchase was made."""
    with shop.app.database.begin(shop.merchant) as tx:
        known = [each for each, platform in tx.connections.platforms().items() if platform in shop.app.desk.platforms]
    for _ in range(6):
        hurry(shop)
        shop.app.workshop.work(merchant_lane(shop.merchant))
        for connection in known:
            shop.app.workshop.work(connection_lane(connection))


def promise(shop: Both, source: str) -> None:
    event = "order_paid" if source == "shopify" else "deal_won"
    shop.apply({**PROGRAM, "event": event, "source": source})


@pytest.mark.parametrize("source", PLACES)
@pytest.mark.parametrize("order", list(permutations(PLACES)), ids="-".join)
def test_seen_on_three_platforms_in_any_order_it_is_paid_once(shop: Both, source: str, order: tuple[str, ...]) -> None:
    promise(shop, source)
    seen = sights(shop)
    for platform in order:
        see(shop, seen[platform])
        work(shop)
    assert shop.paid() == [800]
    [referral] = shop.rows("SELECT stage, connection_id FROM referral")
    assert referral == {"stage": "rewarded", "connection_id": seen[source].connection}
    assert len(shop.rows("SELECT referral_id FROM conversion")) == 1


@pytest.mark.parametrize("source", PLACES)
def test_seen_on_three_platforms_at_the_same_instant_it_is_paid_once(shop: Both, source: str) -> None:
    promise(shop, source)
    seen, start = sights(shop), Barrier(3)

    def tell(sight: Sight) -> None:
        start.wait(10)
        see(shop, sight)
        work(shop)

    threads = [Thread(target=tell, args=(sight,)) for sight in seen.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    work(shop)
    assert shop.paid() == [800]
    assert shop.rows("SELECT stage FROM referral") == [{"stage": "rewarded"}]


def test_two_first_orders_of_a_friend_in_the_same_second_are_paid_once(shop: Shop) -> None:
    at = (NOW - timedelta(minutes=10)).isoformat()
    orders = [shop.order(email=FRIEND, net="80.00", created_at=at, deliver=False) for _ in range(2)]
    start = Barrier(2)

    def deliver(order: str) -> None:
        hooks, web = shop.webhooks(order, "orders/create", "orders/paid"), shop.web.application.test_client()
        start.wait(10)
        for headers, body in hooks:
            assert web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
        for _ in range(4):
            shop.app.workshop.work(merchant_lane(shop.merchant))
            shop.app.workshop.work(connection_lane(shop.connection))

    threads = [Thread(target=deliver, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    shop.work()
    assert shop.credits() == [800], shop.rows("SELECT external_id, stage, rule FROM referral")
    assert shop.stages() == ["rewarded"]


def test_the_friends_first_order_decides_though_the_second_was_told_of_before_it(shop: Shop) -> None:
    at = (NOW - timedelta(minutes=10)).isoformat()
    first, second = [shop.order(email=FRIEND, net="80.00", created_at=at, deliver=False) for _ in range(2)]
    for order in (second, first):
        shop.deliver(order, "orders/create", "orders/paid")
        shop.work()
    assert (shop.credits(), shop.stages()) == ([800], ["rewarded"])
    [referral] = shop.rows("SELECT external_id FROM referral")
    assert str(referral["external_id"]).endswith(first.rpartition("/")[2])
