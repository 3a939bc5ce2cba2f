"""Reads: the truth of orders and customers, in Shopify's own batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.outbound.orders import buyer_of, email_of, glance_of, order_truth, paid_of, reduced, refunds_of
from adapters.shopify.outbound.values import Json, time
from connector.domain.facts import Fact, ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Throttled
from connector.ports.platform import Account, Glance, Truth

#: As long as the smallest shop takes to restore the points of one read of orders.
AGAIN_S = 1.0


@dataclass(frozen=True)
class Reads:
    """Orders and customers as they are now."""

    client: Client

    def fetch(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Truth]:
        """The present truth of up to `read_batch` orders or customers: one call, and one for each refunded order."""
        nodes = self.client.run(account, "orders", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: node for node in nodes if node}
        return [self._truth(account, ref, known.get(ref.id)) for ref in refs]

    def _truth(self, account: Account, ref: ObjectRef, node: Json | None) -> Truth:
        if node is None:
            return Truth(ref, found=False)
        if ref.kind != "order":
            return Truth(ref, found=True, as_of=time(node["updatedAt"]), buyer=tuple(buyer_of(node, None)))
        try:
            paid = paid_of(ref, node)
            refunds = self._refunds(account, ref) if paid and reduced(node) else None
            facts: tuple[Fact, ...] = (paid, *refunds_of(paid, node, refunds or {})) if paid else ()
            return order_truth(ref, node, facts)
        except (ValueError, KeyError, TypeError) as error:
            # One order that cannot be read must not hold up the others that came with it.
            return Truth(ref, found=True, note=f"unreadable: {error}"[:200])

    def _refunds(self, account: Account, ref: ObjectRef) -> Json | None:
        try:
            found: Json | None = self.client.run(account, "refunds", {"id": ref.id})
        except Throttled as error:
            # The order is read once more before its refunds, and that costs points again.
            raise Throttled(error.reason, wait_s=(error.wait_s or 0) + AGAIN_S, platform=error.platform) from error
        return found

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """The visits before orders that show no other sign of a referral, up to `look_batch` in one call."""
        nodes = self.client.run(account, "glance", {"ids": [ref.id for ref in refs]})
        known = {node["id"]: node for node in nodes if node}
        return [glance_of(ref, known.get(ref.id)) for ref in refs]

    @shaped
    def unheard(self, account: Account) -> Sequence[ObjectRef]:
        """Orders whose payment a bank took back: webhooks tell of disputes only to apps with a scope for payments."""
        return [ObjectRef("order", node["id"]) for node in self.client.run(account, "chargebacks", {})["nodes"]]

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The customer with exactly this e-mail."""
        found = self.client.run(account, "person", {"email": email.strip()})
        # A shop that lets us see no e-mails finds by them all the same, and shows none.
        same = found and email_of(found) in {"", normal(EMAIL, email)}
        return ObjectRef(MANIFEST.person_kind, found["id"]) if same else None
