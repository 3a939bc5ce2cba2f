"""Finding a record by one of its keys, and making or changing it so: alone and in collections alike."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.salesforce.sandbox import rules, values
from adapters.salesforce.sandbox.answers import Refusal
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.state import Record


def key_field(kind: Kind, name: str) -> Field:
    """The field of this name, if records may be found by it. Raises Refusal."""
    found = kind.find(name)
    if found is None or not found.lookup:
        words = f"Provided external ID field does not exist or is not accessible: {name}"
        raise Refusal("NOT_FOUND", words, status=404)
    return found


def matching(call: Call, kind: Kind, field: Field, value: object) -> list[Record]:
    """Records with this key. Raises Refusal for a value that the field cannot hold."""
    if field.type == "id":
        found = call.org.find(str(value), kind.name)
        return [found] if found is not None and not found.deleted else []
    return rules.holders(call.org, kind.name, field, values.taken(field, value))


def save(
    call: Call, kind: Kind, field: Field, value: object, given: Mapping[str, object], record: Record | None
) -> Record:
    """Change the record that has the key, or make one with it."""
    if record is not None:
        call.hand.update(record, given)
        return record
    return call.hand.create(kind, {**given, field.name: value})
