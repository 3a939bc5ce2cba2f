"""What the stand-in holds in memory: shops with their customers, store credit, discounts, metafields and orders.

Mutable on purpose; everything is read and changed under the one lock of `World`. Ids are Shopify-like integers.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from threading import RLock
from typing import TYPE_CHECKING

from adapters.shopify.sandbox.clock import Clock
from adapters.shopify.sandbox.export import Exports
from adapters.shopify.sandbox.scopes import ASKED
from connector.domain.money import Money, exponent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.shopify.sandbox.cost import Bucket
    from adapters.shopify.sandbox.discount import BulkCreation, Discount
    from adapters.shopify.sandbox.gift_card import GiftCard
    from adapters.shopify.sandbox.orders import Order

#: What an app must be approved for by name, beside protected customer data as a whole. network: the buyer's address on
#: the internet; visits: the pages that they came from and landed on.
PROTECTED = frozenset({"address", "email", "name", "network", "phone", "visits"})
#: Shopify's cap is USD 15,000 a customer; other currencies get the nearest round figure.
CREDIT_LIMIT = {0: 2_000_000, 2: 1_500_000, 3: 15_000_000, 4: 150_000_000}
TOKEN_LIFE = timedelta(minutes=60)
REFRESH_LIFE = timedelta(days=90)
#: How long the refresh token before the last stays good, if its successors are never used (changelog of 2026-08-28).
PREVIOUS_LIFE = timedelta(days=30)


def gid(kind: str, number: int) -> str:
    return f"gid://shopify/{kind}/{number}"


@dataclass
class Transaction:
    """One line of an account. kind: credit, debit or expiration. `left` is what is still unspent of a credit.

    of: the credit that expired. origin: the order and payment it was spent on. lapsed: what was left has expired;
    `left` keeps what that was, as remainingAmount does.
    """

    id: int
    kind: str
    amount: Money
    at: datetime
    balance_after: Money
    event: str = "ADJUSTMENT"
    expires_at: datetime | None = None
    left: Money | None = None
    of: int | None = None
    origin: tuple[int, int] | None = None
    lapsed: bool = False


@dataclass
class CreditAccount:
    """Store credit of one customer in one currency."""

    id: int
    customer: int
    currency: str
    transactions: list[Transaction] = field(default_factory=list)

    @property
    def balance(self) -> Money:
        return self.transactions[-1].balance_after if self.transactions else Money.zero(self.currency)

    def live(self) -> list[Transaction]:
        """Credits with something left, soonest expiring first; those that never expire last, oldest first."""
        lots = [t for t in self.transactions if t.left and not t.lapsed]
        return sorted(lots, key=lambda t: (t.expires_at is None, t.expires_at or t.at, t.id))

    def expired(self) -> Money:
        return sum((t.amount for t in self.transactions if t.kind == "expiration"), Money.zero(self.currency))


@dataclass
class Customer:
    id: int
    email: str | None
    first_name: str
    last_name: str
    created_at: datetime
    updated_at: datetime
    earlier_orders: int = 0
    phone: str | None = None
    tags: tuple[str, ...] = ()


@dataclass
class Metafield:
    id: int
    owner: str
    namespace: str
    key: str
    type: str
    value: str
    created_at: datetime
    updated_at: datetime


@dataclass
class Subscription:
    id: int
    topic: str
    uri: str
    created_at: datetime
    name: str | None = None
    filter: str | None = None
    include_fields: tuple[str, ...] = ()


@dataclass
class Tokens:
    """Access and refresh tokens of one shop with the moments they end. The seed token never ends."""

    access: dict[str, datetime | None]
    refresh: str
    refresh_ends: datetime
    previous: str = ""
    previous_ends: datetime | None = None
    newest: str = ""

    def honours(self, token: str, now: datetime) -> bool:
        """Whether `token` opens the shop. The first use of a new one ends the refresh token before it."""
        ends = self.access.get(token)
        if token not in self.access or (ends is not None and ends <= now):
            return False
        if token == self.newest:
            self.previous = ""
        return True


@dataclass
class Shop:
    """One shop. `secret` is the app's client secret, with which webhooks are signed; `target` is where they go.

    scopes: granted to the app. api_key: the client id that must be told, any if empty. protected: whether the app may
    see e-mails, phones, names and addresses; withheld: those of PROTECTED that it may not see although it may see the
    others. taken_told: a gift card's code that is taken is refused as TAKEN, else with
    no error code at all, as a real shop was seen to do in 2026-05. codes: authorization codes and when they end.
    undeployed: handles of Flow triggers that the app, as it was deployed last, does not have yet.
    bulk: additions of redeem codes; exports: bulk operations.
    """

    id: int
    domain: str
    name: str
    currency: str
    secret: str
    tokens: Tokens
    bucket: Bucket
    created_at: datetime
    target: str = ""
    zone: str = "America/New_York"
    plan: str = "Basic"
    accounts_version: str = "NEW_CUSTOMER_ACCOUNTS"
    currencies: tuple[str, ...] = ()
    credit_limit: Money | None = None
    host: str = ""
    installed: bool = True
    pixel: dict[str, str] = field(default_factory=dict)
    undeployed: frozenset[str] = frozenset()
    exports: Exports = field(default_factory=Exports)
    scopes: tuple[str, ...] = ASKED
    api_key: str = ""
    protected: bool = True
    withheld: frozenset[str] = frozenset()
    taken_told: bool = True
    codes: dict[str, datetime] = field(default_factory=dict)
    gift_cards: dict[int, GiftCard] = field(default_factory=dict)
    customers: dict[int, Customer] = field(default_factory=dict)
    accounts: dict[int, CreditAccount] = field(default_factory=dict)
    closed: list[CreditAccount] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    metafields: dict[tuple[str, str, str], Metafield] = field(default_factory=dict)
    discounts: dict[int, Discount] = field(default_factory=dict)
    bulk: dict[int, BulkCreation] = field(default_factory=dict)
    subscriptions: dict[int, Subscription] = field(default_factory=dict)

    def limit(self, currency: str) -> Money:
        if self.credit_limit and self.credit_limit.currency == currency:
            return self.credit_limit
        return Money(CREDIT_LIMIT[exponent(currency)], currency)

    def shows(self, kind: str) -> bool:
        """Whether the app may see this kind of PROTECTED."""
        return self.protected and kind not in self.withheld

    def customer_by_email(self, email: str) -> Customer | None:
        wanted = email.strip().lower()
        return next((c for c in self.customers.values() if (c.email or "").lower() == wanted), None)

    def accounts_of(self, customer: int) -> list[CreditAccount]:
        return [a for a in self.accounts.values() if a.customer == customer]

    def orders_of(self, customer: int) -> list[Order]:
        """Real orders of a customer in the order they were placed; test orders do not count."""
        mine = [o for o in self.orders.values() if o.customer == customer and not o.test]
        return sorted(mine, key=lambda o: (o.created_at, o.id))

    def find_code(self, code: str) -> Discount | None:
        wanted = code.lower()
        return next((d for d in self.discounts.values() if any(c.lower() == wanted for c in d.codes)), None)


class World:
    """All shops behind one lock."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.clock = Clock()
        self.url = ""
        self.shops: dict[str, Shop] = {}
        self._ids = count(7_200_000_000_001)

    def next_id(self) -> int:
        return next(self._ids)

    def new_tokens(self, access: str, *, lives: bool) -> Tokens:
        now = self.clock.now()
        return Tokens(
            {access: now + TOKEN_LIFE if lives else None}, f"shprt_{secrets.token_hex(16)}", now + REFRESH_LIFE
        )

    def balances(self) -> dict[str, Money]:
        """What every account and gift card was given and did not pay out, expired or not, for comparison with the book."""
        credit = {gid("StoreCreditAccount", a.id): a.balance + a.expired() for a in self._accounts()}
        cards = {gid("GiftCard", c.id): c.balance for shop in self.shops.values() for c in shop.gift_cards.values()}
        return credit | cards

    def _accounts(self) -> Iterator[CreditAccount]:
        for shop in self.shops.values():
            yield from shop.accounts.values()
            yield from shop.closed
