"""Every answer of Klaviyo's that was ever recorded is understood, and no unclear one is taken for a clear one.

Without CONTRACTS_DIR the recorded ones are skipped.
"""

import json
import os
import re
from pathlib import Path

import pytest

from adapters.http import Reply
from adapters.klaviyo.api.answers import Misfit, Told, classify, token_refused
from adapters.klaviyo.api.endpoints import EVENT, PROFILE, PROFILES
from connector.errors import Gone, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown

FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "klaviyo" / "responses"
RECORDED = sorted(CONTRACTS.glob("*.json")) if FOLDER else []
recorded = pytest.mark.skipif(not FOLDER, reason="CONTRACTS_DIR is not set: Klaviyo's recorded answers are not here")
ERRORS = {400: Misfit, 401: TokenExpired, 404: Misfit}


def error(code="invalid", detail="Invalid input.", **more):
    return json.dumps({"errors": [{"id": "e-1", "code": code, "title": "No.", "detail": detail, **more}]}).encode()


#: Each with what it is to a read, to a change of a profile, and to an event, which is taken with 202 alone.
STATUSES = {
    "200": ((200, b"{}"), dict, dict, Unknown),
    "200 with a page": ((200, b"<html>"), Unavailable, Unknown, Unknown),
    "200 with half of the JSON": ((200, b'{"data": ['), Unavailable, Unknown, Unknown),
    "201": ((201, b"{}"), Unavailable, Unknown, Unknown),
    "202": ((202, b""), Unavailable, Unknown, dict),
    "202 with an object": ((202, b"{}"), Unavailable, Unknown, dict),
    "202 with a page": ((202, b"<html>"), Unavailable, Unknown, Unknown),
    "204": ((204, b""), Unavailable, Unknown, Unknown),
    "301": ((301, b""), Unavailable, Unknown, Unknown),
    "400": ((400, error()), Misfit, Misfit, Misfit),
    "400 with a page": ((400, b"<html>"), Misfit, Misfit, Misfit),
    "401": ((401, error("not_authenticated")), TokenExpired, TokenExpired, TokenExpired),
    "403": ((403, error("permission_denied")), Refused, Refused, Refused),
    "400 of a header": ((400, error(source={"parameter": "revision"})), Refused, Refused, Refused),
    "404": ((404, error("not_found")), Misfit, Misfit, Refused),
    "405": ((405, b""), Refused, Refused, Refused),
    "408": ((408, b""), Unavailable, Unknown, Unknown),
    "409": ((409, error("duplicate_profile")), Misfit, Misfit, Misfit),
    "410": ((410, b""), Refused, Refused, Refused),
    "413": ((413, b""), Misfit, Misfit, Misfit),
    "429": ((429, error("throttled")), Throttled, Throttled, Throttled),
    "500": ((500, error("error")), Unavailable, Unknown, Unknown),
    "502 with a page": ((502, b"<html>"), Unavailable, Unknown, Unknown),
    "503": ((503, b""), Unavailable, Unknown, Unknown),
    "524": ((524, b""), Unavailable, Unknown, Unknown),
}


def told(endpoint, status, body, headers=None):
    reply = Reply(status, headers or {}, body)
    return Told(reply, endpoint.name, endpoint.changes, endpoint.scope, endpoint.later, endpoint.makes)


def meaning(endpoint, status, body, headers=None):
    """The kind of what comes of an answer."""
    try:
        return type(classify(told(endpoint, status, body, headers)))
    except PlatformError as raised:
        assert raised.reason and raised.status == status and raised.platform == "klaviyo"
        return type(raised)


@pytest.mark.parametrize("name", STATUSES)
def test_each_answer_is_told_by_what_may_be_done_next(name):
    answer, *wanted = STATUSES[name]
    assert [meaning(endpoint, *answer) for endpoint in (PROFILES, PROFILE, EVENT)] == wanted


@recorded
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_every_recorded_answer_is_understood(path):
    found = re.search(r"\.([0-9]{3})", path.stem)
    status = int(found[1]) if found else 200
    assert meaning(PROFILES, status, path.read_bytes()) is ERRORS.get(status, dict)


@recorded
def test_klaviyos_own_words_and_name_of_an_error_are_kept():
    with pytest.raises(Misfit, match="must be included in the request payload") as raised:
        classify(told(EVENT, 400, (CONTRACTS / "error.400-invalid.json").read_bytes()))
    assert raised.value.pointers == ("/data",)
    assert (raised.value.code, raised.value.request_id) == ("invalid", "43cb63ce-40df-4501-8bcb-64c9c2eba79d")


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7), ("0", 1), ("99999", 3600), ("nan", 60), ("x", 60), ("", 60), ("-3", 1)]
)
def test_a_wait_is_as_asked_and_within_reason(header, wait):
    with pytest.raises(Throttled) as raised:
        classify(told(EVENT, 429, error("throttled"), {"retry-after": header}))
    assert raised.value.wait_s == wait


def test_the_permission_that_is_missing_is_named_with_its_remedy():
    for body in (error("permission_denied", "You do not have permission."), b""):
        with pytest.raises(Refused, match=r"lacks profiles:write: connect it again, or give the key this scope"):
            classify(told(PROFILE, 403, body))


def test_a_revision_that_is_over_is_our_own_fault_and_said_so():
    with pytest.raises(Refused, match="no longer serves revision 2026-10-15: this app must be updated"):
        classify(told(PROFILES, 410, b""))


def test_only_a_refresh_token_that_klaviyo_forgot_ends_a_connection():
    forgotten = Told(Reply(400, {}, b'{"error": "invalid_grant"}'), "token", changes=False)
    assert isinstance(token_refused(forgotten, renews=True), Gone)
    assert isinstance(token_refused(forgotten, renews=False), Refused)
    for (status, body), *_ in STATUSES.values():
        if status >= 300:
            assert isinstance(token_refused(told(PROFILES, status, body), renews=True), Refused | NotDone)


@pytest.mark.parametrize(
    "odd",
    [b"[]", b"null", b'"x"', b'{"errors": 7}', b'{"errors": [7, null]}', b'{"errors": [{"detail": {}, "source": 7, "id": []}]}',
     b'{"errors": [{"source": {"pointer": ["x"]}}]}', b"[" * 100_000, error(detail="x" * 10_000)],
)  # fmt: skip
def test_nothing_that_stands_in_an_error_breaks_its_reading(odd):
    for status in (400, 403, 409, 429, 500):
        with pytest.raises(PlatformError) as raised:
            classify(told(EVENT, status, odd))
        assert len(raised.value.reason) <= 400
