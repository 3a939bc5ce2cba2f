"""Answers: single resources, and lists by the page, whose next page is reached by the link that the last one told."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from adapters.klaviyo.sandbox.answers import Json, Reply, invalid_parameter
from adapters.klaviyo.sandbox.call import Call


class _Numbered(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Numbered)


def single(call: Call, shown: Json, status: int = 200) -> Reply:
    return Reply(status, {"data": shown, "links": {"self": f"{call.base}{call.target}"}})


def listed(call: Call, records: Sequence[T], show: Callable[[str, T], Json], *, usual: int, most: int) -> Reply:
    """One page. usual: how many where nothing is asked; most: how many may be. Raises Refusal."""
    wanted = call.asked("page[size]", str(usual))
    if not (wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= most):
        raise invalid_parameter(f"Page size must be an integer between 1 and {most}.", "page[size]")
    size, start = int(wanted), _start(call, records)
    page = records[start : start + size]
    following = _link(call, page[-1].id) if len(records) > start + size else None
    before = _link(call, records[start - size - 1].id if start > size else "") if start else None
    links = {"self": f"{call.base}{call.target}", "next": following, "prev": before}
    return Reply(200, {"data": [show(call.base, record) for record in page], "links": links})


def _start(call: Call, records: Sequence[T]) -> int:
    """Behind the record that the cursor names."""
    given = call.asked("page[cursor]")
    if not given:
        return 0
    try:
        word, _, number = urlsafe_b64decode(given).decode().partition("::id::")
        numbers = [record.id for record in records]
        if word == "next":
            return numbers.index(number) + 1 if number else 0
    except ValueError:
        pass  # no base64, or a record that is gone
    raise invalid_parameter("Invalid cursor provided.", "page[cursor]")


def _link(call: Call, last: str) -> str:
    cursor = urlsafe_b64encode(f"next::id::{last}".encode()).decode()
    query = urlencode({**call.query, "page[cursor]": cursor})
    return f"{call.base}{call.target.partition('?')[0]}?{query}"
