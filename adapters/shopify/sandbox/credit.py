"""Store credit: who holds how much, what expires when, and Shopify's reasons to refuse.

Nothing here is idempotent: every accepted call moves money, as on Shopify.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.shopify.sandbox.state import CreditAccount, Shop, Transaction, World
from connector.domain.money import Money

if TYPE_CHECKING:
    from datetime import datetime

_GID = re.compile(r"gid://shopify/(\w+)/([0-9]+)")


@dataclass(eq=False)
class CreditError(Exception):
    """A refusal, told as a userError."""

    code: str | None
    field: tuple[str, ...]
    message: str


def parse_gid(text: str) -> tuple[str, int] | None:
    """("Customer", 7) for "gid://shopify/Customer/7"; None for anything else."""
    found = _GID.fullmatch(text)
    return (found[1], int(found[2])) if found else None


def settle_expiry(world: World, account: CreditAccount) -> None:
    """Write off what has expired; done before every look at an account."""
    now = world.clock.now()
    for lot in account.live():
        if lot.left and lot.expires_at and lot.expires_at <= now:
            gone, lot.lapsed = lot.left, True
            after = account.balance - gone
            line = Transaction(world.next_id(), "expiration", gone, lot.expires_at, after, of=lot.id)
            account.transactions.append(line)


def credit(
    world: World, shop: Shop, owner: str, amount: Money, expires_at: datetime | None
) -> tuple[CreditAccount, Transaction]:
    """Give store credit to a customer or an account. Raises CreditError."""
    if amount.minor <= 0:
        raise CreditError(
            "NEGATIVE_OR_ZERO_AMOUNT",
            ("creditInput", "creditAmount", "amount"),
            "A positive amount must be used to credit a store credit account.",
        )
    if shop.currencies and amount.currency not in shop.currencies:
        raise CreditError(
            "UNSUPPORTED_CURRENCY", ("creditInput", "creditAmount", "currencyCode"), "Currency is not supported."
        )
    now = world.clock.now()
    if expires_at and expires_at <= now:
        raise CreditError("EXPIRES_AT_IN_PAST", ("creditInput", "expiresAt"), "The expiry date must be in the future.")
    account = _to_credit(world, shop, owner, amount.currency)
    settle_expiry(world, account)
    if shop.limit(amount.currency) < account.balance + amount:
        raise CreditError(
            "CREDIT_LIMIT_EXCEEDED",
            ("creditInput", "creditAmount", "amount"),
            "The operation would cause the account's credit limit to be exceeded.",
        )
    shop.accounts.setdefault(account.id, account)
    after = account.balance + amount
    line = Transaction(world.next_id(), "credit", amount, now, after, expires_at=expires_at, left=amount)
    account.transactions.append(line)
    return account, line


def debit(
    world: World, shop: Shop, owner: str, amount: Money, event: str = "ADJUSTMENT"
) -> tuple[CreditAccount, Transaction]:
    """Take store credit back, from what expires soonest. Raises CreditError."""
    if amount.minor <= 0:
        raise CreditError(
            "NEGATIVE_OR_ZERO_AMOUNT",
            ("debitInput", "debitAmount", "amount"),
            "A positive amount must be used to debit a store credit account.",
        )
    account = _to_debit(shop, owner, amount.currency)
    settle_expiry(world, account)
    if account.balance < amount:
        raise CreditError(
            "INSUFFICIENT_FUNDS",
            ("debitInput", "debitAmount", "amount"),
            "The store credit account does not have sufficient funds to satisfy the request.",
        )
    rest = amount
    for lot in account.live():
        if lot.left and rest:
            part = lot.left.at_most(rest)
            lot.left, rest = lot.left - part, rest - part
    line = Transaction(world.next_id(), "debit", amount, world.clock.now(), account.balance - amount, event=event)
    account.transactions.append(line)
    return account, line


def _by_id(shop: Shop, number: int, currency: str, field: str) -> CreditAccount:
    account = shop.accounts.get(number)
    if account is None:
        raise CreditError("ACCOUNT_NOT_FOUND", ("id",), "The store credit account could not be found.")
    if account.currency != currency:
        raise CreditError(
            "MISMATCHING_CURRENCY",
            (f"{field}Input", f"{field}Amount", "currencyCode"),
            "The currency provided does not match the currency of the store credit account.",
        )
    return account


def _to_credit(world: World, shop: Shop, owner: str, currency: str) -> CreditAccount:
    """The account to credit; a customer without one in this currency gets it (kept once the credit is accepted)."""
    kind, number = parse_gid(owner) or ("", 0)
    if kind == "StoreCreditAccount":
        return _by_id(shop, number, currency, "credit")
    if kind != "Customer" or number not in shop.customers:
        raise CreditError("OWNER_NOT_FOUND", ("id",), "The owner could not be found.")
    mine = next((a for a in shop.accounts_of(number) if a.currency == currency), None)
    return mine or CreditAccount(world.next_id(), number, currency)


def _to_debit(shop: Shop, owner: str, currency: str) -> CreditAccount:
    kind, number = parse_gid(owner) or ("", 0)
    if kind == "StoreCreditAccount":
        return _by_id(shop, number, currency, "debit")
    mine = [a for a in shop.accounts_of(number) if kind == "Customer" and a.currency == currency]
    if not mine:
        raise CreditError("ACCOUNT_NOT_FOUND", ("id",), "The store credit account could not be found.")
    return mine[0]
