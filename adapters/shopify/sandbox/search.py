"""The part of Shopify's search syntax that lists take in `query`: `field:value` with comparators, AND and OR.

As on Shopify, a filter the list does not know is ignored rather than refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from operator import eq, ge, gt, le, lt
from typing import TYPE_CHECKING, TypeVar

from adapters.shopify.sandbox.clock import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
Value = str | int | datetime | None
_TERM = re.compile(r"""(?P<field>\w+):(?P<op>>=|<=|>|<|)(?P<value>'[^']*'|"[^"]*"|[^\s()]+)""")
_COMPARE = {"": eq, ">": gt, ">=": ge, "<": lt, "<=": le}


def matcher(query: str | None, fields: Mapping[str, Callable[[T], Value]]) -> Callable[[T], bool]:
    """A test for one item. Raises ValueError where a time or an id is compared with something else."""
    groups = [[t for t in _TERM.finditer(part) if t["field"] in fields] for part in re.split(r"\s+OR\s+", query or "")]

    def matches(item: T) -> bool:
        return any(all(_holds(fields[t["field"]](item), t["op"], t["value"].strip("'\"")) for t in g) for g in groups)

    return matches


def _holds(value: Value, operator: str, wanted: str) -> bool:
    if value is None:
        return False
    if isinstance(value, datetime):
        return bool(_COMPARE[operator](value.replace(microsecond=0), parse_time(wanted)))
    if isinstance(value, int):
        return bool(_COMPARE[operator](value, int(wanted.rsplit("/", 1)[-1])))
    if wanted.endswith("*"):
        return value.lower().startswith(wanted[:-1].lower())
    return bool(_COMPARE[operator](value.lower(), wanted.lower()))
