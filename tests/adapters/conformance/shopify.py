"""Shopify's stand-in, as the conformance suite drives it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from itertools import count
from typing import Any

from adapters.shopify import inbound
from adapters.shopify.sandbox import Sandbox, start
from adapters.shopify.sandbox.client import Client
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.ports.platform import Direction, Inbox, Operation
from tests.adapters.conformance import driver
from tests.adapters.conformance.wire import Request

_SEND = {Direction.CREDIT: "storeCreditAccountCredit", Direction.DEBIT: "storeCreditAccountDebit"}
_FUND = """mutation($id: ID!, $money: MoneyInput!) {
  storeCreditAccountCredit(id: $id, creditInput: {creditAmount: $money}) {
    storeCreditAccountTransaction { id account { id } }
  }
}"""
_SET = """mutation($fields: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $fields) { userErrors { message } } }"""


class Driver(driver.Driver):
    """One shop with customers and orders."""

    settings = {"SHOPIFY_API_KEY": "key"}  # noqa: RUF012 - never changed
    account = "annas-tea.myshopify.com"
    token = "shpat_conformance"
    signature = "x-shopify-hmac-sha256"
    topics = tuple(sorted(inbound.TOPICS))
    outcomes = frozenset(inbound.OUTCOMES)

    def start(self) -> str:
        self._sandbox: Sandbox = start()
        self._client = Client(self._sandbox.url, self.account, self.token)
        nowhere = "http://127.0.0.1:9/"  # webhooks are rendered, never sent
        shop: dict[str, Any] = {
            "domain": self.account,
            "currency": driver.CURRENCY,
            "token": self.token,
            "target": nowhere,
        }
        self._client.control("shops", **shop, bucket={"maximum": 1e9, "rate": 1e9})
        self._numbers = count()
        self._funded: set[str] = set()
        return self._sandbox.url

    def stop(self) -> None:
        self._client.close()
        self._sandbox.stop()

    def base_url(self, address: str) -> str:
        return address + "/{shop}"

    def person(self, email: str) -> str:
        return str(self._client.control("customers", shop=self.account, email=email, send=False)["gid"])

    def fund(self, person: str, amount: Money) -> str:
        money = {"amount": amount.decimal(), "currencyCode": amount.currency}
        made = self._client.ask(_FUND, id=person, money=money)["data"]["storeCreditAccountCredit"]
        self._funded.add(made["storeCreditAccountTransaction"]["id"])
        return str(made["storeCreditAccountTransaction"]["account"]["id"])

    def objects(self, number: int) -> list[ObjectRef]:
        people = [self.person(f"buyer{next(self._numbers)}@example.com") for _ in range(number)]
        made = [
            self._client.control("orders", shop=self.account, customer=person, net="10", send=False)
            for person in people
        ]
        return [ObjectRef("order", order["gid"]) for order in made]

    def missing(self) -> ObjectRef:
        return ObjectRef("order", f"gid://shopify/Order/{next(self._numbers) + 1}")

    def effects(self, operation: Operation) -> list[int]:
        entries = self._client.book()["entries"]
        return [e["minor"] for e in entries if e["kind"] == operation.direction and e["id"] not in self._funded]

    def is_send(self, request: Request, operation: Operation) -> bool:
        return f"{_SEND[operation.direction]}(".encode() in request.body

    def is_write(self, request: Request) -> bool:
        return b"metafieldsSet(" in request.body

    def partly(self, operation: Operation) -> bool:
        name = _SEND[operation.direction]
        self._client.control("faults", fault="partial_errors", shop=self.account, operation=name, count=1)
        return True

    def fields(self) -> Sequence[tuple[str, str]]:
        return [(f"$app:referral.{name}", "single_line_text_field") for name in ("stage", "source")]

    def ranks(self) -> tuple[str, str]:
        return "pending", "converted"

    def set_field(self, ref: ObjectRef, name: str, value: str) -> None:
        space, _, key = name.rpartition(".")
        row = {"ownerId": ref.id, "namespace": space, "key": key, "type": "single_line_text_field", "value": value}
        assert not self._client.ask(_SET, fields=[row])["data"]["metafieldsSet"]["userErrors"]

    def field(self, ref: ObjectRef, name: str) -> str | None:
        (shop,) = self._client.control("state", verb="GET")["shops"]
        key = name.rpartition(".")[2]
        held = [f["value"] for f in shop["metafields"] if f["owner"] == ref.id and f["key"].rpartition(".")[2] == key]
        return held[-1] if held else None

    def body(self, topic: str) -> bytes:
        delivery = {"topic": topic, "order": self._order, "customer": self._customer}
        if topic.startswith(("customers/", "shop/", "app/")):
            delivery.pop("order")
        if topic in {"orders/delete", "order_transactions/create"}:
            delivery["body"] = {"id": self._order, "order_id": self._order}
        (made,) = self._client.control("render", shop=self.account, deliveries=[delivery])
        return str(made["body"]).encode()

    @property
    def _customer(self) -> int:
        made = self._client.control(
            "customers", shop=self.account, email=f"c{next(self._numbers)}@example.com", send=False
        )
        return int(made["id"])

    @property
    def _order(self) -> int:
        order = self._client.control("orders", shop=self.account, customer=self._customer, net="10", send=False)
        self._client.control(f"orders/{order['id']}/refund", amount="1.00", send=False)
        self._client.control(
            f"orders/{order['id']}/edit", add=[{"title": "Tea", "price": "1", "quantity": 1}], send=False
        )
        return int(order["id"])

    def signed(self, body: bytes, secret: str, topic: str = "") -> Inbox:
        mark = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        headers = {
            self.signature: mark,
            "x-shopify-topic": topic or "orders/paid",
            "x-shopify-shop-domain": self.account,
            "x-shopify-event-id": hashlib.sha256(body).hexdigest()[:32],
            "x-shopify-triggered-at": "2026-11-20T10:00:00.123456789Z",
        }
        return Inbox("POST", "/webhooks/shopify", headers, body)
