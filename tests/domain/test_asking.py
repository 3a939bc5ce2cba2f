"""Whom to ask, when and why: nobody too often, at night, or while something is wrong, and a share of people never."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.asking import (
    BECAUSE,
    STALE,
    Answer,
    Asking,
    Past,
    Prompt,
    held_out,
    judge,
    moments,
    quiet_until,
    score,
)
from connector.domain.facts import (
    CareRaised,
    DealWon,
    Fact,
    InvoicePaid,
    Item,
    ObjectRef,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    PropertyReached,
)
from connector.domain.money import Money
from connector.domain.program_data import parse
from connector.errors import ConfigError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ANNA = UUID(int=7)
EVERY = Asking(frozenset(Prompt), field="nps", values=frozenset({"9", "10"}))
REF = ObjectRef("order", "1")
AGO = NOW - 4 * DAY


def order(number: int = 1, at: datetime = AGO, **more: object) -> OrderPaid:
    paid = OrderPaid(ObjectRef("order", str(number)), at, at, at, Money(5000, "EUR"))
    return replace(paid, **more)  # type: ignore[arg-type]


def ask(*facts: Fact, asking: Asking = EVERY, now: datetime = NOW, **past: object) -> tuple[Answer, str]:
    found = judge(asking, "tea", ANNA, AGO, facts or (order(),), Past(**past), now)  # type: ignore[arg-type]
    return found.answer, found.why


# ── Moments ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fact", "prompt"),
    [
        (OrderFulfilled(REF, AGO, AGO), Prompt.DELIVERY),
        (order(), Prompt.PURCHASE),
        (order(test=True), None),
        (DealWon(REF, AGO, AGO, AGO), Prompt.DEAL),
        (InvoicePaid(REF, AGO, AGO, AGO, first_order=False), Prompt.RENEWAL),
        (InvoicePaid(REF, AGO, AGO, AGO, first_order=True), None),
        (InvoicePaid(REF, AGO, AGO, AGO), None),
        (PropertyReached(REF, AGO, AGO, AGO, name="NPS", value="10"), Prompt.REVIEW),
        (PropertyReached(REF, AGO, AGO, AGO, name="nps", value="6"), None),
        (PropertyReached(REF, AGO, AGO, AGO, name="plan", value="10"), None),
        (OrderRefunded(REF, AGO, AGO, "1", Money(1, "EUR")), None),
    ],
)
def test_only_what_went_well_is_an_occasion(fact: Fact, prompt: Prompt | None) -> None:
    assert [moment.prompt for moment in moments(EVERY, [fact])] == ([prompt] if prompt else [])
    others = replace(EVERY, prompts=frozenset(Prompt) - {prompt})
    assert moments(others, [fact]) == [], "the program does not ask after that"


def test_each_thing_is_one_moment_however_often_it_is_told() -> None:
    told = [OrderFulfilled(REF, AGO + n * DAY, AGO) for n in range(3)]
    assert len(moments(EVERY, told)) == 1
    both = moments(EVERY, [*told, order()])
    assert len({moment.key for moment in both}) == 2


# ── Whom ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_is_content_is_asked() -> None:
    assert ask() == (Answer.ASK, "nothing speaks against it")
    assert set(BECAUSE) == set(Prompt)


@pytest.mark.parametrize(
    ("facts", "past", "asking", "words"),
    [
        ((), {"quiet": True}, {}, "want no mails"),
        ((), {"asked": (NOW - 400 * DAY,) * 3}, {}, "asked 3 times"),
        ((order(), OrderRefunded(REF, AGO, AGO, "1", Money(5000, "EUR"))), {}, {}, "look after them"),
        ((order(), CareRaised(REF, AGO, AGO, "ticket", still=True)), {}, {}, "open ticket"),
        ((order(),), {}, {"orders": 2}, "bought 1 times, and 2"),
        ((order(test=True),), {}, {}, "bought 0 times"),
        ((order(),), {}, {"products": frozenset({"tea"})}, "nothing of tea"),
    ],
)
def test_what_speaks_against_it_is_told(
    facts: tuple[Fact, ...], past: dict[str, object], asking: dict[str, object], words: str
) -> None:
    answer, why = ask(*facts, asking=replace(EVERY, **asking), **past)  # type: ignore[arg-type]
    assert answer is Answer.NO and words in why


def test_what_was_wrong_and_is_well_again_speaks_no_longer_against_it() -> None:
    ticket = CareRaised(REF, AGO, AGO, "ticket", still=True)
    assert ask(order(), ticket, replace(ticket, still=False, as_of=NOW, happened_at=NOW))[0] is Answer.ASK
    old = NOW - 40 * DAY
    refund = OrderRefunded(ObjectRef("order", "9"), old, old, "1", Money(5000, "EUR"))
    assert ask(order(), order(9, old), refund)[0] is Answer.ASK


def test_who_bought_what_the_program_is_about_is_asked() -> None:
    item = Item(frozenset({"tea", "green"}), Money(5000, "EUR"))
    assert ask(order(items=(item,)), asking=replace(EVERY, products=frozenset({"tea"})))[0] is Answer.ASK


def test_nobody_is_asked_again_before_the_time_is_over() -> None:
    verdict = judge(EVERY, "tea", ANNA, AGO, [order()], Past(asked=(NOW - 80 * DAY,)), NOW)
    assert (verdict.answer, verdict.at) == (Answer.LATER, NOW + 10 * DAY)
    assert ask(asked=(NOW - 90 * DAY,))[0] is Answer.ASK


def test_a_moment_that_is_long_past_asks_nobody() -> None:
    late = AGO + EVERY.wait + STALE
    assert ask(now=late)[0] is Answer.ASK
    assert ask(now=late + timedelta(seconds=1)) == (Answer.NO, "the moment for it is long past")


@pytest.mark.parametrize(
    ("hours", "until"),
    [(19.9, None), (20, 32), (23.5, 32), (0, 8), (7.99, 8), (8, None), (12, None)],
)
def test_the_night_is_quiet_where_they_live(hours: float, until: float | None) -> None:
    asking = replace(EVERY, quiet=(time(20), time(8)), zone="Europe/Berlin")
    midnight = datetime(2026, 11, 19, 23, tzinfo=UTC)  # in Berlin
    found = quiet_until(asking, midnight + timedelta(hours=hours))
    assert found == (None if until is None else midnight + timedelta(hours=until))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    st.times(),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland", "America/New_York"]),
)
def test_the_end_of_the_quiet_time_lies_ahead_and_within_a_day(
    now: datetime, start: time, end: time, zone: str
) -> None:
    asking = replace(EVERY, quiet=(start, end), zone=zone)
    until = quiet_until(asking, now)
    if until is not None:
        assert now < until <= now + timedelta(hours=26)


def test_a_share_of_people_is_never_asked_and_always_the_same() -> None:
    asking = replace(EVERY, holdout_bp=2000)
    people = [uuid4() for _ in range(2000)]
    out = [person for person in people if held_out(asking, "tea", person)]
    assert 300 < len(out) < 500
    assert out == [person for person in people if held_out(asking, "tea", person)]
    assert out != [person for person in people if held_out(asking, "coffee", person)]
    for person in out[:5]:
        verdict = judge(asking, "tea", person, AGO, [order()], Past(), NOW)
        assert verdict.answer is Answer.HOLD_OUT
        assert judge(asking, "tea", person, AGO, [], Past(), NOW).answer is Answer.NO, "both groups are alike"


# ── How likely ───────────────────────────────────────────────────────────────────────────────────────────────────

PASTS = st.builds(Past, st.integers(0, 50), st.integers(0, 50))
ORDERS = st.lists(st.integers(0, 900), max_size=6).map(
    lambda days: [order(n, NOW - ago * DAY) for n, ago in enumerate(days)]
)


@given(ORDERS, PASTS)
def test_a_score_lies_between_0_and_100_and_adds_up_by_its_reasons(facts: list[Fact], past: Past) -> None:
    found = score(facts, past, NOW)
    total = sum(int(reason.partition(":")[0]) for reason in found.reasons)
    assert found.points == min(100, max(0, total))
    assert found.strong == (found.points >= 60)


@given(ORDERS, PASTS)
def test_a_friend_who_counts_never_lowers_it_and_one_who_does_not_never_raises_it(
    facts: list[Fact], past: Past
) -> None:
    points = score(facts, past, NOW).points
    assert score(facts, replace(past, counted=past.counted + 1), NOW).points >= points
    assert score(facts, replace(past, lost=past.lost + 1), NOW).points <= points


def test_reasons_are_told_in_words() -> None:
    facts = [order(1, NOW - 200 * DAY), order(2, NOW - 3 * DAY)]
    assert score(facts, Past(counted=2, lost=1), NOW).reasons == (
        "+20: bought 2 times",
        "+20: bought 3 days ago",
        "+40: 2 friends of theirs count",
        "-15: 1 friends of theirs did not count or were taken back",
    )


# ── As a merchant writes it ──────────────────────────────────────────────────────────────────────────────────────

PROGRAM = {"name": "Tea", "advocate": {"amount": "10.00 EUR"}}


def test_what_a_merchant_writes_is_read() -> None:
    written = {
        "after": ["delivery", "review"], "wait_days": 5, "orders": 2, "products": ["Tea"], "every_days": 30, "at_most": 2,
        "quiet_from": "20:00", "quiet_to": "8:30", "zone": "Europe/Berlin", "holdout_percent": 10, "per_day": 50,
        "field": "nps", "values": ["9", "10"],
    }  # fmt: skip
    assert parse({**PROGRAM, "ask": written}).asking == Asking(
        frozenset({Prompt.DELIVERY, Prompt.REVIEW}), 5 * DAY, 2, frozenset({"tea"}), 30 * DAY, 2, (time(20), time(8, 30)),
        "Europe/Berlin", 1000, 50, "nps", frozenset({"9", "10"}),
    )  # fmt: skip
    assert parse(PROGRAM).asking is None


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"after": []}, "ask.after: say after what"),
        ({"after": ["birthday"]}, "ask.after"),
        ({"after": ["review"]}, "ask.field: goes with"),
        ({"after": ["delivery"], "field": "nps"}, "ask.field: goes with"),
        ({"after": ["delivery"], "values": ["9"]}, "ask.values: goes with"),
        ({"after": ["delivery"], "quiet_from": "20:00"}, "ask.quiet_from"),
        ({"after": ["delivery"], "quiet_from": "25:00", "quiet_to": "08:00"}, "two different times"),
        ({"after": ["delivery"], "quiet_from": "08:00", "quiet_to": "08:00"}, "two different times"),
        ({"after": ["delivery"], "zone": "Mars/Base"}, "is no time zone"),
        ({"after": ["delivery"], "zone": "../../etc/passwd"}, "is no time zone"),
        ({"after": ["delivery"], "holdout_percent": 101}, "ask.holdout_percent"),
        ({"after": ["delivery"], "often": 3}, "ask.often: no such setting"),
    ],
)
def test_what_is_wrong_is_told_with_its_remedy(ask: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse({**PROGRAM, "ask": ask})
    assert words in str(told.value)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        ({"text": "Look!"}, "needs {link} or {code}"),
        ({"text": "{link} {evil}"}, "between curly brackets"),
        ({"text": "{link} {"}, "between curly brackets"),
        ({"text": "{link.__class__}"}, "between curly brackets"),
        ({"disclosure": "{0}"}, "between curly brackets"),
        ({"disclosure": ""}, "write a text"),
    ],
)
def test_a_text_to_share_names_what_there_is_and_always_says_what_they_have_of_it(
    share: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError) as told:
        parse({**PROGRAM, "share": share})
    assert words in str(told.value)
