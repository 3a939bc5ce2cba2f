"""A merchant is joined by what the platform vouches for, to their own business and to no other, and is told what is
missing; a stranger who forges, replays or mixes up a visit joins nothing. Over real HTTP against the stand-in."""

import io
import re
import sys
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import jwt
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from adapters.shopify import MANIFEST
from connector import telemetry
from connector.cli.account import install
from connector.journey.tasks import CHECK, OFFER
from connector.ports.joining import Elsewhere
from connector.ports.rows import Connection, connection_lane
from connector.store import merchants
from connector.store.database import Database
from connector.web import create_app
from tests.journey.money import drive, with_platform
from tests.shop import DOMAIN, PROGRAM, SECRET, TOKEN, Shop

NEW = "new-cups.myshopify.com"
ARRIVE, CALLBACK = "/install/shopify", "/oauth/shopify/callback"


def open_shop(shop: Shop, domain: str = NEW, **more: Any) -> None:
    shop.client.control(
        "shops",
        **{"domain": domain, "currency": "EUR", "token": "shpat_before", "secret": SECRET, "api_key": "key", **more},
        target="http://127.0.0.1:9/",
    )


@pytest.fixture
def new(shop: Shop) -> Shop:
    """The harness, with a second shop on the stand-in that nobody has connected."""
    open_shop(shop, name="New Cups")
    return shop


def id_token(shop: Shop, domain: str = NEW, **more: Any) -> str:
    return str(shop.client.control(f"shops/{domain}/session", **more)["token"])


def embedded(harness: Shop, token: str, **query: str) -> TestResponse:
    return harness.web.get(f"{ARRIVE}?" + urlencode({"embedded": "1", "id_token": token, **query}))


def connection_of(shop: Shop, domain: str = NEW) -> Connection | None:
    owner = shop.app.database.account("shopify", domain)
    if owner is None:
        return None
    with shop.app.database.begin(owner.merchant) as tx:
        return tx.connections.get(owner.target)


def tasks(shop: Shop, found: Connection) -> set[tuple[str, str]]:
    with shop.app.database.begin(found.merchant) as tx:
        rows = tx.run(
            "SELECT what, subject FROM task WHERE merchant_id = :merchant AND lane = :lane",
            lane=connection_lane(found.id),
        )
        return {(row.what, row.subject) for row in rows}


def merchants_there(shop: Shop) -> set[str]:
    return set(merchants.named(shop.app.database, None).values())


# ── Inside the admin ─────────────────────────────────────────────────────────────────────────────────────────────


def test_opening_the_app_in_the_admin_connects_the_shop(new: Shop) -> None:
    answer = embedded(new, id_token(new), shop=NEW)
    assert answer.status_code == 200 and "Connected" in answer.text and "New Cups" in answer.text
    found = connection_of(new)
    assert found is not None and found.state == "active"
    assert (found.currency, found.traits["name"], found.traits["zone"]) == ("EUR", "New Cups", "Europe/Berlin")
    assert found.refresh and found.token_expires_at is not None
    assert {scope.name for scope in MANIFEST.scopes} <= found.scopes
    assert (CHECK, CHECK) in tasks(new, found)
    assert "New Cups" in merchants_there(new) and found.merchant != new.merchant
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors https://{NEW} https://admin.shopify.com" in policy and "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_a_visit_without_a_session_token_fetches_one_and_comes_back(new: Shop) -> None:
    for query in ({"embedded": "1", "shop": NEW}, {"host": "YWRtaW4", "shop": NEW}):
        answer = new.web.get(f"{ARRIVE}?{urlencode(query)}")
        assert answer.status_code == 200 and answer.mimetype == "text/html"
        head = answer.text.partition("<head>")[2].lstrip()
        assert head.startswith('<script src="https://cdn.shopify.com/shopifycloud/app-bridge.js" data-api-key="key">')
        assert "idToken" in answer.text and 'set("id_token"' in answer.text
        assert f"frame-ancestors https://{NEW} https://admin.shopify.com" in answer.headers["Content-Security-Policy"]
    assert connection_of(new) is None


def claims(**changes: Any) -> dict[str, Any]:
    url = f"https://{NEW}"
    made = {"iss": f"{url}/admin", "dest": url, "aud": "key", "sub": "42", "exp": 4_000_000_000, "jti": "j", "sid": "s"}
    return {name: value for name, value in (made | changes).items() if value is not None}


EVIL = "https://evil.example"
FORGED = {
    "another secret": jwt.encode(claims(), "x" * 40, algorithm="HS256"),
    "no signature": jwt.encode(claims(), None, algorithm="none"),
    "another algorithm": jwt.encode(claims(), SECRET * 2, algorithm="HS512"),
    "another app": jwt.encode(claims(aud="other"), SECRET, algorithm="HS256"),
    "never ends": jwt.encode(claims(exp=None), SECRET, algorithm="HS256"),
    "ended": jwt.encode(claims(exp=1_000_000_000), SECRET, algorithm="HS256"),
    "not yet": jwt.encode(claims(nbf=4_000_000_000), SECRET, algorithm="HS256"),
    "no shop": jwt.encode(claims(dest=None), SECRET, algorithm="HS256"),
    "foreign host": jwt.encode(claims(dest=EVIL, iss=f"{EVIL}/admin"), SECRET, algorithm="HS256"),
    "host beside": jwt.encode(
        claims(dest=f"https://{NEW}.evil.example", iss=f"https://{NEW}.evil.example/admin"), SECRET, algorithm="HS256"
    ),
    "two hosts": jwt.encode(claims(dest=EVIL), SECRET, algorithm="HS256"),
    "no staff": jwt.encode(claims(sub=None), SECRET, algorithm="HS256"),
    "no token": "x.y.z",
    "text": "é" * 20,
}


@pytest.mark.parametrize("name", FORGED)
def test_a_session_token_that_shopify_did_not_give_joins_nothing(new: Shop, name: str) -> None:
    answer = embedded(new, FORGED[name])
    assert answer.status_code == 401 and "Not connected" in answer.text
    assert FORGED[name] not in answer.text
    assert connection_of(new) is None and "New Cups" not in merchants_there(new)
    assert embedded(new, id_token(new)).status_code == 200, "the good one beside it still counts"


def test_a_session_token_is_good_for_ten_seconds_after_its_end_and_no_longer(new: Shop) -> None:
    assert embedded(new, id_token(new, life_s=-60)).status_code == 401
    assert embedded(new, id_token(new, DOMAIN), shop=NEW).status_code == 401, "a token of another shop"
    assert connection_of(new) is None


def test_a_buyers_token_opens_no_admin(new: Shop) -> None:
    assert embedded(new, id_token(new, customer=None)).status_code == 401
    assert connection_of(new) is None


def test_a_signature_that_is_there_must_be_right(new: Shop) -> None:
    query = dict(parse_qsl(new.client.control(f"shops/{NEW}/authorize", state="s")["query"]))
    visit = {name: query[name] for name in query}
    assert new.web.get(f"{ARRIVE}?{urlencode(visit)}").status_code == 200
    for wrong in ({"shop": DOMAIN}, {"hmac": "0" * 64}, {"hmac": ""}, {"timestamp": "1"}, {"hmac": "ключ"}):
        assert new.web.get(f"{ARRIVE}?{urlencode(visit | wrong)}").status_code == 401, wrong


@pytest.mark.parametrize("named", ["", "evil.com", f"{NEW}.evil.com", f"evil.com/{NEW}", "a\r\nb", NEW.upper()])
def test_a_visit_that_names_no_shop_is_told_what_to_do_and_sent_nowhere(new: Shop, named: str) -> None:
    answer = new.web.get(f"{ARRIVE}?{urlencode({'shop': named})}")
    assert answer.status_code == 400 and "?shop=" in answer.text and "Location" not in answer.headers


# ── From anywhere else ───────────────────────────────────────────────────────────────────────────────────────────


def begin(web: FlaskClient, shop: str = NEW, **query: str) -> dict[str, str]:
    """Start an installation from our side; the query that the platform was asked with."""
    answer = web.get(f"{ARRIVE}?{urlencode({'shop': shop, **query})}")
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def agreed(shop: Shop, state: str, domain: str = NEW) -> str:
    """The merchant agrees: the query with which Shopify sends them back."""
    return str(shop.client.control(f"shops/{domain}/authorize", state=state)["query"])


def test_a_merchant_who_starts_from_our_side_agrees_and_is_connected(new: Shop) -> None:
    answer = new.web.get(f"{ARRIVE}?shop={NEW}")
    where = urlsplit(answer.headers["Location"])
    assert f"{where.scheme}://{where.netloc}" == new.sandbox.url and where.path == f"/{NEW}/admin/oauth/authorize"
    asked = dict(parse_qsl(where.query))
    assert asked["client_id"] == "key" and asked["redirect_uri"].endswith(CALLBACK)
    assert "write_gift_cards" not in asked["scope"] and "write_discounts" in asked["scope"]
    cookie = answer.headers["Set-Cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=Lax", "Max-Age=600", f"Path={CALLBACK}"))
    assert asked["state"] not in cookie.partition("=")[2] and "Secure" not in cookie, "sealed; plain http here"
    back = new.web.get(f"{CALLBACK}?{agreed(new, asked['state'])}")
    assert back.status_code == 200 and "New Cups" in back.text
    assert "frame-ancestors 'none'" in back.headers["Content-Security-Policy"]
    found = connection_of(new)
    assert found is not None and found.state == "active" and found.refresh
    assert "Max-Age=0" in back.headers["Set-Cookie"]


class Sends:
    """How a platform whose settings somebody turned would send its merchants on."""

    def __init__(self, url: str) -> None:
        self.url = url

    def arrive(self, _query: object, _journey: object) -> Elsewhere:
        return Elsewhere(self.url)


@pytest.mark.parametrize(
    ("base", "url", "status"),
    [
        ("", f"https://{NEW}/admin/oauth/authorize?x=1", 302),
        ("", "https://evil.example/admin/oauth/authorize", 500),
        ("", f"https://{NEW}.evil.example/", 500),
        ("", f"https://{NEW}@evil.example/", 500),
        ("", f"http://{NEW}/", 500),
        ("https://gateway.example/{shop}", f"https://gateway.example/{NEW}/admin", 302),
        ("https://gateway.example/{shop}", f"https://{NEW}/admin", 500),
    ],
)
def test_a_merchant_is_sent_to_the_platforms_own_hosts_and_nowhere_else(
    shop: Shop, base: str, url: str, status: int
) -> None:
    app = shop.another_app(SHOPIFY_URL=base)
    app.desk = with_platform(app.desk, auth=lambda: Sends(url))
    answer = create_app(app).test_client().get(ARRIVE)
    assert (answer.status_code, answer.headers.get("Location")) == (status, url if status == 302 else None)


def test_the_cookie_is_secure_where_people_reach_us_by_https(new: Shop) -> None:
    web = create_app(new.another_app(PUBLIC_URL="https://referrals.example.com/")).test_client()
    answer = web.get(f"{ARRIVE}?shop={NEW}")
    assert "Secure" in answer.headers["Set-Cookie"]
    asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert asked["redirect_uri"] == f"https://referrals.example.com{CALLBACK}"


def test_an_answer_counts_once_and_in_the_browser_that_began(new: Shop) -> None:
    state = begin(new.web)["state"]
    back = f"{CALLBACK}?{agreed(new, state)}"
    stranger = create_app(new.app).test_client()
    assert stranger.get(back).status_code == 401
    assert connection_of(new) is None
    assert new.web.get(back).status_code == 200
    assert new.web.get(back).status_code == 401, "the cookie was used up"


def test_a_kept_cookie_and_a_used_code_join_nothing_again(new: Shop) -> None:
    answer = new.web.get(f"{ARRIVE}?shop={NEW}")
    name, _, value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
    state = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["state"]
    back = f"{CALLBACK}?{agreed(new, state)}"
    assert new.web.get(back).status_code == 200
    before = connection_of(new)
    new.web.set_cookie(name, value, path=CALLBACK)
    assert new.web.get(back).status_code == 403
    assert connection_of(new) == before


def test_a_state_of_another_making_joins_nothing(new: Shop) -> None:
    mine, other = begin(new.web)["state"], begin(new.web, DOMAIN)["state"]
    assert mine != other
    for state in ("", mine[:-1], mine[:12] + "x" * 30, "é", f"{mine} "):
        assert new.web.get(f"{CALLBACK}?{agreed(new, state)}").status_code == 401, state
        mine = begin(new.web)["state"]
    assert new.web.get(f"{CALLBACK}?{agreed(new, other)}").status_code == 401, "begun for another shop"
    assert connection_of(new) is None
    assert new.web.get(f"{CALLBACK}?{agreed(new, mine)}").status_code == 200


def test_an_answer_that_shopify_did_not_sign_joins_nothing(new: Shop) -> None:
    for change in ({"code": "x"}, {"timestamp": "1"}, {"hmac": "0" * 64}, {"hmac": ""}, {"shop": DOMAIN}, {"shop": ""}):
        query = dict(parse_qsl(agreed(new, begin(new.web)["state"]))) | change
        assert new.web.get(f"{CALLBACK}?{urlencode(query)}").status_code in {400, 401}, change
    assert connection_of(new) is None


def test_a_cookie_that_was_changed_or_is_too_old_joins_nothing(new: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    state = begin(new.web)["state"]
    new.web.set_cookie(f"install-{state[:12]}", "gAAAAABk", path=CALLBACK)
    assert new.web.get(f"{CALLBACK}?{agreed(new, state)}").status_code == 401
    state = begin(new.web)["state"]
    monkeypatch.setattr("connector.web.install.COOKIE_LIFE_S", -1)  # the ten minutes are over
    assert new.web.get(f"{CALLBACK}?{agreed(new, state)}").status_code == 401
    assert connection_of(new) is None


# ── Whose it is ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_shop_is_never_joined_to_a_business_because_of_its_name(shop: Shop) -> None:
    open_shop(shop, name="Anna's Tea House")
    assert embedded(shop, id_token(shop)).status_code == 200
    found = connection_of(shop)
    assert found is not None and found.merchant != shop.merchant
    assert {"Anna's Tea House", "Anna's Tea House 2"} <= merchants_there(shop)


def test_a_second_shop_joins_by_a_code_that_is_good_once(new: Shop) -> None:
    code = merchants.join_code(new.app.database, new.merchant, timedelta(hours=1))
    state = begin(new.web, join=code)["state"]
    answer = new.web.get(f"{CALLBACK}?{agreed(new, state)}")
    assert answer.status_code == 200 and "Anna&#39;s Tea House" in answer.text
    found = connection_of(new)
    assert found is not None and found.merchant == new.merchant
    open_shop(new, "third-cups.myshopify.com")
    again = embedded(new, id_token(new, "third-cups.myshopify.com"), join=code)
    assert again.status_code == 409 and "join code" in again.text
    assert "frame-ancestors https://third-cups" in again.headers["Content-Security-Policy"]
    assert connection_of(new, "third-cups.myshopify.com") is None


def test_a_shop_of_another_merchant_stays_with_them(new: Shop) -> None:
    bob = merchants.ensure(new.app.database, "Bob's Boats")
    install(new.app, "shopify", NEW, "shpat_before", lambda: bob)
    code = merchants.join_code(new.app.database, new.merchant, timedelta(hours=1))
    answer = embedded(new, id_token(new), join=code)
    assert answer.status_code == 409 and "another merchant" in answer.text
    found = connection_of(new)
    assert found is not None and found.merchant == bob and found.access == "shpat_before"
    assert embedded(new, id_token(new)).status_code == 200
    renewed = connection_of(new)
    assert renewed is not None and renewed.merchant == bob and renewed.access != "shpat_before"


def test_of_two_who_join_one_shop_at_once_one_is_told(new: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    bob, real = merchants.ensure(new.app.database, "Bob's Boats"), merchants.fresh

    def overtaken(database: Database, name: str) -> UUID:
        install(new.app, "shopify", NEW, "shpat_before", lambda: bob)
        return real(database, name)

    monkeypatch.setattr(merchants, "fresh", overtaken)
    answer = embedded(new, id_token(new))
    assert answer.status_code == 409 and "another merchant" in answer.text
    found = connection_of(new)
    assert found is not None and (found.merchant, found.access) == (bob, "shpat_before")


# ── What is missing ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refused_permission_is_named_with_its_reason_and_the_shop_is_connected_all_the_same(shop: Shop) -> None:
    kept = [s.name for s in MANIFEST.scopes if "gift_cards" not in s.name and "discounts" not in s.name]
    open_shop(shop, scopes=kept, accounts_version="CLASSIC")
    answer = embedded(shop, id_token(shop))
    assert answer.status_code == 200
    needed, _, optional = answer.text.partition("not needed unless")
    why = {scope.name: scope.why for scope in MANIFEST.scopes}
    assert "write_discounts" in needed and why["write_discounts"].replace("'", "&#39;") in needed
    assert "write_gift_cards" in optional and "write_gift_cards" not in needed
    assert "read_orders" not in answer.text and "customer accounts" in answer.text
    found = connection_of(shop)
    assert found is not None and found.state == "active"


def test_programs_with_an_offer_are_brought_to_a_new_shop(shop: Shop) -> None:
    with_offer = shop.apply({**PROGRAM, "offer": {"kind": "percent", "percent": 10}})
    embedded(shop, id_token(shop, DOMAIN))
    found = connection_of(shop, DOMAIN)
    assert found is not None and (OFFER, str(with_offer)) in tasks(shop, found)


# ── Coming back ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_a_reinstall_what_waited_goes_on_in_the_same_connection(shop: Shop) -> None:
    shop.order()
    (removed,) = shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/uninstalled"}])
    shop.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    assert shop.web.post("/webhooks/shopify", data=removed["body"], headers=removed["headers"]).status_code == 200
    shop.app.workshop.work(f"m:{shop.merchant}")
    gone = connection_of(shop, DOMAIN)
    assert gone is not None and gone.state == "removed" and gone.access == ""
    assert embedded(shop, id_token(shop, DOMAIN)).status_code == 200
    back = connection_of(shop, DOMAIN)
    assert back is not None and (back.id, back.merchant, back.state) == (gone.id, shop.merchant, "active")
    shop.work()
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]
    assert shop.web.post("/webhooks/shopify", data=removed["body"], headers=removed["headers"]).status_code == 200
    shop.work()
    again = connection_of(shop, DOMAIN)
    assert again is not None and again.state == "active", "the late word of the first removal closes nothing"


def test_a_merchant_who_allows_more_and_opens_the_app_again_has_what_was_held_paid(shop: Shop) -> None:
    every = [scope.name for scope in MANIFEST.scopes]
    few = [name for name in every if name != "write_store_credit_account_transactions"]
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=few, send=False)
    assert "Cannot work until" in embedded(shop, id_token(shop, DOMAIN)).text
    shop.order()
    drive(shop)
    assert shop.credits() == [] and shop.rows("SELECT state FROM reward") == [{"state": "held"}]
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=every, send=False)
    assert "Cannot work until" not in embedded(shop, id_token(shop, DOMAIN)).text
    drive(shop)
    assert shop.credits() == [800]


# ── Trouble ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_platform_that_is_away_is_said_so_and_nothing_is_changed(new: Shop) -> None:
    for fault in ("5xx_before", "cut_after", "html_200"):
        new.client.control("faults", fault=fault, shop=NEW, operation="access_token", count=1)
        answer = embedded(new, id_token(new))
        assert answer.status_code == 503 and "Try again" in answer.text, fault
    new.client.control("faults", fault="5xx_before", shop=NEW, operation="Shop", count=1)
    assert embedded(new, id_token(new)).status_code == 503
    assert connection_of(new) is None and "New Cups" not in merchants_there(new)
    assert embedded(new, id_token(new)).status_code == 200


def test_a_platform_that_is_not_set_up_is_named_with_its_remedy(shop: Shop) -> None:
    web = create_app(shop.another_app(SHOPIFY_API_KEY="")).test_client()
    answer = web.get(f"{ARRIVE}?shop={NEW}")
    assert answer.status_code == 409 and "SHOPIFY_API_KEY is not set" in answer.text
    assert shop.web.get("/install/nosuch").status_code == 404
    assert shop.web.get("/oauth/nosuch/callback").status_code == 404


def test_tokens_are_in_no_page_and_in_no_line_of_the_log(new: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = io.StringIO()
    monkeypatch.setattr(sys, "stderr", lines)
    telemetry.start_logging()
    token = id_token(new)
    pages = [embedded(new, token).text, embedded(new, FORGED["ended"]).text]
    state = begin(new.web)["state"]
    query = agreed(new, state)
    pages.append(new.web.get(f"{CALLBACK}?{query}").text)
    found = connection_of(new)
    assert found is not None
    written = "".join([*pages, lines.getvalue()])
    assert '"route": "/install/<platform>"' in written, "the log is what is read here"
    code = dict(parse_qsl(query))["code"]
    for secret in (token, FORGED["ended"], found.access, found.refresh, state, code, SECRET, TOKEN):
        assert secret not in written
    assert not re.search(r"shp(at|rt)_[0-9a-f]{8}", written)
