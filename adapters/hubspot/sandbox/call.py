"""One call of the API: who asks, of what, and what its answer is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.hubspot.sandbox.answers import Json, Refusal, invalid
from adapters.hubspot.sandbox.book import Book
from adapters.hubspot.sandbox.hand import APP, Hand
from adapters.hubspot.sandbox.kinds import Kind
from adapters.hubspot.sandbox.state import By, Portal, Record, World


@dataclass
class Call:
    """path: the parts that its template names; query: each value of each name."""

    world: World
    portal: Portal
    book: Book
    request: str
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Any
    hand: Hand = field(init=False)

    def __post_init__(self) -> None:
        by = By(APP, str(self.portal.app_id))
        self.hand = Hand(self.portal, self.book, by, self.world.clock.now(), self.request)

    def kind(self, part: str = "kind") -> Kind:
        """The kind of records that a part of the path names."""
        return self.kind_of(self.path[part])

    def kind_of(self, name: str) -> Kind:
        found = self.portal.kind(name)
        if found is None:
            raise Refusal(400, f"Unable to infer object type from: {name}")
        return found

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next(iter(self.query.get(name, ())), default)

    def names(self, parameter: str) -> list[str]:
        """A query parameter that lists names, repeated or with commas."""
        return [name for value in self.query.get(parameter, ()) for name in value.split(",") if name]

    def json(self) -> Json:
        if not isinstance(self.body, dict):
            raise invalid("Invalid input JSON on line 1, column 1: the body must be a JSON object")
        return self.body

    def inputs(self, most: int) -> list[Json]:
        """The inputs of a batch. Raises Refusal where there are none, or more than HubSpot takes."""
        given = self.json().get("inputs")
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise invalid('Invalid input JSON: "inputs" must be a list of objects')
        if not given:
            raise invalid("Some required fields were not set: [inputs]")
        if len(given) > most:
            words = f"The maximum number of inputs supported in a batch request is {most}. Received: {len(given)}"
            raise invalid(words)
        return given

    def record(self, kind: Kind, number: str, *, by_property: str = "") -> Record | None:
        """The record of this id, or with this value of a unique property; merged ids lead on.

        Deleted records are found only where the query asks for archived ones, and then no others.
        """
        if by_property and by_property != "hs_object_id":
            found = self.portal.defined(kind).get(by_property)
            if found is None or not (found.unique or by_property == "email"):
                raise invalid(f"Property {by_property} is not a unique identifier property of {kind.upper}")
            return self.portal.by_property(kind, by_property, number)
        record = self.portal.find(kind, int(number)) if number.isascii() and number.isdigit() else None
        deleted = self.asked("archived") == "true"
        return record if record is not None and (record.gone is not None) == deleted else None
