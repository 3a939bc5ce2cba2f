"""What an order says as GraphQL shows it: who bought, what was paid, what went back, which codes it bears."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from adapters.links import host_of
from adapters.plain import phone_of
from adapters.shopify import MANIFEST
from adapters.shopify.inbound import cart_touch, code_touch, visit_touches
from adapters.shopify.outbound.values import Json, money, time
from connector.domain.facts import Fact, Item, ObjectRef, OrderFulfilled, OrderPaid, OrderRefunded
from connector.domain.fraud import REFERRER
from connector.domain.money import Money
from connector.domain.person import ADDRESS, EMAIL, MAILBOX, NETWORK, PHONE, network_of, normal
from connector.domain.touch import Touch
from connector.ports.platform import Glance, Seen, Truth

#: Shopify works the visits of an order out after it was placed; mostly within minutes.
LOOK_AGAIN = timedelta(minutes=5)
#: As many refunds as refunds.graphql asks for.
REFUNDS_READ = 15
#: As many taxes of one line as items.graphql asks for.
TAXES_READ = 3
_PAID = frozenset({"PAID", "PARTIALLY_REFUNDED", "REFUNDED"})
_UNKNOWN_COUNTRY = "ZZ"
#: Which mark is missing where Shopify keeps a field to itself; "" where none is.
PROTECTED: Mapping[str, str] = {
    **dict.fromkeys(("email", "defaultEmailAddress", "emailAddress"), MAILBOX),
    **dict.fromkeys(("phone", "defaultPhoneNumber", "phoneNumber"), PHONE),
    **dict.fromkeys(("shippingAddress", "billingAddress", "address1", "zip"), ADDRESS),
    "clientIp": NETWORK,
    "landingPage": "",
    "referrerUrl": REFERRER,
}


def order_truth(ref: ObjectRef, node: Json, facts: tuple[Fact, ...], kept: Collection[str]) -> Truth:
    """kept: names of the order's fields that Shopify does not show to this app."""
    wait = _wait(node["customerJourneySummary"])
    buyer = tuple(buyer_of(node["customer"], node["email"]))
    return Truth(
        ref,
        found=True,
        as_of=time(node["updatedAt"]),
        placed_at=_placed(node),
        buyer=(*buyer, *_marks(node)),
        touches=tuple(_touches(node)),
        facts=facts,
        complete=not wait,
        again_after=wait,
        note="test_order" if node["test"] else "" if buyer else "no_buyer",
        groups=_groups(node["customer"]),
        withheld=_withheld(kept),
        referrers=_referrers(node["customerJourneySummary"]),
    )


def customer_truth(ref: ObjectRef, node: Json, kept: Collection[str]) -> Truth:
    return Truth(
        ref,
        found=True,
        as_of=time(node["updatedAt"]),
        buyer=(*buyer_of(node, None), *_phones(node)),
        groups=_groups(node),
        withheld=_withheld(kept),
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


def _marks(node: Json) -> Iterator[Seen]:
    """What several people may share: it identifies nobody, and may raise a flag."""
    yield from _phones(node["customer"], node["phone"])
    address = node["shippingAddress"] or {}
    if address.get("address1"):
        parts = (address["address1"], address["zip"], address["countryCodeV2"])
        yield Seen(ADDRESS, " ".join(part for part in parts if part))
    if network := network_of(node["clientIp"]):
        yield Seen(NETWORK, network)


def _phones(customer: Json | None, typed: str | None = None) -> Iterator[Seen]:
    own = ((customer or {}).get("defaultPhoneNumber") or {}).get("phoneNumber")
    return (Seen(PHONE, number) for number in dict.fromkeys((phone_of(own), phone_of(typed))) if number)


def _groups(customer: Json | None) -> frozenset[str]:
    tags = (tag.strip().casefold() for tag in (customer or {}).get("tags", ()))
    return frozenset(f"tag:{tag}" for tag in tags if tag)


def _referrers(journey: Json | None) -> frozenset[str]:
    """Who sent the buyer to the shop, whether their link bore a code or not."""
    visits = [(journey or {}).get(name) or {} for name in ("firstVisit", "lastVisit")]
    return frozenset(host for visit in visits if (host := host_of(visit.get("referrerUrl"))))


def _withheld(kept: Collection[str]) -> frozenset[str]:
    return frozenset(PROTECTED[name] for name in kept) - {""}


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
    net = net_of(node)
    return OrderPaid(
        ref,
        as_of=time(node["updatedAt"]),
        happened_at=max(captures, default=_placed(node)),
        placed_at=_placed(node),
        net=net,
        test=node["test"],
        first_order=_first_order(node),
        tax=_tax(node, net),
        country=_country(node),
        paid_in=node["presentmentCurrencyCode"] if node["presentmentCurrencyCode"] != node["currencyCode"] else "",
    )


def net_of(node: Json) -> Money:
    return money(node["subtotalPriceSet"]["shopMoney"])


def _tax(node: Json, net: Money) -> Money | None:
    """The tax within the net: all tax but that on shipping. None where Shopify does not tell the tax."""
    if not node["taxesIncluded"]:
        return Money.zero(net.currency)
    if not node["totalTaxSet"]:
        return None
    shipping = _sum_of_taxes((node["shippingLine"] or {}).get("taxLines", ()), net.currency)
    return (money(node["totalTaxSet"]["shopMoney"]) - shipping).at_least_zero().at_most(net)


def _sum_of_taxes(lines: Sequence[Json], currency: str) -> Money:
    return sum((money(line["priceSet"]["shopMoney"]) for line in lines), Money.zero(currency))


def _country(node: Json) -> str:
    """Where it went, else where the bill went."""
    codes = [(node[which] or {}).get("countryCodeV2") for which in ("shippingAddress", "billingAddress")]
    return next((code for code in codes if code and code != _UNKNOWN_COUNTRY), "")


def fulfilled_of(ref: ObjectRef, node: Json) -> OrderFulfilled | None:
    """The fact that all was handed over, or None while something is still to come."""
    if node["displayFulfillmentStatus"] != "FULFILLED":
        return None
    as_of = time(node["updatedAt"])
    sent = [time(row["createdAt"]) for row in node["fulfillments"] if row["status"] == "SUCCESS"]
    return OrderFulfilled(ref, as_of, max(sent, default=as_of))


def items_of(net: Money, tax: Money | None, lines: Sequence[Json]) -> tuple[Item, ...] | None:
    """Each line's share of the net, to which they sum: what rounding leaves over goes to the largest.

    What was taken off the order as a whole is spread over its lines, as Shopify does. None where they have no price.
    """
    weights = [money(line["discountedTotalSet"]["shopMoney"]).minor for line in lines]
    whole = sum(weights)
    if net and whole <= 0:
        return None
    nets = [net.share(weight, whole, "down") for weight in weights]
    if nets:
        largest = weights.index(max(weights))
        nets[largest] += net - sum(nets, Money.zero(net.currency))
    return tuple(
        Item(labels_of(line), part, _item_tax(tax, line, part)) for line, part in zip(lines, nets, strict=True)
    )


def _item_tax(tax: Money | None, line: Json, net: Money) -> Money | None:
    """tax: of the whole order. None where the line may bear more taxes than were read."""
    if tax is not None and not tax:
        return tax
    if len(line["taxLines"]) == TAXES_READ:
        return None
    return _sum_of_taxes(line["taxLines"], net.currency).at_most(net)


def labels_of(line: Json) -> frozenset[str]:
    """All by which a merchant may name what a line sells. Of a deleted product its SKU and vendor are left."""
    product = line["product"] or {}
    ids = (product.get("id"), product.get("legacyResourceId"), line["sku"])
    kinds = (line["vendor"], product.get("vendor"), product.get("productType"), *product.get("tags", ()))
    return frozenset(label for text in (*ids, *kinds) if (label := str(text or "").strip().casefold()))


def _first_order(node: Json) -> bool | None:
    """By the order's place in the customer's history; else by how many orders they have.

    The schema does not say where places start to count. Shops see 1 for a first order, so 0 can be nothing later.
    """
    place = (node["customerJourneySummary"] or {}).get("customerOrderIndex")
    if place is not None:
        return bool(place <= 1)
    # A test order may not be counted at all.
    return int(node["customer"]["numberOfOrders"]) <= 1 if node["customer"] else None


def reduced(node: Json) -> bool:
    """Whether money or goods went back. Goods can go back without money, and money without goods."""
    whole, now = net_of(node), money(node["currentSubtotalPriceSet"]["shopMoney"])
    return bool(money(node["totalRefundedSet"]["shopMoney"])) or now < whole


def refunds_of(
    paid: OrderPaid, node: Json, order: Json, labels: Mapping[str, frozenset[str]] | None = None
) -> Iterator[OrderRefunded]:
    """What each refund, then a cancellation or a lost chargeback took back of the net; never more than there was.

    labels: of each line of the order, where it was read what was bought.
    """
    net = net_of(node)
    left, seen = net, Money.zero(net.currency)
    for refund in order.get("refunds", ()):
        amount = _taken(net, refund, order).at_most(left)
        left, seen = left - amount, seen + money(refund["totalRefundedSet"]["shopMoney"])
        at = time(refund["processedAt"] or refund["createdAt"])
        yield OrderRefunded(paid.ref, paid.as_of, at, refund["id"], amount, _returned(refund, amount, labels or {}))
    unread = money(node["totalRefundedSet"]["shopMoney"]) - seen
    if len(order.get("refunds", ())) == REFUNDS_READ and Money.zero(unread.currency) < unread:
        amount = _share(net, unread, order).at_most(left)
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
    lines = _all_lines(refund)
    if not lines:
        return _share(net, money(refund["totalRefundedSet"]["shopMoney"]), order)
    amounts = [money(line["subtotalSet"]["shopMoney"]) for line in lines]
    return sum(amounts, Money.zero(net.currency))


def _returned(refund: Json, amount: Money, labels: Mapping[str, frozenset[str]]) -> tuple[Item, ...] | None:
    """What went back, piece by piece; None where its sum is all that is known."""
    lines = _all_lines(refund)
    if not lines or any(line["lineItem"]["id"] not in labels for line in lines):
        return None
    items = [Item(labels[line["lineItem"]["id"]], money(line["subtotalSet"]["shopMoney"])) for line in lines]
    return tuple(items) if sum((item.net for item in items), Money.zero(amount.currency)) == amount else None


def _all_lines(refund: Json) -> Sequence[Json]:
    """The refund's lines where they were all read; none otherwise."""
    lines = refund["refundLineItems"]
    found: Sequence[Json] = () if lines["pageInfo"]["hasNextPage"] else lines["nodes"]
    return found


def _share(net: Money, back: Money, order: Json) -> Money:
    """The net's part of money that went back for anything: goods, shipping, tax."""
    return net.share(back.minor, money(order["totalPriceSet"]["shopMoney"]).minor)
