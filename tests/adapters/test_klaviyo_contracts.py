"""Klaviyo's published OpenAPI and recorded answers, and the stand-in held to both.

An adapter that is green against a stand-in of its own making proves nothing; this is what makes the stand-in Klaviyo's.
With CONTRACTS_DIR every answer in the stand-in's other tests is judged too; without it the tests here are skipped.
"""

import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.klaviyo.sandbox import start
from adapters.klaviyo.sandbox.client import MEDIA, REVISION, Client
from adapters.klaviyo.sandbox.routes import ROUTES
from tests.adapters.openapi import Judge, Lenience

FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "klaviyo"
pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(
        not FOLDER, reason="CONTRACTS_DIR is not set: Klaviyo's OpenAPI and recorded answers are not here"
    ),
]
HEADERS = {"Content-Type": MEDIA, "revision": REVISION}
#: What is null in recorded answers although the file does not allow it.
LENIENCE = Lenience(loose=frozenset({"next", "prev", "latitude", "longitude"}))
#: Recorded answers that the file contradicts. Without LENIENCE each of them is refused, and no other one.
CONTRADICTED = {
    "coupon-codes.list.json",
    "events.list.json",
    "metrics.list.json",
    "profiles.create.json",
    "profiles.list.200-paged.json",
    "webhooks.list.json",
}
#: The call that each recorded answer came to, and its status, which the recorder wrote down wrong (200 for all).
ANSWERED = {
    "coupon-codes.create": ("POST", "/api/coupon-codes", 200),
    "coupon-codes.list": ("GET", "/api/coupon-codes", 200),
    "coupons.create": ("POST", "/api/coupons", 201),
    "error.400-invalid": ("POST", "/api/tags", 400),
    "error.401-authentication-failed": ("GET", "/api/accounts", 401),
    "error.404-not-found": ("DELETE", "/api/tags/1", 404),
    "events.list": ("GET", "/api/events", 200),
    "metrics.list": ("GET", "/api/metrics", 200),
    "profiles.create": ("POST", "/api/profiles", 201),
    "profiles.list.200-paged": ("GET", "/api/profiles", 200),
    "webhooks.list": ("GET", "/api/webhooks", 200),
}
#: What the stand-in answers to each recorded request.
TAKEN = {
    "coupons.create": 201,
    "coupon-codes.create": 200,
    "data-privacy-deletion-jobs.create": 202,
    "events.create": 202,
    "profiles.create": 201,
}
#: Maps whose keys are the merchant's own, or a coupon's.
OWN_KEYS = {"properties", "event_properties", "monitor_configuration"}
JUDGE = Judge(CONTRACTS / "openapi", lenience=LENIENCE)
STRICT = Judge(CONTRACTS / "openapi")


class Judged(Client):
    """Each answer is judged as it comes back, and the call too, unless it was refused."""

    def call(self, verb, path, body=None, headers=None, **query):
        answer = super().call(verb, path, body, headers, **query)
        sent = answer.request
        JUDGE.answer(verb, sent.url, answer.status_code, answer.headers, answer.content)
        if answer.ok:
            JUDGE.request(verb, sent.url, sent.headers, sent.body and sent.body.encode())
        return answer


def opened(**account):
    """A client of a stand-in with one account whose clock stands still, judged wherever the contracts are."""
    sandbox = start()
    client = (Judged if FOLDER else Client)(sandbox.url, "pk_tea")
    client.control("accounts", account="TEA001", key="pk_tea", **account)
    client.control("clock/stop")
    yield client
    client.close()
    sandbox.stop()


@pytest.fixture
def client():
    yield from opened()


def recorded(name, folder="responses"):
    return json.loads((CONTRACTS / folder / f"{name}.json").read_text())


def files(kind):
    return sorted((CONTRACTS / kind).glob("*.json")) if FOLDER else []


def keys(node, path=""):
    """Every key of a body by its place; members of lists share theirs."""
    if isinstance(node, list):
        return {key for one in node for key in keys(one, path)}
    if not isinstance(node, dict):
        return set()
    own = {f"{path}.{name}" for name in node}
    return own | {key for name, value in node.items() if name not in OWN_KEYS for key in keys(value, f"{path}.{name}")}


# ── Published file and recorded answers ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", files("requests"), ids=lambda path: path.name)
def test_a_recorded_request_may_be_sent_and_is_taken(client, path):
    client.control("accounts/update", job_lag_s=0)
    client.ask("POST", "coupons", {"data": {"type": "coupon", "attributes": {"external_id": "nango_seed_coupon_1"}}})
    name = path.name.removesuffix(".json")
    answer = client.call("POST", name.removesuffix(".create"), json.loads(path.read_bytes()))
    assert answer.status_code == TAKEN[name]


def judged(judge, path):
    method, url, status = ANSWERED[path.name.removesuffix(".json")]
    judge.answer(method, url, status, HEADERS, path.read_bytes())


@pytest.mark.parametrize("path", files("responses"), ids=lambda path: path.name)
def test_a_recorded_answer_may_come_back(path):
    judged(JUDGE, path)
    if path.name in CONTRADICTED:
        with pytest.raises(AssertionError):
            judged(STRICT, path)
    else:
        judged(STRICT, path)


@pytest.mark.parametrize("name", sorted(LENIENCE.loose))
def test_no_leniency_is_without_need(name):
    stricter = Judge(CONTRACTS / "openapi", lenience=replace(LENIENCE, loose=LENIENCE.loose - {name}))
    with pytest.raises(AssertionError, match=name):
        judge_all_answers(stricter)


def judge_all_answers(judge):
    for path in files("responses"):
        judged(judge, path)


def test_scopes_limits_and_parameters_are_the_published_ones():
    (path,) = (CONTRACTS / "openapi").glob("*.json.gz")
    paths = json.loads(gzip.decompress(path.read_bytes()))["paths"]
    for route in ROUTES:
        templates = {route.template, route.template.replace("{id}", "{job_id}")} & set(paths)
        said = paths[templates.pop()][route.method.lower()]
        limit = {"burst": f"{route.size.burst}/s", "steady": f"{route.size.steady}/m"}
        assert (route.operation, limit) == (route.operation, said["x-klaviyo-ratelimit"])
        assert (route.operation, sorted(route.scopes)) == (route.operation, sorted(said["x-klaviyo-scopes"]))
        assert route.parameters <= {one["name"] for one in said["parameters"]}


# ── The stand-in's answers ───────────────────────────────────────────────────────────────────────────────────────


def test_coupons_are_answered_in_the_recorded_shapes(client):
    made = client.call("POST", "coupons", recorded("coupons.create", "requests"))
    assert keys(made.json()) == keys(recorded("coupons.create"))
    assert made.json()["data"]["attributes"] == recorded("coupons.create")["data"]["attributes"]
    client.ask("POST", "coupons", {"data": {"type": "coupon", "attributes": {"external_id": "nango_seed_coupon_1"}}})
    code = client.call("POST", "coupon-codes", recorded("coupon-codes.create", "requests")).json()
    assert keys(code) == keys(recorded("coupon-codes.create"))
    assert code["data"]["id"] == recorded("coupon-codes.create")["data"]["id"]
    assert code["data"]["attributes"]["expires_at"].endswith("Z")
    listed = client.ask("GET", "coupon-codes", filter="equals(coupon.id,'nango_seed_coupon_1')")
    assert keys(listed) == keys(recorded("coupon-codes.list"))
    assert listed["data"][0]["attributes"]["expires_at"].endswith("+00:00")
    assert listed["links"]["self"].endswith(recorded("coupon-codes.list")["links"]["self"].partition("/api/")[2])


def test_profiles_are_answered_in_the_recorded_shapes(client):
    made = client.call("POST", "profiles", recorded("profiles.create", "requests")).json()
    assert keys(made) == keys(recorded("profiles.create"))
    client.control("profiles", email="b@example.com")
    paged = client.ask("GET", "profiles", **{"page[size]": "1"})
    assert keys(recorded("profiles.list.200-paged")) <= keys(paged)
    assert paged["links"]["prev"] is None and "page%5Bcursor%5D=" in paged["links"]["next"]


def test_events_and_metrics_are_answered_in_the_recorded_shapes(client):
    client.ask("POST", "events", recorded("events.create", "requests"))
    assert keys(client.ask("GET", "events")) == keys(recorded("events.list"))
    assert keys(client.ask("GET", "metrics")) == keys(recorded("metrics.list"))


def test_errors_are_told_in_the_recorded_words(client):
    def told(answer, name):
        (now,), (before,) = answer.json()["errors"], recorded(name)["errors"]
        assert now.keys() == before.keys()
        return {**now, "id": before["id"], "detail": now["detail"].replace("profile", "tag")} == before

    assert told(client.call("POST", "profiles", {"data": {"type": "profile"}}), "error.400-invalid")
    missing = "profiles/5eb337d5-a132-4627-aa1e-04bc9aac260d"
    assert told(client.call("GET", missing), "error.404-not-found")
    wrong = client.call("GET", "accounts", headers={"Authorization": "Klaviyo-API-Key pk_wrong"})
    assert told(wrong, "error.401-authentication-failed")


def job(kind, **attributes):
    return {"data": {"type": kind, "attributes": attributes}}


def test_whatever_is_spoken_here_is_published_and_answers_as_published(client):
    client.control("accounts/update", job_lag_s=0)
    ada, bea = (client.control("profiles", email=f"{name}@example.com")["id"] for name in ("ada", "bea"))
    person = {"type": "profile", "attributes": {"email": "ada@example.com"}}
    wrong = {"type": "profile", "attributes": {"email": "no address"}}
    event = {"properties": {}, "metric": {"data": {"type": "metric", "attributes": {"name": "Referred"}}}}
    group = {"profile": {"data": person}, "events": {"data": [{"type": "event", "attributes": event}]}}
    events = {"data": [{"type": "event-bulk-create", "attributes": group}]}
    coupon = {"coupon": {"data": {"type": "coupon", "id": "tea"}}}
    code = {"type": "coupon-code", "attributes": {"unique_code": "A1"}, "relationships": coupon}
    used = {"type": "coupon-code", "id": "tea-A1", "attributes": {"status": "USED"}}
    subscribed = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    consent = {"type": "profile", "attributes": {"email": "ada@example.com", "subscriptions": subscribed}}
    other = {"profiles": {"data": [{"type": "profile", "id": bea}]}}
    more = {"additional-fields[profile]": "subscriptions"}
    imported = job("profile-bulk-import-job", profiles={"data": [person, wrong]})
    client.ask("POST", "coupons", job("coupon", external_id="tea"))
    client.ask("POST", "events", job("event", **event, profile={"data": person}))
    people = client.ask("POST", "profile-bulk-import-jobs", imported)["data"]["id"]
    codes = job("coupon-code-bulk-create-job", **{"coupon-codes": {"data": [code, code]}})
    made = client.ask("POST", "coupon-code-bulk-create-jobs", codes)["data"]["id"]
    (metric,), (happened,) = (client.ask("GET", kind)["data"] for kind in ("metrics", "events"))
    calls = [
        ("GET", "accounts", None, {}, 200), ("GET", f"metrics/{metric['id']}", None, {}, 200),
        ("GET", f"events/{happened['id']}", None, {}, 200),
        ("POST", "event-bulk-create-jobs", job("event-bulk-create-job", **{"events-bulk-create": events}), {}, 202),
        ("POST", "profile-import", {"data": person}, more, 200), ("GET", f"profiles/{ada}", None, more, 200),
        ("GET", "profiles", None, {"filter": 'any(email,["ada@example.com"])', **more}, 200),
        ("POST", "profiles", {"data": person}, {}, 409),
        ("PATCH", f"profiles/{ada}", {"data": {**person, "id": ada}}, {}, 200),
        ("GET", f"profile-bulk-import-jobs/{people}", None, {}, 200),
        ("GET", f"profile-bulk-import-jobs/{people}/import-errors", None, {}, 200),
        ("GET", "coupons", None, {}, 200), ("GET", "coupons/tea", None, {}, 200), ("GET", "coupons/no", None, {}, 404),
        ("POST", "coupon-codes", {"data": code}, {}, 409), ("GET", "coupon-codes/tea-A1", None, {}, 200),
        ("GET", "coupon-codes", None, {"filter": 'equals(coupon.id,"tea")'}, 200),
        ("GET", f"coupon-code-bulk-create-jobs/{made}", None, {}, 200),
        ("PATCH", "coupon-codes/tea-A1", {"data": used}, {}, 200), ("DELETE", "coupon-codes/tea-A1", None, {}, 204),
        ("POST", "profile-subscription-bulk-create-jobs",
         job("profile-subscription-bulk-create-job", profiles={"data": [consent]}), {}, 202),
        ("POST", "profile-merge", {"data": {"type": "profile-merge", "id": ada, "relationships": other}}, {}, 201),
        ("POST", "data-privacy-deletion-jobs", job("data-privacy-deletion-job", profile={"data": person}), {}, 202),
    ]  # fmt: skip
    told = [(verb, path, client.call(verb, path, body, **query).status_code) for verb, path, body, query, _ in calls]
    assert told == [(verb, path, status) for verb, path, _, _, status in calls]
    assert {route.operation for route in ROUTES} == set(client.book()["calls"])
