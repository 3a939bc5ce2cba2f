"""One call of the API, as what answers it sees it: for whom, by whom, when, and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from adapters.klaviyo.sandbox.answers import invalid
from adapters.klaviyo.sandbox.book import Book, Entry
from adapters.klaviyo.sandbox.checks import Node
from adapters.klaviyo.sandbox.clock import stamp
from adapters.klaviyo.sandbox.state import Account, Integration


@dataclass(frozen=True)
class Caller:
    """Whose credentials a call has. scopes None grants everything; quota: whose rate windows it counts in."""

    name: str
    quota: str
    scopes: frozenset[str] | None
    integration: Integration


@dataclass(frozen=True)
class Call:
    """path: the parts that the route names. target: path and query as they were sent. base: the stand-in's URL."""

    account: Account
    caller: Caller
    book: Book
    at: datetime
    base: str
    target: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def document(self) -> Node:
        """What was sent. Raises Refusal for what is no JSON object."""
        if not isinstance(self.body, dict):
            raise invalid("The payload provided in the request is invalid.")
        return Node(self.body)

    def asked(self, name: str, default: str = "") -> str:
        return self.query.get(name, default)

    def note(self, kind: str, number: str, name: str = "", old: object = None, new: object = None) -> None:
        """Write an effect into the book."""
        self.book.add(Entry(kind, stamp(self.at) or "", self.account.id, number, name, old, new, self.caller.name))
