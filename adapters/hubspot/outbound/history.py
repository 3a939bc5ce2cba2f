"""History: contacts and deals that changed since a moment, oldest change first, by HubSpot's search.

It serves accounts that were connected late, and those joined by a key of their own, which HubSpot sends no webhooks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.hubspot.api import PATHS, VERSION, Client, shaped
from adapters.hubspot.outbound import contacts
from adapters.hubspot.outbound.values import Json, time_in, whole
from adapters.plain import part, rows, time_of
from connector.domain.facts import ObjectRef
from connector.ports.history import Chapter, Horizon
from connector.ports.inbound import Sighting
from connector.ports.platform import Account

#: Records of one page, and how many a search gives in all ("CRM search", 2026-04): then it goes on from the last change.
PAGE, MOST = 200, 10_000
#: Search runs some seconds behind what was written.
BEHIND = timedelta(minutes=2)
_CHANGED = {"contact": "lastmodifieddate", "deal": "hs_lastmodifieddate"}
_KINDS = tuple(_CHANGED)


@dataclass(frozen=True)
class _Place:
    """Where the reading stands: the kind, from which change on, how far in that search, and records so far."""

    kind: str
    since: int
    after: str = "0"
    seen: int = 0

    @classmethod
    def parse(cls, text: str) -> _Place:
        kind, since, after, seen = text.split(" ")
        return cls(kind, int(since), after, int(seen))

    def __str__(self) -> str:
        return f"{self.kind} {self.since} {self.after} {self.seen}"


@dataclass(frozen=True)
class History:
    """What changed since."""

    client: Client

    def horizon(self, _scopes: frozenset[str]) -> Horizon:
        """As far back as the account goes."""
        return Horizon()

    @shaped
    def read_history(self, account: Account, since: datetime, place: str) -> Chapter:
        """One page of what changed; deals follow contacts."""
        first = _Place(_KINDS[0], _milliseconds(since - BEHIND))
        at = _Place.parse(place) if place else first
        told = self._search(account, at)
        found = rows(told["results"])
        now = replace(at, seen=at.seen + len(found))
        further = _next(now, found, whole(part(part(told.get("paging")).get("next")).get("after")), first)
        sightings = tuple(_sighting(at.kind, record) for record in found)
        return Chapter(str(further or now), now.seen, sightings=sightings, done=further is None)

    def _search(self, account: Account, at: _Place) -> Json:
        changed = _CHANGED[at.kind]
        names = (*contacts.EVIDENCE, contacts.OURS, "createdate") if at.kind == "contact" else ()
        body: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": changed, "operator": "GTE", "value": str(at.since)}]}],
            "sorts": [changed],
            "properties": [*names, changed],
            "limit": PAGE,
            "after": at.after,
        }
        path = f"/crm/objects/{VERSION}/{PATHS[at.kind]}/search"
        return self.client.search(account, path, body)


def _next(now: _Place, found: Sequence[Json], after: str, first: _Place) -> _Place | None:
    """The next page, the next search where this one gives no more, the next kind, or the end."""
    if after and found:
        if int(after) + PAGE <= MOST:
            return replace(now, after=after)
        last = _milliseconds(max(_changed_at(now.kind, record) for record in found))
        # More than a search gives may have changed in one millisecond; the rest of them is passed over, not looped over.
        return replace(now, since=max(last, now.since + 1), after="0")
    left = _KINDS[_KINDS.index(now.kind) + 1 :]
    return replace(first, kind=left[0], seen=now.seen) if left else None


def _sighting(kind: str, record: Json) -> Sighting:
    hints = contacts.hints_of([record]) if kind == "contact" else ()
    return Sighting(ObjectRef(kind, str(record["id"])), _changed_at(kind, record), hints, grows=True)


def _changed_at(kind: str, record: Json) -> datetime:
    at = time_in(record, _CHANGED[kind]) or time_of(record.get("updatedAt"))
    if at is None:
        raise ValueError("the record does not say when it changed")
    return at


def _milliseconds(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1000)
