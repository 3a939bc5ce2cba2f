"""The Shopify stand-in answers as Shopify does, and its book tells what really happened.

If it were kinder than Shopify, or its book wrong, every count of duplicate and missing credits made with it would
prove nothing.
"""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
import requests

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.book import Book
from adapters.shopify.sandbox.client import Client
from connector.domain.money import Money

SHOP = "anna.myshopify.com"
SECRET = "shpss_0123456789abcdef0123456789abcdef"
CREDIT = """
mutation Credit($id: ID!, $input: StoreCreditAccountCreditInput!) {
  storeCreditAccountCredit(id: $id, creditInput: $input) @idempotent(key: "same") {
    storeCreditAccountTransaction { id amount { amount currencyCode } expiresAt event account { id } }
    userErrors { code field message }
  }
}"""
DEBIT = """
mutation Debit($id: ID!, $input: StoreCreditAccountDebitInput!) {
  storeCreditAccountDebit(id: $id, debitInput: $input) {
    storeCreditAccountTransaction { id balanceAfterTransaction { amount } }
    userErrors { code }
  }
}"""
READ = """
query Read($id: ID!) {
  customer(id: $id) {
    numberOfOrders
    storeCreditAccounts(first: 5) { nodes { id balance { amount currencyCode }
      transactions(first: 10, query: "type:credit", sortKey: CREATED_AT, reverse: true) {
        nodes { __typename amount { amount } event origin { __typename } balanceAfterTransaction { amount }
          ... on StoreCreditAccountCreditTransaction { id expiresAt remainingAmount { amount } } }
        pageInfo { hasNextPage endCursor } } } }
  }
}"""


class Till(Client):
    """Pays and takes back store credit."""

    def credit(self, owner, amount="10.00", currency="EUR", expires_at=None):
        given = {"creditAmount": {"amount": amount, "currencyCode": currency}, "expiresAt": expires_at}
        return self.ask(CREDIT, id=owner, input=given)["data"]["storeCreditAccountCredit"]

    def debit(self, owner, amount, currency="EUR"):
        given = {"debitAmount": {"amount": amount, "currencyCode": currency}}
        return self.ask(DEBIT, id=owner, input=given)["data"]["storeCreditAccountDebit"]


@pytest.fixture
def client():
    sandbox = start()
    client = Till(sandbox.url, SHOP, "t")
    client.control("shops", domain=SHOP, currency="EUR", token="t", secret=SECRET)
    yield client
    client.close()
    sandbox.stop()


@pytest.fixture
def customer(client):
    return client.control("customers", shop=SHOP, email="a@example.com", first_name="Ada")["gid"]


def shop_status(client, *token):
    """The HTTP status of the plainest question there is."""
    asking = Client(client.url, SHOP, *(token or ["t"]))
    try:
        return asking.graphql("{ shop { id } }").status_code
    finally:
        asking.close()


def credits_of(book):
    return [e for e in book["entries"] if e["kind"] == "credit"]


# ── Store credit ────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_accepted_credit_moves_money_even_with_the_same_idempotency_key(client, customer):
    first, second = client.credit(customer), client.credit(customer)

    assert first["userErrors"] == second["userErrors"] == []
    assert first["storeCreditAccountTransaction"]["amount"] == {"amount": "10.0", "currencyCode": "EUR"}
    account = client.ask(READ, id=customer)["data"]["customer"]["storeCreditAccounts"]["nodes"][0]
    assert account["balance"]["amount"] == "20.0"
    lines = account["transactions"]["nodes"]
    assert [line["balanceAfterTransaction"]["amount"] for line in lines] == ["20.0", "10.0"]
    assert {(line["event"], line["origin"]) for line in lines} == {("ADJUSTMENT", None)}
    book = client.book()
    assert [e["minor"] for e in credits_of(book)] == [1000, 1000]
    assert {e["id"] for e in credits_of(book)} == {line["id"] for line in lines}
    assert book["differences"] == []


def test_expiry_keeps_its_whole_seconds_and_soonest_expiring_credit_is_taken_back_first(client, customer):
    late = (datetime.now(UTC) + timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:17Z")
    soon = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:43Z")
    client.credit(customer, "5.00", expires_at=late)
    client.credit(customer, "5.00", expires_at=soon)
    account = client.credit(customer, "5.00")["storeCreditAccountTransaction"]["account"]["id"]

    assert client.debit(account, "6.00")["storeCreditAccountTransaction"]["balanceAfterTransaction"]["amount"] == "9.0"

    lines = client.ask(READ, id=customer)["data"]["customer"]["storeCreditAccounts"]["nodes"][0]["transactions"][
        "nodes"
    ]
    left = {line["expiresAt"]: line["remainingAmount"]["amount"] for line in lines}
    assert left == {soon: "0.0", late: "4.0", None: "5.0"}


def test_expired_credit_leaves_the_balance_and_not_the_book(client, customer):
    client.credit(customer, "5.00", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    client.control("clock", advance_s=7200)

    account = client.ask(READ, id=customer)["data"]["customer"]["storeCreditAccounts"]["nodes"][0]
    assert account["balance"]["amount"] == "0.0"
    assert client.book()["differences"] == []


@pytest.mark.parametrize(
    ("owner", "amount", "currency", "expires_at", "code"),
    [
        ("customer", "0", "EUR", None, "NEGATIVE_OR_ZERO_AMOUNT"),
        ("customer", "-1", "EUR", None, "NEGATIVE_OR_ZERO_AMOUNT"),
        ("customer", "1", "EUR", "2020-01-01T00:00:00Z", "EXPIRES_AT_IN_PAST"),
        ("customer", "15000.01", "EUR", None, "CREDIT_LIMIT_EXCEEDED"),
        ("customer", "1", "ZAR", None, "UNSUPPORTED_CURRENCY"),
        ("account", "1", "USD", None, "MISMATCHING_CURRENCY"),
        ("gid://shopify/Customer/1", "1", "EUR", None, "OWNER_NOT_FOUND"),
        ("gid://shopify/StoreCreditAccount/1", "1", "EUR", None, "ACCOUNT_NOT_FOUND"),
    ],
)
def test_a_refused_credit_has_shopifys_code_and_no_effect(client, owner, amount, currency, expires_at, code):
    client.control("shops", domain=SHOP, currency="EUR", token="t", currencies=["EUR", "USD"])
    customer = client.control("customers", shop=SHOP, email="b@example.com")["gid"]
    account = client.credit(customer, "0.01")["storeCreditAccountTransaction"]["account"]["id"]

    answer = client.credit({"customer": customer, "account": account}.get(owner, owner), amount, currency, expires_at)

    assert answer["storeCreditAccountTransaction"] is None
    assert [e["code"] for e in answer["userErrors"]] == [code]
    book = client.book()
    assert len(credits_of(book)) == 1
    assert book["sends_without_effect"]["storeCreditAccountCredit refused"] == 1


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("10.01", "EUR", "INSUFFICIENT_FUNDS"),
        ("0", "EUR", "NEGATIVE_OR_ZERO_AMOUNT"),
        ("1", "USD", "ACCOUNT_NOT_FOUND"),
    ],
)
def test_a_refused_debit_has_shopifys_code_and_no_effect(client, customer, amount, currency, code):
    client.credit(customer)
    assert [e["code"] for e in client.debit(customer, amount, currency)["userErrors"]] == [code]
    assert [e["kind"] for e in client.book()["entries"]] == ["credit"]


def test_zero_decimal_currency_is_not_a_hundred_times_too_large(client, customer):
    client.credit(customer, "1000", "JPY")
    account = client.ask(READ, id=customer)["data"]["customer"]["storeCreditAccounts"]["nodes"][0]
    assert account["balance"] == {"amount": "1000.0", "currencyCode": "JPY"}
    assert credits_of(client.book())[0]["minor"] == 1000


def test_the_book_speaks_up_when_the_state_forgot_a_credit():
    book = Book()
    money = Money.parse("10.00", "EUR")
    held = {"account": "a", "shop": SHOP, "request": "r", "at": datetime.now(UTC), "customer": "c"}
    book.money("credit", id="1", money=money, **held)
    book.money("debit", id="2", money=Money.parse("4.00", "EUR"), **held)
    assert book.differences({"a": Money.parse("6.00", "EUR")}) == []
    assert book.differences({"a": money}) == ["a: book 600, state 1000"]
    assert book.differences({}) == ["a: book 600, state 0"]


# ── The door: tokens, documents, cost ───────────────────────────────────────────────────────────────────────────


def test_wrong_token_unknown_shop_and_uninstalled_shop_are_turned_away(client):
    client.token = "x"
    wrong = client.graphql("{ shop { id } }")
    words = "[API] Invalid API key or access token (unrecognized login or wrong password)"
    assert (wrong.status_code, wrong.json()) == (401, {"errors": words})
    client.token, client.shop = "t", "nobody.myshopify.com"
    assert client.graphql("{ shop { id } }").status_code == 404
    client.control(f"shops/{SHOP}/uninstall")
    assert shop_status(client) == 401


def test_the_shop_may_be_named_by_host(client):
    answer = client.http.post(
        f"{client.url}/admin/api/2026-10/graphql.json",
        json={"query": "{ shop { myshopifyDomain customerAccountsV2 { customerAccountsVersion } } }"},
        headers={"Host": SHOP, "X-Shopify-Access-Token": "t"},
        timeout=10,
    )
    assert answer.json()["data"]["shop"]["myshopifyDomain"] == SHOP
    assert answer.headers["X-Request-Id"]


def test_a_wrong_document_is_answered_in_shopifys_shape_and_not_executed(client):
    answer = client.ask("query Mine { shop { id nope } }")
    assert "data" not in answer
    assert answer["errors"][0]["path"] == ["query Mine", "shop", "nope"]
    assert answer["errors"][0]["extensions"] == {"code": "undefinedField", "fieldName": "nope", "typeName": "Shop"}

    answer = client.ask(CREDIT, id="gid://shopify/Customer/1", input={"creditAmount": {"amount": "ten"}})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_VARIABLE"
    assert client.book()["entries"] == []


def test_an_empty_bucket_throttles_and_nothing_is_executed(client):
    client.control("shops", domain=SHOP, token="t", bucket={"maximum": 25, "rate": 0.01})
    customer = client.control("customers", shop=SHOP, email="c@example.com")["gid"]
    given = {"creditAmount": {"amount": "1", "currencyCode": "EUR"}}
    answers = [client.ask(CREDIT, id=customer, input=given) for _ in range(3)]

    assert answers[1]["extensions"]["cost"]["throttleStatus"]["currentlyAvailable"] == 5.0
    assert answers[2]["errors"][0]["extensions"]["code"] == "THROTTLED"
    cost = answers[2]["extensions"]["cost"]
    assert (cost["requestedQueryCost"], cost["actualQueryCost"]) == (10, None)
    book = client.book()
    assert len(credits_of(book)) == 2
    assert book["sends_without_effect"]["storeCreditAccountCredit throttled"] == 1


def test_a_query_over_a_thousand_points_is_refused_and_unused_points_come_back(client, customer):
    query = "{ customers(first: %d) { nodes { id orders: storeCreditAccounts(first: 20) { nodes { id } } } } }"
    assert client.ask(query % 100)["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"

    cost = client.ask(query % 40)["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 2 + 40 * (1 + 2 + 20)
    assert cost["actualQueryCost"] == 2 + 1 + 2
    assert cost["throttleStatus"]["currentlyAvailable"] >= 2000 - cost["actualQueryCost"] - 1


def test_refresh_tokens_rotate_and_the_dead_one_is_refused(client):
    first = client.control("shops", domain=SHOP, token="t", secret=SECRET)["refresh_token"]

    def refresh(token, secret=SECRET):
        form = {"client_id": "k", "client_secret": secret, "grant_type": "refresh_token", "refresh_token": token}
        return client.http.post(f"{client.url}/{SHOP}/admin/oauth/access_token", data=form, timeout=10)

    second = refresh(first).json()
    assert second["expires_in"] == 3600
    again = refresh(first)
    assert again.status_code == 200, "the last token stays good until one of its successors is used"
    assert shop_status(client, again.json()["access_token"]) == 200
    assert refresh(first).json()["error"] == "invalid_grant", "its successor opened the shop"
    third = refresh(again.json()["refresh_token"]).json()
    assert refresh(again.json()["refresh_token"]).status_code == 200
    client.control("clock", advance_s=31 * 86400)
    late = refresh(again.json()["refresh_token"])
    assert late.json()["error"] == "invalid_grant", "thirty days at the most, used or not"
    assert refresh(third["refresh_token"]).json()["error"] == "invalid_grant", "it was replaced unused"
    assert refresh("made-up").json()["error"] == "invalid_grant"
    assert refresh(first, secret="wrong").status_code == 401
    client.control("clock", advance_s=3601)
    assert shop_status(client, second["access_token"]) == 401


def test_a_session_token_is_exchanged_only_for_its_own_shop(client):
    def exchange(dest):
        claims = {"dest": f"https://{dest}", "aud": "k", "exp": datetime.now(UTC) + timedelta(minutes=1)}
        form = {
            "client_secret": SECRET,
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": jwt.encode(claims, SECRET, algorithm="HS256"),
        }
        return client.http.post(f"{client.url}/{SHOP}/admin/oauth/access_token", json=form, timeout=10)

    assert shop_status(client, exchange(SHOP).json()["access_token"]) == 200
    assert exchange("other.myshopify.com").json()["error"] == "invalid_subject_token"


# ── Faults ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "effects", "seen"),
    [
        ({"fault": "status"}, 0, 429),
        ({"fault": "status", "status": 402}, 0, 402),
        ({"fault": "throttled"}, 0, "THROTTLED"),
        ({"fault": "5xx_before"}, 0, 503),
        ({"fault": "5xx_after"}, 1, 502),
        ({"fault": "cut_before"}, 0, "cut"),
        ({"fault": "cut_after"}, 1, "cut"),
        ({"fault": "slow", "when": "before", "delay_s": 0.2}, 1, "ok"),
        ({"fault": "slow", "when": "after", "delay_s": 0.2}, 1, "ok"),
        ({"fault": "html_200", "when": "before"}, 0, "unreadable"),
        ({"fault": "html_200", "when": "after"}, 1, "unreadable"),
        ({"fault": "empty_200", "when": "before"}, 0, "unreadable"),
        ({"fault": "empty_200", "when": "after"}, 1, "unreadable"),
        ({"fault": "partial_errors"}, 1, "data and INTERNAL_SERVER_ERROR"),
    ],
)
def test_a_fault_strikes_once_as_named_and_the_book_knows_the_effect(client, customer, fault, effects, seen):
    client.control("faults", operation="storeCreditAccountCredit", count=1, **fault)
    given = {"creditAmount": {"amount": "1", "currencyCode": "EUR"}}

    assert _seen(client, customer, given) == seen
    book = client.book()
    assert len(credits_of(book)) == effects
    side = "sends_with_effect" if effects else "sends_without_effect"
    assert sum(n for name, n in book[side].items() if name.startswith("storeCreditAccountCredit")) == 1

    assert _seen(client, customer, given) == "ok", "the switch was good for one call"
    assert len(credits_of(client.book())) == effects + 1
    assert client.book()["differences"] == []


def _seen(client, customer, given):
    """What the caller could tell of its call, in a word or by status."""
    try:
        answer = client.graphql(CREDIT, id=customer, input=given)
    except requests.ConnectionError as error:
        return "cut" if "reset" in str(error).lower() else str(error)
    if answer.status_code != 200:
        assert ("Retry-After" in answer.headers) == (answer.status_code == 429)
        return answer.status_code
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return "unreadable"
    code = body["errors"][0]["extensions"]["code"] if "errors" in body else "ok"
    return f"data and {code}" if "errors" in body and body.get("data") else code


def test_a_slow_answer_outlasts_an_impatient_caller_after_the_effect(client, customer):
    client.control("faults", fault="slow", when="after", delay_s=1.0, operation="Credit", count=1)
    given = {"creditAmount": {"amount": "1", "currencyCode": "EUR"}}
    with pytest.raises(requests.ReadTimeout):
        client.graphql(CREDIT, id=customer, input=given, timeout_s=0.3)
    assert len(credits_of(client.book())) == 1


def test_seeded_faults_strike_the_same_calls_again_and_clearing_ends_them(client, customer):
    def pattern():
        client.control("faults", verb="DELETE")
        client.control("faults", fault="5xx_before", probability=0.5, seed=11)
        return [shop_status(client) for _ in range(12)]

    first = pattern()
    assert set(first) == {200, 503}
    assert pattern() == first
    client.control("faults", verb="DELETE")
    assert {shop_status(client) for _ in range(6)} == {200}


def test_an_unknown_fault_is_refused_with_the_names_there_are(client):
    assert "cut_after" in client.control("faults", expect=422, fault="cut")["error"]
