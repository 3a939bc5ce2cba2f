"""What stands in the way of a write besides the values themselves: unique keys, duplicates, validation rules, locks."""

from __future__ import annotations

import re
from typing import Any

from adapters.salesforce.sandbox.answers import Json, Refusal
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.state import DuplicateRule, Org, Record
from adapters.salesforce.sandbox.values import shown

_WORDS = "You're creating a duplicate record. We recommend you use an existing record instead."
#: Where a duplicate rule of the one kind looks besides its own, as the standard rules do.
_ALSO = {"Lead": ("Contact",), "Contact": ("Lead",)}


def unlocked(org: Org, record: Record) -> None:
    """Raises Refusal while somebody else holds the record."""
    if org.locks.get(record.id, 0) > 0:
        org.locks[record.id] -= 1
        words = f"unable to obtain exclusive access to this record or 1 records: {record.id}"
        raise Refusal("UNABLE_TO_LOCK_ROW", words, dml=True)


def obey(org: Org, after: Record, before: Record | None, *, warned: frozenset[str]) -> None:
    """Raises Refusal where the record may not be as it would be.

    before: the record that is changed, if any. warned: what sorts of duplicate rules are overridden.
    """
    _validate(org, after)
    for each in org.kinds[after.kind].fields.values():
        if each.unique:
            _alone(org, after, before, each)
    if after.kind == "CampaignMember":
        _once(org, after, before)
    for rule in org.duplicate_rules:
        if rule.kind == after.kind and rule.action not in warned:
            _no_duplicate(org, after, before, rule)


def _validate(org: Org, after: Record) -> None:
    for rule in org.rules:
        if rule.kind != after.kind:
            continue
        value = after.values.get(rule.field)
        text = "" if value is None else str(shown(value))
        fits = bool(text) if rule.required else not text or re.fullmatch(rule.matches, text) is not None
        if not fits:
            at = (rule.shown,) if rule.shown else ()
            raise Refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, *at, dml=True)


def key(field: Field, value: Any) -> Any:
    """A value as keys are compared: case counts only where the field says so."""
    return value if field.case_sensitive or not isinstance(value, str) else value.lower()


def holders(org: Org, kind: str, field: Field, value: Any) -> list[Record]:
    """Records that are not deleted and hold this value."""
    wanted = key(field, value)
    return [r for r in org.records(kind).values() if not r.deleted and key(field, r.values.get(field.name)) == wanted]


def _alone(org: Org, after: Record, before: Record | None, field: Field) -> None:
    value = after.values.get(field.name)
    if value is None:
        return
    for other in holders(org, after.kind, field, value):
        if other is not before:
            words = f"duplicate value found: {field.name} duplicates value on record with id: {other.id[:15]}"
            raise Refusal("DUPLICATE_VALUE", words, dml=True)


def _once(org: Org, after: Record, before: Record | None) -> None:
    """Somebody is a member of a campaign once."""
    who = ("CampaignId", "LeadId", "ContactId")
    wanted = [after.values[name] for name in who]
    for other in org.records("CampaignMember").values():
        if other is not before and not other.deleted and [other.values[name] for name in who] == wanted:
            words = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
            raise Refusal("DUPLICATE_VALUE", words, dml=True)


def _no_duplicate(org: Org, after: Record, before: Record | None, rule: DuplicateRule) -> None:
    """A rule looks at e-mails, when a record is made or its e-mail changed."""
    email = after.values.get("Email")
    if not email or (before is not None and before.values.get("Email") == email):
        return
    kinds = (rule.kind, *_ALSO.get(rule.kind, ()))
    field = org.kinds[rule.kind].fields["Email"]
    found = [r for kind in kinds for r in holders(org, kind, field, email) if r is not before]
    found = [r for r in found if not r.values.get("IsConverted")]
    if found:
        told = {org.spelling: _details(rule, found)}
        raise Refusal("DUPLICATES_DETECTED", _WORDS, more=told)


def _details(rule: DuplicateRule, found: list[Record]) -> Json:
    """What Salesforce says of duplicates: by the kind of what was found."""
    kinds = dict.fromkeys(record.kind for record in found)
    return {
        "allowSave": rule.action == "alert",
        "duplicateRule": f"Standard_{rule.kind}_Duplicate_Rule",
        "duplicateRuleEntityType": rule.kind,
        "errorMessage": _WORDS,
        "matchResults": [_matched(kind, [each for each in found if each.kind == kind]) for kind in kinds],
    }


def _matched(kind: str, records: list[Record]) -> Json:
    return {
        "entityType": kind,
        "errors": [],
        "matchEngine": "FuzzyMatchEngine",
        "matchRecords": [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": 100.0,
                "record": {
                    "attributes": {"type": kind, "url": f"/services/data/v60.0/sobjects/{kind}/{record.id}"},
                    "Id": record.id,
                },
            }
            for record in records
        ],
        "rule": f"Standard_{kind}_Match_Rule_v1_1",
        "size": len(records),
        "success": True,
    }
