"""The advocate who really sent the friend is credited, whatever order the evidence came in, and is told why."""

from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.attribution import WORDS, Attribution, Candidate, Weighed, attribute, weigh
from connector.domain.money import Money
from connector.domain.program import Mode, Program, RewardRule
from connector.domain.touch import Source, Touch

PLACED = datetime(2026, 5, 20, 12, tzinfo=UTC)
WINDOW = timedelta(days=30)
ANNA, BEN, CARA = UUID(int=1), UUID(int=2), UUID(int=3)
NAMES = {ANNA: "ANNA", BEN: "BEN", CARA: "CARA"}
TICK = timedelta(microseconds=1)


def program(*, last_touch: bool = True, precedence: tuple[Source, ...] = tuple(Source)) -> Program:
    return Program(
        name="Friends",
        slug="friends",
        mode=Mode.LIVE,
        event="order_paid",
        window=WINDOW,
        hold=timedelta(days=14),
        advocate_reward=RewardRule("balance", Money(1000, "EUR")),
        last_touch=last_touch,
        precedence=precedence,
    )


def touched(
    advocate: UUID, source: Source, before: timedelta = timedelta(hours=1), *, confirmed: bool = True
) -> Candidate:
    return Candidate(Touch(source, NAMES[advocate], PLACED - before, confirmed), advocate)


def winner(found: Attribution | None) -> UUID | None:
    return found.advocate if found else None


@pytest.mark.parametrize(("strong", "weak"), list(combinations(Source, 2)))
def test_stronger_evidence_wins_whether_older_or_newer(strong: Source, weak: Source) -> None:
    for mine, theirs in ((1, 20), (20, 1), (5, 5)):
        candidates = [touched(BEN, weak, timedelta(days=theirs)), touched(ANNA, strong, timedelta(days=mine))]
        for last in (True, False):
            assert winner(attribute(program(last_touch=last), candidates, PLACED)) == ANNA


def test_the_merchants_own_precedence_replaces_ours_and_what_it_omits_never_counts() -> None:
    candidates = [touched(ANNA, Source.REDEEM_CODE), touched(BEN, Source.STAFF), touched(CARA, Source.CLICK)]
    own = program(precedence=(Source.STAFF, Source.CLICK))
    found = attribute(own, candidates, PLACED)
    assert winner(found) == BEN
    assert found is not None and [assist.advocate for assist in found.assists] == [CARA]
    assert attribute(program(precedence=(Source.FORM,)), candidates, PLACED) is None


@pytest.mark.parametrize(("last_touch", "expected"), [(True, BEN), (False, ANNA)])
def test_first_or_last_touch_is_the_merchants_choice(last_touch: bool, expected: UUID) -> None:
    candidates = [
        touched(ANNA, Source.CLICK, timedelta(days=9)),
        touched(CARA, Source.CLICK, timedelta(days=5)),
        touched(BEN, Source.CLICK, timedelta(days=1)),
    ]
    for order in permutations(candidates):
        assert winner(attribute(program(last_touch=last_touch), order, PLACED)) == expected


@pytest.mark.parametrize(
    ("before", "counts"),
    [(WINDOW + TICK, False), (WINDOW, True), (timedelta(0), True), (-TICK, False)],
    ids=["just too old", "on the last moment of the window", "at checkout", "after checkout"],
)
def test_a_touch_counts_up_to_the_very_edges_of_the_window(before: timedelta, counts: bool) -> None:
    found = attribute(program(), [touched(ANNA, Source.CLICK, before)], PLACED)
    assert winner(found) == (ANNA if counts else None)


@pytest.mark.parametrize("source", Source)
def test_what_nobody_vouches_for_never_earns_a_credit(source: Source) -> None:
    forged = touched(ANNA, source, confirmed=False)
    assert attribute(program(), [forged], PLACED) is None
    found = attribute(program(), [forged, touched(BEN, Source.STAFF)], PLACED)
    assert found is not None and (found.advocate, found.assists) == (BEN, ())
    assert winner(attribute(program(), [touched(ANNA, source)], PLACED)) == ANNA


def test_no_evidence_is_no_referral() -> None:
    assert attribute(program(), [], PLACED) is None


candidates_ = st.lists(
    st.builds(
        touched,
        st.sampled_from(sorted(NAMES)),
        st.sampled_from(Source),
        st.integers(-1, 32).map(lambda days: timedelta(days=days)),
        confirmed=st.booleans(),
    ),
    max_size=8,
)


@given(candidates_, st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_arrival_never_changes_who_is_paid(found: list[Candidate], chance: object, last: bool) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert attribute(program(last_touch=last), shuffled, PLACED) == attribute(program(last_touch=last), found, PLACED)


@given(candidates_)
def test_the_winner_and_the_assists_are_counted_once_each_and_never_mixed(found: list[Candidate]) -> None:
    won = attribute(program(), found, PLACED)
    counting = [c for c in found if c.touch.confirmed and timedelta(0) <= PLACED - c.touch.at <= WINDOW]
    assert (won is None) == (not counting)
    if won:
        assert Candidate(won.touch, won.advocate) in counting
        assert sorted(map(repr, won.assists)) == sorted(repr(c) for c in counting if c.advocate != won.advocate)


def test_two_codes_of_one_advocate_on_one_order_are_told_the_same_way_in_any_order() -> None:
    both = [Candidate(Touch(Source.REDEEM_CODE, code, PLACED), ANNA) for code in ("ANNA10", "ANNA20")]
    assert attribute(program(), both, PLACED) == attribute(program(), both[::-1], PLACED)


def test_the_explanation_names_the_winning_code_its_source_and_what_it_outranked() -> None:
    found = attribute(program(), [touched(ANNA, Source.REDEEM_CODE), touched(BEN, Source.CLICK)], PLACED)
    assert found is not None
    assert found.reason.startswith("Code ANNA came from the discount code used at checkout")
    assert "outranks a click on a share link" in found.reason and "BEN" not in found.reason
    assert found.reason.endswith("(last touch counts).")
    alone = attribute(program(last_touch=False), [touched(ANNA, Source.FORM)], PLACED)
    assert alone is not None and alone.reason == "Code ANNA came from a form."


def test_where_the_first_touch_counts_it_is_said_so() -> None:
    found = attribute(
        program(last_touch=False), [touched(ANNA, Source.REDEEM_CODE), touched(BEN, Source.CLICK)], PLACED
    )
    assert found is not None and found.reason.endswith("(first touch counts).")


def test_a_touch_of_the_windows_first_moment_is_not_told_as_too_old() -> None:
    told = weigh(program(), [touched(ANNA, Source.CLICK, WINDOW), touched(BEN, Source.CLICK, WINDOW + TICK)], PLACED)
    assert [each.verdict for each in told] == ["it is older than the window of 30 days", "it decided"]


def test_of_two_who_say_the_same_of_themselves_one_has_won() -> None:
    """Two files of a merchant may give one code to two people."""
    same = Touch(Source.CLICK, "TEA", PLACED)
    told = weigh(program(), [Candidate(same, ANNA), Candidate(same, BEN)], PLACED)
    assert [each.won for each in told] == [True, False]


@pytest.mark.parametrize("kind", [Candidate, Attribution, Weighed])
def test_nobody_can_change_who_won_afterwards(kind: Any) -> None:
    assert kind.__dataclass_params__.frozen


def test_every_source_has_words_for_people() -> None:
    assert set(WORDS) == set(Source)
    assert len(set(WORDS.values())) == len(Source)
