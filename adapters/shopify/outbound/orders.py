"""What an order says as GraphQL shows it: who bought, what was paid, what went back, which codes it bears."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from adapters.shopify import MANIFEST
from adapters.shopify.inbound import cart_touch, code_touch, visit_touches
from adapters.shopify.outbound.values import Json, money, time
from connector.domain.facts import Fact, ObjectRef, OrderPaid, OrderRefunded
from connector.domain.money import Money
from connector.domain.person import EMAIL, normal
from connector.domain.touch import Touch
from connector.ports.platform import Glance, Seen, Truth

#: Shopify works the visits of an order out after it was placed; mostly within minutes.
LOOK_AGAIN = timedelta(minutes=5)
#: As many refunds as refunds.graphql asks for.
REFUNDS_READ = 15
_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


def order_truth(ref: ObjectRef, node: Json, facts: tuple[Fact, ...]) -> Truth:
    wait = _wait(node["customerJourneySummary"])
    buyer = tuple(buyer_of(node["customer"], node["email"]))
    return Truth(
        ref,
        found=True,
        as_of=time(node["updatedAt"]),
        placed_at=_placed(node),
        buyer=buyer,
        touches=tuple(_touches(node)),
        facts=facts,
        complete=not wait,
        again_after=wait,
        note="test_order" if node["test"] else "" if buyer else "no_buyer",
    )


def glance_of(ref: ObjectRef, node: Json | None) -> Glance:
    if node is None:
        return Glance(ref, found=False)
    journey = node.get("customerJourneySummary")
    hints = dict.fromkeys([*node.get("discountCodes", ()), *(touch.code for touch in visit_touches(journey))])
    at, wait = time(node["updatedAt"]), _wait(journey)
    return Glance(ref, found=True, as_of=at, hints=tuple(hints), complete=not wait, again_after=wait)


def _wait(journey: Json | None) -> timedelta | None:
    """How long until the visits are known; None when they are, or, as for orders typed by staff, never will be."""
    return None if journey is None or journey["ready"] else LOOK_AGAIN


def _placed(node: Json) -> datetime:
    return time(node["processedAt"] or node["createdAt"])


def buyer_of(customer: Json | None, order_email: str | None) -> Iterator[Seen]:
    if customer:
        yield Seen(MANIFEST.person_kind, customer["id"])
    email = (email_of(customer) if customer else "") or normal(EMAIL, order_email or "")
    if email:
        yield Seen(EMAIL, email)


def email_of(customer: Json) -> str:
    return normal(EMAIL, (customer.get("defaultEmailAddress") or {}).get("emailAddress") or "")


def _touches(node: Json) -> Iterator[Touch]:
    at = _placed(node)
    # Order.discountCodes also holds titles that staff typed; an application of this type was entered as a code.
    found = [code_touch(row.get("code"), at) for row in node["discountApplications"]["nodes"]]
    found += visit_touches(node["customerJourneySummary"])
    found += [cart_touch(row["key"], row["value"], at) for row in node["customAttributes"]]
    return (touch for touch in found if touch)


def paid_of(ref: ObjectRef, node: Json) -> OrderPaid | None:
    """The fact of a captured payment, or None while nothing, or only a part, was paid."""
    if node["displayFinancialStatus"] not in _PAID or not node["subtotalPriceSet"]:
        return None
    captures = [
        time(row["processedAt"] or row["createdAt"])
        for row in node["transactions"]
        if row["kind"] in {"SALE", "CAPTURE"} and row["status"] == "SUCCESS"
    ]
    return OrderPaid(
        ref,
        as_of=time(node["updatedAt"]),
        happened_at=max(captures, default=_placed(node)),
        placed_at=_placed(node),
        net=money(node["subtotalPriceSet"]["shopMoney"]),
        test=node["test"],
        first_order=_first_order(node),
    )


def _first_order(node: Json) -> bool | None:
    """By the order's place in the customer's history; else by how many orders they have.

    The schema does not say where places start to count. Shops see 1 for a first order, so 0 can be nothing later.
    """
    place = (node["customerJourneySummary"] or {}).get("customerOrderIndex")
    if place is not None:
        return bool(place <= 1)
    return str(node["customer"]["numberOfOrders"]) == "1" if node["customer"] else None


def reduced(node: Json) -> bool:
    """Whether money or goods went back. Goods can go back without money, and money without goods."""
    whole, now = money(node["subtotalPriceSet"]["shopMoney"]), money(node["currentSubtotalPriceSet"]["shopMoney"])
    return bool(money(node["totalRefundedSet"]["shopMoney"])) or now < whole


def refunds_of(paid: OrderPaid, node: Json, order: Json) -> Iterator[OrderRefunded]:
    """What each refund, then a cancellation or a lost chargeback took back of the net; never more than there was."""
    left, seen = paid.net, Money.zero(paid.net.currency)
    for refund in order.get("refunds", ()):
        amount = _taken(paid.net, refund, order).at_most(left)
        left, seen = left - amount, seen + money(refund["totalRefundedSet"]["shopMoney"])
        at = time(refund["processedAt"] or refund["createdAt"])
        yield OrderRefunded(paid.ref, paid.as_of, at, refund["id"], amount)
    unread = money(node["totalRefundedSet"]["shopMoney"]) - seen
    if len(order.get("refunds", ())) == REFUNDS_READ and Money.zero(unread.currency) < unread:
        amount = _share(paid.net, unread, order).at_most(left)
        left -= amount
        yield OrderRefunded(paid.ref, paid.as_of, paid.as_of, "further", amount)
    if node["cancelledAt"] and left:
        yield OrderRefunded(paid.ref, paid.as_of, time(node["cancelledAt"]), "cancelled", left)
        left -= left
    if left and any(lost(dispute) for dispute in node["disputes"]):
        yield OrderRefunded(paid.ref, paid.as_of, paid.as_of, "chargeback", left)


def lost(dispute: Json) -> bool:
    """Whether the bank gave the buyer their money back. An inquiry, and a case still open, took nothing yet."""
    return bool(dispute["initiatedAs"] == "CHARGEBACK" and dispute["status"] in {"LOST", "ACCEPTED"})


def _taken(net: Money, refund: Json, order: Json) -> Money:
    """The refund's part of the net: its lines where it has them all, else the net's share of the money."""
    lines = refund["refundLineItems"]
    if not lines["nodes"] or lines["pageInfo"]["hasNextPage"]:
        return _share(net, money(refund["totalRefundedSet"]["shopMoney"]), order)
    amounts = [money(line["subtotalSet"]["shopMoney"]) for line in lines["nodes"]]
    return sum(amounts, Money.zero(net.currency))


def _share(net: Money, back: Money, order: Json) -> Money:
    """The net's part of money that went back for anything: goods, shipping, tax."""
    return net.share(back.minor, money(order["totalPriceSet"]["shopMoney"]).minor)
