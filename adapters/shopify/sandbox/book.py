"""The stand-in's own book of effects: what really happened, written apart from the state that answers are made of.

A test or the demo counts duplicates and losses here. Because the book is kept from the arguments of each call and
the state from the resolvers' work, a bug in one shows as a difference from the other (`differences`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import graphql_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from connector.domain.money import Money


#: Kinds that add to a balance; every other movement takes from it.
_GIVING = frozenset({"credit", "gift_card_issue", "gift_card_credit"})


@dataclass(frozen=True)
class Entry:
    """One effect that took place. `minor` is whole minor units; metafield writes carry key and value instead."""

    kind: str
    id: str
    shop: str
    request: str
    at: str
    account: str = ""
    customer: str = ""
    minor: int = 0
    amount: str = ""
    currency: str = ""
    expiresAt: str | None = None  # noqa: N815 - the platform's own spelling, as tests compare it with answers
    key: str = ""
    value: str = ""
    note: str = ""


class Book:
    """Append-only, thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._by_request: Counter[str] = Counter()
        self._calls: Counter[str] = Counter()
        self._with_effect: Counter[str] = Counter()
        self._without_effect: Counter[str] = Counter()
        self._deliveries: Counter[str] = Counter()

    def money(
        self,
        kind: str,
        *,
        id: str,  # noqa: A002 - the platform's own word
        shop: str,
        request: str,
        at: datetime,
        account: str,
        customer: str,
        money: Money,
        expires_at: datetime | None = None,
        note: str = "",
    ) -> None:
        """A movement of store credit or of a gift card; `control` lists the kinds."""
        self._add(
            Entry(
                kind=kind,
                id=id,
                shop=shop,
                request=request,
                at=graphql_time(at),
                account=account,
                customer=customer,
                minor=money.minor,
                amount=money.decimal(),
                currency=money.currency,
                expiresAt=graphql_time(expires_at) if expires_at else None,
                note=note,
            )
        )

    def written(
        self,
        kind: str,
        *,
        id: str,  # noqa: A002 - the platform's own word
        shop: str,
        request: str,
        at: str,
        owner: str,
        key: str,
        value: str,
    ) -> None:
        """An effect that moves no money; `customer` is the owner's gid, whatever kind it is. A metafield's key is
        namespace.key, a discount's its title.
        """
        self._add(Entry(kind, id, shop, request, at, customer=owner, key=key, value=value))

    def _add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            self._by_request[entry.request] += 1

    def effects_of(self, request: str) -> int:
        """How many effects one request had."""
        with self._lock:
            return self._by_request[request]

    def call(self, operation: str, effects: int, outcome: str) -> None:
        """One call ended: how many effects it had, and in a word what its sender saw (ok, throttled, cut_after)."""
        with self._lock:
            self._calls[operation] += 1
            side = self._with_effect if effects else self._without_effect
            side[f"{operation} {outcome}"] += 1

    def delivery(self, topic: str, answer: str) -> None:
        """One webhook was sent; `answer` is the status, or why there was none."""
        with self._lock:
            self._deliveries[f"{topic} {answer}"] += 1

    def differences(self, balances: Mapping[str, Money]) -> list[str]:
        """Accounts whose entries do not add up to `balances` (expired credit added back): a bug in the stand-in."""
        with self._lock:
            sums: Counter[str] = Counter()
            for entry in self._entries:
                if entry.account:
                    sums[entry.account] += entry.minor if entry.kind in _GIVING else -entry.minor
        accounts = sorted({*sums, *balances})
        held = {account: balances[account].minor if account in balances else 0 for account in accounts}
        return [f"{a}: book {sums[a]}, state {held[a]}" for a in accounts if sums[a] != held[a]]

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "entries": [asdict(entry) for entry in self._entries],
                "calls": dict(self._calls),
                "sends_with_effect": dict(self._with_effect),
                "sends_without_effect": dict(self._without_effect),
                "deliveries": dict(self._deliveries),
            }
