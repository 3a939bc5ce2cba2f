"""The root fields of gift cards, and how a card looks in GraphQL. Its code is told once, when it is created."""

from __future__ import annotations

import re
from typing import Any

from adapters.shopify.sandbox import gift_card_rules
from adapters.shopify.sandbox.clock import graphql_time
from adapters.shopify.sandbox.credit import CreditError, parse_gid
from adapters.shopify.sandbox.gift_card import GiftCard, Movement
from adapters.shopify.sandbox.paging import connection
from adapters.shopify.sandbox.part import Part, Stores, View, user_error
from adapters.shopify.sandbox.scopes import require
from adapters.shopify.sandbox.search import matcher
from adapters.shopify.sandbox.state import gid
from adapters.shopify.sandbox.views import customer_view, money
from connector.domain.money import Money

_NOT_FOUND = "The gift card could not be found."


class GiftCards(Part):
    """Gift cards of one shop."""

    def stores(self) -> Stores:
        moved = {m.id: (card, m) for card in self.shop.gift_cards.values() for m in card.movements}
        raised = {number: pair for number, pair in moved.items() if pair[1].amount.minor > 0}
        lowered = {number: pair for number, pair in moved.items() if pair[1].amount.minor < 0}
        return {
            "GiftCard": (self.shop.gift_cards, self._view),
            "GiftCardCreditTransaction": (raised, lambda pair: self._movement(*pair)),
            "GiftCardDebitTransaction": (lowered, lambda pair: self._movement(*pair)),
        }

    # ── Queries ─────────────────────────────────────────────────────────────────────────────────────────────────

    def query_giftCard(self, _: Any, id: str) -> View | None:  # noqa: A002, N802 - the schema's name
        found = self._find(id)
        return self._view(found) if found else None

    def query_giftCards(self, _: Any, **args: Any) -> View:  # noqa: N802
        now = self.world.clock.now()
        fields = {
            "id": lambda c: c.id,
            "last_characters": lambda c: c.last,
            "customer_id": lambda c: c.customer,
            "status": lambda c: c.status(now),
            "created_at": lambda c: c.created_at,
        }
        text = args.get("query") or ""
        keep = matcher(text, fields)
        rows = [c for c in self.shop.gift_cards.values() if keep(c)]
        if re.fullmatch(r"\w+", text):  # a word alone looks for the code
            rows = [c for c in rows if text.lower() == c.code]
        return connection(rows, args, key=lambda c: c.id, view=self._view)

    def _find(self, text: str) -> GiftCard | None:
        kind, number = parse_gid(text) or ("", 0)
        return self.shop.gift_cards.get(number) if kind == "GiftCard" else None

    # ── Changes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def change_giftCardCreate(self, _: Any, input: View) -> View:  # noqa: A002, N802
        if input.get("customerId"):
            require(self.shop.scopes, "giftCardCreate", "write_customers")
        try:
            card = gift_card_rules.issue(self.world, self.shop, input)
        except CreditError as refusal:
            return {"giftCard": None, "giftCardCode": None, "userErrors": [_refusal(refusal)]}
        self.shop.gift_cards[card.id] = card
        given = input.get("initialAmount") or {"amount": input.get("initialValue"), "currencyCode": self.shop.currency}
        amount = Money.parse(str(given["amount"]), given["currencyCode"])
        self._book("gift_card_issue", card, gid("GiftCard", card.id), amount, note=input.get("note"))
        return {"giftCard": self._view(card), "giftCardCode": card.code, "userErrors": []}

    def change_giftCardCredit(self, _: Any, id: str, creditInput: View) -> View:  # noqa: A002, N802, N803
        return self._move("credit", id, creditInput)

    def change_giftCardDebit(self, _: Any, id: str, debitInput: View) -> View:  # noqa: A002, N802, N803
        return self._move("debit", id, debitInput)

    def _move(self, side: str, text: str, given: View) -> View:
        answer = f"giftCard{side.title()}Transaction"
        amount = Money.parse(str(given[f"{side}Amount"]["amount"]), given[f"{side}Amount"]["currencyCode"])
        card = self._find(text)
        if card is None:
            return {answer: None, "userErrors": [user_error("GIFT_CARD_NOT_FOUND", ["id"], _NOT_FOUND)]}
        try:
            movement = gift_card_rules.move(self.world, self.shop, card, amount, side, given)
        except CreditError as refusal:
            return {answer: None, "userErrors": [_refusal(refusal)]}
        self._book(f"gift_card_{side}", card, gid(movement.kind, movement.id), amount, note=given.get("note"))
        return {answer: self._movement(card, movement), "userErrors": []}

    def change_giftCardDeactivate(self, _: Any, id: str) -> View:  # noqa: A002, N802
        """For good. Asked again, the card is answered again."""
        card = self._find(id)
        if card is None:
            return {"giftCard": None, "userErrors": [user_error("GIFT_CARD_NOT_FOUND", ["id"], _NOT_FOUND)]}
        if card.deactivated_at is None:
            card.deactivated_at = card.updated_at = self.world.clock.now()
            self.note(
                "gift_card_deactivate",
                id=gid("GiftCard", card.id),
                owner=gid("Customer", card.customer) if card.customer else "",
                key="balance",
                value=str(card.balance),
            )
        return {"giftCard": self._view(card), "userErrors": []}

    def _book(self, kind: str, card: GiftCard, number: str, amount: Money, *, note: str | None) -> None:
        self.book.money(
            kind,
            id=number,
            shop=self.shop.domain,
            request=self.request,
            at=self.world.clock.now(),
            account=gid("GiftCard", card.id),
            customer=gid("Customer", card.customer) if card.customer else "",
            money=amount,
            note=note or "",
        )

    # ── Views ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _view(self, card: GiftCard) -> View:
        def transactions(_: Any, **args: Any) -> View:
            require(self.shop.scopes, "transactions", "read_gift_card_transactions")
            return connection(card.movements, args, key=lambda m: m.id, view=lambda m: self._movement(card, m))

        def customer(_: Any) -> View | None:
            found = self.shop.customers.get(card.customer) if card.customer else None
            return customer_view(self.world, self.shop, found) if found else None

        return {
            "__typename": "GiftCard",
            "id": gid("GiftCard", card.id),
            "balance": money(card.balance),
            "initialValue": money(card.initial),
            "createdAt": graphql_time(card.created_at),
            "updatedAt": graphql_time(card.updated_at),
            "deactivatedAt": graphql_time(card.deactivated_at) if card.deactivated_at else None,
            "enabled": card.deactivated_at is None,
            "isRedeemable": card.usable(self.world.clock.now()),
            "expiresOn": card.expires_on.isoformat() if card.expires_on else None,
            "lastCharacters": card.last,
            "maskedCode": f"•••• •••• •••• {card.last}",
            "note": card.note,
            "customer": customer,
            "transactions": transactions,
        }

    def _movement(self, card: GiftCard, movement: Movement) -> View:
        """What was taken is shown below zero, as in the example on giftCardDebit's page."""
        return {
            "__typename": movement.kind,
            "id": gid(movement.kind, movement.id),
            "amount": money(movement.amount),
            "giftCard": lambda _: self._view(card),
            "note": movement.note,
            "processedAt": graphql_time(movement.at),
        }


def _refusal(refusal: CreditError) -> View:
    return user_error(refusal.code, refusal.field, refusal.message)
