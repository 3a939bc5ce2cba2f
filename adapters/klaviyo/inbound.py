"""What Klaviyo sends us: system webhooks, where an account has them. Nothing that decides about a referral is among them.

They are verified, split and kept like any other delivery, so that a person who is forgotten is forgotten there too. No
network, no SDK.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from adapters.klaviyo import MANIFEST
from adapters.plain import Json, load, load_any, part, text_of, time_of
from connector import clock
from connector.domain.facts import ObjectRef
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Reading, Said, Visitor
from connector.ports.platform import Seen

#: Every word that `read` may answer with, and what it means.
OUTCOMES = {"not_used": "nothing that decides about a referral"}
#: Klaviyo's own events; there are no others.
TOPIC = re.compile(r"event:klaviyo\.[a-z0-9_]{1,100}")
#: One POST carries up to a thousand events ("Working with system webhooks").
MAX_EVENTS = 1000
MAX_BODY = 8 * 1024 * 1024
#: Older is refused, and so is what claims to come from the future: the clocks may differ by less than that.
LIFE = timedelta(minutes=5)
_SIGNATURE, _TIME = "klaviyo-signature", "klaviyo-timestamp"


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    """The deliveries of this request. Raises Rejected for what Klaviyo did not sign with one of `secrets`, or long ago."""
    if len(inbox.body) > MAX_BODY:
        raise Rejected("the body is larger than any webhook of Klaviyo's", 413)
    _check(inbox, secrets)
    try:
        told = part(load_any(inbox.body))
    except ValueError as error:
        raise Rejected(f"this is nothing that Klaviyo sends: {error}", 400) from error
    account, events = text_of(part(told.get("meta")).get("klaviyo_account_id")), told.get("data")
    if not re.fullmatch(MANIFEST.accounts, account):
        raise Rejected("the webhook names no account", 400)
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise Rejected("the body is no list of Klaviyo's events", 400)
    return [_item(account, event) for event in events]


def _check(inbox: Inbox, secrets: Sequence[str]) -> None:
    """The signature covers the raw bytes and the time."""
    told = inbox.headers.get(_TIME, "")
    text = inbox.body + told.encode("utf-8", "replace")
    marks = [hmac.new(secret.encode(), text, hashlib.sha256).hexdigest().encode() for secret in secrets if secret]
    # Bytes, because compare_digest refuses text that is not ASCII, and a stranger chooses this text.
    given = inbox.headers.get(_SIGNATURE, "").encode("utf-8", "replace")
    if not any(hmac.compare_digest(mark, given) for mark in marks):
        raise Rejected("the signature is not Klaviyo's; the webhook's secret key must be KLAVIYO_CLIENT_SECRET")
    at = _time(told)
    if at is None or abs(clock.now() - at) > LIFE:
        raise Rejected("the request was signed too long ago, or in the future")


def _time(text: str) -> datetime | None:
    """As seen in deliveries: an HTTP date; ISO 8601 in some descriptions."""
    try:
        at = parsedate_to_datetime(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return time_of(text)


def _item(account: str, event: object) -> Item:
    """One event under Klaviyo's own name of it; what has none is told apart by its bytes."""
    body = json.dumps(event).encode()
    told = part(event)
    topic = text_of(told.get("topic"))
    key = text_of(told.get("external_id")) or hashlib.sha256(body).hexdigest()
    at = time_of(part(_event(told).get("attributes")).get("datetime"))
    return Item(account, topic, key, body, at, known=bool(TOPIC.fullmatch(topic)))


def _event(told: Json) -> Json:
    """The event inside a delivery, as the API shows it."""
    return part(part(told.get("payload")).get("data"))


def read(topic: str, body: bytes, _at: datetime) -> Reading:
    """What a stored event says: nothing that we need, and whom it names. Raises ValueError for an unreadable body."""
    profile = part(part(_event(load(body)).get("relationships")).get("profile"))
    person = text_of(part(profile.get("data")).get("id"))
    people = (Seen(MANIFEST.person_kind, person),) if person else ()
    return Reading("not_used", f"{topic[:80]} tells nothing that decides about a referral.", people=people)


def reply(_inbox: Inbox) -> Said:
    """Klaviyo wants no more than the status."""
    return Said()


def visitor(_inbox: Inbox, _secrets: Sequence[str]) -> Visitor:
    """Nobody: Klaviyo shows no pages of ours."""
    raise Rejected("Klaviyo shows no pages of ours")


def purchase(_number: str) -> ObjectRef:
    """None: nothing is bought there."""
    raise ValueError("Klaviyo knows no purchases; give the number that the shop or CRM shows")
