"""Store credit: paid to a customer's account, recognised by amount and expiry, and taken back from what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client
from adapters.shopify.outbound.values import Json, instant, money, sent, time
from connector.domain.money import Money
from connector.errors import Refused, Unavailable
from connector.ports.platform import (
    Absent,
    Account,
    Direction,
    Done,
    Effect,
    Finding,
    Guard,
    Holding,
    Remains,
    Undecidable,
)

#: Our clock and Shopify's may differ by this much.
SKEW = timedelta(minutes=2)
#: 50 credits a page: no account gets more than this within one attempt, so a longer answer is an endless one.
MAX_PAGES = 40


@dataclass(frozen=True)
class StoreCredit:
    """The customer's account in one currency."""

    client: Client

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        amount = sent(effect.amount)
        if effect.direction is Direction.CREDIT:
            name, target = "credit", effect.owner
            expires = {"expiresAt": instant(effect.expires_at)} if effect.expires_at else {}
            given = {"creditInput": {"creditAmount": amount, "notify": False, **expires}}
        else:
            name, target = "debit", effect.holder or effect.owner
            given = {"debitInput": {"debitAmount": amount}}
        moved = self.client.run(account, name, {"id": target, **given}, effect=guard)["storeCreditAccountTransaction"]
        return Done(moved["id"], moved["account"]["id"], time(moved["createdAt"]))

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Whether `effect` landed on its pinned owner, told by its exact amount and expiry."""
        if effect.direction is not Direction.CREDIT or effect.expires_at is None:
            return Undecidable("Shopify keeps no mark of ours on it: compare the customer's store credit by hand")
        owner, currency = effect.owner, effect.amount.currency
        customer = self._accounts(account, owner, currency)
        if customer is None:
            return Undecidable("the customer is gone or was merged: look where their store credit went")
        held = _held_in(customer, currency)
        if effect.holder and (held is None or held["id"] != effect.holder):
            return Undecidable("the customer's store credit account is another one now: they may have been merged")
        if held is None:
            return Absent()
        credits_since = self._credits(account, held["id"], effect.since - SKEW)
        if credits_since is None:
            return Undecidable("the store credit account disappeared while it was read")
        ours = [c for c in credits_since if is_ours(c, effect) and not claimed(c["id"])]
        if len(ours) > 1:
            return Undecidable(f"{len(ours)} credits look exactly like this one")
        return Done(ours[0]["id"], held["id"], time(ours[0]["createdAt"])) if ours else Absent()

    def balance(self, account: Account, owner: str, holder: str, currency: str) -> Money:
        """What the owner holds in this currency; zero before the first credit. Raises Refused for a changed account."""
        customer = self._accounts(account, owner, currency)
        held = _held_in(customer, currency) if customer else None
        if customer is None or (holder and (held is None or held["id"] != holder)):
            raise Refused("the store credit account is gone or belongs to somebody else now", code="ACCOUNT_NOT_FOUND")
        return money(held["balance"]) if held else Money.zero(currency)

    def remains(self, account: Account, holdings: Sequence[Holding]) -> list[Remains]:
        asked = {"ids": [holding.transaction for holding in holdings]}
        nodes, at = self.client.dated(account, "credits_left", asked)
        known = {node["id"]: node for node in nodes if node}
        return [_remains(holding, known.get(holding.transaction), at) for holding in holdings]

    def _accounts(self, account: Account, owner: str, currency: str) -> Json | None:
        asked = {"owner": owner, "filter": f"currency_code:{currency}"}
        found: Json | None = self.client.run(account, "credit_accounts", asked)
        return found

    def _credits(self, account: Account, holder: str, since: datetime) -> list[Json] | None:
        """Every credit since then, or None where the account is gone. Raises Unavailable rather than stop half-way."""
        found: list[Json] = []
        after = None
        for _ in range(MAX_PAGES):
            asked = {"account": holder, "after": after}
            held = self.client.run(account, "credit_transactions", asked)
            if held is None:
                return None
            page, rows = held["transactions"]["pageInfo"], held["transactions"]["nodes"]
            recent = [row for row in rows if time(row["createdAt"]) >= since]
            found += [row for row in recent if row.get("id")]
            if len(recent) < len(rows) or not page["hasNextPage"]:
                return found
            after = page["endCursor"]
        raise Unavailable("the credits of this account could not be read to their end", platform=MANIFEST.key)


def _remains(holding: Holding, node: Json | None, at: datetime) -> Remains:
    """What ended keeps what was left of it at its end (StoreCreditAccountCreditTransaction.remainingAmount, 2026-10)."""
    if node is None:
        return Remains(holding, None)
    ended = node["expiresAt"] is not None and time(node["expiresAt"]) <= at
    return Remains(holding, money(node["remainingAmount"]), ended)


def _held_in(customer: Json, currency: str) -> Json | None:
    rows: list[Json] = customer["storeCreditAccounts"]["nodes"]
    return next((row for row in rows if row["balance"]["currencyCode"] == currency), None)


def is_ours(credit: Json, effect: Effect) -> bool:
    """Whether a credit is exactly as we asked for it. An order's refund to store credit is none of ours."""
    return (
        effect.expires_at is not None
        and credit["expiresAt"] is not None
        and instant(time(credit["expiresAt"])) == instant(effect.expires_at)
        and money(credit["amount"]) == effect.amount
        and credit["event"] in {None, "ADJUSTMENT"}
    )
