"""Gift cards and store credit of the Shopify stand-in behave as Shopify's.

Were it kinder than Shopify, a reward that a real shop refuses, or pays twice, would pass every test made with it.
"""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client

SHOP = "anna.myshopify.com"
SCOPES = [
    "write_orders",
    "write_customers",
    "write_discounts",
    "write_gift_cards",
    "write_gift_card_transactions",
    "read_store_credit_accounts",
    "write_store_credit_account_transactions",
]
CARD = "id balance { amount currencyCode } enabled lastCharacters note expiresOn customer { id }"
ISSUE = (
    "mutation G($input: GiftCardCreateInput!) { giftCardCreate(input: $input) { giftCardCode "
    "giftCard { %s } userErrors { code field } } }"
).replace("%s", CARD)
MOVED = "id note processedAt amount { amount } giftCard { balance { amount } }"
DEBIT = (
    "mutation T($id: ID!, $input: GiftCardDebitInput!) { giftCardDebit(id: $id, debitInput: $input) "
    "{ giftCardDebitTransaction { %s } userErrors { code field } } }"
).replace("%s", MOVED)
CREDIT = (
    "mutation T($id: ID!, $input: GiftCardCreditInput!) { giftCardCredit(id: $id, creditInput: $input) "
    "{ giftCardCreditTransaction { %s } userErrors { code field } } }"
).replace("%s", MOVED)
KILL = "mutation K($id: ID!) { giftCardDeactivate(id: $id) { giftCard { %s deactivatedAt } userErrors { code } } }".replace(
    "%s", CARD
)


class Till(Client):
    """Asks, and hands back what the one root field holds."""

    def run(self, query, **variables):
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        (found,) = answer["data"].values()
        return found

    def card(self, **changes):
        return self.run(ISSUE, input={"initialAmount": eur("10.00"), **changes})


@pytest.fixture
def client():
    sandbox = start()
    client = Till(sandbox.url, SHOP, "t")
    client.control("shops", domain=SHOP, currency="EUR", token="t", scopes=SCOPES)
    yield client
    client.close()
    sandbox.stop()


@pytest.fixture
def customer(client):
    return client.control("customers", shop=SHOP, email="anna@example.com", first_name="Anna")["gid"]


def eur(amount):
    return {"amount": amount, "currencyCode": "EUR"}


def later(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


# ── Gift cards ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gift_card_tells_its_code_once_and_the_same_code_is_taken(client, customer):
    made = client.card(code="RefCredit001", customerId=customer, note="r1", expiresOn="2999-01-31")
    assert made["giftCardCode"] == "refcredit001"
    assert {k: v for k, v in made["giftCard"].items() if k != "id"} == {
        "balance": {"amount": "10.0", "currencyCode": "EUR"},
        "enabled": True,
        "lastCharacters": "t001",
        "note": "r1",
        "expiresOn": "2999-01-31",
        "customer": {"id": customer},
    }
    again = client.card(code="REFCREDIT001")
    assert (again["giftCard"], again["giftCardCode"]) == (None, None)
    assert again["userErrors"] == [{"code": "TAKEN", "field": ["input", "code"]}]
    client.control("shops", domain="other.myshopify.com", token="t", scopes=SCOPES, taken_told=False)
    client.shop = "other.myshopify.com"
    client.card(code="RefCredit001")
    silent = client.card(code="refcredit001")
    assert silent["userErrors"] == [{"code": None, "field": ["input", "code"]}], "as a real shop was seen to say it"
    client.shop = SHOP
    (issued,) = [e for e in client.book()["entries"] if e["shop"] == SHOP]
    assert (issued["kind"], issued["minor"], issued["customer"]) == ("gift_card_issue", 1000, customer)
    assert (issued["note"], issued["account"]) == ("r1", made["giftCard"]["id"])
    other = client.card(code="another9999")
    list_of = "query L($q: String!) { giftCards(first: 5, query: $q) { nodes { id } } }"
    for query in ("last_characters:t001", "RefCredit001", f"id:{made['giftCard']['id'].rpartition('/')[2]}"):
        assert client.run(list_of, q=query)["nodes"] == [{"id": made["giftCard"]["id"]}]
    assert len(client.run(list_of, q="status:enabled")["nodes"]) == 2
    assert client.run("query N($id: ID!) { node(id: $id) { id } }", id=other["giftCard"]["id"]) is not None


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"code": "short"}, "TOO_SHORT", ["code"]),
        ({"code": "a" * 21}, "TOO_LONG", ["code"]),
        ({"code": "with-dashes"}, "INVALID", ["code"]),
        ({"customerId": "gid://shopify/Customer/1"}, "CUSTOMER_NOT_FOUND", ["customerId"]),
        ({"initialAmount": {"amount": "0", "currencyCode": "EUR"}}, "GREATER_THAN", ["initialAmount"]),
        ({"initialAmount": None}, "MISSING_ARGUMENT", ["initialAmount"]),
        ({"initialAmount": {"amount": "999999", "currencyCode": "EUR"}}, "GIFT_CARD_LIMIT_EXCEEDED", ["initialAmount"]),
    ],
)
def test_a_refused_gift_card_has_shopifys_code_and_no_effect(client, changes, code, path):
    refused = client.card(**changes)
    assert refused["userErrors"] == [{"code": code, "field": ["input", *path]}]
    assert refused["giftCard"] is None
    assert client.book()["entries"] == []


def test_what_is_taken_from_a_gift_card_is_shown_below_zero_with_its_note(client):
    gid = client.card()["giftCard"]["id"]
    taken = client.run(DEBIT, id=gid, input={"debitAmount": eur("4.00"), "note": "reversal 7"})
    given = client.run(CREDIT, id=gid, input={"creditAmount": eur("1.50"), "note": "again"})
    client.control(f"gift_cards/{gid.rpartition('/')[2]}/spend", amount="2.50")

    assert taken["giftCardDebitTransaction"]["amount"] == {"amount": "-4.0"}
    assert given["giftCardCreditTransaction"]["giftCard"] == {"balance": {"amount": "7.5"}}
    card = client.run(
        """query C($id: ID!) { giftCard(id: $id) { balance { amount } initialValue { amount } transactions(first: 9) {
          nodes { __typename id note amount { amount } } } } }""",
        id=gid,
    )
    assert (card["balance"], card["initialValue"]) == ({"amount": "5.0"}, {"amount": "10.0"})
    lines = card["transactions"]["nodes"]
    assert [(n["__typename"], n["note"], n["amount"]["amount"]) for n in lines] == [
        ("GiftCardDebitTransaction", "reversal 7", "-4.0"),
        ("GiftCardCreditTransaction", "again", "1.5"),
        ("GiftCardDebitTransaction", None, "-2.5"),
    ]
    node = "query N($id: ID!) { node(id: $id) { ... on GiftCardDebitTransaction { note } } }"
    assert client.run(node, id=lines[0]["id"]) == {"note": "reversal 7"}
    book = client.book()
    assert [(e["kind"], e["minor"]) for e in book["entries"]] == [
        ("gift_card_issue", 1000),
        ("gift_card_debit", 400),
        ("gift_card_credit", 150),
        ("gift_card_spent", 250),
    ]
    assert book["differences"] == []


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        ("10.01", "EUR", "INSUFFICIENT_FUNDS"),
        ("0", "EUR", "NEGATIVE_OR_ZERO_AMOUNT"),
        ("1", "USD", "MISMATCHING_CURRENCY"),
    ],
)
def test_a_refused_gift_card_debit_has_shopifys_code_and_no_effect(client, amount, currency, code):
    gid = client.card()["giftCard"]["id"]
    refused = client.run(DEBIT, id=gid, input={"debitAmount": {"amount": amount, "currencyCode": currency}})
    assert [e["code"] for e in refused["userErrors"]] == [code]
    assert [e["kind"] for e in client.book()["entries"]] == ["gift_card_issue"]


def test_a_deactivated_gift_card_stays_so_and_cannot_be_spent(client):
    gid = client.card()["giftCard"]["id"]
    first, second = client.run(KILL, id=gid), client.run(KILL, id=gid)
    assert first["giftCard"]["enabled"] is False
    assert second == first
    assert client.run(DEBIT, id=gid, input={"debitAmount": eur("1")})["userErrors"][0]["code"] == "INVALID"
    client.control(f"gift_cards/{gid.rpartition('/')[2]}/spend", expect=422, amount="1")
    old = client.card(expiresOn="2020-01-01")["giftCard"]["id"]
    refused = client.run(CREDIT, id=old, input={"creditAmount": eur("1")})["userErrors"]
    assert refused == [{"code": "INVALID", "field": ["id"]}], "issued, and expired at once"
    missing = client.run(KILL, id="gid://shopify/GiftCard/1")["userErrors"]
    assert [e["code"] for e in missing] == ["GIFT_CARD_NOT_FOUND"]
    kinds = [e["kind"] for e in client.book()["entries"]]
    assert kinds == ["gift_card_issue", "gift_card_deactivate", "gift_card_issue"]
    assert client.book()["differences"] == []


# ── Store credit, read back ─────────────────────────────────────────────────────────────────────────────────────


def test_expired_store_credit_tells_what_remained_and_which_credit_it_was(client, customer):
    def credit(amount, expires=None):
        given = {"creditAmount": eur(amount), "expiresAt": expires}
        query = """mutation C($id: ID!, $input: StoreCreditAccountCreditInput!) { storeCreditAccountCredit(id: $id, creditInput: $input) {
          storeCreditAccountTransaction { id } } }"""
        return client.run(query, id=customer, input=given)["storeCreditAccountTransaction"]["id"]

    soon, ever = credit("10.00", later(hours=1)), credit("3.00")
    taken = client.run(
        """mutation D($id: ID!, $input: StoreCreditAccountDebitInput!) { storeCreditAccountDebit(id: $id, debitInput: $input) {
          storeCreditAccountTransaction { amount { amount } } } }""",
        id=customer,
        input={"debitAmount": eur("4.00")},
    )
    assert taken["storeCreditAccountTransaction"]["amount"] == {"amount": "-4.0"}, "as in Shopify's own example"
    client.control("clock", advance_s=7200)
    nodes = client.run(
        """query N($ids: [ID!]!) { nodes(ids: $ids) { ... on StoreCreditAccountCreditTransaction {
          amount { amount } remainingAmount { amount } expiresAt account { balance { amount }
            transactions(first: 9, query: "type:expiration") { nodes { amount { amount }
              ... on StoreCreditAccountExpirationTransaction { creditTransaction { id } } } } } } } }""",
        ids=[soon, ever, "gid://shopify/StoreCreditAccountCreditTransaction/1"],
    )
    assert [n and (n["amount"]["amount"], n["remainingAmount"]["amount"]) for n in nodes] == [
        ("10.0", "6.0"),
        ("3.0", "3.0"),
        None,
    ]
    assert nodes[0]["account"] == {
        "balance": {"amount": "3.0"},
        "transactions": {"nodes": [{"amount": {"amount": "-6.0"}, "creditTransaction": {"id": soon}}]},
    }
    assert client.book()["differences"] == []
