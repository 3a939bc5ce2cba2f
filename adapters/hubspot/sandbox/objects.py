"""Single records: read, create, change, delete, merge, and a privacy deletion."""

from __future__ import annotations

from collections.abc import Sequence

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, invalid, not_found
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.kinds import CONTACT, Kind
from adapters.hubspot.sandbox.state import Record
from adapters.hubspot.sandbox.views import shown, written

_MOST_LISTED = 100


def show_list(call: Call) -> Reply:
    """All records by id, a page at a time."""
    kind, limit = call.kind(), int(call.asked("limit", "10"))
    if not 0 < limit <= _MOST_LISTED:
        raise invalid(f"limit must be between 1 and {_MOST_LISTED}")
    after, archived = int(call.asked("after", "0")), call.asked("archived") == "true"
    held = sorted((r.id, r) for r in call.portal.held(kind).values() if (r.gone is not None) == archived)
    rest = [record for number, record in held if number > after]
    names = call.names("properties") or kind.shown
    rows = [shown(call.portal, record, names) for record in rest[:limit]]
    # A list shows no addresses of its records, unlike every other answer.
    body: Json = {"results": [{key: said for key, said in row.items() if key != "url"} for row in rows]}
    if len(rest) > limit:
        last = str(rest[limit - 1].id)
        link = f"https://api.hubapi.com/crm/objects/2026-09/{kind.plural}?limit={limit}&after={last}"
        body["paging"] = {"next": {"after": last, "link": link}}
    return Reply(200, body)


def show(call: Call) -> Reply:
    kind = call.kind()
    record = _wanted(call, kind)
    names = call.names("properties") or kind.shown
    body = shown(call.portal, record, names, call.names("propertiesWithHistory"))
    tied: Json = {}
    for other in (call.kind_of(name) for name in call.names("associations")):
        pairs = call.portal.links.get((kind.id, record.id), {}).items()
        to = [(number, types) for (other_kind, number), types in pairs if other_kind == other.id]
        if to:
            called = f"{kind.singular}_to_{other.singular}"
            tied[other.plural] = {"results": [{"id": str(number), "type": called} for number, _ in to]}
    return Reply(200, {**body, **({"associations": tied} if tied else {})})


def _wanted(call: Call, kind: Kind) -> Record:
    number = call.path["id"]
    record = call.record(kind, number, by_property=call.asked("idProperty"))
    if record is None:
        raise not_found(number)
    return record


def _properties(given: Json) -> Json:
    values = given.get("properties")
    if not isinstance(values, dict):
        raise invalid("Some required fields were not set: [properties]")
    return values


def create(call: Call) -> Reply:
    kind, given = call.kind(), call.json()
    values = _properties(given)
    targets = targets_of(call, kind, given.get("associations") or [])
    record = call.hand.create(kind, values)
    for target, types in targets:
        call.hand.associate(record, target, types)
    return Reply(201, written(call.portal, record))


def targets_of(call: Call, kind: Kind, associations: Sequence[Json]) -> list[tuple[Record, list[int]]]:
    """The records that a new one is to be associated with, and by which types. Raises Refusal."""
    found = []
    for one in associations:
        types = [int(each["associationTypeId"]) for each in one.get("types", [])]
        other = target_kind(call, kind, types)
        number = str(one["to"]["id"])
        record = call.record(other, number)
        if record is None:
            raise no_such(other, number)
        found.append((record, types))
    return found


def target_kind(call: Call, kind: Kind, types: Sequence[int]) -> Kind:
    """The kind of records that association types of this kind lead to. Raises Refusal for types that do not."""
    plain = {number: pair for pair, number in call.portal.unlabeled.items()}
    labeled = {number: (label.source, label.target) for number, label in call.portal.labels.items()}
    pairs = {({**plain, **labeled}).get(number, ("", "")) for number in types}
    (source, target) = pairs.pop() if len(pairs) == 1 else ("", "")
    if source != kind.id:
        raise invalid(f"Invalid association types {list(types)} from {kind.upper}")
    return call.kind_of(target)


def no_such(kind: Kind, number: str) -> Refusal:
    """A record to be associated is not there."""
    return invalid(
        f"{kind.upper}={number} is not valid",
        context={kind.upper: [number]},
        subCategory="crm.associations.INVALID_OBJECT_IDS",
    )


def update(call: Call) -> Reply:
    values = _properties(call.json())
    record = _wanted(call, call.kind())
    call.hand.update(record, values)
    return Reply(200, written(call.portal, record))


def delete(call: Call) -> Reply:
    """A record that is not there is no error, as on HubSpot."""
    record = call.record(call.kind(), call.path["id"])
    if record is not None:
        call.hand.delete(record)
    return Reply(204)


def merge(call: Call) -> Reply:
    kind, given = call.kind(), call.json()
    found = [call.record(kind, str(given.get(key, ""))) for key in ("primaryObjectId", "objectIdToMerge")]
    primary, other = found
    if primary is None or other is None:
        raise not_found(str(given.get("primaryObjectId" if primary is None else "objectIdToMerge", "")))
    return Reply(200, written(call.portal, call.hand.merge(primary, [other])))


def gdpr_delete(call: Call) -> Reply:
    """An unknown address is blocked all the same."""
    given = call.json()
    kind, number = call.kind_of(CONTACT), str(given.get("objectId", ""))
    record = call.record(kind, number, by_property=str(given.get("idProperty", "")))
    if record is not None:
        call.hand.erase(record)
    elif given.get("idProperty") == "email":
        call.portal.blocked.add(number.lower())
    else:
        raise not_found(number)
    return Reply(204)
