"""Kinds of records that a portal of the enterprise tier defines for itself."""

from __future__ import annotations

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, invalid
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.kinds import custom
from adapters.hubspot.sandbox.properties import from_json

_FIRST = 143_967_026


def _enterprise(call: Call) -> None:
    if call.portal.tier != "enterprise":
        words = "This portal's subscription does not allow custom objects."
        raise Refusal(403, words, "MISSING_SCOPES")


def show_all(call: Call) -> Reply:
    _enterprise(call)
    return Reply(200, {"results": [_shown(call, number) for number in call.portal.schemas]})


def show(call: Call) -> Reply:
    _enterprise(call)
    return Reply(200, _shown(call, call.kind().id))


def _shown(call: Call, number: str) -> Json:
    if number not in call.portal.schemas:
        raise invalid(f"{number} is no custom object")
    kind = call.kind_of(number)
    own = [p.as_json() for p in call.portal.defined(kind).values()]
    return {**call.portal.schemas[number], "properties": own}


def create(call: Call) -> Reply:
    _enterprise(call)
    given, portal = call.json(), call.portal
    lacking = [key for key in ("name", "labels", "properties", "requiredProperties") if key not in given]
    if lacking:
        raise invalid(f"Some required fields were not set: [{', '.join(lacking)}]")
    kind = custom(_FIRST + len(portal.schemas), portal.id, str(given["name"]))
    if any(one.full_name == kind.full_name for one in portal.kinds):
        raise Refusal(409, f"Object type {kind.full_name} already exists.", "OBJECT_ALREADY_EXISTS")
    portal.kinds.append(kind)
    defined, (group,) = portal.defined(kind), portal.groups_of(kind)
    try:
        made = [from_json(call, kind, {"groupName": group, **one}) for one in given["properties"]]
    except Refusal:
        portal.kinds.remove(kind)
        raise
    defined.update({p.name: p for p in made})
    ends = [call.kind_of(str(name)) for name in given.get("associatedObjects", [])]
    ties = [
        {"id": str(portal.plain_type(kind.id, end.id)), "fromObjectTypeId": kind.id, "toObjectTypeId": end.id,
         "name": f"{kind.singular}_to_{end.singular}"}
        for end in ends
    ]  # fmt: skip
    now = iso(call.hand.at)
    portal.schemas[kind.id] = {
        "labels": given["labels"],
        "requiredProperties": given["requiredProperties"],
        "searchableProperties": given.get("searchableProperties", []),
        "primaryDisplayProperty": given.get("primaryDisplayProperty", made[0].name if made else ""),
        "secondaryDisplayProperties": given.get("secondaryDisplayProperties", []),
        "allowsSensitiveProperties": bool(given.get("allowsSensitiveProperties")),
        "archived": False,
        "id": kind.id.removeprefix("2-"),
        "objectTypeId": kind.id,
        "fullyQualifiedName": kind.full_name,
        "name": str(given["name"]),
        "createdAt": now,
        "updatedAt": now,
        "associations": ties,
    }
    return Reply(201, _shown(call, kind.id))
