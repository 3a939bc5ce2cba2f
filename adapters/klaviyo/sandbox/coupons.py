"""Coupons and their codes. Nothing here takes money off anything: a code must exist in the shop that redeems it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.klaviyo.sandbox import filters, jobs, pages, views
from adapters.klaviyo.sandbox.answers import Json, Refusal, Reply, conflict, invalid, invalid_parameter, not_found
from adapters.klaviyo.sandbox.call import Call
from adapters.klaviyo.sandbox.checks import Node, mapping, moment, text
from adapters.klaviyo.sandbox.clock import whole
from adapters.klaviyo.sandbox.state import Code, Coupon

MOST_CODES = 1_000
_MOST_QUEUED = 100
_COUPON_ID = re.compile(r"[0-9A-Za-z_]+")
_STATUSES = ("ASSIGNED_TO_PROFILE", "DELETING", "PROCESSING", "UNASSIGNED", "USED", "VERSION_NOT_ACTIVE")
_FILTERS = {"expires_at": filters.TIMES, "status": "equals", "coupon.id": "equals any", "profile.id": "equals any"}
_JOB = "coupon-code-bulk-create-job"


# ── Coupons ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def create(call: Call) -> Reply:
    """Its id is the external one, so that making it twice is refused."""
    readers = {"external_id": text, "description": text, "monitor_configuration": mapping}
    given = call.document().data("coupon").attributes("coupon", readers, "external_id")
    number = given["external_id"]
    if not _COUPON_ID.fullmatch(number):
        raise invalid("Only letters, digits and underscores are allowed.", "/data/attributes/external_id")
    if number in call.account.coupons:
        raise conflict(f"A coupon with external_id {number} already exists.", "/data/attributes/external_id")
    monitor = {"low_balance_threshold": "500", **(given.get("monitor_configuration") or {})}
    coupon = Coupon(number, given.get("description"), {name: str(value) for name, value in monitor.items()})
    call.account.coupons[number] = coupon
    call.note("coupon", number)
    return pages.single(call, views.coupon(call.base, coupon), 201)


def show_all(call: Call) -> Reply:
    return pages.listed(call, list(call.account.coupons.values()), views.coupon, usual=100, most=100)


def show(call: Call) -> Reply:
    coupon = call.account.coupons.get(call.path["id"])
    if coupon is None:
        raise not_found("coupon", call.path["id"])
    return pages.single(call, views.coupon(call.base, coupon))


# ── Codes ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _year(now: datetime) -> datetime:
    """When a code ends that says nothing of it."""
    return whole(now) + timedelta(days=365)


def _make(call: Call, node: Node) -> Code:
    given = node.attributes("coupon-code", {"unique_code": text, "expires_at": moment}, "unique_code")
    coupon = node.related("coupon", "coupon")
    if coupon not in call.account.coupons:
        raise not_found("coupon", coupon)
    code = Code(coupon, given["unique_code"], given.get("expires_at") or _year(call.at))
    if code.id in call.account.codes:
        raise conflict(f"A coupon code with id {code.id} already exists.", f"{node.at}/attributes/unique_code")
    call.account.codes[code.id] = code
    call.note("code", code.id, coupon, new=code.code)
    return code


def create_code(call: Call) -> Reply:
    return pages.single(call, views.code(call.base, _make(call, call.document().data("coupon-code")), fresh=True))


def _named(call: Call) -> Code:
    code = call.account.codes.get(call.path["id"])
    if code is None:
        raise not_found("coupon-code", call.path["id"])
    return code


def show_codes(call: Call) -> Reply:
    """Of coupons or of profiles, which the filter must name."""
    passes, asked = filters.read(call.asked("filter"), _FILTERS)
    if not asked & {"coupon.id", "profile.id"}:
        raise invalid_parameter("A coupon.id or profile.id filter is required.", "filter")

    def known(code: Code) -> Json:
        return {"expires_at": code.expires, "status": code.status, "coupon.id": code.coupon, "profile.id": code.profile}

    found = [code for code in call.account.codes.values() if passes(known(code))]
    return pages.listed(call, found, views.code, usual=100, most=100)


def show_code(call: Call) -> Reply:
    return pages.single(call, views.code(call.base, _named(call)))


def _status(node: Node) -> str:
    if text(node) not in _STATUSES:
        raise invalid(f"'{node.value}' is not a valid status.", node.at)
    return text(node)


def update_code(call: Call) -> Reply:
    node, code = call.document().data("coupon-code"), _named(call)
    given = node.attributes("coupon-code", {"status": _status, "expires_at": moment})
    if text(node.member("id")) != code.id:
        raise invalid("The id in the payload and the id in the path must be the same.", "/data/id")
    before = code.status
    code.status = given.get("status") or code.status
    if "expires_at" in given:
        code.expires = given["expires_at"] or _year(call.at)
    call.note("code", code.id, code.coupon, before, code.status)
    return pages.single(call, views.code(call.base, code))


def delete_code(call: Call) -> Reply:
    code = _named(call)
    if code.profile:
        raise invalid("A coupon code that is assigned to a profile cannot be deleted.")
    del call.account.codes[code.id]
    call.note("code", code.id, code.coupon, code.code)
    return Reply(204)


def create_codes(call: Call) -> Reply:
    """Each code stands alone: one that cannot be made leaves an error in the job."""
    node = call.document().data(_JOB)
    given = node.member("attributes").member("coupon-codes").items()
    if not 0 < len(given) <= MOST_CODES:
        raise invalid(f"Between 1 and {MOST_CODES} coupon codes are taken, not {len(given)}.", node.at)
    waiting = [job for job in call.account.jobs.values() if job.kind == _JOB and job.ended is None]
    if len(waiting) >= _MOST_QUEUED:
        raise invalid(f"At most {_MOST_QUEUED} jobs may be queued at once.")
    job = jobs.begin(call, _JOB, len(given))

    def work(due: datetime) -> None:
        later = replace(call, at=due)
        for one in given:
            try:
                job.made.append(_make(later, one.resource("coupon-code")).id)
            except Refusal as refusal:
                job.errors.append(refusal.brief())
            job.done += 1
        job.ended = due

    call.account.later(call.at + call.account.job_lag, work)
    return pages.single(call, views.job(call.base, job), 202)


def show_job(call: Call) -> Reply:
    return jobs.show(call, _JOB)
