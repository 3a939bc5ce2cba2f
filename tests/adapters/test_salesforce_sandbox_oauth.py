"""The Salesforce stand-in gives tokens as Salesforce does: with PKCE, rotating, and never saying how long they last."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.salesforce.sandbox import ids, start
from adapters.salesforce.sandbox.client import Client

BACK = "https://referrals.example.com/oauth/salesforce"
VERIFIER = "a verifier of enough letters, forty-three at least"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
APP = {"client_id": "client", "client_secret": "secret"}
ASKED = {
    "response_type": "code", "client_id": "client", "redirect_uri": BACK, "scope": "api refresh_token", "state": "s",
    "code_challenge": CHALLENGE, "code_challenge_method": "S256",
}  # fmt: skip
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.org = client.control("orgs", token="t", refresh="first", host="tea.my.salesforce.com")
    yield client
    client.close()
    sandbox.stop()


def token(client, host="", **form):
    headers = {"Host": host} if host else {}
    return requests.post(f"{client.url}/services/oauth2/token", data=form, headers=headers, timeout=10)


def refresh(client, old, **more):
    return token(client, grant_type="refresh_token", refresh_token=old, **{**APP, **more})


def consented(client, **changes):
    """What came back with the admin, who agreed."""
    page = requests.Request("GET", f"{client.url}/services/oauth2/authorize", params={**ASKED, **changes}).prepare().url
    return client.control("authorize", url=page)


def redeem(client, code, **changes):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **APP}
    return token(client, **{**form, **changes})


def works(client, access):
    client.token = access
    return client.call("GET", "limits").status_code == 200


def test_an_admin_sees_a_page_and_comes_back_with_a_code_once_they_agree(client):
    page = client.call("GET", "/services/oauth2/authorize", **ASKED)
    assert page.status_code == 200 and "Allow access?" in page.text
    back = consented(client)
    assert back["location"].startswith(BACK) and back["state"] == "s"
    told = redeem(client, back["code"]).json()
    assert works(client, told["access_token"])
    assert (told["token_type"], told["scope"], told["instance_url"]) == ("Bearer", "api refresh_token", client.url)
    assert told["id"] == f"https://login.salesforce.com/id/{client.org['org']}/{client.org['user']}"
    assert refresh(client, told["refresh_token"]).status_code == 200


def test_an_org_that_agreed_before_leads_back_at_once(client):
    client.control("orgs/update", consents=True)
    answer = client.call("GET", "/services/oauth2/authorize", **ASKED)
    assert answer.status_code == 302 and answer.headers["Location"].startswith(f"{BACK}?")


def test_a_code_is_good_once_and_only_for_who_asked_for_it(client):
    code = consented(client)["code"]
    assert redeem(client, code).status_code == 200
    assert redeem(client, code).json()["error"] == "invalid_grant"
    for changes, error in (
        ({"code_verifier": "another verifier, which is long enough too...."}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"redirect_uri": "https://evil.example"}, "redirect_uri_mismatch"),
    ):
        answer = redeem(client, consented(client)["code"], **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, error)
    late = consented(client)["code"]
    client.control("clock", advance_s=3600)
    assert redeem(client, late).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes", [{"code_challenge": ""}, {"code_challenge_method": "plain"}, {"response_type": "token"}]
)
def test_without_a_challenge_nobody_gets_a_code(client, changes):
    back = consented(client, **changes)
    assert "code" not in back and back["error"]


def test_an_admin_may_decline(client):
    page = requests.Request("GET", f"{client.url}/services/oauth2/authorize", params=ASKED).prepare().url
    back = client.control("authorize", url=page, decline=True)
    assert (back["error"], back["state"]) == ("access_denied", "s")


def test_each_refresh_brings_a_new_refresh_token_and_ends_the_old_one(client):
    told = refresh(client, "first").json()
    assert told["refresh_token"] != "first" and works(client, told["access_token"])
    dead = refresh(client, "first")
    assert (dead.status_code, dead.json()["error_description"]) == (400, "expired access/refresh token")
    assert refresh(client, told["refresh_token"]).status_code == 200


def test_a_refresh_whose_answer_is_lost_has_used_the_token_up(client):
    client.control("faults", fault="cut_after", path="POST /services/oauth2/token", count=1)
    with pytest.raises(requests.ConnectionError):
        refresh(client, "first")
    assert refresh(client, "first").json()["error"] == "invalid_grant"


def test_an_org_that_does_not_rotate_keeps_the_refresh_token_and_says_nothing_of_it(client):
    client.control("orgs/update", rotates=False)
    for _ in range(2):
        assert "refresh_token" not in refresh(client, "first").json()


def test_a_session_ends_by_the_orgs_own_policy_of_which_no_answer_tells(client):
    client.control("orgs/update", session_s=900)
    told = refresh(client, "first").json()
    assert works(client, told["access_token"]) and "expires_in" not in told
    client.control("clock", advance_s=901)
    assert not works(client, told["access_token"])
    assert client.call("GET", "limits").json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]
    assert client.book()["unauthorised"] == 2


def test_an_org_and_a_user_may_be_named_in_fifteen_characters(client):
    client.control("orgs/update", id_form=15)
    org, user = refresh(client, "first").json()["id"].split("/")[-2:]
    assert (len(org), len(user)) == (15, 15) and ids.normal(org) == client.org["org"]


def test_an_apps_own_key_opens_only_the_orgs_own_host_and_lasts_no_longer_than_a_session(client):
    form = {"grant_type": "client_credentials", **APP}
    shared = token(client, "login.salesforce.com", **form)
    assert (shared.status_code, shared.json()["error_description"]) == (400, "request not supported on this domain")
    for host in ("tea.my.salesforce.com", ""):
        told = token(client, host, **form).json()
        assert works(client, told["access_token"]) and "refresh_token" not in told
    assert token(client, **{**form, "client_secret": "wrong"}).json()["error"] == "invalid_client"


@pytest.fixture(scope="module")
def keys():
    """A private key and its public one."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return plain.decode(), public.decode()


def signed(key, algorithm="RS256", **changes):
    ends = datetime.now(UTC) + timedelta(minutes=3)
    told = {"iss": "client", "sub": "ada@tea.my.salesforce.com", "aud": "https://login.salesforce.com", "exp": ends}
    return jwt.encode({**told, **changes}, key, algorithm=algorithm)


def test_a_signed_text_opens_the_org_for_the_user_that_it_names(client, keys):
    client.control("orgs/update", public_key=keys[1])
    told = token(client, grant_type=BEARER, assertion=signed(keys[0])).json()
    assert works(client, told["access_token"]) and told["id"].endswith(client.org["admin"])
    past = datetime.now(UTC) - timedelta(minutes=1)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for assertion in (
        signed(keys[0], aud="https://evil.example"),
        signed(keys[0], aud="https://test.salesforce.com"),  # where orgs for tests log in, which this is not
        signed(keys[0], sub="nobody@tea.example"),
        signed(keys[0], exp=past),
        signed(keys[0], iss="another app"),
        signed(other),
        signed("a shared secret that is as long as it needs to be", "HS256"),
        "no text at all",
    ):
        answer = token(client, grant_type=BEARER, assertion=assertion)
        assert answer.status_code == 400 and "access_token" not in answer.json()


def test_a_revoked_refresh_token_takes_its_sessions_with_it(client):
    told = refresh(client, "first").json()
    url = f"{client.url}/services/oauth2/revoke"
    assert requests.post(url, data={"token": told["refresh_token"]}, timeout=10).status_code == 200
    assert not works(client, told["access_token"])
    assert refresh(client, told["refresh_token"]).json()["error"] == "invalid_grant"
    again = requests.post(url, data={"token": told["refresh_token"]}, timeout=10)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_token")


def test_an_unknown_grant_and_a_dead_session_are_told_so(client):
    assert token(client, grant_type="password", **APP).json()["error"] == "unsupported_grant_type"
    client.token = "nobody's"
    answer = client.call("GET", "/services/oauth2/userinfo")
    assert (answer.status_code, answer.text) == (403, "Bad_OAuth_Token")


def test_tokens_of_two_orgs_open_one_each(client):
    other = client.control("orgs", token="u", name="Cup", host="cup.my.salesforce.com")
    client.control("records", org=other["org"], object="Lead", values={"LastName": "C", "Company": "C"})
    assert client.query("SELECT Id FROM Lead") == []
    client.token = "u"
    assert len(client.query("SELECT Id FROM Lead")) == 1
    assert client.ask("GET", "/services/oauth2/userinfo")["organization_id"] == other["org"]
