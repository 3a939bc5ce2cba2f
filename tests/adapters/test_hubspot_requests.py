"""Every call that we make is one that HubSpot publishes, and every answer of its that was ever recorded is understood.

Without CONTRACTS_DIR these are skipped. `python -m tests.adapters.test_hubspot_requests` prints docs/hubspot-answers.md.
"""

import json
import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.http import Reply
from adapters.hubspot import MANIFEST
from adapters.hubspot.api.answers import Told, classify, token_refused
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import Gone, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.mapping import ALWAYS, IF_EMPTY
from connector.ports.bills import Deduction
from connector.ports.news import News
from connector.ports.platform import Capability, Direction, Effect, Holding
from connector.ports.records import REFERRED_BY, FieldValue, Link, RecordWrite
from connector.ports.steps import Ended
from tests.adapters.conformance.driver import OnTime
from tests.adapters.openapi import Judge
from tests.adapters.test_hubspot_auth import JOURNEY, agreed
from tests.adapters.test_hubspot_outbound import WON, invoice, running
from tests.adapters.test_hubspot_records import SETUP

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "hubspot-answers.md"
FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "hubspot"
pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(
        not FOLDER, reason="CONTRACTS_DIR is not set: HubSpot's OpenAPI and recorded answers are not here"
    ),
]


# ── What we send ─────────────────────────────────────────────────────────────────────────────────────────────────


def exercise(portal):
    """Every call that our code can make, with all that it may say in them."""
    account = join(portal)
    portal.out.provision(account, SETUP)
    portal.make_properties("utm_content", "onboarding")
    friend = portal.contact("friend@example.com", lifecyclestage="lead")
    advocate = portal.contact("advocate@example.com")
    read(portal, account, friend)
    write(portal, account, friend, advocate)
    pay(portal, account, advocate)
    listed(portal, account, friend)
    heard(portal, account, friend)
    portal.auth.leave(account)


def join(portal):
    """The token that OAuth brings, proved and renewed."""
    grant = portal.auth.accept(agreed(portal), JOURNEY)
    account = replace(portal.account, token=grant.access)
    portal.auth.probe(account)
    return replace(account, token=portal.auth.refresh(account, grant.refresh).access)


def read(portal, account, friend):
    portal.client.control("portals/update", association_page=1)
    deal = portal.deal(friend, portal.contact("boss@example.com"), stage=WON, amount="10.00")
    portal.save(deal, deal_currency_code="")
    gone, bill = portal.deal(friend), invoice(portal, friend)
    portal.act("delete", gone)
    refs = [friend, deal, gone, bill]
    portal.account = account
    assert all(truth.found for truth in portal.fetch(*refs, properties=frozenset({"onboarding"})))
    portal.out.glance(account, refs)
    portal.out.unheard(account)
    portal.out.find_person(account, "Friend@Example.com")
    for empty in (lambda: portal.fetch(friend), lambda: portal.out.find_person(account, "friend@example.com")):
        portal.fault("empty_success", "contacts/batch/read")
        with pytest.raises(Unavailable):
            empty()
    portal.fault("empty_success", "associations/2026-09")
    with pytest.raises(PlatformError):
        portal.fetch(deal)
    portal.out.read_history(account, datetime.now(UTC) - timedelta(days=60), "")


def write(portal, account, friend, advocate):
    text = {"referral_source": FieldValue("a form", IF_EMPTY, "string")}
    stage = {"referral_stage": FieldValue("pending", ALWAYS, "enumeration")}
    deal = portal.deal(friend)
    tie = (Link(advocate, REFERRED_BY),)
    credit = {"reward_id": FieldValue("r1", ALWAYS, "string"), "amount": FieldValue("5.00", ALWAYS, "number")}
    writes = [
        RecordWrite(friend, text | stage, links=tie),
        RecordWrite(ObjectRef("contact", ""), stage, "advocate@example.com"),
        RecordWrite(deal, stage),
        RecordWrite(ObjectRef("credit", "r1"), credit, links=(Link(advocate), Link(deal))),
    ]
    portal.fault("empty_success", "contacts/batch/update", when="before")
    results = portal.out.write_records(account, writes)
    assert [result.refused for result in results] == [""] * 4


def pay(portal, account, advocate):
    amount = Money(1000, "EUR")
    kind, since = Capability.BALANCE, datetime.now(UTC)
    effect = Effect(uuid4(), kind, Direction.CREDIT, advocate.id, "", amount, "mark-1", since)
    done = portal.out.issue(account, effect, OnTime())
    portal.out.find(account, effect, lambda _: False)
    portal.out.balance(account, kind, advocate.id, done.holder, "EUR")
    portal.out.remains(account, [Holding(kind, done.transaction, done.holder, amount)])
    back = replace(effect, direction=Direction.DEBIT, holder=done.holder, marker="mark-2", amount=Money(100, "EUR"))
    portal.out.issue(account, back, OnTime())
    draft = invoice(portal, advocate, status="draft")
    for _ in range(2):
        portal.out.deduct(account, Deduction(draft.id, advocate.id, Money(300, "EUR"), "mark-3"), OnTime())


def listed(portal, account, friend):
    made = portal.client.control("lists", name="Advocates", members=[friend.id])
    for name in ("Advocates", f"#{made['id']}"):
        assert len(portal.out.members(account, name, "").people) == 1
    portal.out.bearing(account, "email", "friend@example.com", "")
    waits = {"type": "contacts", "id": friend.id}
    run = portal.client.control("action", object=waits, send=False)["callback_id"]
    portal.out.complete(account, run, Ended(done=True, told={"referral_state": "issued"}))


def heard(portal, account, friend):
    now, amount = datetime.now(UTC), Money(500, "EUR")
    one = News(uuid4(), NewsKind.ISSUED, "friend", now, person=friend.id, values={"program": "tea"}, amount=amount)
    other = News(uuid4(), NewsKind.DUE, "advocate", now, "advocate@example.com", again=True)
    assert [result.refused for result in portal.out.tell(account, [one, other])] == ["", ""]


@pytest.fixture(scope="module")
def calls():
    """All that was asked for, and what the stand-in's book says of it."""
    with running(tier="enterprise", installed=True) as portal:
        exercise(portal)
        return portal.wire.calls, portal.client.book()


def test_every_call_is_one_that_hubspot_publishes(calls):
    judge = Judge(CONTRACTS / "openapi", "*.20*.json")
    told = {}
    for call in calls[0]:
        try:
            judge.request(call.method, call.path, call.headers, call.body or None)
        except AssertionError as fault:
            told[str(fault)] = None
    assert not told, "\n".join(told)


def test_only_paths_of_the_version_that_we_pin_are_called(calls):
    requests, book = calls
    assert MANIFEST.api_version == "2026-09"
    assert [call.path for call in requests if "/2026-09" not in call.path] == []
    assert [call.path for call in requests if re.search(r"/v[1-9]\d*(/|$)|2026-03", call.path)] == []
    assert (book["legacy"], book["throttled"], book["unauthorised"]) == (0, 0, 0)


def test_every_path_in_our_code_was_called(calls):
    written = {}
    for path in sorted((ROOT / "adapters" / "hubspot").rglob("*.py")):
        if "sandbox" not in path.parts:
            for template in re.findall(r'f"(/[^"\s]*\{VERSION\}[^"\s]*)"', path.read_text(encoding="utf-8")):
                fixed = template.replace("{VERSION}{path}", "{VERSION}/.+").replace("{VERSION}", "2026-09")
                pattern = re.sub(r"\{+\w[^}]*\}+", "[^/]+", fixed)
                written[template] = re.compile(pattern + r"(\?.*)?")
    assert len(written) > 20
    called = {call.path for call in calls[0]}
    assert [template for template, one in written.items() if not any(map(one.fullmatch, called))] == []


def test_a_secret_stands_in_no_address(calls):
    for call in calls[0]:
        assert "secret" not in call.path
        assert "token=" not in call.path


# ── What we are told ─────────────────────────────────────────────────────────────────────────────────────────────

HEAD = """\
# What HubSpot's answers mean

Each answer decides what may be done next. A *read* has no effect, so whatever goes wrong with it, it may be asked again.
A *change* whose answer is not clear may have had its effect: it is looked up before anything is sent again.

## By status

| answer | to a read | to a change |
|---|---|---|
"""
MIDDLE = """
## Every recorded answer

HubSpot's own examples, and answers that others recorded. A test makes both tables from our code, so they are true.

| answer | status | what it means | why |
|---|---|---|---|
"""
#: Answers of which no recording is at hand.
STATUSES = {
    "200 with a page instead of JSON": (200, b"<html>", {}),
    "200 with half of the JSON": (200, b'{"results": [', {}),
    "202": (202, b"{}", {}),
    "204 where something should stand": (204, b"", {}),
    "301": (301, b"", {}),
    "400": (400, b'{"message": "Property values were not valid", "category": "VALIDATION_ERROR"}', {}),
    "401": (401, b'{"category": "EXPIRED_AUTHENTICATION"}', {}),
    "403, a permission is missing": (
        403,
        b'{"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["automation"]}}]}',
        {},
    ),
    "404": (404, b'{"message": "resource not found"}', {}),
    "408": (408, b"", {}),
    "409": (409, b'{"message": "Contact already exists", "category": "CONFLICT"}', {}),
    "423, it is locked": (423, b"{}", {}),
    "429, of a day": (429, b'{"message": "daily limit", "policyName": "DAILY"}', {}),
    "429, of ten seconds": (429, b'{"message": "limit", "policyName": "TEN_SECONDLY_ROLLING"}', {}),
    "429, of a second": (429, b'{"message": "limit", "policyName": "SECONDLY"}', {}),
    "429 with Retry-After: 7": (429, b"{}", {"retry-after": "7"}),
    "429 with Retry-After: nan": (429, b"{}", {"retry-after": "nan"}),
    "477, the account is moved": (477, b"", {}),
    "500": (500, b"", {}),
    "502 with a page": (502, b"<html>", {}),
    "503": (503, b"{}", {}),
    "504": (504, b"", {}),
}
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
        if token:
            token_refused(told, renews=True)
        answer = classify(told)
    except Throttled as error:
        return f"had no effect: waits {error.wait_s:g} s", error.reason
    except PlatformError as error:
        return KINDS[type(error)], error.reason
    odd = list(answer.get("errors") or ())
    return ("done, but for some", odd[0]["message"]) if odd else ("done", "")


def recorded():
    """Each recorded answer with its status and what it answers: from `contacts.batch-update.200.json`."""
    if not FOLDER:
        return []
    found = []
    for path in sorted((CONTRACTS / "responses").glob("*.json")):
        call, _, rest = path.stem.rpartition(".")
        found.append((path, call, int(rest[:3])))
    return found


CHANGES = re.compile(r"create|update|token")


def outcome(path, call, status):
    reply = Reply(status, {"content-type": "application/json"}, path.read_bytes())
    return meaning(reply, changes=bool(CHANGES.search(call)), token=call == "oauth.token")


def page():
    """docs/hubspot-answers.md as the recorded answers make it."""
    by_status = [
        f"| {name} | {meaning(Reply(*_parts(name)), changes=False)[0]} | {meaning(Reply(*_parts(name)), changes=True)[0]} |\n"
        for name in STATUSES
    ]
    rows = []
    for path, call, status in recorded():
        kind, why = outcome(path, call, status)
        words = re.sub(r"\s+", " ", why).replace("|", "/")
        rows.append(f"| {path.stem} | {status} | {kind} | {words[:117] + '...' if len(words) > 120 else words} |\n")
    return HEAD + "".join(by_status) + MIDDLE + "".join(rows)


def _parts(name):
    status, body, headers = STATUSES[name]
    return status, headers, body


def test_the_page_on_answers_is_true():
    assert PAGE.read_text(encoding="utf-8") == page(), "print it anew: python -m tests.adapters.test_hubspot_requests"


@pytest.mark.parametrize(("path", "call", "status"), [pytest.param(*row, id=row[0].stem) for row in recorded()])
def test_every_recorded_answer_comes_to_what_its_status_says(path, call, status):
    kind, why = outcome(path, call, status)
    assert kind.startswith("done") == (status < 300)
    assert kind.startswith("done") or why


SURE = {401: NotDone, 423: NotDone, 429: NotDone, 477: NotDone} | dict.fromkeys((301, 400, 403, 404, 409), Refused)


@pytest.mark.parametrize("name", STATUSES)
def test_no_answer_that_may_have_had_an_effect_is_taken_for_one_that_had_none(name):
    reply = Reply(*_parts(name))
    with pytest.raises(SURE.get(reply.status, Unknown)):
        classify(Told(reply, "call", changes=True))
    with pytest.raises(SURE.get(reply.status, NotDone)):
        classify(Told(reply, "call", changes=False))


def test_the_permission_that_is_missing_is_named():
    assert "missing: automation" in meaning(Reply(*_parts("403, a permission is missing")), changes=True)[1]


def test_only_a_refresh_token_that_hubspot_forgot_ends_a_connection():
    path = CONTRACTS / "responses" / "oauth.token.400-bad-refresh-token.json"
    assert outcome(path, "oauth.token", 400)[0] == KINDS[Gone]
    with pytest.raises(Refused):
        token_refused(Told(Reply(400, {}, path.read_bytes()), "token", changes=False), renews=False)
    for name in STATUSES:
        assert meaning(Reply(*_parts(name)), changes=False, token=True)[0] != KINDS[Gone]


def test_nothing_that_stands_in_an_error_breaks_its_reading():
    for odd in (
        b"[]",
        b"null",
        b'"x"',
        b'{"errors": 7, "message": {}, "category": []}',
        b'{"errors": [7, {"context": 7}]}',
    ):
        for status in (400, 403, 429, 500):
            with pytest.raises(PlatformError):
                classify(Told(Reply(status, {}, odd), "call", changes=True))
    deep = json.dumps({"message": "x" * 10_000}).encode()
    assert len(meaning(Reply(400, {}, deep), changes=True)[1]) <= 300


if __name__ == "__main__":
    sys.stdout.write(page())
