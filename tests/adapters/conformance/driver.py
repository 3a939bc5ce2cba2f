"""What the conformance suite asks of a platform's stand-in: one small Driver per platform, found by the platform's name.

`tests/adapters/conformance/<key>.py` holds `class Driver(Driver)`. It says how people, money and objects come to be
on the stand-in and what its own book holds; how the platform is called is never its business.
"""

from __future__ import annotations

import importlib
import importlib.util
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import count
from types import MappingProxyType
from uuid import UUID, uuid4

from adapters import Adapter, discover
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.errors import Late
from connector.ports.inbound import Inbox
from connector.ports.joining import Auth
from connector.ports.meter import Window
from connector.ports.platform import (
    Account,
    Capability,
    Direction,
    Effect,
    EffectClass,
    Holding,
    Kit,
    Operation,
    Outbound,
)
from connector.ports.records import FieldValue
from tests.adapters.conformance.wire import Request, Wire

CURRENCY = "EUR"
SECRET, OLD_SECRET = "the app's secret of today", "the app's secret of yesterday"
#: A call that gets no answer is given up after this, so that the tests of silence are quick.
SHORT_S = 0.5
_serial = count(1)


class Driver(ABC):
    """One platform's stand-in, as the suite drives it.

    settings: values of the platform's own settings. host: where its API is called. account and token: of the account that `start` opens.
    signature: the header that carries it; "" where nothing is signed, and a secret stands in the address. topics: all that `read` knows. outcomes: all words it may answer with. choices: what its merchant decided.
    compares: whether a value that somebody saves between our read and our write can be told from the one that we read.
    """

    settings: Mapping[str, str]
    host: str
    account: str
    token: str
    signature: str
    topics: Sequence[str]
    outcomes: frozenset[str]
    choices: Mapping[str, str] = MappingProxyType({})
    compares: bool = True

    @abstractmethod
    def start(self) -> str:
        """Start the stand-in with one account in it; its address."""

    @abstractmethod
    def stop(self) -> None: ...

    def base_url(self, address: str) -> str:
        """What the platform's URL setting says to reach a stand-in at `address`."""
        return address

    @abstractmethod
    def person(self, email: str) -> str:
        """A person with this address; the platform's id of them."""

    @abstractmethod
    def fund(self, person: str, capability: Capability, amount: Money) -> str:
        """Give money of this kind that none of the tests count; what the platform calls the place that holds it."""

    @abstractmethod
    def objects(self, number: int) -> list[ObjectRef]:
        """As many objects that may be read and written."""

    @abstractmethod
    def missing(self) -> ObjectRef:
        """A well-formed object that is not there."""

    @abstractmethod
    def effects(self, operation: Operation) -> list[int]:
        """Minor units of every movement of this operation, by the stand-in's own book."""

    def spend(self, holding: Holding, amount: Money) -> None:
        """The person buys something with it."""
        raise NotImplementedError

    def listed(self, people: Sequence[str]) -> str:
        """A list with these people on it; its name."""
        raise NotImplementedError

    def bearing(self, people: Sequence[str]) -> tuple[str, str]:
        """A field and its value that these people have, and nobody else."""
        raise NotImplementedError

    def run(self) -> str:
        """A run of our step that waits."""
        raise NotImplementedError

    def ended(self, run: str) -> list[Mapping[str, str]]:
        """All that the platform was told of this run."""
        raise NotImplementedError

    def bill(self, *, sent: bool = False, currency: str = CURRENCY) -> str:
        """A bill, as a draft unless it is sent already."""
        raise NotImplementedError

    def deducted(self, bill: str) -> list[int]:
        """Minor units of everything that was taken off a bill."""
        raise NotImplementedError

    def listener(self, email: str) -> None:
        """There is somebody with this address whom the platform can tell."""
        raise NotImplementedError

    def is_told(self, request: Request) -> bool:
        """Whether this request tells news."""
        raise NotImplementedError

    def heard(self, email: str) -> list[str]:
        """The ids of all news that the platform keeps of this person, as often as it counts them."""
        raise NotImplementedError

    @abstractmethod
    def is_send(self, request: Request, operation: Operation) -> bool:
        """Whether this request carries out the operation."""

    @abstractmethod
    def is_write(self, request: Request) -> bool:
        """Whether this request writes fields of records."""

    @abstractmethod
    def partly(self, operation: Operation) -> bool:
        """The next such call succeeds and reports an error beside it; False where the platform has no such answer."""

    @abstractmethod
    def fields(self) -> Sequence[tuple[str, str]]:
        """Two names of text fields and their types."""

    @abstractmethod
    def ranks(self) -> tuple[str, str]:
        """Two values of such a field, the lesser first."""

    @abstractmethod
    def set_field(self, ref: ObjectRef, name: str, value: str) -> None:
        """A person writes a field."""

    @abstractmethod
    def field(self, ref: ObjectRef, name: str) -> str | None: ...

    def own(self, ref: ObjectRef, name: str, value: str) -> None:
        """A field of the merchant's own, which is none of ours, holds this."""
        raise NotImplementedError

    def owned(self, ref: ObjectRef, name: str) -> str | None:
        raise NotImplementedError

    def stocked(self, codes: Sequence[str]) -> None:
        """The shop has discounts with these codes."""
        raise NotImplementedError

    def pooled(self, coupon: str) -> list[str]:
        """The codes in a coupon, as often as they are there."""
        raise NotImplementedError

    def warns_below(self, coupon: str) -> int:
        """With fewer codes left in a coupon the platform warns."""
        raise NotImplementedError

    def is_publish(self, request: Request) -> bool:
        """Whether this request puts a code into a coupon."""
        raise NotImplementedError

    @abstractmethod
    def body(self, topic: str) -> bytes:
        """A delivery's body as it is kept."""

    def envelope(self, body: bytes) -> bytes:
        """A request's body with this one delivery in it, for platforms that send several at once."""
        return body

    @abstractmethod
    def signed(self, body: bytes, secret: str, topic: str = "") -> Inbox:
        """A request with exactly these bytes, as the platform signs it."""

    def marked(self, inbox: Inbox, mark: str | None) -> Inbox:
        """The same request with another signature, or with none."""
        headers = {name: value for name, value in inbox.headers.items() if name != self.signature}
        return replace(inbox, headers=headers | ({self.signature: mark} if mark is not None else {}))


@dataclass(frozen=True)
class Variant:
    """One way in which a money operation may be asked for, and the effect class that then holds."""

    platform: str
    operation: Operation
    expiring: bool

    @property
    def effect_class(self) -> EffectClass:
        return self.operation.effect_for(datetime.now(UTC) if self.expiring else None)

    def __str__(self) -> str:
        capability, direction = self.operation.capability, self.operation.direction
        return f"{self.platform}-{capability}-{direction}-{self.effect_class}"


def variants(*classes: EffectClass) -> list[Variant]:
    """Every declared money operation in each of its variants; with `classes`, only those of these effect classes."""
    found = [
        Variant(key, operation, expiring)
        for key, adapter in discover().items()
        for operation in adapter.manifest.operations
        if CASES.get(operation.capability) != "told"
        for expiring in ([False, True] if operation.effect_with_expiry else [False])
    ]
    return [variant for variant in found if not classes or variant.effect_class in classes]


class Meter:
    """The share of the rate limit is not what is tested here."""

    def take(self, connection: UUID, cost: float) -> None: ...
    def enter(self, connection: UUID, window: Window) -> None: ...
    def saw(self, connection: UUID, window: Window, left: int) -> None: ...
    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None: ...


class OnTime:
    def check(self) -> None: ...


class TooLate:
    def check(self) -> None:
        raise Late("the deadline has passed")


@dataclass
class Bench:
    """An adapter connected to its stand-in through the bad wire."""

    adapter: Adapter
    driver: Driver
    wire: Wire

    @cached_property
    def account(self) -> Account:
        driver = self.driver
        return Account(uuid4(), self.adapter.manifest.key, driver.account, driver.token, driver.choices)

    def kit(self, address: str, timeout_s: float = 10.0) -> Kit:
        settings = {**self.driver.settings, self.adapter.manifest.app_secret: SECRET}
        return Kit(settings, Meter(), base_url=self.driver.base_url(address), timeout_s=timeout_s)

    @cached_property
    def out(self) -> Outbound:
        return self.adapter.outbound(self.kit(self.wire.url))

    @cached_property
    def hasty(self) -> Outbound:
        """The same, but it does not wait long for an answer."""
        return self.adapter.outbound(self.kit(self.wire.url, SHORT_S))

    @cached_property
    def auth(self) -> Auth:
        return self.adapter.auth(self.kit(self.wire.url))

    def effect(self, variant: Variant, minor: int = 700) -> Effect:
        """A fresh intended movement for a person of its own, who holds enough to take back from."""
        number, amount, now = next(_serial), Money(minor, CURRENCY), datetime.now(UTC)
        owner, holder = self.driver.person(f"person{number}@example.com"), ""
        if variant.operation.direction is Direction.DEBIT:
            holder = self.driver.fund(owner, variant.operation.capability, Money(10 * minor, CURRENCY))
        ends = (now + timedelta(days=180)).replace(minute=0, second=0, microsecond=0) + timedelta(seconds=number)
        effect = Effect(
            id=uuid4(),
            capability=variant.operation.capability,
            direction=variant.operation.direction,
            owner=owner,
            holder=holder,
            amount=amount,
            marker=uuid4().hex[:24],
            since=now,
            expires_at=ends if variant.expiring else None,
            leaves=Money(9 * minor, CURRENCY) if holder else None,
            code=secrets.token_hex(8).upper(),
        )
        return effect if variant.effect_class is not EffectClass.D else replace(effect, marker="")

    def another(self, variant: Variant, effect: Effect) -> Effect:
        """Another intended movement, as near to this one as two of ours may come."""
        if variant.effect_class is EffectClass.A and effect.leaves is not None:
            return self.effect(variant)  # what sets a state outright is told apart by what it sets
        ends = effect.expires_at and effect.expires_at + timedelta(seconds=1)
        code, mark = secrets.token_hex(8).upper(), uuid4().hex[:24]
        return replace(effect, id=uuid4(), marker=effect.marker and mark, code=code, expires_at=ends)

    def balance(self, effect: Effect, holder: str) -> Money:
        """What the holder has; nothing before there is one."""
        if not holder and effect.capability is not Capability.BALANCE:
            return Money.zero(CURRENCY)
        return self.out.balance(self.account, effect.capability, effect.owner, holder, CURRENCY)

    def find(self, effect: Effect, *claimed: str) -> object:
        return self.out.find(self.account, effect, lambda transaction: transaction in claimed)

    def field(self, value: str, policy: str, place: int = 0) -> Mapping[str, FieldValue]:
        name, kind = self.driver.fields()[place]
        return {name: FieldValue(value, policy, kind)}


def load(key: str) -> type[Driver]:
    """The platform's driver. Raises AssertionError that says what to write."""
    name = f"tests.adapters.conformance.{key}"
    assert importlib.util.find_spec(name), f"{name.replace('.', '/')}.py is missing: give {key} a Driver"
    found: type[Driver] = importlib.import_module(name).Driver
    return found


@contextmanager
def bench(key: str) -> Iterator[Bench]:
    """The adapter on a stand-in of its own."""
    driver = load(key)()
    address = driver.start()
    try:
        with Wire(address) as wire:
            yield Bench(discover()[key], driver, wire)
    finally:
        driver.stop()


#: How each capability is held to its promise; a capability that is missing here has no cases yet.
CASES = {
    Capability.BALANCE: "money",
    Capability.CODE: "money",
    Capability.GIFT_CARD: "money",
    Capability.POINTS: "money",
    Capability.NATIVE: "told",
    Capability.RECORD: "records",
    Capability.EVENT: "news",
    Capability.OFFER: "offers",
    Capability.HISTORY: "history",
    Capability.LISTS: "people",
    Capability.STEPS: "people",
    Capability.BILLS: "bills",
    Capability.FORGET: "forgetting",
    Capability.CODES_KNOWN: "coupons",
    Capability.COUPONS: "coupons",
}
