"""What the stand-in holds in memory: orgs with their kinds of objects, records, users, tokens and rules.

Mutable on purpose; everything is read and changed under the one lock of `World`. Values of records are native: texts,
booleans, Decimals, whole numbers, aware moments and dates; ids have their 18 characters.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from adapters.salesforce.sandbox import ids
from adapters.salesforce.sandbox.clock import Clock
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.limits import Limits
from adapters.salesforce.sandbox.package import Rights
from adapters.salesforce.sandbox.security import seen
from adapters.salesforce.sandbox.stages import STAGES, Stage
from adapters.salesforce.sandbox.tokens import Code, Tokens


@dataclass
class Record:
    """One record. taken_along: by whose deletion it went too. cleared: references that its own deletion emptied."""

    kind: str
    values: dict[str, Any]
    taken_along: str = ""
    cleared: list[tuple[str, str]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.values["Id"])

    @property
    def deleted(self) -> bool:
        return bool(self.values["IsDeleted"])


@dataclass(frozen=True)
class Rule:
    """A validation rule: what stands in `field` must match, or must be there at all. shown: the field it is told at."""

    kind: str
    field: str
    message: str
    matches: str = ""
    required: bool = False
    shown: str = ""


@dataclass(frozen=True)
class DuplicateRule:
    """A duplicate rule by e-mail: `alert` may be overridden by whoever saves, `block` may not."""

    kind: str
    action: str = "alert"


@dataclass
class Deployment:
    """Metadata that was sent. left: by how many questions it is not done yet. failures: once it is, none for a success."""

    files: Mapping[str, bytes]
    options: Mapping[str, Any]
    left: int
    failures: list[dict[str, Any]] | None = None


@dataclass
class Org:
    """One org.

    spelling: how this org's version writes the key of a duplicate's details. id_form: 15 or 18. withheld: what field-level
    security takes away, by object and field. converts: fields of a lead and those of a kind that they go on to. refuses:
    what its own processes say instead of running. lacks: permissions that the app's user does not have. busy: by how many
    questions a deployment is not done. sets: what each permission set that was deployed gives, by its id.
    """

    id: str
    number: int
    name: str
    host: str
    currency: str
    currencies: tuple[str, ...]
    zone: str
    is_sandbox: bool
    kinds: dict[str, Kind]
    limits: Limits
    tokens: Tokens
    client_id: str
    client_secret: str
    admin: str = ""
    app_user: str = ""
    public_key: str = ""
    rotates: bool = True
    session: timedelta = timedelta(hours=2)
    id_form: int = 18
    spelling: str = "duplicateResult"
    namespace: str = ""
    consents: bool = False
    rights: Rights | None = None
    withheld: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    stages: Sequence[Stage] = STAGES
    rules: list[Rule] = field(default_factory=list)
    duplicate_rules: list[DuplicateRule] = field(default_factory=list)
    converts: dict[str, dict[str, str]] = field(default_factory=dict)
    locks: dict[str, int] = field(default_factory=dict)
    target: str = ""
    messages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    licences: frozenset[str] = frozenset()
    tracks: bool = True
    refuses: str = ""
    lacks: frozenset[str] = frozenset()
    busy: int = 1
    deployments: dict[str, Deployment] = field(default_factory=dict)
    sets: dict[str, Rights] = field(default_factory=dict)
    held: dict[str, dict[str, Record]] = field(default_factory=dict)
    pages: dict[str, Sequence[Any]] = field(default_factory=dict)
    _made: int = 0
    _seen: dict[str, Kind | None] = field(default_factory=dict)

    # ── Kinds ───────────────────────────────────────────────────────────────────────────────────────────────────

    def kind(self, name: str) -> Kind | None:
        """A kind by its name, in which case does not count; all that there is, whoever may see it."""
        found = self.kinds.get(name)
        return found or next((each for each in self.kinds.values() if each.name.lower() == name.lower()), None)

    def seen(self, name: str) -> Kind | None:
        """A kind as the app's user sees it; None where they do not see it at all."""
        known = self.kind(name)
        if known is None:
            return None
        if known.name not in self._seen:
            self._seen[known.name] = seen(known, self.rights, self.withheld, self.stages)
        return self._seen[known.name]

    def changed(self) -> None:
        """Kinds, rights or stages are others now."""
        self._seen.clear()

    def prefixed(self, record_id: str) -> Kind | None:
        """The kind whose ids begin like this one."""
        return next((kind for kind in self.kinds.values() if kind.prefix == record_id[:3]), None)

    def referring(self, kind: str) -> Iterator[tuple[Kind, str]]:
        """Each field of this org that may refer to records of this kind, with the kind that has it."""
        for owner in self.kinds.values():
            yield from ((owner, each.name) for each in owner.fields.values() if kind in each.to)

    # ── Records ─────────────────────────────────────────────────────────────────────────────────────────────────

    def records(self, kind: str) -> dict[str, Record]:
        return self.held.setdefault(kind, {})

    def find(self, record_id: str, kind: str = "") -> Record | None:
        """A record by its id in either form, deleted ones too."""
        try:
            wanted = ids.normal(record_id)
        except ValueError:
            return None
        known = self.prefixed(wanted)
        if known is None or (kind and known.name != kind):
            return None
        return self.records(known.name).get(wanted)

    def new_id(self, prefix: str) -> str:
        self._made += 1
        return ids.made(prefix, self.number, self._made)

    def snapshot(self) -> dict[str, dict[str, Record]]:
        """All records as they are, to go back to."""
        return {kind: {key: copy.deepcopy(record) for key, record in held.items()} for kind, held in self.held.items()}

    @property
    def multi_currency(self) -> bool:
        return bool(self.currencies)


@dataclass
class World:
    """Everything, and the lock that guards it. consenting: the org whose admin says yes next."""

    clock: Clock = field(default_factory=Clock)
    lock: RLock = field(default_factory=RLock)
    orgs: dict[str, Org] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    consenting: str = ""
    url: str = ""

    def session(self, token: str, now: datetime) -> tuple[Org, str] | None:
        """The org and the user that an access token speaks for, as long as its session lasts."""
        for org in self.orgs.values():
            if user := org.tokens.user(token, now):
                return org, user
        return None

    def owner(self, token: str) -> Org | None:
        """Whose access token this is or was."""
        return next((org for org in self.orgs.values() if token in org.tokens.access), None)

    def by_app(self, form: Mapping[str, str], host: str) -> Org | None:
        """The org that a request without any token means: by its host, else by the app's key."""
        named = [org for org in self.orgs.values() if org.host == host]
        known = [org for org in self.orgs.values() if org.client_id == form.get("client_id")]
        return next(iter([*named, *[org for org in known if org.id == self.consenting], *known]), None)
