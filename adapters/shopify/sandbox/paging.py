"""Connections: pages of a list with real cursors, forwards and backwards."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import GraphQLError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
MAX_PAGE = 250
_whole: ContextVar[bool] = ContextVar("whole", default=False)


@contextmanager
def whole_lists() -> Iterator[None]:
    """Connections answer all they have, whatever page was asked for: bulk operations ignore `first` and `last`."""
    token = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(token)


def bad_request(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "BAD_REQUEST"})


def connection(
    items: Sequence[T], args: dict[str, Any], *, key: Callable[[T], Any], view: Callable[[T], Any]
) -> dict[str, Any]:
    """One page of `items`. `key` names an item for its cursor; `view` makes what GraphQL reads."""
    rows = list(reversed(items)) if args.get("reverse") else list(items)
    cursors = [_cursor(key(row)) for row in rows]
    start = _index(cursors, args["after"]) + 1 if args.get("after") else 0
    end = _index(cursors, args["before"]) if args.get("before") else len(rows)
    low, high = _window(start, end, args)
    nodes = [view(row) for row in rows[low:high]]
    page = cursors[low:high]
    return {
        "nodes": nodes,
        "edges": [{"cursor": c, "node": n} for c, n in zip(page, nodes, strict=True)],
        "pageInfo": {
            "startCursor": page[0] if page else None,
            "endCursor": page[-1] if page else None,
            "hasNextPage": high < len(rows),
            "hasPreviousPage": low > 0,
        },
    }


def _window(start: int, end: int, args: dict[str, Any]) -> tuple[int, int]:
    first, last = args.get("first"), args.get("last")
    if _whole.get():
        return start, end
    if (first is None) == (last is None):
        raise bad_request("you must provide one of first or last")
    size = first if first is not None else last
    if not isinstance(size, int) or not 0 < size <= MAX_PAGE:
        raise bad_request(f"first and last must be from 1 to {MAX_PAGE}")
    return (start, min(end, start + size)) if first is not None else (max(start, end - size), end)


def _cursor(key: Any) -> str:
    return base64.b64encode(json.dumps({"last_id": key}).encode()).decode()


def _index(cursors: list[str], cursor: str) -> int:
    if cursor not in cursors:
        raise bad_request("Invalid cursor for current pagination sort.")
    return cursors.index(cursor)
