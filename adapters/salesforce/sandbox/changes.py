"""Which records of a kind were changed, or deleted, in a span of time."""

from __future__ import annotations

from datetime import datetime, timedelta

from adapters.salesforce.sandbox.answers import Refusal, Reply
from adapters.salesforce.sandbox.call import Call
from adapters.salesforce.sandbox.clock import parse_moment, stamp

_FURTHEST_BACK = timedelta(days=30)


def _span(call: Call) -> tuple[datetime, datetime]:
    """Seconds are cut off. Raises Refusal for what is no span, or lies too far back."""
    try:
        start, end = (parse_moment(call.asked(name).replace(" ", "+")).replace(second=0) for name in ("start", "end"))
    except ValueError:
        raise Refusal("MALFORMED_QUERY", "start and end must be dateTimes") from None
    if start >= end:
        raise Refusal("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < call.hand.at - _FURTHEST_BACK:
        raise Refusal("INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
    return start, end


def updated(call: Call) -> Reply:
    (start, end), held = _span(call), call.org.records(call.kind().name).values()
    found = [r.id for r in held if not r.deleted and start <= r.values["SystemModstamp"] < end]
    return Reply(200, {"ids": found, "latestDateCovered": stamp(min(end, call.hand.at.replace(second=0)))})


def deleted(call: Call) -> Reply:
    (start, end), held = _span(call), call.org.records(call.kind().name).values()
    gone = [r for r in held if r.deleted and start <= r.values["SystemModstamp"] < end]
    rows = [{"id": r.id, "deletedDate": stamp(r.values["SystemModstamp"])} for r in gone]
    earliest = stamp(call.hand.at - timedelta(days=15))
    covered = stamp(min(end, call.hand.at.replace(second=0)))
    return Reply(200, {"deletedRecords": rows, "earliestDateAvailable": earliest, "latestDateCovered": covered})
