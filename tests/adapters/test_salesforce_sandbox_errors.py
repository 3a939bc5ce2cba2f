"""The Salesforce stand-in refuses, gives tokens, sends messages and runs processes as was recorded of Salesforce.

Without CONTRACTS_DIR these are skipped. What it has no answer for stands in NOT_SPOKEN, with why.
"""

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests

from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import VERSION, Client
from tests.adapters import test_salesforce_sandbox_contracts as contracts
from tests.adapters.test_salesforce_sandbox_contracts import CONTRACTS, account, contact, fits, keys, recorded

pytestmark = contracts.pytestmark
#: Recordings that this stand-in has no answer for, since the connector makes no such call.
NOT_SPOKEN = {
    "rest/composite-graph-created-200.json",  # graphs: composite and collections do
    "rest/search-empty-200.json",  # SOSL
    "oauth/token-password-200.json",  # the password flow, of which only the shape of its answer is used below
    "oauth/error-auth-invalid_grant-400.json",
    "errors/record-type-not-available-400.json",  # record types
    "errors/invalid-session-id-500.json",  # a third party's mock, which the 401 of a recording contradicts
    "errors/server-unavailable-object-503.json",  # an object where Salesforce sends lists: a test hands it to the adapter
    "outbound-message/account-with-session-2017.xml",  # a session id, which is empty since 2026
}


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("orgs", token="t", refresh="r")
    yield client
    client.close()
    sandbox.stop()


def lead(client, **values):
    return client.call("POST", "sobjects/Lead", {"LastName": "L", "Company": "C", **values})


def test_what_is_wrong_with_a_request_is_told_word_for_word_as_recorded(client):
    client.control("fields", object="Lead", lines=["ERP_Id__c string(20) unique external case", "Job_Category__c picklist(255) restricted *Rating"])  # fmt: skip
    number = lead(client, ERP_Id__c="1").json()["id"]
    url = f"{client.url}/services/data/{VERSION}/sobjects/Lead"
    calls = {
        "invalid-auth-header-401": requests.get(url, headers={"Authorization": "Basic x"}, timeout=10),
        "invalid-session-id-401": requests.get(url, headers={"Authorization": "Bearer x"}, timeout=10),
        "not-found-404": client.call("GET", "sobjects/Nothing/describe"),
    }
    client.control("faults", fault="throttled", count=1)
    calls["request-limit-exceeded-403"] = client.call("GET", "limits")
    client.control("faults", fault="status_before", count=1)
    calls["server-unavailable-503"] = client.call("GET", "limits")
    client.control("faults", fault="locked", count=1)
    calls["unable-to-lock-row-400"] = client.call("PATCH", f"sobjects/Lead/{number}", {"Title": "T"})
    client.control("rules", object="Lead", field="Phone", matches=r"\d{10}", message="Phone number must be 10 digits")
    for name, answer in calls.items():
        assert (answer.status_code, answer.json()) == (int(name[-3:]), recorded(name, "errors")), name
    unknown = client.call("PATCH", "sobjects/Lead/Namez/1", {})
    assert (unknown.status_code, unknown.json()) == (404, recorded("upsert-external-id-field-missing-404", "errors"))


def test_what_is_wrong_with_a_record_is_told_as_recorded_with_the_fields_at_fault(client):
    """Where a recording has no `fields` the stand-in has them: both were seen, and a real 66.0 names them."""
    client.control("fields", object="Lead", lines=["ERP_Id__c string(20) unique external case", "Job_Category__c picklist(255) restricted *Rating", "Provider__c string(20)"])  # fmt: skip
    number = lead(client, ERP_Id__c="1").json()["id"]
    client.control("security", object="Lead", field="Provider__c", withhold=["create", "edit"])
    calls = {
        "duplicate-value-400": lead(client, ERP_Id__c="1"),
        "field-level-security-400": lead(client, Provider__c="x"),
        "invalid-field-400": lead(client, foo="x"),
        "required-field-missing-400": client.call("POST", "sobjects/Lead", {"LastName": "L"}),
        "restricted-picklist-400": lead(client, Job_Category__c="NURSE PRACTITIONER, SUPERVISING(NP,S)"),
    }
    client.control("rules", object="Lead", field="Phone", matches=r"\d{10}", message="Phone number must be 10 digits")
    calls["validation-rule-400"] = lead(client, Phone="1")
    client.control("rules", object="Lead", field="Title", matches="T.*", message="Please contact your administrator.", shown="Amount")  # fmt: skip
    calls["validation-rule-with-field-400"] = lead(client, Title="x")
    client.control("locks", id=number)
    calls["unable-to-lock-row-500"] = client.call("PATCH", f"sobjects/Lead/{number}", {"Title": "T"})
    said = {
        # The words name the object, the record or nothing more than the recording does.
        "duplicate-value-400": r"duplicate value found: ERP_Id__c duplicates value on record with id: 00Q\w{12}",
        "invalid-field-400": "No such column 'foo' on sobject of type Lead",
        "unable-to-lock-row-500": r"unable to obtain exclusive access to this record or 1 records: 00Q\w{15}",
    }
    for name, answer in calls.items():
        (ours,), (theirs,) = answer.json(), recorded(name, "errors")
        assert answer.status_code == 400, name
        assert ours["errorCode"] == theirs["errorCode"], name
        assert re.fullmatch(said.get(name, re.escape(theirs["message"])), ours["message"]), name
        assert set(theirs) <= set(ours) <= set(theirs) | {"fields"}, name
        if theirs.get("fields"):
            assert ours["fields"] == theirs["fields"], name
    many = recorded("field-level-security-many-no-fields-key-400", "errors")[0]
    assert calls["field-level-security-400"].json()[0]["message"] == many["message"].replace(
        "X11x_Research_Report__c, X11x_Last_Campaign_Name__c, Matched_by_11x__c", "Provider__c"
    )


def test_a_duplicate_is_told_in_the_recorded_shape_with_the_recorded_misspelling(client):
    client.control("orgs/update", spelling="duplicateResut")
    client.control("duplicate_rules", object="Contact")
    number = contact(client, "a@example.com")
    answer = client.call("POST", "sobjects/Contact", {"LastName": "C", "Email": "A@example.com"})
    theirs = recorded("duplicates-detected-alert-v54-400", "errors")
    assert answer.status_code == 400 and keys(answer.json()) == keys(theirs)
    ours = json.loads(json.dumps(answer.json()).replace(number, "ID"))
    assert ours == json.loads(json.dumps(theirs).replace("0038M0000016Wv8QAE", "ID").replace("v54.0", "v60.0"))


# ── Tokens, messages, processes ──────────────────────────────────────────────────────────────────────────────────


def test_tokens_answer_as_recorded_and_never_say_how_long_they_last(client):
    form = {"grant_type": "refresh_token", "client_id": "client", "client_secret": "secret"}
    url = f"{client.url}/services/oauth2/token"
    told = requests.post(url, data={**form, "refresh_token": "r"}, timeout=10).json()
    for name in ("token-refresh-200", "token-password-200"):
        assert set(recorded(name, "oauth")) <= set(told)
        fits({key: told[key] for key in recorded(name, "oauth")}, recorded(name, "oauth"))
    assert "expires_in" not in told
    dead = requests.post(url, data={**form, "refresh_token": "r"}, timeout=10)
    assert (dead.status_code, dead.json()) == (400, recorded("error-refresh-invalid_grant-400", "oauth"))


def outline(node):
    """Names of elements and of their attributes, with what stands in them left out."""
    return [node.tag, sorted(node.attrib), [outline(child) for child in node]]


def bare(node):
    """The name of an element without its namespace."""
    return node.tag.rpartition("}")[2]


def test_an_outbound_message_has_the_elements_of_the_recorded_one(client):
    real = ET.parse(CONTRACTS / "outbound-message" / "opportunity.xml").getroot()  # noqa: S314 - a file of ours
    held = {bare(node): node.text for node in real.iter("*") if "sobject.enterprise" in node.tag}
    values = {name: text for name, text in held.items() if name not in {"Id", "AccountId"}}
    deal = client.control("records", object="Opportunity", values={**values, "AccountId": account(client)})["id"]
    (made,) = client.control("messages/render", records=[deal], fields={"Opportunity": list(held)}, url="http://x")
    ours = ET.fromstring(made["body"])  # noqa: S314 - the stand-in is ours
    assert outline(ours) == outline(real)
    told, theirs = ({bare(node): node.text for node in root.iter("*")} for root in (ours, real))
    same = ("Amount", "CloseDate", "LeadSource", "Name", "StageName", "SessionId")
    assert {name: told[name] for name in same} == {name: theirs[name] for name in same}
    assert len(told["OrganizationId"]) == 18
    assert told["EnterpriseUrl"].endswith(told["OrganizationId"][:15])


def test_referral_events_and_loyalty_processes_answer_as_published(client):
    client.control("orgs/update", licences=["loyalty", "referral"])
    event = recorded("action-processReferralEvent.request", "loyalty-referral-billing")
    event["inputs"][0]["referralContactId"] = contact(client, "a@example.com")
    answer = client.call("POST", "actions/standard/processReferralEvent", event)
    theirs = recorded("action-processReferralEvent.response", "loyalty-referral-billing")
    assert answer.status_code == 200 and keys(answer.json()) == keys(theirs)
    assert answer.json()[0]["outputValues"]["referralStage"] == theirs[0]["outputValues"]["referralStage"]

    number = client.enrol(event["inputs"][0]["referralContactId"], "Tea")
    for process, name in (("Credit", "credit-points-to-members"), ("Voucher", "issue-voucher-by-member-id"), ("Voucher", "issue-voucher-by-membership-number")):  # fmt: skip
        asked = recorded(f"loyalty-{name}.request", "loyalty-referral-billing")
        for row in asked["processParameters"]:
            row.get("TransactionJournal", {})["MemberId"] = number
        told = client.ask("POST", f"connect/loyalty/programs/Tea/program-processes/{process}", asked)
        assert told == recorded("loyalty-program-process.response", "loyalty-referral-billing")


def test_every_recording_is_answered_here_or_said_not_to_be():
    told = {
        str(path.relative_to(CONTRACTS))
        for folder in ("rest", "errors", "oauth", "outbound-message")
        for path in (CONTRACTS / folder).iterdir()
    }
    source = "".join(path.read_text() for path in Path(__file__).parent.glob("test_salesforce_sandbox_*.py"))
    unheard = {name for name in told if Path(name).stem not in source}
    assert not unheard
    assert told >= NOT_SPOKEN
