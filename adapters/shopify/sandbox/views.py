"""How shops, customers, store credit, metafields and subscriptions look in GraphQL.

A view is a dict by field name; fields with arguments or with a cost of their own are callables.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.credit import settle_expiry
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.protect import shown
from adapters.shopify.sandbox.search import matcher
from adapters.shopify.sandbox.state import (
    CreditAccount,
    Customer,
    Metafield,
    Shop,
    Subscription,
    Transaction,
    World,
    gid,
)
from connector.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.shopify.sandbox.orders import Order, Payment

View = dict[str, Any]
_TRANSACTION_TYPES = {
    "credit": "StoreCreditAccountCreditTransaction",
    "debit": "StoreCreditAccountDebitTransaction",
    "expiration": "StoreCreditAccountExpirationTransaction",
}


def decimal(money: Money) -> str:
    """Shopify's GraphQL Decimal: "10.0", "10.25", "1000.0" for yen: no needless zeros, but always a point."""
    text = money.decimal()
    if "." not in text:
        return f"{text}.0"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0') or '0'}"


def money(value: Money) -> View:
    return {"amount": decimal(value), "currencyCode": value.currency}


def bag(order: Order, minor: int) -> View:
    return {"shopMoney": money(order.shop_money(minor)), "presentmentMoney": money(order.presentment_money(minor))}


def payment_view(order: Order, payment: Payment) -> View:
    return {
        "__typename": "OrderTransaction",
        "id": gid("OrderTransaction", payment.id),
        "kind": payment.kind,
        "status": "SUCCESS",
        "gateway": payment.gateway,
        "test": order.test,
        "amountSet": bag(order, payment.amount),
        "createdAt": graphql_time(payment.at),
        "processedAt": graphql_time(payment.at),
    }


def shop_view(shop: Shop) -> View:
    return {
        "__typename": "Shop",
        "id": gid("Shop", shop.id),
        "name": shop.name,
        "email": f"owner@{shop.domain}",
        "createdAt": graphql_time(shop.created_at),
        "myshopifyDomain": shop.domain,
        "primaryDomain": {"host": shop.host or shop.domain},
        "url": f"https://{shop.domain}",
        "currencyCode": shop.currency,
        "enabledPresentmentCurrencies": list(shop.currencies) or [shop.currency],
        "ianaTimezone": shop.zone,
        "taxesIncluded": False,
        "plan": {
            "publicDisplayName": shop.plan,
            "partnerDevelopment": shop.plan == "Development",
            "shopifyPlus": shop.plan == "Shopify Plus",
        },
        "customerAccountsV2": {
            "customerAccountsVersion": shop.accounts_version,
            "loginLinksVisibleOnStorefrontAndCheckout": True,
            "loginRequiredAtCheckout": False,
            "url": f"https://{shop.domain}/account",
        },
    }


def customer_view(world: World, shop: Shop, customer: Customer) -> View:
    owner = gid("Customer", customer.id)
    email = customer.email if shop.shows("email") else None
    names = (customer.first_name, customer.last_name) if shop.shows("name") else ()
    address = {"emailAddress": shown(shop, "email", "emailAddress", customer.email), "validFormat": True}
    phone = {"phoneNumber": shown(shop, "phone", "phoneNumber", customer.phone)}

    def accounts(_: Any, **args: Any) -> View:
        keep = matcher(args.get("query"), _ACCOUNT_FIELDS)
        rows = [a for a in shop.accounts_of(customer.id) if keep(a)]
        return connection(rows, args, key=lambda a: a.id, view=lambda a: account_view(world, shop, a))

    return {
        "__typename": "Customer",
        "id": owner,
        "legacyResourceId": str(customer.id),
        "createdAt": graphql_time(customer.created_at),
        "updatedAt": graphql_time(customer.updated_at),
        "firstName": shown(shop, "name", "firstName", customer.first_name),
        "lastName": shown(shop, "name", "lastName", customer.last_name),
        "displayName": " ".join(name for name in names if name) or email or "",
        "email": shown(shop, "email", "email", customer.email),
        "defaultEmailAddress": address if customer.email else None,
        "defaultPhoneNumber": phone if customer.phone else None,
        "numberOfOrders": str(customer.earlier_orders + len(shop.orders_of(customer.id))),
        "state": "ENABLED",
        "tags": list(customer.tags),
        "verifiedEmail": customer.email is not None,
        "storeCreditAccounts": accounts,
        **metafield_fields(shop, owner),
    }


_ACCOUNT_FIELDS: dict[str, Callable[[CreditAccount], Any]] = {
    "id": lambda a: a.id,
    "currency_code": lambda a: a.currency,
}


# ── Store credit ────────────────────────────────────────────────────────────────────────────────────────────────


def account_view(world: World, shop: Shop, account: CreditAccount) -> View:
    settle_expiry(world, account)

    def transactions(_: Any, **args: Any) -> View:
        keep = matcher(args.get("query"), _TRANSACTION_FIELDS)
        rows = [t for t in account.transactions if keep(t)]
        if args.get("sortKey") == "EXPIRES_AT":
            rows.sort(key=lambda t: (t.expires_at is None, t.expires_at or t.at, t.id))
        return connection(rows, args, key=lambda t: t.id, view=lambda t: transaction_view(world, shop, account, t))

    return {
        "__typename": "StoreCreditAccount",
        "id": gid("StoreCreditAccount", account.id),
        "balance": money(account.balance),
        "owner": lambda _: customer_view(world, shop, shop.customers[account.customer]),
        "transactions": transactions,
    }


_TRANSACTION_FIELDS: dict[str, Callable[[Transaction], Any]] = {
    "id": lambda t: t.id,
    "type": lambda t: t.kind,
    "expires_at": lambda t: t.expires_at,
}


def transaction_view(world: World, shop: Shop, account: CreditAccount, line: Transaction) -> View:
    kind = _TRANSACTION_TYPES[line.kind]
    view: View = {
        "__typename": kind,
        "id": gid(kind, line.id),
        "account": lambda _: account_view(world, shop, account),
        # What leaves the account is shown below zero (example on the page of storeCreditAccountDebit).
        "amount": money(line.amount if line.kind == "credit" else Money(-line.amount.minor, line.amount.currency)),
        "balanceAfterTransaction": money(line.balance_after),
        "createdAt": graphql_time(line.at),
        "event": line.event,
        "origin": _origin(shop, line),
    }
    if line.left is not None:
        view["expiresAt"] = graphql_time(line.expires_at) if line.expires_at else None
        view["remainingAmount"] = money(line.left)
    if line.of is not None:
        origin = next(t for t in account.transactions if t.id == line.of)
        view["creditTransaction"] = lambda _: transaction_view(world, shop, account, origin)
    return view


def _origin(shop: Shop, line: Transaction) -> View | None:
    """The payment it was spent as; null for what an app credits or debits, as on Shopify."""
    if line.origin is None:
        return None
    order = shop.orders[line.origin[0]]
    return next(payment_view(order, p) for p in order.payments if p.id == line.origin[1])


# ── Metafields ──────────────────────────────────────────────────────────────────────────────────────────────────


def digest(field: Metafield | None) -> str:
    """What `compareDigest` must be to overwrite `field`."""
    return hashlib.sha256(field.value.encode()).hexdigest() if field else ""


def metafield_view(field: Metafield) -> View:
    return {
        "__typename": "Metafield",
        "id": gid("Metafield", field.id),
        "legacyResourceId": str(field.id),
        "namespace": field.namespace,
        "key": field.key,
        "type": field.type,
        "value": field.value,
        "jsonValue": _json_value(field),
        "compareDigest": digest(field),
        "createdAt": graphql_time(field.created_at),
        "updatedAt": graphql_time(field.updated_at),
    }


def _json_value(field: Metafield) -> Any:
    typed = field.type in {"json", "boolean", "number_integer"} or field.type.startswith("list.")
    return json.loads(field.value) if typed else field.value


def namespace(given: str | None) -> str:
    """`$app` and no namespace at all both mean the one reserved for the app."""
    reserved = "app--1"
    if not given or given == "$app":
        return reserved
    return f"{reserved}--{given.removeprefix('$app:')}" if given.startswith("$app:") else given


def metafield_fields(shop: Shop, owner: str) -> View:
    """The two fields of everything that has metafields."""

    def one(_: Any, **args: Any) -> View | None:
        field = shop.metafields.get((owner, namespace(args.get("namespace")), args["key"]))
        return metafield_view(field) if field else None

    def many(_: Any, **args: Any) -> View:
        rows = [f for f in shop.metafields.values() if f.owner == owner]
        if args.get("namespace"):
            rows = [f for f in rows if f.namespace == namespace(args["namespace"])]
        if args.get("keys"):
            rows = [f for f in rows if f.key in args["keys"] or f"{f.namespace}.{f.key}" in args["keys"]]
        return connection(rows, args, key=lambda f: f.id, view=metafield_view)

    return {"metafield": one, "metafields": many}


# ── Subscriptions ─────────────────────────────────────────────────────────────────────────────────


def subscription_view(subscription: Subscription) -> View:
    return {
        "__typename": "WebhookSubscription",
        "id": gid("WebhookSubscription", subscription.id),
        "legacyResourceId": str(subscription.id),
        "createdAt": graphql_time(subscription.created_at),
        "updatedAt": graphql_time(subscription.created_at),
        "topic": subscription.topic,
        "uri": subscription.uri,
        "format": "JSON",
        "name": subscription.name,
        "filter": subscription.filter,
        "includeFields": list(subscription.include_fields),
    }
