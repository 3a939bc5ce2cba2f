"""Referral Credits: one record for each reward, and one for each that was taken back; what is left of a credit is

what was credited, less what was taken back, less what staff say was used.

Each has our key as its unique external id, so that written twice it is still one record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from adapters.plain import text_of, time_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.api import SETUP, Client, Item, refused, shaped, soql
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.values import Json, held, money_in, stamp
from adapters.salesforce.outbound.whose import present
from connector import clock
from connector.domain.money import Money
from connector.errors import Refused, Unavailable, Unknown
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
from connector.ports.records import OWNED_BY, RecordResult, RecordWrite

CREDIT = "Referral_Credit__c"
KEY, KIND, AMOUNT, USED, CURRENCY = (
    "Idempotency_Key__c", "Kind__c", "Amount__c", "Applied_Amount__c", "Currency_Code__c",
)  # fmt: skip
REVERSES, ISSUED_AT, PAID_IN = "Reversal_Of__c", "Issued_At__c", "Paid_In__c"
ADVOCATE = {True: "Advocate_Lead__c", False: "Advocate_Contact__c"}
REFERRED = {True: "Referred_Lead__c", False: "Referred_Contact__c"}
OPPORTUNITY = "Opportunity__c"
#: All that a movement of money needs to be there.
NEEDED = (KEY, KIND, AMOUNT, USED, CURRENCY, REVERSES, ISSUED_AT, *ADVOCATE.values())
CREDITED, TAKEN_BACK = "Credit", "Taken back"
_GONE = "the Referral Credit was deleted: restore it from the recycle bin, or settle it by hand"


@dataclass(frozen=True)
class Credits:
    """Referral credit of an org."""

    client: Client
    orgs: Orgs

    # ── Moving ──────────────────────────────────────────────────────────────────────────────────────────────────

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Move the money once. Raises NotDone, Unknown, Refused or Gone."""
        guard.check()
        with self._mendable(account):
            return self._issue(account, effect, guard)

    def _issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        kind = self._kind(account)
        standing = self._by_key(account, kind, effect)
        if standing is not None and standing.get("IsDeleted") is True:
            raise Refused(_GONE, code="ENTITY_IS_DELETED", platform=MANIFEST.key, operation=_name(effect))
        if standing is not None:
            return _done(kind, standing, effect)
        amount, values = effect.amount, self._new(account, kind, effect)
        if effect.direction is Direction.DEBIT:
            amount = effect.amount.at_most(self._left(account, kind, effect))
            values[kind.names([AMOUNT])[AMOUNT]] = -float(amount.decimal())
        own = kind.names([KEY])[KEY]
        record = {"attributes": {"type": kind.name}, own: key_of(effect), **values}
        (item,) = self.client.save(account, [record], operation=_name(effect), key=own, kind=kind.name, effect=guard)
        return Done(self._id_of(item, effect), effect.holder or full_id(item.id), amount=amount)

    def _id_of(self, item: Item, effect: Effect) -> str:
        if item.problem is not None and item.problem.code == "DUPLICATE_VALUE":
            # Another call of ours with the same key was faster: it is looked up, like any that may have had its effect.
            raise Unknown(item.problem.words, platform=MANIFEST.key, operation=_name(effect))
        if item.problem is not None:
            raise refused(item.problem, _name(effect))
        if not full_id(item.id):
            raise Unknown("a success that names no record", platform=MANIFEST.key, operation=_name(effect))
        return full_id(item.id)

    def _new(self, account: Account, kind: Kind, effect: Effect) -> dict[str, Any]:
        """What a new record says, by the org's own names. Raises Refused where fields are hidden from us."""
        owner = present(self.client, account, effect.owner)
        credit = effect.direction is Direction.CREDIT
        said: dict[str, Any] = {
            KIND: CREDITED if credit else TAKEN_BACK,
            AMOUNT: float(effect.amount.decimal()),
            CURRENCY: effect.amount.currency,
            ISSUED_AT: stamp(clock.now()),
            PAID_IN: MANIFEST.label,
            ADVOCATE[is_lead(owner)]: owner,
        }
        if not credit and effect.holder:
            said[REVERSES] = effect.holder
        names = kind.names(said)
        return {names[name]: value for name, value in said.items() if name in names}

    # ── Reading back ────────────────────────────────────────────────────────────────────────────────────────────

    @shaped
    def find(self, account: Account, effect: Effect) -> Finding:
        """Whether the record with our key is there."""
        with self._mendable(account):
            kind = self._kind(account)
            standing = self._by_key(account, kind, effect)
        if standing is None:
            return Absent()
        if standing.get("IsDeleted") is True:
            return Undecidable(_GONE)
        return _done(kind, standing, effect)

    @shaped
    def _by_key(self, account: Account, kind: Kind, effect: Effect) -> Json | None:
        """The record with the effect's key that says how much was moved; one that only tells of a promise is none."""
        own = kind.names(NEEDED)
        asked = f"SELECT Id, IsDeleted, {', '.join(own.values())} FROM {kind.name} WHERE {own[KEY]} = {soql.text(key_of(effect))}"  # noqa: E501, S608
        found = self.client.query(account, asked, operation="credit", deleted=True)
        return next((row for row in found if row.get(own[AMOUNT]) is not None), None)

    @shaped
    def _left(self, account: Account, kind: Kind, effect: Effect) -> Money:
        return self._balance(account, kind, effect.owner, effect.holder, effect.amount.currency)

    @shaped
    def balance(self, account: Account, owner: str, holder: str, currency: str) -> Money:
        """What is left of one credit, or of all of somebody's in this currency where none is named."""
        with self._mendable(account):
            return self._balance(account, self._kind(account), owner, holder, currency)

    def _balance(self, account: Account, kind: Kind, owner: str, holder: str, currency: str) -> Money:
        if holder:
            left = self._lefts(account, kind, [holder]).get(holder)
            if left is None:
                raise Refused(_GONE, code="ENTITY_IS_DELETED", platform=MANIFEST.key, operation="balance")
            return left.at_least_zero() if left.currency == currency else Money.zero(currency)
        own, now = kind.names(NEEDED), present(self.client, account, owner)
        whose = " OR ".join(f"{own[name]} IN {soql.texts({owner, now})}" for name in ADVOCATE.values() if name in own)
        asked = f"SELECT Id FROM {kind.name} WHERE ({whose}) AND {own[KIND]} = {soql.text(CREDITED)}"  # noqa: S608
        ids = [full_id(held(row, "Id")) for row in self.client.query(account, asked, operation="credits")]
        total = Money.zero(currency)
        for left in self._lefts(account, kind, ids).values():
            total = total + left.at_least_zero() if left.currency == currency else total
        return total

    @shaped
    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of each credit: staff say on the record itself how much of it was used."""
        with self._mendable(account):
            left = self._lefts(account, self._kind(account), [each.holder for each in holdings])
        return [
            Remains(each, money.at_least_zero() if (money := left.get(each.holder)) is not None else None)
            for each in holdings
        ]

    def _lefts(self, account: Account, kind: Kind, ids: Iterable[str]) -> dict[str, Money]:
        """What is left of each credit that is there, by the record's id."""
        known = sorted({one for each in ids if (one := full_id(each))})
        if not known:
            return {}
        listed = soql.texts(known)
        own = kind.names(NEEDED)
        fields = ", ".join(["Id", *own.values()])
        queries = {
            "credits": f"SELECT {fields} FROM {kind.name} WHERE Id IN {listed}",  # noqa: S608
            "reversals": f"SELECT {fields} FROM {kind.name} WHERE {own[REVERSES]} IN {listed}",  # noqa: S608
        }
        told = self.client.queries(account, queries, operation="remains")
        back: dict[str, list[Json]] = defaultdict(list)
        for row in told["reversals"]:
            back[full_id(held(row, own[REVERSES]))].append(row)
        return {
            (one := full_id(held(row, "Id"))): _left_of(own, row, back[one])
            for row in told["credits"]
            if row.get(own[AMOUNT]) is not None
        }

    def _kind(self, account: Account) -> Kind:
        """Our kind of record. Raises Unavailable where fields of it are hidden: an admin is about to mend that."""
        kind = self.orgs.needs(account, CREDIT)
        if lacking := [name for name in NEEDED if kind.field(name) is None]:
            self.orgs.forget(account)
            words = f"our user does not see {', '.join(lacking)} of {CREDIT}: assign our permission set to it"
            raise Unavailable(words, platform=MANIFEST.key, operation="describe")
        return kind

    @contextmanager
    def _mendable(self, account: Account) -> Iterator[None]:
        """A field that was hidden or removed lately is no refusal of a reward: an admin mends that, and then it is paid."""
        try:
            yield
        except Refused as error:
            if error.code not in SETUP:
                raise
            self.orgs.forget(account)
            raise Unavailable(error.reason, platform=MANIFEST.key, operation=error.operation) from error

    # ── What sales people read beside it ────────────────────────────────────────────────────────────────────────

    def keep(self, account: Account, writes: Sequence[RecordWrite]) -> dict[int, RecordResult]:
        """The promise and where it stands, one record for each reward; the money on it is never touched here."""
        kind = self.orgs.kind(account, CREDIT) if writes else None
        own = kind.names([KEY]).get(KEY) if kind else None
        if kind is None or own is None:
            return {id(write): RecordResult(write.ref) for write in writes}
        records = [{"attributes": {"type": kind.name}, own: write.ref.id, **_said(kind, write)} for write in writes]
        items = self.client.save(account, records, operation="keep_credits", key=own, kind=kind.name) if records else ()
        return {
            id(write): RecordResult(
                write.ref,
                () if item.problem else tuple(kind.names(write.fields)),
                refused=item.problem.words if item.problem else "",
            )
            for write, item in zip(writes, items, strict=True)
        }


def key_of(effect: Effect) -> str:
    """A credit bears its reward's id, as the record of its promise does; what is taken back bears a mark of its own."""
    return str(effect.reward) if effect.reward and effect.direction is Direction.CREDIT else effect.marker


def _name(effect: Effect) -> str:
    return f"{effect.direction}_referral"


def _done(kind: Kind, record: Json, effect: Effect) -> Done:
    """What stands there was done before: its amount is what moved."""
    own = kind.names(NEEDED)
    moved = money_in(record, own[AMOUNT], held(record, own[CURRENCY]) or effect.amount.currency)
    one = full_id(held(record, "Id"))
    if moved is None or not one:
        raise ValueError("the credit names no amount")
    amount = moved if moved.minor >= 0 else Money(-moved.minor, moved.currency)
    return Done(one, effect.holder or one, time_of(record.get(own[ISSUED_AT])), amount)


def _left_of(own: Mapping[str, str], credit: Json, back: Sequence[Json]) -> Money:
    currency = text_of(credit.get(own[CURRENCY]))
    left = Money.zero(currency)
    for row, name in ((credit, AMOUNT), *((row, AMOUNT) for row in back)):
        left = left + (money_in(row, own[name], currency) or Money.zero(currency))
    return left - (money_in(credit, own[USED], currency) or Money.zero(currency))


def _said(kind: Kind, write: RecordWrite) -> dict[str, Any]:
    """The mapped fields as they have them there, and the records that the reward belongs to."""
    said: dict[str, Any] = {
        there.name: there.typed(new.value) for n, new in write.fields.items() if (there := kind.field(n))
    }
    for link in write.links:
        name = OPPORTUNITY
        if link.to.kind == MANIFEST.person_kind:
            name = (ADVOCATE if link.label == OWNED_BY else REFERRED)[is_lead(link.to.id)]
        if there := kind.field(name):
            said[there.name] = link.to.id
    return said
