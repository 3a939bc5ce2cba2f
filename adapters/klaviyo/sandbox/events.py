"""Events: all that is not refused at once is taken and recorded later, once for each key.

Nobody hears what becomes of an event that was taken; the book does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from adapters.klaviyo.sandbox import drafts, people
from adapters.klaviyo.sandbox.answers import Refusal, Reply, invalid
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.checks import Node, flag
from adapters.klaviyo.sandbox.drafts import Draft
from adapters.klaviyo.sandbox.people import Patch
from adapters.klaviyo.sandbox.state import IDENTIFIERS, Event, Integration, Metric, Profile, new_id

MOST_EVENTS = 1_000


# ── Taking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(call: Call) -> Reply:
    draft = drafts.read(call.document().data("event"), call.at)
    call.account.later(call.at + call.account.event_lag, lambda due: _record(replace(call, at=due), [draft]))
    return Reply(202)


def create_bulk(call: Call) -> Reply:
    """Only the envelope, the number and repeated marks are checked at once; what is wrong inside is dropped later."""
    job = call.document().data("event-bulk-create-job")
    groups = job.member("attributes").member("events-bulk-create").many("event-bulk-create")
    events = [(group, event) for group in groups for event in group.member("attributes").member("events").items()]
    if not 0 < len(events) <= MOST_EVENTS:
        raise invalid(f"Between 1 and {MOST_EVENTS} events are taken, not {len(events)}.", job.at)
    readable: list[Draft] = []
    wrong: list[tuple[str, str]] = []
    for group, event in events:
        try:
            readable.append(_read(group.member("attributes"), event, call.at))
        except Refusal as refusal:
            wrong.append((event.at, str(refusal)))
    _no_repeats(readable)

    def work(due: datetime) -> None:
        later = replace(call, at=due)
        for at, why in wrong:
            later.note("dropped", "", at, new=why)
        if call.account.refuses_repeats and any(_known(later, draft) for draft in readable):
            for draft in readable:
                later.note("dropped", "", draft.metric, draft.key, "a unique_id of this call was recorded before")
        else:
            _record(later, readable)

    call.account.later(call.at + call.account.job_lag, work)
    return Reply(202)


def _read(group: Node, event: Node, now: datetime) -> Draft:
    """One event of a group, whose profile and backfill hold for all in it."""
    backfill = group.maybe("backfill")
    patch = drafts.person(group.member("profile"))
    return drafts.read(event.resource("event"), now, patch, backfill=backfill is not None and flag(backfill))


def _no_repeats(sent: Iterable[Draft]) -> None:
    """Raises Refusal for a mark that stands twice in one call."""
    seen: set[tuple[object, ...]] = set()
    for draft in sent:
        mark = (draft.patch.id, *draft.patch.identifiers, draft.metric, draft.unique_id)
        if draft.unique_id and mark in seen:
            raise invalid(f"unique_id '{draft.unique_id}' is repeated for the same profile and metric.")
        seen.add(mark)


# ── Recording ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _record(call: Call, sent: Sequence[Draft]) -> None:
    """The later part: each event is recorded, or dropped, or was there already, and nobody is told."""
    for draft in sent:
        try:
            _record_one(call, draft)
        except Refusal as refusal:
            call.note("dropped", "", draft.metric, draft.key, str(refusal))


def _known(call: Call, draft: Draft) -> bool:
    metric = call.account.metrics.get((draft.metric, _integration(call, draft).key))
    try:
        found = people.matches(call.account, draft.patch)
    except Refusal:
        return False
    return bool(metric and found and (found[0].id, metric.id, draft.key) in call.account.recorded)


def _integration(call: Call, draft: Draft) -> Integration:
    """`service` names another one for keys, and is ignored for apps, whose events carry their own brand."""
    own = call.caller.integration
    return replace(own, key=draft.service, name=draft.service) if draft.service and own.key == "api" else own


def _record_one(call: Call, draft: Draft) -> None:
    account, profile = call.account, _whose(call, draft.patch)
    source = _integration(call, draft)
    metric = account.metrics.setdefault((draft.metric, source.key), Metric(new_id(6), draft.metric, call.at, source))
    mark = (profile.id, metric.id, draft.key)
    if mark in account.recorded:
        call.note("repeated", profile.id, draft.metric, draft.key)
        return
    account.recorded.add(mark)
    event = Event(
        new_id(11), str(uuid4()), profile.id, metric.id, draft.at, draft.key, draft.properties, draft.value,
        draft.currency, draft.backfill,
    )  # fmt: skip
    account.events[event.id] = event
    profile.last_event = max(profile.last_event or draft.at, draft.at)
    call.note("event", event.id, draft.metric, new=draft.key)


def _whose(call: Call, patch: Patch) -> Profile:
    """The first whom an identifier names, else somebody new. An event never takes an identifier from anybody."""
    found = people.matches(call.account, patch)
    if not found:
        return people.create(call, patch)
    profile = found[0]
    kept = {
        name: value
        for name, value in patch.given.items()
        if name not in IDENTIFIERS or not (profile.values.get(name) or (name, value) in call.account.index)
    }
    people.change(call, profile, replace(patch, given=kept))
    return profile
