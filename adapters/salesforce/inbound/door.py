"""The door: an outbound message is a nudge. Salesforce signs none, so it comes to a secret address.

That a record was saved, and which one, is all that is taken from it; what stands there is read from Salesforce.

The address of an org ends with the org's id and a mark that only we can make of it. Salesforce repeats a message for a day
until it hears `Ack true`, which is said once every part of it is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from adapters.salesforce import MANIFEST
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.inbound.xml import Node, read_xml
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Said, Visitor

#: Far above 100 notifications; a larger body is none of Salesforce's.
MAX_BODY = 2 * 1024 * 1024
_PLACE = re.compile(r"/webhooks/salesforce/(?P<org>00D[0-9A-Za-z]{15})-(?P<mark>[0-9a-f]{40})")
_ACK = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    b'<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    b"</soapenv:Body></soapenv:Envelope>"
)
_NOWHERE = "this is not the address at which we hear an org; `connector doctor` shows it"


def place_of(organization: str, secret: str) -> str:
    """The path at which we hear this org."""
    return f"/webhooks/{MANIFEST.key}/{organization}-{_mark(organization, secret)}"


def _mark(organization: str, secret: str) -> str:
    return hmac.new(secret.encode(), b"outbound-message " + organization.encode(), hashlib.sha256).hexdigest()[:40]


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    """The notifications of one message. Raises Rejected for another address, another org, and what is no message."""
    found = _PLACE.fullmatch(urlsplit(inbox.path).path)
    if found is None or not any(_fits(found["org"], found["mark"], secret) for secret in secrets):
        raise Rejected(_NOWHERE)
    if len(inbox.body) > MAX_BODY:
        raise Rejected("the body is larger than any outbound message", 413)
    try:
        message = _message(read_xml(inbox.body))
    except ValueError as error:
        raise Rejected(f"this is no outbound message: {error}", 400) from error
    if full_id(message.first("OrganizationId")) != found["org"]:
        raise Rejected("the message is of another org than this address is for", 403)
    return [_item(found["org"], node) for node in message.children if node.name == "Notification"]


def _fits(organization: str, mark: str, secret: str) -> bool:
    return bool(secret) and hmac.compare_digest(_mark(organization, secret), mark)


def _message(envelope: Node) -> Node:
    for node in envelope.all():
        if node.name == "notifications":
            return node
    raise ValueError("it holds no notifications")


def _item(organization: str, notification: Node) -> Item:
    """One notification, reduced to which record it speaks of; one that names none is kept too, and says so."""
    record = next((node for node in notification.children if node.name == "sObject"), Node("sObject"))
    one, number = full_id(record.first("Id")), full_id(notification.first("Id"))
    body = json.dumps({"id": one, "notification": number}).encode()
    key = number or hashlib.sha256(body).hexdigest()
    return Item(organization, TOPIC, key, body, known=bool(one))


#: All that is taken from a message: that a record was saved.
TOPIC = "record.saved"


def reply(_inbox: Inbox) -> Said:
    """Only this has Salesforce stop repeating the message."""
    return Said(_ACK, "text/xml; charset=utf-8")


def visitor(_inbox: Inbox, _secrets: Sequence[str]) -> Visitor:
    """Nobody: our card in Salesforce reads the org's own fields."""
    raise Rejected("Salesforce shows no pages of ours")
