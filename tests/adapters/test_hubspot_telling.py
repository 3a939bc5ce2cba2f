"""A merchant's workflows start from each piece of news once, and find all that there is to say of it on the contact."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from adapters.hubspot.outbound.telling import AMOUNT, AT, CURRENCY, ID, KIND, TEXT
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import NotDone, Unknown
from connector.ports.news import News
from tests.adapters.conformance.wire import Answer, Trouble
from tests.adapters.test_hubspot_outbound import OBJECTS, running
from tests.adapters.test_hubspot_records import UPDATES, people, provision

AT_NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
READS = f"POST {OBJECTS}/contacts/batch/read"


@pytest.fixture
def portal():
    with running(tier="professional") as made:
        provision(made)
        yield made


def news(ref, kind=NewsKind.ISSUED, **more):
    return replace(News(uuid4(), kind, "advocate", AT_NOON, person=ref.id, values={"program": "tea"}), **more)


def tell(portal, *told):
    return list(portal.out.tell(portal.account, told))


def stood(portal, ref):
    """The ids that stood on a contact, oldest first."""
    past = {"propertiesWithHistory": ID}
    told = portal.client.ask("GET", f"{OBJECTS}/contacts/{ref.id}", **past)["propertiesWithHistory"].get(ID, [])
    return [UUID(row["value"]) for row in reversed(told) if row["value"]]


def calls(portal):
    found = portal.client.book()["calls"]
    return found.get(READS, 0), found.get(UPDATES, 0)


def test_all_there_is_to_say_stands_on_the_contact(portal):
    (ref,) = people(portal, 1)
    values = {"program": "tea", "code": "K7", "reward_code": "S3CRET", "reward_id": "no text for people"}
    one = news(ref, amount=Money(1250, "EUR"), values=values)
    tell(portal, one)
    held = {name: portal.held(ref, name) for name in (KIND, ID, AMOUNT, CURRENCY, TEXT)}
    assert held == {
        KIND: "reward issued",
        ID: str(one.id),
        AMOUNT: "12.50",
        CURRENCY: "EUR",
        TEXT: "Program: tea\nCode: K7\nReward code: S3CRET",
    }
    assert portal.held(ref, AT).startswith("2026-11-20T12:00:00")


def test_nothing_of_an_earlier_news_stays(portal):
    (ref,) = people(portal, 1)
    tell(portal, news(ref, amount=Money(1250, "EUR"), values={"reward_code": "S3CRET"}))
    tell(portal, news(ref, NewsKind.REJECTED, values={"reason": "too late"}))
    assert [portal.held(ref, name) or "" for name in (AMOUNT, CURRENCY, TEXT)] == ["", "", "Reason: too late"]


def test_a_hundred_people_are_one_look_and_one_write(portal):
    refs = people(portal, 100)
    before = calls(portal)
    tell(portal, *(news(ref) for ref in refs))
    reads, writes = (now - then for now, then in zip(calls(portal), before, strict=True))
    assert (reads, writes) == (1, 1)


def test_news_of_one_person_follow_each_other_in_order(portal):
    ref, other = people(portal, 2)
    mine = [news(ref, kind) for kind in (NewsKind.CONVERTED, NewsKind.DUE, NewsKind.ISSUED)]
    tell(portal, mine[0], news(other), *mine[1:])
    assert stood(portal, ref) == [one.id for one in mine]


def test_what_stood_there_before_others_is_not_told_again(portal):
    (ref,) = people(portal, 1)
    first, second = news(ref), news(ref, NewsKind.REVERSED)
    tell(portal, first)
    tell(portal, second)
    before = calls(portal)[1]
    results = tell(portal, replace(first, again=True), replace(second, again=True))
    assert [result.refused for result in results] == ["", ""]
    assert stood(portal, ref) == [first.id, second.id] and calls(portal)[1] == before


def test_a_part_that_was_told_before_a_call_failed_is_in_doubt(portal):
    (ref,) = people(portal, 1)
    mine = [news(ref, kind) for kind in (NewsKind.CONVERTED, NewsKind.DUE)]
    told = str(mine[1].id).encode()
    portal.wire.strike(lambda request: told in request.body, Trouble(effect=False, told=Answer(429, b"{}")))
    with pytest.raises(Unknown, match="a part of the news was told before this"):
        tell(portal, *mine)
    tell(portal, *(replace(one, again=True) for one in mine))
    assert stood(portal, ref) == [one.id for one in mine]


def test_nothing_is_in_doubt_where_the_first_call_failed(portal):
    (ref,) = people(portal, 1)
    told = ID.encode()
    portal.wire.strike(
        lambda request: told in request.body and b"inputs" in request.body,
        Trouble(effect=False, told=Answer(429, b"{}")),
    )
    with pytest.raises(NotDone):
        tell(portal, news(ref))


def test_a_contact_that_went_into_another_one_is_told_there(portal):
    ref, kept = people(portal, 2)
    portal.client.ask("POST", f"{OBJECTS}/contacts/merge", {"primaryObjectId": kept.id, "objectIdToMerge": ref.id})
    one = news(ref)
    assert [result.refused for result in tell(portal, one)] == [""]
    assert one.id in stood(portal, kept)


def test_whoever_is_not_there_is_left_to_another_account_and_nobody_is_made(portal):
    (ref,) = people(portal, 1)
    stranger = replace(news(ref), person="", email="nobody@example.com")
    results = tell(portal, news(ref), stranger)
    assert [(bool(result.refused), result.elsewhere) for result in results] == [(False, False), (True, True)]
    assert portal.out.find_person(portal.account, "nobody@example.com") is None


def test_one_that_a_rule_refuses_holds_up_no_other(portal):
    refs = people(portal, 3)
    portal.client.control("rules", type="contacts", property=TEXT, matches="(?!.*poison).*", message="No poison")
    results = tell(portal, *(news(ref, values={"reason": "poison"} if ref is refs[1] else {}) for ref in refs))
    assert [bool(result.refused) for result in results] == [False, True, False]
    assert "No poison" in results[1].refused


def test_what_happened_before_the_account_came_starts_nothing(portal):
    (ref,) = people(portal, 1)
    (result,) = tell(portal, news(ref, history=True))
    assert "before the account was connected" in result.refused and stood(portal, ref) == []
