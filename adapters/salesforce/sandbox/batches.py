"""Collections of up to 200 records: HTTP says 200 whenever the request could be read, and each record has its own end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from adapters.salesforce.sandbox import rules
from adapters.salesforce.sandbox.answers import Json, Problem, Refusal, Reply
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.rows import deletable, view
from adapters.salesforce.sandbox.state import Record
from adapters.salesforce.sandbox.upserts import key_field, matching, save
from adapters.salesforce.sandbox.values import label

MOST = 200
MOST_READ = 2_000
_ROLLED_BACK = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)


def _records(call: Call) -> list[Json]:
    given = call.json().get("records")
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Refusal("JSON_PARSER_ERROR", "records must be a list of objects")
    return few(given, MOST)


def few(given: list[Any], most: int) -> list[Any]:
    """The same, unless there are too many. Raises Refusal."""
    if len(given) > most:
        words = f"record limit reached. cannot submit more than {most} records into this call"
        raise Refusal("EXCEEDED_ID_LIMIT", words)
    return given


def _kind_of(call: Call, one: Json) -> Kind:
    attributes = one.get("attributes")
    if not isinstance(attributes, dict) or not isinstance(attributes.get("type"), str):
        words = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
        raise Refusal("JSON_PARSER_ERROR", words, dml=True)
    found = call.org.seen(attributes["type"])
    if found is None:
        raise Refusal("INVALID_TYPE", f"sObject type '{attributes['type']}' is not supported.", dml=True)
    return found


def _values(one: Json, *without: str) -> Mapping[str, object]:
    left_out = {"attributes", *(name.lower() for name in without)}
    return {name: value for name, value in one.items() if name.lower() not in left_out}


def _carry_out(
    call: Call, inputs: Sequence[Any], each: Callable[[Any], Json], failed: Json, *, together: bool
) -> Reply:
    """Each input by itself; together: one that fails takes back all the others. failed: what a failure says besides."""
    before = call.hand.mark() if together else None
    results, problems = [], dict[int, Problem]()
    for place, one in enumerate(inputs):
        try:
            results.append(each(one))
        except Refusal as refusal:
            problems[place] = refusal.problem
            results.append({"success": False, "errors": [refusal.problem.item()], **failed})
    if before is not None and problems:
        call.hand.back(before)
        told = [problems.get(place, _ROLLED_BACK) for place in range(len(results))]
        results = [{"success": False, "errors": [problem.item()], **failed} for problem in told]
    return Reply(200, results)


def _together(call: Call) -> bool:
    return call.json().get("allOrNone") is True


def _done(record: Record, **more: bool) -> Json:
    return {"id": record.id, "success": True, "errors": [], **more}


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(call: Call) -> Reply:
    def one(given: Json) -> Json:
        return _done(call.hand.create(_kind_of(call, given), _values(given)))

    return _carry_out(call, _records(call), one, {}, together=_together(call))


def _named(given: Json, name: str) -> Any:
    """A value by the name of its field, in which case does not count."""
    return next((said for known, said in given.items() if known.lower() == name.lower()), None)


def _shared(keys: Iterable[object]) -> set[object]:
    """Keys that come more than once in a call: none of the records that bear one is written."""
    return {key for key, times in Counter(keys).items() if times > 1}


def update(call: Call) -> Reply:
    inputs = _records(call)
    twice = _shared(str(_named(given, "Id"))[:15] for given in inputs)

    def one(given: Json) -> Json:
        kind, number = _kind_of(call, given), str(_named(given, "Id") or "")
        if not number:
            raise Refusal("MISSING_ARGUMENT", "Id not specified in an update call", dml=True)
        if number[:15] in twice:
            raise Refusal("DUPLICATE_VALUE", f"Duplicate id specified: {number}", dml=True)
        record = call.org.find(number, kind.name)
        if record is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", dml=True)
        call.hand.update(record, _values(given, "Id"))
        return _done(record)

    return _carry_out(call, inputs, one, {}, together=_together(call))


def upsert(call: Call) -> Reply:
    """By a key of one kind of object."""
    kind, inputs = call.kind(), _records(call)
    field = key_field(kind, call.path["field"])
    twice = _shared(rules.key(field, str(_named(given, field.name))) for given in inputs)

    def one(given: Json) -> Json:
        if _kind_of(call, given).name != kind.name:
            raise Refusal("INVALID_TYPE", f"all records must be of type {kind.name}", dml=True)
        value = _named(given, field.name)
        if value in (None, ""):
            raise Refusal("MISSING_ARGUMENT", f"{field.name} not specified", dml=True)
        if rules.key(field, str(value)) in twice:
            raise Refusal("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", field.name, dml=True)
        found = matching(call, kind, field, value)
        if len(found) > 1:
            held = ", ".join(record.id for record in found)
            words = f"{label(field)}: more than one record found for external id field: [{held}]"
            raise Refusal("DUPLICATE_EXTERNAL_ID", words, dml=True)
        if not found and field.type == "id":
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", dml=True)
        record = save(call, kind, field, value, _values(given, field.name), found[0] if found else None)
        return _done(record, created=not found)

    return _carry_out(call, inputs, one, {"created": False}, together=_together(call))


def delete(call: Call) -> Reply:
    def one(number: str) -> Json:
        record = call.org.find(number)
        if record is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", dml=True)
        deletable(call.kind(record.kind))
        call.hand.delete(record)
        return _done(record)

    numbers = few(call.names("ids"), MOST)
    return _carry_out(call, numbers, one, {}, together=call.asked("allOrNone") == "true")


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(call: Call) -> Reply:
    """Records in the order of their ids; null in the place of one that is not there."""
    given = call.json() if call.body is not None else {"ids": call.names("ids"), "fields": call.names("fields")}
    numbers, names = given.get("ids"), given.get("fields")
    if not isinstance(numbers, list) or not isinstance(names, list) or not names:
        raise Refusal("MISSING_ARGUMENT", "ids and fields must be specified")
    kind = call.kind()
    found = [call.org.find(str(number), kind.name) for number in few(numbers, MOST_READ)]
    told = [view(call, kind, one, ["Id", *_others(names)]) if one and not one.deleted else None for one in found]
    return Reply(200, told)


def _others(names: Sequence[object]) -> list[str]:
    """The names but Id, which is always told."""
    return [str(name) for name in dict.fromkeys(names) if str(name).lower() != "id"]
