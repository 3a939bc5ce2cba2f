"""The whole life of one shop, from its first minute to its last, in 120 days of the stand-in's time.

Anna sells tea. She installs the app inside her admin, refuses one permission, enrols three advocates and lives through
every kind of order, refund and change of mind. What she would lose at each step is what is asserted there. Only time is
played with: the shop's clock and the database's are set ahead together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from sqlalchemy import create_engine, text

from adapters.shopify.sandbox.cost import Bucket
from connector.lanes import due
from connector.store import reports
from tests.conftest import MakeApp
from tests.journey.money import drive, hurry, open_books, until
from tests.shop import DOMAIN, Shop

DAY = 86_400
ASKED = (
    "read_orders write_orders read_customers write_customers read_store_credit_accounts"
    " read_store_credit_account_transactions write_store_credit_account_transactions read_discounts write_discounts"
    " read_customer_merge write_app_proxy write_pixels read_customer_events"
).split()
CARDS = ["read_gift_cards", "write_gift_cards", "read_gift_card_transactions", "write_gift_card_transactions"]
PROGRAM = {
    "name": "Tea friends",
    "hold_days": 7,
    "advocate": {"kind": "gift_card", "fallback": ["balance"], "percent": 10, "expires_days": 365},
    "friend": {"kind": "balance", "amount": "2.00 EUR", "expires_days": 90},
    "offer": {"kind": "percent", "percent": 15},
}


def set_database_clock(url: str, seconds: int) -> None:
    """The database's clock as every statement of the product sees it."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as session:
        session.execute(text("CREATE SCHEMA IF NOT EXISTS ahead"))
        session.execute(
            text(
                "CREATE OR REPLACE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS"
                f" $$ SELECT pg_catalog.clock_timestamp() + interval '{seconds} seconds' $$"
            )
        )
        name = session.execute(text("SELECT current_database()")).scalar_one()
        session.execute(text(f'ALTER DATABASE "{name}" SET search_path = ahead, pg_catalog, public'))
    engine.dispose()


class Life(Shop):
    """One shop with time of its own."""

    def __init__(self, make_app: MakeApp, database_url: str) -> None:
        self.url, self.ahead = database_url, 0
        set_database_clock(database_url, 0)
        super().__init__(make_app)
        # 120 days pass in seconds here, and the allowance of 120 days with them.
        self.sandbox.world.shops[DOMAIN].bucket = Bucket(1e6, 1e6)

    def days(self, number: int) -> None:
        """Days pass, for the shop and for us; every night one looks after the connection and after what is left."""
        for step in [7] * (number // 7) + ([number % 7] if number % 7 else []):
            self.ahead += step * DAY
            set_database_clock(self.url, self.ahead)
            self.client.control("clock", advance_s=step * DAY)
            self.nights()

    def nights(self) -> None:
        """Work until no lane has anything to do: what waits for a removed app to come back has nothing."""

        def calm() -> bool:
            hurry(self)
            lanes = due.lanes(self.app.database)
            for lane in lanes:
                self.app.workshop.work(lane.id)
            return not lanes

        until(calm, "all is done", 60)

    # ── What Anna does ───────────────────────────────────────────────────────────────────────────────────────────

    def open_the_app(self) -> str:
        """She opens the app in her admin; the page that she sees."""
        token = self.client.control(f"shops/{DOMAIN}/session")["token"]
        page = self.web.get("/install/shopify?" + urlencode({"embedded": "1", "shop": DOMAIN, "id_token": token}))
        assert page.status_code == 200, page.text
        return page.text

    def grant(self, *scopes: str) -> None:
        """She changes what the app may do; the shop tells us."""
        self.client.control(f"shops/{DOMAIN}/scopes", scopes=list(scopes), send=False)
        self.tell("app/scopes_update", {"scopes": None})

    def tell(self, topic: str, more: dict[str, Any] | None = None, **headers: str) -> None:
        """A webhook that is about no order."""
        wanted = {"topic": topic, **(more or {})}
        rendered = self.client.control("render", shop=DOMAIN, deliveries=[wanted])
        for each in rendered:
            answer = self.web.post(
                "/webhooks/shopify", data=each["body"].encode(), headers={**each["headers"], **headers}
            )
            assert answer.status_code == 200, answer.text

    # ── What friends do ──────────────────────────────────────────────────────────────────────────────────────────

    def follow(self, code: str) -> dict[str, str]:
        """A friend follows the advocate's link; the marks that it leaves on the landing page."""
        answer = self.web.get(f"/r/{code}?m=whatsapp")
        assert answer.status_code == 302
        target = urlsplit(answer.headers["Location"])
        assert target.netloc == DOMAIN
        return {"path": target.path, "landing": f"{target.path}?{target.query}", **dict(parse_qsl(target.query))}

    def signed_note(self, code: str) -> str:
        """The theme asks through the shop's own address for a note to keep in the cart."""
        query = self.client.control("proxy", shop=DOMAIN, path="/apps/referral/sign", query={"ref": code})["query"]
        answer = self.web.get(f"/touch/shopify/sign?{query}")
        assert answer.status_code == 200, answer.text
        return str(answer.get_json()["token"])

    def stage_of(self, order: str) -> str:
        rows = self.rows(
            "SELECT stage FROM referral WHERE merchant_id = :merchant AND external_id = :id",
            id=f"gid://shopify/Order/{order}",
        )
        return rows[0]["stage"] if rows else "none"

    def held(self, email: str) -> str:
        """What the shop itself says that this customer holds as store credit."""
        (shop,) = self.client.control("state", verb="GET")["shops"]
        return next(c["credit"].get("EUR", "0.00") for c in shop["customers"] if c["email"] == email)

    def cards(self) -> list[dict[str, Any]]:
        return list(self.client.control("state", verb="GET")["shops"][0]["gift_cards"])

    def balanced(self) -> bool:
        """What stands open in our books is what the shop's own book says that it still owes."""
        entries = self.client.book()["entries"]
        sign = {"credit": 1, "gift_card_issue": 1, "debit": -1, "gift_card_debit": -1}
        moved = sum(sign.get(e["kind"], 0) * e["minor"] for e in entries)
        books = open_books(self)
        return -(books.get("issued", 0) + books.get("redeemed", 0) + books.get("expired", 0)) == moved


@pytest.fixture
def life(make_app: MakeApp, database_url: str) -> Iterator[Life]:
    with Life(make_app, database_url) as opened:
        yield opened


def test_the_whole_life_of_one_shop(life: Life) -> None:
    advocates = installs_and_enrols(life)
    orders = twelve_orders(life, advocates)
    refunds(life, orders)
    a_permission_comes_late(life, advocates)
    four_months_pass(life)
    leaves_and_comes_back(life, advocates)
    somebody_is_forgotten(life, orders)
    the_end(life)


def installs_and_enrols(life: Life) -> dict[str, str]:
    """Day 0. The harness' own connection gives way to a true installation, without the gift cards' permissions."""
    life.client.control(f"shops/{DOMAIN}/scopes", scopes=ASKED, send=False)
    page = life.open_the_app()
    assert "write_gift_cards" in page or "gift card" in page.lower()  # what she refused is said, with its reason
    with life.app.database.begin(life.merchant) as tx:
        [connection] = tx.connections.all()
    assert connection.refresh and connection.token_expires_at is not None
    assert not connection.grants("write_gift_cards")
    life.program = life.apply(PROGRAM)
    for name in ("bea", "carl"):
        life.customer(f"{name}@example.com", earlier_orders=1)
    codes = {name: life.enrol(f"{name}@example.com") for name in ("anna", "bea", "carl")}
    drive(life)
    discounts = [d for d in life.client.control("state", verb="GET")["shops"][0]["discounts"] if len(d["codes"]) > 1]
    assert len(discounts) == 1 and set(codes.values()) < set(discounts[0]["codes"])
    return codes


def twelve_orders(life: Life, codes: dict[str, str]) -> dict[str, str]:
    """Orders of every kind; then the hold passes, and exactly the right ones are paid."""
    link = life.follow(codes["anna"])
    assert link["path"] == f"/discount/{codes['anna']}"  # the friend's discount is applied on the way
    landing = {"landing_site": life.landing(codes["anna"])}
    code = [{"kind": "code", "name": codes["bea"], "amount": "15.00"}]
    note = {"_referral": life.signed_note(codes["carl"])}
    orders = {
        "link": life.order(email="f1@example.org", net="100.00", **landing),
        "code": life.order(email="f2@example.org", net="100.00", discounts=code),
        "note": life.order(email="f3@example.org", net="60.00", attributes=note, visits=[]),
        "visit": life.order(
            email="f4@example.org",
            net="40.00",
            visits=[{"landing_page": f"https://{DOMAIN}{life.landing(codes['anna'])}", "source": "direct"}],
        ),
        "till": life.order(email="f5@example.org", net="20.00", source_name="pos", discounts=code),
        "draft": life.order(
            email="f6@example.org",
            net="50.00",
            draft=True,
            discounts=[{"kind": "manual", "name": codes["bea"], "amount": "5.00"}],
        ),
        "test": life.order(email="f7@example.org", net="80.00", test=True, **landing),
        "free": life.order(email="f8@example.org", net="0.00", **landing),
        "self": life.order(email="anna@example.com", net="70.00", **landing),
        "known": life.order(email="carl@example.com", net="70.00", discounts=code),
        "abroad": life.order(
            email="f9@example.org", net="90.00", presentment={"currency": "USD", "rate": "1.10"}, **landing
        ),
        "renewal": life.order(email="f1@example.org", net="100.00", source_name="subscription_contract", visits=[]),
    }
    drive(life)
    assert len(orders) == 12
    assert life.stage_of(orders["link"]) == "qualified"  # promised, and held for a week
    assert life.credits() == []
    life.days(8)
    stages = {name: life.stage_of(order) for name, order in orders.items()}
    paid = {"link", "code", "note", "visit", "till", "abroad"}
    assert {name for name, stage in stages.items() if stage == "rewarded"} == paid
    assert {stages["free"], stages["self"], stages["known"]} == {"rejected"}
    assert {stages["draft"], stages["renewal"], stages["test"]} <= {"none", "rejected"}
    # Gift cards were refused, so advocates get store credit: 10 % of 100, 40 and 90 for Anna, and 2.00 for each friend.
    assert (life.held("anna@example.com"), life.held("bea@example.com"), life.held("carl@example.com")) == (
        "23.00",
        "12.00",
        "6.00",
    )
    assert life.held("f1@example.org") == "2.00"
    assert len(life.credits()) == 12 and life.balanced()
    return orders


def refunds(life: Life, orders: dict[str, str]) -> None:
    """A part goes back, a whole order is cancelled, a line is taken out, and a bank takes a payment back."""
    life.change(orders["link"], "refund", amount="50.00")
    life.change(orders["code"], "cancel", refund=True)
    life.client.control(f"orders/{orders['abroad']}/dispute", status="LOST", initiated_as="CHARGEBACK", send=False)
    drive(life)
    life.days(2)
    assert (life.held("anna@example.com"), life.held("f1@example.org")) == ("9.00", "1.00")  # 23 less 5 less 9
    assert life.stage_of(orders["code"]) == life.stage_of(orders["abroad"]) == "reversed"
    assert life.balanced()


def a_permission_comes_late(life: Life, codes: dict[str, str]) -> None:
    """She grants the gift cards after all: the next reward is one, and the old ones stay what they are."""
    life.grant(*ASKED, *CARDS)
    drive(life)
    life.order(email="f10@example.org", net="120.00", landing_site=life.landing(codes["bea"]))
    life.days(8)
    [card] = life.cards()
    assert (card["balance"], card["enabled"]) == ("12.00", True)
    life.client.control(f"gift_cards/{card['id']}/spend", amount="5.00")
    life.days(2)
    assert open_books(life)["redeemed"] == -500
    assert life.balanced()


def four_months_pass(life: Life) -> None:
    """Access tokens end every hour, and a refresh token that lies idle for 90 days is forgotten by the shop."""
    life.days(100)
    with life.app.database.begin(life.merchant) as tx:
        [connection] = tx.connections.all()
    assert connection.state == "active"
    assert connection.token_version > 3
    before = len(life.credits())
    life.order(email="f11@example.org", net="30.00", landing_site=life.landing())
    life.days(8)
    assert len(life.credits()) + len(life.cards()) > before


def leaves_and_comes_back(life: Life, codes: dict[str, str]) -> None:
    """She removes the app with a reward on hold, comes back, and the word of her leaving arrives late."""
    order = life.order(email="f12@example.org", net="50.00", landing_site=life.landing(codes["carl"]))
    drive(life)
    assert life.stage_of(order) == "qualified"
    [goodbye] = life.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/uninstalled"}])
    life.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    answer = life.web.post("/webhooks/shopify", data=goodbye["body"].encode(), headers=goodbye["headers"])
    assert answer.status_code == 200
    life.days(8)
    with life.app.database.begin(life.merchant) as tx:
        [connection] = tx.connections.all()
    assert (connection.state, connection.access, connection.refresh) == ("removed", "", "")
    assert life.stage_of(order) == "converted"  # owed, and waiting
    life.client.control(f"shops/{DOMAIN}/install")
    life.open_the_app()
    again = {**goodbye["headers"], "X-Shopify-Event-Id": "told-again", "X-Shopify-Webhook-Id": "told-again"}
    assert life.web.post("/webhooks/shopify", data=goodbye["body"].encode(), headers=again).status_code == 200
    drive(life)
    life.days(1)
    assert life.stage_of(order) == "rewarded"
    assert life.balanced()


def somebody_is_forgotten(life: Life, orders: dict[str, str]) -> None:
    """A friend asks to be forgotten; a refund of theirs comes later, and is taken back once all the same."""
    customer = life.customers["f3@example.org"]
    life.tell("customers/redact", {"customer": customer.rpartition("/")[2]})
    drive(life)
    assert life.rows("SELECT 1 AS one FROM identifier WHERE external = :id", id=customer) == []
    carl = life.held("carl@example.com")
    life.change(orders["note"], "refund")
    drive(life)
    assert float(carl) - float(life.held("carl@example.com")) == 6.00
    assert life.stage_of(orders["note"]) == "reversed"
    assert life.rows("SELECT 1 AS one FROM identifier WHERE external = :id", id=customer) == []
    assert life.balanced()


def the_end(life: Life) -> None:
    """She leaves for good, and two days later the shop asks to forget it all; the books stay, and still agree."""
    books = open_books(life)
    [goodbye] = life.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/uninstalled"}])
    life.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    life.web.post("/webhooks/shopify", data=goodbye["body"].encode(), headers=goodbye["headers"])
    life.days(3)
    life.tell("shop/redact")
    drive(life)
    assert life.rows("SELECT 1 AS one FROM identifier WHERE merchant_id = :merchant") == []
    assert life.rows("SELECT 1 AS one FROM person WHERE merchant_id = :merchant AND email_sealed IS NOT NULL") == []
    assert open_books(life) == books
    assert reports.totals(life.app.database, life.merchant)["referrals"]["rewarded"] > 0
