"""Associations and their labels, in the shapes that were recorded: integer ids, 201 and 207."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, batch, invalid
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.kinds import Kind
from adapters.hubspot.sandbox.objects import no_such
from adapters.hubspot.sandbox.state import Label, Record

_MOST_READ, _MOST_MADE = 1000, 2000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MOST_LABELS = 50


def read(call: Call) -> Reply:
    """What each record is associated with. None is an error of its own, and a normal one."""
    source, target = call.kind("from"), call.kind("to")
    results, errors = [], []
    for one in call.inputs(_MOST_READ):
        number = str(one.get("id", ""))
        record = call.record(source, number)
        pairs = call.portal.links.get((source.id, record.id), {}) if record else {}
        to = sorted(n for kind, n in pairs if kind == target.id and _alive(call, target, n))
        page, after = _page(call, to, str(one.get("after") or ""))
        if page:
            rows = [{"toObjectId": n, "associationTypes": _types(call, pairs[target.id, n])} for n in page]
            paging = {"paging": {"next": {"after": after, "link": "?after=" + after}}} if after else {}
            results.append({"from": {"id": number}, "to": rows, **paging})
        else:
            errors.append(_none(source, target, number).item(None))
    return batch(call.hand.at, call.world.clock.now(), results, errors, 200)


def show(call: Call) -> Reply:
    """What one record is associated with, in full; none is an empty list here."""
    source, target = call.kind("from"), call.kind("to")
    record = call.record(source, call.path["id"])
    if record is None:
        raise no_such(source, call.path["id"])
    pairs = call.portal.links.get((source.id, record.id), {})
    to = sorted(n for kind, n in pairs if kind == target.id and _alive(call, target, n))
    page, after = _page(call, to, call.asked("after"))
    rows = [{"toObjectId": n, "associationTypes": _types(call, pairs[target.id, n])} for n in page]
    paging = {"paging": {"next": {"after": after, "link": "?after=" + after}}} if after else {}
    return Reply(200, {"results": rows, **paging})


def _alive(call: Call, kind: Kind, number: int) -> bool:
    return call.portal.held(kind)[number].gone is None


def _page(call: Call, numbers: Sequence[int], after: str) -> tuple[list[int], str]:
    rest = [n for n in numbers if not after or n > int(after)]
    page = rest[: call.portal.association_page]
    return page, str(page[-1]) if len(rest) > len(page) else ""


def _types(call: Call, types: set[int]) -> list[Json]:
    """Its labels first, and the unlabeled type."""
    labels = call.portal.labels
    named = [{"category": "USER_DEFINED", "typeId": n, "label": labels[n].label} for n in types if n in labels]
    return [*named, *({"category": "HUBSPOT_DEFINED", "typeId": n, "label": None} for n in types if n not in labels)]


def _none(source: Kind, target: Kind, number: str) -> Refusal:
    return Refusal(
        404,
        f"No {target.singular} is associated with {source.singular} {number}.",
        "OBJECT_NOT_FOUND",
        subCategory="crm.associations.NO_ASSOCIATIONS_FOUND",
        context={
            "fromObjectId": [number],
            "fromObjectType": [source.singular],
            "toObjectType": [target.singular],
        },
    )


def _pair(call: Call, source: Kind, target: Kind, one: Json) -> tuple[Record, Record]:
    """Both ends. Raises Refusal."""
    ids = [str((one.get(end) or {}).get("id", "")) for end in ("from", "to")]
    first, second = call.record(source, ids[0]), call.record(target, ids[1])
    if first is None:
        raise no_such(source, ids[0])
    if second is None:
        raise no_such(target, ids[1])
    if first is second:
        raise invalid(f"{source.upper}={ids[0]} cannot be associated to itself")
    return first, second


def _checked_types(call: Call, source: Kind, target: Kind, given: Sequence[Json]) -> list[int]:
    """Type ids between these kinds. Raises Refusal for others."""
    numbers = [int(one.get("associationTypeId", 0)) for one in given]
    plain = call.portal.plain_type(source.id, target.id)
    for number, one in zip(numbers, given, strict=True):
        label = call.portal.labels.get(number)
        category = "USER_DEFINED" if label else "HUBSPOT_DEFINED"
        fits = (label.source, label.target) == (source.id, target.id) if label else number == plain
        if not fits or one.get("associationCategory") != category:
            raise invalid(f"Association type {number} does not exist from {source.upper} to {target.upper}")
    return numbers


def _row(call: Call, first: Record, second: Record) -> Json:
    held = call.portal.links[first.kind.id, first.id][second.kind.id, second.id]
    labels = [call.portal.labels[n].label for n in sorted(held) if n in call.portal.labels]
    return {
        "fromObjectTypeId": first.kind.id,
        "fromObjectId": first.id,
        "toObjectTypeId": second.kind.id,
        "toObjectId": second.id,
        "labels": labels,
    }


def create(call: Call) -> Reply:
    source, target = call.kind("from"), call.kind("to")
    results, errors = [], []
    for one in call.inputs(_MOST_MADE):
        try:
            first, second = _pair(call, source, target, one)
            types = _checked_types(call, source, target, one.get("types") or [])
        except Refusal as refusal:
            errors.append(refusal.item(None))
            continue
        call.hand.associate(first, second, types)
        results.append(_row(call, first, second))
    return batch(call.hand.at, call.world.clock.now(), results, errors, 201)


def create_default(call: Call) -> Reply:
    """Associations without labels; both directions of each are told."""
    source, target = call.kind("from"), call.kind("to")
    results, errors = [], []
    for one in call.inputs(_MOST_MADE):
        try:
            first, second = _pair(call, source, target, one)
        except Refusal as refusal:
            errors.append(refusal.item(None))
            continue
        call.hand.associate(first, second)
        results += [_default(call, first, second), _default(call, second, first)]
    return batch(call.hand.at, call.world.clock.now(), results, errors, 200)


def archive(call: Call) -> Reply:
    """All associations between pairs go, labels and all."""
    source, target = call.kind("from"), call.kind("to")
    for one in call.inputs(_MOST_MADE):
        first = call.record(source, str((one.get("from") or {}).get("id", "")))
        for to in one.get("to") or []:
            second = call.record(target, str(to.get("id", "")))
            if first is not None and second is not None:
                call.hand.separate(first, second)
    return Reply(204)


def archive_labels(call: Call) -> Reply:
    """Only the labels go; the association stays."""
    source, target = call.kind("from"), call.kind("to")
    for one in call.inputs(_MOST_MADE):
        first, second = _pair(call, source, target, one)
        call.hand.separate(first, second, _checked_types(call, source, target, one.get("types") or []))
    return Reply(204)


def _ends(call: Call) -> tuple[Record, Record]:
    one = {"from": {"id": call.path["id"]}, "to": {"id": call.path["other"]}}
    return _pair(call, call.kind("from"), call.kind("to"), one)


def put_default(call: Call) -> Reply:
    """The unlabeled association; both directions are told."""
    first, second = _ends(call)
    call.hand.associate(first, second)
    results = [_default(call, first, second), _default(call, second, first)]
    return batch(call.hand.at, call.world.clock.now(), results, [], 200)


def _default(call: Call, first: Record, second: Record) -> Json:
    number = call.portal.plain_type(first.kind.id, second.kind.id)
    spec = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number}
    return {"from": {"id": str(first.id)}, "to": {"id": str(second.id)}, "associationSpec": spec}


def put_labels(call: Call) -> Reply:
    first, second = _ends(call)
    given = call.body if isinstance(call.body, list) else []
    call.hand.associate(first, second, _checked_types(call, first.kind, second.kind, given))
    return Reply(201, _row(call, first, second))


def delete(call: Call) -> Reply:
    first, second = _ends(call)
    call.hand.separate(first, second)
    return Reply(204)


def show_labels(call: Call) -> Reply:
    pair = (call.kind("from").id, call.kind("to").id)
    plain = {"category": "HUBSPOT_DEFINED", "typeId": call.portal.plain_type(*pair), "label": None}
    named = [label for label in call.portal.labels.values() if (label.source, label.target) == pair]
    return Reply(200, {"results": [plain, *(_label(label) for label in named)]})


def _label(label: Label) -> Json:
    return {"category": "USER_DEFINED", "typeId": label.type_id, "label": label.label}


def create_label(call: Call) -> Reply:
    """A label, or with an inverse a pair of them, which answers in no order to rely on."""
    source, target, given = call.kind("from"), call.kind("to"), call.json()
    if call.portal.tier == "free":
        words = "This portal's subscription does not allow association labels."
        raise Refusal(403, words, "MISSING_SCOPES")
    lacking = [key for key in ("label", "name") if not given.get(key)]
    if lacking:
        raise invalid(f"Some required fields were not set: [{', '.join(lacking)}]")
    name, label, inverse = str(given["name"]), str(given["label"]), str(given.get("inverseLabel") or "")
    if not _NAME.fullmatch(name):
        raise invalid(f"{name} is no name: letters, digits and underscores, no digit first")
    own = [one for one in call.portal.labels.values() if (one.source, one.target) == (source.id, target.id)]
    if any(one.name == name or one.label in {label, inverse} for one in own):
        raise Refusal(409, f"A label named {label} exists already", "VALIDATION_ERROR")
    if len(own) >= _MOST_LABELS:
        raise invalid(f"There are {_MOST_LABELS} labels already; there can be no more")
    first = call.portal.new_type_id()
    second = first if source == target and not inverse else call.portal.new_type_id()
    pair = Label(first, label, name, source.id, target.id, second)
    back = Label(second, inverse or label, name, target.id, source.id, first)
    call.portal.labels |= {second: back, first: pair}
    return Reply(200, {"results": [_label(back), _label(pair)] if inverse else [_label(pair)]})
