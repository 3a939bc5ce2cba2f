"""Batches of up to 100 records. One bad input fails all, unless the inputs carry trace ids: then it stands alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.hubspot.sandbox.answers import Json, Refusal, Reply, batch, invalid, whole
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.kinds import Kind
from adapters.hubspot.sandbox.objects import targets_of
from adapters.hubspot.sandbox.state import Record
from adapters.hubspot.sandbox.views import shown, written

MOST = 100
MOST_WITH_HISTORY = 50


def read(call: Call) -> Reply:
    """Known records in the order of their ids; a merged one's old id answers with the record that it went into."""
    kind, asked = call.kind(), call.json()
    history = _names(asked, "propertiesWithHistory")
    inputs = call.inputs(MOST_WITH_HISTORY if history else MOST)
    by = str(asked.get("idProperty") or "")
    names = _names(asked, "properties") or list(kind.shown)
    found, missing = {}, []
    for one in inputs:
        number = _id(one)
        record = call.record(kind, number, by_property=by)
        if record is None:
            missing.append(number)
        else:
            found[record.id] = record
    results = [shown(call.portal, record, names, history) for _, record in sorted(found.items())]
    errors = [_missing(kind, missing).item(None)] if missing else []
    return _answer(call, results, errors, 200)


def _names(asked: Json, key: str) -> list[str]:
    given = asked.get(key) or []
    if not isinstance(given, list):
        raise invalid(f'Invalid input JSON: "{key}" must be a list of names')
    return [str(name) for name in given]


def _id(one: Json) -> str:
    if not isinstance(one.get("id"), str) or not one["id"]:
        raise invalid("Some required fields were not set: [id]")
    return str(one["id"])


def _missing(kind: Kind, numbers: Sequence[str]) -> Refusal:
    words = f"Could not get some {kind.upper} objects, they may be deleted or not exist. Check that ids are valid."
    return Refusal(404, words, "OBJECT_NOT_FOUND", context={"ids": list(numbers)})


def _answer(call: Call, results: Sequence[Json], errors: Sequence[Json], status: int) -> Reply:
    return batch(call.hand.at, call.world.clock.now(), results, errors, status)


# ── Writes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Step:
    """One input that may be carried out: `run` does, and gives the result."""

    trace: str | None
    run: Callable[[], Json]


def _carry_out(call: Call, inputs: Sequence[Json], plan: Callable[[Json], Callable[[], Json]], status: int) -> Reply:
    """Check every input first; without trace ids the first bad one fails all, before anything is written."""
    steps: list[_Step] = []
    errors: list[Json] = []
    plain: list[Refusal] = []
    for one in inputs:
        trace = one.get("objectWriteTraceId")
        try:
            steps.append(_Step(trace, plan(one)))
        except Refusal as refusal:
            if trace is None:
                plain.append(refusal)
            errors.append(refusal.item(trace))
    if plain:
        raise whole(plain)
    results: list[Json] = []
    for step in steps:
        try:
            results.append(step.run())
        except Refusal as refusal:  # an earlier input of this batch took the address or the key
            errors.append(refusal.item(step.trace))
    return _answer(call, results, errors, status)


def _values(one: Json) -> Json:
    if not isinstance(one.get("properties"), dict):
        raise invalid("Some required fields were not set: [properties]")
    return dict(one["properties"])


def _unique(numbers: Sequence[str]) -> None:
    twice = [number for number, times in Counter(numbers).items() if times > 1]
    if twice:
        words = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
        raise invalid(words, context={"ids": twice})


def update(call: Call) -> Reply:
    kind, inputs = call.kind(), call.inputs(MOST)
    records = [call.record(kind, _id(one), by_property=str(one.get("idProperty") or "")) for one in inputs]
    _unique([str(r.id) if r else _id(one) for r, one in zip(records, inputs, strict=True)])

    def plan(one: Json) -> Callable[[], Json]:
        record = call.record(kind, _id(one), by_property=str(one.get("idProperty") or ""))
        if record is None:
            raise _missing(kind, [_id(one)])
        return _change(call, record, _values(one))

    return _carry_out(call, inputs, plan, 200)


def _change(call: Call, record: Record, values: Json, **more: bool) -> Callable[[], Json]:
    """Checked now, written later."""
    call.hand.check(record.kind, values, record)

    def run() -> Json:
        call.hand.update(record, values)
        return {**written(call.portal, record), **more}

    return run


def _birth(call: Call, kind: Kind, values: Json, associations: Sequence[Json], **more: bool) -> Callable[[], Json]:
    """The same for a new record."""
    call.hand.check(kind, values, None)
    targets = targets_of(call, kind, associations)

    def run() -> Json:
        record = call.hand.create(kind, values)
        for target, types in targets:
            call.hand.associate(record, target, types)
        return {**written(call.portal, record), **more}

    return run


def create(call: Call) -> Reply:
    kind, inputs = call.kind(), call.inputs(MOST)
    seen: set[str] = set()

    def plan(one: Json) -> Callable[[], Json]:
        values = _values(one)
        email = str(values.get("email") or "").lower()
        if email in seen:
            raise Refusal(409, "Contact already exists", "CONFLICT")
        made = _birth(call, kind, values, one.get("associations") or [])
        seen.update({email} - {""})
        return made

    return _carry_out(call, inputs, plan, 201)


def upsert(call: Call) -> Reply:
    """Changes the record with this value of the unique property, or makes it; `new` tells which."""
    kind, inputs = call.kind(), call.inputs(MOST)
    keys = []
    for one in inputs:
        by, number = str(one.get("idProperty") or ""), _id(one)
        record = call.record(kind, number, by_property=by)
        keys.append(str(record.id) if record else number.lower() if by == "email" else number)
    _unique(keys)

    def plan(one: Json) -> Callable[[], Json]:
        by, number, values = str(one.get("idProperty") or ""), _id(one), _values(one)
        record = call.record(kind, number, by_property=by)
        if record is not None:
            return _change(call, record, values, new=False)
        if not by or by == "hs_object_id":
            raise _missing(kind, [number])
        return _birth(call, kind, {by: number, **values}, [], new=True)

    return _carry_out(call, inputs, plan, 200)


def archive(call: Call) -> Reply:
    kind = call.kind()
    for one in call.inputs(MOST):
        record = call.record(kind, _id(one))
        if record is not None:
            call.hand.delete(record)
    return Reply(204)
