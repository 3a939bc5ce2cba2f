"""Search over records: filters, sorts, pages; it lags behind writes as long as the portal is told to (`search_delay`)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation

from adapters.hubspot.sandbox.answers import Json, Reply, invalid
from adapters.hubspot.sandbox.call import Call
from adapters.hubspot.sandbox.clock import millis, parse_time
from adapters.hubspot.sandbox.kinds import Kind, Property
from adapters.hubspot.sandbox.state import Record
from adapters.hubspot.sandbox.views import shown, value_of

_MOST, _CAP, _GROUPS, _FILTERS, _ALL_FILTERS, _LONGEST = 200, 10_000, 5, 6, 18, 3000


def search(call: Call) -> Reply:
    kind, asked = call.kind(), call.json()
    limit, after = int(asked.get("limit") or 10), int(asked.get("after") or 0)
    groups = asked.get("filterGroups") or []
    filters = [one for group in groups for one in group.get("filters", [])]
    if limit > _MOST or after + limit > _CAP or len(str(asked)) > _LONGEST:
        raise invalid(f"A page holds at most {_MOST} results, all pages {_CAP}, and a request {_LONGEST} characters")
    too_many = any(len(group.get("filters", [])) > _FILTERS for group in groups)
    if len(groups) > _GROUPS or too_many or len(filters) > _ALL_FILTERS:
        raise invalid(f"At most {_GROUPS} filter groups with {_FILTERS} filters each, {_ALL_FILTERS} in all")
    for one in filters:
        _known(call, kind, str(one.get("propertyName")))
    seen = call.hand.at - call.portal.search_delay
    alive = [r for r in call.portal.held(kind).values() if r.gone is None and r.created_at <= seen]
    found = [r for r in alive if not groups or any(_all(call, r, group, seen) for group in groups)]
    for sort in reversed(asked.get("sorts") or ["hs_object_id"]):
        name = str(sort.get("propertyName") if isinstance(sort, dict) else sort)
        down = name.startswith("-") or (isinstance(sort, dict) and sort.get("direction") == "DESCENDING")
        _sort(call, found, _known(call, kind, name.removeprefix("-")), seen, down=down)
    names = [str(name) for name in asked.get("properties") or kind.shown]
    page = found[after : after + limit]
    body: Json = {"total": len(found), "results": [shown(call.portal, record, names) for record in page]}
    if after + limit < len(found):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return Reply(200, body)


def _known(call: Call, kind: Kind, name: str) -> Property:
    found = call.portal.defined(kind).get(name)
    if found is None:
        raise invalid(f"There was a problem with the request: property {name} does not exist")
    return found


def _sort(call: Call, found: list[Record], by: Property, seen: datetime, *, down: bool) -> None:
    def key(record: Record) -> tuple[bool, Decimal, str]:
        value = value_of(call.portal, record, by.name, seen)
        return (value is None, *_comparable(by, value or ""))

    found.sort(key=key, reverse=down)


def _comparable(by: Property, value: str) -> tuple[Decimal, str]:
    """Numbers and times by their size, texts without their case."""
    try:
        if by.type in {"date", "datetime"}:
            return Decimal(millis(parse_time(value))), ""
        if by.type == "number":
            return Decimal(value), ""
    except (ValueError, InvalidOperation):
        return Decimal(0), value
    return Decimal(0), value.lower()


def _all(call: Call, record: Record, group: Json, seen: datetime) -> bool:
    return all(_holds(call, record, one, seen) for one in group.get("filters", []))


_TESTS: dict[str, Callable[[tuple[Decimal, str], tuple[Decimal, str]], bool]] = {
    "EQ": lambda held, wanted: held == wanted,
    "GT": lambda held, wanted: held > wanted,
    "GTE": lambda held, wanted: held >= wanted,
    "LT": lambda held, wanted: held < wanted,
    "LTE": lambda held, wanted: held <= wanted,
}


def _holds(call: Call, record: Record, one: Json, seen: datetime) -> bool:
    by = _known(call, record.kind, str(one["propertyName"]))
    value, operator = value_of(call.portal, record, by.name, seen), str(one.get("operator"))
    if operator in {"HAS_PROPERTY", "NOT_HAS_PROPERTY"}:
        return bool(value) == (operator == "HAS_PROPERTY")
    if operator in {"NEQ", "NOT_IN"}:
        opposite = {"NEQ": "EQ", "NOT_IN": "IN"}[operator]
        return not _holds(call, record, {**one, "operator": opposite}, seen)
    if not value:
        return False
    held = _comparable(by, value)
    if operator == "IN":
        return any(held == _comparable(by, str(wanted)) for wanted in one.get("values", []))
    if operator == "BETWEEN":
        return _comparable(by, str(one.get("value"))) <= held <= _comparable(by, str(one.get("highValue")))
    if operator not in _TESTS:
        raise invalid(f"The operator {operator} is not known here")
    return _TESTS[operator](held, _comparable(by, str(one.get("value"))))
