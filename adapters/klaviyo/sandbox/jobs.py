"""Jobs: what was taken with 202, is done later, and can be asked after."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.klaviyo.sandbox import pages, views
from adapters.klaviyo.sandbox.answers import Json, Reply, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.state import Job, new_ulid


@dataclass(frozen=True)
class Failed:
    """An error of a job, as pages number it."""

    id: str
    error: Json


def begin(call: Call, kind: str, total: int) -> Job:
    """A job that waits for its work."""
    job = Job(new_ulid(call.at), kind, call.at, total)
    call.account.jobs[job.id] = job
    return job


def find(call: Call, kind: str) -> Job:
    """The job that the path names. Raises Refusal."""
    job = call.account.jobs.get(call.path["id"])
    if job is None or job.kind != kind:
        raise not_found(kind, call.path["id"])
    return job


def show(call: Call, kind: str) -> Reply:
    return pages.single(call, views.job(call.base, find(call, kind)))
