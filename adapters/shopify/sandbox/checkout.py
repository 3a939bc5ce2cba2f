"""What happens to orders: placed, paid, refunded, cancelled, edited. Takes friendly terms, raises ValueError."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox import credit
from adapters.shopify.sandbox.clock import parse_time
from adapters.shopify.sandbox.orders import (
    Address,
    DiscountUse,
    Dispute,
    Edit,
    Fulfillment,
    Line,
    Order,
    Payment,
    Product,
    Refund,
    RefundLine,
    Visit,
)
from adapters.shopify.sandbox.state import Customer, Shop, World, gid
from connector.domain.money import Money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adapters.shopify.sandbox.book import Book
    from adapters.shopify.sandbox.discount import Discount

_DISCOUNT_KINDS = frozenset({"code", "manual", "automatic"})
_DISPUTE_KINDS = frozenset({"CHARGEBACK", "INQUIRY"})
_DISPUTE_STATUSES = frozenset(
    {"ACCEPTED", "CHARGE_REFUNDED", "LOST", "NEEDS_RESPONSE", "PREVENTED", "UNDER_REVIEW", "WON"}
)
_STATUSES = frozenset({"paid", "pending", "authorized"})


def minor(amount: Any, currency: str) -> int:
    """Minor units of an amount such as "12.50" or 12; nothing is 0."""
    return Money.parse(str(amount), currency).minor if amount is not None else 0


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in parts proportional to `weights`; the last part takes the rounding."""
    whole = sum(weights)
    parts = [total * weight // whole if whole else 0 for weight in weights]
    return [*parts[:-1], total - sum(parts[:-1])] if parts else []


def add_customer(world: World, shop: Shop, data: dict[str, Any]) -> Customer:
    now = world.clock.now()
    customer = Customer(
        id=world.next_id(),
        email=data.get("email"),
        first_name=data.get("first_name", ""),
        last_name=data.get("last_name", ""),
        created_at=now,
        updated_at=now,
        earlier_orders=data.get("earlier_orders", 0),
        phone=data.get("phone"),
        tags=tuple(str(tag) for tag in data.get("tags") or ()),
    )
    shop.customers[customer.id] = customer
    return customer


# ── Placing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def place(world: World, shop: Shop, book: Book, data: dict[str, Any]) -> Order:
    """An order from its friendly terms (see `control`). A pending or authorised one is not paid yet."""
    now = parse_time(data["created_at"]) if data.get("created_at") else world.clock.now()
    status = data.get("status", "paid")
    if status not in _STATUSES:
        raise ValueError(f"status must be one of {sorted(_STATUSES)}, not {status!r}")
    draft = bool(data.get("draft"))
    presentment = data.get("presentment") or {}
    customer = _buyer(world, shop, data)
    order = Order(
        id=world.next_id(),
        number=1001 + len(shop.orders),
        currency=shop.currency,
        created_at=now,
        updated_at=now,
        lines=_lines(world, shop, data),
        shipping=minor(data.get("shipping"), shop.currency),
        shipping_tax=minor(data.get("shipping_tax"), shop.currency),
        taxes_included=bool(data.get("taxes_included")),
        email=data.get("email") or (customer.email if customer else None),
        customer=customer.id if customer else None,
        discounts=_discounts(shop, data),
        attributes=[(str(k), str(v)) for k, v in (data.get("attributes") or {}).items()],
        landing_site=None if draft else data.get("landing_site"),
        referring_site=data.get("referring_site"),
        source_name=data.get("source_name") or ("shopify_draft_order" if draft else "web"),
        test=bool(data.get("test")),
        gateway=data.get("gateway") or ("bogus" if data.get("test") else "shopify_payments"),
        visits=[_visit(world, now, v) for v in data.get("visits") or []],
        journey_after=None if draft else data.get("journey_ready_after", 0),
        presentment=presentment.get("currency", ""),
        rate=Decimal(str(presentment.get("rate", "1"))),
        authorized=status == "authorized",
        phone=data.get("phone"),
        client_ip=data.get("client_ip"),
        shipping_address=_address(world, data.get("shipping_address")),
        billing_address=_address(world, data.get("billing_address")),
    )
    redeemed = _redeemable(world, shop, order)
    if data.get("store_credit"):
        _spend(world, shop, book, order, data["store_credit"])
    shop.orders[order.id] = order
    for discount, code in redeemed:
        discount.use(code, order.customer)
    if status == "paid":
        settle(world, order)
    return order


def _buyer(world: World, shop: Shop, data: dict[str, Any]) -> Customer | None:
    """By id, or by e-mail (made when new); `guest` leaves an e-mail without a customer."""
    if data.get("customer"):
        number = int(str(data["customer"]).rsplit("/", 1)[-1])
        if number not in shop.customers:
            raise ValueError(f"{shop.domain} has no customer {data['customer']}")
        return shop.customers[number]
    email = data.get("email")
    if not email or data.get("guest"):
        return None
    return shop.customer_by_email(email) or add_customer(world, shop, data)


def _discounts(shop: Shop, data: dict[str, Any]) -> list[DiscountUse]:
    uses = [
        DiscountUse(d.get("kind", "code"), d["name"], minor(d.get("amount", "0"), shop.currency))
        for d in data.get("discounts") or []
    ]
    if wrong := {use.kind for use in uses} - _DISCOUNT_KINDS:
        raise ValueError(f"a discount's kind is one of {sorted(_DISCOUNT_KINDS)}, not {sorted(wrong)}")
    return uses


def _redeemable(world: World, shop: Shop, order: Order) -> list[tuple[Discount, str]]:
    """The order's codes that are the shop's own. Raises ValueError where one of them cannot be used."""
    found = [(shop.find_code(use.name), use.name) for use in order.discounts if use.kind == "code"]
    own = [(discount, code) for discount, code in found if discount]
    for discount, code in own:
        discount.check(code, order.customer, world.clock.now())
    return own


def _lines(world: World, shop: Shop, data: dict[str, Any]) -> list[Line]:
    off = sum(use.amount for use in _discounts(shop, data))
    tax = minor(data.get("tax"), shop.currency)
    items = data.get("items")
    if not items:
        price = minor(data.get("net", "0"), shop.currency) + off + (tax if data.get("taxes_included") else 0)
        lines = [_line(world, shop, {}, price)]
    else:
        lines = [_line(world, shop, item) for item in items]
    gross = [line.price * line.quantity for line in lines]
    if off > sum(gross):
        raise ValueError("the discounts are more than the goods cost")
    for line, part in zip(lines, spread(off, gross), strict=True):
        line.discount = part
    own = [minor(item.get("tax"), shop.currency) for item in items or [{}]]
    parts = own if any(own) else spread(tax, [line.net for line in lines])
    for line, part in zip(lines, parts, strict=True):
        line.tax = part
    return lines


def _line(world: World, shop: Shop, item: dict[str, Any], price: int | None = None) -> Line:
    """A line of a product of its own, unless `product` names one, or is null for what staff typed."""
    number = world.next_id()
    product = item.get("product", number + 1)
    return Line(
        number,
        item.get("title", "Goods"),
        item.get("quantity", 1),
        minor(item["price"], shop.currency) if price is None else price,
        sku=item.get("sku"),
        product=product
        and Product(
            int(product), item.get("vendor") or shop.name, item.get("product_type", ""), tuple(item.get("tags") or ())
        ),
        tax_parts=int(item.get("tax_parts", 1)),
    )


def _address(world: World, data: dict[str, Any] | None) -> Address | None:
    if data is None:
        return None
    return Address(world.next_id(), data.get("address1"), data.get("zip"), data.get("country"), data.get("city"))


def _visit(world: World, placed: datetime, data: dict[str, Any]) -> Visit:
    utm = data.get("utm") or {}
    return Visit(
        id=world.next_id(),
        at=parse_time(data["at"]) if data.get("at") else placed - timedelta(minutes=data.get("minutes_ago", 5)),
        landing_page=data.get("landing_page"),
        referrer=data.get("referrer"),
        referral_code=data.get("referral_code"),
        source=data.get("source", "direct"),
        utm=tuple((str(k), str(v)) for k, v in utm.items()),
    )


def _spend(world: World, shop: Shop, book: Book, order: Order, amount: Any) -> None:
    """Pay a part with the customer's store credit."""
    if order.customer is None:
        raise ValueError("store credit is spent by a customer; name one")
    money = Money.parse(str(amount), shop.currency)
    try:
        account, line = credit.debit(world, shop, gid("Customer", order.customer), money, event="ORDER_PAYMENT")
    except credit.CreditError as refusal:
        raise ValueError(f"store credit cannot be spent: {refusal.message}") from refusal
    now = world.clock.now()
    payment = Payment(world.next_id(), "SALE", money.minor, now, "shopify_store_credit")
    order.payments.append(payment)
    line.origin = (order.id, payment.id)
    book.money(
        "spent",
        id=gid("StoreCreditAccountDebitTransaction", line.id),
        shop=shop.domain,
        request=order.name,
        at=now,
        account=gid("StoreCreditAccount", account.id),
        customer=gid("Customer", order.customer),
        money=money,
    )


# ── Later changes ───────────────────────────────────────────────────────────────────────────────────────────────


def _touch(world: World, order: Order) -> datetime:
    """Every change is later than the one before it, as webhooks are told apart by updated_at in whole seconds."""
    order.updated_at = max(world.clock.now(), order.updated_at + timedelta(seconds=1))
    return order.updated_at


def settle(world: World, order: Order) -> None:
    """Pay what is due. A zero-total order is paid without any payment."""
    order.authorized = False
    if order.due:
        order.payments.append(Payment(world.next_id(), "SALE", order.due, order.updated_at, order.gateway))


def pay(world: World, order: Order) -> None:
    if order.cancelled_at:
        raise ValueError(f"order {order.name} is cancelled")
    _touch(world, order)
    settle(world, order)


def refund(world: World, order: Order, data: dict[str, Any]) -> Refund:
    """Refund lines (`lines`), shipping and/or an `amount`; with none of them everything that is left."""
    whole = not any(data.get(name) for name in ("lines", "amount", "shipping"))
    wanted = [(line, line.current) for line in order.lines] if whole else _chosen(order, data.get("lines") or [])
    shipping = order.current_shipping if whole else minor(data.get("shipping"), order.currency)
    items = [RefundLine(world.next_id(), line, n, *line.share(n), bool(data.get("restock"))) for line, n in wanted if n]
    worth = sum(i.net + (0 if order.taxes_included else i.tax) for i in items) + shipping
    worth += 0 if order.taxes_included else order.shipping_tax_of(shipping)
    left = order.received - order.refunded
    amount = minor(data["amount"], order.currency) if data.get("amount") else min(worth, left)
    if amount > left:
        raise ValueError(f"order {order.name} has only {left} minor units left to refund")
    at = _touch(world, order)
    payment = Payment(world.next_id(), "REFUND", amount, at, order.gateway) if amount else None
    done = Refund(world.next_id(), at, items, shipping, amount, amount - worth, data.get("note"), payment)
    for item in items:
        item.line.refunded += item.quantity
    order.payments.extend([payment] if payment else [])
    order.refunds.append(done)
    return done


def _chosen(order: Order, wanted: list[dict[str, Any]]) -> list[tuple[Line, int]]:
    """Lines by id, or by their place in the order, with how many pieces."""
    found = []
    for item in wanted:
        number = item["line"]
        line = next((n for n in order.lines if n.id == number), None)
        if line is None and isinstance(number, int) and 0 <= number < len(order.lines):
            line = order.lines[number]
        if line is None:
            raise ValueError(f"order {order.name} has no line {number}")
        pieces = item.get("quantity", line.current)
        if not 0 < pieces <= line.current:
            raise ValueError(f"line {number} has {line.current} pieces left, not {pieces}")
        found.append((line, pieces))
    return found


def cancel(world: World, order: Order, data: dict[str, Any]) -> Refund | None:
    """Cancel, refunding what was received unless `refund` is false."""
    if order.cancelled_at:
        raise ValueError(f"order {order.name} is cancelled already")
    order.cancel_reason = data.get("reason", "customer")
    order.cancelled_at = _touch(world, order)
    order.authorized = False
    if data.get("refund", True) and order.received > order.refunded:
        return refund(world, order, {"note": "Cancelled"})
    return None


def fulfill(world: World, order: Order, data: dict[str, Any]) -> Fulfillment:
    """Ship all that is left, or a part of it; `cancelled` takes back what was shipped last."""
    if order.cancelled_at:
        raise ValueError(f"order {order.name} is cancelled")
    at = _touch(world, order)
    if data.get("cancelled"):
        order.fulfillments[-1] = replace(order.fulfillments[-1], cancelled=True)
    else:
        order.fulfillments.append(Fulfillment(world.next_id(), at, whole=not data.get("partly")))
    return order.fulfillments[-1]


def dispute(world: World, order: Order, data: dict[str, Any]) -> Dispute:
    """Open a dispute, or change the one that is open."""
    status, kind = str(data["status"]).upper(), str(data.get("initiated_as", "CHARGEBACK")).upper()
    if status not in _DISPUTE_STATUSES or kind not in _DISPUTE_KINDS:
        raise ValueError(f"status is one of {sorted(_DISPUTE_STATUSES)}, initiated_as of {sorted(_DISPUTE_KINDS)}")
    at = _touch(world, order)
    if not order.disputes:
        order.disputes.append(Dispute(world.next_id(), kind, status, at, order.received))
    order.disputes[0].status = status
    return order.disputes[0]


def edit(world: World, order: Order, data: dict[str, Any]) -> None:
    """Edit lines: `add` [{title, price, quantity}], `remove` [{line, quantity}]."""
    removed = _chosen(order, data.get("remove") or [])
    change = Edit(world.next_id(), _touch(world, order))
    for line, pieces in removed:
        line.removed += pieces
        change.removals.append((line.id, pieces))
    for item in data.get("add") or []:
        line = Line(
            id=world.next_id(),
            title=item.get("title", "Added"),
            quantity=item.get("quantity", 1),
            price=minor(item["price"], order.currency),
            added_by_edit=True,
            sku=item.get("sku"),
        )
        order.lines.append(line)
        change.additions.append((line.id, line.quantity))
    order.edit = change
