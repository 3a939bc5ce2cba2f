"""The Salesforce stand-in keeps records as Salesforce does, and its book tells what really happened.

If it were kinder than Salesforce, or its book wrong, every lost or doubled credit found with it would prove nothing.
"""

import pytest

from adapters.salesforce.sandbox import ids, start
from adapters.salesforce.sandbox.client import Client


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.org = client.control("orgs", token="t", package={"rights": "all"})
    yield client
    client.close()
    sandbox.stop()


def made(client, kind, **values):
    needed = {"Lead": {"LastName": "L", "Company": "C"}, "Contact": {"LastName": "C"}, "Account": {"Name": "A"},
              "Opportunity": {"Name": "O", "StageName": "Prospecting", "CloseDate": "2030-01-31"}}  # fmt: skip
    return client.control("records", object=kind, values={**needed.get(kind, {}), **values})["id"]


def held(client, number, *names):
    kinds = {"00Q": "Lead", "003": "Contact", "001": "Account", "006": "Opportunity", "a00": "Referral_Credit__c", "00v": "CampaignMember"}  # fmt: skip
    row = client.ask("GET", f"sobjects/{kinds[number[:3]]}/{number}", fields=",".join(names))
    return [row[name] for name in names]


def refusal(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


# ── Ids and times ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "known", ["0035500001H9ka6AAB", "001dM00003jU9GxQAK", "00DdM00000vfgTuUAI", "0067F000003pmdWQAQ"]
)
def test_an_ids_last_three_characters_are_those_that_salesforce_makes(known):
    assert ids.full(known[:15]) == ids.normal(known) == ids.normal(known[:15]) == known
    with pytest.raises(ValueError):
        ids.normal(known[:17] + "Z")


def test_either_form_of_an_id_names_the_record_and_one_that_is_none_is_told_so(client):
    account, contact = made(client, "Account"), made(client, "Contact")
    assert client.call("PATCH", f"sobjects/Contact/{contact[:15]}", {"AccountId": account[:15]}).status_code == 204
    assert held(client, contact, "AccountId") == [account]
    assert refusal(client.call("PATCH", f"sobjects/Contact/{contact}", {"AccountId": contact})) == (400, "MALFORMED_ID")
    wrong = account[:17] + ("A" if account[17] != "A" else "B")
    assert refusal(client.call("PATCH", f"sobjects/Contact/{contact}", {"AccountId": wrong})) == (400, "MALFORMED_ID")
    nobody = ids.full("001" + "0" * 12)
    told = refusal(client.call("PATCH", f"sobjects/Contact/{contact}", {"AccountId": nobody}))
    assert told == (400, "INVALID_CROSS_REFERENCE_KEY")


def test_a_save_that_changes_nothing_still_moves_the_records_time_on_by_whole_seconds(client):
    lead = made(client, "Lead")
    (before,) = held(client, lead, "SystemModstamp")
    client.control("clock", advance_s=5)
    assert client.call("PATCH", f"sobjects/Lead/{lead}", {"Company": "C"}).status_code == 204
    after, by = held(client, lead, "SystemModstamp", "LastModifiedById")
    assert before < after and after.endswith(".000+0000") and by == client.org["user"]
    literal = after.replace("+0000", "Z")
    assert len(client.query(f"SELECT Id FROM Lead WHERE SystemModstamp = {literal}")) == 1
    assert [entry for entry in client.book()["entries"] if entry["by"] == "api"] == []


# ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("LastName", "x" * 81, "STRING_TOO_LONG"),
        ("LastName", None, "REQUIRED_FIELD_MISSING"),
        ("LastName", "", "REQUIRED_FIELD_MISSING"),
        ("LastName", 5, "JSON_PARSER_ERROR"),
        ("Email", "no address", "INVALID_EMAIL_ADDRESS"),
        ("AnnualRevenue", "much", "JSON_PARSER_ERROR"),
        ("AnnualRevenue", 10**18, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("NumberOfEmployees", 1.5, "JSON_PARSER_ERROR"),
        ("Referral_Touched_At__c", "2026-01-01T10:00:00", "JSON_PARSER_ERROR"),  # without an offset
        ("Referral_Touched_At__c", "yesterday", "JSON_PARSER_ERROR"),
        ("Name", "Ada", "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("ConvertedContactId", None, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("SystemModstamp", "2026-01-01T10:00:00Z", "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("IsConverted", True, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("No_Such__c", "x", "INVALID_FIELD"),
        ("OwnerId", {"Name": "Ada"}, "JSON_PARSER_ERROR"),
    ],
)
def test_values_that_salesforce_does_not_take_are_refused_and_nothing_is_written(client, field, value, code):
    lead = made(client, "Lead")
    answer = client.call("PATCH", f"sobjects/Lead/{lead}", {"Title": "T", field: value})
    assert refusal(answer) == (400, code)
    assert held(client, lead, "Title") == [None]


def test_values_are_kept_as_salesforce_keeps_them(client):
    body = {"LastName": "  Ada ", "Email": "Ada@Example.com", "AnnualRevenue": "1000.5", "Referral_Touched_At__c": "2026-05-06T12:00:00.987+02:00"}  # fmt: skip
    lead = client.ask("POST", "sobjects/Lead", {"Company": "C", **body})["id"]
    names = ("LastName", "Name", "Email", "AnnualRevenue", "Referral_Touched_At__c", "LeadSource")
    assert held(client, lead, *names) == ["Ada", "Ada", "Ada@Example.com", 1001.0, "2026-05-06T10:00:00.000+0000", None]
    client.ask("PATCH", f"sobjects/Lead/{lead}", {"LeadSource": "not in the list", "email": ""})
    assert held(client, lead, "LeadSource", "Email") == ["not in the list", None]


def test_a_field_may_be_hidden_or_only_read_and_a_write_to_it_is_refused_as_such(client):
    lead = made(client, "Lead", Title="T")
    cases = (("read", "INVALID_FIELD"), ("edit", "INVALID_FIELD_FOR_INSERT_UPDATE"))
    for verb, code in cases:
        client.control("security", object="Lead", field="Title", withhold=[verb])
        told = {f["name"]: f["updateable"] for f in client.ask("GET", "sobjects/Lead/describe")["fields"]}
        assert told.get("Title") is (None if verb == "read" else False)
        assert refusal(client.call("PATCH", f"sobjects/Lead/{lead}", {"Title": "U"})) == (400, code)
    client.control("save", id=lead, values={"Title": "a person may"})
    assert held(client, lead, "Title") == ["a person may"]


def test_a_user_with_the_packages_own_rights_may_do_no_more_than_it_says(client):
    client.control("install", rights="package")
    lead = made(client, "Lead", AnnualRevenue=1, Description="private")
    whole = client.ask("GET", f"sobjects/Lead/{lead}")
    assert not {"AnnualRevenue", "Description"} & set(whole) and {"LastName", "Email", "Referral_Stage__c"} <= set(
        whole
    )
    assert refusal(client.call("POST", "sobjects/Lead", {"LastName": "L", "Company": "C"}))[1] == "INSUFFICIENT_ACCESS_OR_READONLY"  # fmt: skip
    assert refusal(client.call("DELETE", f"sobjects/Lead/{lead}"))[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert refusal(client.call("GET", "sobjects/Case/describe")) == (404, "NOT_FOUND")


def test_a_package_with_a_namespace_has_it_before_each_name_of_its_own(client):
    other = client.control("orgs", token="u", package={"namespace": "tea", "rights": "package"})["org"]
    client.token = "u"
    fields = {f["name"]: f for f in client.ask("GET", "sobjects/tea__Referral_Credit__c/describe")["fields"]}
    key = fields["tea__Idempotency_Key__c"]
    assert (key["type"], key["length"], key["unique"], key["externalId"], key["caseSensitive"], key["nillable"]) == (
        "string", 80, True, True, True, False,
    )  # fmt: skip
    assert "Referral_Stage__c" not in {f["name"] for f in client.ask("GET", "sobjects/Lead/describe")["fields"]}
    lead = client.control("records", org=other, object="Lead", values={"LastName": "L", "Company": "C", "Referral_Code__c": "K7"})["id"]  # fmt: skip
    body = {
        "attributes": {"type": "tea__Referral_Credit__c"},
        "tea__Idempotency_Key__c": "k",
        "tea__Advocate_Lead__c": lead,
    }
    client.ask("PATCH", "composite/sobjects/tea__Referral_Credit__c/tea__Idempotency_Key__c", {"records": [body]})
    (row,) = client.query("SELECT tea__Advocate_Lead__r.tea__Referral_Code__c FROM tea__Referral_Credit__c")
    assert row["tea__Advocate_Lead__r"]["tea__Referral_Code__c"] == "K7"
    (lead_row,) = client.query("SELECT (SELECT Id FROM tea__Referral_Credits_As_Advocate__r) FROM Lead")
    assert lead_row["tea__Referral_Credits_As_Advocate__r"]["totalSize"] == 1
