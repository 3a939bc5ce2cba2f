"""Events as they are sent: what can be seen to be wrong at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.klaviyo.sandbox import people
from adapters.klaviyo.sandbox.answers import Json, invalid
from adapters.klaviyo.sandbox.checks import Node, Reader, currency, flag, mapping, moment, number, text
from adapters.klaviyo.sandbox.clock import whole
from adapters.klaviyo.sandbox.people import Patch

_MOST_PROPERTIES = 400
_LONGEST_TEXT = 100_000
_LONGEST_NAME = 127
_FIRST = datetime(1991, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=365)


@dataclass(frozen=True)
class Draft:
    """One event as it was sent. unique_id "" for none. service: where its metric is said to come from."""

    patch: Patch
    metric: str
    service: str
    at: datetime
    unique_id: str
    properties: Json
    value: float | None
    currency: str | None
    backfill: bool

    @property
    def key(self) -> str:
        """What it is recorded once by, for one profile and metric: its mark, or else its second."""
        return self.unique_id or str(int(self.at.timestamp()))


def _properties(node: Node) -> Json:
    """Only the first level counts; no text anywhere in it may be longer than 100 KB."""
    if len(mapping(node)) > _MOST_PROPERTIES:
        raise invalid(f"An event may have at most {_MOST_PROPERTIES} properties.", node.at)
    if any(len(one.encode()) > _LONGEST_TEXT for one in _texts(node.value)):
        raise invalid("A single string cannot exceed 100KB.", node.at)
    return mapping(node)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        return [found for one in (value.values() if isinstance(value, dict) else value) for found in _texts(one)]
    return [value] if isinstance(value, str) else []


def _metric(node: Node) -> Json:
    given = node.data("metric").attributes("metric", {"name": text, "service": text}, "name")
    if len(given["name"]) > _LONGEST_NAME:
        raise invalid("The name of a metric must be less than 128 characters.", f"{node.at}/data/attributes/name")
    return given


def person(node: Node) -> Patch:
    patch = people.read(node.data("profile"), {"anonymous_id": text})
    if not (patch.id or patch.identifiers):
        words = "At least one profile identifier is required: id, email, phone_number, external_id or anonymous_id."
        raise invalid(words, f"{node.at}/data")
    return patch


_READERS: dict[str, Reader] = {
    "properties": _properties, "time": moment, "value": number, "value_currency": currency, "unique_id": text,
    "backfill": flag, "metric": _metric,
}  # fmt: skip


def read(node: Node, now: datetime, patch: Patch | None = None, *, backfill: bool = False) -> Draft:
    """One event's resource object; in a bulk call its profile stands elsewhere. Raises Refusal."""
    readers = {**_READERS, "profile": person} if patch is None else _READERS
    required = ("properties", "metric", "profile") if patch is None else ("properties", "metric")
    given = node.attributes("event", readers, *required)
    at = whole(given.get("time") or now)
    if not _FIRST <= at <= now + _AHEAD:
        raise invalid("The time must be after 1990 and at most one year ahead.", f"{node.at}/attributes/time")
    return Draft(
        patch=patch or given["profile"],
        metric=given["metric"]["name"],
        service=given["metric"].get("service") or "",
        at=at,
        unique_id=given.get("unique_id") or "",
        properties=given["properties"],
        value=given.get("value"),
        currency=given.get("value_currency"),
        backfill=bool(given.get("backfill", backfill)),
    )
