"""What a stored delivery of Shopify's says. No network, no SDK."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from adapters.plain import Json, first_time, load, part, rows, text_of
from adapters.shopify.inbound.named import named_in
from adapters.shopify.inbound.plain import gid, with_reads
from adapters.shopify.inbound.touches import evidence
from connector.domain.facts import (
    AccountErased,
    ConnectionRemoved,
    DataRequested,
    ObjectRef,
    PeopleMerged,
    PersonErased,
    PersonGone,
    RewardReleased,
    ScopesChanged,
    SettingsChanged,
)
from connector.domain.touch import Source, Touch
from connector.ports.inbound import Reading, Sighting
from connector.ports.platform import Seen

#: Every word that `read` may answer with, and what it means.
OUTCOMES = {
    "evidence": "an order that carries something that may be a code",
    "no_evidence": "an order that carries nothing of the kind; its visits may still tell when it is read",
    "test_order": "an order made with a test payment, which never pays",
    "order_changed": "an order whose present state must be read again",
    "people_joined": "two customers whom the shop made one",
    "person_gone": "a customer whose record the shop deleted",
    "person_erased": "a person who must be forgotten",
    "data_requested": "a person who asks what is kept of them",
    "reward_released": "a reward that the shop's own workflow releases before its hold is over",
    "connection_removed": "the app was removed from the shop",
    "account_erased": "a shop that must be forgotten with everybody in it",
    "scopes_changed": "permissions that the shop gave or took",
    "settings_changed": "settings of the shop that must be read again",
    "not_used": "nothing that decides about a referral",
}

#: Bodies that are a whole order.
ORDERS = frozenset(
    f"orders/{what}" for what in ("create", "paid", "updated", "cancelled", "fulfilled", "partially_fulfilled")
)
#: Bodies that name an order without showing it, or show a part of it.
CHANGES = frozenset(
    {
        *("orders/edited", "orders/delete", "refunds/create", "order_transactions/create"),
        *("disputes/create", "disputes/update"),
        *(f"returns/{what}" for what in ("request", "approve", "decline", "process", "update", "close")),
        *("returns/cancel", "returns/reopen"),
    }
)
PEOPLE = frozenset({"customers/merge", "customers/delete"})
PRIVACY = frozenset({"customers/redact", "customers/data_request", "shop/redact"})
#: What closes or erases: a body signed for one shop must do nothing under another one's name.
NAMING = PRIVACY | {"app/uninstalled"}
TOPICS = ORDERS | CHANGES | PEOPLE | NAMING | {"app/scopes_update", "shop/update"}
#: Steps of ours in the shop's own workflows; their runs come in by a door of their own.
ACTIONS = frozenset({"flow/issue_referral_credit"})

_FLOW = "the shop's own Flow"


def read(topic: str, body: bytes, at: datetime) -> Reading:
    """What a stored delivery says; `outcome` is a word of OUTCOMES. Raises ValueError for a body that is not readable.

    at: when Shopify says it happened, for the topics whose bodies tell no time.
    """
    if topic not in TOPICS | ACTIONS:
        return Reading("not_used", f"{topic} tells nothing that decides about a referral.")
    data = load(body)
    if topic in ORDERS:
        reading = _order(data, at)
    elif topic in CHANGES:
        reading = _change(topic, data, at)
    else:
        reading = _READERS[topic](data, at)
    # What is about the shop names its owner, who is no customer.
    return reading if topic.startswith(("app/", "shop/")) else replace(reading, people=reading.people + named_in(data))


def purchase(number: str) -> ObjectRef:
    """The order that people mean: by the number at the end of its address in the shop's admin."""
    return ObjectRef("order", gid("Order", number))


# ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _order(order: Json, at: datetime) -> Reading:
    found = evidence(order)
    landing = tuple(touch for touch in found if touch.source is Source.LANDING_SITE)
    hints = tuple(dict.fromkeys(touch.code for touch in found))
    ref = ObjectRef("order", gid("Order", order.get("admin_graphql_api_id") or order.get("id")))
    token = text_of(order.get("checkout_token"))
    also = ObjectRef("checkout", token) if token else None
    as_of = first_time(order, ("updated_at", "created_at")) or at
    outcome, reason = _judge(order, found)
    return Reading(outcome, reason, (Sighting(ref, as_of, hints, landing, also),))


def _judge(order: Json, found: Sequence[Touch]) -> tuple[str, str]:
    if order.get("test") is True:
        return "test_order", "A test payment never pays a referral."
    if found:
        return "evidence", f"May name a referral by {found[0].evidence}."
    if rows(order.get("discount_codes")):
        return "no_evidence", "Its discount codes are titles typed by staff, which prove nothing."
    return "no_evidence", "No discount code, link or cart note on it may name a referral."


def _change(topic: str, data: Json, at: datetime) -> Reading:
    """Edits, refunds and payments say too little, and may overtake the order itself: the order is read again."""
    told = part(data.get("order_edit")) if topic == "orders/edited" else data
    number = told.get("id") if topic == "orders/delete" else told.get("order_id") or part(told.get("order")).get("id")
    if number is None and topic.startswith("disputes/"):
        return Reading("not_used", "A dispute that is about no order.")
    as_of = first_time(told, ("committed_at", "updated_at", "processed_at", "created_at")) or at
    reason = f"{topic} shows only a part of the order, so the whole order is read again."
    return Reading("order_changed", reason, (Sighting(ObjectRef("order", gid("Order", number)), as_of),))


def _released(data: Json, at: datetime) -> Reading:
    """A run of our step: it names the order, or the referral where the workflow has no order. The referral wins."""
    told = part(data.get("properties"))
    referral = text_of(told.get("referral-id")) or text_of(told.get("referral_id"))
    order = told.get("order_id") or told.get("order_reference") or told.get("order")
    order = order if not isinstance(order, dict) else order.get("admin_graphql_api_id") or order.get("id")
    ref = ObjectRef("referral", referral) if referral else ObjectRef("order", gid("Order", order))
    return Reading(
        "reward_released",
        "The shop's own Flow releases the reward before its hold is over.",
        facts=(RewardReleased(ref, at, at, _FLOW),),
    )


# ── People ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _merged(data: Json, at: datetime) -> Reading:
    status = text_of(data.get("status")).casefold()
    if status not in {"completed", "complete", "success", "succeeded"}:
        return Reading("not_used", f"The shop did not join the two customers: {status or 'no status'}.")
    kept, other = (_customer(data.get(f"admin_graphql_api_customer_{which}_id")) for which in ("kept", "deleted"))
    return Reading("people_joined", "The shop made one customer of two.", facts=(PeopleMerged(kept, at, at, other),))


def _gone(data: Json, at: datetime) -> Reading:
    ref = _customer(data.get("admin_graphql_api_id") or data.get("id"))
    return Reading("person_gone", "The shop deleted this customer's record.", facts=(PersonGone(ref, at, at),))


def _redact(data: Json, at: datetime) -> Reading:
    """Everybody it names is to be forgotten, and the orders it lists are to name nobody any more."""
    listed = data.get("orders_to_redact")
    orders = tuple(Seen("order", gid("Order", number)) for number in (listed if isinstance(listed, list) else ()))
    number = part(data.get("customer")).get("id")
    ref = _customer(number) if number is not None else ObjectRef("customer", "")
    if not (orders or named_in(data)):
        return Reading("person_erased", "It names nobody, so there is nobody to forget.")
    fact = PersonErased(ref, at, at)
    return Reading("person_erased", "The shop asks to forget this customer.", facts=(fact,), people=orders)


def _asked(data: Json, at: datetime) -> Reading:
    number, request = part(data.get("customer")).get("id"), text_of(part(data.get("data_request")).get("id"))
    ref = _customer(number) if number is not None else ObjectRef("customer", "")
    # Without a number of its own, the same words are the same request.
    request = request or hashlib.sha256(repr(sorted(named_in(data), key=str)).encode()).hexdigest()[:16]
    reason = "A customer asks what is kept of them: `connector data-requests` says until when to answer."
    return Reading("data_requested", reason, facts=(DataRequested(ref, at, at, request),))


def _customer(number: object) -> ObjectRef:
    return ObjectRef("customer", gid("Customer", number))


# ── The shop ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _uninstalled(data: Json, at: datetime) -> Reading:
    if not any(text_of(data.get(name)) for name in ("shop_domain", "myshopify_domain", "domain")):
        return Reading("not_used", "A test notification: it names no shop, so nothing is removed.")
    return Reading("connection_removed", "The app was uninstalled.", facts=(ConnectionRemoved(_shop(data), at, at),))


def _shop_redact(data: Json, at: datetime) -> Reading:
    if "customer" in data:
        raise ValueError("the body is about one customer, and would erase the whole shop")
    if not text_of(data.get("shop_domain")):
        return Reading("not_used", "A test notification: it names no shop, so nothing is erased.")
    words = "The shop removed the app for good; whatever is personal goes."
    return Reading("account_erased", words, facts=(AccountErased(_shop(data), at, at),))


def _rescoped(data: Json, at: datetime) -> Reading:
    current = data.get("current")
    if not isinstance(current, list):
        raise ValueError("the body does not say which permissions stand")  # noqa: TRY004 - a body that cannot be read
    at = first_time(data, ("updated_at",)) or at
    scopes = with_reads(text_of(scope) for scope in current)
    ref = ObjectRef("shop", gid("Shop", data.get("shop_id")))
    return Reading("scopes_changed", "The shop changed our permissions.", facts=(ScopesChanged(ref, at, at, scopes),))


def _settings(data: Json, at: datetime) -> Reading:
    return Reading("settings_changed", "The shop's settings changed.", facts=(SettingsChanged(_shop(data), at, at),))


def _shop(data: Json) -> ObjectRef:
    return ObjectRef("shop", gid("Shop", data.get("shop_id") or data.get("id")))


_READERS: Mapping[str, Callable[[Json, datetime], Reading]] = {
    "customers/merge": _merged,
    "customers/delete": _gone,
    "customers/redact": _redact,
    "customers/data_request": _asked,
    "app/uninstalled": _uninstalled,
    "shop/redact": _shop_redact,
    "app/scopes_update": _rescoped,
    "shop/update": _settings,
    "flow/issue_referral_credit": _released,
}
