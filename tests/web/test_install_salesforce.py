"""An admin connects Salesforce in their browser, or one's own org at the terminal; and it stays connected.

Over true HTTP against the stand-in, with its own consent page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from connector.cli.account import install
from connector.errors import ConfigError, Gone, NotDone, Refused, TokenExpired
from connector.journey.accounts import open_account, token_expired
from connector.journey.desk import Lane
from connector.ports.rows import Connection
from tests.conftest import MakeApp
from tests.orgs import HOST, ORG, Org


@pytest.fixture
def org(make_app: MakeApp) -> Iterator[Org]:
    """An org that nobody has connected."""
    with Org(make_app, connect=False) as opened:
        yield opened


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def begun(org: Org, browser: requests.Session, query: str = "") -> requests.Response:
    """The admin opens us."""
    url = f"http://127.0.0.1:{org.port}/install/salesforce{query}"
    return browser.get(url, allow_redirects=False, timeout=30)


def agreed(org: Org, consent: str, *, decline: bool = False) -> str:
    """They say yes, or no; where Salesforce sends them back to."""
    return str(org.client.control("authorize", org=ORG, url=consent, decline=decline)["location"])


def joined(org: Org) -> Connection | None:
    owner = org.app.database.account("salesforce", ORG)
    if owner is None:
        return None
    with org.app.database.begin(owner.merchant) as tx:
        return tx.connections.get(owner.target)


def connected(org: Org, browser: requests.Session) -> Connection:
    page = browser.get(agreed(org, begun(org, browser).headers["Location"]), timeout=30)
    assert page.status_code == 200, page.text
    found = joined(org)
    assert found is not None and found.state == "active"
    return found


def test_the_admin_is_asked_for_two_scopes_with_a_challenge_that_only_we_can_answer(
    org: Org, browser: requests.Session
) -> None:
    asked = dict(parse_qsl(urlsplit(begun(org, browser).headers["Location"]).query))
    assert asked["scope"].split() == ["api", "refresh_token"]
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    assert asked["redirect_uri"] == f"http://127.0.0.1:{org.port}/oauth/salesforce/callback"


@pytest.mark.parametrize("form", [15, 18])
def test_an_org_is_connected_by_its_eighteen_characters_however_it_names_itself(
    org: Org, browser: requests.Session, form: int
) -> None:
    org.client.control("orgs/update", id_form=form)
    found = connected(org, browser)
    assert (found.external, found.currency) == (ORG, "EUR")
    assert found.refresh.startswith("browser ")


def test_whoever_says_no_is_told_what_to_do(org: Org, browser: requests.Session) -> None:
    page = browser.get(agreed(org, begun(org, browser).headers["Location"], decline=True), timeout=30)
    assert page.status_code == 400 and "install our package" in page.text
    assert joined(org) is None


@pytest.mark.parametrize(
    "typed",
    [
        "evil.example", "acme.my.salesforce.com.evil.example", "acme.my.salesforce.com@evil.example", "evil.example/.my.salesforce.com",
        "https://evil.example/acme.my.salesforce.com", "-.my.salesforce.com",
        "a.b.c.my.salesforce.com", "my.salesforce.com", "169.254.169.254", "localhost", "acme.my.salesforce.com\\evil.example",
        "ſalesforce.com", "acme.mу.salesforce.com",
    ],
)  # fmt: skip
def test_no_other_host_is_ever_sent_our_secret_or_our_admin(org: Org, browser: requests.Session, typed: str) -> None:
    auth = org.app.desk.platforms["salesforce"].auth()
    with pytest.raises(ConfigError):
        auth.own(typed, "app")
    answer = begun(org, browser, "?" + requests.compat.urlencode({"account": typed}))
    assert answer.status_code == 409 and "Location" not in answer.headers


@pytest.mark.parametrize(
    "typed",
    [
        HOST,
        f"https://{HOST}/lightning/page/home",
        f" {HOST.upper()} ",
        HOST.replace(".my.salesforce", ".lightning.force"),
    ],
)
def test_an_admin_may_paste_any_address_of_their_own_org(org: Org, browser: requests.Session, typed: str) -> None:
    assert begun(org, browser, "?" + requests.compat.urlencode({"account": typed})).status_code == 302


# ── Staying connected ────────────────────────────────────────────────────────────────────────────────────────────


def renewed(org: Org, connection: Connection) -> Connection:
    """The token ended, and a worker meets that."""
    lane = Lane(connection.merchant, connection.id, org.app.desk.platforms["salesforce"])
    with org.app.database.begin(connection.merchant) as tx:
        since = tx.now()
    token_expired(org.app.desk, lane, TokenExpired("it ended", platform="salesforce"), since)
    with org.app.database.begin(connection.merchant) as tx:
        return tx.connections.get(connection.id)


def later(org: Org, connection: Connection) -> None:
    """An hour has passed: the token ended, and so did what was waited for."""
    with org.app.database.begin(connection.merchant) as tx:
        tx.run(
            """UPDATE connection SET doubted_at = doubted_at - interval '1 hour', refresh_until = NULL,
               token_expires_at = clock_timestamp() WHERE merchant_id = :merchant"""
        )


def test_each_renewal_brings_another_refresh_token_and_that_one_is_kept(org: Org, browser: requests.Session) -> None:
    found = connected(org, browser)
    kept = [found.refresh]
    for _ in range(4):
        org.client.control("tokens/expire")
        found = renewed(org, found)
        kept.append(found.refresh)
    assert len(set(kept)) == 5, "an older one is honoured no more"


def test_an_org_whose_tokens_do_not_rotate_stays_connected_too(org: Org, browser: requests.Session) -> None:
    org.client.control("orgs/update", rotates=False)
    found = connected(org, browser)
    assert renewed(org, found).refresh == found.refresh


def test_a_rotated_token_whose_answer_was_lost_is_said_to_need_a_new_connection(
    org: Org, browser: requests.Session
) -> None:
    """Salesforce ended the old one when it made the new one, and nobody has that: said, never silent."""
    found = connected(org, browser)
    org.client.control("faults", fault="cut_after", path="POST /services/oauth2/token", count=1)
    with pytest.raises(NotDone):
        renewed(org, found)
    lane = Lane(found.merchant, found.id, org.app.desk.platforms["salesforce"])
    end = time.monotonic() + 60
    while (held := joined(org)) is not None and held.state == "active":
        later(org, found)
        try:
            open_account(org.app.desk, lane)
        except (Gone, NotDone):
            assert time.monotonic() < end
    assert held is not None and held.state == "reconnect"


# ── One's own org ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_own_org_joins_by_its_apps_key_and_renews_itself_by_it(org: Org) -> None:
    install(org.app, "salesforce", HOST, "app", lambda: org.merchant)
    found = joined(org)
    assert found is not None and found.refresh.startswith("app ")
    org.client.control("tokens/expire")
    assert renewed(org, found).access != found.access


def test_an_own_org_joins_by_a_certificate(make_app: MakeApp) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = key.private_bytes(*form).decode()
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    with Org(make_app, connect=False) as org:
        made = org.client.control("orgs/update", public_key=public)
        assert made is not None
        app = org.another_app(SALESFORCE_PRIVATE_KEY=private.replace("\n", "\\n"))
        user = next(r.values["Username"] for r in org.sandbox.world.orgs[ORG].records("User").values())
        install(app, "salesforce", HOST, f"jwt {user}", lambda: org.merchant)
        found = joined(org)
        assert found is not None and found.refresh == f"jwt {org.sandbox.url} {user}"
        with pytest.raises(ConfigError, match="PEM"):
            install(org.app, "salesforce", HOST, f"jwt {user}", lambda: org.merchant)


@pytest.mark.parametrize("key", ["", "jwt", "app x", "00D!AQ.a.session.id", "password secret"])
def test_a_key_that_is_none_is_told_what_to_give(org: Org, key: str) -> None:
    with pytest.raises(ConfigError, match="client credentials"):
        org.app.desk.platforms["salesforce"].auth().own(HOST, key)


def test_a_wrong_secret_joins_nothing(make_app: MakeApp) -> None:
    with Org(make_app, connect=False, client_secret="another secret") as org:
        with pytest.raises((Refused, Gone)):
            install(org.app, "salesforce", HOST, "app", lambda: org.merchant)
        assert joined(org) is None
