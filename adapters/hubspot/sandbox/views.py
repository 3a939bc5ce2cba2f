"""How records look in answers: what is shown without being asked for, what is derived, and the history."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from adapters.hubspot.sandbox.answers import Json
from adapters.hubspot.sandbox.clock import iso
from adapters.hubspot.sandbox.kinds import CONTACT, DEAL
from adapters.hubspot.sandbox.pipelines import stage
from adapters.hubspot.sandbox.state import Portal, Record

_CREATED = {"createdate", "hs_createdate"}
_MODIFIED = {"lastmodifieddate", "hs_lastmodifieddate"}
_ALWAYS = ("createdate", "hs_object_id")
#: Values of a property that are kept, of contacts and of other kinds ("Export property history", 2024-08).
_MOST_OF_CONTACTS, _MOST = 45, 20


def value_of(portal: Portal, record: Record, name: str, as_of: datetime | None = None) -> str | None:
    """What an answer shows for this property; None for one that never held anything."""
    held = record.value(name, as_of)
    if held is not None:
        return held
    match name:
        case "hs_object_id":
            return str(record.id)
        case "hs_merged_object_ids":
            return ";".join(map(str, record.merged)) or None
        case "hs_additional_emails":
            return ";".join(record.more_emails) or None
        case "hs_object_source" | "hs_object_source_label":
            return record.by.type
        case "hs_object_source_id":
            return record.by.id
    if name in _CREATED:
        return iso(record.created_at)
    return iso(record.updated_at) if name in _MODIFIED else _counted(portal, record, name)


def _counted(portal: Portal, record: Record, name: str) -> str | None:
    """What HubSpot computes from a deal's stage and from associations."""
    if record.kind.id == CONTACT and name == "num_associated_deals":
        return str(sum(kind == DEAL for kind, _ in portal.links.get((CONTACT, record.id), {})))
    if record.kind.id != DEAL:
        return None
    now = stage(portal.pipelines, record.value("dealstage") or "")
    match name:
        case "num_associated_contacts":
            return str(sum(kind == CONTACT for kind, _ in portal.links.get((DEAL, record.id), {})))
        case "hs_is_closed_won":
            return str(bool(now and now.won)).lower()
        case "hs_is_closed":
            return str(bool(now and now.closed)).lower()
        case "hs_deal_stage_probability":
            return now.probability if now else None
    return None


def shown(portal: Portal, record: Record, names: Iterable[str], history: Iterable[str] = ()) -> Json:
    """One record with these properties; unknown names are left out, unheld ones are null."""
    defined = portal.defined(record.kind)
    wanted = {*names, *history, *_ALWAYS, record.kind.modified} & {*defined}
    body = _frame(portal, record, {name: value_of(portal, record, name) for name in sorted(wanted)})
    told = [name for name in history if name in defined]
    return {**body, **({"propertiesWithHistory": {n: versions(record, n) for n in told}} if told else {})}


def written(portal: Portal, record: Record) -> Json:
    """One record as the answer to a write shows it: all that it holds, and where it came from."""
    held = {name: record.value(name) for name in record.values}
    about = ("hs_object_source", "hs_object_source_id", "hs_object_source_label")
    derived = {n: value_of(portal, record, n) for n in (*_ALWAYS, *about, record.kind.modified)}
    return _frame(portal, record, dict(sorted({**derived, **held}.items())))


def _frame(portal: Portal, record: Record, properties: Json) -> Json:
    gone = {"archivedAt": iso(record.gone)} if record.gone else {}
    return {
        "id": str(record.id),
        "properties": properties,
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
        "archived": record.gone is not None,
        **gone,
        "url": f"https://app.hubspot.com/contacts/{portal.id}/record/{record.kind.id}/{record.id}",
    }


def versions(record: Record, name: str) -> list[Json]:
    """The last values that the property had, newest first."""
    most = _MOST_OF_CONTACTS if record.kind.id == CONTACT else _MOST
    return [
        {
            "value": version.value,
            "timestamp": iso(version.at),
            "sourceType": version.by.type,
            "sourceId": version.by.id,
            **_person(version.by.id),
        }
        for version in record.values.get(name, [])[:most]
    ]


def _person(source: str) -> Json:
    number = source.removeprefix("userId:")
    return {"updatedByUserId": int(number)} if source.startswith("userId:") and number.isdigit() else {}
