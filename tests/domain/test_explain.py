"""An explanation says who won and why, what was seen, how much and when; the advocate's part of it gives nobody away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connector.domain.attribution import WORDS, Candidate, weigh
from connector.domain.case import Decision, Stage
from connector.domain.explain import explain, for_advocate, in_words
from connector.domain.program import Bounds, Period
from connector.domain.program_data import parse
from connector.domain.rules import bounds_words
from connector.domain.stages import decide
from connector.domain.touch import Source, Touch
from tests.domain.story import ANNA, BASE, DAY0, REFERRAL, at, case, fact
from tests.domain.test_golden_table import DOMAIN, TABLE, became

KIM = UUID(int=7)


def seen(source: Source, moment: str, advocate: UUID = ANNA, **more: Any) -> Candidate:
    return Candidate(Touch(source, "ANNA7", at(moment), **more), advocate)


# ── Who won ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_piece_of_evidence_is_told_in_the_order_of_time_with_its_part_in_the_outcome() -> None:
    program = parse({**BASE, "attribution": {"precedence": ["redeem_code", "click", "last_visit"]}})
    touches = [
        seen(Source.REDEEM_CODE, "d0"),
        seen(Source.CLICK, "d1", KIM),
        seen(Source.LAST_VISIT, "d-40", KIM),
        seen(Source.LAST_VISIT, "d-3", KIM),
        seen(Source.FORM, "d-2", KIM),
        seen(Source.CLICK, "d-1"),
        seen(Source.CLICK, "d-4", KIM, confirmed=False),
    ]
    told = weigh(program, touches, DAY0)
    assert [(each.touch.source, each.won, each.verdict) for each in told] == [
        (Source.LAST_VISIT, False, "it is older than the window of 30 days"),
        (Source.CLICK, False, "neither the platform nor our signature vouches for it"),
        (Source.LAST_VISIT, False, "the discount code used at checkout counts for more"),
        (Source.FORM, False, "the program does not trust this kind of evidence"),
        (Source.CLICK, False, "it names the same advocate"),
        (Source.REDEEM_CODE, True, "it decided"),
        (Source.CLICK, False, "it came after the purchase"),
    ]


@pytest.mark.parametrize(("touch", "winner", "verdict"), [("last", KIM, "latest"), ("first", ANNA, "first")])
def test_of_two_of_a_kind_the_first_or_the_last_wins_as_the_program_says(
    touch: str, winner: UUID, verdict: str
) -> None:
    program = parse({**BASE, "attribution": {"touch": touch}})
    touches = [seen(Source.CLICK, "d-2"), seen(Source.CLICK, "d-1", KIM)]
    told = weigh(program, touches, DAY0)
    assert [each.won for each in told] == [winner == ANNA, winner == KIM]
    (loser,) = (each for each in told if not each.won)
    assert loser.verdict == f"another advocate's was the {verdict} of its kind"


def test_where_nothing_counts_nobody_won() -> None:
    (only,) = weigh(parse(BASE), [seen(Source.CLICK, "d-31")], DAY0)
    assert (only.won, only.verdict) == (False, "it is older than the window of 30 days")


@pytest.mark.parametrize(("placed", "verdict"), [("d0", "it came after the purchase"), (None, "it decided")])
def test_evidence_counts_up_to_the_purchase_and_up_to_now_where_there_is_none(placed: str | None, verdict: str) -> None:
    story = case(["d0 order 100.00 EUR"] if placed else [], now="d14")
    told = explain(BASE, story, [seen(Source.CLICK, "d5")], at(placed) if placed else None)
    assert [each.verdict for each in told.evidence] == [verdict]


def test_every_source_has_words() -> None:
    assert {*WORDS} == {*Source}


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_merchant_reads_all_of_it_one_sentence_a_line() -> None:
    data = {**BASE, "friend": {"kind": "code", "amount": "5.00 EUR"}, "minimum_net": "20.00 EUR"}
    story = case(["d0 order 100.00 EUR", "d1 refund 50.00 EUR"], now="d3", evidence={"shared": ["address"]})
    lines = in_words(explain(data, story, [seen(Source.CLICK, "d-1")], DAY0))
    assert lines == [
        "It is qualified, by the rule 'hold': 5.00 EUR to the advocate and 2.50 EUR to the friend is promised and held until 2026-06-03 12:00 UTC. 50.00 EUR of 100.00 EUR is left after refunds.",
        "2026-05-19 12:00 UTC a click on a share link named ANNA7: it decided.",
        "Suspicion same_address, 40 points: Advocate and friend have a postal address in common.",
        "Reckoned for the advocate: 10 % of 100.00 EUR = 10.00 EUR; 50.00 EUR of 100.00 EUR is left after refunds = 5.00 EUR.",
        "Reckoned for the friend: 5.00 EUR; 50.00 EUR of 100.00 EUR is left after refunds = 2.50 EUR.",
        "5.00 EUR to the advocate on 2026-06-03 12:00 UTC.",
        "2.50 EUR to the friend on 2026-06-03 12:00 UTC.",
    ]


def test_what_is_paid_is_no_longer_due() -> None:
    order = ["d0 order 100.00 EUR"]
    assert [due.words for due in explain(BASE, case(order), [], None).due] == ["10.00 EUR to the advocate"]
    assert explain(BASE, case(order, paid_out=True, settled=True), [], None).due == ()


def test_a_refusal_names_every_remedy_in_the_order_in_which_they_are_needed() -> None:
    data = {**BASE, "minimum_net": "20.00 EUR", "mode": "test"}
    told = explain(data, case(["d0 order 10.00 EUR first=no"]), [], None)
    assert [line for line in in_words(told) if line.startswith("What would change it")] == [
        "What would change it: Set `new_customers_only: false`.",
        "What would change it: Set `minimum_net` to 10.00 EUR or less, or take it out.",
        "What would change it: Set `mode: live`, and take `pilot` out.",
    ]


def test_an_explanation_is_of_the_decision_that_was_made() -> None:
    for row in TABLE:
        program = {name: value for name, value in {**BASE, **row.get("program", {})}.items() if value is not None}
        story = case(row.get("told", []), str(row.get("now", "d14")), **row.get("about", {}))
        assert explain(program, story, [], None).decision == decide(parse(program), story)


# ── What the advocate reads ──────────────────────────────────────────────────────────────────────────────────────


def test_the_advocate_reads_nothing_of_suspicion_of_people_or_of_settings() -> None:
    """Who is told why they were blocked knows how to get around it; who is told of the friend knows too much."""
    for row in TABLE:
        safe = became(row)["safe"].lower()
        for word in ("suspicio", "fraud", "blocked", "phone", "mailbox", "network", "eva", "kim", "declined", "`", "_"):
            assert word not in safe, row["what"]


def test_the_advocate_is_told_their_part_alone() -> None:
    program = parse({**BASE, "friend": {"kind": "code", "amount": "5.00 EUR"}})
    held = decide(program, case(["d0 order 100.00 EUR"], now="d1"))
    assert for_advocate(program, held).endswith("It is 10.00 EUR. It is due on 2026-06-03.")


@pytest.mark.parametrize(
    ("stage", "hold", "sentence"),
    [
        (Stage.REJECTED, "", "By its terms, this one does not count."),
        (Stage.QUALIFIED, "", "The program is not open to everybody yet."),
        (Stage.QUALIFIED, "tomorrow", "Your reward waits for something on our side."),
    ],
)
def test_a_rule_of_tomorrow_gives_nobody_away(stage: Stage, hold: str, sentence: str) -> None:
    """A rule that has no sentence of its own is about the friend, about suspicion or about us, until somebody says so."""
    said = for_advocate(parse(BASE), Decision(stage, "tomorrow", "Ben is a reseller.", hold=hold))
    assert said.startswith("Friends: ") and sentence in said and "Ben" not in said


@pytest.mark.parametrize("stage", list(Stage))
def test_whoever_asked_for_a_look_reads_that_it_is_looked_at(stage: Stage) -> None:
    said = for_advocate(parse(BASE), Decision(stage, "fraud", "Blocked.", review="Anna asked for a look: why"))
    assert said == "Friends: We are looking at this one before we pay it. You need not do anything."


# ── Terms and periods ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_counts_is_told_one_sentence_each() -> None:
    orders = {
        "products": ["tea", "cup"],
        "except_products": ["sale"],
        "countries": ["DE", "AT"],
        "except_countries": ["CH"],
        "currencies": ["USD", "EUR"],
        "tax": "excluded",
    }
    assert bounds_words(parse({**BASE, "orders": orders}).bounds) == [
        "Only these products count: cup, tea.",
        "These products do not count: sale.",
        "Only purchases to these countries count: AT, DE.",
        "Purchases to these countries do not count: CH.",
        "Only purchases in these currencies count: EUR, USD.",
        "Tax does not count.",
    ]
    assert bounds_words(Bounds()) == []


@pytest.mark.parametrize(
    ("period", "begins"),
    [
        (Period.MONTH, datetime(2026, 11, 1, tzinfo=UTC)),
        (Period.QUARTER, datetime(2026, 10, 1, tzinfo=UTC)),
        (Period.YEAR, datetime(2026, 1, 1, tzinfo=UTC)),
        (Period.EVER, None),
    ],
)
def test_a_count_starts_anew_with_its_period(period: Period, begins: datetime | None) -> None:
    assert period.start(datetime(2026, 11, 22, 8, 30, tzinfo=UTC)) == begins
    if begins is not None:
        assert period.start(begins) == begins
        assert period.start(begins - timedelta(seconds=1)) != begins


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_lies_in_its_quarter(month: int) -> None:
    began = Period.QUARTER.start(datetime(2026, month, 28, tzinfo=UTC))
    assert began is not None and began.month in (1, 4, 7, 10) and 0 <= month - began.month < 3


def test_a_referral_takes_a_place_where_it_is_promised_something_or_thanked() -> None:
    order = ["d0 order 100.00 EUR"]
    thanks = parse({**BASE, "advocate": {"kind": "thanks"}})
    assert decide(parse(BASE), case(order)).counts
    assert decide(parse(BASE), case(order, now="d1")).counts
    assert decide(thanks, case(order)).counts
    assert decide(thanks, case(order, now="d1")).counts
    assert decide(thanks, case(order, now="d1")).rule == "thanks_held"
    assert decide(parse(BASE), case(order, paid_out=True)).counts
    assert decide(parse({**BASE, "review": {"when": "always"}}), case(order)).counts
    assert decide(parse({**BASE, "caps": {"rewards": 1}}), case(order, standing={"rewards": 1})).counts
    assert decide(parse(BASE), case(["d0 order 0.04 EUR"])).counts
    assert not decide(parse({**BASE, "budget": {"amount": "1.00 EUR"}}), case(order)).counts
    assert not decide(parse(BASE), case([*order, "d1 declined Eva a reseller"])).counts
    assert not decide(parse({**BASE, "mode": "test"}), case(order)).counts
    assert not decide(parse(BASE), case([])).counts
    assert not decide(parse(BASE), case([*order, "d1 refund 100.00 EUR"])).counts


def test_one_thing_may_be_said_of_a_referral_in_several_ways_and_each_stands() -> None:
    appeal, ruling = fact("d1 appealed Anna why"), fact("d1 approved Eva yes")
    assert (appeal.key, ruling.key) == (f"appealed:referral:{REFERRAL.id}", f"judged:referral:{REFERRAL.id}")


def test_each_rule_of_the_domain_is_one_idea_in_a_file_that_can_be_read_at_once() -> None:
    assert max(len(path.read_text("utf-8").splitlines()) for path in DOMAIN.glob("*.py")) <= 400
