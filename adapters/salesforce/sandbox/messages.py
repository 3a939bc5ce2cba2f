"""Outbound messages: what an org's own automation tells us of records, as SOAP, until the answer acknowledges it.

Nothing signs them; a message says the org's id in both of its forms, and holds the latest values, not the change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from xml.sax.saxutils import escape

import requests

from adapters import stand_in_sender
from adapters.salesforce.sandbox.book import Book
from adapters.salesforce.sandbox.state import Org, Record
from adapters.salesforce.sandbox.values import shown
from adapters.stand_in_sender import TIMEOUT_S

#: Notifications of one message.
MOST = 100
#: Salesforce repeats for 24 hours; here so often within seconds.
REPEATS = 10
_ACKNOWLEDGED = re.compile(r"<(?:\w+:)?Ack>\s*true\s*</", re.IGNORECASE)
#: What Salesforce sends with a message.
HEADERS = {
    "Content-Type": "text/xml; charset=utf-8",
    "SOAPAction": '""',
    "User-Agent": "Jakarta Commons-HttpClient/3.1",
}
_VERSION = "66.0"


@dataclass(frozen=True)
class Message:
    """One SOAP message with up to 100 notifications, and where it goes."""

    url: str
    body: bytes
    notifications: int


def build(org: Org, records: Sequence[Record], fields: Mapping[str, Sequence[str]], url: str = "") -> list[Message]:
    """Messages about these records: one for each kind and each hundred. fields: what is told, by kind."""
    made = []
    for kind in dict.fromkeys(record.kind for record in records):
        own = [record for record in records if record.kind == kind]
        for at in range(0, len(own), MOST):
            part = own[at : at + MOST]
            body = _envelope(org, part, fields.get(kind, ()))
            made.append(Message(url or org.target, body.encode(), len(part)))
    return made


def tell(org: Org, changed: Mapping[str, Record]) -> list[Message]:
    """The messages of one transaction: of records that are not deleted, of the kinds that the org's admin chose."""
    told = [record for record in changed.values() if record.kind in org.messages and not record.deleted]
    return build(org, told, org.messages) if org.target else []


def _envelope(org: Org, records: Sequence[Record], fields: Sequence[str]) -> str:
    soap = f"https://{org.host}/services/Soap"
    told = "".join(_notification(org, record, fields) for record in records)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{org.id}</OrganizationId><ActionId>{org.new_id('04k')}</ActionId>"
        f'<SessionId xsi:nil="true"/><EnterpriseUrl>{soap}/c/{_VERSION}/{org.id[:15]}</EnterpriseUrl>'
        f"<PartnerUrl>{soap}/u/{_VERSION}/{org.id[:15]}</PartnerUrl>{told}"
        "</notifications></soapenv:Body></soapenv:Envelope>"
    )


def _notification(org: Org, record: Record, fields: Sequence[str]) -> str:
    """Fields in the order of their names; those that hold nothing are left out."""
    held = {name: shown(record.values.get(name)) for name in sorted(fields) if name != "Id"}
    told = "".join(f"<sf:{name}>{_text(value)}</sf:{name}>" for name, value in held.items() if value is not None)
    return (
        f'<Notification><Id>{org.new_id("04l")}</Id><sObject xsi:type="sf:{record.kind}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{record.id}</sf:Id>{told}</sObject></Notification>'
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


class Sender(stand_in_sender.Sender):
    """Sends messages; what was answered is counted in the book."""

    def __init__(self, book: Book) -> None:
        super().__init__("salesforce")
        self._book = book

    def later(self, messages: Sequence[Message]) -> None:
        """Send in the background, repeating until the answer acknowledges it or the repeats are used up."""
        for message in messages:
            if message.url:
                self.background(self.insist, partial(self._repeated, message), REPEATS)

    def now(self, message: Message) -> str:
        """Send once: acknowledged, refused (a 200 that does not say so), the status, or why there was no answer."""
        try:
            answer = self.session.post(
                message.url, data=message.body, headers=HEADERS, timeout=TIMEOUT_S, allow_redirects=False
            )
            taken = "acknowledged" if _ACKNOWLEDGED.search(answer.text) else "refused"
            word = taken if answer.status_code == 200 else str(answer.status_code)  # noqa: PLR2004
        except requests.RequestException as error:
            word = type(error).__name__
        self._book.message(word, message.notifications)
        return word

    def _repeated(self, message: Message, _: int) -> bool:
        return self.now(message) == "acknowledged"
