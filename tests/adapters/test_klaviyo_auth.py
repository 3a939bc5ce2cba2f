"""An account is joined only by a merchant who agreed or who holds its key, and stays joined until somebody ends it.

Over real HTTP.
"""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit
from uuid import UUID

import pytest

from adapters.http import Gate
from adapters.klaviyo import MANIFEST, auth
from adapters.klaviyo.api.credentials import Credentials
from connector.errors import ConfigError, Gone, NotDone, Refused, Rejected, TokenExpired, Unavailable
from connector.lanes.limits import LocalMeter
from connector.ports.joining import Elsewhere, Journey
from connector.ports.platform import Kit
from tests.adapters.conformance.driver import Meter
from tests.adapters.conformance.wire import Answer, Broken, Trouble
from tests.adapters.test_klaviyo_outbound import APP, BACK, KEY, NUMBER, SCOPES, SECRET, running

JOURNEY = Journey("state-1", "a verifier of forty-three characters or more....", BACK)
PAIR = {"access_token": "a", "refresh_token": "r", "expires_in": 3600, "token_type": "Bearer", "scope": "events:write"}


@pytest.fixture
def tea():
    with running() as made:
        yield made


def agreed(tea, journey=JOURNEY, **more):
    """What Klaviyo sends back with a merchant."""
    found = tea.auth.arrive({}, journey)
    assert isinstance(found, Elsewhere)
    told = tea.client.control("authorize", url=found.url, **more)
    return dict(parse_qsl(urlsplit(told["location"]).query))


def joined(tea):
    """A pair that OAuth brought, and the account with it."""
    grant = tea.auth.accept(agreed(tea), JOURNEY)
    return grant, replace(tea.account, token=grant.access)


def told(tea, answer, status=200, path="/oauth/token"):
    """The next answer to a request about tokens."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    wanted = Trouble(effect=False, told=Answer(status, body, {"Content-Type": "application/json"}))
    tea.wire.strike(lambda request: request.path.startswith(path), wanted)


# ── Joining ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_merchant_is_sent_to_klaviyo_with_all_that_they_are_asked_for():
    out = auth.build(Kit(APP, Meter(), timeout_s=5))
    url = urlsplit(out.arrive({}, JOURNEY).url)
    assert (url.scheme, url.netloc, url.path) == ("https", "www.klaviyo.com", "/oauth/authorize")
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    digest = hashlib.sha256(JOURNEY.verifier.encode()).digest()
    assert query == {
        "response_type": "code",
        "client_id": "client",
        "redirect_uri": BACK,
        "scope": "accounts:read events:write profiles:read profiles:write "
        "coupons:read coupons:write coupon-codes:read coupon-codes:write",
        "state": "state-1",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert JOURNEY.verifier not in url.query
    assert SECRET not in url.query


def test_a_merchant_is_led_to_a_host_of_klaviyos_but_no_token_ever_goes_there():
    assert MANIFEST.own_hosts == {"www.klaviyo.com"}
    with pytest.raises(Refused):
        Gate("klaviyo", MANIFEST.hosts).check("https://www.klaviyo.com/oauth/token")


def test_a_code_brings_a_pair_that_works_for_the_account_that_agreed(tea):
    back = agreed(tea)
    assert back["state"] == "state-1"
    grant = tea.auth.accept(back, JOURNEY)
    assert (grant.external, set(grant.scopes)) == (NUMBER, set(SCOPES))
    assert timedelta(minutes=50) < grant.expires_at - datetime.now(UTC) <= timedelta(minutes=60)
    assert tea.auth.probe(replace(tea.account, token=grant.access))["external"] == NUMBER
    assert grant.access not in repr(grant)
    assert grant.refresh not in repr(grant)


def test_joining_keeps_within_one_question_a_second_about_accounts():
    """The answer about tokens names no account, so it is asked for twice: a second 429 would cost the merchant their code."""
    with running(meter=LocalMeter(), limits=False) as tea:
        grant, account = joined(tea)
        joining = replace(account, connection=UUID(int=0), external=grant.external)  # as `journey/install.py` asks
        assert tea.auth.probe(joining)["external"] == NUMBER
        assert tea.client.book()["limited"] == 0


def test_a_code_is_good_once(tea):
    back = agreed(tea)
    tea.auth.accept(back, JOURNEY)
    with pytest.raises(Refused, match="invalid or expired"):
        tea.auth.accept(back, JOURNEY)


@pytest.mark.parametrize("odd", [{"verifier": "somebody else's"}, {"redirect_uri": "https://evil.example.com/back"}])
def test_a_code_is_of_no_use_to_whoever_did_not_begin(tea, odd):
    with pytest.raises(Refused, match="invalid_grant"):
        tea.auth.accept(agreed(tea), replace(JOURNEY, **odd))


def test_a_merchant_who_does_not_agree_is_told_so(tea):
    with pytest.raises(Rejected, match="denied the request; start it again") as error:
        tea.auth.accept(agreed(tea, decline=True), JOURNEY)
    assert error.value.status == 400


@pytest.mark.parametrize("query", [{}, {"code": ""}, {"error": "access_denied"}, {"error_description": "x" * 9999}])
def test_without_a_code_nobody_is_asked(tea, query):
    with pytest.raises(Rejected) as error:
        tea.auth.accept(query, JOURNEY)
    assert len(error.value.reason) < 300
    assert tea.wire.calls == []


ODD_PAIRS = [
    *({**PAIR, "expires_in": life} for life in (None, "3600", 0, -5, 1.5, [], 10**12, True)),
    *({**PAIR, "access_token": token} for token in (None, "", 7, "with blank", "ключ", "pk_0123456789", "x" * 9000)),
    *({**PAIR, "refresh_token": token} for token in (None, "", 7, "with blank", "line\nbreak")),
]


@pytest.mark.parametrize("answer", ODD_PAIRS, ids=repr)
def test_an_answer_without_a_whole_pair_joins_nobody(tea, answer):
    told(tea, answer)
    accounts = Answer(200, json.dumps({"data": [{"type": "account", "id": NUMBER, "attributes": {}}]}).encode())
    tea.wire.strike(lambda request: request.path == "/api/accounts", Trouble(effect=False, told=accounts))
    with pytest.raises(Unavailable, match="holds no token"):
        tea.auth.accept({"code": "c"}, JOURNEY)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b"{}"])
def test_an_answer_that_cannot_be_read_joins_nobody(tea, answer):
    told(tea, answer)
    with pytest.raises(NotDone):
        tea.auth.accept({"code": "c"}, JOURNEY)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"data": []}', b'{"data": [{"id": "x"}]}', b'{"data": [{"id": 7}, {}]}', b"[]", b"<html>"]
)
def test_an_account_that_does_not_name_itself_is_not_joined(tea, body):
    told(tea, body, path="/api/accounts")
    with pytest.raises(Unavailable):
        tea.auth.accept(agreed(tea), JOURNEY)


# ── Staying joined ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rotates", [True, False])
def test_a_token_that_ended_is_renewed_and_the_newest_refresh_token_is_kept(tea, rotates):
    grant, account = joined(tea)
    tea.client.control("tokens/rotation", rotates=rotates)
    tea.client.control("tokens/expire")
    with pytest.raises(TokenExpired):
        tea.auth.probe(account)
    for _ in range(3):
        before = grant.refresh
        grant = tea.auth.refresh(account, before)
        assert (grant.external, grant.refresh != before) == (NUMBER, rotates)
        assert Credentials.parse(grant.access).refresh == grant.refresh
    assert tea.auth.probe(replace(account, token=grant.access))["external"] == NUMBER


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one(tea):
    told(tea, {name: value for name, value in PAIR.items() if name != "refresh_token"})
    grant = tea.auth.refresh(tea.account, "the-old-one")
    assert (grant.refresh, grant.access) == ("the-old-one", "a the-old-one")


def test_a_refresh_token_that_klaviyo_forgot_ends_the_connection(tea):
    grant, account = joined(tea)
    tea.client.control("tokens/revoke")
    with pytest.raises(Gone, match="connect it again"):
        tea.auth.refresh(account, grant.refresh)


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (401, {"error": "invalid_client"}, "check KLAVIYO_CLIENT_ID and KLAVIYO_CLIENT_SECRET"),
        (401, b"", "check KLAVIYO_CLIENT_ID"),
        (400, {"error": "invalid_scope", "error_description": "no such scope"}, "invalid_scope: no such scope"),
        (400, {"error": "unsupported_grant_type"}, "unsupported_grant_type"),
        (400, b"<html>", "Klaviyo answered 400"),
    ],
)
def test_a_mistake_of_the_app_is_refused_in_words_and_ends_no_connection(tea, status, answer, words):
    told(tea, answer, status)
    with pytest.raises(Refused, match=words):
        tea.auth.refresh(tea.account, "r")


@pytest.mark.parametrize(
    "trouble", [Answer(500, b""), Answer(502, b"<html>"), Answer(429, b"{}"), Answer(200, b"<html>"), Broken.RESET]
)
def test_a_refresh_that_got_lost_ends_no_connection(tea, trouble):
    tea.client.control("tokens/rotation", rotates=False)
    grant, account = joined(tea)
    tea.wire.strike(lambda _: True, Trouble(effect=True, told=trouble))
    with pytest.raises(NotDone):
        tea.auth.refresh(account, grant.refresh)
    assert tea.auth.refresh(account, grant.refresh).access


def test_the_secret_of_today_is_the_one_that_is_sent(tea):
    grant, account = joined(tea)
    rotated = {**APP, "KLAVIYO_CLIENT_SECRET": f"{SECRET},the secret of yesterday"}
    assert auth.build(replace(tea.kit, settings=rotated)).refresh(account, grant.refresh).access
    with pytest.raises(ConfigError, match="KLAVIYO_CLIENT_SECRET is not set"):
        auth.build(replace(tea.kit, settings={"KLAVIYO_CLIENT_ID": "client"})).refresh(account, "r")


def test_no_secret_stands_in_an_address(tea):
    grant, account = joined(tea)
    tea.auth.refresh(account, grant.refresh)
    for call in tea.wire.calls:
        assert not any(secret in call.path for secret in (SECRET, "token=", JOURNEY.verifier))


# ── A key of one's own ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_private_key_joins_its_account_and_is_proved(tea):
    grant = tea.auth.own(f" {NUMBER} ", KEY)
    assert (grant.external, grant.access, grant.refresh, grant.expires_at) == (NUMBER, KEY, "", None)
    said = tea.auth.probe(replace(tea.account, token=grant.access))
    assert said == {"external": NUMBER, "name": "Anna's Tea House", "currency": "EUR", "zone": "Europe/Berlin"}
    (call,) = tea.wire.calls
    headers = {name.lower(): value for name, value in call.headers.items()}
    assert (headers["authorization"], headers["revision"]) == (f"Klaviyo-API-Key {KEY}", "2026-10-15")


@pytest.mark.parametrize(
    "key", ["", "pk_", "sk_0123456789", "0123456789", "pk_with blank 123", "pk_ключключключ", "pk_" + "x" * 900]
)
def test_what_is_no_private_key_is_said_so_before_anybody_is_asked(tea, key):
    with pytest.raises(ConfigError, match="no private key"):
        tea.auth.own(NUMBER, key)
    assert tea.wire.calls == []


def test_a_key_of_another_account_is_refused_before_anything_is_kept(tea):
    tea.client.control("accounts", account="OTHER1", key="pk_of_another_account")
    with pytest.raises(Refused, match="is of the Klaviyo account OTHER1, not of TEA001"):
        tea.auth.probe(replace(tea.account, token="pk_of_another_account"))


@pytest.mark.parametrize("token", ["pk_nobodys_key", "nobodys-token nobodys-refresh"])
def test_credentials_that_are_none_are_said_so(tea, token):
    with pytest.raises(TokenExpired):
        tea.auth.probe(replace(tea.account, token=token))


def test_a_key_that_may_not_even_name_its_account_is_told_what_it_lacks(tea):
    tea.client.control("keys", key="pk_writes_only", scopes=["events:write"])
    with pytest.raises(Refused, match="lacks accounts:read"):
        tea.auth.probe(replace(tea.account, token="pk_writes_only"))


@pytest.mark.parametrize(
    "typed", ["", "TEA01", "TEA0001", "TEA-01", "tea 01", "ТEA001", "https://www.klaviyo.com/TEA001"]
)
def test_anything_else_is_no_account_and_the_remedy_is_said(tea, typed):
    with pytest.raises(ConfigError, match="Public API key"):
        tea.auth.check_account(typed)


def test_capitals_count_in_an_accounts_name(tea):
    assert tea.auth.check_account(" aBc12D ") == "aBc12D"


# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_app_is_taken_out_and_all_its_tokens_are_dead(tea):
    grant, account = joined(tea)
    assert tea.auth.leave(account) == ""
    with pytest.raises(TokenExpired):
        tea.auth.probe(account)
    with pytest.raises(Gone):
        tea.auth.refresh(account, grant.refresh)
    assert tea.auth.leave(account) == "", "leaving twice is no mistake"


def test_a_key_of_ones_own_is_left_to_its_owner(tea):
    assert "delete the private key" in tea.auth.leave(tea.account)
    assert tea.wire.calls == []


def test_leaving_that_did_not_arrive_is_said_so(tea):
    _, account = joined(tea)
    for trouble in (Answer(503, b""), Broken.RESET):
        tea.wire.strike(lambda request: request.path == "/oauth/revoke", Trouble(effect=False, told=trouble))
        with pytest.raises(Unavailable):
            tea.auth.leave(account)


def test_nobody_may_show_our_pages_in_a_frame(tea):
    assert list(tea.auth.framing(NUMBER)) == []


def test_a_token_never_stands_in_what_is_printed(tea):
    assert KEY not in repr(tea.account)
    assert "secret-part" not in repr(Credentials.parse("secret-part secret-part-2"))
