"""One hand that changes a portal's records: each change goes into the history, the book and the app's webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.hubspot.sandbox import events
from adapters.hubspot.sandbox.answers import invalid
from adapters.hubspot.sandbox.book import Book, Entry
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.kinds import DEAL, Kind
from adapters.hubspot.sandbox.pipelines import stage
from adapters.hubspot.sandbox.state import By, Portal, Record, Version
from adapters.hubspot.sandbox.values import checked, stage_fits

#: What an app writes has this source type, and the app's id for its source.
APP = "INTEGRATION"
_WORKER = By("CALCULATED", "DealCloseDateWorker")


class Hand:
    """`events` gathers what the app is to be told, in the order in which it happened."""

    def __init__(self, portal: Portal, book: Book, by: By, at: datetime, request: str = "") -> None:
        self.portal = portal
        self.book = book
        self.by = by
        self.at = at
        self.request = request
        self.events: list[events.Event] = []

    @property
    def app(self) -> bool:
        """Whether an app writes through the API, and not a person or HubSpot itself."""
        return self.by.type == APP

    def create(self, kind: Kind, given: Mapping[str, object]) -> Record:
        """Raises Refusal where a value cannot be written."""
        kept = self.check(kind, given, None)
        if kind.id == DEAL:
            kept = {"pipeline": "default", "deal_currency_code": self.portal.currency, **kept}
        record = Record(self.portal.new_id(kind), kind, self.by, self.at, self.at)
        self.portal.held(kind)[record.id] = record
        self._note("created", record)
        self.events.append(events.created(self.portal, record, self.at, self.by))
        self._set(record, kept)
        return record

    def update(self, record: Record, given: Mapping[str, object]) -> None:
        """Raises Refusal where a value cannot be written; then nothing was."""
        self._set(record, self.check(record.kind, given, record))

    def check(self, kind: Kind, given: Mapping[str, object], record: Record | None) -> dict[str, str]:
        """The values as they would be kept, for a record or a new one. Raises Refusal; writes nothing."""
        kept = checked(self.portal, kind, given, record, app=self.app)
        if kind.id == DEAL:
            stage_fits(self.portal, kept, record)
        return kept

    def _set(self, record: Record, kept: Mapping[str, str]) -> None:
        was_closed = self._closed(record)
        for name, value in kept.items():
            self._put(record, name, value, self.by)
        if self._closed(record) and not was_closed and "closedate" not in kept and record.kind.id == DEAL:
            self._put(record, "closedate", iso(self.at), _WORKER)

    def _closed(self, record: Record) -> bool:
        found = stage(self.portal.pipelines, record.value("dealstage") or "")
        return bool(found and found.closed)

    def _put(self, record: Record, name: str, value: str, by: By) -> None:
        """A value that is there already is no change: no history, no webhook."""
        old = record.value(name)
        if (old or "") == value:
            return
        found = self.portal.defined(record.kind)[name]
        record.values.setdefault(name, []).insert(0, Version(value, self.at, by))
        record.values[name].sort(key=lambda version: version.at, reverse=True)
        record.updated_at = max(record.updated_at, self.at)
        if name == "email" or found.unique:
            self.portal.remember(record, name, value)
        self._note("property", record, name, old, value, by)
        self.events.append(events.changed(self.portal, record, found, value, self.at, by))

    def _note(
        self, kind: str, record: Record, name: str = "", old: str | None = None, new: str | None = None,
        by: By | None = None,
    ) -> None:  # fmt: skip
        by = by or self.by
        self.book.add(
            Entry(kind, iso(self.at), self.portal.id, record.kind.plural, str(record.id), name, old, new, by.type,
                  by.id, self.request)
        )  # fmt: skip

    # ── Going and coming back ───────────────────────────────────────────────────────────────────────────────────

    def delete(self, record: Record) -> None:
        if record.gone is None:
            record.gone = self.at
            self._note("deleted", record)
            self.events.append(events.deleted(self.portal, record, self.at, self.by))

    def restore(self, record: Record) -> None:
        """A deleted record comes back as it was, with its id."""
        record.gone = None
        self._note("restored", record)
        self.events.append(events.restored(self.portal, record, self.at, self.by))

    def erase(self, record: Record) -> None:
        """A privacy deletion: nothing stays, and the address may not come back."""
        self.portal.blocked |= {email for email in (record.value("email"), *record.more_emails) if email}
        for kind, number in list(self.portal.links.get((record.kind.id, record.id), {})):
            self.portal.links[kind, number].pop((record.kind.id, record.id), None)
        self.portal.links.pop((record.kind.id, record.id), None)
        del self.portal.held(record.kind)[record.id]
        self._note("erased", record)
        self.events.append(events.erased(self.portal, record, self.at, self.by))
        self.events.append(events.deleted(self.portal, record, self.at, self.by))

    def merge(self, primary: Record, others: Sequence[Record], *, fresh: bool = False) -> Record:
        """The others go into the primary, or all into a record with a new id. Their ids lead to it from then on."""
        if any(other is primary for other in others):
            raise invalid("Cannot merge a record with itself")
        into = primary
        if fresh:
            into = Record(self.portal.new_id(primary.kind), primary.kind, primary.by, primary.created_at, self.at)
            self.portal.held(primary.kind)[into.id] = into
        parts = [primary, *others] if fresh else list(others)
        moved = sum(self._pour(into, part) for part in parts)
        into.merged += [part.id for part in parts]
        into.updated_at = self.at
        self._note("merged", into, new=",".join(str(part.id) for part in parts))
        told = [other.id for other in others]
        self.events.append(events.merged(self.portal, primary.id, told, into, moved, self.at, self.by))
        for part in parts:
            self.events.append(events.deleted(self.portal, part, self.at, self.by))
        return into

    def _pour(self, into: Record, part: Record) -> int:
        """One record goes into another: values that it lacks, addresses and associations; how many values moved."""
        key, moved = (part.kind.id, part.id), 0
        for name, held in part.values.items():
            if not into.value(name):
                into.values[name] = list(held)
                if self.portal.defined(into.kind)[name].unique:
                    self.portal.remember(into, name, held[0].value)
                moved += 1
        own = {into.value("email"), *into.more_emails}
        for email in (part.value("email"), *part.more_emails):
            if email and email not in own:
                into.more_emails.append(email)
            if email:
                self.portal.remember(into, "email", email)
        into.merged += part.merged
        for (kind, number), types in self.portal.links.pop(key, {}).items():
            back = self.portal.links[kind, number].pop(key, set())
            if (kind, number) != (into.kind.id, into.id):
                self.portal.links.setdefault((into.kind.id, into.id), {}).setdefault((kind, number), set()).update(
                    types
                )
                self.portal.links[kind, number].setdefault((into.kind.id, into.id), set()).update(back)
        del self.portal.held(part.kind)[part.id]
        self.portal.forward[key] = into.id
        return moved

    # ── Associations ────────────────────────────────────────────────────────────────────────────────────────────

    def associate(self, source: Record, target: Record, types: Sequence[int] = ()) -> None:
        """Both directions at once; an association with a label carries the unlabeled type too."""
        pair = (source.kind.id, target.kind.id)
        new = (target.kind.id, target.id) not in self.portal.links.get((source.kind.id, source.id), {})
        labels = [self.portal.labels[number] for number in types if number in self.portal.labels]
        forth = {self.portal.plain_type(*pair), *(label.type_id for label in labels)}
        back = {self.portal.plain_type(*reversed(pair)), *(label.inverse for label in labels)}
        grown = self._tie(source, target, forth) | self._tie(target, source, back)
        if grown:
            self._note("associated", source, new=f"{target.kind.plural}/{target.id} {sorted(forth)}")
        if new:
            self._tell_of_pair(source, target, removed=False)

    def _tie(self, source: Record, target: Record, types: set[int]) -> bool:
        held = self.portal.links.setdefault((source.kind.id, source.id), {}).setdefault(
            (target.kind.id, target.id), set()
        )
        grown = not types <= held
        held |= types
        return grown

    def separate(self, source: Record, target: Record, types: Sequence[int] = ()) -> None:
        """Take off these labels, or without any the whole association, in both directions."""
        here, there = (source.kind.id, source.id), (target.kind.id, target.id)
        if there not in self.portal.links.get(here, {}):
            return
        self._note(
            "separated", source, old=f"{target.kind.plural}/{target.id}", new=f"{sorted(types)}" if types else None
        )
        if types:
            inverse = {self.portal.labels[number].inverse for number in types if number in self.portal.labels}
            self.portal.links[here][there] -= set(types)
            self.portal.links[there][here] -= inverse
            return
        del self.portal.links[here][there]
        self.portal.links[there].pop(here, None)
        self._tell_of_pair(source, target, removed=True)

    def _tell_of_pair(self, source: Record, target: Record, *, removed: bool) -> None:
        one, other = (source.kind, source.id), (target.kind, target.id)
        for pair in ((one, other), (other, one)):
            self.events.append(events.associated(self.portal, *pair, self.at, self.by, removed=removed))
