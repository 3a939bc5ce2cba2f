"""Gift cards: the code is ours to choose, so a card that exists already under it is the very one we made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from adapters.shopify import MANIFEST
from adapters.shopify.api import Client
from adapters.shopify.outbound.values import Json, money, sent, time
from connector.domain.money import Money
from connector.errors import Refused, Unknown
from connector.ports.platform import (
    Absent,
    Account,
    Direction,
    Done,
    Effect,
    Finding,
    Guard,
    Holding,
    Remains,
    Undecidable,
)


@dataclass(frozen=True)
class GiftCards:
    """A card for each reward, made out to the customer where there is one."""

    client: Client

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        if effect.direction is Direction.DEBIT:
            return self._take(account, effect, guard)
        given = {"code": effect.code, "initialAmount": sent(effect.amount), "note": effect.marker}
        if not effect.guest:
            given["customerId"] = effect.owner
        if effect.expires_at:
            # A card ends with a day; the next one is never earlier than what was promised.
            given["expiresOn"] = (effect.expires_at + timedelta(days=1)).date().isoformat()
        try:
            card = self.client.run(account, "gift_card_create", {"input": given}, effect=guard)["giftCard"]
        except Refused as error:
            # A code that is taken was answered without its error code, in words alone (recorded 2026-05).
            if error.code != "TAKEN" and "taken" not in error.reason:
                raise
            found = self._ours(account, effect)
            if found is None:  # the search runs behind; it certainly exists, so it must not be paid in another way
                raise Unknown("the gift card exists and cannot be found yet", platform=MANIFEST.key) from error
            return found
        return Done(card["id"], card["id"], time(card["createdAt"]))

    def _take(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """What leaves nothing on the card switches it off, for good; a part of it is a debit that bears our note."""
        if effect.leaves is not None and not effect.leaves:
            card = self.client.run(account, "gift_card_deactivate", {"id": effect.holder}, effect=guard)["giftCard"]
            return _switched_off(card, effect)
        asked = {"id": effect.holder, "debitInput": {"debitAmount": sent(effect.amount), "note": effect.marker}}
        moved = self.client.run(account, "gift_card_debit", asked, effect=guard)["giftCardDebitTransaction"]
        return Done(moved["id"], effect.holder, time(moved["processedAt"]))

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        if effect.direction is Direction.CREDIT:
            return self._ours(account, effect) or Absent()
        card = self._card(account, effect.holder)
        if card is None:
            return Undecidable("Shopify has no such gift card any more: look in its timeline what became of it")
        noted = [row for row in card["transactions"]["nodes"] if _is_ours(row, effect) and not claimed(row["id"])]
        if len(noted) > 1:
            return Undecidable(f"{len(noted)} movements of this card bear our note")
        if noted:
            return Done(noted[0]["id"], effect.holder, time(noted[0]["processedAt"]))
        return _switched_off(card, effect) if card["deactivatedAt"] else Absent()

    def balance(self, account: Account, holder: str, currency: str) -> Money:
        """What is left on the card; nothing on one that can no longer be used."""
        card = self._card(account, holder)
        if card is None:
            raise Refused("the gift card is gone", code="GIFT_CARD_NOT_FOUND")
        return money(card["balance"]) if card["enabled"] else Money.zero(currency)

    def remains(self, account: Account, holdings: Sequence[Holding]) -> list[Remains]:
        nodes, at = self.client.dated(account, "gift_cards_left", {"ids": [holding.holder for holding in holdings]})
        known = {node["id"]: node for node in nodes if node}
        return [_remains(holding, known.get(holding.holder), at.date().isoformat()) for holding in holdings]

    def _card(self, account: Account, holder: str) -> Json | None:
        found: Json | None = self.client.run(account, "gift_card", {"id": holder})
        return found

    def _ours(self, account: Account, effect: Effect) -> Done | None:
        """The card under our code, which nobody else can have chosen. The search shows the end of a code alone."""
        found = self.client.run(account, "gift_card_by_code", {"query": effect.code})["nodes"]
        ours = [card for card in found if effect.code.lower().endswith(card["lastCharacters"].lower())]
        return Done(ours[0]["id"], ours[0]["id"], time(ours[0]["createdAt"])) if ours else None


def _is_ours(row: Json, effect: Effect) -> bool:
    moved = money(row["amount"])
    return bool(row["note"] == effect.marker) and abs(moved.minor) == effect.amount.minor


def _switched_off(card: Json, effect: Effect) -> Done:
    """A card that was switched off, and what was still on it. Purchases up to that moment stand in its movements."""
    amount = money(card["initialValue"])
    for row in card["transactions"]["nodes"]:
        moved = money(row["amount"])
        moved = Money(abs(moved.minor), moved.currency)
        amount = amount - moved if row["__typename"] == "GiftCardDebitTransaction" else amount + moved
    transaction = f"{card['id']} deactivated"  # Shopify gives this no id of its own, and it happens once
    return Done(transaction, card["id"], time(card["deactivatedAt"]), amount.at_least_zero().at_most(effect.amount))


def _remains(holding: Holding, node: Json | None, today: str) -> Remains:
    if node is None:
        return Remains(holding, None)
    ended = node["expiresOn"] is not None and node["expiresOn"] < today
    return Remains(holding, money(node["balance"]), ended, node["deactivatedAt"] is not None)
