"""What becomes of records in the HubSpot stand-in: merged, deleted, erased, tied together, searched, put on lists.

An adapter that is right against a kinder HubSpot would pay the wrong contact after a merge, or none at all.
"""

import pytest

from adapters.hubspot.sandbox import start
from adapters.hubspot.sandbox.client import Client
from tests.adapters.test_hubspot_sandbox import CONTACTS, contact, read, write

TIES = "/crm/associations/2026-09"


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("portals", portal=62515, token="t")
    yield client
    client.close()
    sandbox.stop()


# ── Merging, deleting, erasing ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fresh", [False, True])
def test_a_merged_contacts_old_id_leads_to_the_one_it_went_into(client, fresh):
    kept, gone = contact(client, phone="1"), contact(client, "b@example.com", firstname="B")
    deal = str(client.control("deals", properties={"dealname": "D"}, contacts=[gone])["id"])

    into = str(client.control("merge", primary=kept, others=[gone], fresh_id=fresh)["id"])

    assert (into != kept) == fresh
    names = ["email", "firstname", "phone", "hs_additional_emails", "hs_merged_object_ids"]
    for old in (kept, gone):
        (row,) = read(client, old, names=names).json()["results"]
        assert row["id"] == into
    held = row["properties"]
    assert (held["email"], held["firstname"], held["phone"]) == ("ada@example.com", "B", "1")
    assert held["hs_additional_emails"] == "b@example.com" and gone in held["hs_merged_object_ids"].split(";")
    (tie,) = client.ask("POST", f"{TIES}/deals/contacts/batch/read", {"inputs": [{"id": deal}]})["results"]
    assert [to["toObjectId"] for to in tie["to"]] == [int(into)]
    by_mail = read(client, "b@example.com", idProperty="email").json()["results"]
    assert [one["id"] for one in by_mail] == [into]


def test_the_api_merges_as_people_do(client):
    kept, gone = contact(client), contact(client, "b@example.com")
    body = {"primaryObjectId": kept, "objectIdToMerge": gone}
    assert client.ask("POST", f"{CONTACTS}/merge", body)["id"] == kept
    assert client.call("POST", f"{CONTACTS}/merge", {**body, "objectIdToMerge": kept}).status_code == 400
    assert client.call("POST", f"{CONTACTS}/merge", {**body, "objectIdToMerge": "7"}).status_code == 404


def test_a_deleted_record_is_gone_until_restored_and_an_erased_one_for_good(client):
    number = contact(client)
    assert client.call("DELETE", f"{CONTACTS}/{number}").status_code == 204
    assert client.call("GET", f"{CONTACTS}/{number}").status_code == 404
    assert read(client, number).json()["errors"][0]["context"] == {"ids": [number]}
    archived = client.call(
        "POST", f"{CONTACTS}/batch/read", {"inputs": [{"id": number}], "properties": []}, archived="true"
    )
    assert archived.json()["results"][0]["archived"] is True
    client.control("restore", type="contacts", id=number)
    assert client.ask("GET", f"{CONTACTS}/{number}")["properties"]["email"] == "ada@example.com"

    erased = client.call("POST", f"{CONTACTS}/gdpr-delete", {"objectId": "ada@example.com", "idProperty": "email"})
    assert erased.status_code == 204 and client.call("GET", f"{CONTACTS}/{number}").status_code == 404
    client.control("restore", type="contacts", id=number, expect=404)
    (portal,) = client.control("state", verb="GET")["portals"]
    assert portal["blocked"] == ["ada@example.com"]


# ── Associations ─────────────────────────────────────────────────────────────────────────────────────────────────


def pair(client):
    body = {"name": "referred", "label": "Referred", "inverseLabel": "Referred by"}
    made = client.ask("POST", f"{TIES}/contacts/contacts/labels", body)["results"]
    return {row["label"]: row["typeId"] for row in made}


def seen(client, number):
    rows = client.ask("POST", f"{TIES}/contacts/contacts/batch/read", {"inputs": [{"id": number}]})["results"]
    return {(to["toObjectId"], each["label"]) for row in rows for to in row["to"] for each in to["associationTypes"]}


def test_a_paired_label_reads_from_each_side_in_its_own_words(client):
    friend, advocate, labels = contact(client), contact(client, "b@example.com"), pair(client)
    types = [{"associationCategory": "USER_DEFINED", "associationTypeId": labels["Referred by"]}]
    tie = {"from": {"id": friend}, "to": {"id": advocate}, "types": types}

    made = client.call("POST", f"{TIES}/contacts/contacts/batch/create", {"inputs": [tie]})

    assert made.status_code == 201
    assert made.json()["results"][0] | {"labels": ["Referred by"]} == made.json()["results"][0]
    assert seen(client, friend) == {(int(advocate), "Referred by"), (int(advocate), None)}
    assert seen(client, advocate) == {(int(friend), "Referred"), (int(friend), None)}
    client.call("POST", f"{TIES}/contacts/contacts/batch/labels/archive", {"inputs": [tie]})
    assert seen(client, advocate) == {(int(friend), None)}


def test_no_association_is_a_normal_answer_and_one_to_itself_is_refused(client):
    number = contact(client)
    none = client.call("POST", f"{TIES}/deals/contacts/batch/read", {"inputs": [{"id": "9"}]})
    assert (none.status_code, none.json()["errors"][0]["subCategory"]) == (
        207,
        "crm.associations.NO_ASSOCIATIONS_FOUND",
    )
    self_tie = client.call("PUT", f"{CONTACTS}/{number}/associations/default/contacts/{number}")
    assert (self_tie.status_code, self_tie.json()["category"]) == (400, "VALIDATION_ERROR")
    assert "cannot be associated to itself" in self_tie.json()["message"]


def test_associations_come_in_pages(client):
    client.control("portals/update", association_page=2)
    people = [contact(client, f"p{n}@example.com") for n in range(3)]
    deal = str(client.control("deals", properties={}, contacts=people)["id"])
    found, after = [], ""
    for _ in range(2):
        body = {"inputs": [{"id": deal, **({"after": after} if after else {})}]}
        (row,) = client.ask("POST", f"{TIES}/0-3/0-1/batch/read", body)["results"]
        found += [str(to["toObjectId"]) for to in row["to"]]
        after = row.get("paging", {}).get("next", {}).get("after", "")
    assert sorted(found) == sorted(people) and not after


def test_labels_and_custom_objects_are_a_matter_of_the_tier(client):
    client.control("portals/update", tier="free")
    body = {"name": "referred", "label": "Referred"}
    assert client.call("POST", f"{TIES}/contacts/contacts/labels", body).status_code == 403
    assert client.call("GET", "/crm-object-schemas/2026-09/schemas").status_code == 403


def test_a_kind_of_records_of_ones_own_works_like_the_others(client):
    number = contact(client)
    key = {"name": "ledger_id", "label": "Id", "type": "string", "fieldType": "text", "hasUniqueValue": True}
    schema = {
        "name": "referral_credit", "labels": {"singular": "Referral credit", "plural": "Referral credits"},
        "properties": [key], "requiredProperties": ["ledger_id"], "associatedObjects": ["contacts"],
        "searchableProperties": [], "secondaryDisplayProperties": [], "primaryDisplayProperty": "ledger_id",
        "allowsSensitiveProperties": False,
    }  # fmt: skip
    made = client.ask("POST", "/crm-object-schemas/2026-09/schemas", schema)
    assert client.call("POST", "/crm-object-schemas/2026-09/schemas", schema).status_code == 409
    path = f"/crm/objects/2026-09/{made['objectTypeId']}"
    one = {"id": "r1", "idProperty": "ledger_id", "properties": {"ledger_id": "r1"}}

    first, again = (write(client, "upsert", one, path=path).json()["results"][0] for _ in range(2))
    assert (first["new"], again["new"], first["id"]) == (True, False, again["id"])
    client.ask("PUT", f"{path}/{first['id']}/associations/default/contacts/{number}")
    ties = client.ask(
        "POST", f"{TIES}/{made['fullyQualifiedName']}/contacts/batch/read", {"inputs": [{"id": first["id"]}]}
    )
    assert ties["results"][0]["to"][0]["toObjectId"] == int(number)


# ── Search and lists ─────────────────────────────────────────────────────────────────────────────────────────────


def find(client, *filters, **more):
    asked = {"filterGroups": [{"filters": list(filters)}], "properties": ["email"], "limit": 100, "after": "0", **more}
    return [row["properties"]["email"] for row in client.ask("POST", f"{CONTACTS}/search", asked)["results"]]


def test_search_filters_and_sorts(client):
    for at, stage in ((1, "lead"), (2, "customer"), (3, "customer")):
        contact(client, f"p{at}@example.com", lifecyclestage=stage)
    customer = {"propertyName": "lifecyclestage", "operator": "EQ", "value": "customer"}
    assert find(client, customer, sorts=["-email"]) == ["p3@example.com", "p2@example.com"]
    among = {"propertyName": "email", "operator": "IN", "values": ["p1@example.com", "x@example.com"]}
    assert find(client, among) == ["p1@example.com"]
    assert find(client, {"propertyName": "firstname", "operator": "HAS_PROPERTY"}) == []


def test_search_lags_behind_as_long_as_it_is_told_to(client):
    client.control("portals/update", search_delay_s=60)
    number = contact(client)
    wanted = {"propertyName": "email", "operator": "EQ", "value": "ada@example.com"}
    assert find(client, wanted) == find(client) == []
    assert read(client, number).json()["results"]
    client.control("clock", advance_s=61)
    assert find(client, wanted) == ["ada@example.com"]


def test_a_list_is_found_by_name_and_read_in_pages(client):
    people = [contact(client, f"p{n}@example.com") for n in range(3)]
    number = client.control("lists", name="Advocates", members=people)["id"]
    assert client.ask("GET", "/crm/lists/2026-09/object-type-id/0-1/name/Advocates")["list"]["listId"] == str(number)
    first = client.ask("GET", f"/crm/lists/2026-09/{number}/memberships", limit="2")
    rest = client.ask(
        "GET", f"/crm/lists/2026-09/{number}/memberships", limit="2", after=first["paging"]["next"]["after"]
    )
    assert [row["recordId"] for row in (*first["results"], *rest["results"])] == people
    assert "paging" not in rest and client.call("GET", "/crm/lists/2026-09/99").status_code == 404
