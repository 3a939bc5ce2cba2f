"""Code discounts of the Shopify stand-in behave as Shopify's: remembered whole, unique by code, used up by orders.

Were it kinder than Shopify, a code that a real shop refuses would pass every test made with it.
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
TERMS = """title status startsAt endsAt usageLimit appliesOncePerCustomer asyncUsageCount codesCount { count }
  codes(first: 5) { nodes { id code asyncUsageCount } } combinesWith { orderDiscounts productDiscounts }
  context { __typename ... on DiscountBuyerSelectionAll { all } ... on DiscountCustomers { customers { id } } }"""
BASIC = (
    TERMS
    + """ minimumRequirement { ... on DiscountMinimumSubtotal { greaterThanOrEqualToSubtotal { amount currencyCode } } }
  customerGets { items { __typename ... on AllDiscountItems { allItems } } value { __typename
    ... on DiscountPercentage { percentage }
    ... on DiscountAmount { amount { amount currencyCode } appliesOnEachItem } } }"""
)
NODE = (
    "codeDiscountNode { id codeDiscount { __typename ... on DiscountCodeBasic { %s } } } "
    "userErrors { code field message extraInfo }"
).replace("%s", BASIC)
CREATE = (
    "mutation C($input: DiscountCodeBasicInput!) { discountCodeBasicCreate(basicCodeDiscount: $input) { %s } }".replace(
        "%s", NODE
    )
)
UPDATE = (
    "mutation U($id: ID!, $input: DiscountCodeBasicInput!) "
    "{ discountCodeBasicUpdate(id: $id, basicCodeDiscount: $input) { %s } }"
).replace("%s", NODE)
STOP = "mutation D($id: ID!) { discountCodeDeactivate(id: $id) { %s } }".replace("%s", NODE)
READ = "query R($id: ID!) { codeDiscountNode(id: $id) { codeDiscount { ... on DiscountCodeBasic { %s } } } }".replace(
    "%s", BASIC
)
ADD = """mutation A($id: ID!, $codes: [DiscountRedeemCodeInput!]!) { discountRedeemCodeBulkAdd(discountId: $id, codes: $codes) {
  bulkCreation { id done codesCount importedCount } userErrors { code field } } }"""
POLL = """query P($id: ID!) { discountRedeemCodeBulkCreation(id: $id) { done importedCount failedCount
  codes(first: 50) { nodes { code discountRedeemCode { id } errors { code field message } } } } }"""


class Till(Client):
    """Asks, and hands back what the one root field holds."""

    def run(self, query, **variables):
        answer = self.ask(query, **variables)
        assert "errors" not in answer, answer
        (found,) = answer["data"].values()
        return found

    def discount(self, **changes):
        return self.run(CREATE, input=basic(**changes))

    def order(self, code, expect=200, **more):
        discounts = [{"kind": "code", "name": code, "amount": "1.00"}]
        more = {"email": "friend@example.org", **more}
        return self.control("orders", expect=expect, shop=SHOP, net="20.00", discounts=discounts, send=False, **more)


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


def basic(**changes):
    gets = {"items": {"all": True}, "value": {"percentage": 0.1}}
    base = {"title": "Thanks", "code": "ANNA-1", "startsAt": "2026-01-01T00:00:00Z", "context": {"all": "ALL"}}
    return {**base, "customerGets": gets, **changes}


def later(**ahead):
    return (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_discount_is_read_back_with_all_it_was_given(client, customer):
    ends = later(days=30)
    made = client.discount(
        usageLimit=1,
        endsAt=ends,
        appliesOncePerCustomer=True,
        context={"customers": {"add": [customer]}},
        combinesWith={"orderDiscounts": True},
        minimumRequirement={"subtotal": {"greaterThanOrEqualToSubtotal": "25"}},
        customerGets={
            "items": {"all": True},
            "value": {"discountAmount": {"amount": "5", "appliesOnEachItem": False}},
        },
    )

    assert made["userErrors"] == []
    found = client.run(READ, id=made["codeDiscountNode"]["id"])["codeDiscount"]
    code = found["codes"]["nodes"][0]
    assert found == {
        "title": "Thanks",
        "status": "ACTIVE",
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": ends,
        "usageLimit": 1,
        "appliesOncePerCustomer": True,
        "asyncUsageCount": 0,
        "codesCount": {"count": 1},
        "codes": {"nodes": [{"id": code["id"], "code": "ANNA-1", "asyncUsageCount": 0}]},
        "combinesWith": {"orderDiscounts": True, "productDiscounts": False},
        "context": {"__typename": "DiscountCustomers", "customers": [{"id": customer}]},
        "minimumRequirement": {"greaterThanOrEqualToSubtotal": {"amount": "25.0", "currencyCode": "EUR"}},
        "customerGets": {
            "items": {"__typename": "AllDiscountItems", "allItems": True},
            "value": {
                "__typename": "DiscountAmount",
                "amount": {"amount": "5.0", "currencyCode": "EUR"},
                "appliesOnEachItem": False,
            },
        },
    }
    by_code = client.run('{ codeDiscountNodeByCode(code: "anna-1") { id } }')
    assert by_code["id"] == made["codeDiscountNode"]["id"]


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"code": "anna-1"}, "TAKEN", ["code"]),
        ({"code": "B", "title": " "}, "BLANK", ["title"]),
        ({"code": None}, "BLANK", ["code"]),
        ({"code": ""}, "TOO_SHORT", ["code"]),
        ({"code": "B\nC"}, "INVALID", ["code"]),
        ({"code": "B" * 256}, "TOO_LONG", ["code"]),
        ({"code": "B", "context": None}, "BLANK", ["context"]),
        ({"code": "B", "endsAt": "2025-01-01T00:00:00Z"}, "END_DATE_BEFORE_START_DATE", ["endsAt"]),
        ({"code": "B", "usageLimit": 0}, "GREATER_THAN", ["usageLimit"]),
        (
            {"code": "B", "customerGets": {"items": {"all": True}, "value": {"percentage": 10.0}}},
            "VALUE_OUTSIDE_RANGE",
            ["customerGets", "value", "percentage"],
        ),
        (
            {"code": "B", "customerGets": {"items": {"all": True}, "value": {"discountAmount": {"amount": "-5"}}}},
            "LESS_THAN_OR_EQUAL_TO",
            ["customerGets", "value", "discountAmount", "amount"],
        ),
        (
            {
                "code": "B",
                "customerGets": {
                    "items": {"all": True},
                    "value": {"percentage": 0.1, "discountAmount": {"amount": "1"}},
                },
            },
            "INVALID",
            ["customerGets", "value"],
        ),
        (
            {"code": "B", "context": {"customers": {"add": ["gid://shopify/Customer/1"]}}},
            "INVALID",
            ["context", "customers", "add"],
        ),
    ],
)
def test_a_refused_discount_names_the_field_and_leaves_nothing(client, changes, code, path):
    client.discount()
    refused = client.discount(**changes)
    assert refused["codeDiscountNode"] is None
    assert [(e["code"], e["field"]) for e in refused["userErrors"]] == [(code, ["basicCodeDiscount", *path])]
    assert [e["value"] for e in client.book()["entries"]] == ["ANNA-1"]


def test_a_taken_code_is_told_in_shopifys_words(client):
    client.discount()
    words = "Code must be unique. Please try a different code."
    assert client.discount(code="Anna-1")["userErrors"][0]["message"] == words


def test_an_update_changes_what_it_names_and_keeps_the_rest(client, customer):
    gid = client.discount(usageLimit=3, context={"customers": {"add": [customer]}})["codeDiscountNode"]["id"]
    other = client.control("customers", shop=SHOP, email="b@example.com")["gid"]
    change = {"title": "More", "code": "ANNA-2", "context": {"customers": {"add": [other], "remove": [customer]}}}
    changed = client.run(UPDATE, id=gid, input=change)["codeDiscountNode"]["codeDiscount"]
    assert (changed["title"], changed["usageLimit"], changed["codes"]["nodes"][0]["code"]) == ("More", 3, "ANNA-2")
    assert changed["context"]["customers"] == [{"id": other}]
    assert changed["customerGets"]["value"]["percentage"] == 0.1
    assert client.run('{ codeDiscountNodeByCode(code: "ANNA-1") { id } }') is None
    missing = client.run(UPDATE, id="gid://shopify/DiscountCodeNode/1", input=change)
    assert [(e["code"], e["field"]) for e in missing["userErrors"]] == [("INVALID", ["id"])]


def test_orders_use_a_discount_up_and_a_stopped_one_is_refused(client):
    gid = client.discount(usageLimit=2)["codeDiscountNode"]["id"]
    client.order("anna-1")
    client.order("ANNA-1")
    used = client.run(READ, id=gid)["codeDiscount"]
    assert (used["asyncUsageCount"], used["codes"]["nodes"][0]["asyncUsageCount"]) == (2, 2)
    assert "used up" in client.order("ANNA-1", expect=422)["error"]

    gid = client.discount(code="BEN")["codeDiscountNode"]["id"]
    stopped = client.run(STOP, id=gid)["codeDiscountNode"]["codeDiscount"]
    assert stopped["status"] == "EXPIRED"
    assert client.run(STOP, id=gid)["userErrors"] == []
    assert "EXPIRED" in client.order("BEN", expect=422)["error"]
    client.discount(code="SOON", startsAt=later(days=1))
    assert "SCHEDULED" in client.order("SOON", expect=422)["error"]
    assert len(client.control("state", verb="GET")["shops"][0]["orders"]) == 2
    client.order("NOBODYS-CODE")


def test_a_code_for_one_customer_once_is_refused_to_others_and_the_second_time(client, customer):
    client.discount(appliesOncePerCustomer=True, context={"customers": {"add": [customer]}})
    assert "other customers" in client.order("ANNA-1", expect=422)["error"]
    client.order("ANNA-1", customer=customer)
    assert "has used it" in client.order("ANNA-1", expect=422, customer=customer)["error"]


def test_free_shipping_and_buy_x_get_y_are_made_changed_and_read_as_their_own_types(client):
    free = {"title": "Free", "code": "SHIP", "startsAt": "2026-01-01T00:00:00Z", "context": {"all": "ALL"}}
    made = client.run(
        """mutation F($input: DiscountCodeFreeShippingInput!) { discountCodeFreeShippingCreate(freeShippingCodeDiscount: $input) {
          codeDiscountNode { id codeDiscount { __typename ... on DiscountCodeFreeShipping { title maximumShippingPrice { amount }
            destinationSelection { ... on DiscountCountryAll { allCountries } } } } } userErrors { code } } }""",
        input={**free, "destination": {"all": True}, "maximumShippingPrice": "9.90"},
    )
    assert made["codeDiscountNode"]["codeDiscount"] == {
        "__typename": "DiscountCodeFreeShipping",
        "title": "Free",
        "maximumShippingPrice": {"amount": "9.9"},
        "destinationSelection": {"allCountries": True},
    }
    again = client.run(
        """mutation F($id: ID!, $input: DiscountCodeFreeShippingInput!) { discountCodeFreeShippingUpdate(id: $id, freeShippingCodeDiscount: $input) {
          codeDiscountNode { codeDiscount { ... on DiscountCodeFreeShipping { usageLimit } } } } }""",
        id=made["codeDiscountNode"]["id"],
        input={"usageLimit": 4},
    )
    assert again["codeDiscountNode"]["codeDiscount"] == {"usageLimit": 4}
    query = """mutation B($input: DiscountCodeBxgyInput!) { discountCodeBxgyCreate(bxgyCodeDiscount: $input) {
      codeDiscountNode { codeDiscount { ... on DiscountCodeBxgy { usesPerOrderLimit
        customerBuys { value { ... on DiscountQuantity { quantity } } }
        customerGets { items { ... on DiscountProducts { products(first: 5) { nodes { id } } } }
          value { ... on DiscountOnQuantity { quantity { quantity } effect { ... on DiscountPercentage { percentage } } } } }
      } } } userErrors { code field } } }"""
    tea = {"products": {"productsToAdd": ["gid://shopify/Product/7"]}}
    value = {"discountOnQuantity": {"quantity": "1", "effect": {"percentage": 1.0}}}
    terms = {**free, "code": "2FOR1", "usesPerOrderLimit": 1}
    terms["customerBuys"] = {"items": tea, "value": {"quantity": "2"}}
    made = client.run(query, input={**terms, "customerGets": {"items": tea, "value": value}})
    assert made["codeDiscountNode"]["codeDiscount"] == {
        "usesPerOrderLimit": 1,
        "customerBuys": {"value": {"quantity": "2"}},
        "customerGets": {
            "items": {"products": {"nodes": [{"id": "gid://shopify/Product/7"}]}},
            "value": {"quantity": {"quantity": "1"}, "effect": {"percentage": 1.0}},
        },
    }
    everything = {**terms, "code": "X", "customerGets": {"items": {"all": True}, "value": value}}
    assert client.run(query, input=everything)["userErrors"] == [
        {"code": "INVALID", "field": ["bxgyCodeDiscount", "customerGets", "items", "all"]}
    ]


def test_each_code_of_a_bulk_addition_has_its_own_result_on_a_later_look(client):
    client.discount(code="ELSEWHERE")
    gid = client.discount()["codeDiscountNode"]["id"]
    codes = [{"code": c} for c in ("ONE", "one", "elsewhere", "TWO", "")]
    added = client.run(ADD, id=gid, codes=codes)["bulkCreation"]
    assert (added["done"], added["codesCount"], added["importedCount"]) == (False, 5, 0)

    done = client.run(POLL, id=added["id"])
    assert (done["done"], done["importedCount"], done["failedCount"]) == (True, 2, 3)
    assert [(n["code"], [(e["code"], e["message"]) for e in n["errors"]]) for n in done["codes"]["nodes"]] == [
        ("ONE", []),
        ("one", [(None, "Codes must be unique within BulkDiscountCodeCreation")]),
        ("elsewhere", [(None, "must be unique. Please try a different code.")]),
        ("TWO", []),
        ("", [(None, "is too short (minimum is 1 character)")]),
    ]
    written = [e["value"] for e in client.book()["entries"] if e["kind"] == "redeem_code"]
    assert written == ["ONE", "TWO"]


def test_over_250_codes_are_an_error_and_none_is_added(client):
    gid = client.discount()["codeDiscountNode"]["id"]
    answer = client.ask(ADD, id=gid, codes=[{"code": f"C{n}"} for n in range(251)])
    assert answer["errors"][0]["extensions"]["code"] == "MAX_INPUT_SIZE_EXCEEDED"
    assert "data" not in answer
    assert client.run(READ, id=gid)["codeDiscount"]["codesCount"] == {"count": 1}
