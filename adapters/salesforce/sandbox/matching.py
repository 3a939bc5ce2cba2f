"""Comparing values with those of a query's conditions, as Salesforce does: by the type of the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adapters.salesforce.sandbox import rules
from adapters.salesforce.sandbox.answers import Refusal
from adapters.salesforce.sandbox.fields import Field
from adapters.salesforce.sandbox.ids import normal
from adapters.salesforce.sandbox.soql import Compare, Literal

_IDS = frozenset({"id", "reference"})
#: How literals are written for fields of these types, and what such fields are called; all others hold texts.
_WRITTEN = {"boolean": "boolean", "date": "day", "datetime": "moment"}
_NAMED = {"text": "string", "day": "date", "moment": "dateTime", "number": "double"}


def wanted(field: Field, where: Compare, literal: Literal) -> Any:
    """A literal's value for a field. Raises Refusal where the field is of another type."""
    if literal.written == "null":
        return None
    needed = "number" if field.number else _WRITTEN.get(field.type, "text")
    if literal.written != needed:
        quoted = "should be enclosed in quotes" if needed == "text" else "should not be enclosed in quotes"
        words = f"value of filter criterion for field '{where.path}' must be of type {_NAMED.get(needed, needed)}"
        raise Refusal("INVALID_FIELD", f"{words} and {quoted}")
    if field.type in _IDS and where.sign != "like":
        try:
            return normal(literal.value)
        except ValueError:
            raise Refusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}") from None
    return literal.value


def holds(field: Field, sign: str, value: Any, against: Sequence[Any]) -> bool:
    """Whether a value compares so with those of a condition; an empty one is neither less nor more than any."""
    first = against[0]
    match sign:
        case "in" | "=":
            return any(_same(field, value, each) for each in against)
        case "not in" | "!=":
            return not any(_same(field, value, each) for each in against)
        case "like":
            return value is not None and first is not None and bool(_pattern(str(first)).fullmatch(str(value)))
    if value is None or first is None:
        return False
    left, right = folded(field, value), folded(field, first)
    less, equal = left < right, left == right
    return bool({"<": less, "<=": less or equal, ">": not less and not equal, ">=": not less}[sign])


def _same(field: Field, value: Any, wanted: Any) -> bool:
    if value is None or wanted is None:
        return value is None and wanted is None
    if field.type in _IDS:
        return bool(value == wanted)
    return bool(rules.key(field, value) == rules.key(field, wanted))


def _pattern(text: str) -> re.Pattern[str]:
    """LIKE: % is any characters, _ is one, and a backslash takes their meaning away."""
    parts: Mapping[str, str] = {"%": ".*", "_": ".", r"\%": "%", r"\_": "_"}
    pieces: Iterable[str] = re.findall(r"\\[%_]|.", text, re.DOTALL)
    return re.compile("".join(parts.get(piece) or re.escape(piece) for piece in pieces), re.DOTALL | re.IGNORECASE)


def folded(field: Field, value: Any) -> Any:
    """As values are ordered and grouped: texts without regard to case, which is part of an id."""
    return value.lower() if isinstance(value, str) and field.type not in _IDS else value
