"""A stand-in shop and an app connected to it, worked in this process: what most tests of money need.

shop.order(net="80.00")            an order sent by the advocate, its webhooks delivered
shop.work()                        work every lane until nothing is due
shop.credits(), shop.debits()      what the stand-in's own book says
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from uuid import UUID

from adapters.shopify.sandbox import Sandbox, start
from adapters.shopify.sandbox.client import Client
from connector.cli.account import install
from connector.journey import enrol
from connector.lanes import due
from connector.store import merchants, reports
from connector.web import create_app
from connector.wiring import App

SECRET = "the app's own secret that webhooks are signed with"
DOMAIN = "annas-tea.myshopify.com"
TOKEN = "shpat_test"
PROGRAM = {
    "name": "Tea friends",
    "hold_days": 0,
    "advocate": {"kind": "balance", "percent": 10, "expires_days": 180},
    "links": {"hosts": [DOMAIN]},
}


class Books:
    """What the app's own books say of one merchant."""

    app: App
    merchant: UUID

    def settled(self) -> bool:
        """Nothing can still move by itself: what waits for a person, or for a time to come, counts as settled.

        So does an account that is asked for ever what changed.
        """
        with self.app.database.begin(self.merchant) as tx:
            return bool(
                tx.run(
                    """SELECT NOT EXISTS (SELECT FROM delivery WHERE state = 'received')
                       AND NOT EXISTS (SELECT FROM task WHERE state = 'open' AND due_at < clock_timestamp()
                         + CASE what WHEN 'poll' THEN interval '0' ELSE interval '1 minute' END)
                       AND NOT EXISTS (SELECT FROM attempt WHERE state IN ('open', 'unknown') AND needs_person = '')
                       AND NOT EXISTS (SELECT FROM reward WHERE state = 'approved'
                         AND retry_at < clock_timestamp() + interval '1 minute' AND NOT EXISTS (
                           SELECT FROM attempt JOIN reward other ON other.id = attempt.reward_id
                           WHERE attempt.needs_person <> '' AND attempt.state = 'unknown'
                             AND other.beneficiary_id = reward.beneficiary_id AND attempt.currency = reward.currency))
                       AND NOT EXISTS (SELECT FROM reversal JOIN reward ON reward.id = reversal.reward_id
                         WHERE reversal.state = 'approved' AND reversal.retry_at < clock_timestamp() + interval '1 minute'
                         AND reward.state = 'issued' AND NOT EXISTS (SELECT FROM attempt WHERE attempt.owner = reward.owner
                           AND attempt.needs_person <> '' AND attempt.state = 'unknown'))"""
                ).scalar_one()
            )

    def totals(self) -> dict[str, Any]:
        return reports.totals(self.app.database, self.merchant)

    def stages(self) -> list[str]:
        """The stage of every referral, oldest first."""
        return [
            row["stage"]
            for row in self.rows("SELECT stage FROM referral WHERE merchant_id = :merchant ORDER BY captured_at, id")
        ]

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Rows of this merchant by plain SQL; `:merchant` is bound."""
        with self.app.database.begin(self.merchant) as tx:
            return [dict(row) for row in tx.run(sql, **values).mappings()]

    def ledger(self) -> dict[str, int]:
        """Balance of each book."""
        return {line["book"]: int(line["amount"]) for line in self.totals()["ledger"]}


class Shop(Books):
    """One merchant with one shop. `app` may be replaced by another app on the same database."""

    def __init__(self, make_app: Callable[..., App]) -> None:
        self.sandbox: Sandbox = start()
        self.client = Client(self.sandbox.url, DOMAIN, TOKEN)
        self.make_app = make_app
        self.app = self.another_app()
        self.web = create_app(self.app).test_client()
        self.client.control(
            "shops", domain=DOMAIN, currency="EUR", token=TOKEN, secret=SECRET, target="http://127.0.0.1:9/"
        )
        self.merchant = merchants.ensure(self.app.database, "Anna's Tea House")
        self.connection = install(self.app, "shopify", DOMAIN, TOKEN, lambda: self.merchant)
        self.program: UUID = self.apply(PROGRAM)
        self.customers: dict[str, str] = {}
        self.advocate = self.customer("anna@example.com", earlier_orders=1)
        self.code = self.enrol("anna@example.com")

    def another_app(self, **changes: str) -> App:
        """Another process's view of the same installation."""
        base = {"SHOPIFY_URL": f"{self.sandbox.url}/{{shop}}", "SHOPIFY_API_KEY": "key", "SHOPIFY_API_SECRET": SECRET}
        return self.make_app(**{**base, **changes})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.sandbox.stop()

    # ── The merchant's side ──────────────────────────────────────────────────────────────────────────────────────

    def apply(self, program: Mapping[str, Any]) -> UUID:
        with self.app.database.begin(self.merchant) as tx:
            return tx.programs.apply(program).id

    def enrol(self, email: str) -> str:
        with self.app.database.begin(self.merchant) as tx:
            return enrol.enrol(tx, self.program, email).code

    # ── The shop's side ──────────────────────────────────────────────────────────────────────────────────────────

    def customer(self, email: str, **more: Any) -> str:
        made = self.client.control("customers", shop=DOMAIN, email=email, send=False, **more)
        self.customers[email] = made["gid"]
        return str(made["gid"])

    def landing(self, code: str | None = None) -> str:
        code = code or self.code
        return "/tea?" + urlencode({"ref": code, "utm_source": "referral", "utm_medium": "link", "utm_content": code})

    def order(self, *, email: str = "", net: str = "80.00", deliver: bool = True, **more: Any) -> str:
        """An order, by default through the advocate's link by a new friend; returns the stand-in's id of it."""
        email = email or f"friend{len(self.customers)}@example.org"
        customer = self.customers.get(email) or self.customer(email)
        evidence = {} if {"landing_site", "discounts", "visits"} & set(more) else {"landing_site": self.landing()}
        made = self.client.control("orders", shop=DOMAIN, customer=customer, net=net, send=False, **evidence, **more)
        if deliver:
            self.deliver(made["id"], "orders/create", "orders/paid")
        return str(made["id"])

    def change(self, order: str, what: str, *, deliver: bool = True, **more: Any) -> None:
        """pay, refund, cancel or edit an order, and deliver the webhook that tells of it."""
        self.client.control(f"orders/{order}/{what}", send=False, **more)
        topics = {
            "pay": "orders/paid",
            "refund": "refunds/create",
            "cancel": "orders/cancelled",
            "edit": "orders/edited",
        }
        if deliver:
            self.deliver(order, topics[what])

    def deliver(self, order: str, *topics: str) -> None:
        """Signed webhooks for an order as it stands now, posted to the app's own web client."""
        for headers, body in self.webhooks(order, *topics):
            answer = self.web.post("/webhooks/shopify", data=body, headers=headers)
            assert answer.status_code == 200, (headers, answer.status_code, answer.text)

    def webhooks(self, order: str, *topics: str) -> list[tuple[dict[str, str], bytes]]:
        """Signed webhooks as the platform would send them: headers and raw body."""
        wanted = [{"topic": topic, "order": order} for topic in topics]
        rendered = self.client.control("render", shop=DOMAIN, deliveries=wanted)
        return [(each["headers"], each["body"].encode()) for each in rendered]

    def fault(self, fault: str, operation: str = "storeCreditAccountCredit", **more: Any) -> None:
        """The next calls of an operation fail like this; see the stand-in's control API."""
        self.client.control("faults", fault=fault, shop=DOMAIN, operation=operation, **{"count": 1, **more})

    # ── Working, and what came of it ─────────────────────────────────────────────────────────────────────────────

    def work(self, app: App | None = None, *, within: float = 30) -> None:
        """Work every due lane in this process until nothing is due; pauses that tests shorten are waited for."""
        app = app or self.app
        end = time.monotonic() + within
        while not self.settled():
            for lane in due.lanes(app.database):
                app.workshop.work(lane.id)
            time.sleep(0.02)
            assert time.monotonic() < end, f"still not settled after {within} s: {self.totals()}"

    def movements(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.client.book()["entries"] if entry["kind"] == kind]

    def credits(self) -> list[int]:
        """Minor units of every credit that took effect, in order."""
        return [entry["minor"] for entry in self.movements("credit")]

    def debits(self) -> list[int]:
        return [entry["minor"] for entry in self.movements("debit")]
