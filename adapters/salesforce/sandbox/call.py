"""One call of the API, as what answers it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.salesforce.sandbox.answers import Json, Refusal, not_found
from adapters.salesforce.sandbox.hand import Hand
from adapters.salesforce.sandbox.kinds import Kind
from adapters.salesforce.sandbox.state import Org, World


@dataclass(frozen=True)
class Call:
    """path: the parts that the route names. body: what was sent, None for nothing. headers: those that have a meaning."""

    world: World
    org: Org
    hand: Hand
    version: str
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"/services/data/{self.version}"

    def kind(self, name: str = "") -> Kind:
        """The kind that the path names, as the app's user sees it. Raises Refusal."""
        found = self.org.seen(name or self.path["kind"])
        if found is None:
            raise not_found()
        return found

    def asked(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next(iter(self.query.get(name, ())), default)

    def names(self, parameter: str) -> list[str]:
        """A query parameter that lists names with commas."""
        return [name.strip() for name in self.asked(parameter).split(",") if name.strip()]

    def json(self) -> Json:
        if not isinstance(self.body, dict):
            words = "The HTTP entity body is required, but this request has no entity body."
            raise Refusal("JSON_PARSER_ERROR", words)
        return self.body
