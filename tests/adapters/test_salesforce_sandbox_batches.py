"""Keys, collections and composite requests of the Salesforce stand-in: each record has its own end, as on Salesforce.

If a key could be taken twice here, or one bad record failed all, nothing that was found with it would hold in a real org.
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import Client
from tests.adapters.test_salesforce_sandbox import held, made, refusal

CREDITS = "composite/sobjects/Referral_Credit__c/Idempotency_Key__c"


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("orgs", token="t", package={"rights": "all"})
    yield client
    client.close()
    sandbox.stop()


def of(kind, **values):
    return {"attributes": {"type": kind}, **values}


def codes(rows):
    return [row["errors"][0]["statusCode"] if row["errors"] else "" for row in rows]


def test_a_credit_written_twice_by_its_key_is_one_record_and_one_movement_in_the_book(client):
    body = {"allOrNone": False, "records": [of("Referral_Credit__c", Idempotency_Key__c="Key", Amount__c=12.5)]}
    first, second = (client.ask("PATCH", CREDITS, body)[0] for _ in range(2))
    assert (first["id"], first["created"], second["created"]) == (second["id"], True, False)
    body["records"][0]["Idempotency_Key__c"] = "kEY"  # case counts in this key
    assert client.ask("PATCH", CREDITS, body)[0]["created"]
    moved = [(e["id"], e["old"], e["new"]) for e in client.book()["entries"] if e["field"] == "Amount__c"]
    assert moved[0] == (first["id"], None, 12.5) and len(moved) == 2


def test_a_key_that_comes_twice_in_one_call_fails_each_time_and_the_others_are_written(client):
    rows = client.ask(
        "PATCH", CREDITS, {"records": [of("Referral_Credit__c", Idempotency_Key__c=key) for key in "aba"]}
    )
    assert (codes(rows), [row.get("created") for row in rows]) == (
        ["DUPLICATE_VALUE", "", "DUPLICATE_VALUE"],
        [False, True, False],
    )
    made_twice = client.call("POST", "sobjects/Referral_Credit__c", {"Idempotency_Key__c": "b"})
    assert refusal(made_twice) == (400, "DUPLICATE_VALUE")


def test_each_record_of_a_collection_has_its_own_end_in_the_order_of_the_call(client):
    one, two, bare, odd, gone, converted = (made(client, "Lead") for _ in range(6))
    client.control("delete", id=gone)
    client.control("convert", lead=converted)
    changes = [
        of("Lead", Id=one, Title="a"), {"Id": bare, "Title": "b"}, of("Lead", Id=odd, Email="x"), of("Lead", Title="c"),
        of("Lead", Id=gone, Title="d"), of("Lead", Id=converted, Title="e"), of("Lead", Id=two[:15], Title="f"), of("Lead", id=two, Title="g"),
    ]  # fmt: skip
    rows = client.ask("PATCH", "composite/sobjects", {"allOrNone": False, "records": changes})
    assert codes(rows) == [
        "", "JSON_PARSER_ERROR", "INVALID_EMAIL_ADDRESS", "MISSING_ARGUMENT", "ENTITY_IS_DELETED", "CANNOT_UPDATE_CONVERTED_LEAD",
        "DUPLICATE_VALUE", "DUPLICATE_VALUE",
    ]  # fmt: skip
    assert [held(client, each, "Title") for each in (one, two, bare, odd)] == [["a"], [None], [None], [None]]


def test_all_or_none_means_what_it_says(client):
    one = made(client, "Lead")
    body = {"allOrNone": True, "records": [of("Lead", Id=one, Title="a"), of("Lead", Id=one[:3] + "0" * 12, Title="b")]}
    rows = client.ask("PATCH", "composite/sobjects", body)
    assert codes(rows) == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"]
    assert held(client, one, "Title") == [None]
    assert [e for e in client.book()["entries"] if e["by"] == "api"] == []


def test_a_collection_takes_two_hundred_records(client):
    records = [of("Account", Name=f"A{number}") for number in range(201)]
    assert client.call("POST", "composite/sobjects", {"records": records}).status_code == 400
    rows = client.ask("POST", "composite/sobjects", {"records": records[:200]})
    read = client.ask("POST", "composite/sobjects/Account", {"ids": [r["id"] for r in rows], "fields": ["Name"]})
    assert [row["Name"] for row in read] == [row["Name"] for row in records[:200]]
    assert client.book()["inputs"]["POST composite/sobjects"] == [201, 200]
    client.control("delete", id=rows[0]["id"])
    few = client.ask("GET", "composite/sobjects/Account", ids=f"{rows[0]['id']},{rows[1]['id'][:15]}", fields="Name,Id")
    assert few[0] is None and list(few[1]) == ["attributes", "Id", "Name"]


def test_two_people_with_one_address_are_told_by_a_bare_list_of_where_they_are(client):
    both = [made(client, "Contact", Email="a@example.com"), made(client, "Contact", Email="A@example.com")]
    for answer in (client.call("PATCH", "sobjects/Contact/Email/a@example.com", {}), client.call("GET", "sobjects/Contact/Email/a@example.com")):  # fmt: skip
        assert answer.status_code == 300
        assert [url.rpartition("/")[2] for url in answer.json()] == both
    rows = client.ask("PATCH", "composite/sobjects/Contact/Email", {"records": [of("Contact", Email="a@example.com", LastName="X")]})  # fmt: skip
    assert codes(rows) == ["DUPLICATE_EXTERNAL_ID"]


def test_an_upsert_that_may_only_update_makes_nothing(client):
    path = "sobjects/Referral_Credit__c/Idempotency_Key__c/a%2Fb"
    assert refusal(client.call("PATCH", path, {"Amount__c": 1}, None, updateOnly="true")) == (404, "NOT_FOUND")
    answer = client.call("PATCH", path, {"Amount__c": 1})
    assert answer.status_code == 201
    assert client.ask("GET", path)["Idempotency_Key__c"] == "a/b"
    assert refusal(client.call("PATCH", path, {"Idempotency_Key__c": "a/b"})) == (400, "INVALID_FIELD")


def test_a_duplicate_rule_stops_who_does_not_say_that_they_mind_it_not(client):
    made(client, "Contact", Email="a@example.com")
    client.control("duplicate_rules", object="Lead", action="alert")
    body = {"LastName": "L", "Company": "C", "Email": "A@example.com"}
    answer = client.call("POST", "sobjects/Lead", body)
    assert refusal(answer) == (400, "DUPLICATES_DETECTED")
    assert answer.json()[0]["duplicateResult"]["matchResults"][0]["entityType"] == "Contact"
    passes = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    made_so = client.call("POST", "sobjects/Lead", body, passes)
    assert made_so.status_code == 201
    change = {"records": [of("Lead", Id=made_so.json()["id"], Title="T")]}
    assert codes(client.ask("PATCH", "composite/sobjects", change)) == [""]  # the address stays as it was
    client.control("duplicate_rules", object="Lead", action="block")
    assert refusal(client.call("POST", "sobjects/Lead", body, passes)) == (400, "DUPLICATES_DETECTED")


def test_an_admins_rule_fails_every_write_of_a_record_that_breaks_it_whatever_is_written(client):
    lead = made(client, "Lead")
    client.control("rules", object="Lead", field="Phone", required=True, message="A phone, please")
    answer = client.call("PATCH", f"sobjects/Lead/{lead}", {"Referral_Stage__c": "pending"})
    assert refusal(answer) == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert answer.json()[0]["message"] == "A phone, please"
    client.control("rules", verb="DELETE")
    assert client.call("PATCH", f"sobjects/Lead/{lead}", {"Referral_Stage__c": "pending"}).status_code == 204


def test_a_record_that_somebody_else_holds_is_free_again_after_a_while(client):
    lead = made(client, "Lead")
    client.control("locks", id=lead, times=2)
    change = {"records": [of("Lead", Id=lead, Title="T")]}
    tries = [codes(client.ask("PATCH", "composite/sobjects", change)) for _ in range(3)]
    assert tries == [["UNABLE_TO_LOCK_ROW"], ["UNABLE_TO_LOCK_ROW"], [""]]


def test_a_record_may_be_written_only_if_nobody_changed_it_since(client):
    """To the second, as "Conditional Request Headers" of the REST guide say; not for records of collections."""
    lead = made(client, "Lead")
    read = {"If-Unmodified-Since": format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)}
    path = f"sobjects/Lead/{lead}"
    assert client.call("PATCH", path, {"Title": "ours"}, read).status_code == 204
    client.control("clock", advance_s=10)
    client.control("save", id=lead, values={"Title": "theirs"})
    assert client.call("PATCH", path, {"Title": "ours"}, read).status_code == 412
    part = {"method": "PATCH", "url": f"/services/data/v66.0/{path}", "referenceId": "a", "body": {"Title": "ours"}, "httpHeaders": read}  # fmt: skip
    (told,) = client.ask("POST", "composite", {"compositeRequest": [part]})["compositeResponse"]
    assert told["httpStatusCode"] == 412 and held(client, lead, "Title") == ["theirs"]


# ── Several requests in one ──────────────────────────────────────────────────────────────────────────────────────


def part(reference, method, path, body=None):
    given = {"body": body} if body else {}
    return {"method": method, "url": f"/services/data/v66.0/{path}", "referenceId": reference, **given}


def test_a_part_of_a_composite_request_may_use_what_an_earlier_one_answered(client):
    parts = [
        part("firm", "POST", "sobjects/Account", {"Name": "Tea"}),
        part("person", "POST", "sobjects/Contact", {"LastName": "C", "AccountId": "@{firm.id}"}),
        part("found", "GET", "query?q=SELECT+Id,AccountId+FROM+Contact"),
        part("change", "PATCH", "sobjects/Account/@{found.records[0].AccountId}", {"Name": "Cup"}),
        part("wrong", "PATCH", "sobjects/Account/@{nobody.id}", {"Name": "Cup"}),
    ]
    rows = client.ask("POST", "composite", {"compositeRequest": parts})["compositeResponse"]
    assert [row["httpStatusCode"] for row in rows] == [201, 201, 200, 204, 400]
    assert rows[0]["httpHeaders"]["Location"].endswith(rows[0]["body"]["id"])
    assert client.query("SELECT Account.Name FROM Contact")[0]["Account"]["Name"] == "Cup"
    assert client.book()["calls"]["POST composite"] == 1


def test_a_composite_request_may_be_taken_back_as_a_whole(client):
    parts = [
        part("firm", "POST", "sobjects/Account", {"Name": "Tea"}),
        part("bad", "POST", "sobjects/Account", {"Nam": "Tea"}),
    ]
    rows = client.ask("POST", "composite", {"allOrNone": True, "compositeRequest": parts})["compositeResponse"]
    assert [row["body"][0]["errorCode"] for row in rows] == ["PROCESSING_HALTED", "INVALID_FIELD"]
    assert client.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(("path", "number", "status"), [("limits", 25, 200), ("limits", 26, 400), ("query?q=SELECT+Id+FROM+Lead", 5, 200), ("query?q=SELECT+Id+FROM+Lead", 6, 400)])  # fmt: skip
def test_a_composite_request_has_so_many_parts_and_fewer_queries(client, path, number, status):
    parts = [part(f"r{place}", "GET", path) for place in range(number)]
    assert client.call("POST", "composite", {"compositeRequest": parts}).status_code == status
