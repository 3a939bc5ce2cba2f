"""One hand that changes an org's records: what it does goes into the book and the org's messages once it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.salesforce.sandbox import derived, rules, values
from adapters.salesforce.sandbox.answers import Refusal, no_column
from adapters.salesforce.sandbox.book import Book, Entry
from adapters.salesforce.sandbox.clock import stamp, whole
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.kinds import TRACKED, Kind
from adapters.salesforce.sandbox.state import Org, Record

API, PERSON = "api", "person"
_SYSTEM = ("CreatedById", "CreatedDate", "LastModifiedById", "LastModifiedDate", "SystemModstamp")


@dataclass(frozen=True)
class Mark:
    """A moment within a transaction: records, how many entries the book was to have, and what had been touched."""

    held: dict[str, dict[str, Record]]
    entries: int
    touched: dict[str, Record]


class Hand:
    """`by` is api or person; only the former is held to the rights of the app's user. allow_duplicates: warnings pass.

    Nothing reaches the book before `commit`, so that a transaction can be given up.
    """

    def __init__(
        self, org: Org, book: Book, user: str, at: datetime, *, by: str = API, request: str = "",
        allow_duplicates: bool = False,
    ) -> None:  # fmt: skip
        self.org = org
        self.book = book
        self.user = user
        self.at = whole(at)
        self.by = by
        self.request = request
        self.allow_duplicates = allow_duplicates
        self.entries: list[Entry] = []
        self.touched: dict[str, Record] = {}

    def commit(self) -> dict[str, Record]:
        """Write down what happened; the records that it happened to, each once."""
        for entry in self.entries:
            self.book.add(entry)
        touched, self.entries, self.touched = self.touched, [], {}
        return touched

    def mark(self) -> Mark:
        """Where things stand, to go back to."""
        return Mark(self.org.snapshot(), len(self.entries), dict(self.touched))

    def back(self, mark: Mark) -> None:
        """Undo all that happened since."""
        self.org.held, self.touched = mark.held, mark.touched
        del self.entries[mark.entries :]

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, kind: Kind, given: Mapping[str, object]) -> Record:
        """A new record. Raises Refusal, and then there is none."""
        if not kind.createable:
            raise Refusal("INSUFFICIENT_ACCESS_OR_READONLY", f"entity type cannot be inserted: {kind.label}", dml=True)
        kept = self._taken(kind, given, "createable")
        record = self._blank(kind.name, {**derived.defaults(self.org, kind, self.user, self.at), **kept})
        self._complete(kind, record.values)
        derived.settle(self.org, record, kept, self.at)
        rules.obey(self.org, record, None, warned=self._warned)
        self._store(record)
        self._note("created", record)
        self._note_changes(record, {})
        self._follow(record, {})
        return record

    def _blank(self, kind: str, held: Mapping[str, Any]) -> Record:
        """A record that is nowhere yet, with all the fields of its kind."""
        return Record(kind, {**dict.fromkeys(self.org.kinds[kind].fields), **held})

    def _store(self, record: Record) -> None:
        """It gets its id, its maker and its time, and is there from now on."""
        record.values |= {
            "Id": self.org.new_id(self.org.kinds[record.kind].prefix),
            "IsDeleted": False,
            **dict.fromkeys(("CreatedById", "LastModifiedById"), self.user),
            **dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), self.at),
        }
        self.org.records(record.kind)[record.id] = record

    def update(self, record: Record, given: Mapping[str, object]) -> None:
        """Change fields. Raises Refusal, and then nothing changed. Its time moves on even where no value does."""
        kind = self._seen(record.kind)
        if record.deleted:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", dml=True, status=404)
        rules.unlocked(self.org, record)
        if record.values.get("IsConverted"):
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", dml=True)
        kept = self._taken(kind, given, "updateable")
        after = Record(record.kind, {**record.values, **kept})
        derived.settle(self.org, after, kept, self.at)
        self._complete(kind, after.values)
        rules.obey(self.org, after, record, warned=self._warned)
        self.put(record, after.values)

    @property
    def _warned(self) -> frozenset[str]:
        """Which duplicate rules do not stop this hand: a person saw the warning, an app may say that it does not mind."""
        return frozenset({"alert", "block"} if self.by == PERSON else {"alert"} if self.allow_duplicates else ())

    def put(self, record: Record, held: Mapping[str, Any]) -> None:
        """Write values that were checked, or that Salesforce itself writes."""
        before = dict(record.values)
        record.values |= held
        record.values |= {"LastModifiedById": self.user, "LastModifiedDate": self.at, "SystemModstamp": self.at}
        self._note_changes(record, before)
        self._follow(record, before)

    def _taken(self, kind: Kind, given: Mapping[str, object], verb: str) -> dict[str, Any]:
        """The given values as they are kept. Raises Refusal."""
        kept, closed = {}, []
        for name, value in given.items():
            found = kind.find(name)
            if found is None:
                raise no_column(name, kind.name)
            if not getattr(found, verb) and self.by == API:
                closed.append(found.name)
            kept[found.name] = self._value(found, value)
        if closed:
            words = (
                f"Unable to create/update fields: {', '.join(closed)}. Please check the security settings of this field "
                "and verify that it is read/write for your profile or permission set."
            )
            raise Refusal("INVALID_FIELD_FOR_INSERT_UPDATE", words, *closed, dml=True)
        return kept

    def _value(self, found: Field, given: object) -> Any:
        if isinstance(given, Mapping):
            words = "Nested object for polymorphic foreign key must have an attributes field before any other fields."
            raise Refusal("JSON_PARSER_ERROR", words)
        value = values.taken(found, given)
        if found.type == "reference" and value is not None:
            self._refers(found, value)
        return value

    def _refers(self, found: Field, value: str) -> None:
        """What a reference names must be there, and of a kind that it may name."""
        target = self.org.prefixed(value)
        if target is not None and target.name not in found.to:
            words = f"{values.label(found)}: id value of incorrect type: {value}"
            raise Refusal("MALFORMED_ID", words, found.name, dml=True)
        record = self.org.find(value)
        if record is None:
            raise Refusal("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", dml=True)
        if record.deleted:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", dml=True)
        if record.values.get("IsConverted") and found.custom:
            raise Refusal("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", dml=True)

    def _complete(self, kind: Kind, held: Mapping[str, Any]) -> None:
        fields = self.org.kinds[kind.name].fields.values()  # also those that the user does not see
        missing = [each.name for each in fields if each.required and held.get(each.name) is None]
        if missing:
            words = f"Required fields are missing: [{', '.join(missing)}]"
            raise Refusal("REQUIRED_FIELD_MISSING", words, *missing, dml=True)

    def _seen(self, name: str) -> Kind:
        found = self.org.seen(name) if self.by == API else self.org.kinds[name]
        if found is None or not found.updateable:
            raise Refusal("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", dml=True)
        return found

    def _follow(self, record: Record, before: Mapping[str, Any]) -> None:
        """What Salesforce makes of a change besides: an opportunity's first contact role, and its history."""
        if record.kind == "Opportunity":
            told = ("StageName", "Amount", "CloseDate", "ForecastCategory")
            if any(record.values[name] != before.get(name) for name in told):
                self.own("OpportunityHistory", {"OpportunityId": record.id, **{n: record.values[n] for n in told}})
            if not before and record.values["ContactId"]:
                tied = {"OpportunityId": record.id, "ContactId": record.values["ContactId"], "IsPrimary": True}
                self.own("OpportunityContactRole", tied)
        if record.kind == "OpportunityContactRole" and record.values["IsPrimary"]:
            derived.primary(self.org, record)

    def own(self, kind: str, held: Mapping[str, Any]) -> Record:
        """A record that Salesforce itself makes, whatever the user may do."""
        record = self._blank(kind, held)
        self._store(record)
        self._note("created", record)
        return record

    # ── Going and coming back ───────────────────────────────────────────────────────────────────────────────────

    def delete(self, record: Record, *, along: str = "") -> None:
        """Into the recycle bin, with what belongs to it; references of custom objects to it are emptied."""
        if record.deleted:
            raise Refusal("ENTITY_IS_DELETED", "entity is deleted", dml=True, status=404)
        rules.unlocked(self.org, record)
        record.taken_along = along
        record.values |= {"IsDeleted": True, "SystemModstamp": self.at, "LastModifiedDate": self.at}
        self._note("deleted", record)
        for kind, name in self.org.referring(record.kind):
            for other in list(self.org.records(kind.name).values()):
                if other.values.get(name) != record.id or other.deleted:
                    continue
                if derived.belongs(kind.name, name):
                    self.delete(other, along=along or record.id)
                elif name.endswith("__c"):
                    other.values[name] = None
                    record.cleared.append((other.id, name))

    def undelete(self, record: Record) -> None:
        """Out of the recycle bin, with what went along and the references that are still empty."""
        together = [each for held in self.org.held.values() for each in held.values() if each.taken_along == record.id]
        for each in (record, *together):
            each.taken_along = ""
            each.values |= {"IsDeleted": False, "SystemModstamp": self.at, "LastModifiedDate": self.at}
            self._note("undeleted", each)
            for other_id, name in each.cleared:
                other = self.org.find(other_id)
                if other is not None and other.values.get(name) is None:
                    other.values[name] = each.id
            each.cleared = []

    # ── The book ────────────────────────────────────────────────────────────────────────────────────────────────

    def _note_changes(self, record: Record, before: Mapping[str, Any]) -> None:
        for name, value in record.values.items():
            if value != before.get(name) and name not in {"Id", "IsDeleted", *_SYSTEM}:
                old, new = values.shown(before.get(name)), values.shown(value)
                self._note("field", record, name, old, new)
                if before and self.org.tracks and record.kind in TRACKED:
                    self._track(record, name, old, new)
        self.touched[record.id] = record

    def _track(self, record: Record, name: str, old: object, new: object) -> None:
        """A line of the field's history. What an org tells of its records' past is no effect of its own."""
        told = {f"{record.kind}Id": record.id, "Field": name, "OldValue": _said(old), "NewValue": _said(new)}
        self._store(self._blank(TRACKED[record.kind], told))

    def _note(self, kind: str, record: Record, name: str = "", old: object = None, new: object = None) -> None:
        self.touched[record.id] = record
        self.entries.append(
            Entry(kind, stamp(self.at), self.org.id, record.kind, record.id, name, old, new, self.by, self.user,
                  self.request)
        )  # fmt: skip

    def note(self, kind: str, record: Record, new: object = None) -> None:
        """Something that is more than its fields: a conversion, a merge."""
        self._note(kind, record, new=new)


def _said(value: object) -> str | None:
    return None if value is None else str(value)
