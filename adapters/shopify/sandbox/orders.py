"""Orders and refunds with the sums Shopify shows of them. All amounts are shop money in whole minor units."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from connector.domain.money import Money, exponent

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Product:
    """What a line sells."""

    id: int
    vendor: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()


@dataclass
class Line:
    """One line. price is for one piece; discount and tax are for the whole line. `removed` pieces left by edits.

    product: None for what staff typed, or what was deleted since. tax_parts: of how many taxes the tax is made up.
    """

    id: int
    title: str
    quantity: int
    price: int
    discount: int = 0
    tax: int = 0
    refunded: int = 0
    removed: int = 0
    added_by_edit: bool = False
    sku: str | None = None
    product: Product | None = None
    tax_parts: int = 1

    @property
    def net(self) -> int:
        """After discount; with tax in it when the shop's prices include tax."""
        return self.price * self.quantity - self.discount

    @property
    def current(self) -> int:
        return self.quantity - self.refunded - self.removed

    def share(self, pieces: int) -> tuple[int, int]:
        """(net, tax) of some pieces of this line; the last pieces carry the rounding."""
        return self.net * pieces // self.quantity, self.tax * pieces // self.quantity


@dataclass(frozen=True)
class DiscountUse:
    """A discount on an order. kind: code (typed by the buyer), manual (typed by staff) or automatic."""

    kind: str
    name: str
    amount: int


@dataclass(frozen=True)
class Visit:
    id: int
    at: datetime
    landing_page: str | None
    referrer: str | None = None
    referral_code: str | None = None
    source: str = "direct"
    utm: tuple[tuple[str, str], ...] = ()


@dataclass
class Payment:
    """A movement of money on the order: SALE or REFUND."""

    id: int
    kind: str
    amount: int
    at: datetime
    gateway: str


@dataclass
class RefundLine:
    id: int
    line: Line
    quantity: int
    net: int
    tax: int
    restocked: bool


@dataclass
class Refund:
    """amount is what was paid back; `discrepancy` is the part of it that stands for no line or shipping."""

    id: int
    at: datetime
    lines: list[RefundLine]
    shipping: int
    amount: int
    discrepancy: int
    note: str | None
    payment: Payment | None


@dataclass
class Edit:
    """The last edit of an order: lines by id and how many pieces came or went."""

    id: int
    at: datetime
    additions: list[tuple[int, int]] = field(default_factory=list)
    removals: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Dispute:
    """A chargeback or inquiry. kind and status as GraphQL spells them."""

    id: int
    kind: str
    status: str
    at: datetime
    amount: int


@dataclass(frozen=True)
class Address:
    """A postal address; country as ISO 3166 names it."""

    id: int
    address1: str | None
    zip: str | None
    country: str | None
    city: str | None = None


@dataclass(frozen=True)
class Fulfillment:
    """A shipment. whole: with it, all that was ordered has left. cancelled: it came back before it went anywhere."""

    id: int
    at: datetime
    whole: bool = True
    cancelled: bool = False


@dataclass
class Order:
    """One order. journey_after: how often the journey is read before Shopify has it ready; None: there is none."""

    id: int
    number: int
    currency: str
    created_at: datetime
    updated_at: datetime
    lines: list[Line]
    shipping: int = 0
    shipping_tax: int = 0
    taxes_included: bool = False
    email: str | None = None
    customer: int | None = None
    discounts: list[DiscountUse] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    landing_site: str | None = None
    referring_site: str | None = None
    source_name: str = "web"
    test: bool = False
    gateway: str = "shopify_payments"
    visits: list[Visit] = field(default_factory=list)
    journey_after: int | None = 0
    journey_reads: int = 0
    presentment: str = ""
    rate: Decimal = Decimal(1)
    authorized: bool = False
    cancelled_at: datetime | None = None
    cancel_reason: str | None = None
    payments: list[Payment] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    edit: Edit | None = None
    disputes: list[Dispute] = field(default_factory=list)
    phone: str | None = None
    client_ip: str | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    fulfillments: list[Fulfillment] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"#{self.number}"

    # ── Sums ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def original(self) -> list[Line]:
        return [line for line in self.lines if not line.added_by_edit]

    @property
    def gross(self) -> int:
        return sum(line.price * line.quantity for line in self.original)

    @property
    def discount(self) -> int:
        return sum(line.discount for line in self.original)

    @property
    def subtotal(self) -> int:
        return sum(line.net for line in self.original)

    @property
    def tax(self) -> int:
        """On the goods and on the shipping."""
        return sum(line.tax for line in self.original) + self.shipping_tax

    @property
    def total(self) -> int:
        return self.subtotal + self.shipping + (0 if self.taxes_included else self.tax)

    @property
    def current_subtotal(self) -> int:
        return sum(line.share(line.current)[0] for line in self.lines)

    @property
    def current_tax(self) -> int:
        return sum(line.share(line.current)[1] for line in self.lines) + self.shipping_tax_of(self.current_shipping)

    def shipping_tax_of(self, shipping: int) -> int:
        """The tax on a part of the shipping."""
        return self.shipping_tax * shipping // self.shipping if self.shipping else 0

    @property
    def current_discount(self) -> int:
        return sum(line.discount * line.current // line.quantity for line in self.lines)

    @property
    def refunded_shipping(self) -> int:
        return sum(refund.shipping for refund in self.refunds)

    @property
    def current_shipping(self) -> int:
        return self.shipping - self.refunded_shipping

    @property
    def current_total(self) -> int:
        return self.current_subtotal + self.current_shipping + (0 if self.taxes_included else self.current_tax)

    @property
    def received(self) -> int:
        return sum(p.amount for p in self.payments if p.kind == "SALE")

    @property
    def refunded(self) -> int:
        return sum(p.amount for p in self.payments if p.kind == "REFUND")

    @property
    def discrepancy(self) -> int:
        return -sum(refund.discrepancy for refund in self.refunds)

    @property
    def due(self) -> int:
        """What the buyer still owes for everything that was ever sold to them on this order."""
        sold = sum(line.share(line.quantity - line.removed)[0] for line in self.lines)
        tax = sum(line.share(line.quantity - line.removed)[1] for line in self.lines) + self.shipping_tax
        return max(0, sold + self.shipping + (0 if self.taxes_included else tax) - self.received)

    @property
    def paid(self) -> bool:
        return self.due == 0 and not self.authorized

    @property
    def status(self) -> str:
        """Shopify's display financial status."""
        if self.refunded:
            return "REFUNDED" if self.refunded >= self.received else "PARTIALLY_REFUNDED"
        if self.cancelled_at and not self.received:
            return "VOIDED"
        if self.paid:
            return "PAID"
        if self.authorized:
            return "AUTHORIZED"
        return "PARTIALLY_PAID" if self.received else "PENDING"

    @property
    def fulfillment(self) -> str:
        """Shopify's display fulfilment status."""
        live = [one for one in self.fulfillments if not one.cancelled]
        if any(one.whole for one in live):
            return "FULFILLED"
        return "PARTIALLY_FULFILLED" if live else "UNFULFILLED"

    # ── Money as it is shown ────────────────────────────────────────────────────────────────────────────────────

    def shop_money(self, minor: int) -> Money:
        return Money(minor, self.currency)

    def presentment_money(self, minor: int) -> Money:
        """The same amount as the buyer saw it."""
        currency = self.presentment or self.currency
        if currency == self.currency:
            return Money(minor, currency)
        scale = exponent(currency) - exponent(self.currency)
        return Money(int((Decimal(minor) * self.rate).scaleb(scale).quantize(Decimal(1))), currency)
