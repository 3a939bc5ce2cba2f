"""Reads SOQL: its words, and what they mean together."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from adapters.salesforce.sandbox.answers import Refusal
from adapters.salesforce.sandbox.clock import parse_date, parse_moment
from adapters.salesforce.sandbox.soql import Aggregate, Both, Compare, Condition, Literal, Order, Path, Query, malformed

_LEXEME = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')"
    r"|(?P<moment>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))"
    r"|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>!=|<>|<=|>=|[=<>(),]))"
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_FUNCTIONS = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})
_SIGNS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
T = TypeVar("T")
_RESERVED = frozenset({"and", "or", "not", "in", "like", "from", "where", "order", "group", "limit", "offset", "by"})


def parse(text: str) -> Query:
    """Raises Refusal for what is no query."""
    reader = _Reader(_lexemes(text))
    query = reader.query()
    reader.end()
    return query


@dataclass(frozen=True)
class _Lexeme:
    kind: str
    text: str

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind in {"name", "sign"} else ""


def _lexemes(text: str) -> list[_Lexeme]:
    found, at, text = [], 0, text.rstrip()
    while at < len(text):
        lexeme = _LEXEME.match(text, at)
        if lexeme is None:
            raise malformed(f"unexpected token: '{text[at:].strip()[:20]}'")
        kind = str(lexeme.lastgroup)
        found.append(_Lexeme(kind, lexeme[kind]))
        at = lexeme.end()
    return found


class _Reader:
    """Reads one query from its lexemes, one after the other."""

    def __init__(self, lexemes: Sequence[_Lexeme]) -> None:
        self._lexemes = lexemes
        self._at = 0

    def query(self) -> Query:
        self._need("select")
        items = tuple(self._several(self._item))
        self._need("from")
        source = self._name()
        where = self._any() if self._has("where") else None
        group = tuple(self._several(self._path)) if self._has("group", "by") else ()
        order = tuple(self._several(self._order)) if self._has("order", "by") else ()
        limit = self._count() if self._has("limit") else None
        offset = self._count() if self._has("offset") else 0
        return Query(items, source, where, group, order, limit, offset)

    def end(self) -> None:
        if self._at < len(self._lexemes):
            raise self._unexpected()

    def _item(self) -> Path | Aggregate | Query:
        if self._has("("):
            inner = self.query()
            self._need(")")
            return inner
        name = self._name()
        if name.lower() in _FUNCTIONS and self._has("("):
            path = None if self._peek().word == ")" else self._path()
            self._need(")")
            return Aggregate(name.lower(), path, self._alias())
        return Path(tuple(name.split(".")), self._alias())

    def _alias(self) -> str:
        following = self._peek()
        return self._name() if following.kind == "name" and following.word not in _RESERVED else ""

    def _path(self) -> Path:
        return Path(tuple(self._name().split(".")))

    def _order(self) -> Order:
        path = self._path()
        down = not self._has("asc") and self._has("desc")
        if self._has("nulls", "last"):
            return Order(path, down, nulls_last=True)
        return Order(path, down, nulls_last=down and not self._has("nulls", "first"))

    # ── Conditions ──────────────────────────────────────────────────────────────────────────────────────────────

    def _any(self) -> Condition:
        """Both AND and OR on one level need parentheses, as on Salesforce."""
        parts, word = [self._one()], ""
        while self._peek().word in ({word} if word else {"and", "or"}):
            word = self._take().word
            parts.append(self._one())
        if self._peek().word in {"and", "or"}:
            raise self._unexpected()
        return parts[0] if len(parts) == 1 else Both(word, tuple(parts))

    def _one(self) -> Condition:
        if self._has("not"):
            return Both("not", (self._one(),))
        if self._has("("):
            inner = self._any()
            self._need(")")
            return inner
        path = self._path()
        if self._has("in") or self._has("not", "in"):
            sign = "not in" if self._lexemes[self._at - 2].word == "not" else "in"
            self._need("(")
            values = tuple(self._several(self._literal))
            self._need(")")
            return Compare(path, sign, values)
        sign = self._take().word
        if sign != "like" and sign not in _SIGNS:
            raise self._unexpected(back=1)
        return Compare(path, _SIGNS.get(sign, sign), (self._literal(),))

    def _literal(self) -> Literal:
        found = self._take()
        match found.kind:
            case "text":
                return Literal("text", _unescaped(found.text[1:-1]))
            case "number":
                return Literal("number", Decimal(found.text))
            case "moment":
                return Literal("moment", self._read(parse_moment, found))
            case "day":
                return Literal("day", self._read(parse_date, found))
        if found.word in {"true", "false"}:
            return Literal("boolean", found.word == "true")
        if found.word == "null":
            return Literal("null", None)
        raise self._unexpected(back=1)

    def _read(self, reads: Callable[[str], datetime | date], found: _Lexeme) -> datetime | date:
        try:
            return reads(found.text)
        except ValueError:
            raise malformed(f"unexpected token: '{found.text}'") from None

    # ── Lexemes ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _peek(self) -> _Lexeme:
        return self._lexemes[self._at] if self._at < len(self._lexemes) else _Lexeme("end", "<EOF>")

    def _take(self) -> _Lexeme:
        found = self._peek()
        if found.kind == "end":
            raise self._unexpected()
        self._at += 1
        return found

    def _has(self, *words: str) -> bool:
        """Whether these words come next; if so they are read."""
        if tuple(each.word for each in self._lexemes[self._at : self._at + len(words)]) != words:
            return False
        self._at += len(words)
        return True

    def _need(self, word: str) -> None:
        if not self._has(word):
            raise self._unexpected()

    def _name(self) -> str:
        found = self._take()
        if found.kind != "name" or found.word in _RESERVED:
            raise self._unexpected(back=1)
        return found.text

    def _count(self) -> int:
        found = self._take()
        if not found.text.isdigit():
            raise self._unexpected(back=1)
        return int(found.text)

    def _several(self, one: Callable[[], T]) -> list[T]:
        found = [one()]
        while self._has(","):
            found.append(one())
        return found

    def _unexpected(self, back: int = 0) -> Refusal:
        self._at -= back
        return malformed(f"unexpected token: '{self._peek().text}'")


def _unescaped(text: str) -> str:
    """A text literal's value. A backslash before _ or % stays, for LIKE."""

    def one(found: re.Match[str]) -> str:
        char = found[1]
        if char in "_%":
            return found[0]
        if char not in _ESCAPES:
            raise malformed(f"Illegal string literal. Invalid escape sequence: \\{char}")
        return _ESCAPES[char]

    return re.sub(r"\\(.)", one, text, flags=re.DOTALL)
