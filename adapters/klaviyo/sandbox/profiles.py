"""The requests about profiles: read, create, change, upsert, and import by the thousand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime

from adapters.klaviyo.sandbox import filters, jobs, pages, people, views
from adapters.klaviyo.sandbox.answers import Json, Refusal, Reply, invalid, invalid_parameter, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.checks import text
from adapters.klaviyo.sandbox.state import Profile

MOST_IMPORTED = 10_000
_LARGEST = 100_000
_FILTERS = {
    **dict.fromkeys(("id", "email", "phone_number", "external_id"), "equals any"),
    **dict.fromkeys(("created", "updated"), "greater-than less-than"),
}
_SORTS = ("id", "created", "updated", "email")


def _shown(call: Call, profile: Profile) -> Json:
    extra = call.asked("additional-fields[profile]")
    if extra not in {"", "subscriptions"}:
        raise invalid_parameter(f"'{extra}' is not played here.", "additional-fields[profile]")
    return views.profile(call.base, profile, subscriptions=bool(extra))


def show_all(call: Call) -> Reply:
    passes, _ = filters.read(call.asked("filter"), _FILTERS)
    sort = call.asked("sort", "id")
    if sort.removeprefix("-") not in _SORTS:
        raise invalid_parameter(f"Cannot sort by '{sort}'.", "sort")

    def known(profile: Profile) -> Json:
        return {**profile.values, "id": profile.id, "created": profile.created, "updated": profile.updated}

    def place(profile: Profile) -> tuple[str, str]:
        value = known(profile).get(sort.removeprefix("-"))
        return (value.isoformat() if isinstance(value, datetime) else value or "", profile.id)

    found = [profile for profile in call.account.profiles.values() if passes(known(profile))]
    found.sort(key=place, reverse=sort.startswith("-"))
    return pages.listed(call, found, lambda _, profile: _shown(call, profile), usual=20, most=100)


def show(call: Call) -> Reply:
    return pages.single(call, _shown(call, _named(call)))


def _named(call: Call) -> Profile:
    number = call.path["id"]
    if number not in call.account.profiles:
        raise not_found("profile", number)
    return call.account.profiles[number]


def _within(body: object) -> None:
    if len(json.dumps(body).encode()) > _LARGEST:
        raise invalid("The maximum allowed payload size per profile is 100KB.")


def create(call: Call) -> Reply:
    _within(call.body)
    profile = people.create(call, people.read(call.document().data("profile")))
    return pages.single(call, _shown(call, profile), 201)


def upsert(call: Call) -> Reply:
    """Absent members stay as they are, null clears."""
    _within(call.body)
    profile, made = people.upsert(call, people.read(call.document().data("profile")))
    return pages.single(call, _shown(call, profile), 201 if made else 200)


def update(call: Call) -> Reply:
    _within(call.body)
    node = call.document().data("profile")
    if text(node.member("id")) != call.path["id"]:
        raise invalid("The id in the payload and the id in the path must be the same.", "/data/id")
    profile, _ = people.upsert(call, people.read(node))
    return pages.single(call, _shown(call, profile))


def import_many(call: Call) -> Reply:
    """Each profile is upserted later, and stands alone: one that cannot be leaves an error in the job."""
    node = call.document().data("profile-bulk-import-job")
    given = node.member("attributes").member("profiles").items()
    if not 0 < len(given) <= MOST_IMPORTED:
        raise invalid(f"Between 1 and {MOST_IMPORTED} profiles are taken, not {len(given)}.", node.at)
    ties = node.maybe("relationships")
    lists = ties.maybe("lists") if ties else None
    for one in lists.many("list") if lists else ():
        raise not_found("list", text(one.member("id")))  # none is played here
    job = jobs.begin(call, "profile-bulk-import-job", len(given))

    def work(due: datetime) -> None:
        later = replace(call, at=due)
        for one in given:
            try:
                _within(one.value)
                profile, _ = people.upsert(later, people.read(one.resource("profile")))
                job.made.append(profile.id)
            except Refusal as refusal:
                job.errors.append({**refusal.brief(), "original_payload": one.value})
            job.done += 1
        job.ended = due

    call.account.later(call.at + call.account.job_lag, work)
    return pages.single(call, views.job(call.base, job), 202)


def show_import(call: Call) -> Reply:
    return jobs.show(call, "profile-bulk-import-job")


def show_import_errors(call: Call) -> Reply:
    job = jobs.find(call, "profile-bulk-import-job")
    found = [jobs.Failed(error["id"], error) for error in job.errors]
    return pages.listed(call, found, lambda _, one: views.import_error(one.error), usual=20, most=100)
