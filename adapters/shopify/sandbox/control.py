"""The control API: what a merchant, buyers and bad luck would do, as plain JSON over HTTP for the demo and tests.

POST /_control/shops        {domain, currency, token, secret, target, name, zone, plan, accounts_version, currencies,
                             credit_limit, bucket: {maximum, rate}, scopes: [..] (default: all that the app asks for),
                             api_key (default: any; tokens then name "key"), protected: false for an app that may not
                             see e-mails, phones, names, addresses, networks and visits; withheld: [..] for one that
                             may not see some of these (address, email, name, network, phone, visits), taken_told:
                             false to refuse a gift card's taken code by message alone, without the error code}
                             -> {id, domain, refresh_token}
POST /_control/shops/DOMAIN/uninstall | install                     {send}
POST /_control/shops/DOMAIN/update      {name, currency, zone, plan, accounts_version, host, protected, withheld,
                             undeployed: [handles of Flow triggers that the app was deployed without], send}: shop/update
POST /_control/shops/DOMAIN/scopes      {scopes, send} -> {previous, current}: app/scopes_update
POST /_control/shops/DOMAIN/authorize   {state} -> {code, query}: the merchant agreed; `query` is the signed query
                             string of the callback, `code` is good once for ten minutes
POST /_control/shops/DOMAIN/session     {customer, life_s} -> {token}: a session token of the admin; with `customer`
                             (gid, number, or null for nobody logged in) one of a buyer's page. life_s may be negative
POST /_control/proxy        {shop, path, query: {key: value | [values]}, logged_in_customer} -> {query}: the query
                             string with which the app proxy passes on a request to /apps/SUBPATH/...
POST /_control/customers    {shop, email, first_name, last_name, phone, tags: [..], earlier_orders, send} -> {id, gid}
POST /_control/customers/merge   {shop, keep, delete, force, status, send}: a customer with store credit is refused,
                             unless forced: then their accounts go with them; status "failed" only says so
POST /_control/customers/ID/delete      {force, send}: customers/delete; their store credit goes with them. A customer
                             with orders is refused, as on Shopify, unless forced
POST /_control/discounts    {shop, title, codes: [..], terms: {usageLimit, endsAt ...}} -> {id, gid}
POST /_control/gift_cards/ID/spend      {amount} -> {balance}
POST /_control/bulk         {shop, looks, error}: how many looks after its start a bulk operation needs to end (2
                             unless told), and with what error the next one fails (INTERNAL_SERVER_ERROR, TIMEOUT)
POST /_control/orders       {shop, customer | email (+ guest) | neither, net | items: [{title, price, quantity, sku,
                             product: number (null for what staff typed; default: one of its own), vendor (default:
                             the shop's name), product_type, tags: [..], tax (default: its share of the order's),
                             tax_parts: of how many taxes that is made up}], tax (on the goods), taxes_included,
                             shipping, shipping_tax, phone, client_ip, shipping_address and billing_address:
                             {address1, zip, country: "DE", city} (default: none),
                             discounts: [{kind: code|manual|automatic, name, amount}], landing_site, referring_site,
                             attributes: {..}, visits: [{landing_page, source, referrer, referral_code,
                             minutes_ago | at, utm: {source, medium, campaign, content, term}}],
                             journey_ready_after (reads; null for no journey), source_name, draft, test,
                             status: paid|pending|authorized, presentment: {currency, rate}, store_credit, created_at,
                             gateway, send} -> the order in short. A code of a discount that the shop holds is
                             counted there, and refused (422) where a checkout would not take it
POST /_control/orders/ID/pay    {send}
POST /_control/orders/ID/refund {lines: [{line: id or place, quantity}], shipping, amount, note, restock, send};
                             nothing named refunds all that is left
POST /_control/orders/ID/cancel {reason, refund: true, send}
POST /_control/orders/ID/edit   {add: [{title, price, quantity}], remove: [{line, quantity}], send}
POST /_control/orders/ID/fulfill {partly, cancelled, send}: all is shipped, or a part with `partly`; `cancelled` takes
                             the last shipment back. orders/fulfilled or orders/partially_fulfilled
POST /_control/orders/ID/dispute {status: NEEDS_RESPONSE|UNDER_REVIEW|LOST|WON.., initiated_as: CHARGEBACK|INQUIRY,
                             send}: opens a dispute, or changes the open one (disputes/create or /update)
POST /_control/send         {shop, deliveries: [{topic, order | customer | body}], copies, shuffle, seed, concurrency,
                             headers, secret, test, same_event} -> {sent, answers: {status: count}}; waits for answers
POST /_control/render       {shop, deliveries} -> the same webhooks as {topic, headers, body}, not sent
POST /_control/drain        {timeout_s} -> {idle}: background webhooks are all answered or given up
POST /_control/clock        {advance_s} -> {now}
POST /_control/faults       {fault, shop, operation, probability, count, seed, delay_s, when, retry_after, status}
GET  /_control/faults, DELETE /_control/faults
GET  /_control/book         {entries, calls, sends_with_effect, sends_without_effect, deliveries, differences}
GET  /_control/state        shops with their customers, accounts, gift cards, discounts and orders

The book's `calls` count by operation; `sends_with_effect` and `sends_without_effect` by "operation outcome", where the
outcome is ok, refused, denied (a scope is missing), throttled, too_expensive, invalid or the fault that struck
(cut_after, html_200_before ...). Its entries that move money are credit, debit, spent (store credit at checkout),
gift_card_issue, gift_card_credit, gift_card_debit and gift_card_spent; the others metafield, discount_create,
discount_update, discount_deactivate, redeem_code (added in bulk; `value` is the code), gift_card_deactivate and
flow_trigger (`key` is its handle, `value` the payload).
`differences` is empty unless the stand-in is wrong.

Amounts are decimal texts in shop money. Every change sends its webhooks in the background unless `send` is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from adapters.shopify.sandbox import checkout, render, render_more, webhooks
from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.control_rewards import RewardDesk
from adapters.shopify.sandbox.control_shops import ShopDesk
from adapters.shopify.sandbox.desk import Desk, Json, MissingError, Route
from adapters.shopify.sandbox.state import Shop, World, gid
from adapters.stand_in import CommonDesk

if TYPE_CHECKING:
    from adapters.shopify.sandbox.orders import Order

_CHANGES: dict[str, Callable[[World, Order, Json], Any]] = {
    "pay": lambda world, order, _: checkout.pay(world, order),
    "refund": checkout.refund,
    "cancel": checkout.cancel,
    "edit": checkout.edit,
    "fulfill": checkout.fulfill,
}
_TOPICS = {
    "pay": ("orders/paid", "orders/updated"),
    "refund": ("refunds/create", "orders/updated"),
    "cancel": ("orders/cancelled", "orders/updated"),
    "edit": ("orders/edited", "orders/updated"),
    "fulfill": ("orders/fulfilled", "orders/updated"),
}


class Control(Desk):
    """All of it: the routes of its own, those of shops and rewards, and what all stand-ins have."""

    def handle(self, method: str, path: str, data: Json) -> tuple[int, Json | list[Json]]:
        """Status and answer of one request."""
        desk = (self.world, self.book, self.faults, self.sender)
        common = CommonDesk(self.world, self.faults, self.sender)
        desks = (self, ShopDesk(*desk), RewardDesk(*desk), common)
        for verb, pattern, action in (route for each in desks for route in each.routes()):
            found = re.fullmatch(f"/_control/{pattern}", path)
            if found and verb == method:
                try:
                    return 200, action(data, *found.groups())
                except MissingError as error:
                    return 404, {"error": str(error.args[0])}
                except (ValueError, KeyError, TypeError) as error:
                    return 422, {"error": f"{type(error).__name__}: {error}"}
        return 404, {"error": f"{method} {path} is not part of the control API"}

    def routes(self) -> list[Route]:
        return [
            ("POST", r"customers", self.add_customer),
            ("POST", r"customers/merge", self.merge),
            ("POST", r"customers/(\d+)/delete", self.delete_customer),
            ("POST", r"orders", self.add_order),
            ("POST", r"orders/(\d+)/dispute", self.dispute),
            ("POST", r"orders/(\d+)/(pay|refund|cancel|edit|fulfill)", self.change_order),
            ("POST", r"send", self.send),
            ("POST", r"render", self.render),
            ("GET", r"book", self.show_book),
            ("GET", r"state", self.show_state),
        ]

    # ── Customers ─────────────────────────────────────────────────────────────────────────────────────

    def add_customer(self, data: Json) -> Json:
        with self.world.lock:
            shop = self.shop(data["shop"])
            customer = checkout.add_customer(self.world, shop, data)
            self.tell(data, shop, ("customers/create", render.customer_body(shop, customer)))
            return {"id": customer.id, "gid": gid("Customer", customer.id)}

    def merge(self, data: Json) -> Json:
        with self.world.lock:
            shop = self.shop(data["shop"])
            keep, delete = int(data["keep"]), int(data["delete"])
            if keep not in shop.customers or delete not in shop.customers or keep == delete:
                raise ValueError("keep and delete must name two customers of this shop")
            if data.get("status") == "failed":
                self.tell(data, shop, ("customers/merge", render_more.merge_body(keep, delete, failed=True)))
                return {"kept": keep, "deleted": None}
            accounts = shop.accounts_of(delete)
            if accounts and not data.get("force"):
                raise ValueError("a customer with store credit cannot be merged (STORE_CREDIT); use force")
            for order in shop.orders.values():
                order.customer = keep if order.customer == delete else order.customer
            for card in shop.gift_cards.values():
                card.customer = keep if card.customer == delete else card.customer
            _remove(shop, delete)
            self.tell(data, shop, ("customers/merge", render_more.merge_body(keep, delete)))
            return {"kept": keep, "deleted": delete}

    def delete_customer(self, data: Json, number: str) -> Json:
        with self.world.lock:
            shop, customer = self.customer(int(number))
            if shop.orders_of(customer.id) and not data.get("force"):
                raise ValueError("a customer with orders cannot be deleted, on Shopify either; use force")
            _remove(shop, customer.id)
            self.tell(data, shop, ("customers/delete", render_more.deleted_body(customer.id)))
            return {"deleted": customer.id}

    # ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────

    def add_order(self, data: Json) -> Json:
        with self.world.lock:
            shop = self.shop(data["shop"])
            order = checkout.place(self.world, shop, self.book, data)
            topics = ["orders/create", *(["orders/paid"] if order.paid else [])]
            self.tell(data, shop, *((topic, render.order_body(shop, order)) for topic in topics))
            return _short(order)

    def change_order(self, data: Json, number: str, verb: str) -> Json:
        with self.world.lock:
            shop, order = self.order(int(number))
            known = len(order.refunds)
            _CHANGES[verb](self.world, order, data)
            topics: tuple[str, ...] = _TOPICS[verb]
            if verb == "cancel" and len(order.refunds) > known:
                topics = ("refunds/create", *topics)
            if verb == "fulfill" and order.fulfillment != "FULFILLED":
                topics = ("orders/partially_fulfilled", "orders/updated")
            self.tell(data, shop, *((topic, self._body(shop, topic, order)) for topic in topics))
            return _short(order)

    def dispute(self, data: Json, number: str) -> Json:
        with self.world.lock:
            shop, order = self.order(int(number))
            known = bool(order.disputes)
            dispute = checkout.dispute(self.world, order, data)
            topic = "disputes/update" if known else "disputes/create"
            body = render_more.dispute_body(shop, order, dispute)
            self.tell(data, shop, (topic, body), ("orders/updated", render.order_body(shop, order)))
            return _short(order)

    def _body(self, shop: Shop, topic: str, order: Order) -> Json:
        if topic == "refunds/create":
            if not order.refunds:
                raise ValueError(f"order {order.name} has no refund")
            return render.refund_body(shop, order, order.refunds[-1])
        if topic.startswith("disputes/"):
            if not order.disputes:
                raise ValueError(f"order {order.name} has no dispute")
            return render_more.dispute_body(shop, order, order.disputes[0])
        if topic.startswith("returns/"):
            return render_more.return_body(order)
        return render.edit_body(shop, order) if topic == "orders/edited" else render.order_body(shop, order)

    # ── Webhooks ────────────────────────────────────────────────────────────────────────────────────────────────

    def render(self, data: Json) -> list[Json]:
        return [{"topic": d.topic, "headers": dict(d.headers), "body": d.body.decode()} for d in self._deliveries(data)]

    def _deliveries(self, data: Json) -> list[webhooks.Delivery]:
        deliveries: list[webhooks.Delivery] = []
        with self.world.lock:
            shop = self.shop(data["shop"])
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
            return self._body(shop, topic, self.order(int(item["order"]))[1])
        customer = shop.customers.get(int(item.get("customer", 0)))
        if topic in {"app/uninstalled", "shop/update"}:
            return render_more.shop_body(shop)
        if topic == "app/scopes_update":
            return render_more.scopes_body(shop, shop.scopes, self.world.clock.now())
        if topic in {"customers/redact", "customers/data_request", "shop/redact"}:
            return render.privacy_body(shop, topic, customer, self.world.next_id())
        if customer is None:
            raise ValueError(f"a delivery of {topic} needs an order, a customer or a body")
        if topic == "customers/delete":
            return render_more.deleted_body(customer.id)
        return render.customer_body(shop, customer)

    # ── What is held ────────────────────────────────────────────────────────────────────────────────────────────

    def show_book(self, _: Json) -> Json:
        with self.world.lock:
            differences = self.book.differences(self.world.balances())
            return {**self.book.as_json(), "differences": differences}

    def show_state(self, _: Json) -> Json:
        with self.world.lock:
            return {"now": graphql_time(self.world.clock.now()), "shops": [_show(s) for s in self.world.shops.values()]}


def _remove(shop: Shop, customer: int) -> None:
    """A customer and their store credit are gone; what the credit held stays in the book."""
    for account in shop.accounts_of(customer):
        shop.closed.append(shop.accounts.pop(account.id))
    del shop.customers[customer]


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
        "discounts": [
            {"gid": gid("DiscountCodeNode", d.id), "title": d.title, "codes": list(d.codes), "used": d.used()}
            for d in shop.discounts.values()
        ],
        "gift_cards": [
            {
                "id": c.id,
                "gid": gid("GiftCard", c.id),
                "code": c.code,
                "customer": c.customer,
                "balance": c.balance.decimal(),
                "currency": c.initial.currency,
                "enabled": c.deactivated_at is None,
            }
            for c in shop.gift_cards.values()
        ],
        "orders": [_short(order) for order in shop.orders.values()],
    }
