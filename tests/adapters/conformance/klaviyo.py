"""Klaviyo's stand-in, as the conformance suite drives it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count

from adapters.klaviyo import inbound
from adapters.klaviyo.outbound.names import DEFAULT, profile_property
from adapters.klaviyo.sandbox import Sandbox, start
from adapters.klaviyo.sandbox.client import Client
from adapters.klaviyo.sandbox.state import new_ulid
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.ports.inbound import Inbox
from connector.ports.platform import Capability, Operation
from tests.adapters.conformance import driver
from tests.adapters.conformance.wire import Request

_EVENTS = ("/api/events", "/api/event-bulk-create-jobs")
_PLENTY = 10**6


class Driver(driver.Driver):
    """One account, joined by a private key. Klaviyo pays nothing, so that nothing can be moved there."""

    settings = {"KLAVIYO_CLIENT_ID": "client"}  # noqa: RUF012 - never changed
    host = "a.klaviyo.com"
    account = "TEA001"
    token = "pk_0123456789abcdef"
    signature = "klaviyo-signature"
    topics = ("event:klaviyo.subscribed_to_email_marketing",)
    outcomes = frozenset(inbound.OUTCOMES)
    compares = False

    def start(self) -> str:
        self._sandbox: Sandbox = start()
        self._client = Client(self._sandbox.url, self.token)
        self._client.control("accounts", account=self.account, key=self.token, currency=driver.CURRENCY, job_lag_s=0)
        self._client.control("limits", burst=_PLENTY, steady=_PLENTY)
        self._numbers = count(1)
        return self._sandbox.url

    def stop(self) -> None:
        self._client.close()
        self._sandbox.stop()

    def person(self, email: str) -> str:
        return str(self._client.control("profiles", email=email)["id"])

    def fund(self, person: str, capability: Capability, amount: Money) -> str:
        raise NotImplementedError

    def objects(self, number: int) -> list[ObjectRef]:
        ids = [self.person(f"friend{next(self._numbers)}@example.com") for _ in range(number)]
        return [ObjectRef("person", external) for external in ids]

    def missing(self) -> ObjectRef:
        return ObjectRef("person", new_ulid(datetime.now(UTC)))

    def effects(self, operation: Operation) -> list[int]:
        raise NotImplementedError

    def is_send(self, request: Request, operation: Operation) -> bool:
        raise NotImplementedError

    def is_write(self, request: Request) -> bool:
        return request.method == "PATCH" and request.path.startswith("/api/profiles/")

    def partly(self, operation: Operation) -> bool:
        raise NotImplementedError

    def listener(self, email: str) -> None:
        """Whoever has an address can be told."""

    def is_told(self, request: Request) -> bool:
        return request.method == "POST" and request.path in _EVENTS

    def heard(self, email: str) -> list[str]:
        return [event["key"].partition(":")[0] for event in self._client.control("events", verb="GET", email=email)]

    def pooled(self, coupon: str) -> list[str]:
        codes = self._client.control("coupons", verb="GET")["codes"]
        return [each["code"] for each in codes if each["coupon"] == coupon]

    def warns_below(self, coupon: str) -> int:
        coupons = self._client.control("coupons", verb="GET")["coupons"]
        (monitor,) = (each["monitor"] for each in coupons if each["id"] == coupon)
        return int(monitor["low_balance_threshold"])

    def is_publish(self, request: Request) -> bool:
        return (request.method, request.path) == ("POST", "/api/coupon-codes")

    def fields(self) -> Sequence[tuple[str, str]]:
        return [("Referral Source", "Text"), ("Referral Campaign", "Text")]

    def ranks(self) -> tuple[str, str]:
        return "pending", "converted"

    def set_field(self, ref: ObjectRef, name: str, value: str) -> None:
        self.own(ref, profile_property(DEFAULT, name), value)

    def field(self, ref: ObjectRef, name: str) -> str | None:
        return self.owned(ref, profile_property(DEFAULT, name))

    def own(self, ref: ObjectRef, name: str, value: str) -> None:
        properties = {name: value}
        body = {"data": {"type": "profile", "id": ref.id, "attributes": {"properties": properties}}}
        self._client.ask("PATCH", f"profiles/{ref.id}", body)

    def owned(self, ref: ObjectRef, name: str) -> str | None:
        (profile,) = self._client.control("profiles", verb="GET", id=ref.id)
        value = profile["properties"].get(name)
        return None if value is None else str(value)

    # ── Deliveries ──────────────────────────────────────────────────────────────────────────────────────────────

    def body(self, topic: str) -> bytes:
        """One event of the thousand that a webhook may carry."""
        number = self.person(f"c{next(self._numbers)}@example.com")
        event = {
            "type": "event",
            "id": f"event{next(self._numbers)}",
            "attributes": {"timestamp": 1760000000, "event_properties": {}, "datetime": "2025-10-09T08:53:20+00:00"},
            "relationships": {"profile": {"data": {"type": "profile", "id": number}}},
        }
        external = new_ulid(datetime.now(UTC))
        return json.dumps({"external_id": external, "topic": topic, "payload": {"data": event}}).encode()

    def envelope(self, body: bytes) -> bytes:
        meta = {"klaviyo_webhook_id": "W1", "klaviyo_account_id": self.account, "version": "2026-10-15"}
        return b'{"data": [' + body + b'], "meta": ' + json.dumps(meta).encode() + b"}"

    def _named(self, body: bytes, topic: str) -> bytes:
        """A topic stands in the events themselves: one that Klaviyo does not have is written there."""
        if not topic or topic in self.topics:
            return body
        told = json.loads(body)
        return json.dumps({**told, "data": [{**event, "topic": topic} for event in told["data"]]}).encode()

    def signed(self, body: bytes, secret: str, topic: str = "") -> Inbox:
        raw, stamp = self._named(body, topic), format_datetime(datetime.now(UTC), usegmt=True)
        mark = hmac.new(secret.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
        return Inbox("POST", "/webhooks/klaviyo", {self.signature: mark, "klaviyo-timestamp": stamp}, raw)
