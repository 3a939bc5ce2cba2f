"""What the Shopify stand-in does to an app: grants and withholds scopes, signs what it sends, hides people.

Every door of the connector is tried against these signatures and refusals; were they not Shopify's own, a door could
stand open, or stay shut, in front of real shops alone.
"""

import hashlib
import hmac
import json
import threading
from base64 import b64encode
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, parse_qsl

import jwt
import pytest
from shopify import Session, session_token

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client

SHOP = "anna.myshopify.com"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
KEY = "app-key"
BASE = ["write_orders", "read_customers", "read_store_credit_accounts"]
ISSUE = """mutation G($input: GiftCardCreateInput!) { giftCardCreate(input: $input) { giftCard { id } userErrors { code } } }"""
TEN = {"initialAmount": {"amount": "10.00", "currencyCode": "EUR"}}
PERSON = """query P($id: ID!) { customer(id: $id) { id email firstName lastName displayName
  defaultEmailAddress { emailAddress } } }"""
ORDER = """query O($id: ID!) { order(id: $id) { id email updatedAt disputes { id initiatedAs status }
  customer { id email } customerJourneySummary { lastVisit { landingPage referrerUrl utmParameters { content } } } } }"""


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, SHOP, "t")
    client.control("shops", domain=SHOP, currency="EUR", token="t", secret=SECRET, api_key=KEY, scopes=BASE)
    yield client
    client.close()
    sandbox.stop()


@pytest.fixture
def inbox(client):
    """An app's webhook address: the topics, headers and bodies that arrive at it."""
    found = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            found.append((self.headers["X-Shopify-Topic"], dict(self.headers), raw))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    target = f"http://127.0.0.1:{server.server_address[1]}/"
    client.control("shops", domain=SHOP, currency="EUR", token="t", secret=SECRET, target=target, scopes=BASE)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def arrived(client, inbox):
    """All webhooks by topic, once they are answered."""
    assert client.control("drain", timeout_s=10)["idle"]
    return {topic: json.loads(raw) for topic, _, raw in inbox}


def token(client, **form):
    body = {"client_id": KEY, "client_secret": SECRET, **form}
    return client.http.post(f"{client.url}/{SHOP}/admin/oauth/access_token", json=body, timeout=10)


def opens(client, access):
    asking = Client(client.url, SHOP, access)
    try:
        return asking.graphql("{ shop { id } }").status_code == 200
    finally:
        asking.close()


# ── Scopes ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_field_without_its_scope_is_null_with_shopifys_error_and_no_effect(client):
    answer = client.ask(ISSUE, input=TEN)
    assert answer["data"] == {"giftCardCreate": None}
    (error,) = answer["errors"]
    words = "Access denied for giftCardCreate field. Required access: `write_gift_cards` access scope."
    assert (error["message"], error["path"]) == (words, ["giftCardCreate"])
    assert error["extensions"]["code"] == "ACCESS_DENIED"
    assert error["extensions"]["requiredAccess"] == "`write_gift_cards` access scope."
    book = client.book()
    assert book["entries"] == []
    assert book["sends_without_effect"]["giftCardCreate denied"] == 1

    client.control(f"shops/{SHOP}/scopes", scopes=[*BASE, "write_gift_cards"])
    gid = client.ask(ISSUE, input=TEN)["data"]["giftCardCreate"]["giftCard"]["id"]
    given = {"debitAmount": {"amount": "1", "currencyCode": "EUR"}}
    query = "mutation D($id: ID!, $i: GiftCardDebitInput!) { giftCardDebit(id: $id, debitInput: $i) { userErrors { code } } }"
    denied = client.ask(query, id=gid, i=given)
    assert "write_gift_card_transactions" in denied["errors"][0]["message"], "its own scope, beside write_gift_cards"


def test_every_guarded_field_asks_for_its_scope_and_writing_includes_reading(client):
    order = client.control("orders", shop=SHOP, net="1", email="a@example.com", send=False)["gid"]
    client.control(f"shops/{SHOP}/scopes", scopes=[])
    asked = {
        "orders(first: 1) { nodes { id } }": "read_orders",
        f'order(id: "{order}") {{ id }}': "read_orders",
        f'node(id: "{order}") {{ id }}': "read_orders",
        "customers(first: 1) { nodes { id } }": "read_customers",
        'codeDiscountNodeByCode(code: "X") { id }': "read_discounts",
        "giftCards(first: 1) { nodes { id } }": "read_gift_cards",
        'storeCreditAccount(id: "gid://shopify/StoreCreditAccount/1") { id }': "read_store_credit_accounts",
    }
    for field, scope in asked.items():
        denied = client.ask(f"{{ {field} }}")
        assert f"`{scope}` access scope" in denied["errors"][0]["message"], field
        client.control(f"shops/{SHOP}/scopes", scopes=[scope.replace("read_", "write_")])
        assert "errors" not in client.ask(f"{{ {field} }}"), field
        client.control(f"shops/{SHOP}/scopes", scopes=[])


def test_one_denied_node_is_null_beside_the_others(client):
    made = client.control("orders", shop=SHOP, net="1", email="a@example.com", send=False)
    customer = f"gid://shopify/Customer/{made['customer']}"
    client.control(f"shops/{SHOP}/scopes", scopes=["read_customers"])
    answer = client.ask("query N($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[made["gid"], customer])
    assert answer["data"]["nodes"] == [None, {"id": customer}]
    assert [e["path"] for e in answer["errors"]] == [["nodes", 0]]


def test_granted_scopes_are_told_and_a_change_is_sent(client, inbox):
    client.control(f"shops/{SHOP}/scopes", scopes=["write_orders", "read_orders", "read_customers"])
    answer = client.ask("{ currentAppInstallation { accessScopes { handle } } }")
    handles = [scope["handle"] for scope in answer["data"]["currentAppInstallation"]["accessScopes"]]
    assert handles == ["write_orders", "read_orders", "read_customers"]
    code = client.control(f"shops/{SHOP}/authorize")["code"]
    assert token(client, code=code, expiring=1).json()["scope"] == "write_orders,read_customers"
    body = arrived(client, inbox)["app/scopes_update"]
    assert (body["previous"], body["current"]) == (BASE, ["write_orders", "read_orders", "read_customers"])
    assert body["shop_id"].startswith("gid://shopify/Shop/")
    assert body["updated_at"].endswith("Z")


# ── Joining ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_authorization_code_comes_signed_and_is_good_once(client):
    made = client.control(f"shops/{SHOP}/authorize", state="abc")
    query = dict(parse_qsl(made["query"]))
    assert set(query) == {"code", "hmac", "host", "shop", "state", "timestamp"}
    assert (query["code"], query["shop"], query["state"]) == (made["code"], SHOP, "abc")
    Session.setup(api_key=KEY, secret=SECRET)
    assert Session.validate_params(dict(query))
    assert not Session.validate_params({**query, "shop": "evil.myshopify.com"})

    client.control(f"shops/{SHOP}/uninstall")
    assert token(client, code=made["code"], client_id="other").status_code == 401
    pair = token(client, code=made["code"], expiring=1).json()
    assert (pair["expires_in"], bool(pair["refresh_token"])) == (3600, True)
    assert opens(client, pair["access_token"])
    assert not opens(client, "t"), "the tokens of before the uninstall stay dead"
    assert token(client, code=made["code"], expiring=1).json()["error"] == "invalid_request"
    late = client.control(f"shops/{SHOP}/authorize")["code"]
    client.control("clock", advance_s=601)
    assert token(client, code=late, expiring=1).status_code == 400


def test_a_token_ends_only_where_expiring_was_asked_for(client):
    for expiring, keys in ((1, 5), (None, 2)):
        code = client.control(f"shops/{SHOP}/authorize")["code"]
        assert len(token(client, code=code, expiring=expiring).json()) == keys


def test_an_idle_refresh_token_dies_after_ninety_days(client):
    code = client.control(f"shops/{SHOP}/authorize")["code"]
    refresh = token(client, code=code, expiring=1).json()["refresh_token"]
    client.control("clock", advance_s=90 * 86400 + 1)
    assert token(client, grant_type="refresh_token", refresh_token=refresh).json()["error"] == "invalid_grant"


def test_session_tokens_are_app_bridges_own_and_a_buyers_differ(client):
    staff = client.control(f"shops/{SHOP}/session")["token"]
    claims = session_token.decode_from_header(f"Bearer {staff}", KEY, SECRET)
    assert (claims["dest"], claims["iss"], claims["aud"]) == (f"https://{SHOP}", f"https://{SHOP}/admin", KEY)
    assert claims["exp"] - claims["iat"] == 60
    assert {"jti", "nbf", "sid", "sub"} <= set(claims)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "expiring": 1}
    assert opens(client, token(client, **form, subject_token=staff).json()["access_token"])
    dead = client.control(f"shops/{SHOP}/session", life_s=-30)["token"]
    assert token(client, **form, subject_token=dead).json()["error"] == "invalid_subject_token"

    def buyer(customer):
        text = client.control(f"shops/{SHOP}/session", customer=customer)["token"]
        return text, jwt.decode(text, SECRET, algorithms=["HS256"], audience=KEY)

    text, known = buyer("gid://shopify/Customer/7")
    assert (known["dest"], known["sub"], "iss" in known) == (SHOP, "gid://shopify/Customer/7", False)
    assert "sub" not in buyer(None)[1]
    assert token(client, **form, subject_token=text).json()["error"] == "invalid_subject_token"


def test_the_app_proxy_signs_sorted_pairs_with_repeated_keys_joined(client):
    given = {"extra": ["1", "2"], "code": "ANNA"}
    made = client.control(
        "proxy", shop=SHOP, path="/apps/friends/me", query=given, logged_in_customer="gid://shopify/Customer/7"
    )
    query = parse_qs(made["query"], keep_blank_values=True)
    (signature,) = query.pop("signature")
    text = "".join(sorted(f"{key}={','.join(values)}" for key, values in query.items()))
    assert signature == hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    assert (query["path_prefix"], query["logged_in_customer_id"]) == (["/apps/friends"], ["7"])
    assert (query["extra"], query["shop"]) == (["1", "2"], [SHOP])
    assert abs(int(query["timestamp"][0]) - datetime.now(UTC).timestamp()) < 30
    nobody = parse_qs(client.control("proxy", shop=SHOP, path="/apps/friends")["query"], keep_blank_values=True)
    assert nobody["logged_in_customer_id"] == [""]


# ── Disputes, and what else is sent ─────────────────────────────────────────────────────────────────────────────


def test_a_dispute_stands_on_the_order_and_is_sent_with_the_touched_order(client, inbox):
    order = client.control("orders", shop=SHOP, net="20.00", email="a@example.com", send=False)
    before = client.ask(ORDER, id=order["gid"])["data"]["order"]
    assert before["disputes"] == []
    client.control(f"orders/{order['id']}/dispute", status="NEEDS_RESPONSE")
    opened = client.ask(ORDER, id=order["gid"])["data"]["order"]
    assert [(d["initiatedAs"], d["status"]) for d in opened["disputes"]] == [("CHARGEBACK", "NEEDS_RESPONSE")]
    assert opened["updatedAt"] > before["updatedAt"]
    client.control(f"orders/{order['id']}/dispute", status="LOST")
    lost = client.ask(ORDER, id=order["gid"])["data"]["order"]
    assert lost["disputes"] == [{**opened["disputes"][0], "status": "LOST"}]
    sent = arrived(client, inbox)
    assert set(sent) == {"disputes/create", "disputes/update", "orders/updated"}
    told = sent["disputes/create"]
    assert (told["order_id"], told["type"], told["amount"], told["currency"], told["status"]) == (
        order["id"],
        "chargeback",
        "20.00",
        "EUR",
        "needs_response",
    )
    assert sent["disputes/update"]["status"] == "lost"
    client.control(f"orders/{order['id']}/dispute", expect=422, status="ANGRY")


def test_deleted_and_unmerged_customers_and_a_changed_shop_are_sent(client, inbox):
    keep, gone = (client.control("customers", shop=SHOP, email=f"{n}@example.com", send=False) for n in "ab")
    client.control("customers/merge", shop=SHOP, keep=keep["id"], delete=gone["id"], status="failed")
    assert client.ask(PERSON, id=gone["gid"])["data"]["customer"]["id"] == gone["gid"]
    client.control("orders", shop=SHOP, net="1", customer=gone["gid"], send=False)
    assert "orders" in client.control(f"customers/{gone['id']}/delete", expect=422)["error"]
    client.control(f"customers/{gone['id']}/delete", force=True)
    assert client.ask(PERSON, id=gone["gid"])["data"]["customer"] is None
    client.control(f"shops/{SHOP}/update", name="Anna's", zone="Europe/Paris")
    sent = arrived(client, inbox)
    assert (sent["customers/merge"]["status"], len(sent["customers/merge"]["errors"])) == ("failed", 1)
    assert (sent["customers/delete"]["id"], "email" in sent["customers/delete"]) == (gone["id"], False)
    assert (sent["shop/update"]["name"], sent["shop/update"]["iana_timezone"]) == ("Anna's", "Europe/Paris")


def test_any_of_these_can_be_sent_by_itself_with_a_time_of_choice(client, inbox):
    order = client.control("orders", shop=SHOP, net="1", email="a@example.com", send=False)
    topics = [{"topic": name} for name in ("app/scopes_update", "app/uninstalled", "shop/update")]
    deliveries = [*topics, {"topic": "returns/close", "order": order["id"]}]
    deliveries.append({"topic": "customers/delete", "customer": order["customer"]})
    headers = {"X-Shopify-Triggered-At": "2026-01-01T00:00:00.000000000Z"}
    sent = client.control("send", shop=SHOP, deliveries=deliveries, headers=headers)
    assert sent["answers"] == {"200": 5}
    bodies = arrived(client, inbox)
    assert (bodies["returns/close"]["order_id"], bodies["returns/close"]["status"]) == (order["id"], "closed")
    assert {h["X-Shopify-Triggered-At"] for _, h, _ in inbox} == set(headers.values())
    for _, told, raw in inbox:
        signed = b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
        assert told["X-Shopify-Hmac-Sha256"] == signed


def test_an_app_without_protected_data_sees_ids_and_no_people(client, inbox):
    visit = {"landing_page": "/?ref=A", "referrer": "https://x.example", "utm": {"content": "A"}}
    person = client.control("customers", shop=SHOP, email="a@example.com", first_name="Anna", phone="+491", send=False)
    order = client.control("orders", shop=SHOP, net="1", customer=person["gid"], visits=[visit], send=False)
    assert client.ask(PERSON, id=person["gid"])["data"]["customer"]["email"] == "a@example.com"

    client.control(f"shops/{SHOP}/update", protected=False)
    assert client.ask(PERSON, id=person["gid"])["data"]["customer"] == {
        "id": person["gid"],
        "email": None,
        "firstName": None,
        "lastName": None,
        "displayName": "",
        "defaultEmailAddress": None,
    }
    seen = client.ask(ORDER, id=order["gid"])["data"]["order"]
    assert (seen["email"], seen["customer"]) == (None, {"id": person["gid"], "email": None})
    assert seen["customerJourneySummary"]["lastVisit"] == {
        "landingPage": None,
        "referrerUrl": None,
        "utmParameters": {"content": "A"},
    }
    client.control("send", shop=SHOP, deliveries=[{"topic": "orders/paid", "order": order["id"]}])
    body = arrived(client, inbox)["orders/paid"]
    assert (body["id"], body["email"], body["contact_email"]) == (order["id"], None, None)
    assert (body["customer"]["id"], body["customer"]["email"]) == (person["id"], None)
    assert (body["customer"]["first_name"], body["customer"]["phone"]) == (None, None)
    assert "a@example.com" not in json.dumps(body)
