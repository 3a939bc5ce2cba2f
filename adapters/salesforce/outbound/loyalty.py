"""Points: a program of Loyalty Management credits them by a process of the org's own, and debits them by another.

Such a process is not idempotent: run twice, it credits twice. So the transaction journal that it makes bears our mark, and
is looked for before anything is sent again. What an advocate has is one balance of points, whoever they are from.

Source: Loyalty Management Developer Guide, "Loyalty Program Process", "Credit Points to Members", "Debit Points from
Members", LoyaltyMemberCurrency, TransactionJournal. Names of processes and their parameters are each org's own; these are
the ones of Salesforce's templates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from adapters.plain import part, text_of, time_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, soql
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.outbound.org import Orgs
from adapters.salesforce.outbound.values import Json, held, money_in, stamp
from adapters.salesforce.outbound.whose import chosen, present
from connector.domain.money import Money
from connector.errors import PlatformError, Refused, Unknown
from connector.ports.platform import (
    Absent,
    Account,
    Direction,
    Done,
    Effect,
    Finding,
    Guard,
    Holding,
    Remains,
    Undecidable,
)

#: By direction: the choice that names the process, its parameter, and the type of its journal.
_PROCESSES = {
    Direction.CREDIT: ("credit_process", "PointsToCredit", "Accrual"),
    Direction.DEBIT: ("debit_process", "PointsToDebit", "Redemption"),
}
_JOURNAL = "TransactionJournal"
_FIELDS = "Id, TransactionAmount, ActivityDate, MemberId"


@dataclass(frozen=True)
class Loyalty:
    """Points of an org's loyalty program."""

    client: Client
    orgs: Orgs

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Have the process run once. Raises NotDone, Unknown, Refused or Gone."""
        guard.check()
        member = effect.holder or self._member(account, effect.owner)
        choice, parameter, kind = _PROCESSES[effect.direction]
        program, process = chosen(account, "loyalty_program"), chosen(account, choice)
        said: dict[str, Any] = {
            "ActivityDate": stamp(effect.since),
            "ExternalTransactionNumber": effect.marker,
            "JournalTypeName": kind,
            "MemberId": member,
            "TransactionAmount": effect.amount.decimal(),
            "Status": "Processed",
        }
        if (journals := self.orgs.kind(account, _JOURNAL)) and journals.field("CurrencyIsoCode"):
            said["CurrencyIsoCode"] = effect.amount.currency
        body = {"processParameters": [{_JOURNAL: said, parameter: float(_points(account, effect.amount))}]}
        path = f"connect/loyalty/programs/{quote(program, safe='')}/program-processes/{quote(process, safe='')}"
        told = self.client.run(account, "POST", path, operation=_name(effect), changes=True, body=body, guard=guard)
        _ran(told, effect)
        journal = self._made(account, effect)
        return Done(full_id(held(journal, "Id")), member, time_of(journal.get("ActivityDate")))

    def _made(self, account: Account, effect: Effect) -> Json:
        """The journal of what just ran: the answer does not name it. From here on every doubt is one about an effect."""
        try:
            return self._journals(account, effect)[-1]
        except (PlatformError, LookupError) as error:
            words = "the process ran, and its journal cannot be read"
            raise Unknown(words, platform=MANIFEST.key, operation=_name(effect)) from error

    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Whether the journal with our mark is there."""
        rows = [row for row in self._journals(account, effect) if not claimed(full_id(held(row, "Id")))]
        if not rows:
            return Absent()
        one, *others = rows
        if others:
            return Undecidable("several transaction journals bear our mark: look which of them counts")
        if money_in(one, "TransactionAmount", effect.amount.currency) != effect.amount:
            return Undecidable("a transaction journal bears our mark, and another amount: look what became of it")
        return Done(full_id(held(one, "Id")), full_id(held(one, "MemberId")), time_of(one.get("ActivityDate")))

    def _journals(self, account: Account, effect: Effect) -> Sequence[Json]:
        """Those with our mark, in the order in which they were made."""
        asked = f"SELECT {_FIELDS} FROM {_JOURNAL} WHERE ExternalTransactionNumber = {soql.text(effect.marker)}"  # noqa: S608
        return self.client.query(account, f"{asked} ORDER BY CreatedDate, Id", operation="journals")

    def balance(self, account: Account, owner: str, holder: str, currency: str) -> Money:
        """What all points of a member are worth, whole minor units."""
        member = holder or self._member(account, owner)
        left = self._lefts(account, [member]).get(member)
        if left is None:
            words = f"the loyalty program has no member {member} with points"
            raise Refused(words, code="ENTITY_IS_DELETED", platform=MANIFEST.key, operation="balance")
        return _worth(account, left, currency)

    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of each credit: points are one heap, so the credits of a member are the last to be spent of it."""
        heaps = self._lefts(account, [each.holder for each in holdings])
        found = []
        for each in holdings:
            heap = heaps.get(full_id(each.holder))
            left = None if heap is None else each.amount.at_most(_worth(account, heap, each.amount.currency))
            if left is not None and heap is not None:
                heaps[full_id(each.holder)] = heap - _points(account, left)
            found.append(Remains(each, left))
        return found

    def _lefts(self, account: Account, members: Sequence[str]) -> dict[str, Decimal]:
        """The points of each member, in the program's currency of points."""
        known = sorted({one for each in members if (one := full_id(each))})
        if not known:
            return {}
        asked = f"SELECT LoyaltyMemberId, PointsBalance FROM LoyaltyMemberCurrency WHERE LoyaltyMemberId IN {soql.texts(known)}"  # noqa: E501, S608
        if currency := account.choices.get("points_currency"):
            asked += f" AND LoyaltyProgramCurrency.Name = {soql.text(currency)}"
        found: dict[str, Decimal] = {}
        for row in self.client.query(account, asked, operation="points"):
            member = full_id(held(row, "LoyaltyMemberId"))
            if member in found:
                words = "the loyalty program has several currencies of points: choose `points_currency`"
                raise Refused(words, code="SEVERAL_CURRENCIES", platform=MANIFEST.key, operation="points")
            found[member] = Decimal(held(row, "PointsBalance") or 0)
        return found

    def _member(self, account: Account, owner: str) -> str:
        """The advocate's membership. Raises Refused where there is none."""
        program = chosen(account, "loyalty_program")
        contact = present(self.client, account, owner)
        asked = (
            f"SELECT Id FROM LoyaltyProgramMember WHERE ContactId = {soql.text(contact)}"  # noqa: S608
            f" AND Program.Name = {soql.text(program)} ORDER BY CreatedDate, Id"
        )
        found = self.client.query(account, asked, operation="member")
        if not found:
            words = f"the advocate's contact is no member of {program!r}: enrol them there, or pay with another kind"
            raise Refused(words, code="NO_MEMBER", platform=MANIFEST.key, operation="member")
        return full_id(held(found[0], "Id"))


def _rate(account: Account) -> int:
    return int(account.choices.get("points_per_unit") or 1)


def _points(account: Account, amount: Money) -> Decimal:
    return Decimal(amount.decimal()) * _rate(account)


def _worth(account: Account, points: Decimal, currency: str) -> Money:
    """Points as money, without parts of a minor unit."""
    one = Money(1, currency)
    return Money(int(points / (Decimal(one.decimal()) * _rate(account))), currency)


def _ran(told: Mapping[str, Any], effect: Effect) -> None:
    """Whether the process ran is not told by HTTP: `status` says it."""
    if not isinstance(told, Mapping) or not isinstance(told.get("status"), bool):
        words = "an answer that does not say whether the process ran"
        raise Unknown(words, platform=MANIFEST.key, operation=_name(effect))
    if told["status"] is not True:
        words = text_of(told.get("message")) or text_of(part(told.get("error")).get("message")) or "it said no more"
        raise Refused(f"the loyalty process refused: {words}", platform=MANIFEST.key, operation=_name(effect))


def _name(effect: Effect) -> str:
    return f"{effect.direction}_points"
