"""A workflow that starts twice pays or mails twice, and one that never starts is a promise broken.

Over real HTTP. Shopify Flow has no memory that an app could ask, so the stand-in's own book says what was started.
"""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest

from adapters.shopify import MANIFEST, outbound
from adapters.shopify.outbound.telling import Note
from adapters.shopify.outbound.triggers import handle
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.ports.news import News
from tests.adapters.conformance.wire import Answer, Broken, Trouble, Wire
from tests.adapters.test_shopify_outbound import DOMAIN, running

AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
LOST = {
    "before it arrived": Trouble(effect=False, told=Broken.RESET),
    "after it arrived": Trouble(effect=True, told=Broken.RESET),
    "502 after": Trouble(effect=True, told=Answer(502, b"<html>")),
    "a page in its place": Trouble(effect=True, told=Answer(200, b"<html>")),
    "an answer without data": Trouble(effect=True, told=Answer(200, b"{}")),
    "an answer to less than was asked": Trouble(effect=True, told=Answer(200, b'{"data": {"r0": {"userErrors": []}}}')),
    "an error beside the data": Trouble(
        effect=True,
        told=Answer(200, b'{"data": {"r0": {"userErrors": []}}, "errors": [{"message": "Internal error"}]}'),
    ),
    "half an answer": Trouble(effect=True, told=Broken.HALF),
}
_serial = count(1)


@pytest.fixture
def shop():
    with running(bucket={"maximum": 1e9, "rate": 1e9}) as made, Wire(made.sandbox.url) as wire:
        made.wire, made.people = wire, [made.customer(f"anna{number}@example.com") for number in range(3)]
        made.out = outbound.build(replace(made.kit, base_url=wire.url + "/{shop}", timeout_s=2))
        yield made


def news(shop, kind=NewsKind.ISSUED, **more):
    """For one of the shop's three customers in turn."""
    person = shop.people[next(_serial) % 3]["gid"]
    return replace(News(uuid4(), kind, "advocate", AT, person=person, values={"program": "tea"}), **more)


def tell(shop, *told):
    results = shop.out.tell(shop.account, told)
    assert [one.id for one in results] == [one.id for one in told]
    return [one.refused for one in results]


def started(shop):
    """What workflows were given, oldest first."""
    entries = shop.control("book", "GET")["entries"]
    return [json.loads(entry["value"]) for entry in entries if entry["kind"] == "flow_trigger"]


def once(shop, *told):
    return Counter(each["News ID"] for each in started(shop)) == Counter(str(one.id) for one in told)


def note(shop):
    """The ids that Shopify keeps for us."""
    (held,) = [f for f in shop.sandbox.world.shops[DOMAIN].metafields.values() if f.key == Note.KEY]
    assert (held.owner.split("/")[3], held.namespace) == ("AppInstallation", "app--1")
    return json.loads(held.value)


def starts(request):
    return b"flowTriggerReceive(" in request.body


def lost(shop, told, trouble):
    """Told once, and the answer got lost; as it is to be told again."""
    shop.wire.strike(starts, trouble)
    with pytest.raises(Unknown):
        tell(shop, *told)
    shop.wire.settle()
    return [replace(one, again=True) for one in told]


# ── What a workflow is given ─────────────────────────────────────────────────────────────────────────────────────


def test_a_workflow_is_given_the_customer_and_all_that_its_trigger_declares(shop):
    values = {
        "program": "Tea friends",
        "code": "ANNA7",
        "link": "https://x.example/r/ANNA7",
        "reward_kind": "gift_card",
    }
    one = news(shop, values=values | {"reason": "It\ncounts."}, amount=Money(1250, "EUR"), email="not.used@example.com")
    assert tell(shop, one) == [""]
    (given,) = started(shop)
    assert given["customer_id"] == int(one.person.rpartition("/")[2])
    assert {key: text for key, text in given.items() if text and key != "customer_id"} == {
        "News ID": str(one.id),
        "Role": "advocate",
        "Program": "Tea friends",
        "Advocate code": "ANNA7",
        "Link": "https://x.example/r/ANNA7",
        "Reward kind": "gift_card",
        "Reason": "It counts.",
        "Reward amount": 12.5,
        "Reward currency": "EUR",
    }
    assert b"not.used" not in b"".join(call.body for call in shop.wire.calls), "the id says who it is"


@pytest.mark.parametrize(
    ("minor", "currency", "told"), [(-1250, "EUR", 12.5), (0, "EUR", 0), (1250, "JPY", 1250), (1001, "KWD", 1.001)]
)
def test_an_amount_is_positive_and_in_the_units_of_its_currency(shop, minor, currency, told):
    tell(shop, news(shop, NewsKind.REVERSED, amount=Money(minor, currency)))
    (given,) = started(shop)
    assert (given["Reward amount"], given["Reward currency"]) == (told, currency)


def test_those_of_one_person_start_in_order(shop):
    told = [news(shop, kind, person=shop.people[0]["gid"]) for kind in NewsKind]
    assert set(tell(shop, *told)) == {""}
    assert [each["News ID"] for each in started(shop)] == [str(one.id) for one in told]


def test_history_starts_nothing_and_what_is_fresh_does(shop):
    old, new = news(shop, history=True), news(shop)
    assert "before the shop was connected" in tell(shop, old)[0]
    assert shop.wire.calls == []
    assert [bool(refused) for refused in tell(shop, old, new)] == [True, False]
    assert once(shop, new)


# ── Who hears it ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_address_is_found_whole_and_in_any_case(shop):
    shop.customer("anna@example.com.au")
    whole = shop.customer("Anna@Example.com")
    assert tell(shop, news(shop, person="", email=" ANNA@example.com ")) == [""]
    assert [each["customer_id"] for each in started(shop)] == [whole["id"]]


@pytest.mark.parametrize(
    "who",
    [
        {"person": "", "email": "nobody@example.com"},
        {"person": "gid://shopify/Customer/1", "email": "anna0@example.com"},
        {"person": "", "email": "anna at example"},
        {"person": "", "email": ""},
    ],
    ids=["an unknown address", "an unknown id", "no address", "nothing"],
)
def test_who_is_no_customer_is_left_to_another_account_and_made_none(shop, who):
    good, other = news(shop), news(shop)
    results = shop.out.tell(shop.account, [good, news(shop, **who), other])
    assert [(bool(one.refused), one.elsewhere) for one in results] == [(False, False), (True, True), (False, False)]
    assert once(shop, good, other)
    assert len(shop.sandbox.world.shops[DOMAIN].customers) == 3


def test_a_shop_that_shows_no_addresses_finds_by_them_all_the_same(shop):
    shop.control(f"shops/{DOMAIN}/update", withheld=["email"], send=False)
    told = [news(shop, person="", email=f"anna{number}@example.com") for number in range(3)]
    assert set(tell(shop, *told)) == {""}
    assert once(shop, *told)


# ── How many calls ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("size", "calls"), [(1, 2), (MANIFEST.tell_batch, 2), (50, 4)])
def test_one_read_and_one_call_for_each_batch(shop, size, calls):
    told = [news(shop, person="", email=f"anna{number % 3}@example.com", again=size == 50) for number in range(size)]
    assert set(tell(shop, *told)) == {""}
    assert (once(shop, *told), len(shop.wire.calls)) == (True, calls)


def test_the_largest_batch_is_within_what_one_call_may_cost(shop):
    """A shop on the smallest plan holds 2,000 points, and one call may ask for 1,000."""
    more = [shop.customer(f"bea{number}@example.com")["gid"] for number in range(MANIFEST.tell_batch)]
    tell(shop, *(news(shop, person=person) for person in more))
    assert max(shop.meter.asked) <= 500


def test_nothing_to_tell_is_no_call(shop):
    assert tell(shop) == []
    assert shop.wire.calls == []


def test_the_same_one_twice_is_told_once_as_it_came_first(shop):
    one, other = news(shop), news(shop)
    assert tell(shop, one, other, replace(one, values={"program": "second"})) == [""] * 3
    assert once(shop, one, other)
    assert {each["Program"] for each in started(shop)} == {"tea"}


# ── What gets lost ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("size", [1, 5])
def test_a_lost_answer_loses_nobody_and_starts_nothing_twice(shop, name, size):
    told = [news(shop) for _ in range(size)]
    doubtful, fresh = lost(shop, told, LOST[name]), [news(shop) for _ in range(3)]
    assert set(tell(shop, *fresh, *doubtful)) == {""}
    assert once(shop, *told, *fresh)


def test_what_was_carried_out_in_part_is_told_for_the_rest(shop):
    """Shopify stopped in the middle of a document: three triggers and their notes were through."""
    told = [news(shop) for _ in range(5)]
    lost(shop, told[:3], LOST["after it arrived"])
    assert set(tell(shop, *(replace(one, again=True) for one in told))) == {""}
    assert once(shop, *told)


def test_each_trigger_is_followed_by_the_note_of_what_was_told_up_to_it(shop):
    """Were the note before its trigger, a death between them would lose one; were it at the end, it would double all."""
    tell(shop, earlier := news(shop))
    told = [news(shop) for _ in range(3)]
    tell(shop, *told)
    sent = json.loads(next(call.body for call in reversed(shop.wire.calls) if starts(call)))
    assert [line.split("(")[0].split(": ")[1] for line in sent["query"].splitlines() if line.startswith("  r")] == [
        "flowTriggerReceive", "metafieldsSet"
    ] * 3  # fmt: skip
    ids = [str(one.id) for one in (earlier, *told)]
    for place in range(3):
        assert sent["variables"][f"payload_{2 * place}"]["News ID"] == ids[place + 1]
        (noted,) = sent["variables"][f"metafields_{2 * place + 1}"]
        assert json.loads(noted["value"]) == ids[: place + 2]


def test_lost_again_and_again_each_is_told_once_in_the_end(shop):
    told = doubtful = [news(shop) for _ in range(50)]
    for trouble in LOST.values():
        doubtful = lost(shop, doubtful, trouble) if not once(shop, *told) else doubtful
    assert set(tell(shop, *doubtful)) == {""}
    assert once(shop, *told)


def test_a_part_that_was_told_before_another_failed_is_in_doubt(shop):
    told = [news(shop, again=True) for _ in range(50)]
    passed = []

    def third(request):
        passed.append(starts(request))
        return sum(passed) == 3

    shop.wire.strike(third, Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "5"})))
    with pytest.raises(Unknown, match="a part of the news was told before this"):
        tell(shop, *told)
    assert len(started(shop)) == 40
    assert set(tell(shop, *told)) == {""}
    assert once(shop, *told)


def test_the_note_keeps_all_that_can_be_asked_for_and_does_not_grow(shop):
    told = [news(shop) for _ in range(140)]
    for start in range(0, 140, MANIFEST.tell_batch):
        tell(shop, *told[start : start + MANIFEST.tell_batch])
    assert note(shop) == [str(one.id) for one in told[-100:]]
    assert set(tell(shop, *(replace(one, again=True) for one in told[-50:]))) == {""}
    assert once(shop, *told)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(429, b"{}", {"Retry-After": "3"}), Throttled),
        (Answer(200, b'{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}'), Throttled),
        (Answer(401, b"{}"), TokenExpired),
        (Answer(423, b"{}"), Unavailable),
        (Answer(403, b"{}"), Refused),
    ],
    ids=["429", "throttled", "401", "locked", "403"],
)
@pytest.mark.parametrize("which", [starts, lambda request: not starts(request)], ids=["the write", "the read"])
def test_a_call_that_certainly_told_nothing_may_be_made_again_as_it_was(shop, answer, error, which):
    told = [news(shop) for _ in range(3)]
    shop.wire.strike(which, Trouble(effect=False, told=answer))
    with pytest.raises(error):
        tell(shop, *told)
    assert set(tell(shop, *told)) == {""}
    assert once(shop, *told)


@pytest.mark.parametrize("trouble", LOST.values(), ids=LOST)
def test_a_read_that_got_lost_told_nothing(shop, trouble):
    told = [news(shop) for _ in range(3)]
    shop.wire.strike(lambda request: not starts(request), trouble)
    with pytest.raises(Unavailable):
        tell(shop, *told)
    assert set(tell(shop, *told)) == {""}
    assert once(shop, *told)


# ── What cannot be told ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_trigger_that_was_not_deployed_is_refused_alone_and_says_what_to_do(shop):
    shop.control(f"shops/{DOMAIN}/update", undeployed=[handle(NewsKind.LATE)], send=False)
    good, other = news(shop), news(shop)
    refused = tell(shop, good, news(shop, NewsKind.LATE), other)
    assert [bool(words) for words in refused] == [False, True, False]
    assert refused[1] == (
        "the app was deployed without the trigger referral-reward-late: deploy the app again with all of its extensions"
    )
    assert once(shop, good, other)


def test_what_flow_refuses_is_refused_in_its_words(shop):
    told = news(shop)
    answer = {
        "data": {"r0": {"userErrors": [{"field": ["body"], "message": "Errors:\n  no\n"}]}, "r1": {"userErrors": []}}
    }
    shop.wire.strike(starts, Trouble(effect=False, told=Answer(200, json.dumps(answer).encode())))
    assert tell(shop, told) == ["Shopify Flow refuses it: Errors: no"]


def test_what_is_too_large_is_refused_alone_and_never_sent(shop):
    good = news(shop)
    refused = tell(shop, good, news(shop, values={"reason": "x" * 50_000}))
    assert [bool(words) for words in refused] == [False, True]
    assert once(shop, good)
    assert max(len(call.body) for call in shop.wire.calls) < 50_000


def test_a_missing_permission_is_said_so(shop):
    shop.control(f"shops/{DOMAIN}/scopes", scopes=["read_orders"], send=False)
    with pytest.raises(Refused, match="read_customers"):
        tell(shop, news(shop))
    assert started(shop) == []


def test_nothing_is_written_but_our_own_note(shop):
    tell(shop, *(news(shop, kind) for kind in NewsKind))
    kinds = {entry["kind"] for entry in shop.control("book", "GET")["entries"]}
    assert kinds == {"flow_trigger", "metafield"}
    assert len(note(shop)) == len(NewsKind)
    assert len(shop.sandbox.world.shops[DOMAIN].metafields) == 1
