"""Strangers and accidents at the door: nothing unsigned gets in, nothing good is lost, and nobody is held up.

Through the real WSGI app on a real database; good deliveries stand between the bad ones and must all be kept.
"""

import base64
import hashlib
import hmac
import io
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from connector.cli.account import install
from connector.lanes import due
from connector.store import merchants
from connector.store.database import NOBODY
from tests.shop import DOMAIN, SECRET, TOKEN, Shop

#: Good ones, and as many bad ones between them.
DELIVERIES = 10_000
OTHER = "bobs-boats.myshopify.com"

Headers = dict[str, str]


def signed(body: bytes, topic: str = "orders/paid", domain: str = DOMAIN, secret: str = SECRET) -> Headers:
    mark = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": domain,
        "X-Shopify-Hmac-Sha256": mark,
        "X-Shopify-Event-Id": str(uuid4()),
        # After the installation: what is older than it is passed over anyway.
        "X-Shopify-Triggered-At": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
    }


def post(shop: Shop, body: bytes, headers: Headers, **more: Any) -> TestResponse:
    return shop.web.post("/webhooks/shopify", data=body, headers=headers, **more)


def deliver(shop: Shop, body: bytes, topic: str = "orders/paid", domain: str = DOMAIN) -> TestResponse:
    return post(shop, body, signed(body, topic, domain))


def kept(shop: Shop, merchant: UUID | None = None) -> Counter[tuple[str, str]]:
    """Stored deliveries by state and outcome."""
    with shop.app.database.begin(merchant or shop.merchant) as tx:
        rows = tx.run("SELECT state, outcome FROM delivery WHERE merchant_id = :merchant").all()
    return Counter((row.state, row.outcome) for row in rows)


@pytest.fixture
def other(shop: Shop) -> UUID:
    """Another merchant with a shop of his own."""
    shop.client.control("shops", domain=OTHER, currency="EUR", token=TOKEN, secret=SECRET, target="http://127.0.0.1:9/")
    bob = merchants.ensure(shop.app.database, "Bob's Boats")
    install(shop.app, "shopify", OTHER, TOKEN, lambda: bob)
    return bob


def work_all(shop: Shop) -> None:
    """Work both merchants' lanes until neither has anything due."""
    for _ in range(50):
        found = due.lanes(shop.app.database)
        for lane in found:
            shop.app.workshop.work(lane.id)
        if not found:
            break
    shop.work()


def state_of(shop: Shop, domain: str) -> str:
    owner = shop.app.database.account("shopify", domain)
    assert owner is not None
    with shop.app.database.begin(owner.merchant) as tx:
        return str(tx.connections.get(owner.target).state)


# ── Signatures ───────────────────────────────────────────────────────────────────────────────────────────────────


def spoiled(dice: random.Random, body: bytes, headers: Headers) -> tuple[bytes, Headers]:
    """The same delivery with something wrong about its bytes or its signature."""
    mark = headers["X-Shopify-Hmac-Sha256"]
    place = dice.randrange(len(body))

    def marked(other: str) -> Headers:
        return {**headers, "X-Shopify-Hmac-Sha256": other}

    flipped = body[:place] + bytes([body[place] ^ 1 << dice.randrange(8)]) + body[place + 1 :]
    unmarked = {name: value for name, value in headers.items() if name != "X-Shopify-Hmac-Sha256"}
    odd = dice.choice(["", " ", "é" * 44, "=", mark.lower(), hashlib.sha256(body).hexdigest()])
    return dice.choice(
        [
            (flipped, headers),
            (body[:place], headers),
            (body + b" ", headers),
            (b"", headers),
            (body, unmarked),
            (body, marked(odd)),
            (body, marked(mark[:-5] + ("AAAA=" if mark[-5:] != "AAAA=" else "BBBB="))),
            (body, marked(signed(b"{}")["X-Shopify-Hmac-Sha256"])),
            (body, signed(body, secret="another app's secret")),
        ]
    )


def test_among_thousands_of_bad_deliveries_every_good_one_is_kept_and_no_bad_one(shop: Shop) -> None:
    dice, answers = random.Random(11), Counter[tuple[str, int]]()
    (_, sample), *_ = shop.webhooks(shop.order(deliver=False), "orders/paid")
    order = json.loads(sample)
    for number in range(DELIVERIES):
        order |= {"id": 9_000_000 + number, "admin_graphql_api_id": f"gid://shopify/Order/{9_000_000 + number}"}
        body = json.dumps(order).encode()
        answers["good", deliver(shop, body).status_code] += 1
        answers["bad", post(shop, *spoiled(dice, body, signed(body))).status_code] += 1
    assert answers == {("good", 200): DELIVERIES, ("bad", 401): DELIVERIES}
    assert kept(shop) == {("received", ""): DELIVERIES}
    assert kept(shop, NOBODY) == {}


def test_a_repeated_delivery_is_answered_alike_and_kept_once(shop: Shop) -> None:
    headers, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    assert {post(shop, body, headers).status_code for _ in range(5)} == {200}
    assert kept(shop).total() == 1


# ── The parts that nobody signed ─────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_shown_to_another_shop_moves_nothing_there(shop: Shop, other: UUID) -> None:
    """The name of the shop stands in a header that is not signed."""
    _, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    assert deliver(shop, body, "orders/paid", OTHER).status_code == 200
    work_all(shop)
    with shop.app.database.begin(other) as tx:
        for table in ("referral", "reward", "fact", "truth"):
            assert tx.run(f"SELECT count(*) FROM {table} WHERE merchant_id = :merchant").scalar_one() == 0, table
    assert (shop.credits(), shop.stages(), kept(shop)) == ([], [], {})


@pytest.mark.parametrize("topic", ["app/uninstalled", "shop/redact", "customers/redact", "customers/data_request"])
@pytest.mark.parametrize("domain", [DOMAIN, OTHER])
def test_an_order_shown_as_another_topic_closes_no_shop_and_forgets_nobody(
    shop: Shop, other: UUID, topic: str, domain: str
) -> None:
    _, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    before = shop.rows("SELECT id, erased_at FROM person WHERE merchant_id = :merchant ORDER BY id")
    assert deliver(shop, body, topic, domain).status_code in {200, 401}
    work_all(shop)
    assert (state_of(shop, DOMAIN), state_of(shop, OTHER)) == ("active", "active")
    assert shop.rows("SELECT id, erased_at FROM person WHERE merchant_id = :merchant ORDER BY id") == before


@pytest.mark.parametrize("topic", ["app/uninstalled", "shop/redact", "customers/redact"])
def test_a_removal_meant_for_one_shop_cannot_be_turned_against_another(shop: Shop, other: UUID, topic: str) -> None:
    (made,) = shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": topic, "customer": _number(shop)}])
    deliver(shop, made["body"].encode(), topic, OTHER)
    work_all(shop)
    assert state_of(shop, OTHER) == "active"


def _number(shop: Shop) -> int:
    return int(shop.advocate.rpartition("/")[2])


def test_an_unknown_shop_and_an_unknown_topic_are_kept_apart_and_never_processed(shop: Shop) -> None:
    _, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    assert deliver(shop, body, "orders/paid", "nobody-here.myshopify.com").status_code == 200
    assert deliver(shop, body, "products/update").status_code == 200
    assert deliver(shop, body, "").status_code in {200, 401}
    shop.work()
    with shop.app.database.begin(NOBODY) as tx:
        rows = tx.run("SELECT state, reason, connection_id FROM delivery WHERE merchant_id = :merchant").all()
        assert [(r.state, r.reason, r.connection_id) for r in rows] == [
            ("quarantined", "nobody here has connected this account", None)
        ]
    assert {state for state, _ in kept(shop)} == {"quarantined"}
    assert (shop.credits(), shop.stages()) == ([], [])


ODD = ["", "é" * 300, "x" * 60_000, "../..", "'; DROP TABLE delivery; --", "9999-99-99"]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Topic", ODD),
        ("Shop-Domain", [*ODD, "a\x00b"]),
        ("Event-Id", ODD),
        ("Triggered-At", [*ODD, "a\x00b"]),
        ("Topic", ["\x00", "a\x00b"]),
        ("Event-Id", ["\x00", "a\x00b"]),
    ],
)
def test_no_text_in_an_unsigned_header_breaks_the_door(shop: Shop, header: str, values: list[str]) -> None:
    headers, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    for value in values:
        assert post(shop, body, {**headers, f"X-Shopify-{header}": value}).status_code < 500, value
    assert post(shop, body, headers).status_code == 200
    shop.work()
    assert shop.credits() == [800]


# ── Sizes and shapes ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_body_of_eight_megabytes_is_turned_away_however_it_is_sent(shop: Shop) -> None:
    body = b'{"id": 1, "pad": "' + b"x" * (8 * 1024 * 1024) + b'"}'
    assert deliver(shop, body).status_code == 413
    for length in (None, "10", "-1", "ten", "9" * 30):
        assert 400 <= raw(shop, body, length).status_code < 500, length
    assert kept(shop) == {}


def raw(shop: Shop, body: bytes, length: str | None) -> TestResponse:
    """A request with a Content-Length of one's choice; None: in chunks, as the server hands them on."""
    more = {"wsgi.input_terminated": True} if length is None else {"CONTENT_LENGTH": length}
    return shop.web.post(
        "/webhooks/shopify", input_stream=io.BytesIO(body), headers=signed(body), environ_overrides=more
    )


def test_a_good_body_counts_in_chunks_and_a_cut_one_does_not(shop: Shop) -> None:
    _, body = shop.webhooks(shop.order(deliver=False), "orders/paid")[0]
    assert raw(shop, body, None).status_code == 200
    for length in ("0", "10", "-1", "ten"):
        assert 400 <= raw(shop, body, length).status_code < 500, length
    assert kept(shop).total() == 1


BROKEN = {
    "deep": b'{"a":' * 100_000,
    "deep and closed": b'{"id":' * 50_000 + b"1" + b"}" * 50_000,
    "not utf-8": b'{"id": 5, "note": "\xff\xfe"}',
    "half": b'{"id": 5, "created_at": "2026-',
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "NaN": b'{"id": NaN}',
    "huge": b'{"id": 1e400}',
    "long number": b'{"id": ' + b"9" * 5000 + b"}",
    "no id": b"{}",
    "lone surrogate": b'{"id": "\\ud800"}',
    "NUL": b'{"id": "\\u0000"}',
}


def test_what_cannot_be_read_is_parked_with_its_reason_and_holds_nobody_up(shop: Shop) -> None:
    for body in BROKEN.values():
        answer = deliver(shop, body)
        assert answer.status_code < 500
    shop.order()
    shop.work()
    rows = shop.rows("SELECT state, outcome, reason FROM delivery WHERE merchant_id = :merchant ORDER BY id")
    parked = [row for row in rows if row["state"] == "parked"]
    assert len(parked) == len(BROKEN)
    assert all(row["outcome"] == "unreadable" and row["reason"].strip() for row in parked)
    assert shop.credits() == [800]


def test_hostile_text_in_a_good_delivery_costs_nobody_their_reward(shop: Shop) -> None:
    _, sample = shop.webhooks(shop.order(deliver=False, email="first@example.org"), "orders/paid")[0]
    order = json.loads(sample)
    for text in ("\ud800", "\x00", "\u202e", "a" * 100_000, "<script>", "🦊" * 500, "' OR 1=1 --", "%00", "\r\nX: y"):
        order |= {"landing_site": f"/?ref={text}", "note_attributes": [{"name": "ref", "value": text}]}
        order |= {"discount_applications": [{"type": "discount_code", "code": text}], "email": text}
        assert deliver(shop, json.dumps(order).encode()).status_code == 200
    shop.order(email="second@example.org")
    shop.work()
    states = {state for state, _ in kept(shop)}
    assert states == {"done"}
    assert 800 in shop.credits()
