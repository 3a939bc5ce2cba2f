"""Held to what HubSpot publishes: the paths, parameters and bodies of its OpenAPI files, and the answers seen.

Without CONTRACTS_DIR these are skipped. The files say what we may send; answers contradict them in the places that
`LENIENCE` names, and nowhere else.
"""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.openapi import FORM, Judge, Lenience

FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "hubspot"
JSON = {"Content-Type": "application/json"}
CONTACTS = "https://api.hubapi.com/crm/objects/2026-09/contacts"
#: What recorded answers lack, what is of another type there, null values, and 207 and 201 where only 200 is published.
LENIENCE = Lenience(
    optional=frozenset({"category", "correlationId", "errors", "links"}),
    loose=frozenset({"subCategory", "fromObjectId", "toObjectId"}),
    nulls=True,
    success=True,
)
#: Recorded answers that the files contradict. Without LENIENCE each of them is refused, and no other one.
CONTRADICTED = {
    "associations.batch-create.201.json",
    "associations.batch-read.207.json",
    "contacts.batch-create.207-partial-conflict.json",
    "contacts.search.200-page-1.json",
    "contacts.search.200-page-2.json",
    "error.429-daily.json",
    "oauth.token.400-bad-refresh-token.json",
    "properties.batch-create.201.json",
    "properties.batch-create.207-already-exists.json",
    "search.400-invalid-object.json",
    "tickets.batch-create.207-validation.json",
}
#: Recorded requests of others that HubSpot took although the files ask more of each option. We send all that is asked.
INCOMPLETE = {"properties.batch-create.json", "properties.batch-create-with-unique.json"}
CALLS = {
    "account-info.details": ("GET", "/account-info/2026-09/details"),
    "associations.batch-create": ("POST", "/crm/associations/2026-09/contacts/companies/batch/create"),
    "associations.batch-read": ("POST", "/crm/associations/2026-09/contacts/companies/batch/read"),
    "associations.label-create": ("POST", "/crm/associations/2026-09/contacts/contacts/labels"),
    "associations.label-create-paired": ("POST", "/crm/associations/2026-09/contacts/contacts/labels"),
    "contacts.batch-create": ("POST", "/crm/objects/2026-09/contacts/batch/create"),
    "contacts.batch-update": ("POST", "/crm/objects/2026-09/contacts/batch/update"),
    "contacts.list": ("GET", "/crm/objects/2026-09/contacts"),
    "contacts.search": ("POST", "/crm/objects/2026-09/contacts/search"),
    "error": ("POST", "/crm/objects/2026-09/contacts/batch/upsert"),
    "oauth.token": ("POST", "/oauth/2026-09/token"),
    "pipelines.deals": ("GET", "/crm/pipelines/2026-09/deals"),
    "properties.batch-create": ("POST", "/crm/properties/2026-09/contacts/batch/create"),
    "properties.batch-create-with-unique": ("POST", "/crm/properties/2026-09/contacts/batch/create"),
    "properties.contacts-list": ("GET", "/crm/properties/2026-09/contacts"),
    "properties.group-create": ("POST", "/crm/properties/2026-09/contacts/groups"),
    "properties.update": ("PATCH", "/crm/properties/2026-09/contacts/age__c"),
    "search": ("POST", "/crm/objects/2026-09/butterflies/search"),
    "tickets.batch-create": ("POST", "/crm/objects/2026-09/tickets/batch/create"),
}
GOOD = {"inputs": [{"id": "anna@example.com", "idProperty": "email", "properties": {"referral_source": "referral"}}]}

pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(
        not FOLDER, reason="CONTRACTS_DIR is not set: HubSpot's OpenAPI and recorded answers are not here"
    ),
]


def hubspot(lenience=LENIENCE):
    """Only dated versions may be called; the undated file (forms) stays out."""
    return Judge(CONTRACTS / "openapi", "*.20*.json", lenience)


@pytest.fixture(scope="module")
def lenient():
    return hubspot()


@pytest.fixture(scope="module")
def strict():
    return hubspot(Lenience())


def files(kind):
    return sorted((CONTRACTS / kind).glob("*.json")) if FOLDER else []


@pytest.mark.parametrize("path", files("requests"), ids=lambda path: path.name)
def test_a_recorded_request_may_be_sent(lenient, path):
    method, url = CALLS[path.name.removesuffix(".json")]
    if path.name not in INCOMPLETE:
        lenient.request(method, url, JSON, path.read_bytes())
        return
    with pytest.raises(AssertionError) as refused:
        lenient.request(method, url, JSON, path.read_bytes())
    _, *told = str(refused.value).splitlines()
    assert all(re.search(r"options\[\d\]: '(displayOrder|hidden)' is a required property", fault) for fault in told)
    body = json.loads(path.read_bytes())
    for each in body["inputs"]:
        each["options"] = [{"displayOrder": 0, "hidden": False, **option} for option in each.get("options", [])]
    lenient.request(method, url, JSON, json.dumps(body).encode())


def answered(path):
    """A recorded answer with its call and status: from `contacts.list.200-paged.json`."""
    call, _, rest = path.name.removesuffix(".json").rpartition(".")
    return *CALLS[call], int(rest[:3]), JSON, path.read_bytes()


@pytest.mark.parametrize("path", files("responses"), ids=lambda path: path.name)
def test_a_recorded_answer_may_come_back(lenient, strict, path):
    lenient.answer(*answered(path))
    if path.name in CONTRADICTED:
        with pytest.raises(AssertionError):
            strict.answer(*answered(path))
    else:
        strict.answer(*answered(path))


@pytest.mark.parametrize(
    "stricter",
    [
        *(replace(LENIENCE, optional=LENIENCE.optional - {name}) for name in sorted(LENIENCE.optional)),
        *(replace(LENIENCE, loose=LENIENCE.loose - {name}) for name in sorted(LENIENCE.loose)),
        replace(LENIENCE, nulls=False),
        replace(LENIENCE, success=False),
    ],
    ids=[*sorted(LENIENCE.optional), *sorted(LENIENCE.loose), "nulls", "success"],
)
def test_no_leniency_is_without_need(stricter):
    with pytest.raises(AssertionError):
        judge_all_answers(hubspot(stricter))


def judge_all_answers(judge):
    for path in files("responses"):
        judge.answer(*answered(path))


def test_every_contradiction_was_seen():
    assert {path.name for path in files("responses")} >= CONTRADICTED


def test_what_hubspot_asks_for_may_be_sent(lenient):
    lenient.request("POST", f"{CONTACTS}/batch/upsert", JSON, json.dumps(GOOD).encode())
    lenient.request("GET", f"{CONTACTS}/62?properties=email&properties=ref&archived=true", {}, None)
    lenient.request("DELETE", "/appinstalls/2026-09/external-install", {}, None)
    token = b"grant_type=refresh_token&refresh_token=a&client_id=b&client_secret=c"
    lenient.request("POST", "/oauth/2026-09/token", {"content-type": f"{FORM}; charset=utf-8"}, token)


@pytest.mark.parametrize(
    ("method", "url", "told"),
    [
        ("POST", "/crm/v3/objects/contacts/batch/upsert", "no published file knows this path"),
        ("POST", "/oauth/v1/token", "no published file knows this path"),
        ("GET", "/crm/v4/associations/contacts/deals/labels", "no published file knows this path"),
        ("GET", "/marketing/v3/forms/", "no published file knows this path"),
        ("DELETE", CONTACTS, "only GET, POST is published"),
        ("GET", f"{CONTACTS}/62?property=email", "?property is no parameter"),
        ("GET", f"{CONTACTS}/62?archived=maybe", "archived: not a boolean format"),
        ("GET", f"{CONTACTS}/62/", "no published file knows this path"),
    ],
)
def test_a_call_that_hubspot_does_not_know_is_refused(lenient, method, url, told):
    with pytest.raises(AssertionError) as refused:
        lenient.request(method, url, {}, None)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"inputs": [{**GOOD["inputs"][0], "idPropety": "email"}]}, "$.inputs[0]: Additional properties"),
        ({"inputs": [{"id": "anna@example.com", "idProperty": "email"}]}, "'properties' is a required property"),
        ({"inputs": [{**GOOD["inputs"][0], "id": 62}]}, "62 is not of type 'string'"),
        ({"inputs": [{**GOOD["inputs"][0], "properties": {"ref": None}}]}, "None is not of type 'string'"),
        ({"inputs": GOOD["inputs"][0]}, "is not of type 'array'"),
        (GOOD | {"input": []}, "'input' was unexpected"),
        ({}, "'inputs' is a required property"),
    ],
)
def test_a_body_that_hubspot_would_misread_is_refused(lenient, body, told):
    with pytest.raises(AssertionError) as refused:
        lenient.request("POST", f"{CONTACTS}/batch/upsert", JSON, json.dumps(body).encode())
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("url", "headers", "body", "told"),
    [
        (f"{CONTACTS}/batch/read", {}, b'{"inputs": []}', "mimetype not found"),
        (f"{CONTACTS}/batch/read", JSON, b"{", "Failed to deserialize"),
        (f"{CONTACTS}/batch/read", JSON, None, "Missing required request body"),
        ("/oauth/2026-09/token", JSON, b"{}", "mimetype not found"),
        ("/oauth/2026-09/token", {"Content-Type": FORM}, b"grant_type=refesh_token", "'refesh_token' is not one of"),
        ("/oauth/2026-09/token", {"Content-Type": FORM}, b"clientid=a", "clientid is no field of the form"),
    ],
)
def test_bytes_that_hubspot_could_not_read_are_refused(lenient, url, headers, body, told):
    with pytest.raises(AssertionError) as refused:
        lenient.request("POST", url, headers, body)
    assert told in str(refused.value)


def test_a_body_that_nobody_asked_for_is_refused(lenient):
    with pytest.raises(AssertionError, match="takes no body"):
        lenient.request("DELETE", f"{CONTACTS}/62", JSON, b"{}")


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b'{"results": [], "status": "COMPLETE"}', "'completedAt' is a required property"),
        (207, b'{"results": {}}', "{} is not of type 'array'"),
        (400, b'{"message": 7}', "7 is not of type 'string'"),
        (502, b"<html>", "Failed to deserialize"),
        (201, b'{"status": "DONE"}', "'DONE' is not one of"),
        (204, b"{}", "204 has no body"),
    ],
)
def test_an_answer_that_hubspot_would_not_give_is_refused(lenient, status, body, told):
    with pytest.raises(AssertionError) as refused:
        lenient.answer("POST", f"{CONTACTS}/batch/update", status, JSON, body)
    assert told in str(refused.value)


def test_an_answer_without_a_body_may_come_back(lenient, strict):
    for judge in (lenient, strict):
        judge.answer("DELETE", f"{CONTACTS}/62", 204, {}, b"")
    archived = ("POST", "/crm/associations/2026-09/contacts/deals/batch/archive", 204, {}, b"")
    lenient.answer(*archived)
    with pytest.raises(AssertionError, match=r"only \[200\] is published"):
        strict.answer(*archived)


def test_the_more_exact_file_decides(lenient):
    assert lenient.route("POST", f"{CONTACTS}/gdpr-delete").file == "contacts.2026-09.json"
    assert lenient.route("POST", "/crm/objects/2026-09/2-1234/batch/upsert").file == "customObjects.2026-09.json"


@pytest.mark.parametrize("path", sorted((Path(FOLDER) / "klaviyo/requests").glob("*.json")) if FOLDER else [], ids=str)
def test_the_judge_reads_packed_files_and_maps_of_free_keys(path):
    name = path.name.partition(".")[0]
    headers = {"Content-Type": "application/vnd.api+json", "revision": "2026-07-15"}
    Judge(Path(FOLDER) / "klaviyo/openapi").request("POST", f"/api/{name}", headers, path.read_bytes())
