"""Control requests about what pays referrals: discounts, gift cards, bulk operations."""

from __future__ import annotations

from adapters.shopify.sandbox import gift_card_rules
from adapters.shopify.sandbox.credit import CreditError
from adapters.shopify.sandbox.desk import Desk, Json, MissingError, Route
from adapters.shopify.sandbox.discount import Discount
from adapters.shopify.sandbox.discounts import plain_terms
from adapters.shopify.sandbox.state import gid
from connector.domain.money import Money

_ERRORS = frozenset({"ACCESS_DENIED", "INTERNAL_SERVER_ERROR", "TIMEOUT"})


class RewardDesk(Desk):
    """Discounts, gift cards and bulk operations."""

    def routes(self) -> list[Route]:
        return [
            ("POST", r"discounts", self.add_discount),
            ("POST", r"gift_cards/(\d+)/spend", self.spend),
            ("POST", r"bulk", self.bulk),
        ]

    def add_discount(self, data: Json) -> Json:
        with self.world.lock:
            shop, now = self.shop(data["shop"]), self.world.clock.now()
            terms = plain_terms(data["title"], now, **(data.get("terms") or {}))
            discount = Discount(self.world.next_id(), "DiscountCodeBasic", terms, now, now)
            discount.codes = {code: self.world.next_id() for code in data.get("codes") or []}
            shop.discounts[discount.id] = discount
            return {"id": discount.id, "gid": gid("DiscountCodeNode", discount.id)}

    def spend(self, data: Json, number: str) -> Json:
        """A buyer pays with a card."""
        with self.world.lock:
            shop = next((s for s in self.world.shops.values() if int(number) in s.gift_cards), None)
            if shop is None:
                raise MissingError(f"there is no gift card {number}")
            card = shop.gift_cards[int(number)]
            amount = Money.parse(str(data["amount"]), card.initial.currency)
            try:
                movement = gift_card_rules.move(self.world, shop, card, amount, "debit")
            except CreditError as refusal:
                raise ValueError(f"the gift card cannot be spent: {refusal.message}") from refusal
            self.book.money(
                "gift_card_spent",
                id=gid(movement.kind, movement.id),
                shop=shop.domain,
                request="",
                at=movement.at,
                account=gid("GiftCard", card.id),
                customer=gid("Customer", card.customer) if card.customer else "",
                money=amount,
            )
            return {"balance": card.balance.decimal()}

    def bulk(self, data: Json) -> Json:
        """How the next bulk operations go: of one shop, or of all."""
        if (error := data.get("error")) and error not in _ERRORS:
            raise ValueError(f"error is one of {sorted(_ERRORS)}, not {error!r}")
        with self.world.lock:
            shops = [self.shop(data["shop"])] if data.get("shop") else list(self.world.shops.values())
            for shop in shops:
                shop.exports.looks = int(data.get("looks", shop.exports.looks))
                shop.exports.error = error
            return {"shops": [shop.domain for shop in shops]}
