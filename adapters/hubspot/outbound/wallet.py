"""The wallet: HubSpot has none, so an advocate's contact bears a balance and a history of what moved it.

Each movement is one line of the history that ends with our mark. Balance, lifetime and history are written together in
one call, as they stand after the movement: written twice they say the same, and a mark that is there already is proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from adapters.hubspot import MANIFEST
from adapters.hubspot.api import VERSION, Client, shaped
from adapters.hubspot.api.answers import ABSENT_PROPERTY
from adapters.hubspot.outbound.values import Json
from adapters.plain import text_of, time_of
from connector import clock
from connector.domain.money import Money
from connector.errors import Refused, Unavailable, Unknown
from connector.ports.platform import (
    Absent,
    Account,
    Capability,
    Direction,
    Done,
    Effect,
    Finding,
    Guard,
    Holding,
    Remains,
    Undecidable,
)

BALANCE, CURRENCY, LIFETIME, HISTORY = (
    "referral_credit_balance", "referral_credit_currency", "referral_credit_lifetime", "referral_credit_history",
)  # fmt: skip
LAST_AMOUNT, LAST_AT, LAST_MARK = (
    "referral_last_credit_amount", "referral_last_credit_at", "referral_last_credit_id",
)  # fmt: skip
WALLET = (BALANCE, CURRENCY, LIFETIME, HISTORY)
#: Lines that are kept. A mark is looked for within minutes, and people read the newest ones.
LINES = 200
_LINE = re.compile(r"(?P<day>\S+) (?P<sign>[+-])(?P<amount>[0-9.]+) (?P<currency>[A-Z]{3}) mark:(?P<mark>\S+)")
_GONE = "the contact is gone or was merged: look where their referral credit went"


@dataclass(frozen=True)
class _Line:
    """One movement. credit: to the person."""

    day: str
    credit: bool
    amount: Money
    mark: str

    def __str__(self) -> str:
        sign = "+" if self.credit else "-"
        return f"{self.day} {sign}{self.amount.decimal()} {self.amount.currency} mark:{self.mark}"


@dataclass(frozen=True)
class _Held:
    """What a contact's wallet holds. id: of the record that answers, which may be the one it was merged into.

    history: what stands there, whoever wrote it; lines: those of it that are ours, newest first.
    """

    id: str
    balance: Money
    lifetime: Money
    history: tuple[str, ...]

    @property
    def lines(self) -> Iterator[_Line]:
        return (line for text in self.history if (line := _line(text)))

    def line(self, mark: str) -> _Line | None:
        return next((line for line in self.lines if line.mark == mark), None)


@dataclass(frozen=True)
class Wallet:
    """Referral credit on contacts."""

    client: Client

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Move the balance once. Raises NotDone, Unknown, Refused or Gone."""
        guard.check()
        held = self._one(account, effect.owner, effect.amount.currency)
        if standing := held.line(effect.marker):
            return Done(effect.marker, held.id, amount=standing.amount)
        moved = _after(held, effect)
        path, filled = f"/crm/objects/{VERSION}/contacts/{{contactId}}", {"contactId": held.id}
        body = {"properties": moved}
        try:
            told = self.client.run(
                account, "PATCH", path, operation=_name(effect), body=body, filled=filled, changes=True, effect=guard
            )
        except Refused as error:
            if error.code != ABSENT_PROPERTY:
                raise
            raise Unavailable("the properties for referral credit are not made yet", platform=MANIFEST.key) from error
        properties = told.get("properties")
        if text_of(told.get("id")) != held.id or not isinstance(properties, dict):
            raise Unknown("a success that names no contact", platform=MANIFEST.key, operation=_name(effect))
        taken = effect.amount if effect.direction is Direction.CREDIT else effect.amount.at_most(held.balance)
        return Done(effect.marker, held.id, time_of(told.get("updatedAt")), taken)

    @shaped
    def find(self, account: Account, effect: Effect, _claimed: Callable[[str], bool]) -> Finding:
        """Whether the contact's history bears our mark."""
        held = self._wallet(account, effect.owner, effect.amount.currency)
        if held is None:
            return Undecidable(_GONE)
        line = held.line(effect.marker)
        return Done(effect.marker, held.id, amount=line.amount) if line else Absent()

    def balance(self, account: Account, _capability: Capability, owner: str, holder: str, currency: str) -> Money:
        """What the contact has now. Raises Refused for one that is gone, or whose credit is in another currency."""
        return self._one(account, holder or owner, currency).balance

    @shaped
    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of each: staff lower a balance when credit is used, and the oldest credit is used first."""
        read = self.client.read(account, "contact", [each.holder for each in holdings], WALLET)
        left: dict[tuple[str, str], Money] = {}
        for holder, record in read.found.items():
            currency = next(each.amount.currency for each in holdings if each.holder == holder)
            left |= {(holder, mark): money for mark, money in _shares(_held(record, currency))}
        return [Remains(each, left.get((each.holder, each.transaction))) for each in holdings]

    def _one(self, account: Account, owner: str, currency: str) -> _Held:
        """One contact's wallet. Raises Refused where there is none, or it holds another currency."""
        held = self._wallet(account, owner, currency)
        if held is None:
            raise Refused(_GONE, code="OBJECT_NOT_FOUND", platform=MANIFEST.key, operation="wallet")
        return held

    @shaped
    def _wallet(self, account: Account, owner: str, currency: str) -> _Held | None:
        record = self.client.read(account, "contact", [owner], WALLET).found.get(owner)
        return _held(record, currency) if record else None


def _name(effect: Effect) -> str:
    return f"{effect.direction}_wallet"


def _held(record: Json, currency: str) -> _Held:
    """Raises Refused for a wallet of another currency, or whose balance somebody made something else of."""
    properties = record["properties"]
    standing = text_of(properties.get(CURRENCY)) or currency
    amounts = []
    for name in (BALANCE, LIFETIME):
        try:
            amounts.append(Money.parse(text_of(properties.get(name)) or "0", standing))
        except ValueError as error:
            words = f"{name} of the contact is no amount: set it to what they are owed"
            raise Refused(words, code="CHANGED", platform=MANIFEST.key, operation="wallet") from error
    balance, lifetime = amounts
    if standing != currency and balance:
        words = f"the contact's referral credit is in {standing}, and this one is in {currency}"
        raise Refused(words, code="CURRENCY", platform=MANIFEST.key, operation="wallet")
    if standing != currency:
        balance, lifetime = Money.zero(currency), Money.zero(currency)
    history = properties.get(HISTORY)
    texts = tuple(history.splitlines()) if isinstance(history, str) else ()
    return _Held(str(record["id"]), balance.at_least_zero(), lifetime, texts)


def _line(text: str) -> _Line | None:
    """A line of ours; None for what people wrote among them."""
    found = _LINE.fullmatch(text.strip())
    if found is None:
        return None
    try:
        amount = Money.parse(found["amount"], found["currency"])
    except ValueError:
        return None
    return _Line(found["day"], found["sign"] == "+", amount, found["mark"])


def _after(held: _Held, effect: Effect) -> dict[str, str]:
    """All of the wallet as it stands after the movement. A balance never falls below nothing."""
    credit, now = effect.direction is Direction.CREDIT, clock.now()
    amount = effect.amount if credit else effect.amount.at_most(held.balance)
    balance = held.balance + amount if credit else held.balance - amount
    lifetime = held.lifetime + amount if credit else (held.lifetime - amount).at_least_zero()
    line = str(_Line(now.date().isoformat(), credit, amount, effect.marker))
    moved = {
        BALANCE: balance.decimal(),
        CURRENCY: amount.currency,
        LIFETIME: lifetime.decimal(),
        HISTORY: "\n".join([line, *held.history][:LINES]),
    }
    return moved | (_last(effect, now) if credit else {})


def _last(effect: Effect, now: datetime) -> dict[str, str]:
    when = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {LAST_AMOUNT: effect.amount.decimal(), LAST_AT: when, LAST_MARK: effect.marker}


def _shares(held: _Held) -> Iterator[tuple[str, Money]]:
    """How much of the balance each credit still is, the newest first: the oldest was used first."""
    left = held.balance
    for line in held.lines:
        if line.credit and line.amount.currency == left.currency:
            share = line.amount.at_most(left)
            left = left - share
            yield line.mark, share
