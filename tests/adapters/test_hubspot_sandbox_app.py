"""The HubSpot stand-in deals with an app as HubSpot does: consent, tokens, scopes, limits, webhooks, workflow steps.

If it were kinder, an app that loses its token, floods a portal or misreads a signature would pass here and fail there.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from adapters.hubspot.sandbox import start, webhooks
from adapters.hubspot.sandbox.client import Client
from adapters.hubspot.sandbox.limits import Limits
from adapters.hubspot.sandbox.webhooks import Address

CONTACTS = "/crm/objects/2026-09/contacts"
DETAILS = "/account-info/2026-09/details"
BACK = "https://app.example/hubspot/callback"
SECRET = "the app's secret"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


class Receiver:
    """Takes deliveries; `status` is what it answers, `refuse` how often it says 503 first."""

    def __init__(self):
        receiver, self.posts, self.refuse, self.answer = self, [], 0, b""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append((self.path, {k.lower(): v for k, v in self.headers.items()}, raw))
                receiver.refuse, refused = max(0, receiver.refuse - 1), receiver.refuse > 0
                self.send_response(503 if refused else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(receiver.answer)))
                self.end_headers()
                self.wfile.write(receiver.answer)

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}/webhooks/hubspot"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    @property
    def events(self):
        return [event for _, _, raw in self.posts for event in json.loads(raw)]

    def stop(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


@pytest.fixture
def client(receiver):
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("portals", portal=62515, token="t", refresh="r", secret=SECRET, target=receiver.url)
    yield client
    client.close()
    sandbox.stop()


def told(client):
    assert client.control("drain") == {"idle": True}


# ── Consent and tokens ───────────────────────────────────────────────────────────────────────────────────────────


def consent(client, **more):
    asked = {
        "client_id": "client", "redirect_uri": BACK, "scope": "oauth crm.objects.contacts.read", "state": "s1",
        "optional_scope": "crm.lists.read automation", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    url = f"{client.url}/oauth/authorize?{urlencode({**asked, **more})}"
    return client.http.get(url, allow_redirects=False, timeout=10)


def token(client, **form):
    given = {"client_id": "client", "client_secret": SECRET, **form}
    return client.http.post(f"{client.url}/oauth/2026-09/token", data=given, timeout=10)


def redeem(client, answer, **more):
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "redirect_uri": BACK, "code_verifier": VERIFIER, "code": code}
    return token(client, **{**form, **more})


def test_consent_leads_to_a_pair_of_tokens_with_the_scopes_that_were_granted(client):
    client.control("authorize", decline=["automation"])
    answer = consent(client)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(BACK)
    assert parse_qs(urlsplit(answer.headers["Location"]).query)["state"] == ["s1"]

    pair = redeem(client, answer).json()
    assert (pair["token_type"], pair["hub_id"], pair["expires_in"]) == ("bearer", 62515, 1800)
    assert pair["scopes"] == ["crm.lists.read", "crm.objects.contacts.read", "oauth"]
    client.token = pair["access_token"]
    assert client.ask("GET", DETAILS)["portalId"] == 62515
    assert redeem(client, answer).status_code == 400  # a code is good once


@pytest.mark.parametrize(
    "wrong", [{"code_verifier": "another"}, {"redirect_uri": BACK + "/x"}, {"client_secret": "no"}, {"client_id": "x"}]
)
def test_a_code_is_good_for_its_own_app_address_and_verifier(client, wrong):
    assert redeem(client, consent(client), **wrong).status_code == 400


def test_a_token_ends_and_is_renewed_and_a_dead_refresh_token_says_so(client):
    pair = redeem(client, consent(client)).json()
    client.token = pair["access_token"]
    client.control("clock", advance_s=1801)
    ended = client.call("GET", DETAILS)
    assert (ended.status_code, ended.json()["category"]) == (401, "EXPIRED_AUTHENTICATION")

    renewed = token(client, grant_type="refresh_token", refresh_token=pair["refresh_token"]).json()
    assert renewed["refresh_token"] == pair["refresh_token"]
    client.token = renewed["access_token"]
    assert client.call("GET", DETAILS).status_code == 200
    client.control("tokens/revoke")
    dead = token(client, grant_type="refresh_token", refresh_token=pair["refresh_token"])
    assert (dead.status_code, dead.json()["status"]) == (400, "BAD_REFRESH_TOKEN")
    unknown = client.call("GET", DETAILS)
    assert (unknown.status_code, unknown.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    assert client.book()["unauthorised"] == 2


def test_introspection_revoking_and_uninstalling(client):
    def active(given):
        form = {"client_id": "client", "client_secret": SECRET, "token": given}
        return client.http.post(f"{client.url}/oauth/2026-09/token/introspect", data=form, timeout=10).json()

    pair = redeem(client, consent(client)).json()
    assert active(pair["access_token"]).items() >= {"active": True, "hub_id": 62515}.items()
    form = {"client_id": "client", "client_secret": SECRET, "token": pair["refresh_token"]}
    assert client.http.post(f"{client.url}/oauth/2026-09/token/revoke", data=form, timeout=10).status_code == 200
    assert active(pair["access_token"]) == {"active": False}

    client.token = redeem(client, consent(client)).json()["access_token"]
    assert client.call("DELETE", "/appinstalls/2026-09/external-install").status_code == 204
    assert client.call("GET", DETAILS).status_code == 401
    assert token(client, grant_type="refresh_token", refresh_token="r").json()["status"] == "BAD_REFRESH_TOKEN"


def test_a_scope_that_was_not_granted_is_named(client):
    client.control("portals/update", scopes=["oauth", "crm.objects.contacts.read"])
    number = client.control("contacts", properties={"email": "a@example.com"})["id"]
    assert client.call("GET", f"{CONTACTS}/{number}").status_code == 200
    refused = client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "A"}})
    assert (refused.status_code, refused.json()["category"]) == (403, "MISSING_SCOPES")
    assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.contacts.write"]
    lists = client.call("GET", "/crm/lists/2026-09/1").json()
    assert lists["errors"][0]["context"]["requiredGranularScopes"] == ["crm.lists.read"]


# ── Limits, legacy paths, faults ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("style", ["rolling", "fixed"])
def test_a_portals_limit_is_counted_and_told(client, style):
    client.control("portals/update", limit={"max": 3, "seconds": 10_000, "style": style})
    left = [client.call("GET", DETAILS).headers["X-HubSpot-RateLimit-Remaining"] for _ in range(3)]
    over = client.call("GET", DETAILS)

    assert left == ["2", "1", "0"]
    assert (over.status_code, over.json()["errorType"]) == (429, "RATE_LIMIT")
    assert over.json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert over.headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000000"
    assert client.book()["throttled"] == 1
    client.control("clock", advance_s=10_001)
    assert client.call("GET", DETAILS).status_code == 200


def test_search_has_a_limit_of_its_own_of_five_a_second():
    limits = Limits(most=1)
    assert [limits.take(7.0, search=True) for _ in range(6)] == [""] * 5 + ["SECONDLY"]
    assert [limits.take(7.5, search=False), limits.take(7.9, search=True), limits.take(8.1, search=True)] == [
        "",
        "SECONDLY",
        "",
    ]


def test_search_tells_nothing_of_its_limit(client):
    told = client.call("POST", f"{CONTACTS}/search", {"filterGroups": []}).headers
    assert not [name for name in told if name.lower().startswith("x-hubspot-ratelimit")]


def test_a_days_limit_is_told_by_its_name(client):
    client.control("portals/update", limit={"daily": 1})
    client.ask("GET", DETAILS)
    assert client.call("GET", DETAILS).json()["policyName"] == "DAILY"


@pytest.mark.parametrize(
    "path", ["/crm/v3/objects/contacts", "/crm/v4/associations/x", "/oauth/v1/token", "/contacts/v1/x"]
)
def test_a_path_of_before_is_gone_and_counted(client, path):
    assert client.call("POST", path, {}).status_code == 404
    assert client.book()["legacy"] == 1


@pytest.mark.parametrize(
    ("fault", "done"),
    [
        ("cut_before", 0),
        ("cut_after", 1),
        ("html_200_before", 0),
        ("html_200_after", 1),
        ("status_before", 0),
        ("status_after", 1),
    ],
)
def test_what_a_fault_did_stands_in_the_book(client, fault, done):
    number = client.control("contacts", properties={"email": "a@example.com"})["id"]
    client.control("faults", fault=fault, path="^PATCH .*/contacts/", count=1)
    try:
        answer = client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "A"}})
        assert answer.status_code == 503 or b"<html>" in answer.content
    except requests.ConnectionError:
        assert fault.startswith("cut")
    book = client.book()
    assert len([e for e in book["entries"] if e["property"] == "firstname"]) == done
    assert book["outcomes"][f"PATCH /crm/objects/2026-09/contacts/{{id}} {fault}"] == 1
    assert client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "B"}}).status_code == 200


@pytest.mark.parametrize(("when", "done"), [("before", 0), ("after", 1)])
def test_an_empty_success_tells_nothing_of_what_was_done(client, when, done):
    number = str(client.control("contacts", properties={"email": "a@example.com"})["id"])
    client.control("faults", fault="empty_success", path="batch/update", when=when)
    body = {"inputs": [{"id": number, "properties": {"firstname": "A"}}]}
    assert client.ask("POST", f"{CONTACTS}/batch/update", body)["results"] == []
    assert len([e for e in client.book()["entries"] if e["property"] == "firstname"]) == done


def test_silence_ends_in_a_reset_and_a_fault_that_makes_no_sense_is_refused(client):
    client.control("faults", fault="silence", path="details", delay_s=0.1)
    with pytest.raises(requests.ConnectionError):
        client.call("GET", DETAILS)
    assert "fault must be one of" in client.control("faults", fault="gremlins", expect=422)["error"]


# ── Webhooks ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_deliveries_are_signed_by_the_published_algorithm(client, receiver):
    client.control("contacts", properties={"email": "a@example.com"})
    told(client)
    (_, headers, raw) = receiver.posts[0]
    text = b"POST" + receiver.url.encode() + raw + headers["x-hubspot-request-timestamp"].encode()
    mark = base64.b64encode(hmac.new(SECRET.encode(), text, hashlib.sha256).digest()).decode()
    assert headers["x-hubspot-signature-v3"] == mark
    assert headers["x-hubspot-signature"] == hashlib.sha256(SECRET.encode() + raw).hexdigest()
    assert abs(int(headers["x-hubspot-request-timestamp"]) - time.time() * 1000) < 60_000


def test_the_app_hears_its_own_changes_as_an_integrations_and_peoples_as_theirs(client, receiver):
    number = client.control("contacts", properties={"email": "a@example.com"}, send=False)["id"]
    client.ask("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "Ours"}})
    client.control("save", type="contacts", id=number, properties={"firstname": "Theirs"})
    told(client)
    heard = [(e["propertyValue"], e["changeSource"], e["sourceId"]) for e in receiver.events]
    assert heard == [("Ours", "INTEGRATION", "19083857"), ("Theirs", "CRM_UI", "userId:1")]
    assert {e["appId"] for e in receiver.events} == {19083857}


def test_each_change_is_told_in_the_words_that_hubspot_has_for_it(client, receiver):
    first, second = (client.control("contacts", properties={"email": f"{n}@example.com"})["id"] for n in "ab")
    deal = client.control("deals", properties={"closedate": "2026-11-22"}, contacts=[first])["id"]
    client.control("delete", type="deals", id=deal)
    client.control("restore", type="deals", id=deal)
    into = client.control("merge", primary=first, others=[second], fresh_id=True)["id"]
    client.control("privacy_delete", type="contacts", id=into)
    told(client)
    kinds = Counter(event["subscriptionType"] for event in receiver.events)
    assert kinds == {
        "object.creation": 3, "object.propertyChange": 5, "object.associationChange": 2, "object.deletion": 4,
        "object.restore": 1, "object.merge": 1, "contact.privacyDeletion": 1,
    }  # fmt: skip
    merge = next(e for e in receiver.events if e["subscriptionType"] == "object.merge")
    assert (merge["primaryObjectId"], merge["mergedObjectIds"], merge["newObjectId"]) == (first, [second], into)
    ties = [(e["associationType"], e["fromObjectId"]) for e in receiver.events if "associationType" in e]
    assert ties == [("DEAL_TO_CONTACT", deal), ("CONTACT_TO_DEAL", first)]
    closed = next(e for e in receiver.events if e.get("propertyName") == "closedate")
    assert closed["propertyValue"] == "1795305600000"


def test_a_refused_post_comes_again_whole_and_says_how_often(client, receiver):
    receiver.refuse = 2
    client.control("contacts", properties={"email": "a@example.com"})
    told(client)
    tries = [[event["attemptNumber"] for event in json.loads(raw)] for _, _, raw in receiver.posts]
    assert tries == [[0, 0], [1, 1], [2, 2]]
    assert client.book()["deliveries"] == {"posts 503": 2, "events 503": 4, "posts 200": 1, "events 200": 2}


def test_portals_that_share_an_address_share_a_post_and_events_can_be_sent_in_disorder(client, receiver):
    client.control("portals", portal=7, secret=SECRET, target=receiver.url)
    event = {"type": "object.propertyChange", "object": {"type": "contacts", "id": 5}, "property": "email"}
    mixed = [{"portal": portal, **event, "value": f"{n}@x.example"} for n in range(3) for portal in (62515, 7)]

    sent = client.control("send", events=mixed, copies=2, shuffle=True, seed=3, batch=4)

    assert sent == {"sent": 12, "answers": {"200": 3}}
    assert [len(json.loads(raw)) for _, _, raw in receiver.posts] == [4, 4, 4]
    assert {event["portalId"] for event in json.loads(receiver.posts[0][2])} == {62515, 7}
    assert Counter(event["propertyValue"] for event in receiver.events) == {f"{n}@x.example": 4 for n in range(3)}
    (made,) = client.control("render", events=[{"portal": 7, "raw": {"eventId": 1}}])
    assert json.loads(made["body"]) == [{"eventId": 1}] and made["url"] == receiver.url


def test_a_post_holds_at_most_100_events():
    assert [len(part) for part in webhooks.parts([{} for _ in range(250)])] == [100, 100, 50]
    assert set(webhooks.headers(Address("http://x.example", "s"), b"[]")) >= {
        "X-HubSpot-Signature-v3",
        "X-HubSpot-Signature",
    }


# ── Workflow steps ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_workflow_step_runs_and_is_completed_by_its_callback(client, receiver, version):
    receiver.answer = b'{"outputFields":{"hs_execution_state":"BLOCK"}}'
    number = client.control("contacts", properties={"email": "a@example.com"}, send=False)["id"]

    ran = client.control(
        "action", object={"type": "contacts", "id": number}, input={"amount": 5}, version=version, properties=["email"]
    )

    assert (ran["status"], ran["answer"]["outputFields"]["hs_execution_state"]) == (200, "BLOCK")
    ((path, headers, raw),) = receiver.posts
    asked = json.loads(raw)
    assert path == "/actions/hubspot" and asked["inputFields"] == {"amount": "5"}
    assert asked["object"] == {"objectId": number, "objectType": "CONTACT", "properties": {"email": "a@example.com"}}
    url = receiver.url.replace("/webhooks/", "/actions/")
    assert headers["x-hubspot-signature"] == hashlib.sha256(f"{SECRET}POST{url}".encode() + raw).hexdigest()
    assert ("x-hubspot-signature-v3" in headers) == (version == "v3")

    callback, fields = ran["callback_id"], {"outputFields": {"hs_execution_state": "SUCCESS"}, "typedOutputs": {}}
    assert client.control("callbacks", verb="GET") == {callback: []}
    where = "/automation/actions/callbacks/2026-09"
    assert client.call("POST", f"{where}/{callback}/complete", fields).status_code == 204
    assert client.call("POST", f"{where}/no-such/complete", fields).status_code == 404
    assert client.call("POST", f"{where}/complete", {"inputs": [{"callbackId": callback, **fields}]}).status_code == 204
    assert client.control("callbacks", verb="GET") == {callback: [fields["outputFields"]] * 2}
