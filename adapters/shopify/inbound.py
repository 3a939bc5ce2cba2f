"""What Shopify sends us: verified by its signature, then read for what it says. No network, no SDK.

Only the body is signed. Topic, shop and ids stand in unsigned headers, so the topic must be one we know, the shop must
be a shop's name, and for the privacy topics the body must name the same shop as the header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from adapters.shopify import MANIFEST
from connector.domain.facts import ConnectionRemoved, ObjectRef, PersonErased
from connector.domain.touch import Source, Touch
from connector.errors import Rejected
from connector.ports.platform import Inbox, Item, Reading, Sighting

Json = Mapping[str, Any]

#: Far above any order seen; a larger body is no webhook of Shopify's.
MAX_BODY = 2 * 1024 * 1024
#: A code is never longer (discount codes: 255 characters, REST DiscountCode, 2026-01). A longer text is none.
MAX_TEXT = 255
MAX_LINK = 8192
MAX_PARAMETERS = 200
MAX_DIGITS = 20
#: Names under which shops keep a referral code in the cart. Buyers can edit the cart, so these rank low.
CART_NAMES = frozenset({"ref", "_ref", "referral", "referral_code"})

#: Every word that `read` may answer with, and what it means.
OUTCOMES = {
    "evidence": "an order that carries something that may be a code",
    "no_evidence": "an order that carries nothing of the kind; its visits may still tell when it is read",
    "test_order": "an order made with a test payment, which never pays",
    "order_changed": "an order whose present state must be read again",
    "person_erased": "a person who must be forgotten",
    "data_requested": "a person who asks what is kept of them",
    "connection_removed": "the app was removed from the shop",
    "not_used": "nothing that decides about a referral",
}

ORDERS = frozenset({"orders/create", "orders/paid", "orders/updated", "orders/cancelled"})
#: Bodies that name an order without showing it, or show a part: where the order's id and the time stand.
CHANGES = frozenset({"orders/edited", "orders/delete", "refunds/create", "order_transactions/create"})
PRIVACY = frozenset({"customers/redact", "customers/data_request", "shop/redact"})
#: What closes or erases: a body signed for one shop must do nothing under another one's name.
NAMING = PRIVACY | {"app/uninstalled"}
SHOP_NAMES = ("shop_domain", "myshopify_domain", "domain")
TOPICS = ORDERS | CHANGES | NAMING

_SHOP = re.compile(MANIFEST.account_hosts)
_ID = re.compile(r"[0-9]{1,20}")
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


# ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────────────


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    """The one delivery of this request. Raises Rejected for what Shopify did not sign with one of `secrets`."""
    if len(inbox.body) > MAX_BODY:
        raise Rejected("the body is larger than any webhook of Shopify's", 413)
    if not _signed(inbox, secrets):
        raise Rejected("the signature is missing or is not Shopify's; check SHOPIFY_API_SECRET")
    account, topic = _header(inbox, "shop-domain").lower(), _text(_header(inbox, "topic")).lower()
    if not _SHOP.fullmatch(account):
        raise Rejected("the signed delivery names no shop in X-Shopify-Shop-Domain")
    if topic in NAMING and not _is_about(account, inbox.body):
        raise Rejected("the signed body is about another shop than the header names")
    key = (
        _text(_header(inbox, "event-id"))
        or _text(_header(inbox, "webhook-id"))
        or hashlib.sha256(inbox.body).hexdigest()
    )
    triggered_at = _time(_header(inbox, "triggered-at"))
    return [Item(account, topic, key, inbox.body, triggered_at, known=topic in TOPICS)]


def _header(inbox: Inbox, name: str) -> str:
    """A header of either family: webhooks say X-Shopify-Topic, Shopify's newer events say Shopify-Topic."""
    return inbox.headers.get(f"x-shopify-{name}") or inbox.headers.get(f"shopify-{name}") or ""


def _signed(inbox: Inbox, secrets: Sequence[str]) -> bool:
    # Bytes, because compare_digest refuses text that is not ASCII, and a stranger chooses this text.
    given = _header(inbox, "hmac-sha256").encode("utf-8", "replace")
    return any(
        hmac.compare_digest(base64.b64encode(hmac.new(secret.encode(), inbox.body, hashlib.sha256).digest()), given)
        for secret in secrets
        if secret
    )


def _is_about(account: str, body: bytes) -> bool:
    """Whether the signed body names the shop of the unsigned header. Test notifications have the name left blank."""
    try:
        data = _load(body)
    except ValueError:
        return False
    told = [_text(data[name]).lower() for name in SHOP_NAMES if name in data]
    return bool(told) and (account in told or not any(told))


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def read(topic: str, body: bytes, at: datetime) -> Reading:
    """What a stored delivery says; `outcome` is a word of OUTCOMES. Raises ValueError for a body that is not readable.

    at: when Shopify says it happened, for the topics whose bodies tell no time.
    """
    if topic not in TOPICS:
        return Reading("not_used", f"{topic} tells nothing that decides about a referral.")
    data = _load(body)
    if topic in ORDERS:
        return _order(data, at)
    if topic in CHANGES:
        return _change(topic, data, at)
    if topic == "customers/redact":
        return _redact(data, at)
    if topic == "customers/data_request":
        return Reading("data_requested", "A customer asks what is kept of them: send the merchant an export.")
    if not any(_text(data.get(name)) for name in SHOP_NAMES):
        return Reading("not_used", "A test notification: it names no shop, so nothing is removed.")
    shop = ObjectRef("shop", _gid("Shop", data.get("shop_id") or data.get("id")))
    words = "was uninstalled" if topic == "app/uninstalled" else "was removed for good; what is personal must go"
    return Reading("connection_removed", f"The app {words}.", facts=(ConnectionRemoved(shop, at, at),))


def _order(order: Json, at: datetime) -> Reading:
    found = evidence(order)
    landing = tuple(touch for touch in found if touch.source is Source.LANDING_SITE)
    hints = tuple(dict.fromkeys(touch.code for touch in found))
    ref = ObjectRef("order", _order_id(order))
    sighting = Sighting(ref, _first_time(order, ("updated_at", "created_at")) or at, hints, landing)
    outcome, reason = _judge(order, found)
    return Reading(outcome, reason, (sighting,))


def _judge(order: Json, found: Sequence[Touch]) -> tuple[str, str]:
    if order.get("test") is True:
        return "test_order", "A test payment never pays a referral."
    if found:
        return "evidence", f"May name a referral by {found[0].evidence}."
    if _rows(order.get("discount_codes")):
        return "no_evidence", "Its discount codes are titles typed by staff, which prove nothing."
    return "no_evidence", "No discount code, link or cart note on it may name a referral."


def _change(topic: str, data: Json, at: datetime) -> Reading:
    """Edits, refunds and payments say too little, and may overtake the order itself: the order is read again."""
    edit = data.get("order_edit") if topic == "orders/edited" else data
    part: Json = edit if isinstance(edit, dict) else {}
    order = _gid("Order", part.get("id") if topic == "orders/delete" else part.get("order_id"))
    as_of = _first_time(part, ("committed_at", "updated_at", "processed_at", "created_at")) or at
    reason = f"{topic} shows only a part of the order, so the whole order is read again."
    return Reading("order_changed", reason, (Sighting(ObjectRef("order", order), as_of),))


def _redact(data: Json, at: datetime) -> Reading:
    customer = data.get("customer")
    number = customer.get("id") if isinstance(customer, dict) else None
    if number is None:
        return Reading("person_erased", "It names no customer id, so there is nobody to find by it.")
    ref = ObjectRef("customer", _gid("Customer", number))
    return Reading("person_erased", "The shop asks to forget this customer.", facts=(PersonErased(ref, at, at, None),))


def evidence(order: Json) -> list[Touch]:
    """All that may name a referral on an order's webhook body, strongest first.

    A title that staff type on a draft order also stands in discount_codes, so a code counts only where
    discount_applications says that it was entered as one.
    """
    at = _first_time(order, ("processed_at", "created_at")) or _UNKNOWN_TIME
    entered = [a for a in _rows(order.get("discount_applications")) if a.get("type") == "discount_code"]
    found = [code_touch(a.get("code"), at) for a in entered]
    found.append(link_touch(order.get("landing_site"), Source.LANDING_SITE, at))
    found += [cart_touch(a.get("name"), a.get("value"), at) for a in _rows(order.get("note_attributes"))]
    return [touch for touch in found if touch]


# ── Evidence, as webhooks and GraphQL show it ────────────────────────────────────────────────────────────────────


def code_touch(code: object, at: datetime) -> Touch | None:
    """A discount code that the shop itself accepted."""
    text = _text(code)
    return Touch(Source.REDEEM_CODE, text, at, evidence="a discount code used at checkout") if text else None


def cart_touch(name: object, value: object, at: datetime) -> Touch | None:
    """A note in the cart under a referral's name; unsigned, but no easier to invent than a link is to click."""
    text = _text(value)
    if not text or _text(name).casefold() not in CART_NAMES:
        return None
    return Touch(Source.CART_HINT, text, at, evidence="an unsigned note in the cart")


def link_touch(link: object, source: Source, at: datetime) -> Touch | None:
    """The code in a link's query. Never raises, whatever text a stranger put there."""
    text = link if isinstance(link, str) else ""
    try:
        pairs = parse_qsl(urlsplit(text[:MAX_LINK]).query, max_num_fields=MAX_PARAMETERS)
    except ValueError:  # not a link at all, or hundreds of parameters
        return None
    first = {name.casefold(): value for name, value in reversed(pairs)}
    return utm_touch({name.removeprefix("utm_"): value for name, value in first.items()}, source, at)


def utm_touch(utm: Mapping[str, object], source: Source, at: datetime) -> Touch | None:
    """The code in a link's marks: `ref` wins; `content` counts only where the source says that it is ours."""
    code, words = _text(utm.get("ref")), "ref in its link"
    if not code and _text(utm.get("source")).casefold() == "referral":
        code, words = _text(utm.get("content")), "utm_content in its link"
    if not code:
        return None
    medium, campaign = _text(utm.get("medium")), _text(utm.get("campaign"))
    return Touch(source, code, at, medium=medium, campaign=campaign, evidence=words)


def visit_touches(journey: Json | None) -> list[Touch]:
    """The codes in the links of an order's last and first visit, as GraphQL's customerJourneySummary shows them."""
    found = []
    for source, name in ((Source.LAST_VISIT, "lastVisit"), (Source.FIRST_VISIT, "firstVisit")):
        visit = (journey or {}).get(name)
        if visit:
            at = _time(visit["occurredAt"]) or _UNKNOWN_TIME
            link = link_touch(visit["landingPage"], source, at)
            found.append(link or utm_touch(visit["utmParameters"] or {}, source, at))
    return [touch for touch in found if touch]


# ── Plain values out of untrusted JSON ───────────────────────────────────────────────────────────────────────────


def _load(body: bytes) -> Json:
    """The body's object. Raises ValueError for broken, bottomless or absurd JSON."""
    try:
        data = json.loads(body, parse_int=_integer, parse_float=_float, parse_constant=_integer)
    except RecursionError as error:
        raise ValueError("the body is nested deeper than any of Shopify's") from error
    except UnicodeDecodeError as error:
        raise ValueError("the body is not UTF-8 text") from error
    if not isinstance(data, dict):
        raise ValueError("the body is not a JSON object")  # noqa: TRY004 - what cannot be read is a ValueError here
    return data


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS or not text.lstrip("-").isdigit():
        raise ValueError(f"{text[:MAX_DIGITS]} is no number of Shopify's")
    return int(text)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:MAX_DIGITS]} is no number of Shopify's")
    return number


def _rows(value: object) -> Iterator[Json] | Sequence[Json]:
    """The objects of a list; nothing for null, `{}` and whatever else stands there instead of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else ()


def _text(value: object) -> str:
    """A short text without control characters, or "" for anything else. Numbers are read as their digits."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return ""
    return "".join(char for char in value if unicodedata.category(char)[0] != "C").strip()


def _order_id(order: Json) -> str:
    given = _text(order.get("admin_graphql_api_id"))
    return _gid("Order", given.removeprefix("gid://shopify/Order/") if given else order.get("id"))


def _gid(kind: str, number: object) -> str:
    """GraphQL's name of an object. Raises ValueError for what is no id."""
    text = _text(number)
    if not _ID.fullmatch(text):
        raise ValueError(f"the body names no id of the {kind.lower()}")
    return f"gid://shopify/{kind}/{text}"


def _first_time(data: Json, names: Sequence[str]) -> datetime | None:
    return next((at for name in names if (at := _time(data.get(name)))), None)


def _time(value: object) -> datetime | None:
    """An aware UTC time, or None for what is none."""
    try:
        at = datetime.fromisoformat(_text(value))
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
