"""A merchant's money follows what Shopify sends: a forged, foreign or broken delivery must cost nobody anything."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import links
from adapters.shopify import MANIFEST, inbound
from connector.domain.facts import (
    AccountErased,
    ConnectionRemoved,
    DataRequested,
    ObjectRef,
    PeopleMerged,
    PersonErased,
    PersonGone,
    RewardReleased,
    ScopesChanged,
    SettingsChanged,
)
from connector.domain.touch import Source
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Visitor
from connector.ports.platform import Seen

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
    touch = links.link_touch(link, Source.LANDING_SITE, AT)
    assert (touch and touch.code) == code


@given(st.text() | st.text().map(lambda t: f"https://x/?ref={t}&utm_source=referral&utm_content={t}"))
def test_no_text_in_a_link_can_stop_a_delivery(text):
    touch = links.link_touch(text, Source.LANDING_SITE, AT)
    if touch:
        assert 0 < len(touch.code) <= 255 and touch.code == touch.code.strip()
        assert not set(touch.code) & set(map(chr, range(32)))
        touch.code.encode()


def test_changes_that_show_a_part_have_the_whole_order_read():
    for topic, body in {
        "refunds/create": {"id": 1, "order_id": 7001, "processed_at": "2026-11-20T10:00:00Z"},
        "returns/close": {"id": 1, "order_id": 7001, "status": "closed"},
        "returns/approve": {"id": 1, "order": {"id": 7001, "admin_graphql_api_id": "gid://shopify/Order/7001"}},
        "disputes/update": {"id": 1, "order_id": 7001, "status": "lost"},
        "order_transactions/create": {"id": 1, "order_id": 7001, "created_at": "2026-11-20T10:00:00Z"},
        "orders/edited": {"order_edit": {"id": 1, "order_id": "7001", "committed_at": "2026-11-20T10:00:00Z"}},
    }.items():
        reading = inbound.read(topic, json.dumps(body).encode(), AT)
        assert reading.outcome == "order_changed"
        assert [(s.ref.id, s.as_of) for s in reading.sightings] == [("gid://shopify/Order/7001", AT)]
    assert told("disputes/create", {"id": 1, "order_id": None}).outcome == "not_used"
    deleted = inbound.read("orders/delete", b'{"id": 7001}', AT)
    assert [(s.ref.id, s.as_of) for s in deleted.sightings] == [("gid://shopify/Order/7001", AT)]


def told(topic, body):
    return inbound.read(topic, json.dumps(body).encode(), AT)


def test_what_happens_to_people_and_to_the_shop_becomes_facts_at_the_time_shopify_says():
    five, six = (ObjectRef("customer", f"gid://shopify/Customer/{number}") for number in (5, 6))
    shop = ObjectRef("shop", "gid://shopify/Shop/9")
    ids = {"admin_graphql_api_customer_kept_id": five.id, "admin_graphql_api_customer_deleted_id": six.id}
    scopes = ("read_orders", "read_x", "write_x")
    for topic, body, outcome, fact in [
        ("customers/redact", {"customer": {"id": 5, "email": None}}, "person_erased", PersonErased(five, AT, AT)),
        ("customers/merge", {**ids, "status": "Completed"}, "people_joined", PeopleMerged(five, AT, AT, six)),
        ("customers/delete", {"id": 5, "admin_graphql_api_id": five.id}, "person_gone", PersonGone(five, AT, AT)),
        ("customers/data_request", {"customer": {"id": 5}, "data_request": {"id": 7}}, "data_requested", DataRequested(five, AT, AT, "7")),
        ("app/uninstalled", {"id": 9, "myshopify_domain": SHOP}, "connection_removed", ConnectionRemoved(shop, AT, AT)),
        ("shop/redact", {"shop_id": 9, "shop_domain": SHOP}, "account_erased", AccountErased(shop, AT, AT)),
        ("shop/update", {"id": 9, "email": "owner@acme.example"}, "settings_changed", SettingsChanged(shop, AT, AT)),
        ("app/scopes_update", {"shop_id": shop.id, "current": ["write_x", "read_orders"]}, "scopes_changed", ScopesChanged(shop, AT, AT, scopes)),
    ]:  # fmt: skip
        reading = told(topic, body)
        assert (reading.outcome, reading.facts) == (outcome, (fact,)), topic
        assert bool(reading.people) == topic.startswith("customers/"), topic
    for topic, body in {
        "app/uninstalled": {"id": 9, "myshopify_domain": None},
        "shop/redact": {"shop_id": 9, "shop_domain": ""},
        "customers/merge": {**ids, "status": "failed"},
    }.items():
        blank = told(topic, body)
        assert (blank.outcome, blank.facts) == ("not_used", ())


def test_a_request_about_one_customer_never_erases_the_whole_shop():
    with pytest.raises(ValueError, match="one customer"):
        told("shop/redact", {"shop_id": 9, "shop_domain": SHOP, "customer": {"id": 5}})


def test_an_erasure_names_the_person_in_every_way_and_their_orders():
    body = {"customer": {"id": 5, "email": "Fi@x.example", "phone": "+49 1"}, "orders_to_redact": [70, 71]}
    assert set(told("customers/redact", body).people) == {
        Seen("customer", "gid://shopify/Customer/5"), Seen("email", "Fi@x.example"), Seen("phone", "+49 1"),
        Seen("order", "gid://shopify/Order/70"), Seen("order", "gid://shopify/Order/71"),
    }  # fmt: skip


def test_everybody_on_an_order_is_named_so_that_they_can_be_forgotten_also_in_notes():
    order = {
        **ORDER, "contact_email": "a@x.example", "email": "a@x.example", "billing_address": {"phone": "111"},
        "customer": {"id": 5, "email": "b@x.example", "default_address": {"customer_id": 6, "phone": None}},
        "line_items": [{"id": 8, "properties": [{"name": "Send to", "value": "c@x.example"}]}],
    }  # fmt: skip
    assert set(told("orders/paid", order).people) == {
        *(Seen("email", f"{who}@x.example") for who in "abc"), Seen("phone", "111"),
        *(Seen("customer", f"gid://shopify/Customer/{number}") for number in (5, 6)),
    }  # fmt: skip


def test_what_our_script_signed_stays_closed_until_the_journey_opens_it():
    (touch, hint) = inbound.evidence(
        {"note_attributes": [{"name": "ref", "value": "B"}, {"name": "_referral", "value": "A.1.s"}]}
    )
    assert (touch.source, touch.code, touch.confirmed) == (Source.CART_ATTRIBUTE, "A.1.s", False)
    assert (hint.source, hint.code) == (Source.CART_HINT, "B")


def test_an_order_is_also_known_by_its_checkout():
    assert sighted(checkout_token="abc123").also == ObjectRef("checkout", "abc123")
    assert sighted(checkout_token=None).also is None


# ── Runs of our step in the shop's own workflows ─────────────────────────────────────────────────────────────────

RUN = {
    "shop_id": 9, "shopify_domain": SHOP, "action_run_id": "run-1", "action_definition_id": "def-1",
    "handle": "issue-referral-credit", "properties": {"order_id": 7001},
}  # fmt: skip


def action(body, **more):
    sent = signed(body, topic=None, shop=None, event_id=None, webhook_id=None, **more)
    return Inbox("POST", "/actions/shopify", sent.headers, sent.body)


def test_a_run_of_our_step_is_taken_for_the_shop_that_its_signed_body_names():
    item = receive(action(RUN))
    assert (item.account, item.topic, item.key, item.known) == (SHOP, "flow/issue_referral_credit", "run-1", True)
    with pytest.raises(Rejected) as error:
        receive(action(RUN, secret="of somebody else"))
    assert error.value.status == 401
    for broken in (RUN | {"shopify_domain": "evil.com"}, RUN | {"action_run_id": ""}, ORDER, [], b"{"):
        with pytest.raises(Rejected):
            receive(action(broken))
    assert not receive(action(RUN | {"handle": "another-step"})).known
    assert not receive(signed(RUN, topic="flow/issue_referral_credit")).known


@pytest.mark.parametrize(
    ("properties", "ref"),
    [
        ({"order_id": 7001}, ObjectRef("order", "gid://shopify/Order/7001")),
        ({"order_id": "gid://shopify/Order/7001"}, ObjectRef("order", "gid://shopify/Order/7001")),
        ({"order": {"id": 1, "admin_graphql_api_id": "gid://shopify/Order/7001"}}, ObjectRef("order", "gid://shopify/Order/7001")),
        ({"referral-id": "0197", "order_id": 7001}, ObjectRef("referral", "0197")),
    ],
)  # fmt: skip
def test_a_run_releases_the_reward_of_the_order_or_of_the_referral_it_names(properties, ref):
    (fact,) = told("flow/issue_referral_credit", RUN | {"properties": properties}).facts
    assert fact == RewardReleased(ref, AT, AT, "the shop's own Flow")


def test_a_run_that_names_neither_is_left_to_a_person():
    with pytest.raises(ValueError, match="order"):
        told("flow/issue_referral_credit", RUN | {"properties": {}})


# ── Visitors from the shop's own pages ───────────────────────────────────────────────────────────────────────────


def proxied(secret=SECRET, age=0, **changes):
    """A request as the app proxy passes it on; a list is a repeated key."""
    query = {"shop": SHOP, "logged_in_customer_id": "5", "path_prefix": "/apps/referral", "tag": ["b", "a"]}
    query |= {"timestamp": str(int(time.time()) - age), **changes}
    lists = {key: value if isinstance(value, list) else [value] for key, value in query.items()}
    text = "".join(f"{key}={','.join(values)}" for key, values in sorted(lists.items()))
    mark = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return Inbox("GET", "/touch/shopify?" + urlencode({**lists, "signature": [mark]}, doseq=True), {}, b"")


def test_the_app_proxys_signature_proves_the_shop_and_the_buyer():
    for secret in (SECRET, OLD_SECRET):
        assert inbound.visitor(proxied(secret), [SECRET, OLD_SECRET]) == Visitor(SHOP, "gid://shopify/Customer/5")
    assert inbound.visitor(proxied(logged_in_customer_id=""), [SECRET]) == Visitor(SHOP)
    good = proxied()
    forged = Inbox("GET", good.path.replace("customer_id=5", "customer_id=6"), {}, b"")
    bare = Inbox("GET", "/touch/shopify", {}, b"")
    old = [proxied(age=age) for age in (120, -120)]
    odd = [proxied(shop="evil.com"), proxied(timestamp="soon"), proxied(logged_in_customer_id="x"), proxied("")]
    for wrong in (forged, bare, *old, *odd):
        with pytest.raises(Rejected):
            inbound.visitor(wrong, [SECRET, ""])
    assert inbound.visitor(good, [SECRET])


def bearer(secret=SECRET, algorithm="HS256", **changes):
    now = int(time.time())
    claims = {"dest": SHOP, "aud": "key", "exp": now + 60, "nbf": now, "sub": "gid://shopify/Customer/5", **changes}
    token = jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm=algorithm)
    return Inbox("POST", "/touch/shopify", {"authorization": f"Bearer {token}"}, b"")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_session_token_proves_the_shop_and_the_buyer_who_is_logged_in():
    assert inbound.visitor(bearer(), [SECRET]) == Visitor(SHOP, "gid://shopify/Customer/5")
    assert inbound.visitor(bearer(OLD_SECRET, dest=f"https://{SHOP}", sub="42"), [SECRET, OLD_SECRET]) == Visitor(SHOP)
    assert inbound.visitor(bearer(sub=None), [SECRET]) == Visitor(SHOP)
    now = int(time.time())
    wrong = [
        bearer("another secret"), bearer(exp=None), bearer(exp=now - 60), bearer(nbf=now + 60), bearer(dest="evil.com"),
        bearer(dest=None), bearer(algorithm="HS512"), Inbox("GET", "/", {"authorization": "Bearer x.y.z"}, b""),
        Inbox("GET", "/", {"authorization": "Bearer "}, b""),
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(Rejected):
            inbound.visitor(each, [SECRET])


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
    needed = {"orders/create", "orders/paid", "orders/updated", "orders/cancelled", "refunds/create", "app/uninstalled"}
    assert topics <= inbound.TOPICS and topics >= inbound.PRIVACY | inbound.PEOPLE | needed
