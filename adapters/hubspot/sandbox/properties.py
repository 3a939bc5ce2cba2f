"""Definitions of properties and their groups: shown, made one by one or in a batch, and changed."""

from __future__ import annotations

import re

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, batch, invalid
from adapters.hubspot.sandbox.book import Entry
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.kinds import Kind, Property

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FIELD_TYPES = {
    "bool": {"booleancheckbox", "calculation_equation"},
    "enumeration": {"booleancheckbox", "checkbox", "radio", "select", "calculation_equation"},
    "date": {"date"},
    "datetime": {"date"},
    "string": {"file", "html", "phonenumber", "text", "textarea", "calculation_equation"},
    "number": {"number", "calculation_equation"},
    "phone_number": {"phonenumber"},
}
_MOST_UNIQUE = 10
_MOST = 100
_CHANGES = {"label": "label", "groupName": "group", "description": "description", "fieldType": "field_type",
            "options": "options"}  # fmt: skip


def show_all(call: Call) -> Reply:
    return Reply(200, {"results": [p.as_json() for p in call.portal.defined(call.kind()).values()]})


def _wanted(call: Call) -> Property:
    name = call.path["name"]
    found = call.portal.defined(call.kind()).get(name)
    if found is None:
        raise Refusal(404, f"Property {name} does not exist", "OBJECT_NOT_FOUND", context={"propertyName": [name]})
    return found


def show(call: Call) -> Reply:
    return Reply(200, _wanted(call).as_json())


def create(call: Call) -> Reply:
    return Reply(201, _make(call, call.kind(), call.json()).as_json())


def create_batch(call: Call) -> Reply:
    """Those that exist already are told as errors beside the others."""
    kind, results, errors = call.kind(), [], []
    for one in call.inputs(_MOST):
        try:
            results.append(_make(call, kind, one).as_json(dated=False))
        except Refusal as refusal:
            if refusal.category != "OBJECT_ALREADY_EXISTS":
                raise
            errors.append(refusal.item(None))
    return batch(call.hand.at, call.world.clock.now(), results, errors, 201)


def _make(call: Call, kind: Kind, given: Json) -> Property:
    made = from_json(call, kind, given)
    defined = call.portal.defined(kind)
    if made.name in defined:
        raise Refusal(
            409,
            f"A property named '{made.name}' already exists.",
            "OBJECT_ALREADY_EXISTS",
            subCategory="Properties.PROPERTY_WITH_NAME_EXISTS",
            context={"name": [made.name]},
        )
    if made.unique and sum(p.unique for p in defined.values()) >= _MOST_UNIQUE:
        raise invalid(f"{kind.upper} has {_MOST_UNIQUE} unique properties already; there can be no more")
    defined[made.name] = made
    call.book.add(
        Entry("schema", iso(call.hand.at), call.portal.id, kind.plural, "", made.name, None, made.type,
              call.hand.by.type, call.hand.by.id, call.request)
    )  # fmt: skip
    return made


def from_json(call: Call, kind: Kind, given: Json) -> Property:
    """A property as asked for. Raises Refusal for a definition that HubSpot does not take."""
    lacking = [key for key in ("name", "label", "type", "fieldType", "groupName") if not given.get(key)]
    if lacking:
        raise invalid(f"Some required fields were not set: [{', '.join(lacking)}]")
    if not _NAME.fullmatch(str(given["name"])):
        raise invalid(f"{given['name']} is no name: lower case letters, digits and underscores, a letter first")
    if str(given["fieldType"]) not in _FIELD_TYPES.get(str(given["type"]), set()):
        raise invalid(f"The field type {given['fieldType']} does not fit the type {given['type']}")
    if str(given["groupName"]) not in call.portal.groups_of(kind):
        raise invalid(f"The property group {given['groupName']} does not exist")
    if given["type"] in {"enumeration", "bool"} and not given.get("options"):
        raise invalid(f"A property of type {given['type']} needs options")
    return Property(
        name=str(given["name"]),
        label=str(given["label"]),
        type=str(given["type"]),
        field_type=str(given["fieldType"]),
        group=str(given["groupName"]),
        description=str(given.get("description", "")),
        options=[{"displayOrder": -1, "hidden": False, **option} for option in given.get("options") or []],
        unique=bool(given.get("hasUniqueValue")),
        created_at=call.hand.at,
        updated_at=call.hand.at,
        more={key: given[key] for key in ("dataSensitivity", "formField", "hidden", "displayOrder") if key in given},
    )


def update(call: Call) -> Reply:
    found, given = _wanted(call), call.json()
    if found.native and set(given) - {"options"}:
        raise invalid(f"{found.name} is HubSpot's own and its definition cannot be changed")
    if "type" in given and given["type"] != found.type:
        raise invalid(f"The type of {found.name} cannot be changed from {found.type} to {given['type']}")
    for key, attribute in _CHANGES.items():
        if key in given:
            setattr(found, attribute, given[key])
    found.options = [{"displayOrder": -1, "hidden": False, **option} for option in found.options]
    found.updated_at = call.hand.at
    user = {"createdUserId": "1", "updatedUserId": "1"}
    return Reply(200, {**found.as_json(), **user, "archived": False})


def show_groups(call: Call) -> Reply:
    groups = call.portal.groups_of(call.kind())
    return Reply(200, {"results": [_group(name, label, at) for at, (name, label) in enumerate(groups.items())]})


def create_group(call: Call) -> Reply:
    kind, given = call.kind(), call.json()
    lacking = [key for key in ("name", "label") if not given.get(key)]
    if lacking:
        raise invalid(f"Some required fields were not set: [{', '.join(lacking)}]")
    groups, name = call.portal.groups_of(kind), str(given["name"])
    if name in groups:
        raise Refusal(
            409,
            f"A property group named '{name}' already exists.",
            "OBJECT_ALREADY_EXISTS",
            subCategory="Properties.PROPERTY_GROUP_WITH_NAME_EXISTS",
            context={"name": [name]},
        )
    groups[name] = str(given["label"])
    return Reply(201, _group(name, groups[name], int(given.get("displayOrder", len(groups)))))


def _group(name: str, label: str, place: int) -> Json:
    return {"name": name, "label": label, "displayOrder": place, "archived": False}
