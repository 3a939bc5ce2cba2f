"""History: orders from before we came. Shopify gathers them into one file, a line an order, that we read in parts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.http import Part
from adapters.shopify import MANIFEST
from adapters.shopify.api import Client, shaped
from adapters.shopify.inbound import cart_touch
from adapters.shopify.outbound.orders import glance_of
from adapters.shopify.outbound.values import Json, instant, time
from connector.domain.facts import ObjectRef
from connector.errors import Refused
from connector.ports.history import Chapter, Horizon
from connector.ports.inbound import Sighting
from connector.ports.platform import Account, Glance

#: What is read of the file at once; a part ends with a line.
PART = 4 * 1024 * 1024
#: Between two looks at a file that is being gathered, and how long to wait for the app's other operation to end.
LOOK_EVERY, WAIT = timedelta(seconds=5), timedelta(seconds=30)
#: Without read_all_orders an app sees the orders of 60 days (shopify.dev, access scopes, 2026-11).
_REACH = Horizon(
    timedelta(days=60), "orders older than 60 days need the permission read_all_orders: grant it in Shopify"
)
_GATHERING, _BUSY = frozenset({"CREATED", "RUNNING"}), frozenset({"OPERATION_IN_PROGRESS", "LIMIT_REACHED"})
_VISIT = "{ occurredAt landingPage utmParameters { source medium campaign content } }"
#: Run by Shopify itself, so it is text inside another document; nothing in it may hang below an order.
QUERY = f"""{{
  orders(query: "created_at:>='SINCE'") {{
    edges {{
      node {{
        id
        updatedAt
        discountCodes
        customAttributes {{ key value }}
        customerJourneySummary {{ ready firstVisit {_VISIT} lastVisit {_VISIT} }}
      }}
    }}
  }}
}}"""


@dataclass(frozen=True)
class _Place:
    """Where the reading stands: the operation's id, the byte of its file, and the orders before that."""

    operation: str
    offset: int = 0
    seen: int = 0

    @classmethod
    def parse(cls, text: str) -> _Place:
        operation, offset, seen = text.split(" ")
        return cls(operation, int(offset), int(seen))

    def __str__(self) -> str:
        return f"{self.operation} {self.offset} {self.seen}"


@dataclass(frozen=True)
class History:
    """Orders of the past."""

    client: Client

    def horizon(self, scopes: frozenset[str]) -> Horizon:
        """60 days, unless the merchant gave read_all_orders. Unknown permissions count as none: it would be refused."""
        return Horizon() if "read_all_orders" in scopes else _REACH

    @shaped
    def read_history(self, account: Account, since: datetime, place: str) -> Chapter:
        """Have the file gathered, see how far that is, then read it part by part."""
        if not place:
            return self._start(account, since)
        at = _Place.parse(place)
        held = self.client.run(account, "history", {"id": at.operation})
        if held is None:
            return Chapter("", lost="Shopify knows no such operation any more")
        total = int(held["rootObjectCount"])
        if held["status"] in _GATHERING:
            return Chapter(place, at.seen, total, again_after=LOOK_EVERY)
        if held["errorCode"] == "ACCESS_DENIED":
            words = "Shopify does not let the app read orders: grant read_orders in its admin"
            raise Refused(words, code="ACCESS_DENIED", platform=MANIFEST.key)
        if held["status"] != "COMPLETED" or (total and not held["url"]):
            # What a failed operation left behind is a part of the orders that does not say which.
            return Chapter("", lost=f"Shopify's operation ended as {held['status']} {held['errorCode'] or ''}".strip())
        if not held["url"]:
            return Chapter(place, at.seen, total, done=True)
        return _chapter(at, self.client.part(held["url"], at.offset, PART), total)

    def _start(self, account: Account, since: datetime) -> Chapter:
        asked = {"query": QUERY.replace("SINCE", instant(since))}
        try:
            made = self.client.run(account, "history_start", asked)
        except Refused as error:
            if error.code not in _BUSY:
                raise
            # Perhaps our own, whose answer was lost. It ends by itself, and then ours can begin.
            return Chapter("", again_after=WAIT)
        return Chapter(str(_Place(made["bulkOperation"]["id"])))


def _chapter(at: _Place, part: Part, total: int) -> Chapter:
    """The orders of one part, as far as they are whole."""
    end = len(part.data) if part.last else part.data.rfind(b"\n") + 1
    if not end and not part.last:
        raise Refused("Shopify's file has a line that is longer than any order", platform=MANIFEST.key)
    orders = [json.loads(line) for line in part.data[:end].splitlines() if line.strip()]
    glances = [(order, glance_of(ObjectRef("order", order["id"]), order)) for order in orders]
    place = _Place(at.operation, at.offset + end, at.seen + len(orders))
    return Chapter(
        str(place),
        place.seen,
        total,
        sightings=tuple(_sightings(glances)),
        unripe=tuple(glance.ref for order, glance in glances if not glance.complete),
        done=part.last,
    )


def _sightings(glances: Sequence[tuple[Json, Glance]]) -> Iterator[Sighting]:
    """What can be said of an order now. One whose visits are being worked out and that bears nothing else waits."""
    for order, glance in glances:
        at = time(order["updatedAt"])
        cart = [cart_touch(row["key"], row["value"], at) for row in order["customAttributes"]]
        hints = (*glance.hints, *(touch.code for touch in cart if touch))
        if glance.complete or hints:
            yield Sighting(glance.ref, at, hints)
