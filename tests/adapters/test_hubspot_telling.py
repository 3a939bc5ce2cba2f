"""News must start a merchant's workflow once: what is lost is a promise broken, what comes twice is a nuisance.

Over real HTTP. A workflow starts when the id of the news changes, so the stand-in's book of such changes is what was heard.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import NotDone, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.ports.news import News
from connector.ports.records import Setup
from tests.adapters.conformance.wire import Answer, Broken, Trouble
from tests.adapters.test_hubspot_outbound import OBJECTS, SCOPES, running
from tests.adapters.test_hubspot_records import URL, named, people, provision, schema_entries, whole_refusal

AT = datetime(2026, 11, 20, 10, 0, 0, 400_000, tzinfo=UTC)
READS, UPDATES = f"POST {OBJECTS}/contacts/batch/read", f"POST {OBJECTS}/contacts/batch/update"
SINGLE = f"PATCH {OBJECTS}/contacts/{{id}}"
OURS = tuple(f"referral_news{name}" for name in ("", "_id", "_at", "_amount", "_currency", "_text"))
LOST = {
    "before it arrived": Trouble(effect=False, told=Broken.RESET),
    "after it arrived": Trouble(effect=True, told=Broken.RESET),
    "503 before": Trouble(effect=False, told=Answer(503, b"{}")),
    "503 after": Trouble(effect=True, told=Answer(503, b"{}")),
    "a page in its place": Trouble(effect=True, told=Answer(200, b"<html>")),
    "a success that says nothing": Trouble(effect=True, told=Answer(204, b"")),
    "a success without results": Trouble(effect=True, told=Answer(200, b"{}")),
}


@pytest.fixture
def portal():
    with running() as made:
        provision(made, Setup(URL))
        yield made


def news(ref=None, kind=NewsKind.ISSUED, **more):
    told = {"person": ref.id if ref else "", "values": {"program": "tea"}, **more}
    return News(uuid4(), kind, "advocate", AT, **told)


def tell(portal, *told):
    results = list(portal.out.tell(portal.account, told))
    assert [one.id for one in results] == [one.id for one in told]
    return results


def refused(portal, *told):
    return [one.refused for one in tell(portal, *told)]


def is_tell(request, one=None):
    mark = str(one.id) if one else OURS[1]
    return request.path.endswith("/batch/update") and mark.encode() in request.body


def calls(portal):
    """How many lookups and how many writes there were."""
    made = portal.client.book()["calls"]
    return made.get(READS, 0), made.get(UPDATES, 0) + made.get(SINGLE, 0)


def heard(portal, ref):
    entries = portal.client.book()["entries"]
    return [entry["new"] for entry in entries if (entry["property"], entry["id"]) == (OURS[1], ref.id)]


def ids(*told):
    return [str(one.id) for one in told]


def lost(portal, told, trouble, when=is_tell):
    """Told once, and the answer got lost; as it is to be told again."""
    portal.wire.strike(when, trouble)
    with pytest.raises(Unknown):
        tell(portal, *told)
    portal.wire.settle()
    return [replace(one, again=True) for one in told]


# ── What stands on the contact ───────────────────────────────────────────────────────────────────────────────────

FULL = {"reason": "two\nlines", "link": "https://x.example/r/ADA", "program": "Tea friends", "zeal": "1", "code": "ADA"}


def test_a_contact_says_all_that_a_workflow_needs_in_lines_of_a_fixed_order(portal):
    ref = portal.contact()
    one = news(ref, values=FULL, amount=Money(1250, "EUR"))
    assert refused(portal, one) == [""]
    assert [portal.held(ref, name) for name in OURS] == [
        "reward issued",
        str(one.id),
        "2026-11-20T10:00:00.000Z",
        "12.50",
        "EUR",
        "Role: advocate\nProgram: Tea friends\nCode: ADA\nLink: https://x.example/r/ADA\nReason: two lines\nZeal: 1",
    ]


def test_nothing_of_earlier_news_stays(portal):
    ref = portal.contact()
    tell(portal, news(ref, values=FULL, amount=Money(1250, "EUR")))
    tell(portal, replace(news(ref, NewsKind.STARTED, values={}), role="friend"))
    assert [portal.held(ref, name) for name in OURS[3:]] == ["", "", "Role: friend"]
    assert portal.held(ref, OURS[0]) == "referral started"


@pytest.mark.parametrize(
    ("minor", "currency", "value"), [(-1250, "EUR", "12.50"), (0, "EUR", "0.00"), (7, "JPY", "7"), (9, "KWD", "0.009")]
)
def test_an_amount_is_positive_and_in_the_units_of_its_currency(portal, minor, currency, value):
    ref = portal.contact()
    tell(portal, news(ref, NewsKind.REVERSED, amount=Money(minor, currency)))
    assert [portal.held(ref, name) for name in OURS[3:5]] == [value, currency]


def test_nothing_but_our_own_properties_is_written_and_nobody_is_made(portal):
    ref = portal.contact("ada@example.com", firstname="Ada", lifecyclestage="lead")
    before = len(portal.client.book()["entries"])
    told = [news(ref, kind) for kind in NewsKind] + [news(email="stranger@example.com")]
    tell(portal, *told)
    entries = portal.client.book()["entries"][before:]
    assert {(entry["kind"], entry["id"]) for entry in entries} == {("property", ref.id)}
    assert {entry["property"] for entry in entries} <= set(OURS)
    (state,) = portal.client.control("state", verb="GET")["portals"]
    assert len(state["records"]["contacts"]) == 1


def test_what_was_before_the_account_came_starts_no_workflow_and_may_be_told_elsewhere(portal):
    ref = portal.contact()
    old, new = news(ref, history=True), news(ref)
    first, second = tell(portal, old, new)
    assert ("before the account was connected" in first.refused, first.elsewhere) == (True, True)
    assert (second.refused, heard(portal, ref)) == ("", ids(new))


# ── Whom it reaches ──────────────────────────────────────────────────────────────────────────────────────────────


def test_people_are_found_by_their_contact_else_by_any_address_of_theirs(portal):
    known, other = people(portal, 2)
    kept = portal.merge(portal.contact("one@example.com"), portal.contact("two@example.com"))
    told = [news(known, email="p1@example.com"), news(email=" P1@Example.com"), news(email="two@example.com")]
    assert refused(portal, *told) == [""] * 3
    assert [heard(portal, ref) for ref in (known, other, kept)] == [ids(one) for one in told]


@pytest.mark.parametrize("fresh", [True, False])
def test_who_was_merged_away_is_told_on_the_contact_that_is_left_in_order(portal, fresh):
    first, second = people(portal, 2)
    kept = portal.merge(first, second, fresh_id=fresh)
    told = [news(first), news(second), news(kept), news(email="p1@example.com")]
    assert refused(portal, *told) == [""] * 4
    assert heard(portal, kept) == ids(*told)


@pytest.mark.parametrize("again", [False, True])
def test_who_is_not_there_is_left_to_another_account_and_the_others_are_told(portal, again):
    gone, fine = people(portal, 2)
    portal.act("delete", gone)
    strangers = [news(gone), news(ObjectRef("contact", "99")), news(email="stranger@example.com"), news(email="nobody")]
    one = news(fine, again=again)
    *missed, told = tell(portal, *strangers, one)
    assert {(bool(each.refused), each.elsewhere) for each in missed} == {(True, True)}
    assert (told.refused, told.elsewhere, heard(portal, fine)) == ("", False, ids(one))


def test_a_contact_that_came_back_under_another_number_is_found_by_its_address(portal):
    gone = portal.contact("old@example.com")
    portal.act("delete", gone)
    ref = portal.contact("ada@example.com")
    one = news(gone, email="ada@example.com")
    assert (refused(portal, one), heard(portal, ref)) == ([""], ids(one))


# ── How many calls ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hundred_people_are_one_lookup_and_one_write(portal):
    refs = people(portal, 100)
    assert set(refused(portal, *(news(ref) for ref in refs))) == {""}
    assert (calls(portal), portal.inputs(UPDATES)) == ((1, 1), [100])


def test_those_of_one_person_are_written_one_after_another_and_the_others_beside_the_first(portal):
    busy, *calm = people(portal, 4)
    told = [news(busy, kind) for kind in (NewsKind.CONVERTED, NewsKind.DUE, NewsKind.DUE)]
    tell(portal, told[0], *(news(ref) for ref in calm), *told[1:])
    assert heard(portal, busy) == ids(*told)
    assert (calls(portal), portal.inputs(UPDATES)) == ((1, 3), [4, 1, 1])


def test_fifty_that_may_have_been_told_are_one_lookup_more(portal):
    refs = people(portal, 51)
    told = [news(ref, again=True) for ref in refs]
    tell(portal, *told[:50])
    assert (portal.inputs(READS), portal.inputs(UPDATES)) == ([50], [50])
    tell(portal, *told, news(refs[0]))  # more than the journey asks for, and a mix
    assert (portal.inputs(READS), portal.inputs(UPDATES)) == ([50, 50, 1], [50, 2])


# ── What got lost ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("number", [1, 3])
def test_a_lost_answer_is_looked_up_and_everyone_hears_it_once(portal, name, number):
    refs = people(portal, number)
    again = lost(portal, [news(ref) for ref in refs], LOST[name])
    assert set(refused(portal, *again)) == {""}
    assert [heard(portal, ref) for ref in refs] == [ids(one) for one in again]


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_several_for_one_person_those_that_landed_are_not_repeated(portal, name, place):
    ref, other = people(portal, 2)
    told = [news(ref, NewsKind.DUE) for _ in range(3)]
    again = lost(portal, [*told, news(other)], LOST[name], lambda request: is_tell(request, told[place]))
    assert set(refused(portal, *again)) == {""}
    assert (heard(portal, ref), heard(portal, other)) == (ids(*told), ids(again[3]))


def test_what_was_told_is_found_below_what_came_after_it(portal):
    """As far back as HubSpot keeps a contact's values: 45 of them."""
    ref = portal.contact()
    first, *later = [news(ref) for _ in range(45)]
    tell(portal, first)
    tell(portal, *later)
    tell(portal, replace(first, again=True))
    assert heard(portal, ref) == ids(first, *later)
    tell(portal, news(ref))
    tell(portal, replace(first, again=True))
    assert heard(portal, ref).count(str(first.id)) == 2, "the stated residue"


@pytest.mark.parametrize("when", ["before", "after"])
def test_contacts_that_an_answer_passes_over_are_told_one_by_one(portal, when):
    refs = people(portal, 3)
    told = [news(ref) for ref in refs]
    portal.fault("empty_success", "batch/update", when=when)
    assert refused(portal, *told) == [""] * 3
    assert [heard(portal, ref) for ref in refs] == [ids(one) for one in told]


def test_a_contact_that_was_passed_over_and_then_cannot_be_written_is_in_doubt(portal):
    told = [news(ref) for ref in people(portal, 2)]
    portal.fault("empty_success", "batch/update", when="after")
    portal.wire.strike(lambda request: request.method == "PATCH", Trouble(effect=False, told=Answer(429, b"{}")))
    with pytest.raises(Unknown, match="passed over"):
        tell(portal, *told)


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (401, TokenExpired), (403, Refused), (404, Refused)])
def test_a_call_that_certainly_told_nothing_may_be_made_again_as_it_was(portal, status, error):
    refs = people(portal, 3)
    told = [news(ref) for ref in refs]
    portal.wire.strike(is_tell, Trouble(effect=False, told=Answer(status, b"{}", {"Retry-After": "3"})))
    with pytest.raises(error):
        tell(portal, *told)
    assert calls(portal) == (1, 0)
    assert refused(portal, *told) == [""] * 3
    assert [heard(portal, ref) for ref in refs] == [ids(one) for one in told]


@pytest.mark.parametrize("status", [429, 401, 403])
def test_a_call_that_fails_after_a_part_was_told_leaves_all_of_it_in_doubt(portal, status):
    ref, other = people(portal, 2)
    told = [news(ref), news(ref), news(other)]
    trouble = Trouble(effect=False, told=Answer(status, b"{}"))
    again = lost(portal, told, trouble, lambda request: is_tell(request, told[1]))
    assert refused(portal, *again) == [""] * 3
    assert (heard(portal, ref), heard(portal, other)) == (ids(*told[:2]), ids(told[2]))


def test_a_call_that_fails_after_a_refusal_alone_certainly_told_nothing(portal):
    ref = portal.contact()
    told = [news(ref, amount=Money(100, "XAU")), news(ref)]
    portal.client.control("rules", type="contacts", property=OURS[4], matches="[^X]*", message="No gold here")
    portal.wire.strike(lambda request: is_tell(request, told[1]), Trouble(effect=False, told=Answer(429, b"{}")))
    with pytest.raises(Throttled):
        tell(portal, *told)


@pytest.mark.parametrize("fault", ["cut_before", "html_200_after", "status_before", "empty_success"])
def test_a_lookup_that_fails_tells_nothing_and_may_be_made_again(portal, fault):
    ref = portal.contact()
    one = news(ref, again=True)
    portal.fault(fault, "batch/read")
    with pytest.raises(NotDone):
        tell(portal, one)
    assert (refused(portal, one), heard(portal, ref)) == ([""], ids(one))


# ── What cannot be told ──────────────────────────────────────────────────────────────────────────────────────────


def test_one_that_hubspot_refuses_is_told_in_its_words_and_theirs_and_the_others_are_told(portal):
    """An admin may have a rule for our properties; it stands, and is a refusal for good."""
    ref, other = people(portal, 2)
    told = [news(ref), news(ref, amount=Money(100, "XAU")), news(ref), news(other)]
    portal.client.control("rules", type="contacts", property=OURS[4], matches="[^X]*", message="No gold here")
    results = tell(portal, *told)
    assert ["No gold here" in result.refused for result in results] == [False, True, False, False]
    assert {result.elsewhere for result in results} == {False}
    assert (heard(portal, ref), heard(portal, other)) == (ids(told[0], told[2]), ids(told[3]))


def test_one_that_spoils_a_whole_batch_is_found_and_the_others_are_told_once(portal):
    refs = people(portal, 8)
    told = [news(ref) for ref in refs]
    for _ in range(8):
        portal.wire.strike(lambda request: is_tell(request, told[5]), whole_refusal())
    assert [bool(words) for words in refused(portal, *told)] == [one is told[5] for one in told]
    portal.wire.clear()
    assert [heard(portal, ref) for ref in refs] == [[] if one is told[5] else ids(one) for one in told]


def test_a_missing_permission_is_named_and_the_news_waits(portal):
    ref = portal.contact()
    portal.client.control("portals/update", scopes=[each for each in SCOPES if each != "crm.objects.contacts.write"])
    with pytest.raises(Refused, match=r"crm\.objects\.contacts\.write"):
        tell(portal, news(ref))
    assert heard(portal, ref) == []


def absent(name):
    told = {"status": "error", "category": "VALIDATION_ERROR", "message": f'[{{"error":"{name}"}}]'}
    return Answer(400, json.dumps(told).encode(), {"Content-Type": "application/json"})


@pytest.mark.parametrize("whole", [False, True])
def test_until_our_properties_are_made_the_news_waits_and_no_halves_are_tried(whole):
    with running() as portal:
        told = [news(ref) for ref in people(portal, 8)]
        if whole:
            portal.wire.strike(is_tell, Trouble(effect=False, told=absent("PROPERTY_DOESNT_EXIST")))
        with pytest.raises(Unavailable, match="not made yet"):
            tell(portal, *told)
        assert portal.wire.asked(is_tell) == 1
        provision(portal, Setup(URL))
        assert set(refused(portal, *told)) == {""}


# ── Setting up ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_properties_are_made_in_our_group_with_a_word_for_each_kind_of_news(portal):
    made = named(portal, "contacts")
    assert {made[name]["groupName"] for name in OURS} == {"referrals"}
    assert [row["value"] for row in made[OURS[0]]["options"]] == [str(kind) for kind in NewsKind]
    assert made[OURS[0]]["options"][0]["label"] == "Invited"
    assert (made[OURS[1]]["label"], made[OURS[5]]["fieldType"]) == ("Referral news id", "textarea")
    before = schema_entries(portal)
    provision(portal, Setup(URL))
    assert schema_entries(portal) == before


def test_a_property_that_a_merchant_made_in_our_place_is_told_and_left_alone():
    with running() as portal:
        portal.make_properties(OURS[3])
        told = provision(portal, Setup(URL))
        assert "is of type string, and we write number" in told[f"cannot:{OURS[3]}"]
        assert named(portal, "contacts")[OURS[3]]["groupName"] == "contactinformation"
        assert set(named(portal, "contacts")) >= set(OURS)


def test_news_that_we_wrote_is_no_evidence_of_a_referral(portal):
    ref = portal.contact()
    tell(portal, news(ref, values={"code": "ANNA7", "link": "https://x.example/r/ANNA7"}))
    assert (portal.truth(ref).touches, portal.hints(ref)) == ((), ())


def test_a_token_that_ended_is_said_so(portal):
    ref = portal.contact()
    portal.client.control("tokens/revoke")
    with pytest.raises(TokenExpired):
        tell(portal, news(ref))
