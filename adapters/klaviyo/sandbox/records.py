"""The requests that only read: the account, metrics, and events."""

from __future__ import annotations

from adapters.klaviyo.sandbox import filters, pages, views
from adapters.klaviyo.sandbox.answers import Json, Reply, invalid_parameter, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.state import Event

_EVENTS = {
    **dict.fromkeys(("metric_id", "profile_id"), "equals"),
    **dict.fromkeys(("datetime", "timestamp"), filters.TIMES),
}
_METRICS = dict.fromkeys(("integration.name", "integration.category"), "equals")
_SORTS = ("datetime", "timestamp")


def account(call: Call) -> Reply:
    """The one that the credentials belong to, in a list."""
    return pages.listed(call, [call.account], views.account, usual=1, most=1)


def metrics(call: Call) -> Reply:
    passes, _ = filters.read(call.asked("filter"), _METRICS)
    held = call.account.metrics.values()
    found = [
        metric
        for metric in held
        if passes({"integration.name": metric.integration.name, "integration.category": metric.integration.category})
    ]
    return pages.listed(call, found, views.metric, usual=200, most=200)


def metric(call: Call) -> Reply:
    number = call.path["id"]
    found = next((one for one in call.account.metrics.values() if one.id == number), None)
    if found is None:
        raise not_found("metric", number)
    return pages.single(call, views.metric(call.base, found))


def events(call: Call) -> Reply:
    passes, _ = filters.read(call.asked("filter"), _EVENTS)
    sort = call.asked("sort", "-datetime")
    if sort.removeprefix("-") not in _SORTS:
        raise invalid_parameter(f"Cannot sort by '{sort}'.", "sort")

    def known(event: Event) -> Json:
        ties = {"metric_id": event.metric, "profile_id": event.profile}
        return {**ties, "datetime": event.at, "timestamp": int(event.at.timestamp())}

    found = [event for event in call.account.events.values() if passes(known(event))]
    found.sort(key=lambda event: (event.at, event.id), reverse=sort.startswith("-"))
    return pages.listed(call, found, views.event, usual=200, most=1_000)


def event(call: Call) -> Reply:
    number = call.path["id"]
    if number not in call.account.events:
        raise not_found("event", number)
    return pages.single(call, views.event(call.base, call.account.events[number]))
