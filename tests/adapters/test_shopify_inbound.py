"""A merchant's money follows what Shopify sends: a forged, foreign or broken delivery must cost nobody anything."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.shopify import MANIFEST, inbound
from connector.domain.facts import ConnectionRemoved, ObjectRef, PersonErased
from connector.domain.touch import Source
from connector.errors import Rejected
from connector.ports.inbound import Inbox

ROOT = Path(__file__).parents[2]
SECRET, OLD_SECRET = "shpss_of_today", "shpss_of_yesterday"
SHOP = "acme.myshopify.com"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
ORDER = {
    "id": 7001,
    "created_at": "2026-11-20T11:00:00+01:00",
    "updated_at": "2026-11-20T11:00:05+01:00",
    "test": False,
    "landing_site": "/products/a?utm_source=referral&utm_medium=email&utm_campaign=spring&utm_content=UTM1&ref=ANNA7",
    "note_attributes": [{"name": "Ref", "value": " CART9 "}, {"name": "gift", "value": "yes"}],
    "discount_codes": [{"code": "CODE5"}, {"code": "TYPED"}],
    "discount_applications": [
        {"type": "manual", "title": "TYPED", "code": "TYPED"},
        {"type": "discount_code", "code": "CODE5"},
    ],
}


def signed(body, *, secret=SECRET, topic="orders/paid", shop=SHOP, family="x-shopify", **more):
    """A request as Shopify makes it; `more` replaces or, with None, drops a header."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    mark = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    headers = {"hmac-sha256": mark, "topic": topic, "shop-domain": shop, "webhook-id": "w-1", "event-id": "e-1"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return Inbox("POST", "/", {f"{family}-{k}": v for k, v in headers.items() if v is not None}, raw)


def receive(inbox):
    (item,) = inbound.receive(inbox, [SECRET, OLD_SECRET])
    return item


def sighted(order=None, **changes):
    (sighting,) = inbound.read("orders/paid", json.dumps({**(order or ORDER), **changes}).encode(), AT).sightings
    return sighting


# ── Who may speak ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("family", ["x-shopify", "shopify"])
@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_signed_delivery_is_taken_with_either_secret_while_the_merchant_rotates_it(secret, family):
    item = receive(
        signed(ORDER, secret=secret, family=family, topic="Orders/Paid", triggered_at="2026-11-20T10:00:00.123456789Z")
    )
    assert (item.account, item.topic, item.key, item.known) == (SHOP, "orders/paid", "e-1", True)
    assert item.triggered_at == datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)
    assert json.loads(item.body) == ORDER


@pytest.mark.parametrize("mark", [None, "", "AAAA", "not base64 at all", "ключ", "\ud800", "A" * 5000])
def test_an_unsigned_or_oddly_signed_delivery_gets_401_and_the_next_good_one_still_passes(mark):
    with pytest.raises(Rejected) as error:
        receive(signed(ORDER, hmac_sha256=mark))
    assert error.value.status == 401
    assert receive(signed(ORDER)).known


def test_one_changed_byte_after_signing_is_refused():
    good = signed(ORDER)
    with pytest.raises(Rejected) as error:
        receive(Inbox("POST", "/", good.headers, good.body.replace(b"ANNA7", b"EVIL7")))
    assert error.value.status == 401


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nobody_is_believed_though_anyone_can_sign_with_the_empty_one(secrets):
    with pytest.raises(Rejected):
        inbound.receive(signed(ORDER, secret=""), secrets)


@pytest.mark.parametrize(
    "shop", ["", "evil.com", "acme.myshopify.com.evil.com", "evil.com/acme.myshopify.com", "{shop}.myshopify.com"]
)
def test_a_signed_delivery_from_no_shop_is_refused(shop):
    with pytest.raises(Rejected):
        receive(signed(ORDER, shop=shop))


def test_an_endless_body_is_refused_before_it_is_hashed():
    with pytest.raises(Rejected) as error:
        receive(signed(b" " * (inbound.MAX_BODY + 1)))
    assert error.value.status == 413
    assert receive(signed(b" " * inbound.MAX_BODY)).known


def test_a_replayed_erasure_cannot_be_turned_against_another_shop():
    body = {"shop_domain": SHOP, "customer": {"id": 5}}
    assert receive(signed(body, topic="customers/redact")).known
    for broken in (body | {"shop_domain": "other.myshopify.com"}, {}, [], b"{", b"[" * 90_000):
        with pytest.raises(Rejected):
            receive(signed(broken, topic="customers/redact"))


def test_a_topic_we_cannot_read_is_kept_apart_and_bodies_are_not_opened_at_the_door():
    assert not receive(signed(ORDER, topic="products/update")).known
    assert receive(signed(b"\xff\x00 no json", topic="orders/paid")).known


def test_repeats_are_recognised_by_event_then_webhook_then_body():
    assert receive(signed(ORDER, event_id=None)).key == "w-1"
    bare = [receive(signed(body, event_id=None, webhook_id=None)).key for body in (ORDER, ORDER, ORDER | {"id": 7002})]
    assert bare[0] == bare[1] != bare[2]


# ── What it says ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_evidence_of_an_order_is_seen_strongest_first_and_the_landing_link_survives():
    sighting = sighted()
    assert sighting.ref == ObjectRef("order", "gid://shopify/Order/7001")
    assert sighting.as_of == datetime(2026, 11, 20, 10, 0, 5, tzinfo=UTC)
    assert sighting.hints == ("CODE5", "ANNA7", "CART9")
    (touch,) = sighting.touches
    assert (touch.source, touch.code, touch.at, touch.confirmed) == (Source.LANDING_SITE, "ANNA7", AT, True)
    assert (touch.medium, touch.campaign) == ("email", "spring")


def test_a_title_typed_by_staff_never_pays_anyone():
    reading = inbound.read(
        "orders/paid",
        json.dumps(
            {
                **ORDER,
                "landing_site": None,
                "note_attributes": {},
                "discount_applications": [{"type": "manual", "title": "TYPED"}],
            }
        ).encode(),
        AT,
    )
    assert reading.outcome == "no_evidence"
    assert reading.sightings[0].hints == ()


def test_a_cart_note_counts_as_the_weak_hint_it_is():
    (touch,) = inbound.evidence({**ORDER, "landing_site": None, "discount_applications": None})
    assert (touch.source, touch.code, touch.confirmed) == (Source.CART_HINT, "CART9", True)


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("/?ref=ANNA7", "ANNA7"),
        ("https://acme.example/a?utm_source=Referral&utm_content=ANNA7#x", "ANNA7"),
        ("/?utm_source=facebook&utm_content=ANNA7", None),
        ("/?utm_source=facebook&utm_content=X&REF=%20anna7%00%0A", "anna7"),
        ("/?ref=FIRST&ref=SECOND", "FIRST"),
        ("/?ref=" + "A" * 255, "A" * 255),
        ("/?ref=" + "A" * 256, None),
        ("/?" + "a=1&" * 300 + "ref=ANNA7", None),
        ("http://[::1?ref=ANNA7", None),
        ("/wallets/checkouts.json", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)  # fmt: skip
def test_a_link_names_an_advocate_only_in_ways_that_are_ours(link, code):
    touch = inbound.link_touch(link, Source.LANDING_SITE, AT)
    assert (touch and touch.code) == code


@given(st.text() | st.text().map(lambda t: f"https://x/?ref={t}&utm_source=referral&utm_content={t}"))
def test_no_text_in_a_link_can_stop_a_delivery(text):
    touch = inbound.link_touch(text, Source.LANDING_SITE, AT)
    if touch:
        assert 0 < len(touch.code) <= 255 and touch.code == touch.code.strip()
        assert not set(touch.code) & set(map(chr, range(32)))
        touch.code.encode()


def test_changes_that_show_a_part_have_the_whole_order_read():
    for topic, body in {
        "refunds/create": {"id": 1, "order_id": 7001, "processed_at": "2026-11-20T10:00:00Z"},
        "orders/edited": {"order_edit": {"id": 1, "order_id": "7001", "committed_at": "2026-11-20T10:00:00Z"}},
    }.items():
        reading = inbound.read(topic, json.dumps(body).encode(), AT)
        assert reading.outcome == "order_changed"
        assert [(s.ref.id, s.as_of) for s in reading.sightings] == [("gid://shopify/Order/7001", AT)]
    deleted = inbound.read("orders/delete", b'{"id": 7001}', AT)
    assert [(s.ref.id, s.as_of) for s in deleted.sightings] == [("gid://shopify/Order/7001", AT)]


def test_privacy_and_removal_become_facts_at_the_time_shopify_says():
    erased = inbound.read("customers/redact", b'{"customer": {"id": 5, "email": null}}', AT)
    assert erased.facts == (PersonErased(ObjectRef("customer", "gid://shopify/Customer/5"), AT, AT, None),)
    for topic, body in {
        "app/uninstalled": b'{"id": 9, "myshopify_domain": "acme.myshopify.com"}',
        "shop/redact": b'{"shop_id": 9, "shop_domain": "acme.myshopify.com"}',
    }.items():
        removed = inbound.read(topic, body, AT)
        assert removed.facts == (ConnectionRemoved(ObjectRef("shop", "gid://shopify/Shop/9"), AT, AT),)
    blank = inbound.read("app/uninstalled", b'{"id": 9, "myshopify_domain": null}', AT)
    assert (blank.outcome, blank.facts) == ("not_used", ())


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"null", b"{", b"[" * 100_000, b'{"id": 1e400}', b'{"id": NaN}', b'{"id": ' + b"9" * 5000 + b"}", b'{"id": true}', b'{"id": "1; drop"}', b"{}"],
)  # fmt: skip
def test_a_body_that_cannot_be_read_says_so_and_stops_nobody_else(body):
    for topic in ("orders/paid", "refunds/create"):
        with pytest.raises(ValueError, match=r"\w"):
            inbound.read(topic, body, AT)
    assert sighted().hints[0] == "CODE5"


@given(
    st.dictionaries(
        st.sampled_from([*ORDER, "customer", "processed_at", "admin_graphql_api_id"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "type", "code"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_stands_in_an_order_the_answer_is_a_named_outcome_or_a_reason(changes):
    try:
        reading = inbound.read("orders/updated", json.dumps({**ORDER, **changes}).encode(), AT)
    except ValueError as error:
        assert str(error)
    else:
        assert reading.outcome in inbound.OUTCOMES and reading.reason.endswith(".")


def test_the_door_stays_light_so_that_a_web_process_never_loads_the_sdk():
    code = (
        "import sys, adapters.shopify.inbound; print([m for m in ('shopify', 'requests', 'jwt') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_the_app_file_asks_for_exactly_the_scopes_that_the_manifest_explains():
    app = tomllib.loads((ROOT / "adapters/shopify/app/shopify.app.toml").read_text())
    assert app["access_scopes"]["scopes"].split(",") == [s.name for s in MANIFEST.scopes if not s.optional]
    assert app["access_scopes"]["optional_scopes"] == [s.name for s in MANIFEST.scopes if s.optional]
    assert app["webhooks"]["api_version"] == MANIFEST.api_version
    topics = {t for s in app["webhooks"]["subscriptions"] for t in s.get("topics", []) + s.get("compliance_topics", [])}
    assert topics <= inbound.TOPICS and topics >= inbound.PRIVACY | inbound.ORDERS
