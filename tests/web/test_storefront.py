"""What a shop's own pages ask of us: a note for the cart that nobody else can make, word of a checkout that anybody
may send and that opens nothing, and a buyer's own link for that buyer alone."""

import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from connector.cli.account import install
from connector.domain import codes, tokens
from connector.domain.facts import ObjectRef
from connector.domain.touch import Source, Touch
from connector.store import merchants
from connector.web import storefront
from tests.shop import DOMAIN, PROGRAM, SECRET, TOKEN, Shop

OTHER = "bobs-boats.myshopify.com"
CHECKOUT = "c1a2b3c4d5e6f7"
OFFER = {"kind": "percent", "percent": 15, "minimum": "50.00 EUR"}


@pytest.fixture(autouse=True)
def fresh_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storefront, "gate", storefront.Gate(storefront.MOST))


@pytest.fixture
def other(shop: Shop) -> Shop:
    """The harness, with another merchant's shop beside it."""
    shop.client.control("shops", domain=OTHER, currency="EUR", token=TOKEN, secret=SECRET, target="http://127.0.0.1:9/")
    bob = merchants.ensure(shop.app.database, "Bob's Boats")
    install(shop.app, "shopify", OTHER, TOKEN, lambda: bob)
    return shop


# ── The note for the cart ────────────────────────────────────────────────────────────────────────────────────────


def proxied(shop: Shop, domain: str = DOMAIN, customer: str = "", **query: Any) -> str:
    """The signed query with which the shop passes on a request of its storefront. customer: who is logged in there."""
    asked = {"shop": domain, "path": "/apps/referral/sign", "query": query, "logged_in_customer": customer}
    return str(shop.client.control("proxy", **asked)["query"])


def sign(shop: Shop, query: str) -> TestResponse:
    return shop.web.get(f"/touch/shopify/sign?{query}")


def test_the_storefront_gets_a_signed_note_for_a_code_of_its_own(shop: Shop) -> None:
    answer = sign(shop, proxied(shop, ref=shop.code.lower(), utm_medium="whatsapp"))
    assert answer.status_code == 200 and answer.json is not None
    with shop.app.database.begin(shop.merchant) as tx:
        now = tx.now()
    token = answer.json["token"]
    assert tokens.read(shop.app.desk.touch_key, shop.merchant, token, now, timedelta(minutes=1)) == shop.code


def visits(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("SELECT role FROM news WHERE kind = 'friend visited'")


def test_a_friend_who_is_logged_in_is_heard_to_visit_once_and_nobody_else_is(shop: Shop) -> None:
    ben = shop.customer("ben@example.org")
    sign(shop, proxied(shop, ref=shop.code))
    sign(shop, proxied(shop, ref="K7", customer=ben))
    assert visits(shop) == [], "of somebody who is not logged in, or came by no link, nothing is known"
    for _ in range(3):
        assert sign(shop, proxied(shop, ref=shop.code, customer=ben)).status_code == 200
    assert [row["role"] for row in visits(shop)] == ["friend"]


def test_a_word_that_is_no_code_of_this_shop_gets_none(other: Shop) -> None:
    for query in (
        proxied(other, ref="newsletter"), proxied(other, ref=codes.mint()), proxied(other, ref=""), proxied(other),
        proxied(other, OTHER, ref=other.code),
    ):  # fmt: skip
        answer = sign(other, query)
        assert answer.status_code == 404 and answer.is_json and "token" not in answer.text


def test_a_request_that_the_platform_did_not_sign_gets_none(other: Shop) -> None:
    good = proxied(other, ref=other.code)
    for forged in (
        urlencode({"ref": other.code, "shop": DOMAIN}), good.replace(other.code, codes.mint()), f"{good}&ref=X",
        good.replace(DOMAIN, OTHER), good[:-1], good.partition("&signature=")[0], "",
    ):  # fmt: skip
        assert sign(other, forged).status_code in {400, 401}, forged
    assert sign(other, good).status_code == 200


def test_a_shop_that_removed_us_gets_no_notes_and_no_links(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        tx.connections.close(shop.connection, "removed", "gone")
    assert sign(shop, proxied(shop, ref=shop.code)).status_code == 404
    assert share(shop, bearer(shop, shop.advocate)).status_code == 404
    assert post(shop).status_code == 204 and noted(shop) == ()


# ── Word of a checkout ───────────────────────────────────────────────────────────────────────────────────────────


def post(harness: Shop, body: bytes | None = None, **changes: Any) -> TestResponse:
    utm = {"utm_medium": "whatsapp", "utm_campaign": "tea-friends"}
    told = {"account": "1", "shop": DOMAIN, "checkout": CHECKOUT, "ref": harness.code, "utm": utm, **changes}
    told = {name: value for name, value in told.items() if value is not None}
    data = json.dumps(told).encode() if body is None else body
    return harness.web.post("/touch/shopify", data=data, content_type="text/plain;charset=UTF-8")


def noted(shop: Shop, checkout: str = CHECKOUT) -> tuple[Touch, ...]:
    with shop.app.database.begin(shop.merchant) as tx:
        return tx.truths.noted(shop.connection, ObjectRef("checkout", checkout))


def test_the_pixel_tells_which_link_a_checkout_came_from(shop: Shop) -> None:
    answer = post(shop)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    (touch,) = noted(shop)
    assert (touch.source, touch.code, touch.medium) == (Source.CART_HINT, shop.code, "whatsapp")
    assert touch.campaign == "tea-friends"
    post(shop, ref=shop.enrol("bert@example.com"))
    assert noted(shop) == (touch,), "the first word of a checkout stands"


def test_the_account_alone_is_enough(shop: Shop) -> None:
    assert post(shop, shop=None, account=DOMAIN).status_code == 204
    assert len(noted(shop)) == 1


def test_what_is_not_ours_is_answered_alike_and_kept_nowhere(other: Shop) -> None:
    for changes in ({"ref": codes.mint()}, {"ref": "newsletter"}, {"shop": OTHER}, {"shop": "nobody.myshopify.com"}):
        assert post(other, **changes).status_code == 204, changes
    assert other.rows("SELECT * FROM noted WHERE merchant_id = :merchant") == []


def test_what_no_pixel_would_send_is_turned_away(shop: Shop) -> None:
    for body in (b"", b"null", b"[]", b'{"a":', b"\xff\xfe", b"[" * 1000, b'"text"'):
        assert post(shop, body).status_code == 400, body
    for changes in (
        {"ref": None}, {"ref": 5}, {"ref": ""}, {"ref": "a\x00b"}, {"shop": None, "account": None}, {"shop": ["x"], "account": {}},
        {"checkout": None}, {"checkout": ""}, {"checkout": "short"}, {"checkout": "x" * 129}, {"checkout": "a/../../b\x00c"},
    ):  # fmt: skip
        assert post(shop, **changes).status_code == 400, changes
    assert post(shop, pad="x" * storefront.MAX_TOUCH).status_code == 413
    for utm in (None, [], "x", {"utm_medium": 5}, {"utm_medium": "\x00"}, {"utm_medium": "x" * 500}):
        assert post(shop, utm=utm).status_code == 204, utm
    assert len(noted(shop)) == 1


def test_a_flood_is_passed_over_and_another_shop_is_not_held_up(other: Shop) -> None:
    for number in range(storefront.MOST + 5):
        assert post(other, checkout=f"checkout-{number:04}").status_code == 204
    kept = other.rows("SELECT count(*) AS n FROM noted WHERE merchant_id = :merchant")
    assert kept == [{"n": storefront.MOST}]
    owner = other.app.database.account("shopify", OTHER)
    assert owner is not None and storefront.gate.passes(owner)


# ── A buyer's own link ───────────────────────────────────────────────────────────────────────────────────────────


def bearer(shop: Shop, customer: str | None, domain: str = DOMAIN, **more: Any) -> str:
    made = shop.client.control(f"shops/{domain}/session", customer=customer, **more)
    return f"Bearer {made['token']}"


def share(shop: Shop, authorization: str) -> TestResponse:
    return shop.web.get("/share/shopify", headers={"Authorization": authorization})


def test_a_buyer_gets_a_link_of_their_own_that_works(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14, "offer": OFFER})
    bert = shop.customer("bert@example.com")
    answer = share(shop, bearer(shop, bert))
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    told = answer.json
    assert told is not None and set(told) == {"link", "code", "offer", "terms"}
    assert codes.parse_minted(told["code"]) == told["code"] != shop.code
    assert told["link"] == f"{shop.app.settings.public_url}/r/{told['code']}"
    assert told["offer"] == "Your friend gets 15 % off on an order of 50.00 EUR or more."
    assert told["terms"] == ("You get 10 % of your friend's order as store credit, 14 days after your friend has paid.")
    assert share(shop, bearer(shop, bert)).json == told, "asking again changes nothing"
    assert shop.web.get(f"/r/{told['code']}").status_code == 302


def test_a_credit_for_that_link_reaches_that_buyer(shop: Shop) -> None:
    bert = shop.customer("bert@example.com")
    told = share(shop, bearer(shop, bert)).json
    assert told is not None
    shop.order(landing_site=shop.landing(told["code"]))
    shop.work()
    assert shop.credits() == [800]
    assert [entry["customer"] for entry in shop.movements("credit")] == [bert]


def test_nobody_gets_the_link_of_another(other: Shop) -> None:
    shop, bert = other, other.customer("bert@example.com")
    token = bearer(shop, bert)
    for wrong in (
        "",
        "Bearer",
        "Bearer x.y.z",
        token[:-3],
        token.removeprefix("Bearer "),
        bearer(shop, bert, life_s=-60),
    ):
        assert share(shop, wrong).status_code == 401, wrong
    answer = share(shop, bearer(shop, None))
    assert answer.status_code == 403 and answer.json is not None and "log in" in answer.json["reason"]
    staff = shop.client.control(f"shops/{DOMAIN}/session")["token"]
    assert share(shop, f"Bearer {staff}").status_code == 403
    unconnected = "nobodys.myshopify.com"
    shop.client.control(
        "shops", domain=unconnected, currency="EUR", token=TOKEN, secret=SECRET, target="http://127.0.0.1:9/"
    )
    assert share(shop, bearer(shop, bert, unconnected)).status_code == 404
    there = share(shop, bearer(shop, bert, OTHER))
    assert there.status_code == 404, "another merchant, who runs no program, though the buyer has the same number"
    assert share(shop, token).status_code == 200


def test_a_program_that_only_tests_offers_no_link(shop: Shop) -> None:
    shop.apply({**PROGRAM, "mode": "test"})
    answer = share(shop, bearer(shop, shop.advocate))
    assert answer.status_code == 404 and answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_browser_may_ask_before_it_asks(shop: Shop) -> None:
    answer = shop.web.options("/share/shopify", headers={"Access-Control-Request-Headers": "authorization"})
    assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    refused = share(shop, "")
    assert refused.status_code == 401 and refused.headers["Access-Control-Allow-Origin"] == "*"
