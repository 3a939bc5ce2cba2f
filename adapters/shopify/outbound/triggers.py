"""Triggers: what starts a workflow of Shopify Flow, and what the workflow is given.

Each kind of news has one, a file of the app (app/extensions/referral-flow-trigger-*), and all have the same fields. What a
trigger does not declare is refused, and shopify.dev does not say what may be left out, so all of it is always sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.shopify.outbound.values import Json
from connector.domain.news import NewsKind
from connector.ports.news import News

#: What a payload may hold, in bytes (shopify.dev, Flow trigger reference, read 2026-11-22).
LARGEST = 50_000
TEXT, NUMBER, CUSTOMER = "single_line_text_field", "number_decimal", "customer_reference"
#: How a payload calls the customer, who is a reference and has no key.
CUSTOMER_KEY = "customer_id"


@dataclass(frozen=True)
class Field:
    """One field of every trigger. key: its name in Flow and in a payload, of letters and blanks alone."""

    key: str
    about: str
    type: str = TEXT


ID = Field("News ID", "Names this piece of news, and no other one")
ROLE = Field("Role", "As whom the customer hears it: advocate or friend")
AMOUNT = Field("Reward amount", "What the reward is worth; 0 where it is not about money", NUMBER)
CURRENCY = Field("Reward currency", "The currency of the amount, such as EUR")
#: By what the journey calls each text.
TEXTS: Mapping[str, Field] = {
    "program": Field("Program", "The name of the referral program"),
    "code": Field("Advocate code", "The advocate's code: their own, or the one that the friend used"),
    "link": Field("Link", "The advocate's own link"),
    "referral_id": Field("Referral ID", "The referral's id; the action Issue referral credit takes it"),
    "reward_id": Field("Reward ID", "The reward's id"),
    "reward_kind": Field("Reward kind", "What the reward is paid with: balance, gift_card or code"),
    "reward_code": Field("Reward code", "The gift card's or discount's code: a secret, for this customer alone"),
    "item": Field("Item", "The thing that the reward is, where it is not about money"),
    "reason": Field("Reason", "Why, in words that the customer may read"),
    "join": Field("Join link", "Where somebody who was invited takes part"),
    "share_text": Field("Share text", "What the customer may send to friends, with what they have of it themselves"),
}
FIELDS = (ID, ROLE, *TEXTS.values(), AMOUNT, CURRENCY)


def title(kind: NewsKind) -> str:
    """What a merchant picks in Flow, such as "Referral reward issued"."""
    words = str(kind)
    return words.capitalize() if words.startswith("referral") else f"Referral {words}"


def handle(kind: NewsKind) -> str:
    """What Shopify calls the trigger, of at most 30 letters. It cannot be changed once it was deployed."""
    return title(kind).lower().replace(" ", "-")


def payload(news: News, customer: str) -> Json:
    """All fields; a text that there is none of is empty. What was taken back is positive too: its trigger says so."""
    amount = news.amount
    return {
        CUSTOMER_KEY: int(customer.rpartition("/")[2]),
        ID.key: str(news.id),
        ROLE.key: news.role,
        **{field.key: " ".join(news.values.get(name, "").split()) for name, field in TEXTS.items()},
        AMOUNT.key: abs(float(amount.decimal())) if amount is not None else 0,
        CURRENCY.key: amount.currency if amount is not None else "",
    }


def too_large(given: Json) -> bool:
    return len(json.dumps(given).encode()) >= LARGEST
