"""Evidence of a referral, as webhooks and GraphQL show it. Never raises, whatever text a stranger put there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from adapters.links import host_of, link_touch, utm_touch
from adapters.plain import Json, first_time, rows, text_of, time_of
from connector.domain.touch import Source, Touch

#: Names under which shops keep a referral code in the cart. Buyers can edit the cart, so these rank low.
CART_NAMES = frozenset({"ref", "_ref", "referral", "referral_code"})
#: Where our own storefront script keeps what we signed. The journey opens it: here nobody knows the key.
SIGNED_NAME = "_referral"

_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def evidence(order: Json) -> list[Touch]:
    """All that may name a referral on an order's webhook body, strongest first.

    A title that staff type on a draft order also stands in discount_codes, so a code counts only where
    discount_applications says that it was entered as one.
    """
    at = first_time(order, ("processed_at", "created_at")) or _UNKNOWN_TIME
    entered = [a for a in rows(order.get("discount_applications")) if a.get("type") == "discount_code"]
    noted = [cart_touch(a.get("name"), a.get("value"), at) for a in rows(order.get("note_attributes"))]
    found = [code_touch(a.get("code"), at) for a in entered]
    found += [touch for touch in noted if touch and touch.source is Source.CART_ATTRIBUTE]
    found.append(link_touch(order.get("landing_site"), Source.LANDING_SITE, at))
    found += [touch for touch in noted if touch and touch.source is Source.CART_HINT]
    sender = host_of(order.get("referring_site"))
    return [replace(touch, referrer=sender) for touch in found if touch]


def code_touch(code: object, at: datetime) -> Touch | None:
    """A discount code that the shop itself accepted."""
    text = text_of(code)
    return Touch(Source.REDEEM_CODE, text, at, evidence="a discount code used at checkout") if text else None


def cart_touch(name: object, value: object, at: datetime) -> Touch | None:
    """A note in the cart: one that we signed, still closed, or one under a referral's name.

    The latter is unsigned, but no easier to invent than a link is to click.
    """
    label = text_of(name).casefold()
    if label == SIGNED_NAME:
        token = text_of(value)
        words = "a signed note in the cart"
        return Touch(Source.CART_ATTRIBUTE, token, at, confirmed=False, evidence=words) if token else None
    text = text_of(value)
    if not text or label not in CART_NAMES:
        return None
    return Touch(Source.CART_HINT, text, at, evidence="an unsigned note in the cart")


def visit_touches(journey: Json | None) -> list[Touch]:
    """The codes in the links of an order's last and first visit, as GraphQL's customerJourneySummary shows them."""
    found = []
    for source, name in ((Source.LAST_VISIT, "lastVisit"), (Source.FIRST_VISIT, "firstVisit")):
        visit = (journey or {}).get(name)
        if visit:
            at = time_of(visit["occurredAt"]) or _UNKNOWN_TIME
            link = link_touch(visit["landingPage"], source, at)
            seen = link or utm_touch(visit["utmParameters"] or {}, source, at)
            found += [replace(seen, referrer=host_of(visit.get("referrerUrl")))] if seen else []
    return found
