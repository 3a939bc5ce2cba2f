"""History: what changed since a moment, by the time that Salesforce stamps on every save; all kinds of it in one call.

Polling reads by it too. A long transaction shows its changes late, under times that have passed: whoever polls reads the
last minutes again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, shaped, soql
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.outbound import people
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.people import Person, changed_at
from adapters.salesforce.outbound.reads import Reads
from adapters.salesforce.outbound.values import Json, held, when
from connector.domain.facts import ObjectRef
from connector.ports.history import Chapter, Horizon
from connector.ports.inbound import Sighting
from connector.ports.platform import Account

#: Records of one kind on one page ("at most 2,000 rows").
PAGE = 2000
_OBJECTS = ("Lead", "Contact", "Opportunity", "OpportunityContactRole")
_DONE = "-"


@dataclass(frozen=True)
class _Place:
    """Where the reading stands in one kind: behind which change, by time and id. over: nothing newer was there."""

    at: str
    id: str = "0"
    over: bool = False

    @classmethod
    def parse(cls, text: str) -> _Place:
        at, id_, over = text.split(",")
        return cls(at, id_, over == _DONE)

    def __str__(self) -> str:
        return f"{self.at},{self.id},{_DONE if self.over else ''}"


@dataclass(frozen=True)
class History:
    """What changed since."""

    client: Client
    orgs: Orgs
    reads: Reads

    def horizon(self, _scopes: frozenset[str]) -> Horizon:
        """As far back as the org goes."""
        return Horizon()

    @shaped
    def read_history(self, account: Account, since: datetime, place: str) -> Chapter:
        """A page of each kind that has more."""
        return self.reads.fresh(account, lambda: self._read(account, since, place))

    def _read(self, account: Account, since: datetime, place: str) -> Chapter:
        seen, _, rest = place.partition(" ")
        stands = (
            [_Place.parse(text) for text in rest.split(" ")] if rest else [_Place(soql.moment(since))] * len(_OBJECTS)
        )
        kinds = {name: kind for name in _OBJECTS if (kind := self.orgs.kind(account, name))}
        queries = {
            name: _query(kinds[name], at)
            for name, at in zip(_OBJECTS, stands, strict=True)
            if name in kinds and not at.over
        }
        told = self.client.queries(account, queries, operation="changes", deleted=True) if queries else {}
        every = [each for name, found in told.items() for row in found for each in _sightings(kinds[name], row)]
        further = [
            _behind(at, told[name]) if name in told else replace(at, over=True)
            for name, at in zip(_OBJECTS, stands, strict=True)
        ]
        number = int(seen or 0) + sum(len(each) for each in told.values())
        now = f"{number} {' '.join(map(str, further))}"
        return Chapter(now, number, sightings=_once(every), done=all(at.over for at in further))


def _once(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Each record once: a contact may be seen by itself and as what a lead became, and what is known of either counts."""
    found: dict[ObjectRef, Sighting] = {}
    for each in sightings:
        known = found.get(each.ref, each)
        hints = tuple(dict.fromkeys([*known.hints, *each.hints]))
        found[each.ref] = replace(each, as_of=max(known.as_of, each.as_of), hints=hints)
    return tuple(found.values())


def _query(kind: Kind, at: _Place) -> str:
    """One page behind `at`. Changes of one second are told apart by their ids."""
    later = f"SystemModstamp > {at.at} OR (SystemModstamp = {at.at} AND Id > {soql.text(at.id)})"
    where = f"SystemModstamp >= {at.at}" if at.id == "0" else f"({later})"
    return f"SELECT {', '.join(_fields(kind))} FROM {kind.name} WHERE {where} ORDER BY SystemModstamp, Id LIMIT {PAGE}"  # noqa: S608


def _fields(kind: Kind) -> Sequence[str]:
    if kind.name in ("Lead", "Contact"):
        return people.fields_of(kind)
    names = ("Id", "SystemModstamp", "OpportunityId")
    return list(kind.names(names if kind.name == "OpportunityContactRole" else names[:2]).values())


def _behind(at: _Place, records: Sequence[Json]) -> _Place:
    if not records:
        return replace(at, over=True)
    last = records[-1]
    moment = when(last, "SystemModstamp")
    if moment is None:
        raise ValueError("the record does not say when it changed")
    return _Place(soql.moment(moment), full_id(held(last, "Id")), over=len(records) < PAGE)


def _sightings(kind: Kind, record: Json) -> Iterator[Sighting]:
    """A person with the codes on them; of a lead that was converted its contact too; an opportunity to look at."""
    at, one = changed_at(record), full_id(held(record, "Id"))
    if kind.name in ("Lead", "Contact"):
        hints = Person(((kind, record),)).hints()
        became = full_id(held(record, "ConvertedContactId"))
        for each in dict.fromkeys([one, became]):
            if each:
                yield Sighting(ObjectRef(MANIFEST.person_kind, each), at, hints)
        return
    deal = full_id(held(record, "OpportunityId")) if kind.name == "OpportunityContactRole" else one
    yield Sighting(ObjectRef("opportunity", deal), at, grows=True)
