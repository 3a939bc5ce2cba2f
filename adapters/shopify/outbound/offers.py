"""The friend's offer: one discount for a program, one redeem code for each advocate.

Every call looks for what is there before it makes anything, so it may be repeated. Codes are unique in a shop: the
discount is found by its anchor, and an advocate's code that stands in it counts as added, whoever added it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.values import Json, instant
from connector.domain.money import WHOLE_BP, Money
from connector.domain.program import Offer
from connector.errors import Refused, Unavailable
from connector.ports.offers import NO_SUCH_OFFER, CodesAdded, OfferTerms
from connector.ports.platform import Account

#: Codes that were not added are looked up one by one, so many at a time.
LOOKUPS = 25
_ORDER_CLASS = {"orderDiscounts": False, "productDiscounts": True, "shippingDiscounts": True}
_SHIPPING_CLASS = {"orderDiscounts": True, "productDiscounts": True, "shippingDiscounts": False}
_PRODUCT_CLASS = {"orderDiscounts": True, "productDiscounts": False, "shippingDiscounts": True}
_THING = re.compile(r"(?:gid://shopify/)?(?:(?P<kind>[A-Z][a-z]+)/)?(?P<number>[0-9]+)")


@dataclass(frozen=True)
class _Form:
    """An offer as Shopify's input. document: begins the names of the documents that make and change it."""

    document: str
    anchor: str
    terms: Json
    at_first: Json


@dataclass(frozen=True)
class Offers:
    """The campaign's discount and its codes."""

    client: Client

    @shaped
    def put_offer(self, account: Account, standing: str, terms: OfferTerms) -> str:
        """Make the discount or bring it in line. Another kind of discount, or gift, is another discount."""
        form = _form(terms)
        found = self._by_code(account, form.anchor)
        external = self._change(account, found, form) if found else self._make(account, form, terms.since)
        if standing not in {"", external}:
            self.end_offer(account, standing)
        return external

    def _make(self, account: Account, form: _Form, since: datetime) -> str:
        first = {"code": form.anchor, "startsAt": instant(since), **form.at_first}
        try:
            made = self.client.run(account, f"{form.document}_create", {"discount": {**form.terms, **first}})
        except Refused as error:
            if error.code in {"TAKEN", "DUPLICATE"}:
                words = "the discount exists and cannot be found yet"
                raise Unavailable(words, platform=MANIFEST.key, operation=f"{form.document}_create") from error
            raise
        return str(made["codeDiscountNode"]["id"])

    def _change(self, account: Account, external: str, form: _Form) -> str:
        asked = {"id": external, "discount": {**form.terms, "endsAt": None}}
        return str(self.client.run(account, f"{form.document}_update", asked)["codeDiscountNode"]["id"])

    def end_offer(self, account: Account, standing: str) -> None:
        """Switch the discount off. One that somebody deleted cannot be used either."""
        try:
            self.client.run(account, "discount_deactivate", {"id": standing})
        except Refused:
            if self._is_there(account, standing):
                raise

    @shaped
    def add_codes(self, account: Account, standing: str, codes: Sequence[str]) -> str:
        """Hand codes over. Shopify adds them in the background."""
        asked = {"id": standing, "codes": [{"code": code} for code in codes]}
        try:
            return str(self.client.run(account, "offer_codes_add", asked)["bulkCreation"]["id"])
        except Refused as error:
            if error.code != "INVALID" or self._is_there(account, standing):
                raise
            words = "somebody deleted the discount in the shop: it is made anew"
            raise Refused(words, code=NO_SUCH_OFFER, platform=MANIFEST.key, operation=error.operation) from error

    @shaped
    def codes_added(
        self, account: Account, standing: str, operation: str, awaited: Collection[str]
    ) -> CodesAdded | None:
        """How the addition ended. What was not added stands in this discount already, in another one, or nowhere."""
        held = self.client.run(account, "offer_codes_added", {"id": operation})
        if held is None:
            return CodesAdded(again=frozenset(awaited))
        if not held["done"]:
            return None
        if not held["failedCount"]:
            return CodesAdded(live=frozenset(awaited))
        # Fewer awaited than were handed over: an earlier look has told of all that were added.
        there = self._listed(account, operation) if len(awaited) == held["codesCount"] else set()
        live, missing = there & set(awaited), sorted(set(awaited) - there)
        owners = {code: self._by_code(account, code) for code in missing[:LOOKUPS]}
        return CodesAdded(
            live=frozenset(live | {code for code, owner in owners.items() if owner == standing}),
            taken=frozenset(code for code, owner in owners.items() if owner not in {"", standing}),
            refused={code: "Shopify did not take this code" for code, owner in owners.items() if not owner},
        )

    def _listed(self, account: Account, operation: str) -> set[str]:
        listed = self.client.run(account, "offer_codes_failed", {"id": operation})
        return {row["code"] for row in listed["codes"]["nodes"] if row["discountRedeemCode"]}

    def _by_code(self, account: Account, code: str) -> str:
        """The discount that holds this code, whatever its kind; "" where none does."""
        node = self.client.run(account, "reward_code_by_code", {"code": code})
        return str(node["id"]) if node else ""

    def _is_there(self, account: Account, discount: str) -> bool:
        return self.client.run(account, "reward_code", {"id": discount}) is not None


# ── An offer in Shopify's words ──────────────────────────────────────────────────────────────────────────────────


def _form(terms: OfferTerms) -> _Form:
    """The input for this kind of offer. Raises Refused with the remedy where it lacks something."""
    offer = terms.offer
    common: Json = {"title": terms.title, "context": {"all": "ALL"}, "appliesOncePerCustomer": True}
    match offer.kind:
        case "shipping":
            anchor, where = f"{terms.anchor}-SHIP", {"destination": {"all": True}}
            more = {"combinesWith": _SHIPPING_CLASS, "minimumRequirement": _minimum(offer.minimum), **where}
            return _Form("offer_shipping", anchor, {**common, **more}, {})
        case "gift":
            return _gift(terms, common)
    if offer.amount:
        value: Json = {"discountAmount": {"amount": offer.amount.decimal(), "appliesOnEachItem": False}}
    else:
        value = {"percentage": offer.percent_bp / WHOLE_BP}
    gets = {"customerGets": {"items": {"all": True}, "value": value}}
    more = {"combinesWith": _ORDER_CLASS, "minimumRequirement": _minimum(offer.minimum), **gets}
    return _Form("offer", terms.anchor, {**common, **more}, {})


def _minimum(least: Money | None) -> Json | None:
    """None takes away what stood there before."""
    return {"subtotal": {"greaterThanOrEqualToSubtotal": least.decimal()}} if least else None


def _gift(terms: OfferTerms, common: Json) -> _Form:
    """One product free with purchases from a collection.

    Shopify does not take "anything" as what a gift comes with (DiscountItemsInput.all: "Not supported for Buy X get Y
    discounts", 2026-10), so the collection is named beside the product. Items can only be added and removed, so
    another gift gets an anchor, and with it a discount, of its own.
    """
    product, collection = _things(terms.offer)
    digest = hashlib.sha256(f"{product} {collection}".encode()).hexdigest()[:8].upper()
    least = terms.offer.minimum
    bought: Json = {"amount": least.decimal()} if least else {"quantity": "1"}
    free: Json = {"discountOnQuantity": {"quantity": "1", "effect": {"percentage": 1.0}}}
    buys, gets = {"collections": {"add": [collection]}}, {"products": {"productsToAdd": [product]}}
    more = {"combinesWith": _PRODUCT_CLASS, "usesPerOrderLimit": 1}
    return _Form(
        "offer_gift",
        f"{terms.anchor}-{digest}",
        {**common, **more, "customerBuys": {"value": bought}, "customerGets": {"value": free}},
        {"customerBuys": {"items": buys, "value": bought}, "customerGets": {"items": gets, "value": free}},
    )


def _things(offer: Offer) -> tuple[str, str]:
    """The product that is given and the collection to buy from, as Shopify's ids."""
    return _thing("Product", "offer.product", offer.product), _thing("Collection", "offer.collection", offer.collection)


def _thing(kind: str, setting: str, text: str) -> str:
    """Shopify's id of a thing, from that id or its number."""
    found = _THING.fullmatch(text.strip())
    if not found or found["kind"] not in {None, kind}:
        words = (
            f"{setting}: write the number that stands in the address of the {kind.lower()}'s page in Shopify's admin"
        )
        raise Refused(words, code="GIFT", platform=MANIFEST.key)
    return f"gid://shopify/{kind}/{found['number']}"
