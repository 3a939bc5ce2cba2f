"""The HubSpot stand-in held to what HubSpot publishes: its OpenAPI files, recorded answers, events, and signatures.

An adapter that is green against a stand-in of its own making proves nothing; this is what makes the stand-in HubSpot's.
Without CONTRACTS_DIR these are skipped.
"""

import json
import os
from pathlib import Path

import pytest
import requests

from adapters.hubspot.sandbox import start, webhooks
from adapters.hubspot.sandbox.client import Client
from tests.adapters.openapi import Judge
from tests.adapters.test_hubspot_contracts import LENIENCE
from tests.adapters.test_hubspot_sandbox_app import Receiver

FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "hubspot"
pytestmark = [
    pytest.mark.contracts,
    pytest.mark.skipif(not FOLDER, reason="CONTRACTS_DIR is not set: HubSpot's published files are not here"),
]
JSON = {"Content-Type": "application/json"}  # without the charset, of which the judge knows nothing
OBJECTS, TIES, PROPERTIES = "/crm/objects/2026-09", "/crm/associations/2026-09", "/crm/properties/2026-09"
CONTACTS = f"{OBJECTS}/contacts"
#: Maps whose keys are the merchant's own.
OWN_KEYS = {"properties"}


class Judged(Client):
    """Each call is judged as it goes out, and each answer as it comes back."""

    judge = Judge(CONTRACTS / "openapi", lenience=LENIENCE)

    def call(self, verb, path, body=None, **query):
        answer = super().call(verb, path, body, **query)
        sent = answer.request
        self.judge.request(verb, sent.url, sent.headers, sent.body)
        self.judge.answer(verb, sent.url, answer.status_code, JSON, answer.content)
        return answer


@pytest.fixture(params=[Client, Judged], ids=["recorded", "judged"])
def client(request):
    yield from opened(request.param)


@pytest.fixture
def judged():
    yield from opened(Judged)


def opened(kind):
    sandbox = start()
    client = kind(sandbox.url, "t")
    client.control("portals", portal=62515, token="t", refresh="r")
    yield client
    client.close()
    sandbox.stop()


def recorded(name, folder="responses"):
    return json.loads((CONTRACTS / folder / f"{name}.json").read_text())


def keys(node, path=""):
    """Every key of a body by its place; members of lists share theirs."""
    if isinstance(node, list):
        return {key for one in node for key in keys(one, path)}
    if not isinstance(node, dict):
        return set()
    own = {f"{path}.{name}" for name in node}
    return own | {k for n, v in node.items() if n not in OWN_KEYS for k in keys(v, f"{path}.{n}")}


def like(answer, name):
    """The answer has the status and exactly the keys of the recorded one."""
    assert str(answer.status_code) in name
    assert keys(answer.json()) == keys(recorded(name))


def contact(client, email):
    return str(client.control("contacts", properties={"email": email})["id"])


def batch(client, verb, *inputs, kind="contacts"):
    return client.call("POST", f"{OBJECTS}/{kind}/batch/{verb}", {"inputs": list(inputs)})


def new(email, trace=None, **values):
    made = {"properties": {"email": email, **values}, "associations": []}
    return {**made, **({"objectWriteTraceId": trace} if trace else {})}


# ── Recorded answers ─────────────────────────────────────────────────────────────────────────────────────────────


def test_contacts_are_made_and_refused_in_the_recorded_shapes(client):
    like(batch(client, "create", new("a@example.com"), new("b@example.com")), "contacts.batch-create.201")
    like(batch(client, "create", new("a@example.com")), "contacts.batch-create.409-conflict")
    both = (new("a@example.com", "0"), new("c@example.com", "1"))
    like(batch(client, "create", *both), "contacts.batch-create.207-partial-conflict")
    wrong = batch(client, "create", new("d@example.com", first000name="A", last000name="B"))
    like(wrong, "contacts.batch-create.400-invalid-properties")
    told = json.loads(wrong.json()["message"].partition(": ")[2])
    before = json.loads(recorded("contacts.batch-create.400-invalid-properties")["message"].partition(": ")[2])
    assert told == before[:2]


def test_contacts_are_changed_and_refused_in_the_recorded_shapes(client):
    number = contact(client, "a@example.com")
    change = {"id": number, "properties": {"firstname": "A"}}
    like(batch(client, "update", change), "contacts.batch-update.200")
    like(batch(client, "update", change, change), "contacts.batch-update.400-duplicate-ids")
    single = client.call("PATCH", f"{CONTACTS}/{number}", {"properties": {"num_associated_deals": "x"}})
    like(single, "error.400-validation")


def test_contacts_are_listed_and_found_in_the_recorded_shapes(client):
    for name in "abc":
        contact(client, f"{name}@example.com")
    like(client.call("GET", CONTACTS, limit="2"), "contacts.list.200-paged")
    asked = {"filterGroups": [], "properties": ["phone"], "sorts": [], "limit": 2}
    like(client.call("POST", f"{CONTACTS}/search", {**asked, "after": "0"}), "contacts.search.200-page-1")
    last = client.call("POST", f"{CONTACTS}/search", {**asked, "after": "2"})
    like(last, "contacts.search.200-page-2")
    assert last.json()["results"][0]["properties"]["phone"] is None


def test_associations_are_read_and_made_in_the_recorded_shapes(client):
    number, lone = contact(client, "a@example.com"), contact(client, "b@example.com")
    company = str(client.control("objects", type="companies", properties={"name": "Tea"})["id"])
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    tie = {"from": {"id": number}, "to": {"id": company}, "types": types}
    made = client.call("POST", f"{TIES}/contacts/companies/batch/create", {"inputs": [tie]})
    like(made, "associations.batch-create.201")
    read = client.call("POST", f"{TIES}/contacts/companies/batch/read", {"inputs": [{"id": number}, {"id": lone}]})
    like(read, "associations.batch-read.207")
    before, now = recorded("associations.batch-read.207")["errors"][0], read.json()["errors"][0]
    assert now == {**before, "message": now["message"], "context": {**before["context"], "fromObjectId": [lone]}}
    labels = recorded("associations.label-create-paired", "requests")
    like(client.call("POST", f"{TIES}/contacts/contacts/labels", labels), "associations.label-create.200-paired")


@pytest.mark.parametrize("kind", [Client])
def test_properties_are_made_and_shown_in_the_recorded_shapes(kind):
    # The recorded requests leave out what the files ask for, and HubSpot took them: so they are not judged.
    for client in opened(kind):
        path = f"{PROPERTIES}/contacts"
        group = client.call("POST", f"{path}/groups", recorded("properties.group-create", "requests"))
        like(group, "properties.group-create.201")
        first = client.call("POST", f"{path}/batch/create", recorded("properties.batch-create", "requests"))
        like(first, "properties.batch-create.201")
        more = recorded("properties.batch-create-with-unique", "requests")
        again = client.call("POST", f"{path}/batch/create", more)
        like(again, "properties.batch-create.207-already-exists")
        assert again.json()["errors"] == recorded("properties.batch-create.207-already-exists")["errors"]
        like(client.call("PATCH", f"{path}/age__c", {"description": "How old?"}), "properties.update.200")
        listed = keys(client.ask("GET", path))
        real = recorded("properties.contacts-list.200")["results"]
        assert set.intersection(*(keys({"results": [one]}) for one in real)) <= listed


def test_the_rest_answers_in_the_recorded_shapes(client):
    like(client.call("GET", "/account-info/2026-09/details"), "account-info.details.200")
    like(client.call("GET", "/crm/pipelines/2026-09/deals"), "pipelines.deals.200")
    tickets = [{"properties": {"subject": "A"}, "associations": [], "objectWriteTraceId": "1"},
               {"properties": {"missing": "A"}, "associations": [], "objectWriteTraceId": "2"}]  # fmt: skip
    answer = batch(client, "create", *tickets, kind="tickets")
    assert answer.status_code == 207 and keys(answer.json()["errors"]) == keys(
        recorded("tickets.batch-create.207-validation")["errors"]
    )
    client.control("portals/update", limit={"daily": 0})
    over = client.call("GET", "/account-info/2026-09/details")
    assert over.status_code == 429 and keys(over.json()) == keys(recorded("error.429-daily"))


def test_an_unknown_kind_and_a_dead_refresh_token_are_refused_word_for_word(judged):
    asked = {"filterGroups": [], "properties": [], "sorts": [], "limit": 1, "after": "0"}
    answer = Client.call(judged, "POST", f"{OBJECTS}/butterflies/search", asked)
    like(answer, "search.400-invalid-object")
    assert answer.json()["message"] == recorded("search.400-invalid-object")["message"]
    form = {"grant_type": "refresh_token", "refresh_token": "dead", "client_id": "client", "client_secret": "secret"}
    dead = requests.post(f"{judged.url}/oauth/2026-09/token", data=form, timeout=10)
    assert (dead.status_code, dead.json()) == (400, recorded("oauth.token.400-bad-refresh-token"))


# ── Published files ──────────────────────────────────────────────────────────────────────────────────────────────


def test_all_else_that_is_spoken_here_is_published_and_answers_as_published(judged):
    number, other = contact(judged, "a@example.com"), contact(judged, "b@example.com")
    deal = str(judged.control("deals", properties={"dealname": "D"}, contacts=[number])["id"])
    listed = judged.control("lists", name="Advocates", members=[number, other])["id"]
    judged.control("rules", type="contacts", property="phone", matches="[0-9]+")
    wanted = {"inputs": [{"id": number}, {"id": "7"}], "properties": ["email"], "propertiesWithHistory": ["email"]}
    upsert = {"inputs": [{"id": "n@example.com", "idProperty": "email", "properties": {"firstname": "N"}}]}
    group = {"name": "ours", "label": "Ours"}
    option = {"label": "Yes", "value": "yes", "displayOrder": 0, "hidden": False}
    made = {"name": "ours_yes", "label": "Y", "type": "enumeration", "fieldType": "select", "groupName": "ours"}
    schema = {
        "name": "credit", "labels": {"singular": "C", "plural": "Cs"}, "requiredProperties": [],
        "properties": [{"name": "key", "label": "K", "type": "string", "fieldType": "text", "hasUniqueValue": True}],
        "associatedObjects": ["CONTACT"], "searchableProperties": [], "secondaryDisplayProperties": [],
        "allowsSensitiveProperties": False,
    }  # fmt: skip
    ends = {"inputs": [{"from": {"id": deal}, "to": {"id": other}}]}
    calls = [
        ("POST", f"{CONTACTS}/batch/read", wanted, 207), ("POST", f"{CONTACTS}/batch/upsert", upsert, 200),
        ("GET", f"{CONTACTS}/{number}", None, 200), ("GET", f"{CONTACTS}/7", None, 404),
        ("PATCH", f"{CONTACTS}/{number}", {"properties": {"firstname": "A"}}, 200),
        ("POST", f"{OBJECTS}/deals", {"properties": {"dealname": "E"}, "associations": []}, 201),
        ("POST", f"{PROPERTIES}/contacts/groups", group, 201), ("GET", f"{PROPERTIES}/contacts/groups", None, 200),
        ("POST", f"{PROPERTIES}/contacts", {**made, "options": [option]}, 201),
        ("POST", f"{PROPERTIES}/contacts", {**made, "options": [option]}, 409),
        ("GET", f"{PROPERTIES}/contacts/ours_yes", None, 200), ("GET", f"{PROPERTIES}/contacts/none", None, 404),
        ("GET", f"{PROPERTIES}/invoices", None, 200), ("GET", f"{PROPERTIES}/0-84", None, 200),
        ("GET", f"{TIES}/contacts/contacts/labels", None, 200),
        ("POST", f"{TIES}/deals/contacts/batch/associate/default", ends, 200),
        ("PUT", f"{OBJECTS}/deals/{deal}/associations/default/contacts/{other}", None, 200),
        ("DELETE", f"{OBJECTS}/deals/{deal}/associations/contacts/{other}", None, 204),
        ("GET", "/crm/property-validations/2026-09/0-1", None, 200),
        ("GET", f"/crm/lists/2026-09/{listed}", None, 200), ("GET", "/crm/lists/2026-09/99", None, 404),
        ("GET", "/crm/lists/2026-09/object-type-id/0-1/name/Advocates", None, 200),
        ("GET", f"/crm/lists/2026-09/{listed}/memberships", None, 200),
        ("POST", "/crm-object-schemas/2026-09/schemas", schema, 201),
        ("GET", "/crm-object-schemas/2026-09/schemas", None, 200),
        ("GET", "/crm-object-schemas/2026-09/schemas/p62515_credit", None, 200),
        ("GET", "/communication-preferences/2026-09/statuses/a@example.com?channel=EMAIL", None, 200),
        ("POST", "/automation/actions/callbacks/2026-09/c/complete", {"outputFields": {}, "typedOutputs": {}}, 404),
        ("POST", f"{CONTACTS}/merge", {"primaryObjectId": number, "objectIdToMerge": other}, 200),
        ("POST", f"{CONTACTS}/gdpr-delete", {"objectId": number}, 204),
        ("POST", f"{OBJECTS}/deals/batch/archive", {"inputs": [{"id": deal}]}, 204),
        ("DELETE", "/appinstalls/2026-09/external-install", None, 204), ("GET", CONTACTS, None, 401),
    ]  # fmt: skip
    told = [(verb, path, judged.call(verb, path, body).status_code) for verb, path, body, _ in calls]
    assert told == [(verb, path, status) for verb, path, _, status in calls]


# ── Events and signatures ────────────────────────────────────────────────────────────────────────────────────────


def test_events_have_the_fields_of_those_that_were_captured(judged):
    def sent(index=0, **given):
        (made,) = judged.control("render", events=[given])
        return set(json.loads(made["body"])[index])

    def captured(name):
        return {key for event in recorded(name, "webhooks") for key in event}

    about = {"object": {"type": "contacts", "id": 5}}
    change = sent(type="object.propertyChange", property="email", value="a", **about)
    assert change == captured("object.propertyChange-contact")
    assert sent(type="object.deletion", more={"changeFlag": "DELETED"}, **about) == captured(
        "object.deletion-custom-object"
    )


@pytest.fixture
def heard(judged):
    """A receiver of what the judged portal sends."""
    receiver = Receiver()
    judged.control("portals/update", target=receiver.url)
    yield receiver
    receiver.stop()


def test_an_association_a_merge_and_a_deletion_tell_what_was_captured_of_them(judged, heard):
    first, second = contact(judged, "a@example.com"), contact(judged, "b@example.com")
    judged.control("deals", properties={"dealname": "D"}, contacts=[first])
    judged.control("merge", primary=first, others=[second])
    judged.control("drain")

    fields = {event["subscriptionType"]: set(event) for event in heard.events}
    tie, merge, deletion = (
        set(recorded(name, "webhooks")[0])
        for name in ("deal.associationChange", "contact.merge", "object.deletion-custom-object")
    )
    assert fields["object.associationChange"] == tie | {"subscriptionId", "isPrimaryAssociation"}
    assert fields["object.merge"] == merge | {"changeFlag", "sourceId"}
    assert fields["object.deletion"] == deletion


def test_a_workflow_steps_request_has_the_fields_of_the_documented_one(judged, heard):
    number = contact(judged, "a@example.com")
    judged.control("drain")
    heard.posts.clear()
    judged.control("action", object={"type": "contacts", "id": number}, input={"widgetName": "W", "widgetOwner": "1"})
    ((_, _, raw),) = heard.posts
    assert keys(json.loads(raw)) == keys(recorded("execution-request-with-extension-ids", "workflow_actions"))


def test_every_published_signature_comes_out_of_the_stand_ins_own_hand():
    vectors = recorded("signature-vectors", "")["vectors"]
    for one in vectors:
        secret, body = one["client_secret"], one.get("body", "").encode()
        match one["version"]:
            case "v1":
                made = webhooks.sign_v1(secret, body)
            case "v2":
                made = webhooks.sign_v2(secret, one["method"], one["uri"], body)
            case _:
                made = webhooks.sign_v3(secret, one["method"], one["uri"], body, one["timestamp"])
        assert made == one["signature"]
    assert {one["version"] for one in vectors} == {"v1", "v2", "v3"}
