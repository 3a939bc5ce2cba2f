"""News must reach people once: a mail that is lost is a promise broken, a mail that comes twice is a nuisance.

Over real HTTP; the stand-in's book says what was recorded. It plays both readings of what Klaviyo publishes on a bulk call
with an event that it has already: that the others are recorded, and that none is (`refuses_repeats`).
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from adapters.klaviyo.outbound.events import LARGEST
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import NotDone, Refused, Throttled, TokenExpired, Unknown
from connector.ports.news import News
from connector.ports.records import RecordWrite
from tests.adapters.conformance.wire import Answer, Broken, Trouble
from tests.adapters.test_klaviyo_outbound import NAME, NEVER, field, running

AT = datetime(2026, 11, 20, 10, 0, 0, 400_000, tzinfo=UTC)
SINGLE, BULK = "POST /api/events", "POST /api/event-bulk-create-jobs"
READINGS = pytest.mark.parametrize("strict", [False, True], ids=["repeats are passed over", "repeats refuse the call"])
LOST = {
    "before it arrived": Trouble(effect=False, told=Broken.RESET),
    "after it arrived": Trouble(effect=True, told=Broken.RESET),
    "503 before": Trouble(effect=False, told=Answer(503, b"{}")),
    "503 after": Trouble(effect=True, told=Answer(503, b"{}")),
    "a page in its place": Trouble(effect=True, told=Answer(202, b"<html>")),
    "another success": Trouble(effect=True, told=Answer(200, b"{}")),
}


@pytest.fixture
def tea():
    with running() as made:
        yield made


def news(number=0, kind=NewsKind.ISSUED, **more):
    told = {"email": f"listener{number}@example.com", "values": {"program": "tea"}, **more}
    return News(uuid4(), kind, "advocate", AT, **told)


def tell(tea, *told):
    results = list(tea.out.tell(tea.account, told))
    assert [one.id for one in results] == [one.id for one in told]
    return [one.refused for one in results]


def strike(tea, trouble, path="/api/event"):
    tea.wire.strike(lambda request: request.path.startswith(path), trouble)


def lost(tea, told, trouble):
    """Told once, and the answer got lost; as it is to be told again."""
    strike(tea, trouble)
    with pytest.raises(Unknown):
        tell(tea, *told)
    tea.wire.settle()
    return [replace(one, again=True) for one in told]


def once(tea, *told):
    """Whether each was recorded once, and nothing was thrown away."""
    keys = sorted(event["key"] for event in tea.events())
    dropped = [one for one in tea.client.book()["entries"] if one["kind"] == "dropped"]
    return keys == sorted(f"{one.id}:{one.kind}" for one in told) and not dropped


def sizes(tea):
    """How many events each bulk call had."""
    return tea.client.book()["inputs"].get(BULK, [])


# ── What an event says ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_says_all_that_a_flow_needs_and_names_nobody_else(tea):
    values = {"referral_id": "r-1", "program": "Tea friends", "link": "https://x.example/r/ADA"}
    one = replace(news(values=values, amount=Money(1250, "EUR")), id=UUID(int=7))
    assert tell(tea, one) == [""]
    (event,) = tea.events()
    assert (event["metric"], event["key"]) == (f"{NAME} Reward Issued", f"{one.id}:reward issued")
    assert event["properties"] == {**values, "role": "advocate", "currency": "EUR"}
    assert (event["value"], event["currency"], event["backfill"]) == (12.5, "EUR", False)
    assert (event["at"], event["email"]) == ("2026-11-20T10:00:00+00:00", one.email)
    (call,) = tea.calls()
    assert call["body"]["data"]["attributes"]["profile"] == {
        "data": {"type": "profile", "attributes": {"email": one.email}}
    }


@pytest.mark.parametrize(
    ("minor", "currency", "value"), [(-1250, "EUR", 12.5), (0, "EUR", 0), (1250, "JPY", 1250), (1001, "KWD", 1.001)]
)
def test_an_amount_is_positive_and_in_the_units_of_its_currency(tea, minor, currency, value):
    tell(tea, news(kind=NewsKind.REVERSED, amount=Money(minor, currency)))
    (event,) = tea.events()
    assert (event["value"], event["currency"]) == (value, currency)


def test_without_an_amount_there_is_no_value(tea):
    tell(tea, news())
    (event,) = tea.events()
    assert (event["value"], event["currency"], "currency" in event["properties"]) == (None, None, False)


@pytest.mark.parametrize("others", [0, 2])
def test_a_known_profile_is_named_by_its_id_alone(tea, others):
    ref = tea.person("ada@example.com", phone_number="+4930123456")
    tell(tea, news(email="another.address@example.com", person=ref.id), *(news(number) for number in range(others)))
    assert [event["email"] for event in tea.events() if event["profile"] == ref.id] == ["ada@example.com"]
    assert "another.address" not in json.dumps(tea.calls())
    assert len(tea.client.control("profiles", verb="GET")) == 1 + others


@pytest.mark.parametrize("fresh", [1, 3])
def test_history_starts_no_flow_and_what_is_fresh_does(tea, fresh):
    old = [news(number, history=True) for number in range(fresh)]
    new = [news(0)] if fresh > 1 else []
    tell(tea, *old, *new)
    assert {event["key"]: event["backfill"] for event in tea.events()} == {
        f"{one.id}:{one.kind}": one.history for one in (*old, *new)
    }


# ── How many calls ───────────────────────────────────────────────────────────────────────────────────────────────


def test_one_goes_alone_and_more_go_together(tea):
    tell(tea, news())
    tell(tea, *(news(number % 3) for number in range(7)))
    assert (len(tea.calls(SINGLE)), sizes(tea)) == (1, [7])
    (bulk,) = tea.calls(BULK)
    assert len(bulk["body"]["data"]["attributes"]["events-bulk-create"]["data"]) == 3, "one group for each person"


def test_a_thousand_go_in_one_call_and_the_next_in_another(tea):
    many = [news(number % 7) for number in range(1003)]
    assert set(tell(tea, *many)) == {""}
    assert sizes(tea) == [1000, 3]
    assert once(tea, *many)


def test_more_than_five_megabytes_go_in_several_calls(tea):
    many = [news(number, values={"reason": "ü" * 45_000}) for number in range(80)]
    assert set(tell(tea, *many)) == {""}
    assert once(tea, *many)
    bodies = [len(call.body) for call in tea.wire.calls]
    assert len(bodies) == 2
    assert all(size < 5_000_000 for size in bodies)
    assert max(bodies) > LARGEST * 0.9, "no more calls than are needed"


def test_the_same_one_twice_is_told_once(tea):
    one, other = news(1), news(2)
    assert tell(tea, one, other, replace(one, values={"program": "second"})) == [""] * 3
    assert once(tea, one, other)
    assert {event["properties"]["program"] for event in tea.events()} == {"tea"}


def test_two_of_one_second_stay_two_alone_and_together(tea):
    one = news()
    both, more = [one, replace(one, id=uuid4())], [replace(one, id=uuid4()) for _ in range(2)]
    tell(tea, *both)
    for each in more:
        tell(tea, each)
    assert once(tea, *both, *more)


def test_nothing_to_tell_is_no_call(tea):
    assert tell(tea) == []
    assert tea.calls() == []


# ── What gets lost ───────────────────────────────────────────────────────────────────────────────────────────────


@READINGS
@pytest.mark.parametrize("name", LOST)
@pytest.mark.parametrize("size", [1, 4])
def test_a_lost_answer_loses_nobody_and_doubles_nobody(tea, name, size, strict):
    tea.client.control("accounts/update", refuses_repeats=strict)
    many = [news(number) for number in range(size)]
    doubtful = lost(tea, many, LOST[name])
    fresh = [news(number) for number in range(3)]
    assert set(tell(tea, *fresh, *doubtful)) == {""}
    assert once(tea, *many, *fresh)


@READINGS
def test_lost_again_and_again_each_is_heard_once_in_the_end(tea, strict):
    tea.client.control("accounts/update", refuses_repeats=strict)
    many = [news(number) for number in range(4)]
    told = many
    for trouble in LOST.values():
        told = lost(tea, told, trouble)
    assert set(tell(tea, *told)) == {""}
    assert once(tea, *many)


def test_a_bulk_call_with_a_repeat_may_lose_what_goes_with_it(tea):
    """Why `again` is there: without it, the stricter reading throws away what is new."""
    tea.client.control("accounts/update", refuses_repeats=True)
    one, other = news(1), news(2)
    tell(tea, one)
    assert tell(tea, one, other) == ["", ""]
    assert once(tea, one) is False
    assert [event["key"] for event in tea.events()] == [f"{one.id}:{one.kind}"]


@READINGS
def test_a_part_that_was_taken_before_another_failed_is_in_doubt(tea, strict):
    """The first thousand are recorded: told again in a bulk call, they would cost those beside them."""
    tea.client.control("accounts/update", refuses_repeats=strict)
    many = [news(number % 7) for number in range(1002)]
    passed = []

    def second(request):
        passed.append(request)
        return len(passed) > 1

    tea.wire.strike(second, Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "5"})))
    with pytest.raises(Unknown, match="a part of the news was taken before this"):
        tell(tea, *many)
    tea.wire.settle()
    few = [one for one in many if one.email == "listener0@example.com"]
    assert set(
        tell(tea, *(replace(one, again=True) for one in few), *(replace(one, again=True) for one in many[-2:]))
    ) == {""}
    assert once(tea, *many)


@pytest.mark.parametrize(("status", "error"), [(429, Throttled), (401, TokenExpired), (403, Refused), (410, Refused)])
@pytest.mark.parametrize("size", [1, 3])
def test_a_call_that_certainly_told_nothing_may_be_made_again_as_it_was(tea, status, error, size):
    many = [news(number) for number in range(size)]
    strike(tea, Trouble(effect=False, told=Answer(status, b"{}", {"Retry-After": "3"})))
    with pytest.raises(error):
        tell(tea, *many)
    assert set(tell(tea, *many)) == {""}
    assert once(tea, *many)


def test_a_wait_that_klaviyo_asks_for_is_told(tea):
    tea.fault("throttled", "event", wait_s=13)
    with pytest.raises(Throttled) as error:
        tell(tea, news(), news())
    assert error.value.wait_s == 13


def test_a_revoked_key_is_said_so(tea):
    tea.client.control("keys/revoke", key=tea.account.token)
    with pytest.raises(TokenExpired):
        tell(tea, news())


def test_a_missing_permission_is_named_with_its_remedy(tea):
    tea.client.control("keys", key="pk_reads_only", scopes=["accounts:read"])
    tea.account = replace(tea.account, token="pk_reads_only")
    for told in ([news()], [news(1), news(2)]):
        with pytest.raises(Refused, match=r"lacks events:write: connect it again"):
            tell(tea, *told)


# ── What cannot be told ──────────────────────────────────────────────────────────────────────────────────────────

BAD = {
    "no address": {"email": ""},
    "no real address": {"email": "ada at example"},
    "too many properties": {"values": {f"p{number}": "x" for number in range(399)}},
    "too long a text": {"values": {"reason": "ü" * 50_001}},
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("others", [0, 3])
def test_what_klaviyo_would_throw_away_in_silence_is_refused_in_words(tea, name, others):
    good = [news(number) for number in range(others)]
    refused = tell(tea, *good[:1], news(9, **BAD[name]), *good[1:])
    assert [bool(words) for words in refused] == [False] * len(good[:1]) + [True] + [False] * len(good[1:])
    assert once(tea, *good)


def refusal(*pointers):
    errors = [{"code": "invalid", "detail": "Invalid input.", "source": {"pointer": pointer}} for pointer in pointers]
    return Answer(400, json.dumps({"errors": errors}).encode(), {"Content-Type": "application/vnd.api+json"})


def picky(tea, bad, pointer):
    """From now on any call with this one in it is refused, as the API does at once for what it sees to be wrong."""

    def fits(request):
        return f"{bad.id}:".encode() in request.body

    for _ in range(12):
        tea.wire.strike(fits, Trouble(effect=False, told=refusal(*pointer)))


GROUP = "/data/attributes/events-bulk-create/data/2"


@pytest.mark.parametrize(
    ("pointer", "calls"),
    [
        ([f"{GROUP}/attributes/events/data/1/attributes/properties"], 3),
        ([f"{GROUP}/attributes/events/data/1"], 3),
        ([f"{GROUP}/attributes/profile/data/attributes/email"], 5),
        (["/data/attributes/events-bulk-create/data/99", f"{GROUP}/attributes/events/data/7"], 7),
        (["/data"], 7),
        ([], 7),
    ],
    ids=["its member", "itself", "its group", "nowhere", "all", "without a word"],
)
def test_a_bad_one_is_found_and_refused_alone_and_the_rest_are_told(tea, pointer, calls):
    """Where the refusal points at it, that is: the call, the rest of it, and the bad one; else its halves are tried."""
    many = [news(number % 4) for number in range(12)]
    bad = many[6]  # the second of the third person
    picky(tea, bad, pointer)
    refused = tell(tea, *many)
    assert [bool(words) for words in refused] == [one is bad for one in many]
    assert once(tea, *(one for one in many if one is not bad))
    assert len(tea.wire.calls) == calls


@pytest.mark.parametrize(
    "answer", [(404, b"{}"), (400, b'{"errors": [{"source": {"parameter": "revision"}}]}')], ids=str
)
def test_a_fault_of_the_call_itself_is_no_words_about_any_of_them(tea, answer):
    strike(tea, Trouble(effect=False, told=Answer(*answer)))
    with pytest.raises(Refused):
        tell(tea, *(news(number) for number in range(8)))
    assert len(tea.wire.calls) == 1


@READINGS
def test_looking_for_a_bad_one_repeats_no_event(tea, strict):
    tea.client.control("accounts/update", refuses_repeats=strict)
    many = [news(number) for number in range(9)]
    picky(tea, many[4], ["/data"])
    tell(tea, *many)
    assert once(tea, *(one for one in many if one is not many[4]))
    assert [one for one in tea.client.book()["entries"] if one["kind"] == "repeated"] == []


def test_a_call_that_is_cut_off_while_a_bad_one_is_looked_for_is_in_doubt(tea):
    many = [news(number) for number in range(4)]
    picky(tea, many[3], ["/data"])
    tea.wire.strike(
        lambda request: f"{many[2].id}:".encode() in request.body, Trouble(effect=False, told=Answer(429, b"{}"))
    )
    with pytest.raises(Unknown):
        tell(tea, *many)


# ── What is never done ───────────────────────────────────────────────────────────────────────────────────────────


def test_consent_stays_and_nothing_is_called_that_could_change_it(tea):
    """Somebody who unsubscribed, complained or was suppressed stays so, whatever is told of them or written to them."""
    states = {
        "gone@example.com": ({"email": "UNSUBSCRIBED"}, ["UNSUBSCRIBE", "USER_SUPPRESSED"]),
        "spam@example.com": ({"email": "UNSUBSCRIBED", "sms": "UNSUBSCRIBED"}, ["SPAM_COMPLAINT"]),
        "happy@example.com": ({"email": "SUBSCRIBED"}, []),
    }
    people = {
        email: tea.person(email, consent=consent, suppressions=reasons, properties={"Loyalty": "gold"})
        for email, (consent, reasons) in states.items()
    }
    before = {email: tea.held(ref) for email, ref in people.items()}
    told = [News(uuid4(), kind, "friend", AT, email) for email in [*states, "new@example.com"] for kind in NewsKind]
    tell(tea, *told)
    tell(tea, news(email="gone@example.com"))
    tea.write(*(RecordWrite(ref, {"Referral Stage": field("rewarded")}) for ref in people.values()))
    for email, ref in people.items():
        after = tea.held(ref)
        assert (after["consent"], after["suppressions"]) == (before[email]["consent"], before[email]["suppressions"])
        assert after["properties"] == {"Loyalty": "gold", f"{NAME} Referral Stage": "rewarded"}
    (new,) = tea.client.control("profiles", verb="GET", email="new@example.com")
    assert (new["consent"], new["suppressions"]) == ({"email": "NEVER_SUBSCRIBED", "sms": "NEVER_SUBSCRIBED"}, {})
    kinds = {one["kind"] for one in tea.client.book()["entries"]}
    assert kinds <= {"event", "profile"}
    assert [call["operation"] for call in tea.calls() if any(word in call["operation"] for word in NEVER)] == []


def test_an_event_that_is_processed_later_is_counted_once_all_the_same(tea):
    tea.client.control("clock/stop")
    tea.client.control("accounts/update", event_lag_s=30, job_lag_s=30)
    many = [news(number) for number in range(3)]
    tell(tea, *many)
    tell(tea, *(replace(one, again=True) for one in many))
    assert tea.events() == []
    tea.client.control("clock", advance_s=timedelta(minutes=1).total_seconds())
    assert once(tea, *many)


def test_a_refused_call_is_no_answer_that_had_an_effect(tea):
    strike(tea, Trouble(effect=False, told=Answer(429, b"<html>", {"Retry-After": "nan"})))
    with pytest.raises(NotDone) as error:
        tell(tea, news())
    assert error.value.wait_s == 60
