"""Shopify's stand-in, as the conformance suite drives it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from adapters.shopify import inbound
from adapters.shopify.sandbox import Sandbox, start
from adapters.shopify.sandbox.client import Client
from adapters.shopify.sandbox.discount import Discount
from adapters.shopify.sandbox.state import gid
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.ports.inbound import Inbox
from connector.ports.platform import Capability, Direction, Holding, Operation
from tests.adapters.conformance import driver
from tests.adapters.conformance.wire import Request

#: The mutation that carries out each operation: a code is made, and set; a card is made, and debited.
_SEND = {
    (Capability.BALANCE, Direction.CREDIT): "storeCreditAccountCredit",
    (Capability.BALANCE, Direction.DEBIT): "storeCreditAccountDebit",
    (Capability.CODE, Direction.CREDIT): "discountCodeBasicCreate",
    (Capability.CODE, Direction.DEBIT): "discountCodeBasicUpdate",
    (Capability.GIFT_CARD, Direction.CREDIT): "giftCardCreate",
    (Capability.GIFT_CARD, Direction.DEBIT): "giftCardDebit",
}
_BOOKED = {"storeCreditAccountCredit": "credit", "storeCreditAccountDebit": "debit", "giftCardCreate": "gift_card_issue",
           "giftCardDebit": "gift_card_debit"}  # fmt: skip
_FUND = """mutation($id: ID!, $money: MoneyInput!) {
  storeCreditAccountCredit(id: $id, creditInput: {creditAmount: $money}) {
    storeCreditAccountTransaction { id account { id } }
  }
}"""
_FUND_CARD = """mutation($input: GiftCardCreateInput!) { giftCardCreate(input: $input) { giftCard { id } } }"""
_FUND_CODE = """mutation($discount: DiscountCodeBasicInput!) {
  discountCodeBasicCreate(basicCodeDiscount: $discount) { codeDiscountNode { id } userErrors { message } }
}"""
_SET = """mutation($fields: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $fields) { userErrors { message } } }"""


def _worth(discount: Discount) -> int:
    return Money.parse(discount.terms["customerGets"]["value"]["discountAmount"]["amount"], driver.CURRENCY).minor


class Driver(driver.Driver):
    """One shop with customers and orders."""

    settings = {"SHOPIFY_API_KEY": "key"}  # noqa: RUF012 - never changed
    host = account = "annas-tea.myshopify.com"
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
        self._funded_codes: dict[str, int] = {}
        return self._sandbox.url

    def stop(self) -> None:
        self._client.close()
        self._sandbox.stop()

    def base_url(self, address: str) -> str:
        return address + "/{shop}"

    def person(self, email: str) -> str:
        return str(self._client.control("customers", shop=self.account, email=email, send=False)["gid"])

    def fund(self, person: str, capability: Capability, amount: Money) -> str:
        money = {"amount": amount.decimal(), "currencyCode": amount.currency}
        if capability is Capability.GIFT_CARD:
            given = {"initialAmount": money, "customerId": person}
            card = str(self._client.ask(_FUND_CARD, input=given)["data"]["giftCardCreate"]["giftCard"]["id"])
            self._funded.add(card)
            return card
        if capability is Capability.CODE:
            return self._code(person, amount)
        made = self._client.ask(_FUND, id=person, money=money)["data"]["storeCreditAccountCredit"]
        self._funded.add(made["storeCreditAccountTransaction"]["id"])
        return str(made["storeCreditAccountTransaction"]["account"]["id"])

    def _code(self, person: str, amount: Money) -> str:
        given = {
            "title": "Funded",
            "code": f"FUNDED{next(self._numbers)}",
            "startsAt": "2026-01-01T00:00:00Z",
            "usageLimit": 1,
            "context": {"customers": {"add": [person]}},
            "customerGets": {"items": {"all": True}, "value": {"discountAmount": {"amount": amount.decimal()}}},
        }
        made = self._client.ask(_FUND_CODE, discount=given)["data"]["discountCodeBasicCreate"]["codeDiscountNode"]
        self._funded_codes[str(made["id"])] = amount.minor
        return str(made["id"])

    def stocked(self, codes: Sequence[str]) -> None:
        self._client.control("discounts", shop=self.account, title="Autumn mail", codes=list(codes))

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
        if operation.capability is Capability.CODE:
            return self._codes(operation.direction)
        kind = _BOOKED[_SEND[operation.capability, operation.direction]]
        entries = self._client.book()["entries"]
        return [e["minor"] for e in entries if e["kind"] == kind and not {e["id"], e["account"]} & self._own(kind)]

    def _own(self, kind: str) -> set[str]:
        return self._funded if kind != "gift_card_debit" else set()

    def _codes(self, direction: Direction) -> list[int]:
        """What each reward's code was made out to, or by how much a funded one is worth less now."""
        with self._sandbox.world.lock:
            held = self._sandbox.world.shops[self.account].discounts.values()
            worth = {gid("DiscountCodeNode", d.id): _worth(d) for d in held}
        if direction is Direction.CREDIT:
            return [minor for node, minor in worth.items() if node not in self._funded_codes]
        cuts = [self._funded_codes[node] - minor for node, minor in worth.items() if node in self._funded_codes]
        return [cut for cut in cuts if cut]

    def spend(self, holding: Holding, amount: Money) -> None:
        number = holding.holder.rpartition("/")[2]
        if holding.capability is Capability.GIFT_CARD:
            self._client.control(f"gift_cards/{number}/spend", amount=amount.decimal())
            return
        buy: dict[str, Any] = {"shop": self.account, "net": "100", "send": False}
        with self._sandbox.world.lock:
            shop = self._sandbox.world.shops[self.account]
            if holding.capability is Capability.CODE:
                found = shop.discounts[int(number)]
                buy |= {"customer": found.terms["context"]["customers"][0]}
                buy |= {"discounts": [{"kind": "code", "name": next(iter(found.codes)), "amount": "7.00"}]}
            else:
                buy |= {"customer": shop.accounts[int(number)].customer, "store_credit": amount.decimal()}
        self._client.control("orders", **buy)

    def listener(self, email: str) -> None:
        self.person(email)

    def is_told(self, request: Request) -> bool:
        return b"flowTriggerReceive(" in request.body

    def heard(self, email: str) -> list[str]:
        with self._sandbox.world.lock:
            customer = self._sandbox.world.shops[self.account].customer_by_email(email)
        told = [entry for entry in self._client.book()["entries"] if entry["kind"] == "flow_trigger"]
        wanted = gid("Customer", customer.id) if customer else ""
        return [json.loads(entry["value"])["News ID"] for entry in told if entry["customer"] == wanted]

    def is_send(self, request: Request, operation: Operation) -> bool:
        return f"{_SEND[operation.capability, operation.direction]}(".encode() in request.body

    def is_write(self, request: Request) -> bool:
        return b"metafieldsSet(" in request.body

    def partly(self, operation: Operation) -> bool:
        name = _SEND[operation.capability, operation.direction]
        self._client.control("faults", fault="partial_errors", shop=self.account, operation=name, count=1)
        return True

    def fields(self) -> Sequence[tuple[str, str]]:
        return [(f"$app.referral_{name}", "single_line_text_field") for name in ("stage", "source")]

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
        if topic.startswith("returns/"):
            delivery["body"] = {"id": 9, "order": {"id": self._order}, "status": "open"}
        if topic.startswith("disputes/"):
            delivery["body"] = {"id": 9, "order_id": self._order, "status": "needs_response"}
        if topic == "customers/merge":
            kept, gone = (f"gid://shopify/Customer/{self._customer}" for _ in range(2))
            ids = {"admin_graphql_api_customer_kept_id": kept, "admin_graphql_api_customer_deleted_id": gone}
            delivery["body"] = {**ids, "status": "completed", "errors": []}
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
