"""Every call that we make is one that Klaviyo publishes, and none is one that we must never make.

Without CONTRACTS_DIR these are skipped. The published file is of 2026-07-15, whose operations of ours are those of
2026-10-15.
"""

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.klaviyo import MANIFEST
from adapters.klaviyo.api.endpoints import ENDPOINTS
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.ports.forgetting import Leftover
from connector.ports.news import News
from connector.ports.platform import Wanted
from connector.ports.records import RecordWrite
from tests.adapters.openapi import Judge
from tests.adapters.test_klaviyo_auth import JOURNEY, agreed
from tests.adapters.test_klaviyo_outbound import NEVER, field, running

ROOT = Path(__file__).parents[2]
FOLDER = os.environ.get("CONTRACTS_DIR", "")
OPENAPI = Path(FOLDER) / "klaviyo" / "openapi"
pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(not FOLDER, reason="CONTRACTS_DIR is not set: Klaviyo's OpenAPI is not here"),
]


def exercise(tea):
    """Every call that our code can make, with all that it may say in them."""
    grant = tea.auth.accept(agreed(tea), JOURNEY)
    account = replace(tea.account, token=grant.access)
    tea.auth.probe(account)
    account = replace(account, token=tea.auth.refresh(account, grant.refresh).access)
    tea.account = account
    ref = tea.person("ada@example.com", phone_number="+4930123456")
    tea.out.fetch(account, [ref, ObjectRef("person", "01NOBODY")], Wanted())
    tea.out.glance(account, [ref])
    tea.out.find_person(account, "Ada@Example.com")
    by_email = RecordWrite(ObjectRef("person", ""), {"Referral Stage": field("pending")}, "ada@example.com")
    tea.write(RecordWrite(ref, {"Referral Code": field("ADA")}), by_email)
    told = [
        News(uuid4(), kind, role, datetime.now(UTC), values={"program": "tea"}, amount=amount, history=history, **who)
        for kind in (NewsKind.ISSUED, NewsKind.STARTED)
        for role in ("advocate", "friend")
        for amount in (None, Money(1250, "EUR"))
        for history in (False, True)
        for who in ({"email": "ada@example.com"}, {"person": ref.id})
    ]
    tea.out.tell(account, told)
    tea.out.tell(account, [replace(one, again=True) for one in told])
    tea.out.take_off(account, [Leftover(uuid4(), ref.id), Leftover(uuid4(), email="Ada@Example.com")])
    for _ in range(2):
        tea.out.publish(account, "AUTUMN_MAIL", ["TEA-1", "TEA-2"], 50)
    tea.auth.leave(account)


@pytest.fixture(scope="module")
def calls():
    """All that was asked for, and what the stand-in's book says of it."""
    with running() as tea:
        exercise(tea)
        return tea.wire.calls, tea.client.book()


def of_the_api(requests):
    return [call for call in requests if not call.path.startswith("/oauth/")]


def test_every_call_is_one_that_klaviyo_publishes(calls):
    judge, told = Judge(OPENAPI), {}
    for call in of_the_api(calls[0]):
        try:
            judge.request(call.method, call.path, call.headers, call.body or None)
        except AssertionError as fault:
            told[str(fault)] = None
    assert not told, "\n".join(told)


def test_every_operation_in_our_code_was_called_in_the_revision_that_we_pin(calls):
    requests, book = calls
    called = {(call.method, call.path.partition("?")[0]) for call in of_the_api(requests)}
    patterns = {(one.method, re.sub(r"\{\w+\}", "[^/]+", one.path)) for one in ENDPOINTS}
    assert [
        pattern
        for pattern in patterns
        if not any(pattern[0] == verb and re.fullmatch(pattern[1], path) for verb, path in called)
    ] == []
    headers = [{name.lower(): value for name, value in call.headers.items()} for call in of_the_api(requests)]
    assert {each["revision"] for each in headers} == {MANIFEST.api_version} == {"2026-10-15"}
    assert (book["fell_forward"], book["legacy"], book["limited"], book["unauthorised"], book["denied"]) == (0,) * 5


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_each_operation_has_the_published_windows_and_scope(endpoint):
    published = Judge(OPENAPI).route(endpoint.method, endpoint.path).operation
    limits = published["x-klaviyo-ratelimit"]
    assert (limits["burst"], limits["steady"]) == (f"{endpoint.burst}/s", f"{endpoint.steady}/m")
    assert published["x-klaviyo-scopes"] == [endpoint.scope]


def test_no_more_scopes_are_asked_for_than_our_calls_need():
    assert {scope.name for scope in MANIFEST.scopes} == {endpoint.scope for endpoint in ENDPOINTS}


def test_nothing_subscribes_merges_or_erases_anybody(calls):
    requests, _ = calls
    assert [call.path for call in requests if any(word in call.path for word in NEVER)] == []
    for path in sorted((ROOT / "adapters" / "klaviyo").rglob("*.py")):
        if "sandbox" not in path.parts:
            urls = re.findall(r"/api/[a-z-]+", path.read_text(encoding="utf-8"))
            assert [url for url in urls if any(word in url for word in NEVER)] == []


def test_no_call_names_anybody_by_more_than_one_name(calls):
    for call in of_the_api(calls[0]):
        assert b"phone_number" not in call.body
        assert b"external_id" not in call.body or call.path == "/api/coupons"
        assert not re.search(rb'"id":"[^"]+","attributes":\{"email"', call.body)
