"""Records: our own properties on profiles that are there already, each by its write policy.

A profile is found by its id or its e-mail and written by its id alone, so that no write can make one, join two, or hit
another person; and nothing but properties of our own is sent, so that consent, suppressions and everything that others keep
there stay as they are. Klaviyo keeps no history of a property and cannot be asked to write only if nothing changed: what
somebody puts into a property of ours between our read and our write is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from adapters.answers import Json
from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api import BATCH, Client, id_of, shaped
from adapters.klaviyo.api.answers import Misfit
from adapters.klaviyo.api.endpoints import PROFILE
from adapters.klaviyo.outbound.names import profile_property
from adapters.klaviyo.outbound.reads import address
from adapters.plain import part, text_of
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, normal
from connector.errors import Refused, Unknown
from connector.mapping import may_write
from connector.ports.platform import Account
from connector.ports.records import FieldValue, RecordResult, RecordWrite

#: Klaviyo's word for a property that segments may compare by size.
NUMBER = "Number"


@dataclass(frozen=True)
class _Plan:
    """What is to be written to one profile, by our names of the fields, and what is kept because a value stands there.

    sources: the writes that came together in it.
    """

    id: str
    values: Mapping[str, str | float]
    kept: frozenset[str]
    sources: tuple[RecordWrite, ...]


@dataclass(frozen=True)
class Records:
    """What marketers read on profiles, and segment by."""

    client: Client
    app: str

    def write_records(self, account: Account, writes: Sequence[RecordWrite]) -> Sequence[RecordResult]:
        """Write properties of ours; whoever has no profile is left alone."""
        results: dict[int, RecordResult] = {}
        for start in range(0, len(writes), BATCH):
            results |= self._write(account, writes[start : start + BATCH])
        return [results[id(write)] for write in writes]

    def _write(self, account: Account, writes: Sequence[RecordWrite]) -> dict[int, RecordResult]:
        plans, results = self._planned(account, writes)
        stopped = ""
        for plan in plans:
            refused = stopped
            try:
                if plan.values and not stopped:
                    self._send(account, plan)
            except Misfit as error:
                refused = error.reason
            except Refused as error:  # a permission is missing, or the revision is over, for each of them
                refused = stopped = error.reason
            for source in plan.sources:
                results[id(source)] = _result(source, plan, refused)
        return results

    @shaped
    def _planned(self, account: Account, writes: Sequence[RecordWrite]) -> tuple[list[_Plan], dict[int, RecordResult]]:
        """The writes as they are needed, each profile once whatever names it goes by; and what is known already."""
        by_id = {id_of(row): row for row in self.client.profiles(account, "id", _named(writes))}
        found = self.client.profiles(account, "email", [one for write in writes if (one := _address(write))])
        by_email = {normal(EMAIL, text_of(row["attributes"].get("email"))): row for row in found}
        together: dict[str, tuple[Json, list[RecordWrite]]] = {}
        results: dict[int, RecordResult] = {}
        for write in writes:
            row = by_id.get(write.ref.id) if write.ref.id else by_email.get(_address(write))
            if row is None:
                lost = "Klaviyo has no such profile any more" if write.ref.id else ""
                results[id(write)] = RecordResult(write.ref, refused=lost)
            else:
                together.setdefault(id_of(row), (row, []))[1].append(write)
        return [self._plan(row, mine) for row, mine in together.values()], results

    def _plan(self, row: Json, writes: Sequence[RecordWrite]) -> _Plan:
        """What is ours and not there yet; of several writes to a profile the last one counts for a field."""
        fields: dict[str, FieldValue] = {}
        for write in writes:
            fields |= write.fields
        held = part(row["attributes"].get("properties"))
        now = {name: _text(held.get(profile_property(self.app, name))) for name in fields}
        open_ = {name: new.value for name, new in fields.items() if not _same(now[name], new)}
        values = {name: value for name, value in open_.items() if may_write(fields[name].policy, now[name], value)}
        numbers = {name: new.type == NUMBER for name, new in fields.items()}
        typed = {name: json.loads(value) if numbers[name] else value for name, value in values.items()}
        return _Plan(id_of(row), typed, frozenset(open_) - frozenset(values), tuple(writes))

    def _send(self, account: Account, plan: _Plan) -> None:
        """Change properties of one profile; those that are not named stay."""
        properties = {profile_property(self.app, name): value for name, value in plan.values.items()}
        body = {"data": {"type": "profile", "id": plan.id, "attributes": {"properties": properties}}}
        answer = self.client.run(account, PROFILE, filled={"id": plan.id}, body=body)
        if part(answer.get("data")).get("id") != plan.id:
            words = "a success that speaks of another profile"
            raise Unknown(words, platform=MANIFEST.key, operation=PROFILE.name)


def _named(writes: Sequence[RecordWrite]) -> list[str]:
    return [write.ref.id for write in writes if write.ref.id]


def _address(write: RecordWrite) -> str:
    """By which a person is looked for whose id is not known."""
    return "" if write.ref.id else address(write.email)


def _same(held: str, new: FieldValue) -> bool:
    """Whether it stands there already; a number may be spelled in another way."""
    if new.type == NUMBER:
        try:
            return Decimal(held) == Decimal(new.value)
        except InvalidOperation:
            return False
    return held == new.value


def _text(value: object) -> str:
    """What a property holds, as the text that policies compare; "" for nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)


def _result(source: RecordWrite, plan: _Plan, refused: str) -> RecordResult:
    if refused:
        return RecordResult(source.ref, refused=refused)
    there = source.ref if source.ref.id else ObjectRef(source.ref.kind, plan.id)
    written = tuple(name for name in source.fields if name not in plan.kept)
    return RecordResult(there, written, tuple(name for name in source.fields if name in plan.kept))
