"""Records: our fields on leads, contacts, opportunities and accounts, never over a value that a person wrote.

Salesforce cannot be asked to write two hundred records only where nothing changed. So they are read right before they are
written, and where the org tracks the history of our fields, what we filled because it was empty is looked at once more
afterwards: a value that a person saved between our read and our write is put back. docs/salesforce-admin.md says how.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import BATCH, SETUP, Client, shaped, soql
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.campaign import Campaign
from adapters.salesforce.outbound.org import Kind, Orgs
from adapters.salesforce.outbound.reads import Reads
from adapters.salesforce.outbound.referral_credits import Credits
from adapters.salesforce.outbound.values import Json, held, same
from connector import clock
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, normal
from connector.mapping import IF_EMPTY, may_write
from connector.ports.platform import Account
from connector.ports.records import FieldValue, RecordResult, RecordWrite

_OBJECTS = {"opportunity": "Opportunity", "account": "Account"}
#: Where Salesforce keeps what tracked fields were before.
_HISTORY = {
    "Lead": "LeadHistory",
    "Contact": "ContactHistory",
    "Account": "AccountHistory",
    "Opportunity": "OpportunityFieldHistory",
}
#: Our write was a moment ago; the clocks of both sides may differ by this.
_LATELY = timedelta(minutes=10)


@dataclass(frozen=True)
class _Plan:
    """What is to be written to one record, by the org's own names of fields.

    filled: those among them that stood empty, with our names of them. kept: fields left to people; missing: those that the
    org does not let us write, both by our names. sources: the writes that came together in it.
    """

    object: str
    id: str
    values: Mapping[str, Any]
    filled: Mapping[str, str]
    kept: frozenset[str]
    missing: frozenset[str]
    sources: tuple[RecordWrite, ...]

    @property
    def of_friend(self) -> bool:
        return any(source.friend for source in self.sources)


@dataclass(frozen=True)
class Records:
    """What sales people read."""

    client: Client
    orgs: Orgs
    reads: Reads
    credits: Credits
    campaign: Campaign

    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write records of several kinds, up to 200 in a call."""
        results: dict[int, RecordResult] = {}
        for start in range(0, len(writes), BATCH):
            results |= self._write(account, writes[start : start + BATCH])
        return [results[id(write)] for write in writes]

    @shaped
    def _write(self, account: Account, writes: Sequence[RecordWrite]) -> dict[int, RecordResult]:
        results = self.credits.keep(account, [write for write in writes if write.ref.kind == "credit"])
        others = [write for write in writes if write.ref.kind != "credit"]
        where, nowhere = self.reads.fresh(account, lambda: self._addressed(account, others))
        results |= nowhere
        plans = self.reads.fresh(account, lambda: list(self._planned(account, where)))
        sent = list(self._sent(account, plans))
        outside = self.campaign.add(account, [plan.id for plan, refused in sent if plan.of_friend and not refused])
        for plan, why in sent:
            refused = why or outside.get(plan.id, "")
            for source in plan.sources:
                left = plan.kept | plan.missing
                written = tuple(name for name in source.fields if name not in left)
                there = source.ref if source.ref.id else ObjectRef(source.ref.kind, plan.id)
                kept = tuple(name for name in source.fields if name in plan.kept)
                results[id(source)] = RecordResult(there, () if refused else written, kept, refused)
        return results

    # ── Which record is meant ───────────────────────────────────────────────────────────────────────────────────

    def _addressed(
        self, account: Account, writes: Sequence[RecordWrite]
    ) -> tuple[dict[tuple[str, str], list[RecordWrite]], dict[int, RecordResult]]:
        """The writes by the object and id that each means in the end; and those that mean nothing there."""
        by_email = self.reads.find_people(account, [write.email for write in writes if not write.ref.id])
        accounts = self._accounts(account, [write.ref.id for write in writes if write.ref.kind == "account"])
        named = [by_email[m].id if (m := normal(EMAIL, w.email)) in by_email else "" for w in writes]
        ids = {w.ref.id or there for w, there in zip(writes, named, strict=True) if w.ref.kind == MANIFEST.person_kind}
        people = self.reads.people(account, {each for each in ids if each}, frozenset())
        found: dict[tuple[str, str], list[RecordWrite]] = {}
        results: dict[int, RecordResult] = {}
        for write, there in zip(writes, named, strict=True):
            one, kind = write.ref.id or there, write.ref.kind
            if kind == MANIFEST.person_kind:
                known = people.get(one)
                place = ("Lead" if known and is_lead(known.id) else "Contact", known.id if known else "")
            else:
                place = (_OBJECTS[kind], accounts.get(one, "") if kind == "account" else one)
            if place[1]:
                found.setdefault(place, []).append(write)
            else:
                lost = f"Salesforce has no such {kind} any more" if write.ref.id and kind != "account" else ""
                results[id(write)] = RecordResult(write.ref, refused=lost)
        return found, results

    def _accounts(self, account: Account, opportunities: Sequence[str]) -> dict[str, str]:
        """The account of each opportunity that has one."""
        if not opportunities:
            return {}
        asked = f"SELECT Id, AccountId FROM Opportunity WHERE Id IN {soql.texts(opportunities)}"  # noqa: S608
        told = self.client.query(account, asked, operation="accounts")
        return {full_id(held(row, "Id")): full_id(held(row, "AccountId")) for row in told}

    # ── What to write ───────────────────────────────────────────────────────────────────────────────────────────

    def _planned(self, account: Account, where: Mapping[tuple[str, str], Sequence[RecordWrite]]) -> Iterator[_Plan]:
        """What each record needs, by what stands there right now; sorted, so that two of us never lock crosswise."""
        for name in sorted({name for name, _ in where}):
            kind = self.orgs.needs(account, name)
            mine = {one: writes for (of, one), writes in sorted(where.items()) if of == name}
            wanted = {field for writes in mine.values() for write in writes for field in write.fields}
            fields = ", ".join(["Id", *sorted(set(kind.names(wanted).values()) - {"Id"})])
            asked = f"SELECT {fields} FROM {name} WHERE Id IN {soql.texts(mine)}"  # noqa: S608
            told = self.client.query(account, asked, operation=f"before_{name.lower()}")
            standing = {full_id(held(row, "Id")): row for row in told}
            for one, writes in mine.items():
                yield _plan(kind, one, standing.get(one), writes)

    def _sent(self, account: Account, plans: Sequence[_Plan]) -> Iterator[tuple[_Plan, str]]:
        """Write what differs; each plan with why it was refused, or ""."""
        due = [plan for plan in plans if plan.values]
        yield from ((plan, _unwritable(plan)) for plan in plans if not plan.values)
        for start in range(0, len(due), BATCH):
            part = due[start : start + BATCH]
            records = [{"attributes": {"type": plan.object}, "Id": plan.id, **plan.values} for plan in part]
            items = self.client.save(account, records, operation="write_records")
            if any(item.problem and item.problem.code in SETUP for item in items):
                self.orgs.forget(account)
            done = [plan for plan, item in zip(part, items, strict=True) if item.problem is None]
            raced, stuck = self._put_back(account, [plan for plan in done if plan.filled])
            for plan, item in zip(part, items, strict=True):
                theirs = frozenset(plan.filled[name] for name in raced.get(plan.id, ()))
                words = item.problem.words if item.problem else stuck.get(plan.id, "")
                yield replace(plan, kept=plan.kept | theirs), words

    def _put_back(self, account: Account, plans: Sequence[_Plan]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
        """Values of people that our write went over, by record and field: read from the fields' history, and restored.

        Beside them why one could not be, by record.
        """
        raced: dict[str, dict[str, str]] = {}
        for name in sorted({plan.object for plan in plans}):
            mine = [plan for plan in plans if plan.object == name]
            for row in self._past(account, name, mine):
                plan = next(each for each in mine if each.id == full_id(held(row, f"{name}Id")))
                field, theirs = held(row, "Field"), held(row, "OldValue")
                if not _is_ours(held(row, "NewValue"), plan.values.get(field)):
                    raced.get(plan.id, {}).pop(field, None)  # a person wrote after us: that stands
                elif theirs.strip():
                    raced.setdefault(plan.id, {})[field] = theirs
        over = [plan for plan in plans if raced.get(plan.id)]
        back = [{"attributes": {"type": plan.object}, "Id": plan.id, **raced[plan.id]} for plan in over]
        items = self.client.save(account, back, operation="put_back") if back else ()
        stuck = {
            plan.id: f"a person's {', '.join(raced[plan.id])} could not be put back: {item.problem.words}"
            for plan, item in zip(over, items, strict=True)
            if item.problem
        }
        return raced, stuck

    def _past(self, account: Account, name: str, plans: Sequence[_Plan]) -> Sequence[Json]:
        """What the org tracked of these fields in the last minutes; nothing where it tracks none."""
        history = _HISTORY[name]
        if self.orgs.kind(account, history) is None:
            return ()
        fields = sorted({field for plan in plans for field in plan.filled})
        asked = (
            f"SELECT {name}Id, Field, OldValue, NewValue FROM {history} WHERE {name}Id IN "  # noqa: S608
            f"{soql.texts(plan.id for plan in plans)} AND Field IN {soql.texts(fields)}"
            f" AND CreatedDate >= {soql.moment(clock.now() - _LATELY)} ORDER BY CreatedDate"
        )
        return self.client.query(account, asked, operation="past")


def _plan(kind: Kind, one: str, record: Json | None, writes: Sequence[RecordWrite]) -> _Plan:
    """Of several writes to one record the last one counts for a field."""
    fields: dict[str, FieldValue] = {}
    for write in writes:
        fields |= write.fields
    values, filled, kept, missing = dict[str, Any](), dict[str, str](), set[str](), set[str]()
    for name, new in fields.items():
        there = kind.field(name)
        if record is None or there is None or not there.update or not there.takes(new.value):
            missing.add(name)
            continue
        current = held(record, there.name)
        if same(current, new.value, there.type):
            continue
        if may_write(new.policy, current, new.value):
            values[there.name] = there.typed(new.value)
            filled |= {there.name: name} if new.policy == IF_EMPTY else {}
        else:
            kept.add(name)
    return _Plan(kind.name, one, values, filled, frozenset(kept), frozenset(missing), tuple(writes))


def _is_ours(told: str, value: object) -> bool:
    """Whether the history says that what we wrote was written; it spells times its own way."""
    return any(same(told, str(value), kind) for kind in ("string", "datetime"))


def _unwritable(plan: _Plan) -> str:
    """Why nothing at all could be written where something should be."""
    if plan.missing and plan.missing == {name for source in plan.sources for name in source.fields}:
        words = "install our package, and assign its permission set to our integration user"
        return f"{plan.object} shows our user none of {', '.join(sorted(plan.missing))}: {words}"
    return ""
