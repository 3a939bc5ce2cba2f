"""The Klaviyo stand-in deals with an app as Klaviyo does: keys, consent, tokens, scopes, revisions, limits, faults.

If it were kinder, an app that loses its token, floods an account or pins a dead revision would pass here and fail there.
"""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from adapters.klaviyo.sandbox.client import Client
from tests.adapters.test_klaviyo_contracts import opened

BACK = "https://app.example.com/oauth/klaviyo"
VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ASKED = {
    "response_type": "code", "client_id": "client", "redirect_uri": BACK, "scope": "accounts:read events:write",
    "state": "s1", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
}  # fmt: skip
APP = ("client", "secret")


@pytest.fixture
def client():
    for client in opened():
        client.control("apps", client_id="client", client_secret="secret", name="Referrals", backs=[BACK])
        yield client


def code(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"]


# ── Keys and scopes ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_key_speaks_for_its_account_as_long_as_it_is_there(client):
    client.control("accounts", account="COF002", key="pk_coffee", name="Coffee")
    assert client.ask("GET", "accounts")["data"][0]["id"] == "TEA001"
    client.authorization = "Klaviyo-API-Key pk_coffee"
    (account,) = client.ask("GET", "accounts")["data"]
    assert (account["id"], account["attributes"]["contact_information"]["organization_name"]) == ("COF002", "Coffee")
    client.control("keys/revoke", account="COF002", key="pk_coffee")
    assert code(client.call("GET", "accounts")) == (401, "authentication_failed")
    assert code(client.call("GET", "accounts", headers={"Authorization": None})) == (401, "not_authenticated")
    assert client.book()["unauthorised"] == 2


def test_a_key_does_what_its_scopes_allow(client):
    client.control("keys", key="pk_small", scopes=["accounts:read", "profiles:write"])
    client.authorization = "Klaviyo-API-Key pk_small"
    assert client.call("GET", "accounts").status_code == 200
    assert code(client.call("GET", "profiles")) == (403, "permission_denied")
    lacking = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": []}}}}
    assert (
        client.call("POST", "profile-bulk-import-jobs", lacking).status_code == 403
    )  # it asks for lists:write as well
    assert client.book()["denied"] == 2


# ── Consent and tokens ───────────────────────────────────────────────────────────────────────────────────────────


def consented(client, **more):
    """Where somebody of the account is led back to, after the consent page."""
    asked = {key: said for key, said in {**ASKED, **more}.items() if said is not None}
    return client.control("authorize", url=f"{client.url}/oauth/authorize?{urlencode(asked)}")


def token(client, auth=APP, **form):
    return client.http.post(f"{client.url}/oauth/token", data=form, auth=auth, timeout=10)


def redeem(client, given, **more):
    form = {"grant_type": "authorization_code", "code": given, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return token(client, **{**form, **more})


def renew(client, given, **more):
    return token(client, grant_type="refresh_token", refresh_token=given, **more)


def works(client, access):
    client.authorization = f"Bearer {access}"
    return client.call("GET", "accounts").status_code == 200


def test_somebody_allows_the_app_on_a_plain_page_and_comes_back_with_a_code(client):
    url = f"{client.url}/oauth/authorize?{urlencode(ASKED)}"
    page = client.http.get(url, timeout=10)
    assert page.status_code == 200 and "Referrals" in page.text and "TEA001" in page.text
    chosen = {"account": "TEA001", "decision": "allow"}
    answer = client.http.post(url, data=chosen, allow_redirects=False, timeout=10)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(f"{BACK}?")
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["state"] == ["s1"]
    told = redeem(client, query["code"][0]).json()
    assert (told["token_type"], told["expires_in"], told["scope"]) == ("Bearer", 3600, "accounts:read events:write")
    assert works(client, told["access_token"])
    assert client.call("GET", "profiles").status_code == 403  # not asked for


def test_whoever_says_no_is_led_back_with_an_error(client):
    url = f"{client.url}/oauth/authorize?{urlencode(ASKED)}"
    assert client.control("authorize", url=url, decline=True)["error"] == "access_denied"
    chosen = {"account": "TEA001", "decision": "cancel"}
    answer = client.http.post(url, data=chosen, allow_redirects=False, timeout=10)
    assert "error=access_denied" in answer.headers["Location"] and "state=s1" in answer.headers["Location"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "campaigns:write"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_consent_without_a_challenge_or_to_more_than_the_app_may_have_is_refused(client, wrong, error):
    assert consented(client, **wrong)["error"] == error


@pytest.mark.parametrize("wrong", [{"redirect_uri": "https://evil.example.com"}, {"client_id": "another"}])
def test_an_address_that_the_app_did_not_register_is_never_led_to(client, wrong):
    answer = client.http.get(f"{client.url}/oauth/authorize?{urlencode({**ASKED, **wrong})}", timeout=10)
    assert (answer.status_code, answer.history) == (400, [])


@pytest.mark.parametrize(
    ("wrong", "status", "error"),
    [
        ({"code_verifier": "another"}, 400, "invalid_grant"),
        ({"redirect_uri": f"{BACK}/x"}, 400, "invalid_grant"),
        ({"auth": ("client", "wrong")}, 401, "invalid_client"),
        ({"auth": None, "client_id": "client", "client_secret": "secret"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_code_is_good_for_its_own_app_address_and_verifier(client, wrong, status, error):
    answer = redeem(client, consented(client)["code"], **wrong)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_code_is_good_once_and_not_for_long(client):
    given = consented(client)["code"]
    assert [redeem(client, given).status_code for _ in range(2)] == [200, 400]
    late = consented(client)["code"]
    client.control("clock", advance_s=301)
    assert redeem(client, late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("rotates", [True, False])
def test_a_token_ends_and_is_renewed_and_the_old_refresh_token_may_end_with_it(client, rotates):
    client.control("tokens/rotation", rotates=rotates)
    told = redeem(client, consented(client)["code"]).json()
    client.control("clock", advance_s=3600)
    assert not works(client, told["access_token"])

    renewed = renew(client, told["refresh_token"]).json()
    assert works(client, renewed["access_token"])
    assert (renewed["refresh_token"] != told["refresh_token"]) == rotates
    again = renew(client, told["refresh_token"])
    assert (again.status_code == 200) != rotates
    assert not rotates or again.json()["error"] == "invalid_grant"
    assert client.book()["refreshes"] == 2


def test_revoking_a_refresh_token_ends_all_that_came_of_the_consent(client):
    told = redeem(client, consented(client)["code"]).json()
    form = {"token": told["refresh_token"], "token_type_hint": "refresh_token"}
    assert client.http.post(f"{client.url}/oauth/revoke", data=form, timeout=10).status_code == 401
    assert works(client, told["access_token"])
    assert client.http.post(f"{client.url}/oauth/revoke", data=form, auth=APP, timeout=10).status_code == 200
    assert not works(client, told["access_token"])
    assert renew(client, told["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_merchant_removes_the_app_or_its_tokens_end_early(client):
    first, second = (client.control("tokens") for _ in range(2))
    client.control("tokens/expire")
    assert not works(client, first["access_token"])
    assert works(client, renew(client, second["refresh_token"]).json()["access_token"])
    client.control("tokens/revoke")
    assert renew(client, first["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_events_of_a_key_and_of_an_app_are_different_metrics_of_one_name(client):
    metric = {"data": {"type": "metric", "attributes": {"name": "Referred", "service": "shop"}}}
    who = {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}}
    sent = {"data": {"type": "event", "attributes": {"properties": {}, "metric": metric, "profile": who}}}
    client.ask("POST", "events", sent)
    client.authorization = f"Bearer {client.control('tokens')['access_token']}"
    client.ask("POST", "events", sent)
    told = [one["attributes"] for one in client.ask("GET", "metrics")["data"]]
    assert [(one["name"], one["integration"]["name"]) for one in told] == [
        ("Referred", "shop"),
        ("Referred", "Referrals"),
    ]


# ── Revisions and media types ────────────────────────────────────────────────────────────────────────────────────


def asked(client, **headers):
    return Client.call(
        client, "GET", "accounts", headers={key.replace("_", "-"): said for key, said in headers.items()}
    )


def test_a_call_names_its_revision(client):
    client.control("limits", burst=100, steady=100)
    for wrong in (None, "2026-10-16", "latest"):
        answer = asked(client, revision=wrong)
        assert code(answer) == (400, "invalid") and answer.json()["errors"][0]["source"] == {"parameter": "revision"}
    assert asked(client, revision="2026-07-15").status_code == 200


def test_a_retired_revision_falls_forward_unless_the_caller_opts_out_and_the_log_says_so(client):
    client.control("limits", burst=100, steady=100)
    assert asked(client, revision="2023-12-15").status_code == 200
    assert code(asked(client, revision="2023-12-15", X_Klaviyo_Revision_Fall_Forward_Opt_Out="1")) == (410, "gone")
    assert client.book()["fell_forward"] == 1
    first, second = client.control("calls", verb="GET", operation="GET /api/accounts")
    assert (first["revision"] > "2023-12-15", second["revision"]) == (True, "")


def test_a_revision_lives_two_years(client):
    client.control("limits", burst=100, steady=100)
    client.control("clock", advance_s=3 * 366 * 86_400)
    asked(client, revision="2026-07-15")
    assert client.control("calls", verb="GET")[-1]["revision"] == "2026-10-15"


def test_another_media_type_is_refused_and_so_is_what_is_no_json(client):
    for media in ("application/json", "application/vnd.api+json; charset=utf-8", None):
        answer = client.call("POST", "profiles", {}, headers={"Content-Type": media})
        assert code(answer) == (415, "unsupported_media_type")
    url, headers = f"{client.url}/api/profiles", {"Authorization": client.authorization, "revision": "2026-10-15"}
    told = client.http.post(url, data=b"{", headers={**headers, "Content-Type": "application/vnd.api+json"}, timeout=10)
    assert code(told) == (400, "invalid") and told.headers["Content-Type"] == "application/vnd.api+json"


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [("GET", "no-such", 404), ("PUT", "events", 405), ("POST", "v2/lists", 410), ("POST", "track", 410)],
)
def test_a_path_that_is_not_there_says_so(client, verb, path, status):
    assert Client.call(client, verb, path, {}).status_code == status
    assert client.book()["legacy"] == (status == 410)


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_second_is_full_and_the_next_one_is_not(client):
    client.control("limits", operation="GET /api/profiles", burst=2, steady=10)
    answers = [client.call("GET", "profiles") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["RateLimit-Limit"] == "2, 2;w=1, 10;w=60"
    assert answers[1].headers["RateLimit-Remaining"] == "8"
    assert 1 <= int(answers[1].headers["RateLimit-Reset"]) <= 60
    assert [name for name in answers[2].headers if name.lower().startswith("ratelimit")] == []
    assert answers[2].headers["Retry-After"] == "1"
    assert code(answers[2]) == (429, "throttled") and client.book()["limited"] == 1
    client.control("clock", advance_s=1)
    assert client.call("GET", "profiles").status_code == 200


def test_a_minute_is_full_until_it_ends(client):
    second = int(client.control("clock", advance_s=0)["now"][17:19])
    client.control("clock", advance_s=60 - second)  # a minute begins
    client.control("limits", operation="GET /api/profiles", burst=10, steady=2)
    for _ in range(2):
        client.ask("GET", "profiles")
    client.control("clock", advance_s=20)
    over = client.call("GET", "profiles")
    assert (over.status_code, over.headers["Retry-After"]) == (429, "40")
    client.control("clock", advance_s=40)
    assert client.call("GET", "profiles").status_code == 200


def test_the_published_limits_hold_unless_told(client):
    assert [client.call("GET", "accounts").status_code for _ in range(2)] == [200, 429]
    assert client.call("GET", "profiles").status_code == 200  # each operation has its own


def test_keys_share_a_quota_and_an_app_and_another_account_have_their_own(client):
    client.control("keys", key="pk_other")
    client.control("accounts", account="COF002", key="pk_coffee")
    access = client.control("tokens", account="TEA001")["access_token"]
    told = []
    for who in ("Klaviyo-API-Key pk_tea", "Klaviyo-API-Key pk_other", f"Bearer {access}", "Klaviyo-API-Key pk_coffee"):
        client.authorization = who
        told.append(client.call("GET", "accounts").status_code)
    assert told == [200, 429, 200, 200]


# ── Faults and the log ───────────────────────────────────────────────────────────────────────────────────────────


def sent(client, mark):
    metric = {"data": {"type": "metric", "attributes": {"name": "Referred"}}}
    who = {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}}
    attributes = {"properties": {}, "metric": metric, "profile": who, "unique_id": mark}
    return Client.call(client, "POST", "events", {"data": {"type": "event", "attributes": attributes}})


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("kind", ["cut", "html_200", "status"])
def test_what_a_fault_did_stands_in_the_book(client, kind, when):
    client.control("faults", fault=f"{kind}_{when}", path="^POST /api/events", count=1)
    try:
        answer = sent(client, "a")
        assert answer.status_code == 503 or b"<html>" in answer.content
    except requests.ConnectionError:
        assert kind == "cut"
    assert len(client.control("events", verb="GET")) == (when == "after")
    assert client.book()["outcomes"] == {f"POST /api/events {kind}_{when}": 1}
    assert sent(client, "a").status_code == 202
    assert len(client.control("events", verb="GET")) == 1


def test_a_body_may_end_in_the_middle(client):
    client.control("faults", fault="half_after", path="profile-import", count=1)
    body = {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}}
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        Client.call(client, "POST", "profile-import", body)
    assert len(client.control("profiles", verb="GET")) == 1


def test_a_storm_of_429_passes_and_silence_ends_in_a_reset(client):
    client.control("faults", fault="throttled", path="/api/events", count=2, wait_s=7)
    answers = [sent(client, "a") for _ in range(3)]
    assert [(one.status_code, one.headers.get("Retry-After")) for one in answers] == [
        (429, "7"),
        (429, "7"),
        (202, None),
    ]
    client.control("faults", fault="expired", path="/api/events", count=1)
    assert sent(client, "b").status_code == 401
    client.control("faults", fault="silence", path="/api/events", delay_s=0.1, when="after", account="TEA001")
    with pytest.raises(requests.ConnectionError):
        sent(client, "c")
    assert [one["key"] for one in client.control("events", verb="GET")] == ["a", "c"]
    assert "fault must be one of" in client.control("faults", fault="gremlins", expect=422)["error"]


def test_every_call_is_in_the_log_with_what_was_sent(client):
    sent(client, "a")
    (told,) = client.control("calls", verb="GET", operation="POST /api/events")
    assert (told["account"], told["by"], told["outcome"]) == ("TEA001", "Klaviyo-API-Key pk_tea", "202")
    assert told["body"]["data"]["attributes"]["unique_id"] == "a"
    state = client.control("state", verb="GET")
    assert [(one["account"], one["events"], one["waiting"]) for one in state["accounts"]] == [("TEA001", 1, 0)]
