"""SOQL, Salesforce's language of queries, as far as a connector speaks it: what a query may say.

SELECT with fields of related objects, subqueries of children, COUNT() and aggregates; WHERE with AND, OR, NOT and
parentheses; GROUP BY, ORDER BY, LIMIT and OFFSET. Whatever else there is on Salesforce is refused as malformed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from adapters.salesforce.sandbox.answers import Refusal


@dataclass(frozen=True)
class Path:
    """A field, or one of a related object: Account.Name."""

    names: tuple[str, ...]
    alias: str = ""

    def __str__(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Aggregate:
    """A function over many records; `path` is None in COUNT()."""

    function: str
    path: Path | None
    alias: str = ""


@dataclass(frozen=True)
class Literal:
    """A value and how it was written: text, number, moment, day, boolean or null."""

    written: str
    value: Any


@dataclass(frozen=True)
class Compare:
    """sign: =, !=, <, <=, >, >=, like, in or not in; the last two have several values."""

    path: Path
    sign: str
    values: tuple[Literal, ...]


@dataclass(frozen=True)
class Both:
    """word: and, or, not."""

    word: str
    parts: tuple[Condition, ...]


Condition = Compare | Both


@dataclass(frozen=True)
class Order:
    path: Path
    down: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A whole query, or a subquery over children, whose `source` is the name of their relationship."""

    items: tuple[Path | Aggregate | Query, ...]
    source: str
    where: Condition | None = None
    group: tuple[Path, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def malformed(words: str) -> Refusal:
    return Refusal("MALFORMED_QUERY", words)
