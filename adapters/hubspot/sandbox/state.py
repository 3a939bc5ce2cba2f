"""What the stand-in holds in memory: portals with their tokens, records, properties, associations, lists and rules.

Mutable on purpose; everything is read and changed under the one lock of `World`. Ids are per portal and kind, so that
two portals hold records of the same id, as on HubSpot.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from adapters.hubspot.sandbox.clock import Clock
from adapters.hubspot.sandbox.kinds import NATIVE, UNLABELED, Kind, Property, native_properties
from adapters.hubspot.sandbox.limits import Limits
from adapters.hubspot.sandbox.pipelines import Pipeline, native_pipelines

TOKEN_LIFE = timedelta(minutes=30)
FIRST_ID = 171_596_044_869
#: What may be associated without a label has a fixed type id; kinds that a portal defined get theirs from here on.
_FIRST_TYPE_ID = 144


@dataclass(frozen=True)
class By:
    """Whose hand a change was: HubSpot's source type and source id."""

    type: str = "CRM_UI"
    id: str = "userId:1"


@dataclass(frozen=True)
class Version:
    """A value that a property had, since when, and from whom."""

    value: str
    at: datetime
    by: By


@dataclass
class Record:
    """One record; `values` are newest first. gone: deleted, may be restored. merged: ids that went into it."""

    id: int
    kind: Kind
    by: By
    created_at: datetime
    updated_at: datetime
    values: dict[str, list[Version]] = field(default_factory=dict)
    gone: datetime | None = None
    merged: list[int] = field(default_factory=list)
    more_emails: list[str] = field(default_factory=list)

    def value(self, name: str, as_of: datetime | None = None) -> str | None:
        """What the property held, now or then; None if it never held anything."""
        held = self.values.get(name, [])
        return next((v.value for v in held if as_of is None or v.at <= as_of), None)


@dataclass(frozen=True)
class Label:
    """A label of associations; `inverse` is the type id seen from the other side."""

    type_id: int
    label: str
    name: str
    source: str
    target: str
    inverse: int


@dataclass
class Members:
    """A list of contacts."""

    id: int
    name: str
    created_at: datetime
    records: dict[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What an admin asks of writes to a kind of records.

    matches: a pattern for the whole value; required: the property may not be empty; neither: never written by an app.
    """

    kind: str
    property: str
    message: str
    matches: str = ""
    required: bool = False


@dataclass
class Tokens:
    """Access tokens and when they end (None: never), and refresh tokens that are still good."""

    access: dict[str, datetime | None] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Code:
    """An authorization code, good once: the portal, what was granted, and what the token request must match."""

    portal: int
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str
    ends: datetime


@dataclass
class Portal:
    """One HubSpot account with the app installed. scopes None grants everything."""

    id: int
    name: str
    currency: str
    zone: str
    tier: str
    secret: str
    app_id: int
    client_id: str
    target: str
    limits: Limits
    currencies: list[str] = field(default_factory=list)
    client_secret: str = ""
    scopes: frozenset[str] | None = None
    installed: bool = True
    search_delay: timedelta = timedelta()
    association_page: int = 500
    tokens: Tokens = field(default_factory=Tokens)
    kinds: list[Kind] = field(default_factory=lambda: list(NATIVE))
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    properties: dict[str, dict[str, Property]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    records: dict[str, dict[int, Record]] = field(default_factory=dict)
    forward: dict[tuple[str, int], int] = field(default_factory=dict)
    links: dict[tuple[str, int], dict[tuple[str, int], set[int]]] = field(default_factory=dict)
    labels: dict[int, Label] = field(default_factory=dict)
    unlabeled: dict[tuple[str, str], int] = field(default_factory=lambda: dict(UNLABELED))
    pipelines: list[Pipeline] = field(default_factory=native_pipelines)
    lists: dict[int, Members] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    permissions: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    callbacks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    events: int = 0
    index: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _type_ids: int = _FIRST_TYPE_ID
    _last: dict[str, int] = field(default_factory=dict)

    def kind(self, name: str) -> Kind | None:
        return next((k for k in self.kinds if k.answers_to(name)), None)

    def held(self, kind: Kind) -> dict[int, Record]:
        return self.records.setdefault(kind.id, {})

    def defined(self, kind: Kind) -> dict[str, Property]:
        """The properties of a kind, HubSpot's own and those that were added."""
        if kind.id not in self.properties:
            self.properties[kind.id] = native_properties(kind.id)
        return self.properties[kind.id]

    def groups_of(self, kind: Kind) -> dict[str, str]:
        """Labels of the property groups by their names."""
        named = kind.singular
        return self.groups.setdefault(kind.id, {f"{named}information": f"{named.title()} information"})

    def new_id(self, kind: Kind) -> int:
        self._last[kind.id] = self._last.get(kind.id, FIRST_ID - 1) + 1
        return self._last[kind.id]

    def new_type_id(self) -> int:
        self._type_ids += 1
        return self._type_ids

    def plain_type(self, source: str, target: str) -> int:
        """The type id of an association without a label."""
        if (source, target) not in self.unlabeled:
            self.unlabeled[source, target] = self.new_type_id()
        return self.unlabeled[source, target]

    def find(self, kind: Kind, number: int) -> Record | None:
        """The record, or the one that it was merged into; deleted ones too."""
        while (kind.id, number) in self.forward:
            number = self.forward[kind.id, number]
        return self.held(kind).get(number)

    def by_property(self, kind: Kind, name: str, value: str) -> Record | None:
        """The living record with this value of a unique property, or with this e-mail, first or further."""
        wanted = value.lower() if name == "email" else value
        record = self.held(kind).get(self.index.get((kind.id, name, wanted), 0))
        if record is None or record.gone is not None or not wanted:
            return None
        held = record.value(name) or ""
        same = held.lower() == wanted if name == "email" else held == wanted
        return record if same or (name == "email" and wanted in record.more_emails) else None

    def remember(self, record: Record, name: str, value: str) -> None:
        """Make the record findable by this value."""
        self.index[record.kind.id, name, value.lower() if name == "email" else value] = record.id


@dataclass
class World:
    """All portals, the clock, and the one lock."""

    url: str = ""
    clock: Clock = field(default_factory=Clock)
    lock: RLock = field(default_factory=RLock)
    portals: dict[int, Portal] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    consenting: int = 0
    declined: frozenset[str] = frozenset()

    def owner_of(self, token: str) -> Portal | None:
        return next((p for p in self.portals.values() if token and token in p.tokens.access), None)


def new_token(kind: str) -> str:
    """A token in the style of HubSpot's: na1 for this part of the world, and of no fixed length."""
    return f"C{kind}na1-{secrets.token_urlsafe(48)}"
