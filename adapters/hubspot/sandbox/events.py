"""What HubSpot tells the app's webhook address of a change, as the generic object.* subscriptions of project apps do."""

from __future__ import annotations

import random
import zlib
from datetime import datetime
from typing import Any

from adapters.hubspot.sandbox.clock import millis, parse_time
from adapters.hubspot.sandbox.kinds import Kind, Property
from adapters.hubspot.sandbox.state import By, Portal, Record

Event = dict[str, Any]


def event(portal: Portal, subscription: str, at: datetime, by: By, **more: Any) -> Event:
    """One event. The ids of events are not unique, as on HubSpot, though they seldom repeat."""
    portal.events += 1
    return {
        "eventId": random.getrandbits(32),
        "subscriptionId": 1_000_000 + zlib.crc32(f"{subscription} {more.get('propertyName', '')}".encode()) % 9_000_000,
        "portalId": portal.id,
        "appId": portal.app_id,
        "occurredAt": millis(at),
        "subscriptionType": subscription,
        "attemptNumber": 0,
        **more,
        "changeSource": by.type,
        "sourceId": by.id,
    }


def _about(record: Record) -> Event:
    return {"objectId": record.id, "objectTypeId": record.kind.id}


def created(portal: Portal, record: Record, at: datetime, by: By) -> Event:
    return event(portal, "object.creation", at, by, **_about(record), changeFlag="CREATED")


def deleted(portal: Portal, record: Record, at: datetime, by: By) -> Event:
    return event(portal, "object.deletion", at, by, **_about(record), changeFlag="DELETED")


def restored(portal: Portal, record: Record, at: datetime, by: By) -> Event:
    return event(portal, "object.restore", at, by, **_about(record), changeFlag="RESTORED")


def erased(portal: Portal, record: Record, at: datetime, by: By) -> Event:
    """A privacy deletion is a subscription of the hub, so it names no kind of objects."""
    return event(portal, "contact.privacyDeletion", at, by, objectId=record.id, changeFlag="DELETED")


def changed(portal: Portal, record: Record, found: Property, value: str, at: datetime, by: By) -> Event:
    """Dates go out as milliseconds; a sensitive property's value does not go out at all."""
    hidden = found.more.get("dataSensitivity", "non_sensitive") != "non_sensitive"
    if value and found.type in {"date", "datetime"}:
        value = str(millis(parse_time(value)))
    told = {"propertyName": found.name, "propertyValue": "REDACTED" if hidden else value, "isSensitive": hidden}
    return event(portal, "object.propertyChange", at, by, **_about(record), **told)


def merged(portal: Portal, primary: int, others: list[int], into: Record, moved: int, at: datetime, by: By) -> Event:
    ids = {"primaryObjectId": primary, "mergedObjectIds": others, "newObjectId": into.id}
    about = {"objectId": primary, "objectTypeId": into.kind.id, "changeFlag": "MERGED"}
    return event(portal, "object.merge", at, by, **about, **ids, numberOfPropertiesMoved=moved)


def associated(
    portal: Portal, source: tuple[Kind, int], target: tuple[Kind, int], at: datetime, by: By, *, removed: bool
) -> Event:
    """One direction of an association that came or went; the other direction is an event of its own."""
    more = {
        "associationType": f"{source[0].upper}_TO_{target[0].upper}",
        "fromObjectId": source[1],
        "toObjectId": target[1],
        "associationRemoved": removed,
        "isPrimaryAssociation": False,
    }
    return event(portal, "object.associationChange", at, by, **more)
