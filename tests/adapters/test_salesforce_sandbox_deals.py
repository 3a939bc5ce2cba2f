"""What people do in the Salesforce stand-in has the effects that it has on Salesforce.

Leads become contacts, deals are won and open again, records are deleted, come back and are merged. A referral that is lost
on the way there would be lost here.
"""

import pytest

from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import Client
from tests.adapters.test_salesforce_sandbox import held, made, refusal


@pytest.fixture
def client():
    sandbox = start()
    client = Client(sandbox.url, "t")
    client.control("orgs", token="t", package={"rights": "all"})
    yield client
    client.close()
    sandbox.stop()


def test_a_converted_lead_becomes_contact_account_and_deal_but_its_own_fields_go_only_where_they_are_mapped(client):
    client.control("orgs/update", converts={"Contact": {"UTM_Source__c": "UTM_Source__c"}})
    lead = made(client, "Lead", FirstName="Ada", Email="a@example.com", LeadSource="Web", Street="Tea Lane 1",
                Referral_Code__c="K7", UTM_Source__c="news", NumberOfEmployees=3)  # fmt: skip
    campaign = made(client, "Campaign", Name="Spring")
    member = made(client, "CampaignMember", CampaignId=campaign, LeadId=lead)
    became = client.control("convert", lead=lead, opportunity="Tea for Ada")
    contact = held(client, became["contact"], "Name", "Email", "LeadSource", "MailingStreet", "UTM_Source__c", "Referral_Code__c", "AccountId")  # fmt: skip
    assert contact == ["Ada L", "a@example.com", "Web", "Tea Lane 1", "news", None, became["account"]]
    assert held(client, became["account"], "Name", "AccountSource", "NumberOfEmployees") == ["C", "Web", 3]
    deal = held(client, became["opportunity"], "Name", "LeadSource", "StageName", "ContactId", "AccountId")
    assert deal == ["Tea for Ada", "Web", "Prospecting", became["contact"], became["account"]]
    (role,) = client.query("SELECT OpportunityId, ContactId, IsPrimary FROM OpportunityContactRole")
    assert (role["OpportunityId"], role["ContactId"], role["IsPrimary"]) == (
        became["opportunity"],
        became["contact"],
        True,
    )
    assert held(client, member, "LeadId", "ContactId") == [lead, became["contact"]]
    told = held(client, lead, "IsConverted", "ConvertedContactId", "ConvertedAccountId", "ConvertedOpportunityId")
    assert told == [True, became["contact"], became["account"], became["opportunity"]]
    assert refusal(client.call("PATCH", f"sobjects/Lead/{lead}", {"Title": "T"})) == (
        400,
        "CANNOT_UPDATE_CONVERTED_LEAD",
    )


def test_a_lead_that_joins_a_contact_fills_only_what_is_empty(client):
    contact = made(client, "Contact", LastName="Known", LeadSource="Other", AccountId=made(client, "Account"))
    lead = made(client, "Lead", LastName="Lead", LeadSource="Web", Phone="1")
    became = client.control("convert", lead=lead, contact=contact)
    assert became["opportunity"] == "" and became["contact"] == contact
    assert held(client, contact, "LastName", "LeadSource", "Phone") == ["Known", "Other", "1"]
    assert client.control("convert", expect=422, lead=lead)["error"]


def test_won_and_closed_follow_the_stage_by_the_orgs_own_labels_and_a_deal_can_open_again(client):
    stages = [{"label": "Talking", "probability": 20}, {"label": "Signed", "probability": 100, "closed": True, "won": True}, {"label": "Gone", "probability": 0, "closed": True}]  # fmt: skip
    client.control("orgs/update", stages=stages)
    deal = made(client, "Opportunity", StageName="Talking", Amount="200")
    seen = []
    for stage in ("Signed", "Talking", "Gone", "never heard of"):
        client.control("clock", advance_s=5)
        client.control("save", id=deal, values={"StageName": stage})
        seen.append(held(client, deal, "IsWon", "IsClosed", "Probability", "ExpectedRevenue"))
    assert seen == [[True, True, 100, 200], [False, False, 20, 40], [False, True, 0, 0], [False, False, 0, 0]]
    history = client.query("SELECT StageName, Amount FROM OpportunityHistory ORDER BY CreatedDate, Id")
    assert [row["StageName"] for row in history] == ["Talking", "Signed", "Talking", "Gone", "never heard of"]
    (changed,) = held(client, deal, "LastStageChangeDate")
    client.control("clock", advance_s=5)
    client.control("save", id=deal, values={"Amount": "300"})
    assert held(client, deal, "LastStageChangeDate", "Amount") == [changed, 300]
    told = next(f for f in client.ask("GET", "sobjects/Opportunity/describe")["fields"] if f["name"] == "StageName")
    assert [row["value"] for row in told["picklistValues"]] == ["Talking", "Signed", "Gone"]


def test_a_deleted_record_takes_its_own_along_and_brings_them_back(client):
    contact = made(client, "Contact")
    deal = made(client, "Opportunity", ContactId=contact)
    credit = made(client, "Referral_Credit__c", Idempotency_Key__c="k", Opportunity__c=deal)
    client.control("delete", id=deal)
    assert refusal(client.call("GET", f"sobjects/Opportunity/{deal}")) == (404, "ENTITY_IS_DELETED")
    assert client.query("SELECT Id FROM OpportunityContactRole") == []
    assert held(client, credit, "Opportunity__c") == [None]
    client.control("undelete", id=deal)
    assert len(client.query("SELECT Id FROM OpportunityContactRole")) == 1
    assert held(client, credit, "Opportunity__c") == [deal]
    kinds = [(e["kind"], e["object"]) for e in client.book()["entries"] if e["kind"] in {"deleted", "undeleted"}]
    assert ("deleted", "OpportunityContactRole") in kinds and ("undeleted", "Opportunity") in kinds


def test_a_merged_contact_is_deleted_and_says_into_whom_and_all_that_named_it_names_the_other(client):
    winner, loser = made(client, "Contact", LastName="Winner"), made(client, "Contact", LastName="Loser", Phone="1")
    deal = made(client, "Opportunity", ContactId=loser)
    credit = made(client, "Referral_Credit__c", Idempotency_Key__c="k", Advocate_Contact__c=loser)
    client.control("clock", advance_s=5)
    client.control("merge", winner=winner, losers=[loser], values={"Phone": "1"})
    assert held(client, winner, "LastName", "Phone") == ["Winner", "1"]
    assert held(client, credit, "Advocate_Contact__c") + held(client, deal, "ContactId") == [winner, winner]
    asked = f"SELECT IsDeleted, MasterRecordId FROM Contact WHERE Id = '{loser}'"
    assert client.query(asked) == []
    (gone,) = client.ask("GET", "queryAll", q=asked)["records"]
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)
    (role,) = client.query("SELECT ContactId FROM OpportunityContactRole")
    assert role["ContactId"] == winner


def test_somebody_is_a_member_of_a_campaign_once_and_responds_by_their_status(client):
    lead, campaign = made(client, "Lead"), made(client, "Campaign", Name="Spring")
    member = client.ask(
        "POST", "sobjects/CampaignMember", {"CampaignId": campaign, "LeadId": lead, "Status": "Responded"}
    )["id"]
    assert held(client, member, "HasResponded") == [True]
    again = client.call("POST", "sobjects/CampaignMember", {"CampaignId": campaign, "LeadId": lead})
    assert refusal(again) == (400, "DUPLICATE_VALUE")


def test_only_an_org_with_several_currencies_names_one_on_its_records(client):
    deal = made(client, "Opportunity")
    assert "CurrencyIsoCode" not in client.ask("GET", f"sobjects/Opportunity/{deal}")
    assert refusal(client.call("GET", "query", q="SELECT IsoCode FROM CurrencyType")) == (400, "INVALID_TYPE")
    client.control("orgs", token="u", currency="EUR", currencies=["EUR", "JPY"], package={"rights": "all"})
    client.token = "u"
    (org,) = client.query("SELECT DefaultCurrencyIsoCode, TimeZoneSidKey, IsSandbox FROM Organization")
    assert (org["DefaultCurrencyIsoCode"], org["TimeZoneSidKey"], org["IsSandbox"]) == ("EUR", "Europe/Berlin", False)
    assert [row["IsoCode"] for row in client.query("SELECT IsoCode FROM CurrencyType ORDER BY IsoCode")] == [
        "EUR",
        "JPY",
    ]
    body = {"Name": "O", "StageName": "S", "CloseDate": "2030-01-01"}
    number = client.ask("POST", "sobjects/Opportunity", {**body, "CurrencyIsoCode": "JPY"})["id"]
    assert held(client, number, "CurrencyIsoCode") == ["JPY"]
    assert "CurrencyIsoCode" in {f["name"] for f in client.ask("GET", "sobjects/Referral_Credit__c/describe")["fields"]}
    assert refusal(client.call("POST", "sobjects/Opportunity", {**body, "CurrencyIsoCode": "XXX"}))[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"  # fmt: skip


def test_what_fields_were_before_is_kept_as_long_as_the_org_tracks_it(client):
    lead = made(client, "Lead", Referral_Source__c="form")
    asked = f"SELECT Field, OldValue, NewValue, CreatedBy.Name FROM LeadHistory WHERE LeadId = '{lead}'"
    assert client.query(asked) == []
    client.control("save", id=lead, values={"Referral_Source__c": "phone"})
    client.ask("PATCH", f"sobjects/Lead/{lead}", {"Referral_Source__c": "ours"})
    rows = [
        (row["OldValue"], row["NewValue"], row["CreatedBy"]["Name"]) for row in client.query(f"{asked} ORDER BY Id")
    ]
    assert rows == [("form", "phone", "Ada User"), ("phone", "ours", "Integration User")]
    client.control("orgs/update", tracks=False)
    client.control("save", id=lead, values={"Referral_Source__c": "again"})
    assert len(client.query(asked)) == 2
