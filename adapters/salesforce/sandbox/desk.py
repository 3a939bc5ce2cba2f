"""What every part of the control API shares: the world behind it, and how orgs and records are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from adapters.salesforce.sandbox import messages
from adapters.salesforce.sandbox.answers import Json
from adapters.salesforce.sandbox.book import Book
from adapters.salesforce.sandbox.clock import parse_moment
from adapters.salesforce.sandbox.faults import Fault
from adapters.salesforce.sandbox.hand import PERSON, Hand
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.messages import Sender
from adapters.salesforce.sandbox.state import Org, Record, World
from adapters.stand_in_faults import Faults

Route = tuple[str, str, Callable[[Json], Any]]


class MissingError(Exception):
    """Something that a control request names is not there; answered with 404."""


@dataclass
class Desk:
    """Raises ValueError, KeyError and Refusal for requests that make no sense; they are answered with 422."""

    world: World
    book: Book
    faults: Faults[Fault]
    sender: Sender

    def org(self, data: Json) -> Org:
        """The org that a request names by either form of its id; the only one where it names none."""
        if "org" not in data and len(self.world.orgs) == 1:
            return next(iter(self.world.orgs.values()))
        wanted = str(data["org"])
        found = next((org for org in self.world.orgs.values() if wanted in {org.id, org.id[:15]}), None)
        if found is None:
            raise MissingError(f"there is no org {wanted}; POST /_control/orgs makes one")
        return found

    def kind(self, org: Org, name: str) -> Kind:
        """A kind by its name, with or without the namespace of the org's package."""
        found = org.kind(name) or org.kind(f"{org.namespace}__{name}")
        if found is None:
            raise MissingError(f"org {org.id} knows no objects of the kind {name!r}")
        return found

    def record(self, org: Org, number: object) -> Record:
        """The record of this id, deleted ones too."""
        found = org.find(str(number))
        if found is None:
            raise MissingError(f"org {org.id} has no record {number}")
        return found

    def hand(self, org: Org, data: Json) -> Hand:
        """A person of the org, its admin unless the request names a user; now unless it names a time."""
        at = parse_moment(str(data["at"])) if data.get("at") else self.world.clock.now()
        return Hand(org, self.book, str(data.get("user") or org.admin), at, by=PERSON)

    def done(self, data: Json, hand: Hand) -> None:
        """Write down what happened, and send the org's messages unless the request says not to."""
        changed = hand.commit()
        if data.get("send", True):
            self.sender.later(messages.tell(hand.org, changed))

    def named(self, org: Org, values: Json) -> Json:
        """Fields of the package may be named without its namespace."""
        prefix = f"{org.namespace}__" if org.namespace else ""
        known = {name for kind in org.kinds.values() for name in kind.fields}
        return {(prefix + name if prefix + name in known else name): value for name, value in values.items()}
