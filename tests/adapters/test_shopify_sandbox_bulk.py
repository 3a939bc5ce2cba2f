"""Bulk operations of the Shopify stand-in: they take time, end with a file, and fail as Shopify's do.

A back-fill that was only ever tried against an instant answer would lose orders at the first slow or failed one.
"""

import json

import pytest

from adapters.shopify.sandbox import start
from adapters.shopify.sandbox.client import Client

SHOP = "anna.myshopify.com"
ORDERS = """{ orders(query: "created_at:>=2026-01-01T00:00:00Z") { edges { node {
  id updatedAt createdAt discountCodes customAttributes { key value }
  customerJourneySummary { ready lastVisit { landingPage utmParameters { content } } }
  lineItems { edges { node { id quantity } } } } } } }"""
FIELDS = "id status objectCount rootObjectCount url partialDataUrl errorCode fileSize completedAt type"
RUN = "mutation B($q: String!) { bulkOperationRunQuery(query: $q) { bulkOperation { id status url } userErrors { code field message } } }"
LOOK = "query L($id: ID!) { bulkOperation(id: $id) { %s } }".replace("%s", FIELDS)
NODE = "query N($id: ID!) { node(id: $id) { ... on BulkOperation { status url } } }"


class Shop(Client):
    """Starts bulk operations and looks at them."""

    def begin(self, query=ORDERS):
        return self.ask(RUN, q=query)["data"]["bulkOperationRunQuery"]

    def look(self, gid):
        return self.ask(LOOK, id=gid)["data"]["bulkOperation"]

    def end(self, gid):
        """Looks until it has ended; at most as often as the slowest operation here needs."""
        for _ in range(9):
            found = self.look(gid)
            if found["status"] in {"COMPLETED", "FAILED"}:
                return found
        raise AssertionError(found)


@pytest.fixture
def client():
    sandbox = start()
    client = Shop(sandbox.url, SHOP, "t")
    client.control("shops", domain=SHOP, currency="EUR", token="t")
    yield client
    client.close()
    sandbox.stop()


def orders(client, count=3, **more):
    return [client.control("orders", shop=SHOP, net="10.00", send=False, **more)["gid"] for _ in range(count)]


def lines(answer):
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_operation_is_created_runs_and_ends_with_a_file_of_one_object_a_line(client):
    visit = {"landing_page": "/?ref=ANNA", "utm": {"content": "ANNA"}}
    placed = orders(client, attributes={"ref": "ANNA"}, discounts=[{"name": "X", "amount": "1"}], visits=[visit])
    client.control("orders", shop=SHOP, net="1.00", created_at="2020-01-01T00:00:00Z", send=False)

    begun = client.begin()
    assert begun["userErrors"] == []
    assert (begun["bulkOperation"]["status"], begun["bulkOperation"]["url"]) == ("CREATED", None)
    gid = begun["bulkOperation"]["id"]
    running = client.look(gid)
    assert (running["status"], running["url"], running["completedAt"]) == ("RUNNING", None, None)
    assert 0 < int(running["objectCount"]) < 6
    done = client.look(gid)
    assert (done["status"], done["type"], done["errorCode"], done["partialDataUrl"]) == (
        "COMPLETED",
        "QUERY",
        None,
        None,
    )
    assert (done["objectCount"], done["rootObjectCount"]) == ("6", "3")

    answer = client.http.get(done["url"], timeout=10)
    assert len(answer.content) == int(done["fileSize"])
    rows = lines(answer)
    assert [row["id"] for row in rows if "__parentId" not in row] == placed
    assert [row["__parentId"] for row in rows if "__parentId" in row] == placed
    first = rows[0]
    assert first["discountCodes"] == ["X"]
    assert first["customAttributes"] == [{"key": "ref", "value": "ANNA"}]
    assert first["customerJourneySummary"]["lastVisit"]["utmParameters"] == {"content": "ANNA"}
    assert "lineItems" not in first
    below_shop = done["url"].replace(client.url, f"{client.url}/{SHOP}")
    assert client.http.get(below_shop, timeout=10).content == answer.content


def test_a_second_operation_is_refused_while_one_runs_and_accepted_afterwards(client):
    orders(client, 1)
    client.control("bulk", looks=4)
    gid = client.begin()["bulkOperation"]["id"]
    refused = client.begin()
    assert refused["bulkOperation"] is None
    assert [e["code"] for e in refused["userErrors"]] == ["OPERATION_IN_PROGRESS"]
    assert gid in refused["userErrors"][0]["message"]
    assert [client.look(gid)["status"] for _ in range(4)] == ["RUNNING"] * 3 + ["COMPLETED"]
    assert client.begin()["userErrors"] == []


def test_an_operation_whose_id_was_lost_ends_by_itself(client):
    orders(client, 1)
    client.begin()
    client.control("clock", advance_s=601)
    assert client.begin()["userErrors"] == []


def test_nothing_found_is_completed_without_a_file(client):
    done = client.end(client.begin()["bulkOperation"]["id"])
    assert (done["status"], done["objectCount"], done["url"]) == ("COMPLETED", "0", None)


def test_a_failed_operation_leaves_a_part_of_its_data(client):
    placed = orders(client, 4)
    client.control("bulk", shop=SHOP, error="TIMEOUT")
    failed = client.end(client.begin("{ orders { nodes { id } } }")["bulkOperation"]["id"])
    assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", "TIMEOUT", None)
    assert [row["id"] for row in lines(client.http.get(failed["partialDataUrl"], timeout=10))] == placed[:2]
    assert client.end(client.begin()["bulkOperation"]["id"])["status"] == "COMPLETED", "only the next one fails"


def test_a_file_is_not_there_before_the_end_and_its_address_dies_after_a_week(client):
    orders(client, 1)
    gid = client.begin()["bulkOperation"]["id"]
    number = gid.rpartition("/")[2]
    assert client.http.get(f"{client.url}/_files/bulk-{number}.jsonl", timeout=10).status_code == 404
    assert client.end(gid)["url"]
    client.control("faults", fault="5xx_before", operation="bulk_file", count=1)
    assert client.http.get(f"{client.url}/_files/bulk-{number}.jsonl", timeout=10).status_code == 503
    client.control("clock", advance_s=8 * 86400)
    assert client.ask(NODE, id=gid)["data"]["node"] == {"status": "COMPLETED", "url": None}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{ shop { id } }", "connection"),
        ("{ orders { nodes { nope } } }", "nope"),
        ("{ orders { nodes { id } } customers { nodes { id } } }", "one top-level field"),
        ("{ orders {", "Syntax Error"),
    ],
)
def test_a_query_that_cannot_be_run_in_bulk_is_refused(client, query, words):
    refused = client.begin(query)
    assert refused["bulkOperation"] is None
    assert [(e["code"], e["field"]) for e in refused["userErrors"]] == [("INVALID", ["query"])]
    assert words in refused["userErrors"][0]["message"]


def test_an_operation_fails_where_a_scope_is_missing(client):
    client.control(f"shops/{SHOP}/scopes", scopes=["read_customers"])
    failed = client.end(client.begin()["bulkOperation"]["id"])
    assert (failed["status"], failed["errorCode"], failed["partialDataUrl"]) == ("FAILED", "ACCESS_DENIED", None)
