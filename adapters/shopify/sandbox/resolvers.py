"""The root of the GraphQL answers: what can be asked for, and the changes that can be made.

Each resolver takes the graphql-core info (unused) and its arguments. The book of effects is written here from the
arguments of the call, not from the state that the change left behind.
"""

from __future__ import annotations

from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError

from adapters.shopify.sandbox import credit as store_credit
from adapters.shopify.sandbox.bulk import Bulk
from adapters.shopify.sandbox.clock import parse_time
from adapters.shopify.sandbox.credit import CreditError, parse_gid, settle_expiry
from adapters.shopify.sandbox.discounts import Discounts
from adapters.shopify.sandbox.flow import Flow
from adapters.shopify.sandbox.gift_cards import GiftCards
from adapters.shopify.sandbox.order_views import order_view, refund_view
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.part import Part, Stores
from adapters.shopify.sandbox.pixels import Pixels
from adapters.shopify.sandbox.scopes import expanded, require_kind
from adapters.shopify.sandbox.search import matcher
from adapters.shopify.sandbox.state import Customer, Metafield, Subscription, gid
from adapters.shopify.sandbox.views import (
    View,
    account_view,
    customer_view,
    digest,
    metafield_fields,
    metafield_view,
    namespace,
    shop_view,
    subscription_view,
    transaction_view,
)
from connector.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from adapters.shopify.sandbox.orders import Order

MAX_METAFIELDS = 25
_ORDER_SORT: dict[str, Callable[[Order], Any]] = {
    "CREATED_AT": lambda o: (o.created_at, o.id),
    "PROCESSED_AT": lambda o: (o.created_at, o.id),
    "UPDATED_AT": lambda o: (o.updated_at, o.id),
    "ORDER_NUMBER": attrgetter("number"),
    "ID": attrgetter("id"),
}
_ORDER_FIELDS: dict[str, Callable[[Order], Any]] = {
    "id": lambda o: o.id,
    "name": lambda o: o.name,
    "email": lambda o: o.email,
    "created_at": lambda o: o.created_at,
    "processed_at": lambda o: o.created_at,
    "updated_at": lambda o: o.updated_at,
    "financial_status": lambda o: o.status,
    "customer_id": lambda o: o.customer,
    "source_name": lambda o: o.source_name,
    "test": lambda o: str(o.test),
    "chargeback_status": lambda o: next((d.status for d in o.disputes if d.kind == "CHARGEBACK"), None),
}
_CUSTOMER_FIELDS: dict[str, Callable[[Customer], Any]] = {
    "id": lambda c: c.id,
    "email": lambda c: c.email,
    "phone": lambda c: c.phone,
    "created_at": lambda c: c.created_at,
    "updated_at": lambda c: c.updated_at,
}


class Call(Part):
    """One request that is being answered: all its parts, and the root fields that have no part of their own."""

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        given = (self.world, self.shop, self.book, self.request)
        return self, Discounts(*given), GiftCards(*given), Bulk(*given), Flow(*given), Pixels(*given)

    def root(self) -> View:
        """What graphql-core starts from: every root field of queries and mutations."""
        return {name: resolver for part in self.parts for name, resolver in part.fields().items()}

    # ── Queries ─────────────────────────────────────────────────────────────────────────────────────────────────

    def query_shop(self, _: Any) -> View:
        return shop_view(self.shop)

    def query_node(self, _: Any, id: str) -> View | None:  # noqa: A002 - the schema's name
        return self._node(id)

    def query_nodes(self, _: Any, ids: list[str]) -> list[View | GraphQLError | None]:
        return [self._one_of(one) for one in ids]

    def _one_of(self, text: str) -> View | GraphQLError | None:
        """One of many: what is denied is null with an error at its own place, beside the others."""
        try:
            return self._node(text, field="nodes")
        except GraphQLError as error:
            if (error.extensions or {}).get("code") != "ACCESS_DENIED":
                raise
            return error

    def query_order(self, _: Any, id: str) -> View | None:  # noqa: A002
        return self._node(id, "Order")

    def query_customer(self, _: Any, id: str) -> View | None:  # noqa: A002
        return self._node(id, "Customer")

    def query_storeCreditAccount(self, _: Any, id: str) -> View | None:  # noqa: A002, N802
        return self._node(id, "StoreCreditAccount")

    def query_orders(self, _: Any, **args: Any) -> View:
        keep = matcher(args.get("query"), _ORDER_FIELDS)
        rows = sorted((o for o in self.shop.orders.values() if keep(o)), key=_ORDER_SORT[args["sortKey"]])
        return connection(rows, args, key=lambda o: o.id, view=lambda o: order_view(self.world, self.shop, o))

    def query_customers(self, _: Any, **args: Any) -> View:
        keep = matcher(args.get("query"), _CUSTOMER_FIELDS)
        rows = [c for c in self.shop.customers.values() if keep(c)]
        return connection(rows, args, key=lambda c: c.id, view=lambda c: customer_view(self.world, self.shop, c))

    def query_customerByIdentifier(self, _: Any, identifier: dict[str, str]) -> View | None:  # noqa: N802
        if "id" in identifier:
            return self._node(identifier["id"], "Customer")
        if "emailAddress" in identifier:
            found = self.shop.customer_by_email(identifier["emailAddress"])
        else:
            found = next((c for c in self.shop.customers.values() if c.phone == identifier["phoneNumber"]), None)
        return customer_view(self.world, self.shop, found) if found else None

    def query_currentAppInstallation(self, _: Any) -> View:  # noqa: N802
        scopes = [{"handle": name, "description": name.replace("_", " ")} for name in expanded(self.shop.scopes)]
        own = gid("AppInstallation", self.shop.id)
        return {"id": own, "accessScopes": scopes, **metafield_fields(self.shop, own)}

    def query_webhookSubscriptions(self, _: Any, **args: Any) -> View:  # noqa: N802
        rows = list(self.shop.subscriptions.values())
        if args.get("topics"):
            rows = [s for s in rows if s.topic in args["topics"]]
        if args.get("uri"):
            rows = [s for s in rows if s.uri == args["uri"]]
        return connection(rows, args, key=lambda s: s.id, view=subscription_view)

    def _node(self, text: str, only: str = "", field: str = "node") -> View | None:
        """The object with this gid, None for an unknown one. A wrong kind of gid is an error, as on Shopify."""
        parsed = parse_gid(text)
        if parsed is None:
            raise GraphQLError(f"Invalid global id '{text}'", extensions={"code": "argumentLiteralsIncompatible"})
        kind, number = parsed
        if only and kind != only:
            raise GraphQLError(f"Invalid id: {text}", extensions={"code": "RESOURCE_NOT_FOUND"})
        if not only:
            require_kind(self.shop.scopes, field, kind)
        for part in self.parts:
            if kind in (stores := part.stores()):
                rows, view = stores[kind]
                return view(rows[number]) if number in rows else None
        return self._inner(kind, number)

    def stores(self) -> Stores:
        shop = self.shop
        return {
            "Order": (shop.orders, lambda o: order_view(self.world, shop, o)),
            "Customer": (shop.customers, lambda c: customer_view(self.world, shop, c)),
            "StoreCreditAccount": (shop.accounts, lambda a: account_view(self.world, shop, a)),
            "WebhookSubscription": (shop.subscriptions, subscription_view),
        }

    def _inner(self, kind: str, number: int) -> View | None:
        """Objects that live inside others: the shop itself, refunds, store-credit transactions, metafields."""
        shop = self.shop
        if kind == "Shop":
            return shop_view(shop) if number == shop.id else None
        refunds = ((o, r) for o in shop.orders.values() for r in o.refunds if kind == "Refund" and r.id == number)
        for order, refund in refunds:
            return refund_view(self.world, shop, order, refund)
        for account in shop.accounts.values() if kind.startswith("StoreCreditAccount") else ():
            settle_expiry(self.world, account)
            for line in account.transactions:
                # An expiration has no id that could be asked for.
                if line.id == number and line.kind != "expiration":
                    view = transaction_view(self.world, shop, account, line)
                    return view if view["__typename"] == kind else None
        field = next((f for f in shop.metafields.values() if kind == "Metafield" and f.id == number), None)
        return metafield_view(field) if field else None

    # ── Store credit ────────────────────────────────────────────────────────────────────────────────────────────

    def change_storeCreditAccountCredit(self, _: Any, id: str, creditInput: View) -> View:  # noqa: A002, N802, N803
        amount = _money(creditInput["creditAmount"])
        expires_at = parse_time(creditInput["expiresAt"]) if creditInput.get("expiresAt") else None
        try:
            account, line = store_credit.credit(self.world, self.shop, id, amount, expires_at)
        except CreditError as refusal:
            return {"storeCreditAccountTransaction": None, "userErrors": [_user_error(refusal)]}
        self._book("credit", account.id, account.customer, line.id, amount, expires_at)
        return {
            "storeCreditAccountTransaction": transaction_view(self.world, self.shop, account, line),
            "userErrors": [],
        }

    def change_storeCreditAccountDebit(self, _: Any, id: str, debitInput: View) -> View:  # noqa: A002, N802, N803
        amount = _money(debitInput["debitAmount"])
        try:
            account, line = store_credit.debit(self.world, self.shop, id, amount)
        except CreditError as refusal:
            return {"storeCreditAccountTransaction": None, "userErrors": [_user_error(refusal)]}
        self._book("debit", account.id, account.customer, line.id, amount, None)
        return {
            "storeCreditAccountTransaction": transaction_view(self.world, self.shop, account, line),
            "userErrors": [],
        }

    def _book(self, kind: str, account: int, customer: int, line: int, amount: Money, expires_at: Any) -> None:
        typename = "StoreCreditAccountCreditTransaction" if kind == "credit" else "StoreCreditAccountDebitTransaction"
        self.book.money(
            kind,
            id=gid(typename, line),
            shop=self.shop.domain,
            request=self.request,
            at=self.world.clock.now(),
            account=gid("StoreCreditAccount", account),
            customer=gid("Customer", customer),
            money=amount,
            expires_at=expires_at,
        )

    # ── Metafields, subscriptions ────────────────────────────────────────────────────────────────────────

    def change_metafieldsSet(self, _: Any, metafields: list[View]) -> View:  # noqa: N802
        """All or nothing, at most 25."""
        if len(metafields) > MAX_METAFIELDS:
            message = f"Exceeded the maximum metafields input limit of {MAX_METAFIELDS}."
            return {"metafields": [], "userErrors": [_metafield_error("LESS_THAN_OR_EQUAL_TO", None, message)]}
        errors = [error for i, one in enumerate(metafields) if (error := self._metafield_problem(i, one))]
        if errors:
            return {"metafields": [], "userErrors": errors}
        return {"metafields": [metafield_view(self._set(one)) for one in metafields], "userErrors": []}

    def _metafield_problem(self, index: int, given: View) -> View | None:
        owner = parse_gid(given["ownerId"])
        owners: dict[str, Container[int]] = {
            "Order": self.shop.orders,
            "Customer": self.shop.customers,
            "Shop": {self.shop.id: self.shop},
            "AppInstallation": {self.shop.id: self.shop},
        }
        if owner is None or owner[1] not in owners.get(owner[0], {}):
            return _metafield_error("INVALID", index, "Owner does not exist.", "ownerId")
        held = self.shop.metafields.get((given["ownerId"], namespace(given.get("namespace")), given["key"]))
        if held is None and not given.get("type"):
            return _metafield_error("BLANK", index, "Type can't be blank", "type")
        if not given["value"]:
            return _metafield_error("BLANK", index, "Value can't be blank.", "value")
        # An explicit null says "only if there is none yet".
        expected = given["compareDigest"] or "" if "compareDigest" in given else None
        if expected is not None and expected != digest(held):
            message = (
                "The resource has been updated since it was loaded. Try again with an updated `compareDigest` value."
            )
            return _metafield_error("STALE_OBJECT", index, message)
        return None

    def _set(self, given: View) -> Metafield:
        now = self.world.clock.now()
        space = namespace(given.get("namespace"))
        key = (given["ownerId"], space, given["key"])
        field = self.shop.metafields.get(key)
        if field is None:
            new = Metafield(self.world.next_id(), key[0], space, key[2], given["type"], given["value"], now, now)
            field = self.shop.metafields.setdefault(key, new)
        field.value, field.type, field.updated_at = given["value"], given.get("type") or field.type, now
        self.note(
            "metafield",
            id=gid("Metafield", field.id),
            owner=given["ownerId"],
            key=f"{space}.{given['key']}",
            value=given["value"],
        )
        return field

    def change_webhookSubscriptionCreate(self, _: Any, topic: str, webhookSubscription: View) -> View:  # noqa: N802, N803
        uri = webhookSubscription.get("uri") or ""
        if not uri.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            error = {"field": ["webhookSubscription", "uri"], "message": "Address protocol must be https"}
            return {"webhookSubscription": None, "userErrors": [error]}
        if any((s.topic, s.uri) == (topic, uri) for s in self.shop.subscriptions.values()):
            message = "Address for this topic has already been taken"
            return {"webhookSubscription": None, "userErrors": [{"field": ["webhookSubscription"], "message": message}]}
        subscription = Subscription(
            id=self.world.next_id(),
            topic=topic,
            uri=uri,
            created_at=self.world.clock.now(),
            name=webhookSubscription.get("name"),
            filter=webhookSubscription.get("filter"),
            include_fields=tuple(webhookSubscription.get("includeFields") or ()),
        )
        self.shop.subscriptions[subscription.id] = subscription
        return {"webhookSubscription": subscription_view(subscription), "userErrors": []}


def _money(given: View) -> Money:
    return Money.parse(str(given["amount"]), given["currencyCode"])


def _user_error(refusal: CreditError) -> View:
    return {"code": refusal.code, "field": list(refusal.field), "message": refusal.message}


def _metafield_error(code: str, index: int | None, message: str, field: str = "") -> View:
    place = ["metafields"] if index is None else ["metafields", str(index), *([field] if field else [])]
    return {"code": code, "field": place, "message": message, "elementIndex": index}
