"""A Salesforce org, whole: a lead with a code becomes a deal that pays the advocate, and sales see why."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from connector.lanes import due
from tests.conftest import MakeApp
from tests.journey.money import hurry, until
from tests.orgs import PROGRAM, STAGES, Org


@pytest.fixture
def org(make_app: MakeApp) -> Iterator[Org]:
    with Org(make_app) as opened:
        yield opened


def test_a_lead_that_was_converted_and_won_pays_its_advocate_once_and_is_taken_back_when_it_reopens(org: Org) -> None:
    anna, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    org.work()
    assert org.values(lead)["Referral_Stage__c"] == "pending"
    assert org.values(lead)["Referral_Advocate_Code__c"] == code
    made = org.convert(lead, "Tea for Ben")
    org.save(made["opportunity"], Amount="1000.00")
    org.work()
    assert org.values(made["contact"])["Referral_Advocate_Code__c"] == code, "the source is lost at conversion"
    assert org.values(made["contact"])["Referral_Source__c"]
    org.win(made["opportunity"])
    org.work()
    deal = org.values(made["opportunity"])
    assert (deal["Referral_Stage__c"], deal["Referral_Advocate_Code__c"]) == ("rewarded", code)
    (credit,) = org.credits(anna)
    assert (credit["Amount__c"], credit["Currency_Code__c"], credit["Status__c"]) == (Decimal(100), "EUR", "issued")
    assert credit["Opportunity__c"] == made["opportunity"]
    org.reopen(made["opportunity"])
    org.work()
    assert org.values(made["opportunity"])["Referral_Stage__c"] == "reversed"
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100), Decimal(-100)]
    assert org.values(made["contact"])["Referral_Stage__c"] == "reversed"


def test_each_mark_is_there_whichever_way_the_lead_came_and_nothing_is_written_twice(org: Org) -> None:
    """A code in a field, a link whose words a form kept, and a lead of nobody's."""
    _, code = org.advocate()
    by_code = org.lead("ben@example.com", Referral_Code__c=code.lower())
    by_link = org.lead("cleo@example.com", UTM_Source__c="referral", UTM_Medium__c="whatsapp", UTM_Content__c=code)
    nobody = org.lead("dan@example.com", LeadSource="Web")
    org.work()
    assert org.values(by_code)["Referral_Advocate_Code__c"] == code
    assert org.values(by_link)["Referral_Medium__c"] == "whatsapp"
    assert "Referral_Stage__c" not in org.values(nobody)
    before = org.client.book()["entries"]
    org.work()
    assert org.client.book()["entries"] == before


def test_a_source_that_a_person_wrote_stays_and_the_rest_is_written(org: Org) -> None:
    _, code = org.advocate()
    lead = org.lead("ben@example.com", Referral_Code__c=code, Referral_Source__c="a fair in Leipzig", LeadSource="Web")
    org.work()
    held = org.values(lead)
    assert (held["Referral_Source__c"], held["LeadSource"]) == ("a fair in Leipzig", "Web")
    assert (held["Referral_Advocate_Code__c"], held["Referral_Stage__c"]) == (code, "pending")


def test_the_account_of_a_referred_opportunity_says_who_brought_it(org: Org) -> None:
    _, code = org.advocate()
    made = org.convert(org.lead("ben@example.com", Referral_Code__c=code), "Tea for Ben")
    org.save(made["opportunity"], Amount="1000.00")
    org.win(made["opportunity"])
    org.work()
    assert org.values(made["account"])["Referral_Advocate_Code__c"] == code


def test_a_person_on_an_opportunity_by_contact_role_alone_counts(org: Org) -> None:
    """The deal was made by hand, with a contact who came by a code long ago."""
    anna, code = org.advocate()
    ben = org.contact("ben@example.com", Referral_Code__c=code)
    org.work()
    deal = org.opportunity(ben, amount="500.00")
    org.win(deal)
    org.work()
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(50)]


def test_a_hold_runs_from_the_day_it_was_won_whichever_won_stage_it_moves_to(make_app: MakeApp) -> None:
    """An admin has two won stages; moving on to the second must not make the advocate wait anew."""
    with Org(
        make_app, stages=[*STAGES, {"label": "Delivered", "probability": 100, "closed": True, "won": True}]
    ) as org:
        _, code = org.advocate()
        org.apply({**PROGRAM, "qualify": {"stays_days": 10}})
        deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code))
        org.win(deal)
        org.work()
        (won,) = _won(org)
        org.client.control("clock", advance_s=6 * 86_400)
        org.save(deal, StageName="Delivered")
        org.work()
        assert _won(org) == {won}
        org.reopen(deal)
        org.save(deal, StageName="Delivered")
        org.work()
        assert _won(org) > {won}, "it is won anew, and waits anew"


def _won(org: Org) -> set[str]:
    """Since when opportunities are won, as was ever told."""
    return {row["at"] for row in org.rows("SELECT data ->> 'at' AS at FROM fact WHERE data ->> 'is' = 'DealWon'")}


def test_credit_that_staff_used_is_told_as_used_and_is_not_taken_back(org: Org) -> None:
    anna, code = org.advocate()
    ben = org.contact("ben@example.com", Referral_Code__c=code)
    deal = org.opportunity(ben)
    org.win(deal)
    org.work()
    (credit,) = org.credits(anna)
    org.save(credit["Id"], Applied_Amount__c="40.00")
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'watch' RETURNING subject")
    org.rows("UPDATE reward SET watch_at = clock_timestamp() RETURNING id")
    org.work()
    assert "liability 60.00 EUR = 100.00 EUR issued - 40.00 EUR redeemed" in org.says("doctor")
    org.reopen(deal)
    org.work()
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100), Decimal(-60)]


def test_a_package_with_a_namespace_is_found_by_its_plain_names(make_app: MakeApp) -> None:
    with Org(make_app, package={"rights": "package", "namespace": "refcon"}) as org:
        anna, code = org.advocate()
        lead = org.lead("ben@example.com", refcon__Referral_Code__c=code)
        made = org.convert(lead, "Tea for Ben")
        org.save(made["opportunity"], Amount="1000.00")
        org.win(made["opportunity"])
        org.work()
        assert org.values(made["opportunity"])["refcon__Referral_Stage__c"] == "rewarded"
        assert [each["refcon__Amount__c"] for each in org.credits(anna)] == [Decimal(100)]


def test_fields_that_the_admin_hides_are_named_with_their_remedy_and_the_others_are_written(make_app: MakeApp) -> None:
    with Org(make_app, connect=False) as org:
        org.client.control("security", object="Lead", field="Referral_Explanation__c", withhold=["read"])
        org.client.control("security", object="Lead", field="Referral_Medium__c", withhold=["edit"])
        org.connect()
        _, code = org.advocate()
        lead = org.lead("ben@example.com", Referral_Code__c=code)
        org.work()
        told = org.says("doctor")
        assert "Lead.Referral_Explanation__c" in told and "field-level security" in told
        assert "may not write Referral_Medium__c" in told
        assert org.values(lead)["Referral_Stage__c"] == "pending"
        assert "Referral_Explanation__c" not in org.values(lead)


def test_a_record_that_a_rule_of_the_org_refuses_is_left_undone_alone_with_the_remedy(org: Org) -> None:
    _, code = org.advocate()
    bad = org.lead("ben@example.com", Referral_Code__c=code, Company="Never Ltd")
    good = org.lead("cleo@example.com", Referral_Code__c=code)
    org.client.control("rules", object="Lead", field="Company", matches="Tea.*", message="Companies need a tax number.")
    org.work()
    assert org.values(good)["Referral_Stage__c"] == "pending"
    assert "Referral_Stage__c" not in org.values(bad)
    told = org.says("doctor")
    assert "Companies need a tax number" in told and "validation rule" in told


def test_an_outbound_message_makes_it_sooner_and_a_false_one_does_nothing(org: Org) -> None:
    _, code = org.advocate()
    told = org.says("doctor")
    address = next(line for line in told.splitlines() if "outbound messages" in line).rpartition(" ")[2]
    org.client.control("orgs/update", target=address)
    lead = org.lead("ben@example.com", Referral_Code__c=code)
    org.drained()
    assert org.client.book()["messages"] == {"messages acknowledged": 1, "notifications acknowledged": 1}
    org.settle()
    assert org.values(lead)["Referral_Stage__c"] == "pending"
    org.client.control("orgs/update", target=address[:-1] + ("0" if address[-1] != "0" else "1"))
    org.lead("cleo@example.com", Referral_Code__c=code)
    before = org.totals()["deliveries"]
    org.client.control("drain", timeout_s=20)
    assert org.totals()["deliveries"] == before


def test_contacts_that_are_merged_stay_one_friend_whose_deal_counts(org: Org) -> None:
    anna, code = org.advocate()
    first = org.contact("ben@example.com", Referral_Code__c=code)
    org.work()
    second = org.contact("ben@company.example")
    org.merge(second, first)
    org.work()
    assert org.values(second)["Referral_Advocate_Code__c"] == code
    deal = org.opportunity(second)
    org.win(deal)
    org.work()
    assert org.values(second)["Referral_Stage__c"] == "rewarded"
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100)]


def test_an_advocate_who_was_merged_is_paid_on_the_record_that_is_left(org: Org) -> None:
    anna, code = org.advocate()
    other = org.contact("anna@company.example")
    ben = org.contact("ben@example.com", Referral_Code__c=code)
    deal = org.opportunity(ben)
    org.work()
    org.merge(other, anna)
    org.win(deal)
    org.work()
    assert [each["Amount__c"] for each in org.credits(other)] == [Decimal(100)]


def test_a_deleted_opportunity_brought_nothing_until_it_is_restored(org: Org) -> None:
    anna, code = org.advocate()
    deal = org.opportunity(org.contact("ben@example.com", Referral_Code__c=code))
    org.win(deal)
    org.work()
    org.delete(deal)
    org.work()
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100), Decimal(-100)]


def test_an_org_whose_clock_is_ahead_of_ours_is_believed_all_the_same(make_app: MakeApp) -> None:
    """What was seen of a record while nobody knew it must not count as newer than what is read of it later."""
    with Org(make_app) as org:
        org.client.control("clock", advance_s=90)
        anna, code = org.advocate()
        ben = org.contact("ben@example.com")
        org.work()
        org.save(ben, Referral_Code__c=code)
        org.win(org.opportunity(ben))
        org.work()
        assert [each["Promised_Amount__c"] for each in org.credits(anna)] == [Decimal(100)]


def test_a_field_of_the_credit_that_is_hidden_lately_delays_a_reward_and_never_ends_it(org: Org) -> None:
    """An admin tightens field security while rewards are under way; once that is mended, the advocate is paid."""
    anna, code = org.advocate()
    first, second = (org.opportunity(org.contact(f"friend{n}@example.com", Referral_Code__c=code)) for n in range(2))
    org.win(first)
    org.work()
    org.client.control("security", object="Referral_Credit__c", field="Amount__c", withhold=["read"])
    org.win(second)
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' RETURNING subject")
    tried = "SELECT tries FROM reward WHERE state IN ('approved', 'refused') AND (tries > 0 OR state = 'refused')"
    until(lambda: _worked(org) and bool(org.rows(tried)), "the second reward to be tried", 60)
    assert "refused" not in org.totals()["rewards"]
    org.client.control("security", object="Referral_Credit__c", field="Amount__c", withhold=[])
    until(lambda: _worked(org) and org.totals()["rewards"] == {"issued": 2}, "both rewards to be paid", 60)
    assert [each["Amount__c"] for each in org.credits(anna)] == [Decimal(100)] * 2


def _worked(org: Org) -> bool:
    """Every pause is over, and each lane was worked once."""
    hurry(org)
    for lane in due.lanes(org.app.database):
        org.app.workshop.work(lane.id)
    return True
