"""The HubSpot stand-in keeps records as HubSpot does, and its book tells what really happened.

If it were kinder than HubSpot, or its book wrong, every lost or overwritten value found with it would prove nothing.
"""

import json

import pytest

from adapters.hubspot.sandbox import start
from adapters.hubspot.sandbox.client import Client

CONTACTS = "/crm/objects/2026-09/contacts"
DEALS = "/crm/objects/2026-09/deals"
APP = 19083857


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("portals", portal=62515, token="t", app_id=APP)
    yield client
    client.close()
    sandbox.stop()


def contact(client, email="ada@example.com", **values):
    return str(client.control("contacts", properties={"email": email, **values})["id"])


def read(client, *ids, names=("email", "firstname"), history=(), path=CONTACTS, **more):
    inputs = [{"id": one} for one in ids]
    asked = {"inputs": inputs, "properties": list(names), "propertiesWithHistory": list(history), **more}
    return client.call("POST", f"{path}/batch/read", asked)


def write(client, verb, *inputs, path=CONTACTS):
    return client.call("POST", f"{path}/batch/{verb}", {"inputs": list(inputs)})


def change(number, trace=None, /, **values):
    return {"id": number, "properties": values, **({"objectWriteTraceId": trace} if trace else {})}


def value(client, number, name):
    return read(client, number, names=[name]).json()["results"][0]["properties"][name]


def writes(client, name):
    return [e for e in client.book()["entries"] if e["kind"] == "property" and e["property"] == name]


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_record_stands_beside_the_found_ones_and_an_unknown_property_is_left_out(client):
    number = contact(client)

    answer = read(client, number, "5", names=["email", "phone", "no_such_property"])

    assert answer.status_code == 207
    (found,), (error,) = answer.json()["results"], answer.json()["errors"]
    assert {"email": "ada@example.com", "phone": None}.items() <= found["properties"].items()
    assert "no_such_property" not in found["properties"]
    assert (error["category"], error["context"]) == ("OBJECT_NOT_FOUND", {"ids": ["5"]})


@pytest.mark.parametrize(
    ("number", "history", "status"), [(100, [], 207), (101, [], 400), (50, ["email"], 207), (51, ["email"], 400)]
)
def test_a_read_takes_100_records_and_50_with_history(client, number, history, status):
    assert read(client, *map(str, range(1, number + 1)), history=history).status_code == status


def test_one_bad_input_fails_the_whole_batch_and_nothing_is_written(client):
    first, second = contact(client), contact(client, "b@example.com")

    answer = write(
        client, "update", change(first, firstname="Ada"), change(second, no_such="x", lifecyclestage="royal")
    )

    told = answer.json()
    assert (answer.status_code, told["category"]) == (400, "VALIDATION_ERROR")
    assert [e["code"] for e in told["errors"]] == ["PROPERTY_DOESNT_EXIST", "INVALID_OPTION"]
    embedded = json.loads(told["message"].removeprefix("Property values were not valid: "))
    assert (embedded[0]["name"], embedded[0]["error"]) == ("no_such", "PROPERTY_DOESNT_EXIST")
    assert writes(client, "firstname") == []


def test_with_trace_ids_the_bad_input_stands_alone(client):
    first, second = contact(client), contact(client, "b@example.com")

    answer = write(
        client, "update", change(first, "a", firstname="Ada"), change(second, "b", no_such="x"), change("7", "c")
    )

    assert answer.status_code == 207
    assert [row["id"] for row in answer.json()["results"]] == [first]
    assert [e["context"]["objectWriteTraceId"] for e in answer.json()["errors"]] == [["b"], ["c"]]
    assert value(client, first, "firstname") == "Ada"


def test_a_record_named_twice_fails_the_batch_also_under_an_old_id_or_another_address(client):
    number, other = contact(client), contact(client, "b@example.com")
    client.control("merge", primary=number, others=[other])

    twice = write(client, "update", change(number, firstname="A"), change(other, firstname="B"))
    assert twice.status_code == 400
    assert twice.json()["message"] == f"Duplicate IDs found in batch input: [{number}]. IDs must be unique"
    by_mail = [{"id": mail, "idProperty": "email", "properties": {}} for mail in ("Ada@example.com", "b@example.com")]
    assert write(client, "upsert", *by_mail).status_code == 400


def test_an_upsert_changes_or_makes_and_says_which(client):
    number = contact(client)
    answer = write(
        client, "upsert",
        {"id": "ADA@example.com", "idProperty": "email", "properties": {"firstname": "Ada"}},
        {"id": "new@example.com", "idProperty": "email", "properties": {"firstname": "Neu"}},
    )  # fmt: skip

    old, new = answer.json()["results"]
    assert (old["id"], old["new"], new["new"]) == (number, False, True)
    assert new["properties"]["email"] == "new@example.com"
    assert new["properties"]["hs_object_source_id"] == str(APP)


def test_an_address_is_taken_once_and_the_refusal_names_its_owner(client):
    number = contact(client)
    single = client.call("POST", CONTACTS, {"properties": {"email": "ada@example.com"}})
    assert (single.status_code, single.json()["category"]) == (409, "CONFLICT")
    assert single.json()["message"] == f"Contact already exists. Existing ID: {number}"

    plain = write(client, "create", {"properties": {"email": "ada@example.com"}})
    assert (plain.status_code, plain.json()["message"]) == (409, "Contact already exists")
    traced = [
        {"properties": {"email": mail}, "objectWriteTraceId": mail} for mail in ("ada@example.com", "c@example.com")
    ]
    answer = write(client, "create", *traced)
    assert answer.status_code == 207 and len(answer.json()["results"]) == 1
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": ["ada@example.com"], "existingId": [number]}


def test_two_inputs_that_want_the_same_address_do_not_both_get_it(client):
    numbers = contact(client), contact(client, "b@example.com")
    answer = write(client, "update", *(change(number, number, email="c@example.com") for number in numbers))
    assert answer.status_code == 207
    assert [row["id"] for row in answer.json()["results"]] == [numbers[0]]
    assert answer.json()["errors"][0]["context"] == {"objectWriteTraceId": [numbers[1]], "existingId": [numbers[0]]}
    assert value(client, numbers[1], "email") == "b@example.com"


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "given", "code"),
    [
        ("createdate", "2026-01-01", "READ_ONLY_VALUE"),
        ("hs_analytics_first_url", "https://x.example", "READ_ONLY_VALUE"),
        ("email", "no address", "INVALID_EMAIL"),
        ("lifecyclestage", "Lead", "INVALID_OPTION"),
        ("hs_latest_source_timestamp", "yesterday", "INVALID_LONG"),
    ],
)
def test_values_that_hubspot_does_not_take_are_refused(client, name, given, code):
    answer = client.call("PATCH", f"{CONTACTS}/{contact(client)}", {"properties": {name: given}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)


def test_a_unique_property_is_a_key_and_taken_once(client):
    row = {"name": "member", "label": "M", "type": "string", "fieldType": "text", "groupName": "contactinformation"}
    client.ask("POST", "/crm/properties/2026-09/contacts", {**row, "hasUniqueValue": True})
    number, other = contact(client, member="m1"), contact(client, "b@example.com")

    assert read(client, "m1", idProperty="member").json()["results"][0]["id"] == number
    answer = client.call("PATCH", f"{CONTACTS}/{other}", {"properties": {"member": "m1"}})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "CONFLICTING_UNIQUE_VALUE")
    assert read(client, "Ada", idProperty="firstname").status_code == 400


def test_a_lifecycle_stage_never_moves_back_unless_it_is_cleared_first(client):
    number = contact(client, lifecyclestage="customer")
    for given, stands in (("lead", "customer"), ("", ""), ("lead", "lead")):
        assert (
            client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"lifecyclestage": given}}).status_code == 200
        )
        assert value(client, number, "lifecyclestage") == stands


def test_an_admins_rule_holds_for_apps_and_not_for_people(client):
    number = contact(client)
    client.control("rules", type="contacts", property="firstname", message="First names are ours", matches="[A-Z].*")

    answer = client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "ada"}})
    assert answer.status_code == 400 and "First names are ours" in answer.json()["message"]
    assert client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "Ada"}}).status_code == 200
    client.control("save", type="contacts", id=number, properties={"firstname": "ada"})
    rules = client.ask("GET", "/crm/property-validations/2026-09/0-1")["results"]
    assert rules[0]["propertyName"] == "firstname"

    client.control("rules", type="contacts", property="phone", message="A phone is required", required=True)
    answer = client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"lastname": "B"}})
    assert answer.status_code == 400 and "A phone is required" in answer.json()["message"]


@pytest.mark.parametrize(("kind", "name", "most"), [("contacts", "firstname", 45), ("deals", "dealname", 20)])
def test_history_goes_back_as_far_as_hubspot_keeps_it(client, kind, name, most):
    number, path = str(client.control(kind, properties={})["id"]), f"/crm/objects/2026-09/{kind}"
    for time in range(most + 1):
        write(client, "update", change(number, **{name: f"name {time}"}), path=path)
    (row,) = read(client, number, history=[name], path=path).json()["results"]
    assert [v["value"] for v in row["propertiesWithHistory"][name]] == [f"name {time}" for time in range(most, 0, -1)]


def test_history_tells_who_wrote_what_newest_first_and_a_value_that_stays_is_no_write(client):
    number = contact(client, firstname="Typed")
    for _ in range(2):
        client.ask("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "Ours"}})
    client.control(
        "save", type="contacts", id=number, properties={"firstname": "Again"}, source={"type": "IMPORT", "id": "9"}
    )

    (row,) = read(client, number, history=["firstname"]).json()["results"]
    held = [(v["value"], v["sourceType"], v["sourceId"]) for v in row["propertiesWithHistory"]["firstname"]]
    assert held == [("Again", "IMPORT", "9"), ("Ours", "INTEGRATION", str(APP)), ("Typed", "CRM_UI", "userId:1")]
    assert [(e["old"], e["new"], e["by"]) for e in writes(client, "firstname")] == [
        (None, "Typed", "CRM_UI"), ("Typed", "Ours", "INTEGRATION"), ("Ours", "Again", "IMPORT"),
    ]  # fmt: skip


def test_a_form_makes_a_contact_and_remembers_the_page_it_first_came_from(client):
    for page in ("https://shop.example/?ref=ANNA", "https://shop.example/again"):
        number = client.control("form", email="New@example.com", fields={"firstname": "N"}, page_uri=page)["id"]

    names = ["email", "hs_analytics_first_url", "hs_analytics_last_url"]
    (row,) = read(client, str(number), names=names, history=["firstname"]).json()["results"]
    assert row["properties"]["hs_analytics_first_url"] == "https://shop.example/?ref=ANNA"
    assert row["properties"]["hs_analytics_last_url"] == "https://shop.example/again"
    assert [v["sourceType"] for v in row["propertiesWithHistory"]["firstname"]] == ["FORM"]


# ── Deals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_won_is_told_by_the_pipeline_and_not_by_a_name(client):
    first = client.control("deals", properties={"amount": 100, "dealstage": "contractsent"})["id"]
    second = client.control("deals", properties={"pipeline": "28031705", "dealstage": "64059301"})["id"]
    pipelines = client.ask("GET", "/crm/pipelines/2026-09/deals")["results"]
    won = {
        p["id"]: [s["id"] for s in p["stages"] if s["metadata"] == {"isClosed": "true", "probability": "1.0"}]
        for p in pipelines
    }
    assert won == {"default": ["closedwon"], "28031705": ["64059303"]}

    wrong = client.call("PATCH", f"{DEALS}/{second}", {"properties": {"dealstage": "closedwon"}})
    assert (wrong.status_code, wrong.json()["errors"][0]["code"]) == (400, "INVALID_OPTION")
    for number, stage in ((first, "closedwon"), (second, "64059303")):
        client.control("save", type="deals", id=number, properties={"dealstage": stage})
    rows = read(client, str(first), str(second), path=DEALS, names=["hs_is_closed_won", "closedate"]).json()["results"]
    assert [row["properties"]["hs_is_closed_won"] for row in rows] == ["true", "true"]
    assert all(row["properties"]["closedate"] for row in rows)
