"""A merchant connects HubSpot in their browser: only by the visit that they began, and told what they gave and did not.

Over true HTTP against the stand-in, with its own consent page.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from adapters.hubspot import MANIFEST
from connector.ports.rows import Connection
from tests.conftest import MakeApp
from tests.hub import PORTAL, Hub

REQUIRED = {scope.name for scope in MANIFEST.scopes if not scope.optional}
OPTIONAL = {scope.name for scope in MANIFEST.scopes if scope.optional}


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    """An account that nobody has connected."""
    with Hub(make_app, connect=False, installed=False) as opened:
        yield opened


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def begun(hub: Hub, browser: requests.Session) -> str:
    """Where the merchant is sent to agree."""
    answer = browser.get(f"http://127.0.0.1:{hub.port}/install/hubspot", allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    return str(answer.headers["Location"])


def agreed(browser: requests.Session, consent: str) -> str:
    """They say yes, or no; where HubSpot sends them back to."""
    answer = browser.get(consent, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    return str(answer.headers["Location"])


def joined(hub: Hub) -> Connection | None:
    owner = hub.app.database.account("hubspot", str(PORTAL))
    if owner is None:
        return None
    with hub.app.database.begin(owner.merchant) as tx:
        return tx.connections.get(owner.target)


def test_the_merchant_is_asked_for_what_is_needed_and_may_refuse_the_rest(hub: Hub, browser: requests.Session) -> None:
    asked = dict(parse_qsl(urlsplit(begun(hub, browser)).query))
    assert set(asked["scope"].split()) == REQUIRED
    assert set(asked["optional_scope"].split()) == OPTIONAL
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == f"http://127.0.0.1:{hub.port}/oauth/hubspot/callback"


def test_an_account_is_connected_with_a_token_that_ends_and_one_that_renews_it(
    hub: Hub, browser: requests.Session
) -> None:
    page = browser.get(agreed(browser, begun(hub, browser)), timeout=30)
    assert page.status_code == 200 and f"HubSpot {PORTAL}" in page.text
    found = joined(hub)
    assert found is not None and found.state == "active"
    assert found.access and found.refresh and found.token_expires_at is not None
    assert found.currency == "EUR" and found.scopes == frozenset(REQUIRED | OPTIONAL)


def test_what_was_refused_is_said_with_what_it_was_for(hub: Hub, browser: requests.Session) -> None:
    hub.client.control("authorize", decline=["crm.lists.read"])
    page = browser.get(agreed(browser, begun(hub, browser)), timeout=30)
    assert page.status_code == 200
    assert "to make advocates of the contacts on a list that you name" in page.text
    assert "to tell your workflow how its referral step ended" not in page.text
    found = joined(hub)
    assert found is not None and not found.grants("crm.lists.read")


def test_a_merchant_who_says_no_connects_nothing_and_is_told_to_start_again(
    hub: Hub, browser: requests.Session
) -> None:
    hub.client.control("authorize", decline=["crm.objects.contacts.read"])
    page = browser.get(agreed(browser, begun(hub, browser)), timeout=30)
    assert page.status_code == 400 and "denied" in page.text
    assert joined(hub) is None


def test_a_code_that_comes_to_another_browser_connects_nothing(hub: Hub, browser: requests.Session) -> None:
    """Else a stranger could have a merchant's browser connect the stranger's own account."""
    back = agreed(browser, begun(hub, browser))
    with requests.Session() as other:
        other.trust_env = False
        assert other.get(back, timeout=30).status_code in (400, 401, 403)
    assert joined(hub) is None


def test_a_code_is_good_for_the_visit_that_asked_for_it_alone(hub: Hub, browser: requests.Session) -> None:
    """Two visits of one browser: the code of one with the state of the other fits no verifier."""
    first, second = agreed(browser, begun(hub, browser)), agreed(browser, begun(hub, browser))
    mixed = dict(parse_qsl(urlsplit(first).query)) | {"state": dict(parse_qsl(urlsplit(second).query))["state"]}
    page = browser.get(f"http://127.0.0.1:{hub.port}/oauth/hubspot/callback", params=mixed, timeout=30)
    assert page.status_code >= 400
    assert joined(hub) is None


def test_a_code_is_used_once(hub: Hub, browser: requests.Session) -> None:
    back = agreed(browser, begun(hub, browser))
    assert browser.get(back, timeout=30).status_code == 200
    assert browser.get(back, timeout=30).status_code in (400, 401, 403)
    found = joined(hub)
    assert found is not None and found.state == "active"


def test_connecting_again_renews_the_same_connection(hub: Hub, browser: requests.Session) -> None:
    browser.get(agreed(browser, begun(hub, browser)), timeout=30)
    before = joined(hub)
    browser.get(agreed(browser, begun(hub, browser)), timeout=30)
    after = joined(hub)
    assert before is not None and after is not None
    assert before.id == after.id and before.access != after.access
