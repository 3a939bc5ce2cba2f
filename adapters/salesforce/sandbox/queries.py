"""Queries by SOQL, a page of 2,000 records at a time."""

from __future__ import annotations

import secrets

from adapters.salesforce.sandbox.answers import Json, Refusal, Reply
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.query import Asker
from adapters.salesforce.sandbox.soql_reader import parse

PAGE = 2_000


def query(call: Call) -> Reply:
    return _answer(call, deleted=False)


def query_all(call: Call) -> Reply:
    """Deleted records too."""
    return _answer(call, deleted=True)


def _answer(call: Call, *, deleted: bool) -> Reply:
    total, rows = Asker(call.org, call.version, deleted).run(parse(call.asked("q")))
    if len(rows) <= PAGE:
        return Reply(200, {"totalSize": total, "done": True, "records": rows})
    cursor = f"0r8xx{secrets.token_hex(6)}AAA"
    call.org.pages[cursor] = rows
    return Reply(200, _page(call, cursor, 0))


def more(call: Call) -> Reply:
    """Another page of a query: 0r8xx...AAA-2000."""
    cursor, _, at = call.path["cursor"].rpartition("-")
    if cursor not in call.org.pages or not at.isdigit():
        raise Refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
    return Reply(200, _page(call, cursor, int(at)))


def _page(call: Call, cursor: str, at: int) -> Json:
    rows, end = call.org.pages[cursor], at + PAGE
    further = {} if end >= len(rows) else {"nextRecordsUrl": f"{call.base}/query/{cursor}-{end}"}
    return {"totalSize": len(rows), "done": not further, **further, "records": list(rows[at:end])}
