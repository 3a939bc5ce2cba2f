"""An account is joined only by a merchant who agreed, and stays joined until somebody ends it. Over real HTTP."""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from adapters.hubspot import MANIFEST, auth
from connector.errors import ConfigError, Gone, NotDone, Refused, Rejected, TokenExpired, Unavailable
from connector.ports.joining import Elsewhere, Journey
from connector.ports.platform import Kit, Wanted
from tests.adapters.conformance.driver import Meter
from tests.adapters.conformance.wire import Answer, Broken, Trouble
from tests.adapters.test_hubspot_outbound import APP, PORTAL, SCOPES, SECRET, TOKEN, running

JOURNEY = Journey("state-1", "a verifier of forty-three characters or more....", "https://referrals.example.com/back")
REQUIRED = {scope.name for scope in MANIFEST.scopes if not scope.optional}
OPTIONAL = {scope.name for scope in MANIFEST.scopes if scope.optional}
GRANT = {"access_token": "a", "refresh_token": "r", "expires_in": 1800, "hub_id": PORTAL, "scopes": ["oauth"]}


@pytest.fixture
def portal():
    with running() as made:
        yield made


def sent(portal, journey=JOURNEY):
    """Where a merchant is sent to agree."""
    found = portal.auth.arrive({}, journey)
    assert isinstance(found, Elsewhere)
    return found.url


def agreed(portal, journey=JOURNEY, **more):
    """What HubSpot sends back with them."""
    told = portal.client.control("authorize", url=sent(portal, journey), **more)
    return dict(parse_qsl(urlsplit(told["location"]).query))


def told(portal, answer, status=200):
    """The next answer to a request about tokens."""
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    wanted = Trouble(effect=False, told=Answer(status, body, {"Content-Type": "application/json"}))
    portal.wire.strike(lambda request: request.path.startswith("/oauth/"), wanted)


# ── Joining ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_merchant_is_sent_to_hubspot_with_all_that_they_are_asked_for():
    out = auth.build(Kit(APP, Meter(), timeout_s=5))
    url = urlsplit(out.arrive({}, JOURNEY).url)
    assert (url.scheme, url.netloc, url.path) == ("https", "app.hubspot.com", "/oauth/authorize")
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert set(query.pop("scope").split()) == REQUIRED
    assert set(query.pop("optional_scope").split()) == OPTIONAL
    digest = hashlib.sha256(JOURNEY.verifier.encode()).digest()
    assert query == {
        "client_id": "client",
        "redirect_uri": JOURNEY.redirect_uri,
        "state": "state-1",
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    assert JOURNEY.verifier not in url.query
    assert SECRET not in url.query


def test_a_code_brings_a_pair_that_works_and_ends(portal):
    back = agreed(portal)
    assert back["state"] == "state-1"
    grant = portal.auth.accept(back, JOURNEY)
    assert (grant.external, set(grant.scopes)) == (str(PORTAL), REQUIRED | OPTIONAL)
    assert timedelta(minutes=20) < grant.expires_at - datetime.now(UTC) <= timedelta(minutes=30)
    account = replace(portal.account, token=grant.access)
    assert portal.out.fetch(account, [portal.contact()], Wanted())[0].found
    assert grant.access not in repr(grant)
    assert grant.refresh not in repr(grant)


def test_a_code_is_good_once(portal):
    back = agreed(portal)
    portal.auth.accept(back, JOURNEY)
    with pytest.raises(Refused, match="missing or unknown auth code"):
        portal.auth.accept(back, JOURNEY)


@pytest.mark.parametrize("odd", [{"verifier": "somebody else's"}, {"redirect_uri": "https://evil.example.com/back"}])
def test_a_code_is_of_no_use_to_whoever_did_not_begin(portal, odd):
    with pytest.raises(Refused, match="does not match"):
        portal.auth.accept(agreed(portal), replace(JOURNEY, **odd))


def test_what_is_optional_may_be_refused(portal):
    grant = portal.auth.accept(agreed(portal, decline=["automation", "crm.lists.read"]), JOURNEY)
    assert set(grant.scopes) == (REQUIRED | OPTIONAL) - {"automation", "crm.lists.read"}


def test_a_merchant_who_does_not_agree_is_told_so(portal):
    with pytest.raises(Rejected, match="denied access; start it again") as error:
        portal.auth.accept(agreed(portal, decline=["oauth"]), JOURNEY)
    assert error.value.status == 400


@pytest.mark.parametrize("query", [{}, {"code": ""}, {"error": "access_denied"}, {"error_description": "x" * 9999}])
def test_without_a_code_nobody_is_asked(portal, query):
    with pytest.raises(Rejected) as error:
        portal.auth.accept(query, JOURNEY)
    assert len(error.value.reason) < 300
    assert portal.wire.calls == []


@pytest.mark.parametrize("number", [None, 0, -5, "", "abc", True, 1.5, "9" * 40])
def test_an_answer_that_names_no_account_joins_none(portal, number):
    told(portal, {**GRANT, "hub_id": number})
    with pytest.raises(Unavailable, match="names no account"):
        portal.auth.accept({"code": "c"}, JOURNEY)


@pytest.mark.parametrize(
    "life",
    [None, "1800", 0, -5, 1.5, [], 10**12, 10**18],
)
def test_an_answer_with_an_odd_life_is_no_pair(portal, life):
    told(portal, {**GRANT, "expires_in": life})
    with pytest.raises(Unavailable, match="holds no token"):
        portal.auth.accept({"code": "c"}, JOURNEY)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"null", b"{}", {**GRANT, "access_token": None}])
def test_an_answer_without_a_token_is_no_pair(portal, answer):
    told(portal, answer)
    with pytest.raises(NotDone):
        portal.auth.accept({"code": "c"}, JOURNEY)


# ── Staying joined ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_that_ended_is_renewed(portal):
    portal.client.control("tokens/expire")
    with pytest.raises(TokenExpired):
        portal.auth.probe(portal.account)
    grant = portal.auth.refresh(portal.account, portal.refresh_token)
    assert (grant.external, grant.refresh) == (str(PORTAL), portal.refresh_token)
    assert portal.auth.probe(replace(portal.account, token=grant.access))["external"] == str(PORTAL)


def test_a_refresh_token_that_hubspot_forgot_ends_the_connection(portal):
    portal.client.control("tokens/revoke")
    with pytest.raises(Gone, match="connect it again"):
        portal.auth.refresh(portal.account, portal.refresh_token)


REFUSALS = {
    "MISSING_SCOPES": {"status": "MISSING_SCOPES", "message": "This app hasn't been granted all required scopes"},
    "BAD_CLIENT_SECRET": {"status": "BAD_CLIENT_SECRET", "error": "invalid_client", "message": "missing client secret"},
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_mistake_of_the_app_is_refused_in_hubspots_words_and_ends_no_connection(portal, status):
    told(portal, REFUSALS[status], 400)
    with pytest.raises(Refused) as error:
        portal.auth.refresh(portal.account, portal.refresh_token)
    assert error.value.reason == REFUSALS[status]["message"]


@pytest.mark.parametrize(
    "trouble",
    [Answer(500, b""), Answer(502, b"<html>"), Answer(429, b"{}"), Answer(200, b"<html>"), Broken.RESET, Broken.HALF],
)
def test_a_refresh_that_got_lost_ends_no_connection(portal, trouble):
    portal.wire.strike(lambda _: True, Trouble(effect=True, told=trouble))
    with pytest.raises(NotDone):
        portal.auth.refresh(portal.account, portal.refresh_token)
    assert portal.auth.refresh(portal.account, portal.refresh_token).access


def test_a_refresh_that_names_no_account_is_of_the_account_that_asked(portal):
    told(portal, {name: value for name, value in GRANT.items() if name not in ("hub_id", "refresh_token")})
    grant = portal.auth.refresh(portal.account, portal.refresh_token)
    assert (grant.external, grant.access, grant.refresh) == (str(PORTAL), "a", portal.refresh_token)


def test_a_pair_of_another_account_is_not_taken(portal):
    told(portal, {**GRANT, "hub_id": 33})
    with pytest.raises(Unavailable, match="another account"):
        portal.auth.refresh(portal.account, portal.refresh_token)


def test_the_secret_of_today_is_the_one_that_is_sent(portal):
    rotated = {**APP, "HUBSPOT_CLIENT_SECRET": f"{SECRET},the secret of yesterday"}
    assert auth.build(replace(portal.kit, settings=rotated)).refresh(portal.account, portal.refresh_token).access
    with pytest.raises(ConfigError, match="HUBSPOT_CLIENT_SECRET is not set"):
        auth.build(replace(portal.kit, settings={"HUBSPOT_CLIENT_ID": "client"})).refresh(portal.account, "r")


# ── What an account says of itself ───────────────────────────────────────────────────────────────────────────────


def test_an_account_tells_its_number_its_currency_and_what_we_may_do(portal):
    said = portal.auth.probe(portal.account)
    assert (said["external"], said["currency"], said["zone"]) == (str(PORTAL), "EUR", "Europe/Berlin")
    assert set(said["scopes"].split()) == set(SCOPES)


def test_an_accounts_own_key_is_proved_without_asking_what_it_may_do(portal):
    key = "pat-eu1-own-key"
    portal.client.control("portals", portal=33, token=key, currency="USD")
    said = portal.auth.probe(replace(portal.account, external="33", token=key))
    assert (said["external"], said["currency"], said["scopes"]) == ("33", "USD", "")
    assert not [call for call in portal.wire.calls if "introspect" in call.path]


def test_a_key_of_another_account_is_refused_before_anything_is_kept(portal):
    portal.client.control("portals", portal=33, token="pat-eu1-other")
    with pytest.raises(Refused, match="is of the HubSpot account 33, not of 62515"):
        portal.auth.probe(replace(portal.account, token="pat-eu1-other"))


def test_a_key_that_is_none_is_said_so(portal):
    with pytest.raises(TokenExpired):
        portal.auth.probe(replace(portal.account, token="pat-eu1-nobody"))


@pytest.mark.parametrize("body", [b"{}", b'{"portalId": 62515}', b"[]", b"<html>"])
def test_an_account_that_says_nothing_of_itself_is_asked_again_later(portal, body):
    portal.wire.strike(lambda _: True, Trouble(effect=True, told=Answer(200, body)))
    with pytest.raises(Unavailable):
        portal.auth.probe(portal.account)


@pytest.mark.parametrize(
    "typed",
    [
        "62515",
        " 62515 ",
        "https://app.hubspot.com/contacts/62515",
        "https://app-eu1.hubspot.com/contacts/62515/objects/0-1/views/all/list?x=1",
        "https://app.hubspot.com/home/62515#a",
    ],
)
def test_an_account_is_known_by_its_number_or_an_address_of_its_pages(portal, typed):
    assert portal.auth.check_account(typed) == "62515"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "-5",
        "acme",
        "62515; DROP",
        "1" * 16,
        "https://app.hubspot.com.evil.com/contacts/62515",
        "http://app.hubspot.com/contacts/62515",
        "https://evil.com/https://app.hubspot.com/contacts/62515",
    ],
)
def test_anything_else_is_no_account_and_the_remedy_is_said(portal, typed):
    with pytest.raises(ConfigError, match="Hub ID"):
        portal.auth.check_account(typed)


# ── Leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_app_is_taken_out_and_its_tokens_are_dead(portal):
    assert portal.auth.leave(portal.account) == ""
    (state,) = portal.client.control("state", verb="GET")["portals"]
    assert (state["installed"], state["tokens"]) == (False, {"access": 0, "refresh": 0})
    with pytest.raises(TokenExpired):
        portal.auth.probe(portal.account)
    with pytest.raises(Gone):
        portal.auth.refresh(portal.account, portal.refresh_token)


def test_nobody_may_show_our_pages_in_a_frame(portal):
    assert list(portal.auth.framing(str(PORTAL))) == []


def test_a_token_never_stands_in_an_account_that_is_printed(portal):
    assert TOKEN not in repr(portal.account)
