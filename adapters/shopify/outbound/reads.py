"""Reads: the truth of orders and customers, in Shopify's own batches."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.answers import parse
from adapters.http import Reply
from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.orders import (
    PROTECTED,
    customer_truth,
    email_of,
    fulfilled_of,
    glance_of,
    items_of,
    labels_of,
    net_of,
    order_truth,
    paid_of,
    reduced,
    refunds_of,
)
from adapters.shopify.outbound.values import Json
from connector.domain.facts import Fact, ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Refused, Throttled
from connector.ports.platform import Account, Glance, Truth, Wanted

#: As long as the smallest shop takes to restore the points of one read of orders.
AGAIN_S = 1.0


@dataclass(frozen=True)
class Open(Client):
    """Reads of which Shopify may keep single fields to itself. kept: the places of those, from the root down.

    An app that is not approved for such a field gets null, and an error beside all the rest (shopify.dev, protected
    customer data, read 2026-11-22). Such an error is no failure of the read; any other one is judged as always.
    """

    kept: list[Sequence[str | int]] = field(default_factory=list)

    def _post(self, *args: Any, **more: Any) -> Reply:
        reply = super()._post(*args, **more)
        answer = parse(reply) or {}
        errors = answer.get("errors")
        if not isinstance(errors, list) or not all(map(_keeps, errors)):
            return reply
        self.kept.extend(error["path"] for error in errors)
        return replace(reply, body=json.dumps({key: held for key, held in answer.items() if key != "errors"}).encode())

    def kept_of(self, place: int) -> Collection[str]:
        """The names of the fields kept from us at this place of the list."""
        return {str(path[-1]) for path in self.kept if path[1] == place}


def _keeps(error: Any) -> bool:
    """Whether this error stands for a single field that the app is not approved to see."""
    match error:
        case {"path": [_, _, *_, str() as name], **more} if name in PROTECTED:
            told: Any = more.get("extensions", {})  # Shopify's page shows it without any
            code = told.get("code", "ACCESS_DENIED") if isinstance(told, dict) else ""
            return code == "ACCESS_DENIED" and "requiredAccess" not in told
    return False


@dataclass(frozen=True)
class Reads:
    """Orders and customers as they are now."""

    client: Client

    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:
        """The present truth of up to `read_batch` orders or customers.

        One call, one for each refunded order, and where items are wanted one for each paid order.
        """
        client = Open(self.client.kit)
        nodes = client.run(account, "orders", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: (node, client.kept_of(place)) for place, node in enumerate(nodes) if node}
        return [
            self._truth(account, ref, *known[ref.id], items=wanted.items)
            if ref.id in known
            else Truth(ref, found=False)
            for ref in refs
        ]

    def _truth(self, account: Account, ref: ObjectRef, node: Json, kept: Collection[str], *, items: bool) -> Truth:
        if ref.kind != "order":
            return customer_truth(ref, node, kept)
        try:
            return order_truth(ref, node, tuple(self._facts(account, ref, node, items=items)), kept)
        except (ValueError, KeyError, TypeError) as error:
            # One order that cannot be read must not hold up the others that came with it.
            return Truth(ref, found=True, note=f"unreadable: {error}"[:200])

    def _facts(self, account: Account, ref: ObjectRef, node: Json, *, items: bool) -> Iterator[Fact]:
        if paid := paid_of(ref, node):
            lines = self._lines(account, ref) if items else None
            yield replace(paid, items=items_of(net_of(node), paid.tax, lines)) if lines is not None else paid
            labels = {line["id"]: labels_of(line) for line in lines or ()}
            refunds = self._more(account, "refunds", ref) if reduced(node) else {}
            yield from refunds_of(paid, node, refunds, labels)
        if fulfilled := fulfilled_of(ref, node):
            yield fulfilled

    def _lines(self, account: Account, ref: ObjectRef) -> Sequence[Json] | None:
        """What was bought; None where it is more than one page, or the shop does not let us see its products."""
        try:
            lines = self._more(account, "items", ref)["lineItems"]
        except Refused as error:
            if error.code != "ACCESS_DENIED":
                raise
            return None
        return None if lines["pageInfo"]["hasNextPage"] else list(lines["nodes"])

    def _more(self, account: Account, name: str, ref: ObjectRef) -> Json:
        try:
            found: Json = self.client.run(account, name, {"id": ref.id})
        except Throttled as error:
            # The order is read once more before this, and that costs points again.
            raise Throttled(error.reason, wait_s=(error.wait_s or 0) + AGAIN_S, platform=error.platform) from error
        return found

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """The visits before orders that show no other sign of a referral, up to `look_batch` in one call."""
        nodes = Open(self.client.kit).run(account, "glance", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: node for node in nodes if node}
        return [glance_of(ref, known.get(ref.id)) for ref in refs]

    @shaped
    def unheard(self, account: Account) -> Sequence[ObjectRef]:
        """Orders whose payment a bank took back: webhooks tell of disputes only to apps with a scope for payments."""
        return [ObjectRef("order", node["id"]) for node in self.client.run(account, "chargebacks", {})["nodes"]]

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The customer with exactly this e-mail."""
        found = Open(self.client.kit).run(account, "person", {"identifier": {"emailAddress": email.strip()}})
        # A shop that lets us see no e-mails finds by them all the same, and shows none.
        same = found and email_of(found) in {"", normal(EMAIL, email)}
        return ObjectRef(MANIFEST.person_kind, found["id"]) if same else None
