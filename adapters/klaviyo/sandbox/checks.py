"""Reading what was sent: JSON:API documents, member by member, so that a refusal names the place that is at fault."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.klaviyo.sandbox.answers import Json, invalid
from adapters.klaviyo.sandbox.clock import parse

_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class Node:
    """A value of a document, and the JSON pointer to it. What is null counts as absent, except in `fields`."""

    value: Any
    at: str = ""

    def member(self, name: str) -> Node:
        """Raises Refusal where it is absent."""
        found = self.maybe(name)
        if found is None:
            raise invalid(f"'{name}' is a required field.", self.at or "/data")
        return found

    def maybe(self, name: str) -> Node | None:
        held = mapping(self).get(name)
        return None if held is None else Node(held, f"{self.at}/{name}")

    def data(self, kind: str) -> Node:
        """The resource object under `data`, which must be of this type."""
        return self.member("data").resource(kind)

    def many(self, kind: str) -> list[Node]:
        """The resource objects in the list under `data`, each of this type."""
        return [one.resource(kind) for one in self.items()]

    def items(self) -> list[Node]:
        """The members of the list under `data`, whatever they are."""
        found = self.member("data")
        if not isinstance(found.value, list):
            raise invalid("Expected a list of items.", found.at)
        return [Node(one, f"{found.at}/{place}") for place, one in enumerate(found.value)]

    def resource(self, kind: str) -> Node:
        if mapping(self).get("type") != kind:
            raise invalid(f"The type of this resource must be '{kind}'.", f"{self.at}/type")
        if set(self.value) == {"type"}:
            words = "One of `attributes`, `relationships` or `id` must be included in the request payload."
            raise invalid(words, self.at)
        return self

    def attributes(self, kind: str, readers: Mapping[str, Reader], *required: str) -> Json:
        """The attributes of a resource object."""
        return self.member("attributes").fields(kind, readers, *required)

    def fields(self, kind: str, readers: Mapping[str, Reader], *required: str) -> Json:
        """The members that were given, read; null stays None, which clears. Raises Refusal for unknown ones."""
        for name in mapping(self):
            if name not in readers:
                raise invalid(f"'{name}' is not a valid field for the resource '{kind}'.", self.at)
        for name in required:
            self.member(name)
        given = {name: Node(value, f"{self.at}/{name}") for name, value in self.value.items()}
        return {name: None if one.value is None else readers[name](one) for name, one in given.items()}

    def related(self, name: str, kind: str) -> str:
        """The id of the one resource that a relationship names."""
        return text(self.member("relationships").member(name).data(kind).member("id"))


Reader = Callable[[Node], Any]


def text(node: Node) -> str:
    if not isinstance(node.value, str):
        raise invalid("Not a valid string.", node.at)
    return node.value


def number(node: Node) -> int | float:
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise invalid("A valid number is required.", node.at)
    return node.value


def flag(node: Node) -> bool:
    if not isinstance(node.value, bool):
        raise invalid("Must be a valid boolean.", node.at)
    return node.value


def mapping(node: Node) -> Json:
    if not isinstance(node.value, dict):
        raise invalid("Expected a dictionary of items.", node.at or "/data")
    return node.value


def moment(node: Node) -> datetime:
    try:
        return parse(text(node))
    except ValueError:
        raise invalid("Invalid datetime format. Use ISO 8601 with an offset.", node.at) from None


def currency(node: Node) -> str:
    if not _CURRENCY.fullmatch(text(node)):
        raise invalid("Invalid currency code. Use ISO 4217.", node.at)
    return text(node)
