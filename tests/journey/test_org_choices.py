"""What an org's admin decides: the word for Lead Source, the campaign, and paying natively."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.lanes import due
from tests.conftest import MakeApp
from tests.journey.money import drive, hurry
from tests.orgs import ORG, PROGRAM, Org

CIRCLE = {"loyalty_program": "Tea circle", "credit_process": "Credit", "points_per_unit": "10"}
POINTS = {**PROGRAM, "advocate": {"kind": "points", "percent": 10}}
NATIVE = {**PROGRAM, "advocate": {"kind": "native", "amount": "50.00 EUR"}}
PARTNERS = {"referral_program": "Partners", "promotion_code": "TEA"}
EVENT = "actions/standard/processB2bReferralEvent"


@pytest.fixture
def org(make_app: MakeApp) -> Iterator[Org]:
    with Org(make_app, licences=["loyalty", "referral"]) as opened:
        yield opened


def choose(org: Org, **choices: str) -> str:
    words = [f"{name}={word}" for name, word in choices.items()]
    return org.says("choose", "salesforce", "--account", ORG, *words)


def member(org: Org, contact: str, program: str = "Tea circle") -> str:
    return org.client.enrol(contact, program)


def heap(org: Org, of: str) -> Decimal:
    with org.sandbox.world.lock:
        every = org.sandbox.world.orgs[ORG].records("LoyaltyMemberCurrency").values()
        return next(Decimal(each.values["PointsBalance"]) for each in every if each.values["LoyaltyMemberId"] == of)


def sold(org: Org, code: str, amount: str = "1000.00") -> str:
    """A friend who came by a code, and a deal of theirs that is won."""
    deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code), amount=amount)
    org.win(deal)
    org.work()
    return deal


def lost(org: Org, code: str) -> str:
    """The same, where the answer to our call does not come."""
    deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code))
    org.win(deal)
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' AND state = 'open' RETURNING subject")
    drive(org)
    return deal


def told(org: Org) -> list[Any]:
    """What Salesforce's own program journaled."""
    with org.sandbox.world.lock:
        return list(org.sandbox.world.orgs[ORG].records("TransactionJournal").values())


# ── Choosing ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_can_be_chosen_is_listed_kept_and_taken_back(org: Org) -> None:
    assert "lead_source=   a word of your Lead Source list" in choose(org)
    assert "lead_source=Partner Referral" in choose(org, lead_source="Partner Referral")
    assert "lead_source=Partner Referral" in choose(org, points_per_unit="10"), "another choice takes it back"
    assert "lead_source=   " in choose(org, lead_source="")


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("lead_sorce=Web", "did you mean lead_source?"),
        ("campaign=Friends", "id of a campaign"),
        ("points_per_unit=0", "a whole number"),
        ("purchase_event=both", "flow, Salesforce's own, or ours"),
    ],
)
def test_what_cannot_be_chosen_is_told_with_what_can(org: Org, wrong: str, remedy: str) -> None:
    answer = CliRunner(env=dict(org.app.environ)).invoke(main, ["choose", "salesforce", "--account", ORG, wrong])
    assert answer.exit_code and remedy in answer.output


# ── Lead Source and campaign ─────────────────────────────────────────────────────────────────────────────────────


def test_lead_source_is_filled_where_it_is_empty_with_a_word_of_the_orgs_own_list(org: Org) -> None:
    choose(org, lead_source="Partner Referral")
    _, code = org.advocate()
    empty = org.lead("ben@example.com", Referral_Code__c=code)
    filled = org.lead("cleo@example.com", Referral_Code__c=code, LeadSource="Web")
    org.work()
    assert [org.values(each)["LeadSource"] for each in (empty, filled)] == ["Partner Referral", "Web"]


def test_a_word_that_the_list_does_not_have_is_never_written_and_the_doctor_says_so(org: Org) -> None:
    choose(org, lead_source="Tea Friends")
    _, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    org.work()
    assert "LeadSource" not in org.values(lead)
    assert org.values(lead)["Referral_Stage__c"] == "pending"
    assert "the picklist LeadSource has no Tea Friends" in org.says("doctor")


def test_referred_people_become_members_of_the_chosen_campaign_once_and_advocates_do_not(org: Org) -> None:
    other = org.lead("dan@example.com")
    campaign = org.campaign("Friends of Anna", other)
    choose(org, campaign=campaign)
    _, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    friend = org.contact("cleo@example.com", Referral_Code__c=code)
    org.work()
    org.convert(lead, "Tea for Ben")
    org.work()
    members = org.client.query(f"SELECT LeadId, ContactId FROM CampaignMember WHERE CampaignId = '{campaign}'")
    assert sorted(row["LeadId"] or row["ContactId"] for row in members) == sorted([other, lead, friend])


def test_a_campaign_that_is_gone_is_told_and_keeps_nothing_else_from_being_written(org: Org) -> None:
    campaign = org.campaign("Friends of Anna")
    choose(org, campaign=campaign)
    org.delete(campaign)
    _, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    org.work()
    assert org.values(lead)["Referral_Stage__c"] == "pending"
    assert "not in the campaign" in org.says("doctor")


def test_campaigns_that_our_user_may_not_see_hold_up_nothing_else(org: Org) -> None:
    choose(org, campaign=org.campaign("Friends of Anna"))
    org.client.control("security", object="CampaignMember", field="CampaignId", withhold=["read"])
    _, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    org.work()
    assert org.values(lead)["Referral_Stage__c"] == "pending"
    assert "not in the campaign" in org.says("doctor")


# ── Fields ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_developers_org_gets_all_fields_by_one_command_and_a_loop_runs_in_it(make_app: MakeApp) -> None:
    with Org(make_app, package=None) as org:
        org.work()
        assert "our user sees no field Referral_Stage__c on Lead" in org.says("doctor")
        assert "All fields are there." in org.says("fields", "salesforce", "--account", ORG)
        anna, code = org.advocate()
        sold(org, code)
        assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100)]


# ── Points ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_points_are_credited_once_and_taken_back_when_the_deal_reopens(org: Org) -> None:
    choose(org, **CIRCLE, debit_process="Debit")
    org.apply(POINTS)
    anna, code = org.advocate()
    circle = member(org, anna)
    deal = sold(org, code)
    assert heap(org, circle) == 1000
    (credit,) = org.credits(anna)
    assert (credit["Promised_Amount__c"], credit["Status__c"]) == (Decimal(100), "issued")
    assert "Amount__c" not in credit, "the credit would be granted a second time, as money"
    org.reopen(deal)
    org.work()
    assert heap(org, circle) == 0
    assert org.stages() == ["reversed"]


def test_without_a_process_that_debits_nothing_is_taken_and_a_person_is_told_what_to_choose(org: Org) -> None:
    choose(org, **CIRCLE)
    org.apply(POINTS)
    anna, code = org.advocate()
    circle = member(org, anna)
    org.reopen(sold(org, code))
    org.work()
    assert heap(org, circle) == 1000
    assert "debit_process" in org.says("doctor")


def test_an_advocate_who_is_no_member_gets_the_next_kind(org: Org) -> None:
    choose(org, **CIRCLE)
    org.apply({**POINTS, "advocate": {"kind": "points", "percent": 10, "fallback": ["balance"]}})
    anna, code = org.advocate()
    sold(org, code)
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100)]


def test_an_org_without_the_licence_says_so_and_pays_the_next_kind(make_app: MakeApp) -> None:
    with Org(make_app) as org:
        choose(org, **CIRCLE, **PARTNERS)
        org.apply({**POINTS, "advocate": {"kind": "points", "percent": 10, "fallback": ["native", "balance"]}})
        anna, code = org.advocate()
        sold(org, code)
        assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100)]
        assert "no Loyalty Management" in org.says("doctor") and "no Referral Marketing" in org.says("doctor")


def test_a_lost_answer_is_looked_for_by_our_mark_and_never_credited_twice(org: Org) -> None:
    choose(org, **CIRCLE)
    org.apply(POINTS)
    anna, code = org.advocate()
    circle = member(org, anna)
    org.client.control("faults", fault="cut_after", path="program-processes", count=1)
    lost(org, code)
    assert heap(org, circle) == 1000
    assert org.stages() == ["rewarded"]


# ── Salesforce's own referral program ────────────────────────────────────────────────────────────────────────────


def partners(org: Org, *, by: str = "") -> tuple[str, str]:
    """A merchant whose advocates are rewarded by the org's own program: an advocate's contact and code."""
    choose(org, **PARTNERS, **({"purchase_event": by} if by else {}))
    org.apply(NATIVE)
    anna, code = org.advocate()
    member(org, anna, "Partners")
    return anna, code


def test_a_won_opportunity_is_told_once_where_it_is_ours_to_tell(org: Org) -> None:
    anna, code = partners(org, by="ours")
    deal = sold(org, code)
    journals = told(org)
    assert {str(each.values["TransactionAmount"]) for each in journals} == {"1000.0"}
    (referral,) = org.client.query("SELECT Id, ReferralCode, OpportunityId FROM Referral")
    assert (referral["ReferralCode"], referral["OpportunityId"]) == (f"{anna[-8:].upper()}-TEA", deal)
    assert org.stages() == ["rewarded"]
    assert [each["Status__c"] for each in org.credits(anna)] == ["issued"]
    org.save(deal, Amount="1200.00")
    org.work()
    assert len(told(org)) == len(journals)


def test_where_salesforces_own_flow_tells_we_never_do_and_see_that_it_did(org: Org) -> None:
    """Two purchases of one opportunity would be rewarded twice."""
    _, code = partners(org)
    deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code))
    org.win(deal)
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' AND state = 'open' RETURNING subject")
    for _ in range(3):
        hurry(org)
        for lane in due.lanes(org.app.database):
            org.app.workshop.work(lane.id)
    assert told(org) == []
    assert org.stages() == ["converted"]
    org.client.ask("POST", EVENT, {"inputs": [{"eventType": "Purchase", "referralCode": "X-TEA", "opportunity": deal}]})
    theirs = len(told(org))
    drive(org)
    assert org.stages() == ["rewarded"]
    assert len(told(org)) == theirs


def test_while_the_flow_is_on_it_is_not_ours_to_tell(org: Org) -> None:
    flow = {"ApiName": "won", "Label": "Process Opportunity Won Referral Event", "IsActive": True}
    org.client.control("records", object="FlowDefinitionView", values=flow)
    _, code = partners(org, by="ours")
    sold(org, code)
    assert told(org) == []
    assert "turn it off, or take `purchase_event=ours` back" in org.says("doctor")


def test_after_a_lost_answer_nothing_is_told_again_and_what_was_done_is_seen(org: Org) -> None:
    _, code = partners(org, by="ours")
    org.client.control("faults", fault="cut_after", path="processB2bReferralEvent", count=1)
    lost(org, code)
    assert len({each.values["ReferralId"] for each in told(org)}) == 1
    assert org.stages() == ["rewarded"]


def test_after_a_lost_question_a_person_decides(org: Org) -> None:
    """That the program did nothing proves nothing: it may reward nobody for this."""
    _, code = partners(org, by="ours")
    org.client.control("faults", fault="cut_before", path="processB2bReferralEvent", count=1)
    lost(org, code)
    assert told(org) == []
    assert "nobody can tell whether its referral program was told" in org.says("doctor")


def test_a_program_that_refuses_is_quoted(org: Org) -> None:
    org.client.control("orgs/update", refuses="The promotion is over")
    _, code = partners(org, by="ours")
    sold(org, code)
    assert "The promotion is over" in org.says("doctor")
