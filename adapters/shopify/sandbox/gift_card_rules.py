"""Issuing gift cards and moving their money, with Shopify's reasons to refuse.

Nothing but the code guards against issuing one twice.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from adapters.shopify.sandbox.clock import parse_time
from adapters.shopify.sandbox.credit import CreditError, parse_gid
from adapters.shopify.sandbox.gift_card import GiftCard, Movement
from connector.domain.money import Money

if TYPE_CHECKING:
    from adapters.shopify.sandbox.state import Shop, World

SHORTEST, LONGEST = 8, 20
_UNUSABLE = {"disabled": "is deactivated", "expired": "has expired"}
_CODE = re.compile(r"[a-zA-Z0-9]*")
_ALPHABET = string.ascii_lowercase + string.digits


def issue(world: World, shop: Shop, given: Mapping[str, Any]) -> GiftCard:
    """A card from the input of giftCardCreate. Raises CreditError."""
    customer = _customer(shop, given.get("customerId"))
    initial, named = _initial(shop, given)
    if initial.minor <= 0:
        raise CreditError("GREATER_THAN", ("input", named), "must be greater than 0")
    if shop.currencies and initial.currency not in shop.currencies:
        raise CreditError("INVALID", ("input", "initialAmount", "currencyCode"), "Currency is not supported.")
    _within(shop, initial, ("input", "initialAmount"))
    now = world.clock.now()
    return GiftCard(
        id=world.next_id(),
        code=_code(shop, given.get("code")),
        initial=initial,
        created_at=now,
        updated_at=now,
        customer=customer,
        note=given.get("note"),
        # A day in the past is taken too: the card is issued, and has expired.
        expires_on=date.fromisoformat(given["expiresOn"]) if given.get("expiresOn") else None,
    )


def move(
    world: World, shop: Shop, card: GiftCard, amount: Money, side: str, given: Mapping[str, Any] | None = None
) -> Movement:
    """Credit or debit a card (`side`); amount is positive. Raises CreditError."""
    path = (f"{side}Input", f"{side}Amount", "amount")
    now = world.clock.now()
    if not card.usable(now):
        raise CreditError("INVALID", ("id",), f"The gift card {_UNUSABLE[card.status(now)]}.")
    if amount.minor <= 0:
        raise CreditError("NEGATIVE_OR_ZERO_AMOUNT", path, "A positive amount must be used.")
    if amount.currency != card.initial.currency:
        message = "The currency provided does not match the currency of the gift card."
        raise CreditError("MISMATCHING_CURRENCY", (*path[:2], "currencyCode"), message)
    signed = amount if side == "credit" else Money(-amount.minor, amount.currency)
    if side == "credit":
        _within(shop, card.balance + amount, path)
    elif card.balance < amount:
        message = "The gift card does not have sufficient funds to satisfy the request."
        raise CreditError("INSUFFICIENT_FUNDS", path, message)
    told = given or {}
    at = parse_time(told["processedAt"]) if told.get("processedAt") else now
    if at > now:
        message = "The processed date must not be in the future."
        raise CreditError("INVALID", (path[0], "processedAt"), message)
    movement = Movement(world.next_id(), signed, at, told.get("note"))
    card.movements.append(movement)
    card.updated_at = now
    return movement


def _initial(shop: Shop, given: Mapping[str, Any]) -> tuple[Money, str]:
    """What the card holds at first, and the field that says so."""
    amount = given.get("initialAmount")
    if amount:
        return Money.parse(str(amount["amount"]), amount["currencyCode"]), "initialAmount"
    if given.get("initialValue") is None:
        raise CreditError("MISSING_ARGUMENT", ("input", "initialAmount"), "initialAmount is required.")
    return Money.parse(str(given["initialValue"]), shop.currency), "initialValue"


def _within(shop: Shop, amount: Money, path: tuple[str, ...]) -> None:
    if shop.limit(amount.currency) < amount:
        raise CreditError("GIFT_CARD_LIMIT_EXCEEDED", path, "The gift card's value exceeds the allowed limits.")


def _code(shop: Shop, given: str | None) -> str:
    if given is None:
        return "".join(secrets.choice(_ALPHABET) for _ in range(16))
    place = ("input", "code")
    if len(given) < SHORTEST:
        raise CreditError("TOO_SHORT", place, f"Code must be at least {SHORTEST} characters long")
    if len(given) > LONGEST:
        raise CreditError("TOO_LONG", place, f"Code must be at most {LONGEST} characters long")
    if not _CODE.fullmatch(given):
        raise CreditError("INVALID", place, "Code can only contain letters(a-z) and numbers(0-9)")
    if any(card.code == given.lower() for card in shop.gift_cards.values()):
        raise CreditError("TAKEN" if shop.taken_told else None, place, "Code has already been taken")
    return given.lower()


def _customer(shop: Shop, text: str | None) -> int | None:
    if text is None:
        return None
    kind, number = parse_gid(text) or ("", 0)
    if kind != "Customer" or number not in shop.customers:
        raise CreditError("CUSTOMER_NOT_FOUND", ("input", "customerId"), "The customer could not be found.")
    return number
