"""What a lead or contact says: who they are, which codes brought them, how far they have come.

A lead that was converted is the same person as its contact: each bears the other's id, and evidence on either counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from adapters.links import utm_touch
from adapters.plain import phone_of, text_of
from adapters.salesforce import MANIFEST
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.org import Kind
from adapters.salesforce.outbound.values import Json, created_at, held, when
from connector.domain.facts import Fact, LeadCreated, ObjectRef, PropertyReached, StageReached
from connector.domain.person import EMAIL, PHONE, normal
from connector.domain.touch import Source, Touch
from connector.ports.platform import Seen, Truth

#: Fields that merchants keep a referral code in, as our package and others call them.
CODES = ("Referral_Code__c", "Ref__c", "Ref_Code__c")
#: What a link said, as forms and marketing tools keep it (Account Engagement's come with its own prefix).
UTMS = ("UTM_Source__c", "UTM_Medium__c", "UTM_Campaign__c", "UTM_Content__c", "UTM_Term__c")
#: The code that we wrote ourselves: it tells that somebody is a friend, and is never evidence of it.
OURS = "Referral_Advocate_Code__c"
#: What evidence may stand in, of those fields that the org has.
EVIDENCE = (*CODES, *UTMS, OURS)
_BOTH = ("Id", "IsDeleted", "MasterRecordId", "Email", "Phone", "MobilePhone", "CreatedDate", "SystemModstamp")
#: Which record a record went into: a lead becomes a contact, and one that was merged is another one now.
BECAME = ("ConvertedContactId", "MasterRecordId")
_LEAD = (*_BOTH, "Status", "IsConverted", "ConvertedDate", "ConvertedContactId", "ConvertedOpportunityId")
_CONTACT = (*_BOTH, "AccountId")
#: Somebody who stood there so long before the first evidence was known already.
_KNOWN_BEFORE = timedelta(hours=1)


def fields_of(kind: Kind, wanted: Iterable[str] = ()) -> list[str]:
    """What is read of a lead or contact: of all that we look for, what the org has and shows us."""
    names = _LEAD if kind.name == "Lead" else _CONTACT
    return list(dict.fromkeys(kind.names((*names, *EVIDENCE, *sorted(wanted))).values()))


@dataclass(frozen=True)
class Person:
    """One human as the org holds them: a contact with the leads that became it and what was merged into it, or a lead.

    records: each with its kind, the present one first.
    """

    records: tuple[tuple[Kind, Json], ...]

    @property
    def id(self) -> str:
        return full_id(held(self.records[0][1], "Id"))

    def marks(self) -> Iterator[Seen]:
        """Who this is, strongest first; the ids of all records are theirs."""
        records = [record for _, record in self.records]
        ids = [full_id(held(record, name)) for record in records for name in ("Id", *BECAME)]
        yield from (Seen(MANIFEST.person_kind, each) for each in dict.fromkeys(ids) if each)
        emails = [normal(EMAIL, email) for record in records if "@" in (email := held(record, "Email"))]
        yield from (Seen(EMAIL, email) for email in dict.fromkeys(emails))
        phones = [phone_of(held(record, name)) for record in records for name in ("Phone", "MobilePhone")]
        yield from (Seen(PHONE, number) for number in dict.fromkeys(phones) if number)

    def touches(self) -> tuple[Touch, ...]:
        """All that may name an advocate; of what both the lead and the contact bear, the earlier."""
        found: dict[tuple[str, str], Touch] = {}
        for kind, record in self.records:
            for touch in touches_of(kind, record):
                place = (touch.code.casefold(), touch.evidence)
                if place not in found or touch.at < found[place].at:
                    found[place] = touch
        return tuple(found.values())

    def hints(self) -> tuple[str, ...]:
        """Texts that may be codes, and the code of the advocate whom we noted ourselves."""
        ours = [held(record, kind.names([OURS]).get(OURS)) for kind, record in self.records]
        return tuple(dict.fromkeys([*(touch.code for touch in self.touches()), *filter(None, map(text_of, ours))]))

    @property
    def since(self) -> datetime:
        """Since when the org has known them."""
        return min(created_at(record) for _, record in self.records)


def touches_of(kind: Kind, record: Json) -> Iterator[Touch]:
    """What the fields of one record say. They tell neither when they were filled nor by whom, so that their time is

    that of the record itself.
    """
    at = created_at(record)
    for name, own in kind.names(CODES).items():
        if code := text_of(record.get(own)):
            yield Touch(Source.CRM_FIELD, code, at, evidence=f"the field {name}")
    marks = {name[4:-3].casefold(): record.get(own) for name, own in kind.names(UTMS).items()}
    if found := utm_touch(marks, Source.CRM_FIELD, at):
        yield replace(found, evidence="the UTM fields")


def person_truth(ref: ObjectRef, person: Person, wanted: frozenset[str], read_at: datetime) -> Truth:
    """A person with the evidence on them and what they did as a lead. read_at: when we asked, by our clock."""
    touches, as_of = person.touches(), as_of_all(read_at, [record for _, record in person.records])
    placed = max([person.since, *(touch.at for touch in touches)])
    return Truth(
        ref,
        found=True,
        as_of=as_of,
        placed_at=placed,
        buyer=tuple(person.marks()),
        touches=touches,
        facts=tuple(_deeds(ref, person, wanted, placed, as_of)),
    )


def _deeds(ref: ObjectRef, person: Person, wanted: frozenset[str], placed: datetime, as_of: datetime) -> Iterator[Fact]:
    kind, record = person.records[0]
    first = min((touch.at for touch in person.touches()), default=person.since)
    new = person.since >= first - _KNOWN_BEFORE
    lead = next(((k, r) for k, r in person.records if is_lead(full_id(held(r, "Id")))), None)
    if lead is not None:
        yield LeadCreated(ref, as_of, created_at(lead[1]), placed, first_order=new)
        if stage := held(lead[1], "Status"):
            at = when(lead[1], "ConvertedDate") if lead[1].get("IsConverted") is True else None
            yield StageReached(ref, as_of, at or changed_at(lead[1]), placed, first_order=new, stage=stage)
    yield from reached(ref, kind, record, wanted, placed, as_of, first=new)


def reached(
    ref: ObjectRef, kind: Kind, record: Json, wanted: frozenset[str], placed: datetime, as_of: datetime, *,
    first: bool | None,
) -> Iterator[PropertyReached]:  # fmt: skip
    """The fields that a program asks for, at the value that they have now."""
    for name, own in kind.names(sorted(wanted)).items():
        value = record.get(own)
        text = str(value).lower() if isinstance(value, bool) else text_of(value)
        if text:
            yield PropertyReached(ref, as_of, changed_at(record), placed, first_order=first, name=name, value=text)


def as_of_all(read_at: datetime, records: Iterable[Json]) -> datetime:
    """The time of what was read: never before what the records themselves say, whichever clock is ahead."""
    return max([read_at, *map(changed_at, records)])


def changed_at(record: Json) -> datetime:
    """When the record was saved last, by anybody."""
    return when(record, "SystemModstamp") or created_at(record)


def the_friend(people: Sequence[Person]) -> Person | None:
    """Whose purchase it is, of all people on it: the one whom a code brought first, else the one known first."""
    return min(people, key=_precedence, default=None)


def _precedence(person: Person) -> tuple[bool, datetime, str]:
    first = min((touch.at for touch in person.touches()), default=None)
    return first is None, first or person.since, person.id
