"""Single records: read, made, changed, deleted, by their id or by another key."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from adapters.salesforce.sandbox.answers import Json, Refusal, Reply, no_column, not_found
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.query import Asker
from adapters.salesforce.sandbox.state import Record
from adapters.salesforce.sandbox.upserts import key_field, matching, save
from adapters.salesforce.sandbox.values import shown


def view(call: Call, kind: Kind, record: Record, names: list[str] | None = None) -> Json:
    """A record with these fields, or all that the user sees. Raises Refusal for one that is not there."""
    fields = list(kind.fields.values())
    if names:
        found = [(name, kind.find(name)) for name in names]
        if lost := next((name for name, field in found if field is None), ""):
            raise no_column(lost, kind.name)
        fields = [field for _, field in found if field is not None]
    told = {field.name: shown(record.values.get(field.name)) for field in fields}
    return {**Asker(call.org, call.version).frame(record), **told}


def _wanted(call: Call, kind: Kind) -> Record:
    record = call.org.find(call.path["id"], kind.name)
    if record is None:
        raise not_found()
    if record.deleted:
        raise Refusal("ENTITY_IS_DELETED", "entity is deleted", dml=True, status=404)
    _unmodified(call, record)
    return record


def _unmodified(call: Call, record: Record) -> None:
    """Raises Refusal where the record was changed after the moment that If-Unmodified-Since names, to the second."""
    since = call.headers.get("If-Unmodified-Since")
    if since is None:
        return
    try:
        moment = parsedate_to_datetime(since)
    except ValueError:
        raise Refusal("INVALID_HEADER", "If-Unmodified-Since names no moment") from None
    if record.values["LastModifiedDate"] > moment:
        words = "The requested resource has been modified since the time that was specified"
        raise Refusal("PRECONDITION_FAILED", words, status=412)


def _saved(call: Call, kind: Kind, record: Record, status: int, **more: bool) -> Reply:
    location = {"Location": f"{call.base}/sobjects/{kind.name}/{record.id}"}
    return Reply(status, {"id": record.id, "success": True, "errors": [], **more}, location)


def _given(call: Call) -> Mapping[str, object]:
    return {name: value for name, value in call.json().items() if name != "attributes"}


def create(call: Call) -> Reply:
    kind = call.kind()
    return _saved(call, kind, call.hand.create(kind, _given(call)), 201)


def show(call: Call) -> Reply:
    kind = call.kind()
    return Reply(200, view(call, kind, _wanted(call, kind), call.names("fields")))


def update(call: Call) -> Reply:
    call.hand.update(_wanted(call, call.kind()), _given(call))
    return Reply(204)


def delete(call: Call) -> Reply:
    kind = call.kind()
    record = _wanted(call, kind)
    deletable(kind)
    call.hand.delete(record)
    return Reply(204)


def deletable(kind: Kind) -> None:
    """Raises Refusal where the user may not delete records of this kind."""
    if not kind.deletable:
        raise Refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", dml=True)


# ── By another key ──────────────────────────────────────────────────────────────────────────────────────────────────


def _several(call: Call, kind: Kind, found: list[Record]) -> Reply:
    """A key that more than one record has: no error object, only where they are."""
    return Reply(300, [f"{call.base}/sobjects/{kind.name}/{record.id}" for record in found])


def show_by_key(call: Call) -> Reply:
    kind = call.kind()
    found = matching(call, kind, key_field(kind, call.path["field"]), call.path["value"])
    if len(found) > 1:
        return _several(call, kind, found)
    if not found:
        raise not_found()
    return Reply(200, view(call, kind, found[0], call.names("fields")))


def upsert(call: Call) -> Reply:
    """Change the one record with the key, or make one, unless the query says that it must be there."""
    kind, given = call.kind(), _given(call)
    field = key_field(kind, call.path["field"])
    if field.name in given:
        raise Refusal("INVALID_FIELD", f"The {field.name} field should not be specified in the sobject data.")
    found = matching(call, kind, field, call.path["value"])
    if len(found) > 1:
        return _several(call, kind, found)
    if not found and (call.asked("updateOnly") == "true" or field.type == "id"):
        raise not_found()
    record = save(call, kind, field, call.path["value"], given, found[0] if found else None)
    return _saved(call, kind, record, 200 if found else 201, created=not found)
