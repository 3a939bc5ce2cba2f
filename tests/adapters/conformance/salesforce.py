"""Salesforce's stand-in, as the conformance suite drives it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

from adapters.salesforce import inbound
from adapters.salesforce.sandbox import Sandbox, start
from adapters.salesforce.sandbox.client import Client
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.ports.inbound import Inbox
from connector.ports.platform import Capability, Direction, Holding, Operation
from tests.adapters.conformance import driver
from tests.adapters.conformance.wire import Request

_HOST, _ACCESS = "test-org.my.salesforce.com", "00Dal0000004Tea!AQconformance"
_CREDIT, _AMOUNT, _USED, _KEY = "Referral_Credit__c", "Amount__c", "Applied_Amount__c", "Idempotency_Key__c"
_NEWS = "Referral_News__c"


class Driver(driver.Driver):
    """One org with the connector's package in it; its people are contacts."""

    settings = {  # noqa: RUF012 - never changed
        "SALESFORCE_CLIENT_ID": "client",
        "SALESFORCE_CLIENT_SECRET": driver.SECRET,
    }
    host = _HOST
    account = "00Dal0000004TeaEAE"
    token = f"https://{_HOST} {_ACCESS}"
    #: Nothing signs an outbound message: the secret stands in the path.
    signature = ""
    topics = tuple(sorted(inbound.TOPICS))
    outcomes = frozenset(inbound.OUTCOMES)
    choices = {  # noqa: RUF012 - never changed
        "loyalty_program": "Tea circle",
        "credit_process": "Credit",
        "debit_process": "Debit",
        "points_per_unit": "10",
    }

    def start(self) -> str:
        self._sandbox: Sandbox = start()
        self._client = Client(self._sandbox.url, _ACCESS)
        org: dict[str, Any] = {
            "org": self.account,
            "host": _HOST,
            "currency": driver.CURRENCY,
            "token": _ACCESS,
            "limit": 10**9,
            "licences": ["loyalty"],
        }
        self._client.control("orgs", **org, client_secret=driver.SECRET, package={"rights": "package"})
        self._numbers = count(1)
        self._members: dict[str, str] = {}
        return self._sandbox.url

    def stop(self) -> None:
        self._client.close()
        self._sandbox.stop()

    def person(self, email: str) -> str:
        made = self._made("Contact", LastName=email.partition("@")[0], Email=email)
        self._members[made] = self._client.enrol(made, self.choices["loyalty_program"])
        return made

    def _made(self, kind: str, **values: Any) -> str:
        return str(self._client.control("records", object=kind, values=values)["id"])

    def fund(self, person: str, capability: Capability, amount: Money) -> str:
        """A credit that a person wrote: only what the app writes is a movement of the suite."""
        if capability is Capability.POINTS:
            return self._move_points(self._members[person], Decimal(amount.decimal()))
        values = {
            _KEY: f"fund {next(self._numbers)}",
            "Kind__c": "Credit",
            _AMOUNT: amount.decimal(),
            "Currency_Code__c": amount.currency,
            "Advocate_Contact__c": person,
        }
        return self._made(_CREDIT, **values)

    def _move_points(self, member: str, amount: Decimal) -> str:
        """Points that none of our calls moved."""
        with self._sandbox.world.lock:
            heaps = self._sandbox.world.orgs[self.account].records("LoyaltyMemberCurrency").values()
            heap = next(each for each in heaps if each.values["LoyaltyMemberId"] == member)
            heap.values["PointsBalance"] += amount * int(self.choices["points_per_unit"])
        return member

    def objects(self, number: int) -> list[ObjectRef]:
        ids = [self.person(f"friend{next(self._numbers)}@example.com") for _ in range(number)]
        return [ObjectRef("person", external) for external in ids]

    def missing(self) -> ObjectRef:
        """A contact that was deleted for good."""
        gone = self.person(f"gone{next(self._numbers)}@example.com")
        with self._sandbox.world.lock:
            del self._sandbox.world.orgs[self.account].records("Contact")[gone]
        return ObjectRef("person", gone)

    def effects(self, operation: Operation) -> list[int]:
        sign = 1 if operation.direction is Direction.CREDIT else -1
        if operation.capability is Capability.POINTS:
            return self._journals("Accrual" if sign == 1 else "Redemption")
        moves = [_moved(entry) for entry in self._client.book()["entries"] if _is_ours(entry)]
        return [sign * minor for minor in moves if sign * minor > 0]

    def _journals(self, kind: str) -> list[int]:
        with self._sandbox.world.lock:
            every = list(self._sandbox.world.orgs[self.account].records("TransactionJournal").values())
        amounts = [str(each.values["TransactionAmount"]) for each in every if each.values["JournalTypeName"] == kind]
        return [Money.parse(amount, driver.CURRENCY).minor for amount in amounts]

    def spend(self, holding: Holding, amount: Money) -> None:
        """Staff write on the credit how much of it they granted."""
        if holding.capability is Capability.POINTS:
            self._move_points(holding.holder, -Decimal(amount.decimal()))
            return
        used = Decimal(self.field(ObjectRef("credit", holding.holder), _USED) or 0) + Decimal(amount.decimal())
        self._save(holding.holder, {_USED: str(used)})

    def listed(self, people: Sequence[str]) -> str:
        name = f"Advocates {next(self._numbers)}"
        campaign = self._made("Campaign", Name=name, IsActive=True)
        for person in people:
            self._made("CampaignMember", CampaignId=campaign, ContactId=person)
        return name

    def bearing(self, people: Sequence[str]) -> tuple[str, str]:
        name, value = "Referral_Campaign__c", f"campaign {next(self._numbers)}"
        for person in people:
            self._save(person, {name: value})
        return name, value

    def is_send(self, request: Request, operation: Operation) -> bool:
        if operation.capability is Capability.POINTS:
            return request.method == "POST" and "/program-processes/" in request.path
        return request.method == "PATCH" and f"/{_CREDIT}/{_KEY}" in request.path and _AMOUNT.encode() in request.body

    def is_write(self, request: Request) -> bool:
        return request.method == "PATCH" and request.path.endswith("/composite/sobjects")

    def partly(self, operation: Operation) -> bool:  # noqa: ARG002 - a record succeeds or has errors, never both
        return False

    def listener(self, email: str) -> None:
        self._made("Contact", LastName=email.partition("@")[0], Email=email)

    def is_told(self, request: Request) -> bool:
        return request.method == "PATCH" and f"/{_NEWS}/" in request.path

    def heard(self, email: str) -> list[str]:
        """Of every time that one was created, by the stand-in's book: whose it is stands in the record."""
        made = [each["id"] for each in self._client.book()["entries"] if _is_news(each)]
        with self._sandbox.world.lock:
            org = self._sandbox.world.orgs[self.account]
            news = [record.values for each in made if (record := org.find(each))]
            whose = {each.id for each in org.records("Contact").values() if each.values["Email"] == email}
            return [str(each["News_Id__c"]) for each in news if each["Contact__c"] in whose]

    def fields(self) -> Sequence[tuple[str, str]]:
        return [("Referral_Source__c", "Text(255)"), ("Referral_Campaign__c", "Text(255)")]

    def ranks(self) -> tuple[str, str]:
        return "pending", "converted"

    def set_field(self, ref: ObjectRef, name: str, value: str) -> None:
        self._save(ref.id, {name: value})

    def _save(self, number: str, values: Mapping[str, str]) -> None:
        self._client.control("save", id=number, values=dict(values))

    def field(self, ref: ObjectRef, name: str) -> str | None:
        with self._sandbox.world.lock:
            record = self._sandbox.world.orgs[self.account].find(ref.id)
            value = record.values.get(name) if record else None
            return None if value is None else str(value)

    # ── Deliveries ──────────────────────────────────────────────────────────────────────────────────────────────

    def body(self, topic: str) -> bytes:  # noqa: ARG002 - there is one
        """One notification as it is kept: only which record it speaks of."""
        number = self.person(f"c{next(self._numbers)}@example.com")
        return json.dumps({"id": number, "notification": f"04l{number[3:]}"}).encode()

    def envelope(self, body: bytes) -> bytes:
        """The message that this notification came in, its ids put in the place of a real one's; of what is none, itself."""
        try:
            told = json.loads(body)
            ids = {name: str(told[name]) for name in ("id", "notification")}
        except (ValueError, KeyError, TypeError, RecursionError):
            return body
        number = self.person(f"c{next(self._numbers)}@example.com")
        (made,) = self._client.control("messages/render", records=[number], url="http://127.0.0.1:9/")
        before, _, rest = str(made["body"]).partition("<Notification><Id>")
        _, _, after = rest.partition("</Id>")
        notification = f"{before}<Notification><Id>{ids['notification']}</Id>{after}"
        return notification.replace(f"<sf:Id>{number}</sf:Id>", f"<sf:Id>{ids['id']}</sf:Id>").encode(errors="replace")

    def signed(self, body: bytes, secret: str, topic: str = "") -> Inbox:  # noqa: ARG002 - no topic is told
        text = b"outbound-message " + self.account.encode()
        mark = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()[:40]
        path = f"/webhooks/salesforce/{self.account}-{mark}"
        return Inbox("POST", path, {"content-type": "text/xml; charset=utf-8"}, body, "https://referrals.example.com")

    def marked(self, inbox: Inbox, mark: str | None) -> Inbox:
        """The secret stands at the end of the address."""
        return replace(inbox, path=inbox.path[:-40].removesuffix("-") + ("" if mark is None else f"-{mark}"))


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return (entry["kind"], entry["object"], entry["field"], entry["by"]) == ("field", _CREDIT, _AMOUNT, "api")


def _is_news(entry: Mapping[str, Any]) -> bool:
    return (entry["kind"], entry["object"]) == ("created", _NEWS)


def _moved(entry: Mapping[str, Any]) -> int:
    """By how many minor units one write changed an amount."""
    new, old = (
        Money.parse(str(Decimal(str(entry[side] or 0)).normalize()), driver.CURRENCY).minor for side in ("new", "old")
    )
    return new - old
