"""A code discount: its terms, its redeem codes, and whether a checkout may use one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from adapters.shopify.sandbox.clock import graphql_time, parse_time

Terms = dict[str, Any]
#: Lists in the input come as what to add and what to remove; they are kept as what is left.
_PRODUCTS = (
    ("products", "productsToAdd", "productsToRemove"),
    ("variants", "productVariantsToAdd", "productVariantsToRemove"),
)


@dataclass
class Discount:
    """A discount with its redeem codes (code -> id). Codes are unique in a shop whatever their case.

    kind: the GraphQL type. terms: the input, updates laid over it. uses: code and customer of every order.
    """

    id: int
    kind: str
    terms: Terms
    created_at: datetime
    updated_at: datetime
    codes: dict[str, int] = field(default_factory=dict)
    uses: list[tuple[str, int | None]] = field(default_factory=list)

    @property
    def title(self) -> str:
        return str(self.terms["title"])

    @property
    def starts_at(self) -> datetime:
        return parse_time(self.terms["startsAt"])

    @property
    def ends_at(self) -> datetime | None:
        return parse_time(self.terms["endsAt"]) if self.terms.get("endsAt") else None

    def status(self, now: datetime) -> str:
        if self.ends_at and self.ends_at <= now:
            return "EXPIRED"
        return "SCHEDULED" if self.starts_at > now else "ACTIVE"

    def stop(self, now: datetime) -> None:
        """Deactivate: the discount ends now, unless it already has."""
        if self.status(now) != "EXPIRED":
            self.terms["endsAt"] = graphql_time(now)
            self.updated_at = now

    def spelled(self, code: str) -> str:
        """The code as it was created, whatever case a buyer types it in."""
        return next(known for known in self.codes if known.lower() == code.lower())

    def used(self, code: str = "") -> int:
        """How often a code was used; without one, how often any was."""
        return sum(1 for known, _ in self.uses if not code or known == code)

    def check(self, typed: str, customer: int | None, now: datetime) -> None:
        """Raises ValueError where a checkout would not take this code.

        usageLimit and appliesOncePerCustomer hold for each code of a discount with many
        (Shopify staff, community.shopify.dev/t/12269).
        """
        code = self.spelled(typed)
        if self.status(now) != "ACTIVE":
            raise ValueError(f"{code} cannot be used: its discount is {self.status(now)}")
        limit = self.terms.get("usageLimit")
        if limit is not None and self.used(code) >= limit:
            raise ValueError(f"{code} cannot be used: its usage limit of {limit} is used up")
        if self.terms.get("appliesOncePerCustomer") and customer and (code, customer) in self.uses:
            raise ValueError(f"{code} cannot be used: this customer has used it")
        allowed = self.terms["context"].get("customers")
        if allowed is not None and f"gid://shopify/Customer/{customer}" not in allowed:
            raise ValueError(f"{code} cannot be used: it is for other customers")

    def use(self, typed: str, customer: int | None) -> None:
        """Count one order with this code."""
        self.uses.append((self.spelled(typed), customer))


@dataclass
class BulkCreation:
    """A bulk addition of redeem codes: each with the id it got, or why not. Done from the second look on."""

    id: int
    discount: int
    created_at: datetime
    results: list[tuple[str, int | None, str]] = field(default_factory=list)
    reads: int = 0


def terms_of(given: Mapping[str, Any], held: Mapping[str, Any]) -> Terms:
    """The terms after an input: what it names replaces what was held; lists are added to and removed from."""
    terms = {**held, **{key: value for key, value in given.items() if key != "code"}}
    if given.get("context"):
        terms["context"] = _context(given["context"], held.get("context") or {})
    for side in ("customerGets", "customerBuys"):
        if given.get(side):
            before = held.get(side) or {}
            terms[side] = {**before, **given[side]}
            if given[side].get("items"):
                terms[side]["items"] = _items(given[side]["items"], before.get("items") or {})
    return terms


def _context(given: Mapping[str, Any], held: Mapping[str, Any]) -> Terms:
    kind, value = next(iter(given.items()))
    return {kind: value if kind == "all" else _changed(held.get(kind), value.get("add"), value.get("remove"))}


def _items(given: Mapping[str, Any], held: Mapping[str, Any]) -> Terms:
    if given.get("all"):
        return {"all": True}
    if given.get("collections"):
        change = given["collections"]
        return {"collections": _changed(held.get("collections"), change.get("add"), change.get("remove"))}
    change = given.get("products") or {}
    return {name: _changed(held.get(name), change.get(add), change.get(gone)) for name, add, gone in _PRODUCTS}


def _changed(held: list[str] | None, add: list[str] | None, remove: list[str] | None) -> list[str]:
    return [one for one in dict.fromkeys([*(held or []), *(add or [])]) if one not in (remove or [])]
