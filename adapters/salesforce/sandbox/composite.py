"""Several requests in one: each has its own status, may use what an earlier one answered, and all count as one call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from adapters.salesforce.sandbox.answers import Json, Problem, Refusal, Reply
from adapters.salesforce.sandbox.call import Call

MOST = 25
MOST_QUERIES = 5
_REFERENCE = re.compile(r"@\{(\w+)((?:\.\w+|\[\d+\])*)\}")
_HEAVY = re.compile(r"/(query|queryAll|composite/sobjects)\b")
_HALTED = Problem(
    "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."
)

#: Answers one part of the whole as if it had come alone: method, target, body, headers.
Dispatch = Callable[[Call, str, str, Any, Mapping[str, str]], Reply]


def run(call: Call, dispatch: Dispatch) -> Reply:
    given = call.json()
    parts, together = given.get("compositeRequest"), given.get("allOrNone") is True
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise Refusal("JSON_PARSER_ERROR", "compositeRequest must be a list of objects")
    _few(parts)
    before = call.hand.mark() if together else None
    answered: dict[str, Any] = {}
    told: list[Json] = []
    for part in parts:
        reply = _one(call, part, answered, dispatch)
        answered[str(part.get("referenceId"))] = reply.body
        location = {"Location": reply.headers["Location"]} if "Location" in reply.headers else {}
        told.append(_row(part, reply.status, reply.body, location))
        if before is not None and reply.status >= 400:  # noqa: PLR2004
            call.hand.back(before)
            return Reply(200, {"compositeResponse": _halted(parts, told[-1])})
    return Reply(200, {"compositeResponse": told})


def _few(parts: list[Json]) -> None:
    """Raises Refusal for more parts, or more queries and collections, than there may be."""
    heavy = sum(bool(_HEAVY.search(str(part.get("url")))) for part in parts)
    if len(parts) > MOST or heavy > MOST_QUERIES:
        words = f"Limit of {MOST} operations, or of {MOST_QUERIES} queries and collections, exceeded"
        raise Refusal("LIMIT_EXCEEDED", words)


def _one(call: Call, part: Json, answered: Json, dispatch: Dispatch) -> Reply:
    try:
        url, body = _filled(str(part.get("url")), answered), _filled(part.get("body"), answered)
        headers = {str(name).title(): str(value) for name, value in (part.get("httpHeaders") or {}).items()}
        return dispatch(call, str(part.get("method", "GET")).upper(), str(url), body, headers)
    except Refusal as refusal:
        return refusal.reply()


def _filled(node: Any, answered: Json) -> Any:
    """Texts with @{reference.field} in them, filled from earlier answers. Raises Refusal for what was not answered."""
    if isinstance(node, dict):
        return {key: _filled(value, answered) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, answered) for value in node]
    return _REFERENCE.sub(lambda found: str(_meant(found, answered)), node) if isinstance(node, str) else node


def _meant(found: re.Match[str], answered: Json) -> Any:
    value = answered.get(found[1])
    for name, place in re.findall(r"\.(\w+)|\[(\d+)\]", found[2]):
        try:
            value = value[int(place)] if place else value[name]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):
            value = None
    if value is None:
        words = f"Invalid reference specified. No value for {found[1]}{found[2]} found in {found[1]}"
        raise Refusal("PROCESSING_HALTED", words)
    return value


def _row(part: Json, status: int, body: Any, headers: Json) -> Json:
    return {"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": part.get("referenceId")}


def _halted(parts: list[Json], failed: Json) -> list[Json]:
    """All were taken back; the one that failed says why."""
    rows = (_row(part, 400, [_HALTED.error()], {}) for part in parts)
    return [failed if row["referenceId"] == failed["referenceId"] else row for row in rows]
