"""The filter language: equals(email,"a@b.c"), any(id,["a","b"]), greater-than(created,2026-01-01T00:00:00Z), joined."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from adapters.klaviyo.sandbox.answers import invalid_parameter
from adapters.klaviyo.sandbox.clock import parse

#: The operators of each field that may be asked for.
Allowed = Mapping[str, str]
Test = Callable[[Mapping[str, Any]], bool]

TIMES = "greater-than greater-or-equal less-than less-or-equal"
_TEXT = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
_TERM = re.compile(rf"\s*(?P<op>[a-z-]+)\(\s*(?P<field>[\w.]+)\s*,\s*(?P<value>\[[^\]]*\]|{_TEXT}|[^\"',()]+)\)\s*")
_PART = re.compile(rf"{_TEXT}|[^\s,\"']+")
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda held, wanted: held == wanted,
    "any": lambda held, wanted: held in wanted,
    "greater-than": lambda held, wanted: held is not None and held > wanted,
    "greater-or-equal": lambda held, wanted: held is not None and held >= wanted,
    "less-than": lambda held, wanted: held is not None and held < wanted,
    "less-or-equal": lambda held, wanted: held is not None and held <= wanted,
}


def read(given: str, allowed: Allowed) -> tuple[Test, frozenset[str]]:
    """What a record must pass, and the fields that were asked for. Raises Refusal for what nobody would understand."""
    terms = list(_terms(given[4:-1] if given.startswith("and(") else given, allowed))
    return (lambda record: all(test(record.get(name)) for name, test in terms)), frozenset(name for name, _ in terms)


def _terms(given: str, allowed: Allowed) -> Iterable[tuple[str, Callable[[Any], bool]]]:
    place = 0
    while place < len(given):
        found = _TERM.match(given, place)
        if found is None:
            raise invalid_parameter("Unable to parse filter expression.", "filter")
        name, operator = found["field"], found["op"]
        if operator not in allowed.get(name, "").split():
            raise invalid_parameter(f"Filter operator '{operator}' is not supported for '{name}'.", "filter")
        yield name, _test(operator, _value(name, operator, found["value"].strip()))
        place = found.end()
        if place < len(given) and given[place] != ",":
            raise invalid_parameter("Unable to parse filter expression.", "filter")
        place += 1


def _test(operator: str, wanted: Any) -> Callable[[Any], bool]:
    compare = _COMPARE[operator]
    return lambda held: compare(held, wanted)


def _value(name: str, operator: str, given: str) -> Any:
    if operator == "any":
        return [_plain(part) for part in _PART.findall(given.strip("[]"))]
    return _time(name, _plain(given)) if operator in TIMES.split() else _plain(given)


def _plain(given: str) -> str:
    if given[:1] == "'":
        return re.sub(r"\\(.)", r"\1", given[1:-1])
    return str(json.loads(given)) if given[:1] == '"' else given


def _time(name: str, given: str) -> datetime | int:
    try:
        return int(given) if name == "timestamp" else parse(given)
    except ValueError:
        raise invalid_parameter(f"'{given}' is no time.", "filter") from None
