"""Reads: the truth of people and opportunities, two hundred of them in two or three calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import BATCH, SETUP, Client, shaped, soql
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound import deals, people
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.people import Person
from adapters.salesforce.outbound.values import Json, held
from connector import clock
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Refused
from connector.ports.platform import Account, Glance, Truth, Wanted

T = TypeVar("T")
_Records = Mapping[str, tuple[Kind, Json]]


@dataclass(frozen=True)
class Reads:
    """Records as they are now."""

    client: Client
    orgs: Orgs

    @shaped
    def fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: Wanted) -> Sequence[Truth]:
        """The present truth of up to `read_batch` records; an opportunity with everybody on it."""
        return self.fresh(account, lambda: self._fetch(account, refs, wanted.properties))

    def _fetch(self, account: Account, refs: Sequence[ObjectRef], wanted: frozenset[str]) -> list[Truth]:
        at = clock.now()  # before any of it is read: what changes from now on is read again
        persons = self.people(account, _people_among(refs), wanted)
        found, view = self._deals(account, _others_among(refs), wanted), None
        if found:
            view = deals.View(self.orgs.needs(account, "Opportunity"), self.orgs.told(account).currency, at, wanted)
        truths = []
        for ref in refs:
            person, deal = persons.get(ref.id), found.get(ref.id)
            if person is not None:
                truths.append(_readable(ref, partial(people.person_truth, ref, person, wanted, at)))
            elif deal is not None and view is not None:
                truths.append(_readable(ref, partial(deals.deal_truth, view, ref, deal)))
            else:
                truths.append(Truth(ref, found=False))
        return truths

    @shaped
    def glance(self, account: Account, refs: Sequence[ObjectRef]) -> Sequence[Glance]:
        """Codes on people, and on everybody of opportunities."""
        return self.fresh(account, lambda: self._glance(account, refs))

    def _glance(self, account: Account, refs: Sequence[ObjectRef]) -> list[Glance]:
        at, nothing = clock.now(), frozenset[str]()
        on = {one: [person] for one, person in self.people(account, _people_among(refs), nothing).items()}
        on |= {one: [*deal.people] for one, deal in self._deals(account, _others_among(refs), nothing).items()}
        hints = {
            one: tuple(dict.fromkeys(hint for each in there for hint in each.hints())) for one, there in on.items()
        }
        return [Glance(ref, ref.id in on, at, hints.get(ref.id, ())) for ref in refs]

    def fresh(self, account: Account, read: Callable[[], T]) -> T:
        """A query fails as a whole if it names a field that is gone: the fields are read anew, and it is asked once more."""
        try:
            return read()
        except Refused as error:
            if error.code not in SETUP:
                raise
            self.orgs.forget(account)
            return read()

    # ── People ──────────────────────────────────────────────────────────────────────────────────────────────────

    def people(self, account: Account, ids: Collection[str], wanted: frozenset[str]) -> dict[str, Person]:
        """People by the ids that were asked for, in batches. What was converted or merged answers with what it became."""
        every, found = sorted(set(ids)), dict[str, Person]()
        for start in range(0, len(every), BATCH):
            found |= self._people(account, every[start : start + BATCH], wanted)
        return found

    def _people(self, account: Account, ids: Sequence[str], wanted: frozenset[str]) -> dict[str, Person]:
        leads, contacts = [each for each in ids if is_lead(each)], [each for each in ids if not is_lead(each)]
        records = dict(self._records(account, leads, contacts, wanted))
        for _ in range(_STEPS):
            further = sorted({each for _, record in records.values() if (each := _became(record))} - records.keys())
            if not further:
                break
            leads, contacts = [e for e in further if is_lead(e)], [e for e in further if not is_lead(e)]
            records |= self._records(account, leads, contacts, wanted)
        return {each: person for each in ids if each in records and (person := _person(each, records))}

    def _records(
        self, account: Account, leads: Collection[str], contacts: Collection[str], wanted: frozenset[str]
    ) -> _Records:
        """Leads, contacts, and what became these contacts, in one call; deleted ones too, for merged ones are deleted."""
        asked = (
            ("Lead", "Id", leads),
            ("Contact", "Id", contacts),
            ("Lead", "ConvertedContactId", contacts),
            ("Contact", "MasterRecordId", contacts),
        )
        kinds, queries = dict[str, Kind](), dict[str, str]()
        for name, field, ids in asked:
            if ids:
                kind = kinds[f"{name}{field}"] = self.orgs.needs(account, name)
                fields = ", ".join(people.fields_of(kind, wanted))
                queries[f"{name}{field}"] = f"SELECT {fields} FROM {name} WHERE {field} IN {soql.texts(ids)}"  # noqa: S608
        told = self.client.queries(account, queries, operation="people", deleted=True) if queries else {}
        return {full_id(held(record, "Id")): (kinds[name], record) for name, each in told.items() for record in each}

    # ── Opportunities ───────────────────────────────────────────────────────────────────────────────────────────

    def _deals(self, account: Account, ids: Sequence[str], wanted: frozenset[str]) -> dict[str, deals.Deal]:
        """Opportunities, deleted ones too, with everybody on them by contact role or because their lead became it."""
        if not ids:
            return {}
        kind, listed = self.orgs.needs(account, "Opportunity"), soql.texts(ids)
        asked = f"SELECT {', '.join(deals.fields_of(kind, wanted))} FROM Opportunity WHERE Id IN {listed}"  # noqa: S608
        own = self.client.query(account, asked, operation="opportunities", deleted=True)
        records = {full_id(held(record, "Id")): record for record in own}
        on, first, since = self._on(account, records)
        persons = self.people(account, {each for there in on.values() for each in there}, frozenset())
        found = {}
        for one, record in records.items():
            there = {person.id: person for each in on[one] if (person := persons.get(each))}
            oldest = first.get(full_id(held(record, "AccountId")), "")
            found[one] = deals.Deal(record, tuple(there.values()), oldest, since.get(one, ""))
        return found

    def _on(
        self, account: Account, records: Mapping[str, Json]
    ) -> tuple[dict[str, list[str]], dict[str, str], dict[str, str]]:
        """Who is on each opportunity, when the first one that was won of each account was made, and since when it is won."""
        listed = soql.texts(records)
        accounts = sorted({each for record in records.values() if (each := full_id(held(record, "AccountId")))})
        queries = {
            "roles": f"SELECT OpportunityId, ContactId FROM OpportunityContactRole WHERE OpportunityId IN {listed}",  # noqa: S608
            "leads": f"SELECT Id, ConvertedOpportunityId FROM Lead WHERE ConvertedOpportunityId IN {listed}",  # noqa: S608
        }
        if accounts:
            queries["won"] = (
                "SELECT AccountId, MIN(CreatedDate) oldest FROM Opportunity WHERE IsWon = true"  # noqa: S608
                f" AND AccountId IN {soql.texts(accounts)} GROUP BY AccountId"
            )
        if records and self.orgs.kind(account, _PAST):
            queries["past"] = (
                f"SELECT OpportunityId, ForecastCategory, CreatedDate FROM {_PAST} WHERE OpportunityId IN {listed}"  # noqa: S608
                " ORDER BY CreatedDate, Id"
            )
        told = self.client.queries(account, queries, operation="on_opportunities") if records else {}
        on: dict[str, list[str]] = defaultdict(list)
        for name, (of, who) in _ON.items():
            for row in told.get(name, ()):
                on[full_id(held(row, of))].append(full_id(held(row, who)))
        for one, record in records.items():
            on[one] += filter(None, [full_id(held(record, "ContactId"))])
        first = {full_id(held(row, "AccountId")): held(row, "oldest") for row in told.get("won", ())}
        return on, first, _won_since(told.get("past", ()))

    # ── People by their addresses ───────────────────────────────────────────────────────────────────────────────

    def unheard(self, _account: Account) -> Sequence[ObjectRef]:
        """Nothing: all that changes is polled."""
        return ()

    @shaped
    def find_person(self, account: Account, email: str) -> ObjectRef | None:
        """The contact with this address, else the lead."""
        return self.find_people(account, [email]).get(normal(EMAIL, email))

    def find_people(self, account: Account, emails: Iterable[str]) -> Mapping[str, ObjectRef]:
        """People by their addresses in plain spelling: a contact before a lead, the oldest first, no converted leads."""
        wanted = sorted({normal(EMAIL, email) for email in emails if "@" in email.strip("@")})
        found: dict[str, ObjectRef] = {}
        for start in range(0, len(wanted), BATCH):
            part = soql.texts(wanted[start : start + BATCH])
            order = "ORDER BY CreatedDate, Id"
            queries = {
                "contacts": f"SELECT Id, Email FROM Contact WHERE Email IN {part} {order}",  # noqa: S608
                "leads": f"SELECT Id, Email FROM Lead WHERE IsConverted = false AND Email IN {part} {order}",  # noqa: S608
            }
            told = self.client.queries(account, queries, operation="find_people")
            for record in (*told["contacts"], *told["leads"]):
                ref = ObjectRef(MANIFEST.person_kind, full_id(held(record, "Id")))
                found.setdefault(normal(EMAIL, held(record, "Email")), ref)
        return found


_PAST = "OpportunityHistory"
#: Which field of these answers names the opportunity, and which the person.
_ON = {"roles": ("OpportunityId", "ContactId"), "leads": ("ConvertedOpportunityId", "Id")}


def _won_since(past: Iterable[Json]) -> dict[str, str]:
    """When each opportunity that is won became so: a move from one won stage to another is none.

    Won stages alone stand for the forecast category Closed ("Forecast categories" in Salesforce help).
    """
    since: dict[str, str] = {}
    for row in past:
        one = full_id(held(row, "OpportunityId"))
        if held(row, "ForecastCategory") == "Closed":
            since.setdefault(one, held(row, "CreatedDate"))
        else:
            since.pop(one, None)
    return since


def _people_among(refs: Iterable[ObjectRef]) -> list[str]:
    return [ref.id for ref in refs if ref.kind == MANIFEST.person_kind]


def _others_among(refs: Iterable[ObjectRef]) -> list[str]:
    return [ref.id for ref in refs if ref.kind != MANIFEST.person_kind]


#: A lead that became a contact that was merged, and merged again: nobody's record goes further.
_STEPS = 4


def _became(record: Json) -> str:
    """The record that this one went into, "" for one that still is what it was."""
    return next((one for name in people.BECAME if (one := full_id(held(record, name)))), "")


def _now(one: str, records: _Records) -> str:
    """Which record somebody's is today."""
    for _ in range(_STEPS):
        further = _became(records[one][1])
        if further not in records:
            break
        one = further
    return one


def _person(one: str, records: _Records) -> Person | None:
    """Today's record first, then all that became it; None where that one was deleted."""
    today = _now(one, records)
    if records[today][1].get("IsDeleted") is True:
        return None
    same = [today, *(each for each in records if _now(each, records) == today)]
    return Person(tuple(records[each] for each in dict.fromkeys(same)))


def _readable(ref: ObjectRef, read: Callable[[], Truth]) -> Truth:
    """One record that cannot be read must not hold up the others that came with it."""
    try:
        return read()
    except (ValueError, KeyError, TypeError) as error:
        return Truth(ref, found=True, note=f"unreadable: {error}"[:200])
