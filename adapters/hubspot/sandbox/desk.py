"""What every part of the control API shares: the world behind it, and how records and portals are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.hubspot.sandbox.answers import Json
from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.clock import parse_time
from adapters.hubspot.sandbox.faults import Fault
from adapters.hubspot.sandbox.hand import Hand
from adapters.hubspot.sandbox.kinds import Kind
from adapters.hubspot.sandbox.state import By, Portal, Record, World
from adapters.hubspot.sandbox.webhooks import Address, Sender
from adapters.stand_in_faults import Faults

Route = tuple[str, str, Callable[[Json], Any]]


class MissingError(Exception):
    """Something that a control request names is not there; answered with 404."""


@dataclass
class Desk:
    """Raises ValueError and KeyError for requests that make no sense; they are answered with 422."""

    world: World
    book: Book
    faults: Faults[Fault]
    sender: Sender

    def portal(self, data: Json) -> Portal:
        """The portal that a request names; the only one where it names none."""
        if "portal" not in data and len(self.world.portals) == 1:
            return next(iter(self.world.portals.values()))
        found = self.world.portals.get(int(data["portal"]))
        if found is None:
            raise MissingError(f"there is no portal {data['portal']}; POST /_control/portals opens one")
        return found

    def kind(self, portal: Portal, name: str) -> Kind:
        found = portal.kind(name)
        if found is None:
            raise MissingError(f"portal {portal.id} knows no records of the kind {name!r}")
        return found

    def record(self, portal: Portal, data: Json) -> Record:
        """The record of {type, id}, deleted ones too."""
        kind = self.kind(portal, str(data["type"]))
        found = portal.find(kind, int(data["id"]))
        if found is None:
            raise MissingError(f"portal {portal.id} has no {kind.singular} {data['id']}")
        return found

    def hand(self, portal: Portal, data: Json) -> Hand:
        """Whoever the request says: a person at the screen unless it names a source; now unless it names a time."""
        source = data.get("source") or {}
        by = By(str(source.get("type", "CRM_UI")), str(source.get("id", "userId:1")))
        return Hand(portal, self.book, by, self.moment(data))

    def moment(self, data: Json) -> datetime:
        return parse_time(str(data["at"])) if data.get("at") else self.world.clock.now()

    def tell(self, data: Json, hand: Hand) -> None:
        """Send what happened, unless the request says not to."""
        if data.get("send", True):
            self.sender.later(Address(hand.portal.target, hand.portal.secret), hand.events)
