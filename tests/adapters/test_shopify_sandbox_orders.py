"""Orders, webhooks, metafields and codes of the Shopify stand-in, held to Shopify's published schemas.

If a body or a field here were named or typed otherwise than Shopify's, the connector would pass against the stand-in
and lose orders in the first real shop.
"""

import base64
import hashlib
import hmac
import json
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client

SHOP = "anna.myshopify.com"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
CREDIT = """mutation C($id: ID!) { storeCreditAccountCredit(id: $id, creditInput: {
  creditAmount: {amount: "10.00", currencyCode: EUR}}) { userErrors { code } } }"""


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, SHOP, "t")
    client.control("shops", domain=SHOP, currency="EUR", token="t", secret=SECRET)
    yield client
    client.close()
    sandbox.stop()


@pytest.fixture
def customer(client):
    return client.control("customers", shop=SHOP, email="a@example.com", first_name="Ada")["gid"]


@pytest.fixture
def receiver():
    """A place that webhooks reach: the deliveries it got, and how many it still turns away."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(500 if len(got) <= refusals[0] else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    got, refusals = [], [0]
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/webhooks/shopify", got, refusals
    server.shutdown()
    thread.join()
    server.server_close()


# ── Orders and webhooks ─────────────────────────────────────────────────────────────────────────────────────────

ORDER = """
query Orders($ids: [ID!]!) { nodes(ids: $ids) { ... on Order {
  id displayFinancialStatus fullyPaid test sourceName email discountCodes
  subtotalPriceSet { shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } }
  currentSubtotalPriceSet { shopMoney { amount } } totalPriceSet { shopMoney { amount } }
  totalRefundedSet { shopMoney { amount } } totalTaxSet { shopMoney { amount } }
  customer { id numberOfOrders defaultEmailAddress { emailAddress } }
  customAttributes { key value }
  discountApplications(first: 5) { nodes { __typename ... on DiscountCodeApplication { code }
    ... on ManualDiscountApplication { title } } }
  customerJourneySummary { ready customerOrderIndex lastVisit { landingPage utmParameters { source content } } }
  refunds(first: 5) { id totalRefundedSet { shopMoney { amount } }
    refundLineItems(first: 5) { nodes { quantity subtotalSet { shopMoney { amount } } } } }
} } }"""


def test_an_order_shows_its_net_its_code_and_its_journey_once_ready(client):
    visit = {
        "landing_page": f"https://{SHOP}/?ref=ANNA",
        "source": "direct",
        "utm": {"source": "referral", "content": "ANNA"},
    }
    order = client.control(
        "orders",
        shop=SHOP,
        email="friend@example.com",
        items=[{"price": "60.00"}, {"price": "20.00", "quantity": 2}],
        discounts=[
            {"kind": "code", "name": "ANNA10", "amount": "10.00"},
            {"kind": "manual", "name": "VIP", "amount": "0"},
        ],
        tax="17.10",
        shipping="4.90",
        attributes={"ref": "ANNA"},
        visits=[visit],
        journey_ready_after=1,
        presentment={"currency": "JPY", "rate": "160"},
    )
    first, missing = client.ask(ORDER, ids=[order["gid"], "gid://shopify/Order/1"])["data"]["nodes"]
    again = client.ask(ORDER, ids=[order["gid"]])["data"]["nodes"][0]

    assert missing is None
    assert first["subtotalPriceSet"] == {
        "shopMoney": {"amount": "90.0", "currencyCode": "EUR"},
        "presentmentMoney": {"amount": "14400.0", "currencyCode": "JPY"},
    }
    assert first["totalPriceSet"]["shopMoney"]["amount"] == "112.0"
    assert (first["displayFinancialStatus"], first["fullyPaid"]) == ("PAID", True)
    assert first["discountCodes"] == ["ANNA10", "VIP"]
    assert first["discountApplications"]["nodes"] == [
        {"__typename": "DiscountCodeApplication", "code": "ANNA10"},
        {"__typename": "ManualDiscountApplication", "title": "VIP"},
    ]
    assert first["customer"]["numberOfOrders"] == "1"
    assert first["customerJourneySummary"] == {"ready": False, "customerOrderIndex": None, "lastVisit": None}
    assert again["customerJourneySummary"]["lastVisit"]["utmParameters"] == {"source": "referral", "content": "ANNA"}
    assert again["customerJourneySummary"]["customerOrderIndex"] == 1


def test_a_partial_refund_takes_back_its_share_and_a_full_one_the_rest(client):
    order = client.control(
        "orders",
        shop=SHOP,
        email="f@example.com",
        items=[{"price": "30.00", "quantity": 3}],
        tax="18.00",
        shipping="5.00",
    )
    path = f"orders/{order['id']}/refund"
    client.control(path, lines=[{"line": 0, "quantity": 1}])
    half = client.ask(ORDER, ids=[order["gid"]])["data"]["nodes"][0]
    assert half["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    assert half["currentSubtotalPriceSet"]["shopMoney"]["amount"] == "60.0"
    assert half["refunds"][0]["totalRefundedSet"]["shopMoney"]["amount"] == "36.0"
    assert half["refunds"][0]["refundLineItems"]["nodes"][0]["subtotalSet"]["shopMoney"]["amount"] == "30.0"

    assert client.control(path)["status"] == "REFUNDED"
    whole = client.ask(ORDER, ids=[order["gid"]])["data"]["nodes"][0]
    assert whole["totalRefundedSet"]["shopMoney"]["amount"] == "113.0"
    assert "left to refund" in client.control(path, expect=422, amount="0.01")["error"]


def test_store_credit_spent_at_checkout_is_in_the_book(client, customer):
    client.ask(CREDIT, id=customer)
    client.control("orders", shop=SHOP, customer=customer, net="30.00", store_credit="4.00")
    book = client.book()
    assert [(e["kind"], e["minor"]) for e in book["entries"]] == [("credit", 1000), ("spent", 400)]
    assert book["differences"] == []
    query = """query T($id: ID!) { storeCreditAccount(id: $id) { transactions(first: 5, query: "type:debit") {
      nodes { event origin { ... on OrderTransaction { gateway amountSet { shopMoney { amount } } } } } } } }"""
    lines = client.ask(query, id=book["entries"][0]["account"])["data"]["storeCreditAccount"]["transactions"]["nodes"]
    origin = {"gateway": "shopify_store_credit", "amountSet": {"shopMoney": {"amount": "4.0"}}}
    assert lines == [{"event": "ORDER_PAYMENT", "origin": origin}]


def test_pages_of_orders_meet_without_gap_or_overlap(client):
    made = [client.control("orders", shop=SHOP, email=f"{n}@example.com", net="1.00")["gid"] for n in range(5)]
    query = """query P($after: String) { orders(first: 2, after: $after, sortKey: CREATED_AT, query: "test:false") {
      nodes { id } pageInfo { hasNextPage endCursor } } }"""
    seen, after = [], None
    while True:
        page = client.ask(query, after=after)["data"]["orders"]
        seen += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == made


def test_each_change_sends_its_signed_webhooks_until_they_are_taken(client, receiver):
    url, got, refusals = receiver
    refusals[0] = 1
    client.control("shops", domain=SHOP, token="t", secret=SECRET, target=url)
    order = client.control(
        "orders", shop=SHOP, email="f@example.com", net="10.00", landing_site="/?ref=A&utm_content=A"
    )
    assert client.control("drain", timeout_s=20)["idle"]
    client.control(f"orders/{order['id']}/refund", amount="2.00")
    client.control(f"orders/{order['id']}/edit", add=[{"price": "3.00"}])
    client.control(f"orders/{order['id']}/cancel", send=False)
    assert client.control("drain", timeout_s=20)["idle"]

    topics = Counter(headers["x-shopify-topic"] for headers, _ in got)
    assert sorted(topics) == ["orders/create", "orders/edited", "orders/paid", "orders/updated", "refunds/create"]
    for headers, body in got:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
        assert headers["x-shopify-hmac-sha256"] == base64.b64encode(digest).decode()
        assert headers["x-shopify-shop-domain"] == SHOP
        assert headers["x-shopify-webhook-id"]
    assert len({h["x-shopify-webhook-id"] for h, _ in got}) == len(got) - 1, "one delivery was turned away and repeated"
    assert sum(n for name, n in client.book()["deliveries"].items() if name.endswith(" 500")) == 1
    edited = next(json.loads(body) for headers, body in got if headers["x-shopify-topic"] == "orders/edited")
    assert list(edited) == ["order_edit"]
    refund = next(json.loads(body) for headers, body in got if headers["x-shopify-topic"] == "refunds/create")
    assert (refund["order_id"], refund["refund_line_items"], refund["transactions"][0]["amount"]) == (
        order["id"],
        [],
        "2.00",
    )


def test_copies_arrive_shuffled_and_a_wrong_secret_shows(client, receiver):
    url, got, _ = receiver
    client.control("shops", domain=SHOP, token="t", secret=SECRET, target=url)
    orders = [client.control("orders", shop=SHOP, net="1.00", send=False)["id"] for _ in range(3)]
    wanted = [{"topic": "orders/paid", "order": number} for number in orders]
    sent = client.control("send", shop=SHOP, deliveries=wanted, copies=4, shuffle=True, seed=5, concurrency=3)
    assert sent == {"sent": 12, "answers": {"200": 12}}
    assert Counter(json.loads(body)["id"] for _, body in got) == dict.fromkeys(orders, 4)
    assert len({h["x-shopify-webhook-id"] for h, _ in got}) == 3

    client.control("send", shop=SHOP, deliveries=wanted[:1], secret="another", test=True)
    headers, body = got[-1]
    right = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    assert headers["x-shopify-hmac-sha256"] != right
    assert headers["x-shopify-test"] == "true"


# ── Metafields and codes ────────────────────────────────────────────────────────────────────────────────────────


def test_metafields_are_written_all_or_none_and_only_over_what_was_read(client, customer):
    query = """mutation M($m: [MetafieldsSetInput!]!) { metafieldsSet(metafields: $m) {
      metafields { value compareDigest } userErrors { code elementIndex } } }"""

    def write(*values):
        rows = [{"ownerId": customer, "key": "source", "type": "single_line_text_field", **value} for value in values]
        return client.ask(query, m=rows)["data"]["metafieldsSet"]

    first = write({"value": "referral", "compareDigest": None})
    assert first["userErrors"] == []
    assert write({"value": "x", "compareDigest": None})["userErrors"][0]["code"] == "STALE_OBJECT"
    stale = write({"value": "y", "key": "other"}, {"value": "z", "compareDigest": "old"})
    assert (stale["metafields"], stale["userErrors"][0]["elementIndex"]) == ([], 1)
    digest = first["metafields"][0]["compareDigest"]
    assert write({"value": "advocate", "compareDigest": digest})["metafields"][0]["value"] == "advocate"
    assert (
        write(*[{"value": "v", "key": f"k{n}"} for n in range(26)])["userErrors"][0]["code"] == "LESS_THAN_OR_EQUAL_TO"
    )

    writes = [(e["key"], e["value"]) for e in client.book()["entries"] if e["kind"] == "metafield"]
    assert writes == [("app--1.source", "referral"), ("app--1.source", "advocate")]
    read = client.ask(
        'query R($id: ID!) { customer(id: $id) { metafield(key: "source", namespace: "$app") { value } } }', id=customer
    )
    assert read["data"]["customer"]["metafield"]["value"] == "advocate"


def test_a_redeem_code_is_unique_whatever_its_case(client):
    client.control(f"shops/{SHOP}/scopes", scopes=["write_discounts"])
    discount = client.control("discounts", shop=SHOP, title="Friends", codes=["ANNA10"])["gid"]
    query = """mutation B($id: ID!, $codes: [DiscountRedeemCodeInput!]!) { discountRedeemCodeBulkAdd(discountId: $id, codes: $codes) {
      bulkCreation { id done } userErrors { code } } }"""
    added = client.ask(query, id=discount, codes=[{"code": "anna10"}, {"code": "BEN10"}])["data"]
    bulk = added["discountRedeemCodeBulkAdd"]["bulkCreation"]
    assert bulk["done"] is False
    again = client.ask(
        "query D($id: ID!) { discountRedeemCodeBulkCreation(id: $id) { done importedCount failedCount } }",
        id=bulk["id"],
    )
    assert again["data"]["discountRedeemCodeBulkCreation"] == {"done": True, "importedCount": 1, "failedCount": 1}
    found = client.ask(
        '{ codeDiscountNodeByCode(code: "ben10") { id } none: codeDiscountNodeByCode(code: "x") { id } }'
    )
    assert found["data"] == {"codeDiscountNodeByCode": {"id": discount}, "none": None}


def test_a_webhook_subscription_is_kept_and_not_taken_twice(client):
    query = """mutation W($s: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: ORDERS_PAID, webhookSubscription: $s) {
      webhookSubscription { id uri topic } userErrors { message } } }"""
    given = {"uri": "https://example.com/webhooks/shopify"}
    made = client.ask(query, s=given)["data"]["webhookSubscriptionCreate"]["webhookSubscription"]
    assert client.ask(query, s=given)["data"]["webhookSubscriptionCreate"]["userErrors"]
    listed = client.ask("{ webhookSubscriptions(first: 5) { nodes { id uri topic } } }")
    assert listed["data"]["webhookSubscriptions"]["nodes"] == [made]


def test_a_merged_customer_is_gone_and_its_credit_is_not_lost_in_silence(client, customer):
    other = client.control("customers", shop=SHOP, email="b@example.com")
    client.ask(CREDIT, id=customer)
    ids = {"shop": SHOP, "keep": other["id"], "delete": int(customer.rsplit("/", 1)[1])}
    assert "STORE_CREDIT" in client.control("customers/merge", expect=422, **ids)["error"]
    client.control("customers/merge", force=True, **ids)
    assert client.ask("query Q($id: ID!) { customer(id: $id) { id } }", id=customer)["data"]["customer"] is None
    assert client.book()["differences"] == []


# ── Held to the published schemas ───────────────────────────────────────────────────────────────────────────────

CONTRACTS = os.environ.get("CONTRACTS_DIR", "")
contracts = pytest.mark.skipif(
    not CONTRACTS, reason="CONTRACTS_DIR is not set: Shopify's published schemas are not here"
)


def shopify_contract(*parts):
    return Path(CONTRACTS, "shopify", *parts)


@pytest.mark.contracts
@contracts
def test_webhook_bodies_have_the_names_and_types_of_shopifys_examples(client, receiver):
    url, got, _ = receiver
    client.control("shops", domain=SHOP, token="t", secret=SECRET, target=url)
    order = client.control(
        "orders",
        shop=SHOP,
        email="f@example.com",
        first_name="Finn",
        items=[{"price": "20.00", "quantity": 2}],
        discounts=[
            {"kind": "code", "name": "ANNA10", "amount": "4.00"},
            {"kind": "manual", "name": "VIP", "amount": "1.00"},
        ],
        tax="3.50",
        shipping="5.00",
        landing_site="/?ref=A",
        attributes={"ref": "A"},
    )
    client.control(f"orders/{order['id']}/refund", lines=[{"line": 0, "quantity": 1}], shipping="5.00")
    client.control(f"orders/{order['id']}/edit", add=[{"price": "3.00"}])
    client.control("customers", shop=SHOP, email="g@example.com", first_name="Gil", last_name="G")
    for topic in ("customers/redact", "customers/data_request", "shop/redact", "app/uninstalled"):
        client.control("send", shop=SHOP, deliveries=[{"topic": topic, "customer": order["customer"]}])
    assert client.control("drain", timeout_s=20)["idle"]

    seen = set()
    for headers, body in got:
        topic = headers["x-shopify-topic"]
        path = shopify_contract("webhook-schemas", "2026-07", f"{topic.replace('/', '.')}.schema.json")
        if path.exists():
            seen.add(topic)
            assert mismatches(json.loads(path.read_text()), json.loads(body), topic) == []
    assert seen >= {
        "orders/create",
        "orders/paid",
        "orders/updated",
        "refunds/create",
        "customers/create",
        "customers/redact",
    }


JSON_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", list: "array"}


def mismatches(rule, value, place):
    """Keys that Shopify has not and types that differ; null is let pass, as real bodies have more of it."""
    if value is None or not isinstance(rule, dict):
        return []
    allowed = rule.get("type", [])
    allowed = {allowed} if isinstance(allowed, str) else set(allowed)
    kind = JSON_TYPES[type(value)]
    if allowed - {"null"} and kind not in allowed and not (kind == "integer" and "number" in allowed):
        return [f"{place} is {kind}, published as {sorted(allowed)}"]
    if isinstance(value, list):
        return [p for n, item in enumerate(value) for p in mismatches(rule.get("items"), item, f"{place}[{n}]")]
    if isinstance(value, dict) and "properties" in rule:
        unknown = [f"{place}.{key} is not published" for key in value if key not in rule["properties"]]
        known = [k for k in value if k in rule["properties"]]
        return unknown + [p for k in known for p in mismatches(rule["properties"][k], value[k], f"{place}.{k}")]
    return []


@pytest.mark.contracts
@contracts
def test_an_order_body_lacks_nothing_that_shopifys_example_has(client, receiver):
    url, got, _ = receiver
    client.control("shops", domain=SHOP, token="t", secret=SECRET, target=url)
    client.control("orders", shop=SHOP, email="f@example.com", net="10.00")
    assert client.control("drain", timeout_s=20)["idle"]
    example = json.loads(shopify_contract("payloads-docs-2026-07", "orders.create.json").read_text())
    assert set(example) - set(json.loads(got[0][1])) <= {"company"}
