"""Every answer of Salesforce's that was ever recorded is understood, by its own word and not by its HTTP status.

Without CONTRACTS_DIR the recorded ones are skipped. `python -m tests.adapters.test_salesforce_answers` prints
docs/salesforce-answers.md.
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from adapters.http import Reply
from adapters.salesforce.api.answers import Told, classify, problem, problems, token_refused
from connector.errors import Gone, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "salesforce-answers.md"
FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "salesforce"

HEAD = """\
# What Salesforce's answers mean

Each answer decides what may be done next, by Salesforce's own word for it (`errorCode`, and `statusCode` in an item of
several). A *read* has no effect, so whatever goes wrong with it, it may be asked again. A *change* whose answer is not
clear may have had its effect: it is looked up before anything is sent again.

## By word and status

| answer | to a read | to a change |
|---|---|---|
"""
MIDDLE = """
## Recorded answers

| recorded | status | it means | its words |
|---|---|---|---|
"""


def said(code, message="it says so", **more):
    return json.dumps([{"errorCode": code, "message": message, **more}]).encode()


#: Answers of which no recording is at hand, or that come with more than one status.
STATUSES = {
    "200 with a page instead of JSON": (200, b"<html>"),
    "200 with half of the JSON": (200, b'{"records": ['),
    "204 where something should stand": (204, b""),
    "301": (301, b""),
    "300, two records match": (300, b'["/services/data/v66.0/sobjects/Lead/00Q1", "/services/data/v66.0/sobjects/Lead/00Q2"]'),
    "400 without a word": (400, b"<html>"),
    "401 with a page": (401, b"<html>"),
    "401 INVALID_SESSION_ID": (401, said("INVALID_SESSION_ID")),
    "403 REQUEST_LIMIT_EXCEEDED, of the day": (403, said("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")),
    "403 REQUEST_LIMIT_EXCEEDED, too many at once": (
        403, said("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    ),
    "403 INSUFFICIENT_ACCESS_OR_READONLY": (403, said("INSUFFICIENT_ACCESS_OR_READONLY")),
    "400 QUERY_TIMEOUT": (400, said("QUERY_TIMEOUT")),
    "400 REQUEST_RUNNING_TOO_LONG": (400, said("REQUEST_RUNNING_TOO_LONG")),
    "400 STRING_TOO_LONG": (400, said("STRING_TOO_LONG", fields=["Referral_Source__c"])),
    "400 CANNOT_UPDATE_CONVERTED_LEAD": (400, said("CANNOT_UPDATE_CONVERTED_LEAD")),
    "404 NOT_FOUND": (404, said("NOT_FOUND")),
    "404 ENTITY_IS_DELETED": (404, said("ENTITY_IS_DELETED")),
    "408": (408, b""),
    "414": (414, b""),
    "500 UNKNOWN_EXCEPTION": (500, said("UNKNOWN_EXCEPTION")),
    "502 with a page": (502, b"<html>"),
    "503": (503, b""),
    "504": (504, b""),
}  # fmt: skip
KINDS = {
    TokenExpired: "had no effect: the token is renewed first",
    Unavailable: "had no effect: it may be sent again",
    Unknown: "may have had its effect: it is looked up first",
    Refused: "refused for good",
    Gone: "the connection is over",
}


def meaning(reply, *, changes, token=False):
    """What becomes of an answer, and why, in words."""
    told = Told(reply, "call", changes)
    try:
        if token and reply.status >= 300:
            raise token_refused(told)
        answer = classify(told, empty=reply.status == 204 and not reply.headers.get("strict"))
    except Throttled as error:
        return f"had no effect: waits {error.wait_s:g} s", error.reason
    except PlatformError as error:
        return KINDS[type(error)], error.reason
    odd = (
        [row for row in answer if isinstance(row, dict) and row.get("success") is False]
        if isinstance(answer, list)
        else ()
    )
    return ("done, but for some", problem(odd[0]["errors"][0]).words) if odd else ("done", "")


def recorded():
    """Each recorded answer with its name, status and body."""
    found = []
    for path in sorted(CONTRACTS.glob("*/*.json")) if FOLDER else []:
        name = re.fullmatch(r"(?P<what>.+)-(?P<status>[0-9]{3})", path.stem)
        folder = path.parent.name
        if folder not in ("rest", "errors", "oauth") or name is None:
            continue
        body = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(body, dict) and "response" in body:  # a whole exchange
            body = body["response"]
        raw = b"" if name["status"] == "204" else json.dumps(body).encode()
        found.append((f"{folder}/{path.stem}", Reply(int(name["status"]), {}, raw)))
    return found


CHANGES = re.compile(r"create|update|upsert|delete|duplicate|required|lock|validation|picklist|field-level")


def outcome(name, reply):
    return meaning(reply, changes=bool(CHANGES.search(name)), token=name.startswith("oauth"))


def page():
    """docs/salesforce-answers.md as the recorded answers make it."""
    by_status = [
        f"| {name} | {meaning(_reply(name), changes=False)[0]} | {meaning(_reply(name), changes=True)[0]} |\n"
        for name in STATUSES
    ]
    rows = []
    for name, reply in recorded():
        kind, why = outcome(name, reply)
        words = re.sub(r"\s+", " ", why).replace("|", "/")
        rows.append(f"| {name} | {reply.status} | {kind} | {words[:157] + '...' if len(words) > 160 else words} |\n")
    return HEAD + "".join(by_status) + MIDDLE + "".join(rows)


def _reply(name):
    status, body = STATUSES[name]
    return Reply(status, {"strict": "yes"}, body)


def contract(test):
    reason = "CONTRACTS_DIR is not set: the platforms' published schemas are not here"
    return pytest.mark.contracts(pytest.mark.skipif(not FOLDER, reason=reason)(test))


@contract
def test_the_page_on_answers_is_true():
    assert PAGE.read_text(encoding="utf-8") == page(), "print it anew: python -m tests.adapters.test_salesforce_answers"


@contract
@pytest.mark.parametrize(("name", "reply"), [pytest.param(*row, id=row[0]) for row in recorded()])
def test_every_recorded_answer_is_understood(name, reply):
    kind, why = outcome(name, reply)
    assert kind.startswith("done") == (reply.status < 300)
    assert kind == "done" or why


SURE = {
    "401": TokenExpired, "REQUEST_LIMIT": Throttled, "QUERY_TIMEOUT": Throttled, "RUNNING_TOO_LONG": Throttled,
    "INSUFFICIENT": Refused, "STRING": Refused, "CONVERTED": Refused, "404": Refused, "414": Refused, "400 without": Refused,
}  # fmt: skip


@pytest.mark.parametrize("name", STATUSES)
def test_no_answer_that_may_have_had_an_effect_is_taken_for_one_that_had_none(name):
    sure = next((kind for word, kind in SURE.items() if word in name), None)
    with pytest.raises(sure or Unknown):
        classify(Told(_reply(name), "call", changes=True))
    with pytest.raises(sure or NotDone):
        classify(Told(_reply(name), "call", changes=False))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_a_word_means_the_same_with_every_status(status):
    """A locked row comes as 400 and as 500; what is refused by permission and by a used-up day both come as 403."""
    for code, kind in (
        ("UNABLE_TO_LOCK_ROW", Throttled),
        ("INVALID_SESSION_ID", TokenExpired),
        ("REQUEST_LIMIT_EXCEEDED", Throttled),
    ):
        with pytest.raises(kind):
            classify(Told(Reply(status, {}, said(code)), "call", changes=True))


@pytest.mark.parametrize("key", ["duplicateResult", "duplicateResut"])
def test_duplicates_are_named_however_salesforce_spells_it(key):
    told = {
        "errorCode": "DUPLICATES_DETECTED",
        "message": "Use one of these records?",
        key: {"matchResults": [{"matchRecords": [{"record": {"Id": "0038M0000016Wv8QAE"}}]}]},
    }
    (found,) = problems(Reply(400, {}, json.dumps([told]).encode()))
    assert found.found == ("0038M0000016Wv8QAE",) and "duplicate rule" in found.words


def test_an_item_of_several_is_read_by_its_own_keys():
    found = problem({"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "No.", "fields": ["Amount"]})
    assert (found.code, found.fields) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", ("Amount",))
    assert "Amount" in found.words and "validation rule" in found.words


def test_only_a_grant_that_salesforce_forgot_ends_a_connection():
    with pytest.raises(Gone, match="connect it again"):
        raise token_refused(Told(Reply(400, {}, b'{"error": "invalid_grant"}'), "token", changes=False))
    with pytest.raises(Refused, match="invalid_client"):
        raise token_refused(Told(Reply(400, {}, b'{"error": "invalid_client"}'), "token", changes=False))
    for name in STATUSES:
        if _reply(name).status >= 300:
            assert not isinstance(token_refused(Told(_reply(name), "token", changes=False)), Gone)


@pytest.mark.parametrize(
    "odd",
    [b"[]", b"null", b'"x"', b"[7]", b'[{"errorCode": {}, "message": [], "fields": 7}]', b'{"duplicateResut": 7}'],
)
@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_nothing_that_stands_in_an_error_breaks_its_reading(odd, status):
    with pytest.raises(PlatformError):
        classify(Told(Reply(status, {}, odd), "call", changes=True))
    assert isinstance(token_refused(Told(Reply(status, {}, odd), "token", changes=False)), PlatformError)


if __name__ == "__main__":
    sys.stdout.write(page())
