"""The folder and the mapping of a platform that exists nowhere else; a test writes them into a copy of the tree.

Its credits have a natural key (class A) and its debits a key that it honours (class B), so that the cases of these two
classes are tried before a real platform needs them.
"""

FILES = {
    "adapters/parcel/__init__.py": '''
"""Parcel: a platform that exists nowhere else. Credits have a natural key, debits a key that it honours."""

from datetime import timedelta

from connector.ports.platform import Capability, Direction, EffectClass, Manifest, Operation, Scope, Setting

MANIFEST = Manifest(
    key="parcel",
    label="Parcel",
    api_version="1",
    capabilities=frozenset({Capability.BALANCE, Capability.RECORD}),
    qualifying=frozenset({"order_paid"}),
    scopes=(Scope("all", "to read orders and pay credit"),),
    operations=(
        Operation(Capability.BALANCE, Direction.CREDIT, EffectClass.A),
        Operation(Capability.BALANCE, Direction.DEBIT, EffectClass.B),
    ),
    settings=(
        Setting("PARCEL_KEY", "the app's id"),
        Setting("PARCEL_SECRET", "deliveries are signed with it", secret=True),
        Setting("PARCEL_URL", "base to call instead of https://{account}"),
    ),
    app_key="PARCEL_KEY",
    app_secret="PARCEL_SECRET",
    url_setting="PARCEL_URL",
    accounts=r"[a-z0-9]+\\.parcel\\.example",
    hosts=r"[a-z0-9]+\\.parcel\\.example",
    own_hosts=frozenset(),
    object_kinds=frozenset({"order", "person"}),
    person_kind="person",
    read_batch=10,
    look_batch=10,
    write_batch=10,
    watch_batch=10,
    quiet=timedelta(seconds=30),
)
''',
    "adapters/parcel/api.py": '''
"""The only place that calls Parcel: one POST for each question."""

import json
from dataclasses import dataclass
from typing import Any

from adapters.http import Gate, Reply
from adapters.parcel import MANIFEST
from connector.errors import Gone, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.ports.platform import Account, Guard, Kit


@dataclass(frozen=True)
class Client:
    kit: Kit

    def ask(self, account: Account, name: str, *, guard: Guard | None = None, **data: Any) -> Any:
        """What Parcel answers; `guard` is given for movements of money."""
        gate = Gate(MANIFEST.key, MANIFEST.hosts, self.kit.base_url, self.kit.proxy, self.kit.timeout_s)
        url = f"{self.kit.base_url or 'https://' + account.external}/{name}"
        headers = {"Authorization": account.token, "Content-Type": "application/json"}
        try:
            reply = gate.send("POST", url, operation=name, headers=headers, body=json.dumps(data).encode(), guard=guard)
            return classify(reply, name)
        except Unknown as error:
            if guard:
                raise
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=name) from error


def classify(reply: Reply, name: str) -> Any:
    facts: Any = {"platform": MANIFEST.key, "operation": name, "status": reply.status}
    match reply.status:
        case 401:
            raise TokenExpired("the token is not honoured", **facts)
        case 404:
            raise Gone("there is no such account", **facts)
        case 429:
            raise Throttled("too many requests", wait_s=_wait(reply), **facts)
        case 400 | 403 | 409 | 422:
            raise Refused(f"Parcel answered {reply.status}", **facts)
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise Unknown("an answer that cannot be read", **facts) from error
    if reply.status != 200 or not isinstance(answer, dict) or "answer" not in answer:
        raise Unknown("an answer that says nothing", **facts)
    return answer["answer"]


def _wait(reply: Reply) -> float:
    try:
        seconds = float(reply.headers.get("retry-after", 2))
    except ValueError:
        return 2.0
    return min(max(seconds, 1.0), 60.0) if seconds == seconds else 2.0
''',
    "adapters/parcel/auth.py": '''
"""How an account is joined: by a token that never ends."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.parcel import MANIFEST
from adapters.parcel.api import Client
from connector.errors import ConfigError, Gone, Rejected
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit


@dataclass(frozen=True)
class ParcelAuth:
    client: Client

    def check_account(self, external: str) -> str:
        name = external.strip().lower()
        if not re.fullmatch(MANIFEST.accounts, name):
            raise ConfigError([f"{external!r} is no account of Parcel's, such as anna.parcel.example"])
        return name

    def own(self, external: str, key: str) -> Grant:
        """A key of one's own is the token itself, and never ends."""
        return Grant(self.check_account(external), key)

    def probe(self, account: Account) -> Mapping[str, str]:
        return {"currency": self.client.ask(account, "account")["currency"]}

    def refresh(self, account: Account, refresh_token: str) -> Grant:
        raise Gone("a token of Parcel's cannot be renewed", platform=MANIFEST.key)

    def arrive(self, query: Mapping[str, str], journey: Journey) -> Grant | Elsewhere | Page:
        raise Rejected("Parcel is joined by its own token: run `connector connect parcel`")

    def framing(self, external: str) -> Sequence[str]:
        return ()

    def accept(self, query: Mapping[str, str], journey: Journey) -> Grant:
        raise Rejected("Parcel is joined by its own token: run `connector connect parcel`")


def build(kit: Kit) -> ParcelAuth:
    return ParcelAuth(Client(kit))
''',
    "adapters/parcel/inbound.py": '''
"""What Parcel sends: topic, account and body are signed together."""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from adapters.parcel import MANIFEST
from connector.domain.facts import ObjectRef
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Reading, Said, Sighting, Visitor

OUTCOMES = {"evidence": "a paid order", "not_used": "nothing that decides about a referral"}


def sign(secret: str, topic: str, account: str, body: bytes) -> bytes:
    text = f"{topic}\\n{account}\\n".encode("utf-8", "replace") + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest().encode()


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    topic, account = inbox.headers.get("parcel-topic", ""), inbox.headers.get("parcel-account", "")
    given = inbox.headers.get("parcel-signature", "").encode("utf-8", "replace")
    if not any(hmac.compare_digest(sign(s, topic, account, inbox.body), given) for s in secrets if s):
        raise Rejected("the signature is not Parcel's; check PARCEL_SECRET")
    if not re.fullmatch(MANIFEST.accounts, account):
        raise Rejected("no account is named")
    key = hashlib.sha256(inbox.body).hexdigest()
    return [Item(account, topic[:200], key, inbox.body, known=topic == "order.paid")]


def reply(inbox: Inbox) -> Said:
    return Said()


def visitor(inbox: Inbox, secrets: Sequence[str]) -> Visitor:
    raise Rejected("Parcel has no pages of its own")


def read(topic: str, body: bytes, at: datetime) -> Reading:
    if topic != "order.paid":
        return Reading("not_used", "This topic tells nothing.")
    try:
        data = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    number, code = (data.get("id"), data.get("code")) if isinstance(data, dict) else (None, None)
    if not isinstance(number, str) or not re.fullmatch("[0-9]{1,9}-[a-z]+", number):
        raise ValueError("the body names no order")
    hints = (code,) if isinstance(code, str) and code.isascii() and code.isalnum() else ()
    return Reading("evidence", "A paid order.", (Sighting(ObjectRef("order", number), at.astimezone(UTC), hints),))
''',
    "adapters/parcel/outbound.py": '''
"""What we ask of Parcel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.parcel.api import Client
from connector.domain.facts import ObjectRef, OrderPaid
from connector.domain.money import Money
from connector.domain.touch import Source, Touch
from connector.errors import Unknown
from connector.mapping import may_write
from connector.ports.platform import Absent, Account, Capability, Done, Effect, Finding, Glance, Guard, Holding, Kit, Remains, Seen, Truth, Wanted
from connector.ports.records import RecordResult, RecordWrite, Setup


@dataclass(frozen=True)
class ParcelOutbound:
    client: Client

    def _read(self, account: Account, refs: Sequence[ObjectRef]) -> Any:
        return self.client.ask(account, "read", ids=[ref.id for ref in refs])

    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:
        found = self._read(account, refs)
        return [_truth(ref, found.get(ref.id)) for ref in refs]

    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        found = self._read(account, refs)
        held = [(ref, found.get(ref.id)) for ref in refs]
        return [
            Glance(ref, True, datetime.fromisoformat(row["at"]), (row["code"],)) if row else Glance(ref, False)
            for ref, row in held
        ]

    def provision(self, account: Account, setup: Setup) -> Mapping[str, str]:
        return {}

    def unheard(self, account: Account) -> Sequence[ObjectRef]:
        return []

    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        found = self.client.ask(account, "person", email=email.strip().casefold())
        return ObjectRef("person", found) if found else None

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        given = {"key": effect.marker, "person": effect.owner, "minor": effect.amount.minor}
        try:
            return _done(self.client.ask(account, effect.direction, guard=guard, **given))
        except (KeyError, TypeError, ValueError) as error:
            raise Unknown("a success that names no movement", platform="parcel") from error

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        moved = self.client.ask(account, "look", kind=effect.direction, key=effect.marker)
        return _done(moved) if moved else Absent()

    def balance(self, account: Account, capability: Capability, owner: str, holder: str, currency: str) -> Money:
        return Money(self.client.ask(account, "balance", person=owner), currency)

    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        left = self.client.ask(account, "left", ids=[holding.transaction for holding in holdings])
        rows = zip(holdings, left, strict=True)
        return [Remains(h, None if minor is None else Money(minor, h.amount.currency)) for h, minor in rows]

    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        held = self._read(account, [write.ref for write in writes])
        return [self._write(account, write, held.get(write.ref.id)) for write in writes]

    def _write(self, account: Account, write: RecordWrite, row: Any) -> RecordResult:
        if row is None:
            return RecordResult(write.ref, refused="Parcel has no such object any more")
        now = {name: row["fields"].get(name) for name in write.fields}
        new = {name: f.value for name, f in write.fields.items() if may_write(f.policy, now[name], f.value)}
        was = {name: now[name] for name in new}
        if new and not self.client.ask(account, "write", id=write.ref.id, new=new, was=was):
            return RecordResult(write.ref, refused="somebody changed it meanwhile")
        return RecordResult(write.ref, tuple(new), tuple(name for name in now if name not in new))


def build(kit: Kit) -> ParcelOutbound:
    return ParcelOutbound(Client(kit))


def _done(moved: Any) -> Done:
    return Done(moved["id"], moved["holder"], datetime.fromisoformat(moved["at"]))


def _truth(ref: ObjectRef, row: Any) -> Truth:
    if row is None:
        return Truth(ref, found=False)
    at = datetime.fromisoformat(row["at"])
    buyer = (Seen("person", row["person"]), Seen("email", row["email"]))
    net = Money(row["net"], "EUR")
    paid = OrderPaid(ref, at, at, at, net, test=False, first_order=True)
    touches = (Touch(Source.LANDING_SITE, row["code"], at, evidence="its link"),) if row["code"] else ()
    return Truth(ref, True, at, at, buyer, touches, (paid,) if ref.kind == "order" else ())
''',
}
