"""HubSpot's stand-in, as the conformance suite drives it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from adapters.hubspot import MANIFEST, inbound
from adapters.hubspot.sandbox import Sandbox, start
from adapters.hubspot.sandbox.client import Client
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.ports.inbound import Inbox
from connector.ports.platform import Capability, Direction, Holding, Operation
from tests.adapters.conformance import driver
from tests.adapters.conformance.wire import Request

_CONTACTS = "/crm/objects/2026-09/contacts"
_BALANCE, _HISTORY = "referral_credit_balance", "referral_credit_history"
_NEWS_ID = "referral_news_id"
#: What an account that the product has set up holds, as far as the suite writes it.
_PROPERTIES = (
    (_BALANCE, "number", "number"),
    (_HISTORY, "string", "textarea"),
    ("referral_credit_currency", "string", "text"),
    ("referral_credit_lifetime", "number", "number"),
    ("referral_last_credit_amount", "number", "number"),
    ("referral_last_credit_at", "datetime", "date"),
    ("referral_last_credit_id", "string", "text"),
    ("referral_source", "string", "text"),
    ("referral_campaign", "string", "text"),
    ("referral_news", "enumeration", "select"),
    (_NEWS_ID, "string", "text"),
    ("referral_news_at", "datetime", "date"),
    ("referral_news_amount", "number", "number"),
    ("referral_news_currency", "string", "text"),
    ("referral_news_text", "string", "textarea"),
)
#: What a property may hold that takes no other value.
_OPTIONS = {"enumeration": [{"label": kind, "value": kind} for kind in NewsKind]}
_GROUP = {"name": "referrals", "label": "Referrals"}
_KINDS = {"contact": "contacts", "deal": "deals"}
_ADDRESS = "/webhooks/hubspot"


class Driver(driver.Driver):
    """One portal with contacts."""

    settings = {"HUBSPOT_CLIENT_ID": "client"}  # noqa: RUF012 - never changed
    host = "api.hubapi.com"
    account = "62515"
    token = "pat-conformance"
    signature = "x-hubspot-signature-v3"
    topics = tuple(sorted(inbound.TOPICS))
    outcomes = frozenset(inbound.OUTCOMES)

    def start(self) -> str:
        self._sandbox: Sandbox = start()
        self._client = Client(self._sandbox.url, self.token)
        limit, scopes = {"max": 10**9, "seconds": 10}, [scope.name for scope in MANIFEST.scopes]
        self._client.control(
            "portals", portal=int(self.account), currency=driver.CURRENCY, token=self.token, limit=limit, scopes=scopes
        )
        self._client.ask("POST", "/crm/properties/2026-09/contacts/groups", _GROUP)
        rows = [
            {
                "name": name,
                "label": name,
                "type": kind,
                "fieldType": shown,
                "groupName": _GROUP["name"],
                "options": _OPTIONS.get(kind, []),
            }
            for name, kind, shown in _PROPERTIES
        ]
        self._client.ask("POST", "/crm/properties/2026-09/contacts/batch/create", {"inputs": rows})
        self._numbers = count(1)
        self._funded: set[int] = set()
        self._listeners: dict[str, str] = {}
        return self._sandbox.url

    def stop(self) -> None:
        self._client.close()
        self._sandbox.stop()

    def person(self, email: str) -> str:
        return str(self._client.control("contacts", properties={"email": email}, send=False)["id"])

    def fund(self, person: str, capability: Capability, amount: Money) -> str:  # noqa: ARG002 - there is one kind
        """Funded money is no movement of the suite: what the book gains here is remembered, and not counted."""
        before = len(self._client.book()["entries"])
        line = f"2026-11-22 +{amount.decimal()} {amount.currency} mark:fund{next(self._numbers)}"
        values = {_BALANCE: amount.decimal(), _HISTORY: line}
        self._client.ask("PATCH", f"{_CONTACTS}/{person}", {"properties": values})
        self._funded.update(range(before, len(self._client.book()["entries"])))
        return person

    def objects(self, number: int) -> list[ObjectRef]:
        ids = [self.person(f"friend{next(self._numbers)}@example.com") for _ in range(number)]
        return [ObjectRef("contact", external) for external in ids]

    def missing(self) -> ObjectRef:
        return ObjectRef("contact", str(999_000_000_000 + next(self._numbers)))

    def effects(self, operation: Operation) -> list[int]:
        sign = 1 if operation.direction is Direction.CREDIT else -1
        entries = enumerate(self._client.book()["entries"])
        moves = [_moved(entry) for place, entry in entries if place not in self._funded and _is_ours(entry)]
        return [sign * minor for minor in moves if sign * minor > 0]

    def spend(self, holding: Holding, amount: Money) -> None:
        """Staff lower the balance when they grant the credit on an invoice."""
        held = Money.parse(self.field(ObjectRef("contact", holding.holder), _BALANCE) or "0", driver.CURRENCY)
        left = Money(held.minor - amount.minor, held.currency).decimal()
        self._save(holding.holder, {_BALANCE: left})

    def listed(self, people: Sequence[str]) -> str:
        name = f"Advocates {next(self._numbers)}"
        self._client.control("lists", name=name, members=list(people))
        return name

    def bearing(self, people: Sequence[str]) -> tuple[str, str]:
        name, value = "referral_campaign", f"campaign {next(self._numbers)}"
        for person in people:
            self._save(person, {name: value})
        return name, value

    def run(self) -> str:
        waits = {"type": "contacts", "id": self.person(f"runner{next(self._numbers)}@example.com")}
        return str(self._client.control("action", object=waits, send=False)["callback_id"])

    def ended(self, run: str) -> list[Mapping[str, str]]:
        told: list[Mapping[str, str]] = self._client.control("callbacks", verb="GET")[run]
        return told

    def bill(self, *, sent: bool = False, currency: str = driver.CURRENCY) -> str:
        told = {"hs_currency": currency, "hs_invoice_status": "open" if sent else "draft"}
        return str(self._client.control("objects", type="invoices", properties=told, send=False)["id"])

    def deducted(self, bill: str) -> list[int]:
        """Discounts that are on the invoice, whoever made them."""
        with self._sandbox.world.lock:
            portal = self._sandbox.world.portals[int(self.account)]
            invoices, discounts = portal.kind("invoices"), portal.kind("discounts")
            assert invoices and discounts
            tied = portal.links.get((invoices.id, int(bill)), {})
            records = [portal.find(discounts, number) for kind, number in tied if kind == discounts.id]
            values = [record.value("hs_value") for record in records if record]
        return [Money.parse(value, driver.CURRENCY).minor for value in values]

    def listener(self, email: str) -> None:
        self._listeners[email] = self.person(email)

    def is_told(self, request: Request) -> bool:
        return self.is_write(request) and _NEWS_ID.encode() in request.body

    def heard(self, email: str) -> list[str]:
        """Each change of the id, for workflows start from that."""
        return [
            entry["new"]
            for entry in self._client.book()["entries"]
            if (entry["property"], entry["id"]) == (_NEWS_ID, self._listeners[email])
        ]

    def is_send(self, request: Request, operation: Operation) -> bool:  # noqa: ARG002 - one call serves both
        return request.method == "PATCH" and request.path.startswith(_CONTACTS) and _BALANCE.encode() in request.body

    def is_write(self, request: Request) -> bool:
        return request.method == "POST" and request.path.endswith("/batch/update")

    def partly(self, operation: Operation) -> bool:  # noqa: ARG002 - no call of theirs does
        return False

    def fields(self) -> Sequence[tuple[str, str]]:
        return [("referral_source", "string"), ("referral_campaign", "string")]

    def ranks(self) -> tuple[str, str]:
        return "pending", "converted"

    def set_field(self, ref: ObjectRef, name: str, value: str) -> None:
        self._save(ref.id, {name: value})

    def _save(self, number: str, values: Mapping[str, str]) -> None:
        self._client.control("save", type="contacts", id=number, properties=dict(values), send=False)

    def field(self, ref: ObjectRef, name: str) -> str | None:
        with self._sandbox.world.lock:
            portal = self._sandbox.world.portals[int(self.account)]
            kind = portal.kind("contacts")
            record = portal.find(kind, int(ref.id)) if kind else None
            return record.value(name) if record else None

    # ── Deliveries ──────────────────────────────────────────────────────────────────────────────────────────────

    def body(self, topic: str) -> bytes:
        """One event; a real one that the stand-in sent, under the name that this topic has."""
        (made,) = self._client.control("render", events=[self._event(topic)])
        (event,) = json.loads(made["body"])
        return json.dumps(event).encode()

    def _event(self, topic: str) -> dict[str, Any]:
        family, _, what = topic.partition(".")
        number = int(self.person(f"c{next(self._numbers)}@example.com"))
        if family == "deal" and what != "associationChange":
            number = int(self._client.control("deals", properties={"dealname": "Tea"}, send=False)["id"])
        event: dict[str, Any] = {"type": topic, "object": {"type": _KINDS.get(family, "contacts"), "id": number}}
        if what == "propertyChange":
            return {**event, "property": "email", "value": "ada@example.com"}
        if what == "merge":
            ids = {"primaryObjectId": number, "mergedObjectIds": [number + 1], "newObjectId": number}
            return {**event, "more": {**ids, "numberOfPropertiesMoved": 3}}
        if what == "associationChange":
            ends = {"fromObjectId": number, "toObjectId": number, "associationType": "DEAL_TO_CONTACT"}
            return {"type": topic, "more": {**ends, "associationRemoved": False, "isPrimaryAssociation": False}}
        return event

    def envelope(self, body: bytes) -> bytes:
        return b"[" + body + b"]"

    def _named(self, body: bytes, topic: str) -> bytes:
        """A topic stands in the events themselves: one that HubSpot does not have is written there."""
        if not topic or topic in self.topics:
            return body
        return json.dumps([{**event, "subscriptionType": topic} for event in json.loads(body)]).encode()

    def signed(self, body: bytes, secret: str, topic: str = "") -> Inbox:
        raw, stamp = self._named(body, topic), str(round(time.time() * 1000))
        base = "https://referrals.example.com"
        text = b"POST" + (base + _ADDRESS).encode() + raw + stamp.encode()
        mark = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
        headers = {self.signature: mark, "x-hubspot-request-timestamp": stamp}
        return Inbox("POST", _ADDRESS, headers, raw, base)


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (entry["kind"], entry["property"], entry["by"]) == ("property", _BALANCE, "INTEGRATION")


def _moved(entry: Mapping[str, Any]) -> int:
    """By how many minor units one write changed a balance."""
    new, old = (Money.parse(entry[side] or "0", driver.CURRENCY).minor for side in ("new", "old"))
    return new - old
