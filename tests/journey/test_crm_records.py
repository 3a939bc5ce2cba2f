"""What stands on the CRM's records: true, kept current, never over what a person wrote, and by what the plan can hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.hubspot import MANIFEST
from tests.conftest import MakeApp
from tests.hub import PORTAL, PROGRAM, Hub

EVERY = [scope.name for scope in MANIFEST.scopes]


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


def portal(hub: Hub) -> dict[str, Any]:
    (found,) = hub.client.control("state", verb="GET")["portals"]
    return dict(found)


def test_a_source_that_a_person_wrote_stays_and_the_rest_is_written(hub: Hub) -> None:
    _, code = hub.advocate()
    friend = hub.contact("friend@example.org")
    hub.work()
    hub.save("contacts", friend, referral_source="The fair in May")
    hub.save("contacts", friend, ref=code)
    hub.work()
    held = hub.properties("contacts", friend)
    assert held["referral_source"] == "The fair in May"
    assert held["referral_advocate_code"] == code


def test_the_stage_is_kept_current_on_friend_and_deal(hub: Hub) -> None:
    hub.program = hub.apply({**PROGRAM, "hold_days": 30})
    _, code = hub.advocate()
    friend = hub.form("friend@example.org", ref=code)
    hub.work()
    assert hub.properties("contacts", friend)["referral_stage"] == "pending"
    deal = hub.deal(friend)
    for act, stage in ((hub.win, "qualified"), (hub.reopen, "reversed"), (hub.win, "qualified")):
        act(deal)
        hub.work()
        assert hub.stages() == [hub.properties("contacts", friend)["referral_stage"]]
        assert hub.stages() == [hub.properties("deals", deal)["referral_stage"]]
        assert hub.stages() == [stage]


def tied(hub: Hub, one: str, other: str) -> set[str]:
    """The labels by which one contact is tied to another, as they read on the first."""
    found = portal(hub)
    names = {label["type_id"]: label["label"] for label in found["labels"]}
    return {
        names[number]
        for tie in found["associations"]
        if (tie["from"], tie["to"]) == (f"0-1/{one}", f"0-1/{other}")
        for number in tie["types"]
        if number in names
    }


def test_a_friend_who_is_a_lead_already_still_brings_their_deal(hub: Hub) -> None:
    """A lead is no deal: that somebody became one must not stand in the place of what the program asks for."""
    anna, code = hub.advocate()
    friend = hub.contact("ben@example.com", ref=code, lifecyclestage="lead")
    hub.work()
    deal = hub.deal(friend)
    hub.win(deal)
    hub.work()
    assert hub.properties("deals", deal)["referral_stage"] == "rewarded"
    assert hub.wallet(anna) == ("100.00", "100.00")


def test_a_friend_whose_record_changes_while_the_reward_is_held_keeps_their_deal(hub: Hub) -> None:
    """The contact is older than the deal, and brought nothing that is paid for."""
    hub.apply({**PROGRAM, "hold_days": 14})
    _, code = hub.advocate()
    friend = hub.contact("ben@example.com", ref=code, lifecyclestage="lead")
    hub.work()
    deal = hub.deal(friend)
    hub.win(deal)
    hub.work()
    hub.save("contacts", friend, phone="+49 30 123456")
    hub.work()
    assert hub.properties("deals", deal)["referral_stage"] == "qualified"
    assert f"deal {deal}, referral" in hub.says("explain", code)


def test_friend_and_advocate_are_tied_by_a_label_that_reads_right_from_both(hub: Hub) -> None:
    anna, code = hub.advocate()
    friend = hub.form("friend@example.org", ref=code)
    deal = hub.deal(friend)
    hub.win(deal)
    hub.work()
    assert (tied(hub, friend, anna), tied(hub, anna, friend)) == ({"Referred by"}, {"Referred"})


def test_the_label_is_there_while_sales_still_talk_to_the_friend(hub: Hub) -> None:
    anna, code = hub.advocate()
    friend = hub.form("friend@example.org", ref=code)
    hub.work()
    assert tied(hub, friend, anna) == {"Referred by"}


def test_with_custom_objects_each_reward_has_a_record_of_its_own(make_app: MakeApp) -> None:
    """Enterprise: a report over rewards needs records, not properties; tied to the deal and to whom it is for."""
    with Hub(make_app, tier="enterprise") as hub:
        anna, code = hub.advocate()
        friend = hub.form("friend@example.org", ref=code)
        deal = hub.deal(friend)
        hub.win(deal)
        hub.work()
        assert hub.wallet(anna) == ("100.00", "100.00")
        [(kind, records)] = [(k, r) for k, r in portal(hub)["records"].items() if k not in ("contacts", "deals")]
        [record] = records
        held = record["properties"]
        [reward] = hub.rows("SELECT id FROM reward WHERE merchant_id = :merchant")
        assert held["reward_id"] == str(reward["id"])
        assert (held["amount"], held["currency"], held["state"]) == ("100.00", "EUR", "issued")
        ties = {
            tie["to"]
            for tie in portal(hub)["associations"]
            if tie["from"][:2] == "2-" and tie["from"].endswith(f"/{record['id']}")
        }
        assert ties == {f"0-1/{anna}", f"0-3/{deal}"}, kind
        hub.reopen(deal)
        hub.work()
        assert len(portal(hub)["records"][kind]) == 1


OPTIONAL = {
    "crm.lists.read": {"crm.lists.read"},
    "custom objects": {name for name in EVERY if ".custom." in name},
    "automation": {"automation"},
    "invoices": {name for name in EVERY if ".invoices." in name},
}


@pytest.mark.parametrize("refused", OPTIONAL.values(), ids=OPTIONAL)
def test_a_refused_permission_turns_off_its_own_feature_alone(make_app: MakeApp, refused: set[str]) -> None:
    """A merchant who says no to one thing still gets all the others, and is told what the no costs."""
    scopes = [name for name in EVERY if name not in refused]
    program = {**PROGRAM, "enrol": {"lists": ["Happy customers"]}}
    with Hub(make_app, tier="enterprise", scopes=scopes) as hub:
        happy = hub.contact("bea@example.com")
        hub.client.control("lists", name="Happy customers", members=[int(happy)])
        hub.program = hub.apply(program)
        anna, code = hub.advocate()
        friend = hub.form("friend@example.org", ref=code)
        deal = hub.deal(friend)
        hub.win(deal)
        hub.work()
        assert hub.wallet(anna) == ("100.00", "100.00")
        assert hub.properties("contacts", friend)["referral_stage"] == "rewarded"
        # Both the list and the custom object show what was refused, and nothing else is missing.
        assert bool(hub.properties("contacts", happy).get("referral_own_code")) is ("crm.lists.read" not in refused)
        kinds = set(portal(hub)["records"]) - {"contacts", "deals"}
        assert bool(kinds) is not any(".custom." in name for name in refused)
        lines = {line["name"]: line for line in json.loads(hub.says("doctor", "--json"))["permissions"]}
        assert refused <= set(lines), lines
        assert all(lines[name]["account"] == f"hubspot {PORTAL}" for name in refused)
        why = {scope.name: scope.why for scope in MANIFEST.scopes}
        assert all(lines[name]["why"] == why[name] for name in refused)
