"""The control API: what a merchant, buyers and bad luck would do, as plain JSON over HTTP for the demo and tests.

POST /_control/shops        {domain, currency, token, secret, target, name, zone, plan, accounts_version, currencies,
                             credit_limit, bucket: {maximum, rate}} -> {id, domain, refresh_token}
POST /_control/shops/DOMAIN/uninstall | install                     {send}
POST /_control/customers    {shop, email, first_name, last_name, phone, earlier_orders, send} -> {id, gid}
POST /_control/customers/merge   {shop, keep, delete, force, send}: a customer with store credit is refused, unless
                             forced: then their accounts go with them
POST /_control/discounts    {shop, title, codes: [..]} -> {id, gid}
POST /_control/orders       {shop, customer | email (+ guest) | neither, net | items: [{title, price, quantity}], tax,
                             taxes_included, shipping, discounts: [{kind: code|manual|automatic, name, amount}],
                             landing_site, referring_site, attributes: {..}, visits: [{landing_page, source, referrer,
                             referral_code, minutes_ago | at, utm: {source, medium, campaign, content, term}}],
                             journey_ready_after (reads; null for no journey), source_name, draft, test,
                             status: paid|pending|authorized, presentment: {currency, rate}, store_credit, created_at,
                             gateway, send} -> the order in short
POST /_control/orders/ID/pay    {send}
POST /_control/orders/ID/refund {lines: [{line: id or place, quantity}], shipping, amount, note, restock, send};
                             nothing named refunds all that is left
POST /_control/orders/ID/cancel {reason, refund: true, send}
POST /_control/orders/ID/edit   {add: [{title, price, quantity}], remove: [{line, quantity}], send}
POST /_control/send         {shop, deliveries: [{topic, order | customer | body}], copies, shuffle, seed, concurrency,
                             headers, secret, test, same_event} -> {sent, answers: {status: count}}; waits for answers
POST /_control/render       {shop, deliveries} -> the same webhooks as {topic, headers, body}, not sent
POST /_control/drain        {timeout_s} -> {idle}: background webhooks are all answered or given up
POST /_control/clock        {advance_s} -> {now}
POST /_control/faults       {fault, shop, operation, probability, count, seed, delay_s, when, retry_after, status}
GET  /_control/faults, DELETE /_control/faults
GET  /_control/book         {entries, calls, sends_with_effect, sends_without_effect, deliveries, differences}
GET  /_control/state        shops with their customers, accounts and orders

The book's `calls` count by operation; `sends_with_effect` and `sends_without_effect` by "operation outcome", where the
outcome is ok, refused, throttled, too_expensive, invalid or the fault that struck (cut_after, html_200_before ...).
Its entries are credit, debit, spent (at checkout) or metafield; `differences` is empty unless the stand-in is wrong.

Amounts are decimal texts in shop money. Every change sends its webhooks in the background unless `send` is false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from adapters.shopify.sandbox import checkout, faults, render, webhooks
from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.cost import Bucket
from adapters.shopify.sandbox.state import Discount, Shop, World, gid
from connector.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.shopify.sandbox.book import Book
    from adapters.shopify.sandbox.orders import Order

Json = dict[str, Any]
_CHANGES: dict[str, Callable[[World, Order, Json], Any]] = {
    "pay": lambda world, order, _: checkout.pay(world, order),
    "refund": checkout.refund,
    "cancel": checkout.cancel,
    "edit": checkout.edit,
}
_TOPICS = {
    "pay": ("orders/paid", "orders/updated"),
    "refund": ("refunds/create", "orders/updated"),
    "cancel": ("orders/cancelled", "orders/updated"),
    "edit": ("orders/edited", "orders/updated"),
}


class MissingError(LookupError):
    """What was named does not exist; answered with 404."""


@dataclass
class Control:
    """Carries out control requests on the world."""

    world: World
    book: Book
    faults: faults.Faults
    sender: webhooks.Sender

    def handle(self, method: str, path: str, data: Json) -> tuple[int, Json | list[Json]]:
        """Status and answer of one request."""
        routes: list[tuple[str, str, Callable[..., Json | list[Json]]]] = [
            ("POST", r"shops", self.add_shop),
            ("POST", r"shops/([^/]+)/(uninstall|install)", self.installed),
            ("POST", r"customers", self.add_customer),
            ("POST", r"customers/merge", self.merge),
            ("POST", r"discounts", self.add_discount),
            ("POST", r"orders", self.add_order),
            ("POST", r"orders/(\d+)/(pay|refund|cancel|edit)", self.change_order),
            ("POST", r"send", self.send),
            ("POST", r"render", self.render),
            ("POST", r"drain", lambda d: {"idle": self.sender.drain(float(d.get("timeout_s", 10)))}),
            ("POST", r"clock", self.advance),
            ("POST", r"faults", self.add_fault),
            ("GET", r"faults", lambda _: self.faults.as_json()),
            ("DELETE", r"faults", self.clear_faults),
            ("GET", r"book", self.show_book),
            ("GET", r"state", self.show_state),
        ]
        for verb, pattern, action in routes:
            found = re.fullmatch(f"/_control/{pattern}", path)
            if found and verb == method:
                try:
                    return 200, action(data, *found.groups())
                except MissingError as error:
                    return 404, {"error": str(error.args[0])}
                except (ValueError, KeyError, TypeError) as error:
                    return 422, {"error": f"{type(error).__name__}: {error}"}
        return 404, {"error": f"{method} {path} is not part of the control API"}

    # ── Shops and customers ─────────────────────────────────────────────────────────────────────────────────────

    def add_shop(self, data: Json) -> Json:
        currency = data.get("currency", "EUR")
        bucket = data.get("bucket") or {}
        limit = data.get("credit_limit")
        with self.world.lock:
            shop = Shop(
                id=self.world.next_id(),
                domain=data["domain"],
                name=data.get("name", data["domain"].partition(".")[0].title()),
                currency=currency,
                secret=data.get("secret", "shpss_00000000000000000000000000000000"),
                tokens=self.world.new_tokens(data.get("token", "shpat_sandbox"), lives=False),
                bucket=Bucket(float(bucket.get("maximum", 2000)), float(bucket.get("rate", 100))),
                created_at=self.world.clock.now(),
                target=data.get("target", ""),
                zone=data.get("zone", "Europe/Berlin"),
                plan=data.get("plan", "Basic"),
                accounts_version=data.get("accounts_version", "NEW_CUSTOMER_ACCOUNTS"),
                currencies=tuple(data.get("currencies") or ()),
                credit_limit=Money.parse(str(limit), currency) if limit else None,
            )
            self.world.shops[shop.domain] = shop
            return {"id": shop.id, "domain": shop.domain, "refresh_token": shop.tokens.refresh}

    def installed(self, data: Json, domain: str, verb: str) -> Json:
        with self.world.lock:
            shop = self._shop({"shop": domain})
            shop.installed = verb == "install"
            if not shop.installed:
                self._tell(data, shop, ("app/uninstalled", render.uninstalled_body(shop)))
            return {"domain": domain, "installed": shop.installed}

    def add_customer(self, data: Json) -> Json:
        with self.world.lock:
            shop = self._shop(data)
            customer = checkout.add_customer(self.world, shop, data)
            self._tell(data, shop, ("customers/create", render.customer_body(shop, customer)))
            return {"id": customer.id, "gid": gid("Customer", customer.id)}

    def merge(self, data: Json) -> Json:
        with self.world.lock:
            shop = self._shop(data)
            keep, delete = int(data["keep"]), int(data["delete"])
            if keep not in shop.customers or delete not in shop.customers or keep == delete:
                raise ValueError("keep and delete must name two customers of this shop")
            accounts = shop.accounts_of(delete)
            if accounts and not data.get("force"):
                raise ValueError("a customer with store credit cannot be merged (STORE_CREDIT); use force")
            for account in accounts:
                shop.closed.append(shop.accounts.pop(account.id))
            for order in shop.orders.values():
                order.customer = keep if order.customer == delete else order.customer
            del shop.customers[delete]
            self._tell(data, shop, ("customers/merge", render.merge_body(keep, delete)))
            return {"kept": keep, "deleted": delete}

    def add_discount(self, data: Json) -> Json:
        with self.world.lock:
            shop = self._shop(data)
            discount = Discount(self.world.next_id(), data["title"], self.world.clock.now())
            discount.codes = {code: self.world.next_id() for code in data.get("codes") or []}
            shop.discounts[discount.id] = discount
            return {"id": discount.id, "gid": gid("DiscountCodeNode", discount.id)}

    # ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────

    def add_order(self, data: Json) -> Json:
        with self.world.lock:
            shop = self._shop(data)
            order = checkout.place(self.world, shop, self.book, data)
            topics = ["orders/create", *(["orders/paid"] if order.paid else [])]
            self._tell(data, shop, *((topic, render.order_body(shop, order)) for topic in topics))
            return _short(order)

    def change_order(self, data: Json, number: str, verb: str) -> Json:
        with self.world.lock:
            shop, order = self._order(int(number))
            known = len(order.refunds)
            _CHANGES[verb](self.world, order, data)
            topics: tuple[str, ...] = _TOPICS[verb]
            if verb == "cancel" and len(order.refunds) > known:
                topics = ("refunds/create", *topics)
            self._tell(data, shop, *((topic, self._body(shop, topic, order)) for topic in topics))
            return _short(order)

    def _body(self, shop: Shop, topic: str, order: Order) -> Json:
        if topic == "refunds/create":
            if not order.refunds:
                raise ValueError(f"order {order.name} has no refund")
            return render.refund_body(shop, order, order.refunds[-1])
        return render.edit_body(shop, order) if topic == "orders/edited" else render.order_body(shop, order)

    # ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, data: Json, shop: Shop, *items: tuple[str, Json]) -> None:
        """Send the webhooks of one change in the background, all with one event id."""
        if not data.get("send", True):
            return
        event, at = str(uuid4()), self.world.clock.now()
        for topic, body in items:
            self.sender.later(webhooks.build(shop, topic, body, at, event=event))

    def render(self, data: Json) -> list[Json]:
        return [{"topic": d.topic, "headers": dict(d.headers), "body": d.body.decode()} for d in self._deliveries(data)]

    def _deliveries(self, data: Json) -> list[webhooks.Delivery]:
        deliveries: list[webhooks.Delivery] = []
        with self.world.lock:
            shop = self._shop(data)
            event, at = str(uuid4()), self.world.clock.now()
            for item in data["deliveries"]:
                deliveries += webhooks.build(
                    shop,
                    item["topic"],
                    self._wanted_body(shop, item),
                    at,
                    event=event if data.get("same_event") else str(uuid4()),
                    test=bool(data.get("test")),
                    secret=data.get("secret", ""),
                )
        return webhooks.with_headers(deliveries, data.get("headers") or {})

    def send(self, data: Json) -> Json:
        deliveries = self._deliveries(data)
        copies = int(data.get("copies", 1))
        answers = self.sender.now(
            deliveries,
            copies=copies,
            shuffle=bool(data.get("shuffle")),
            seed=int(data.get("seed", 0)),
            threads=int(data.get("concurrency", 1)),
        )
        return {"sent": len(deliveries) * copies, "answers": answers}

    def _wanted_body(self, shop: Shop, item: Json) -> Json:
        topic = item["topic"]
        if "body" in item:
            return dict(item["body"])
        if "order" in item:
            return self._body(shop, topic, self._order(int(item["order"]))[1])
        customer = shop.customers.get(int(item.get("customer", 0)))
        if topic == "app/uninstalled":
            return render.uninstalled_body(shop)
        if topic in {"customers/redact", "customers/data_request", "shop/redact"}:
            return render.privacy_body(shop, topic, customer, self.world.next_id())
        if customer is None:
            raise ValueError(f"a delivery of {topic} needs an order, a customer or a body")
        return render.customer_body(shop, customer)

    # ── Faults, time, what is held ──────────────────────────────────────────────────────────────────────────────

    def add_fault(self, data: Json) -> list[Json]:
        self.faults.add(faults.from_json(data))
        return self.faults.as_json()

    def clear_faults(self, _: Json) -> Json:
        self.faults.clear()
        return {}

    def advance(self, data: Json) -> Json:
        with self.world.lock:
            self.world.clock.ahead += timedelta(seconds=float(data["advance_s"]))
            return {"now": graphql_time(self.world.clock.now())}

    def show_book(self, _: Json) -> Json:
        with self.world.lock:
            differences = self.book.differences(self.world.balances())
            return {**self.book.as_json(), "differences": differences}

    def show_state(self, _: Json) -> Json:
        with self.world.lock:
            return {"now": graphql_time(self.world.clock.now()), "shops": [_show(s) for s in self.world.shops.values()]}

    def _shop(self, data: Json) -> Shop:
        shop = self.world.shops.get(data["shop"])
        if shop is None:
            raise MissingError(f"there is no shop {data['shop']}; POST /_control/shops makes one")
        return shop

    def _order(self, number: int) -> tuple[Shop, Order]:
        for shop in self.world.shops.values():
            if number in shop.orders:
                return shop, shop.orders[number]
        raise MissingError(f"there is no order {number}")


def _short(order: Order) -> Json:
    return {
        "id": order.id,
        "gid": gid("Order", order.id),
        "name": order.name,
        "status": order.status,
        "customer": order.customer,
        "total": order.shop_money(order.total).decimal(),
        "subtotal": order.shop_money(order.subtotal).decimal(),
        "refunded": order.shop_money(order.refunded).decimal(),
        "lines": [line.id for line in order.lines],
        "refunds": [refund.id for refund in order.refunds],
    }


def _show(shop: Shop) -> Json:
    return {
        "domain": shop.domain,
        "currency": shop.currency,
        "installed": shop.installed,
        "customers": [
            {
                "id": c.id,
                "gid": gid("Customer", c.id),
                "email": c.email,
                "name": f"{c.first_name} {c.last_name}".strip(),
                "credit": {a.currency: a.balance.decimal() for a in shop.accounts_of(c.id)},
            }
            for c in shop.customers.values()
        ],
        "accounts": [
            {
                "gid": gid("StoreCreditAccount", a.id),
                "customer": a.customer,
                "currency": a.currency,
                "balance": a.balance.decimal(),
                "transactions": len(a.transactions),
            }
            for a in shop.accounts.values()
        ],
        "metafields": [
            {"owner": f.owner, "key": f"{f.namespace}.{f.key}", "value": f.value} for f in shop.metafields.values()
        ],
        "discounts": [{"title": d.title, "codes": list(d.codes)} for d in shop.discounts.values()],
        "orders": [_short(order) for order in shop.orders.values()],
    }
