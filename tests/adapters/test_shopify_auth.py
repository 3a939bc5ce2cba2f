"""A shop is joined only by what Shopify itself signed, and a token is proven before it counts. Over real HTTP."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from adapters.shopify import MANIFEST, auth
from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client
from connector.errors import ConfigError, Gone, Refused, Rejected, Unavailable
from connector.ports.joining import Elsewhere, Grant, Journey, Page
from connector.ports.platform import Account, Kit

DOMAIN, TOKEN, SECRET = "acme.myshopify.com", "shpat_test", "shpss_sandbox_of_thirty-two_bytes"
APP = {"SHOPIFY_API_KEY": "app-key", "SHOPIFY_API_SECRET": SECRET}
JOURNEY = Journey("state-1", "verifier", "https://connector.example/oauth/shopify/callback")


class Meter:
    def take(self, *_: object) -> None: ...
    def learn(self, *_: object, **__: object) -> None: ...


class Shop:
    """A shop in a stand-in, and how it is joined."""

    def __init__(self, url: str) -> None:
        self.url, self.client = url, Client(url)
        made = self.client.control(
            "shops", domain=DOMAIN, token=TOKEN, secret=SECRET, api_key="app-key", currency="EUR"
        )
        self.refresh_token = made["refresh_token"]
        self.auth = auth.build(Kit(APP, Meter(), base_url=url + "/{shop}", timeout_s=5))
        self.account = Account(uuid4(), "shopify", DOMAIN, TOKEN)

    def session(self, **more: Any) -> str:
        return str(self.client.control(f"shops/{DOMAIN}/session", **more)["token"])

    def agreed(self, state: str = "state-1") -> dict[str, str]:
        return dict(parse_qsl(self.client.control(f"shops/{DOMAIN}/authorize", state=state)["query"]))


@pytest.fixture
def shop() -> Iterator[Shop]:
    sandbox = start()
    made = Shop(sandbox.url)
    yield made
    made.client.close()
    sandbox.stop()


# ── Arriving ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_session_token_brings_a_pair_that_works_and_ends(shop: Shop) -> None:
    grant = shop.auth.arrive({"id_token": shop.session(), "shop": DOMAIN, "embedded": "1"}, JOURNEY)
    assert isinstance(grant, Grant) and grant.external == DOMAIN and grant.refresh
    assert grant.expires_at is not None
    assert timedelta(minutes=50) < grant.expires_at - datetime.now(UTC) <= timedelta(minutes=60)
    assert shop.auth.probe(replace(shop.account, token=grant.access))["external"] == DOMAIN


def test_a_permission_to_write_includes_the_one_to_read(shop: Shop) -> None:
    """Shopify leaves read_x out where write_x stands: a shop that gave both must not look as if it had refused one."""
    grant = shop.auth.arrive({"id_token": shop.session()}, JOURNEY)
    assert isinstance(grant, Grant)
    wanted = {scope.name for scope in MANIFEST.scopes}
    assert wanted <= set(grant.scopes)
    assert wanted <= set(shop.auth.probe(shop.account)["scopes"].split())
    assert auth.with_reads([" write_orders ", "", "read_x"]) == ("read_orders", "read_x", "write_orders")


def test_a_session_token_may_be_late_by_ten_seconds_and_no_more(shop: Shop) -> None:
    """Clocks differ a little. Shopify itself judges by its own, so only our own reading is asked here."""
    for late, good in ((-1, True), (-15, False)):
        token = shop.session(life_s=late)
        if good:
            with pytest.raises(Refused):  # believed by us, refused by the stand-in, whose clock is exact
                shop.auth.arrive({"id_token": token}, JOURNEY)
        else:
            with pytest.raises(Rejected, match="open the app"):
                shop.auth.arrive({"id_token": token}, JOURNEY)


def test_a_page_in_the_admin_without_a_session_token_fetches_one(shop: Shop) -> None:
    page = shop.auth.arrive({"shop": DOMAIN, "host": "YWRtaW4"}, JOURNEY)
    assert isinstance(page, Page)
    policy = page.headers["Content-Security-Policy"]
    assert f"frame-ancestors https://{DOMAIN} https://admin.shopify.com" in policy and "unsafe" not in policy
    script = page.html.partition("<script>")[2].partition("</script>")[0]
    mark = hashlib.sha256(script.encode()).digest()

    assert f"'sha256-{base64.b64encode(mark).decode()}'" in policy, "else the browser would not run it"
    assert SECRET not in page.html


def test_a_visit_from_outside_is_sent_to_the_shop_to_agree(shop: Shop) -> None:
    sent = shop.auth.arrive({"shop": DOMAIN}, JOURNEY)
    assert isinstance(sent, Elsewhere) and sent.account == DOMAIN
    assert sent.url.startswith(f"{shop.url}/{DOMAIN}/admin/oauth/authorize?")
    query = dict(parse_qsl(urlsplit(sent.url).query))
    assert (query["client_id"], query["state"], query["redirect_uri"]) == ("app-key", "state-1", JOURNEY.redirect_uri)
    asked = set(query["scope"].split(","))
    assert asked == {scope.name for scope in MANIFEST.scopes if not scope.optional}
    without = auth.build(Kit(APP, Meter())).arrive({"shop": DOMAIN}, JOURNEY)
    assert isinstance(without, Elsewhere) and without.url.startswith(f"https://{DOMAIN}/admin/oauth/authorize?")


def test_a_missing_setting_is_named_with_its_remedy() -> None:
    with pytest.raises(ConfigError, match="SHOPIFY_API_KEY is not set"):
        auth.build(Kit({}, Meter())).arrive({"shop": DOMAIN}, JOURNEY)


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_authorization_code_brings_a_pair_once(shop: Shop) -> None:
    query = shop.agreed()
    grant = shop.auth.accept(query, JOURNEY)
    assert grant.external == DOMAIN and grant.refresh and grant.expires_at is not None
    with pytest.raises(Refused):
        shop.auth.accept(query, JOURNEY)


def test_an_installation_counts_only_with_shopifys_signature(shop: Shop) -> None:
    good = shop.agreed()
    other = hmac.new(b"another secret", b"x", hashlib.sha256).hexdigest()
    forged = (
        {},
        {name: value for name, value in good.items() if name != "hmac"},
        good | {"code": "d"},
        good | {"state": "another"},
        good | {"shop": "evil.com"},
        good | {"shop": "other.myshopify.com"},
        good | {"hmac": other},
        good | {"hmac": "ключ", "timestamp": "soon"},
        good | {"timestamp": "1"},
        good | {"extra": "1"},
    )
    for wrong in forged:
        with pytest.raises(Rejected):
            shop.auth.accept(wrong, JOURNEY)
    assert shop.auth.accept(good, JOURNEY).external == DOMAIN


@contextmanager
def answering(status: int, body: Any, **headers: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server with one answer; yields its URL and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            raw = json.dumps(body).encode()
            self.send_response_only(status)
            for name, value in {"Content-Length": str(len(raw)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


def test_the_end_of_a_token_is_counted_by_shopifys_clock_and_its_secrets_are_not_shown(shop: Shop) -> None:
    pair = {"access_token": "a-token", "refresh_token": "r-token", "expires_in": 3600, "scope": "write_orders"}
    with answering(200, pair, Date="Sun, 22 Nov 2026 02:00:00 GMT") as (url, asked):
        made = auth.build(Kit(APP, Meter(), base_url=url))
        for grant in (made.accept(shop.agreed(), JOURNEY), made.arrive({"id_token": shop.session()}, JOURNEY)):
            assert isinstance(grant, Grant)
            assert grant.expires_at == datetime(2026, 11, 22, 3, tzinfo=UTC)
            assert grant.scopes == ("read_orders", "write_orders")
            assert "a-token" not in repr(grant) and "r-token" not in repr(grant)
    assert [each["expiring"] for each in asked] == [1, 1], "public apps must ask for tokens that end"


@pytest.mark.parametrize(
    "body", [{}, {"access_token": ""}, {"access_token": 5}, {"access_token": "a", "expires_in": "x"}]
)
def test_an_answer_without_a_token_is_no_installation(shop: Shop, body: dict[str, Any]) -> None:
    with answering(200, body, Date="Sun, 22 Nov 2026 02:00:00 GMT") as (url, _), pytest.raises(Unavailable):
        auth.build(Kit(APP, Meter(), base_url=url)).accept(shop.agreed(), JOURNEY)


# ── Staying joined ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_proved_and_renewed_and_a_dead_one_is_said_so(shop: Shop) -> None:
    facts = shop.auth.probe(shop.account)
    assert (facts["external"], facts["currency"], facts["zone"]) == (DOMAIN, "EUR", "Europe/Berlin")
    assert not [name for name in facts if name.startswith("cannot:")]
    grant = shop.auth.refresh(shop.account, shop.refresh_token)
    assert grant.expires_at is not None and grant.expires_at - datetime.now(UTC) > timedelta(minutes=50)
    assert shop.auth.probe(replace(shop.account, token=grant.access))["external"] == DOMAIN
    with pytest.raises(Gone):
        shop.auth.refresh(shop.account, "made up")
    for fault in ("5xx_after", "cut_after", "html_200"):
        shop.client.control("faults", fault=fault, shop=DOMAIN, operation="access_token", count=1)
        with pytest.raises(Unavailable):
            shop.auth.refresh(shop.account, grant.refresh)


def test_a_shop_whose_buyers_cannot_spend_store_credit_says_so(shop: Shop) -> None:
    shop.client.control(f"shops/{DOMAIN}/update", accounts_version="CLASSIC", send=False)
    assert "customer accounts" in shop.auth.probe(shop.account)["cannot:balance"]


def test_a_shop_is_known_by_any_of_its_names(shop: Shop) -> None:
    for typed in (DOMAIN, " ACME ", f"https://{DOMAIN}/admin", "https://admin.shopify.com/store/acme/products"):
        assert shop.auth.check_account(typed) == DOMAIN
    for wrong in ("", "acme.com", "acme.myshopify.com.evil.com", "a b", "https://user@acme.myshopify.com:8443"):
        with pytest.raises(ConfigError):
            shop.auth.check_account(wrong)
