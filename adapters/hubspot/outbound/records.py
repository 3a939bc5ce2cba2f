"""Records: our properties on contacts and deals, never over a value that a person wrote.

HubSpot cannot be asked to write only if nothing changed. So what we filled because it was empty is looked at once more
afterwards, with its history: a value that a person saved between our read and our write is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.hubspot.api import BATCH, HISTORY_BATCH, Client, shaped
from adapters.hubspot.outbound.ties import Ties
from adapters.hubspot.outbound.updates import update
from adapters.hubspot.outbound.values import held, same, versions
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Refused
from connector.mapping import IF_EMPTY, may_write
from connector.ports.platform import Account
from connector.ports.records import FieldValue, Link, RecordResult, RecordWrite

Json = Mapping[str, Any]

#: How HubSpot calls a change that an app made.
_APPS = "INTEGRATION"


@dataclass(frozen=True)
class _Plan:
    """What is to be written to one record: all of our own values, and which of them stand where nothing stood before.

    sources: the writes that came together in it.
    """

    kind: str
    id: str
    values: Mapping[str, str]
    filled: Mapping[str, str]
    kept: frozenset[str]
    sources: tuple[RecordWrite, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        return tuple(dict.fromkeys(link for source in self.sources for link in source.links))


@dataclass(frozen=True)
class Records:
    """What sales people read on contacts and deals."""

    client: Client
    ties: Ties

    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write records of several kinds, up to 100 of a kind in a call; ties to other records come last."""
        results: dict[int, RecordResult] = {}
        for kind in sorted({write.ref.kind for write in writes}):
            mine = [write for write in writes if write.ref.kind == kind]
            for start in range(0, len(mine), BATCH):
                results |= self._write(account, kind, mine[start : start + BATCH])
        return [results[id(write)] for write in writes]

    @shaped
    def _write(self, account: Account, kind: str, writes: Sequence[RecordWrite]) -> dict[int, RecordResult]:
        if kind == "credit":
            return self.ties.keep_credits(account, writes)
        plans, results = self._planned(account, kind, writes)
        refused = self._send(account, kind, [plan for plan in plans if plan.values])
        raced, stuck = self._put_back(account, kind, [p for p in plans if p.filled and p.id not in refused])
        refused |= stuck
        for plan in plans:
            for source in plan.sources:
                if plan.id in refused:
                    results[id(source)] = RecordResult(source.ref, refused=refused[plan.id])
                    continue
                kept = plan.kept | raced.get(plan.id, frozenset())
                written = tuple(name for name in source.fields if name not in kept)
                there = source.ref if source.ref.id else ObjectRef(kind, plan.id)
                results[id(source)] = RecordResult(there, written, tuple(n for n in source.fields if n in kept))
        self.ties.tie(account, kind, {plan.id: plan.links for plan in plans if plan.id not in refused})
        return results

    # ── What to write ───────────────────────────────────────────────────────────────────────────────────────────

    def _planned(
        self, account: Account, kind: str, writes: Sequence[RecordWrite]
    ) -> tuple[list[_Plan], dict[int, RecordResult]]:
        """The writes as they are needed, each record once whatever names it goes by; and what is known already."""
        names = sorted({name for write in writes for name in write.fields})
        ids = [write.ref.id for write in writes if write.ref.id]
        found = dict(self.client.read(account, kind, ids, names).found) if ids else {}
        emails = [normal(EMAIL, write.email) for write in writes if not write.ref.id]
        by_email = self.client.read(account, kind, emails, [*names, "email"], by="email").found if emails else {}
        together: dict[str, tuple[Json, list[RecordWrite]]] = {}
        results: dict[int, RecordResult] = {}
        for write in writes:
            record = found.get(write.ref.id) if write.ref.id else by_email.get(normal(EMAIL, write.email))
            if record is None:
                lost = f"HubSpot has no such {kind} any more" if write.ref.id else ""
                results[id(write)] = RecordResult(write.ref, refused=lost)
            else:
                together.setdefault(str(record["id"]), (record, []))[1].append(write)
        return [_plan(kind, external, *each) for external, each in together.items()], results

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self, account: Account, kind: str, plans: Sequence[_Plan]) -> dict[str, str]:
        """Write a batch; returns why records were refused, by id."""
        values = {plan.id: plan.values for plan in plans}
        try:
            return {external: why for external, why in update(self.client, account, kind, values) if why}
        except Refused as error:  # a permission is missing, for each of them
            return dict.fromkeys(values, error.reason)

    # ── Looking once more ───────────────────────────────────────────────────────────────────────────────────────

    def _put_back(
        self, account: Account, kind: str, plans: Sequence[_Plan]
    ) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
        """Values that people saved while we were writing, put back: the fields concerned, and where that was refused."""
        raced: dict[str, dict[str, str]] = {}
        for start in range(0, len(plans), HISTORY_BATCH):
            part = plans[start : start + HISTORY_BATCH]
            names = sorted({name for plan in part for name in plan.filled})
            read = self.client.read(account, kind, [plan.id for plan in part], (), history=names)
            raced |= {
                plan.id: theirs
                for plan in part
                if plan.id in read.found and (theirs := dict(_overwritten(plan, read.found[plan.id])))
            }
        back = [_Plan(kind, external, values, {}, frozenset(), ()) for external, values in raced.items()]
        stuck = self._send(account, kind, back)
        words = {
            external: f"a person's {', '.join(raced[external])} could not be put back: {why}"
            for external, why in stuck.items()
        }
        return {external: frozenset(values) for external, values in raced.items()}, words


def _plan(kind: str, external: str, record: Json, writes: Sequence[RecordWrite]) -> _Plan:
    """The full set of our values for one record; of several writes to it the last one counts for a field."""
    fields: dict[str, FieldValue] = {}
    for write in writes:
        fields |= write.fields
    current = {name: held(record, name) for name in fields}
    allowed = {name: new for name, new in fields.items() if may_write(new.policy, current[name], new.value)}
    changed = any(not same(current[name], new.value) for name, new in allowed.items())
    values = {name: new.value for name, new in allowed.items()} if changed else {}
    mine = {n: new.value for n, new in fields.items() if new.policy == IF_EMPTY and same(current[n], new.value)}
    # Where all of it stands already, our last look at what people saved meanwhile may have been lost.
    filled = {name: value for name, value in values.items() if fields[name].policy == IF_EMPTY} if changed else mine
    kept = frozenset(fields) - frozenset(allowed) - frozenset(mine)
    return _Plan(kind, external, values, filled, kept, tuple(writes))


def _overwritten(plan: _Plan, record: Json) -> Iterator[tuple[str, str]]:
    """Fields where our value stands right above one that somebody else put there after we had found it empty."""
    for name, value in plan.filled.items():
        now, *before = versions(record, name)[:2] or (None,)
        if now is None or not before or now.source != _APPS or not same(now.value, value):
            continue  # theirs stands already, or nobody had one
        (theirs,) = before
        by_another = (theirs.source, theirs.by) != (now.source, now.by)
        if by_another and theirs.value and not same(theirs.value, now.value):
            yield name, theirs.value
