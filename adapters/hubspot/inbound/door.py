"""The door: what HubSpot signed is believed, and split into single events. No network, no SDK.

One POST carries up to 100 events of any accounts that installed the app. Each becomes a delivery of its own, so that a
broken one is parked alone; what names no account is kept apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from adapters.hubspot import MANIFEST
from adapters.hubspot.inbound import signature
from adapters.hubspot.inbound.reading import ACTIONS, STEP, TOPICS, at_of, topic_of
from adapters.plain import Json, load, load_any, part, text_of
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Said, Visitor

#: Far above 100 events; a larger body is no webhook of HubSpot's.
MAX_BODY = 2 * 1024 * 1024
MAX_EVENTS = 1000
#: What tells two events apart: `eventId` alone does not.
_KEY = (
    "portalId", "subscriptionType", "eventType", "objectId", "objectTypeId", "primaryObjectId", "fromObjectId",
    "toObjectId", "associationType", "associationRemoved", "propertyName", "propertyValue", "occurredAt", "eventId",
)  # fmt: skip
#: A step waits for its end as long as HubSpot lets it ("Custom workflow actions": a week unless told otherwise).
_WAIT = json.dumps({"outputFields": {"hs_execution_state": "BLOCK", "hs_expiration_duration": "P4W"}}).encode()
_ACCOUNT = re.compile(MANIFEST.accounts)


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    """The deliveries of this request. Raises Rejected for what HubSpot did not sign with one of `secrets`."""
    if len(inbox.body) > MAX_BODY:
        raise Rejected("the body is larger than any webhook of HubSpot's", 413)
    is_step = _is_step(inbox)
    signature.check(inbox, secrets, steps=is_step)
    try:
        if is_step:
            return [_step(load(inbox.body), inbox.body)]
        events = load_any(inbox.body)
    except ValueError as error:
        raise Rejected(f"this is nothing that HubSpot sends: {error}", 400) from error
    if not isinstance(events, list) or len(events) > MAX_EVENTS:
        raise Rejected("the body is no list of HubSpot's events", 400)
    return [_item(event) for event in events]


def _is_step(inbox: Inbox) -> bool:
    return inbox.path.startswith("/actions/")


def _item(event: object) -> Item:
    """One event. What is none at all is kept too, under no account's name."""
    body = json.dumps(event).encode()
    told = part(event)
    account, topic = text_of(told.get("portalId")), topic_of(told)
    known = topic in TOPICS
    said = [told.get(name) for name in _KEY] if known else body.decode()
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return Item(account if _ACCOUNT.fullmatch(account) else "", topic, key, body, at_of(told), known=known)


def _step(run: Json, body: bytes) -> Item:
    """A run of our step in the merchant's own workflow; HubSpot repeats it under the same callback until we say yes."""
    account, callback = text_of(part(run.get("origin")).get("portalId")), text_of(run.get("callbackId"))
    if not _ACCOUNT.fullmatch(account) or not callback:
        raise Rejected("this is no run of a workflow step: it names no account or no callback", 400)
    return Item(account, STEP, callback, body, known=STEP in ACTIONS)


def reply(inbox: Inbox) -> Said:
    """A step waits until we say how it ended; webhooks want no answer but the status."""
    return Said(_WAIT if _is_step(inbox) else b"")


def visitor(inbox: Inbox, secrets: Sequence[str]) -> Visitor:
    """The account whose card or settings page asks, as HubSpot's signature of the address proves. Raises Rejected."""
    signature.check(inbox, secrets)
    try:
        query = parse_qs(urlsplit(inbox.path).query, max_num_fields=100)
    except ValueError as error:
        raise Rejected("the query of this request cannot be read", 400) from error
    account = (query.get("portalId") or [""])[0]
    if not _ACCOUNT.fullmatch(account):
        raise Rejected("the signed request names no account")
    return Visitor(account)
