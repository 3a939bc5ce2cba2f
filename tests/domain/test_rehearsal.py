"""What a rehearsal says must be what the merchant would live: every sum, every count, and every verdict of a pilot."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from connector.domain.case import Decision, Plan, Stage, Standing
from connector.domain.money import Money
from connector.domain.pilot_report import LEAST, QUESTIONS, Answer, Counted, ExitReport, Verdict
from connector.domain.program import Clawback
from connector.domain.program_data import parse
from connector.domain.rehearsal import (
    Compared,
    Outcome,
    Rehearsal,
    Stood,
    Tally,
    by_currency,
    promised,
    standing,
    totals,
)
from tests.domain.story import ANNA, BASE, BEN, at, money

PAID = Outcome(ANNA, "ANNA", Stage.REWARDED, "paid", "8.00 EUR is paid.", (money("8.00 EUR"),))
HELD = replace(PAID, stage=Stage.QUALIFIED, rule="hold")
WAITS = Outcome(ANNA, "ANNA", Stage.QUALIFIED, "review", "A person looks.")
SMALL = Outcome(ANNA, "ANNA", Stage.REJECTED, "below_minimum", "Too small.")
CREDIT = Stood("advocate", "balance", 1, money("8.00 EUR"), locked=True)


def change(before: Outcome | None, after: Outcome | None) -> Compared:
    return Compared("order 1", before, after)


# ── One referral ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("after", "changed"),
    [
        (PAID, False),
        (replace(PAID, reason="other words", code="anna"), False),
        (replace(PAID, amounts=(money("9.00 EUR"),)), True),
        (replace(PAID, stage=Stage.CONVERTED), True),
        (replace(PAID, rule="thanks"), True),
        (replace(PAID, advocate=BEN), True),
        (None, True),
    ],
)
def test_only_what_people_would_notice_is_a_change(after: Outcome | None, changed: bool) -> None:
    assert change(PAID, after).changed is changed
    assert change(after, PAID).changed is changed


def test_a_change_says_whose_it_is_and_why() -> None:
    moved = change(PAID, replace(SMALL, advocate=BEN, code="BEN"))
    assert (moved.code, moved.why) == ("ANNA -> BEN", "Too small.")
    assert (change(None, PAID).code, change(PAID, SMALL).code, change(PAID, None).code) == ("ANNA",) * 3
    assert change(PAID, None).why == "Nothing that the program trusts names an advocate."
    assert (str(PAID), str(SMALL)) == ("rewarded/paid 8.00 EUR", "rejected/below_minimum")


def test_what_stands_counts_once_it_is_sure_or_may_have_been_paid() -> None:
    waiting = replace(CREDIT, role="friend", amount=money("2.00 EUR"), locked=False)
    both = [CREDIT, waiting]
    assert standing(Stage.REWARDED, "paid", both) == (money("10.00 EUR"),)
    assert standing(Stage.QUALIFIED, "hold", both) == (money("10.00 EUR"),)
    assert standing(Stage.QUALIFIED, "review", both) == (money("8.00 EUR"),), "nobody approved the other one"
    assert standing(Stage.REVERSED, "refunded", [waiting]) == ()


def decided(*plans: Plan, **more: Any) -> Decision:
    return Decision(Stage.CONVERTED, "released", "", plans, **more)


def plan(amount: str, role: str = "advocate", kind: str = "balance") -> Plan:
    return Plan(role, kind, money(amount), at("d0"), None)


def test_what_would_be_promised_is_the_sum_of_its_plans_unless_a_person_has_to_look_first() -> None:
    plans = (plan("8.00 EUR"), plan("2.00 EUR", "friend"))
    assert promised(decided(*plans), []) == (money("10.00 EUR"),)
    assert promised(decided(*plans, review="somebody looks"), []) == ()


@pytest.mark.parametrize(
    ("clawback", "left"),
    [(Clawback.TAKE, "5.00 EUR"), (Clawback.ABSORB, "8.00 EUR"), (Clawback.REVIEW, "8.00 EUR")],
)
def test_what_was_paid_stays_where_the_program_does_not_take_it_back(clawback: Clawback, left: str) -> None:
    assert promised(decided(plan("5.00 EUR"), clawback=clawback), [CREDIT]) == (money(left),)


def test_what_was_paid_never_grows_smaller_by_another_reward_or_currency_and_never_hides_a_greater_one() -> None:
    bears = {"clawback": Clawback.ABSORB}
    assert promised(decided(plan("9.00 EUR"), **bears), [CREDIT]) == (money("9.00 EUR"),)
    assert promised(decided(plan("9.00 USD"), **bears), [CREDIT]) == (money("8.00 EUR"),)
    assert promised(decided(plan("3.00 EUR", kind="code"), **bears), [CREDIT]) == (money("11.00 EUR"),)
    assert promised(decided(**bears), [replace(CREDIT, locked=False)]) == ()


def test_nobody_brings_a_mug_back() -> None:
    assert promised(decided(), [replace(CREDIT, kind="item")]) == (money("8.00 EUR"),)


# ── All together ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sums_count_each_referral_by_what_it_was_and_would_be() -> None:
    moved = replace(PAID, advocate=BEN, amounts=(money("9.00 EUR"),))
    story = [
        change(None, PAID),
        change(SMALL, HELD),
        change(PAID, SMALL),
        change(PAID, None),
        change(WAITS, PAID),
        change(PAID, WAITS),
        change(None, replace(WAITS, rule="fraud", stage=Stage.REJECTED)),
        change(WAITS, replace(WAITS, rule="review_lapsed", stage=Stage.REJECTED)),
        change(PAID, moved),
        change(None, None),
    ]
    found = totals(story)
    assert (found.converted, found.lost, found.flagged, found.released, found.moved) == (3, 3, 2, 1, 1)
    assert found.money == (money("1.00 EUR"),)
    assert str(found) == "+3 converted, -3 no longer, +1.00 EUR, 2 flagged, 1 released, 1 to another advocate"


def test_money_of_two_currencies_is_never_added_and_no_difference_is_said_so() -> None:
    krona = replace(PAID, amounts=(money("80.00 SEK"),))
    assert (
        str(totals([change(PAID, krona)])) == "+0 converted, -0 no longer, -8.00 EUR, +80.00 SEK, 0 flagged, 0 released"
    )
    assert "no difference in money" in str(totals([change(PAID, PAID)]))
    assert by_currency([money("1.00 SEK"), money("1.00 EUR"), Money(-100, "SEK")]) == (money("1.00 EUR"),)


def test_a_whole_rehearsal_keeps_its_changes_and_what_would_be_owed() -> None:
    found = Rehearsal(at("d0"), 4, (change(PAID, PAID), change(PAID, SMALL), change(PAID, None)), ())
    assert found.changes == found.compared[1:]
    assert found.owed == (money("8.00 EUR"),)


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────

LIMITED = {
    **BASE,
    "tiers": {"period": "month", "steps": [{"from": 2, "percent": 20}]},
    "caps": {"period": "quarter", "amount": "50.00 EUR"},
    "budget": {"amount": "500.00 EUR", "period": "year"},
}
EARNED = [("advocate", money("8.00 EUR")), ("friend", money("2.00 EUR")), ("milestone", money("5.00 SEK"))]


def test_the_replay_counts_places_by_the_programs_own_periods() -> None:
    """Day 0 is in May, day 20 in June of the same quarter, day 60 in July of the same year, day 300 in the next."""
    tally = Tally(parse(LIMITED))
    tally.add(ANNA, at("d0"), EARNED)
    one = {"ever": 1, "piloted": 1}
    eight, ten, none = money("8.00 EUR"), money("10.00 EUR"), money("0.00 EUR")
    assert tally.standing(ANNA, at("d1")) == Standing(friends=1, rewards=1, earned=eight, spent=ten, **one)
    assert tally.standing(ANNA, at("d20")) == Standing(friends=0, rewards=1, earned=eight, spent=ten, **one)
    assert tally.standing(ANNA, at("d60")) == Standing(friends=0, rewards=0, earned=none, spent=ten, **one)
    assert tally.standing(ANNA, at("d300")) == Standing(friends=0, rewards=0, earned=none, spent=none, **one)
    assert tally.standing(BEN, at("d1")) == Standing(earned=none, spent=ten, piloted=1)


def test_a_program_without_limits_counts_all_times_and_no_money() -> None:
    tally = Tally(parse(BASE))
    tally.add(ANNA, at("d0"), EARNED)
    tally.add(ANNA, at("d300"), [])
    assert tally.standing(ANNA, at("d301")) == Standing(friends=2, ever=2, rewards=2, piloted=2)
    capped = Tally(parse({**BASE, "caps": {"rewards": 3}}))
    assert capped.standing(UUID(int=9), at("d0")) == Standing()


# ── A pilot's exit report ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sample", "wrong", "verdict"),
    [
        (0, 0, Verdict.TOO_EARLY),
        (LEAST - 1, 0, Verdict.TOO_EARLY),
        (LEAST, 0, Verdict.YES),
        (10, 1, Verdict.YES),
        (19, 2, Verdict.NOT_YET),
        (10, 10, Verdict.NOT_YET),
    ],
)
def test_ninety_of_a_hundred_who_understand_are_enough_and_four_people_are_not(
    sample: int, wrong: int, verdict: Verdict
) -> None:
    counted = Counted(sample, {str(number): "asked" for number in range(wrong)})
    assert Answer(QUESTIONS[0], counted).verdict == verdict


def report(cap: int | None = 50) -> ExitReport:
    wrong = {f"r{number:02}": "a support ticket" for number in range(12)}
    counted = [Counted(40, wrong), Counted(40, {}), Counted(0, {}), Counted(40, {"r1": "refused"})]
    answers = tuple(Answer(question, each) for question, each in zip(QUESTIONS, counted, strict=True))
    return ExitReport("Tea friends", "the group 'vip'", 30, 200, 12, 9, cap, answers)


def test_the_exit_report_answers_each_question_with_its_figure_its_rule_and_what_to_look_at() -> None:
    lines = report().in_words()
    assert lines[0] == (
        "Pilot Tea friends for the group 'vip': 30 of 200 advocates are in it, 12 of them brought somebody;"
        " 9 rewarded friends of 50 places."
    )
    assert lines[1] == "Do customers understand it without support? not yet: 28 of 40."
    assert lines[2].endswith("yes from 90 % and 5 on.")
    assert [line for line in lines if "Look at r" in line][:1] == ["  Look at r00: a support ticket"]
    assert sum("Look at" in line for line in lines) == 11, "ten of the first, one of the last"
    assert "Do leads land in the right pipeline? yes: 40 of 40." in lines
    assert "Are referred people treated right? too early: 0 of 0." in lines
    assert "Do rewards go out without disputes? not yet: 39 of 40." in lines
    assert "places" not in report(None).in_words()[0]


def test_machines_get_all_of_it() -> None:
    plain = report().plain()
    assert (plain["audience"]["in_it"], plain["places"]) == (30, {"taken": 9, "cap": 50})
    first = plain["answers"]["understood"]
    assert (first["verdict"], first["right"], first["sample"], len(first["look_at"])) == ("not yet", 28, 40, 12)
    assert set(plain["answers"]) == {"understood", "landed", "treated", "paid"}
