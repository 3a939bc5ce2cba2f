"""Whatever order the platform tells of payment, refunds and cancellation in, and however often, one amount is owed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import combinations, permutations
from math import floor
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.case import Case, Decision, Stage
from connector.domain.facts import (
    Appealed,
    CareRaised,
    CreditExpiring,
    CreditLapsed,
    CreditRedeemed,
    DealWon,
    Enrolled,
    Fact,
    InvoicePaid,
    JobDone,
    Judged,
    LeadCreated,
    ObjectRef,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    PropertyReached,
    RewardReleased,
    StageReached,
    newest,
)
from connector.domain.money import Money
from connector.domain.program import Mode, Program, RewardRule
from connector.domain.stages import decide

ORDER = ObjectRef("order", "1001")
T0 = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CURRENCIES = ("EUR", "JPY", "KWD")


def program(rule: RewardRule) -> Program:
    return Program("Friends", "friends", Mode.LIVE, "order_paid", timedelta(days=30), timedelta(0), rule)


TEN_PERCENT = program(RewardRule("balance", percent_bp=1000))


def paid(minor: int = 10_000, currency: str = "EUR", as_of: datetime = T0) -> OrderPaid:
    return OrderPaid(ORDER, as_of, T0, T0, Money(minor, currency), test=False, first_order=True)


def refunded(name: str, minor: int, currency: str = "EUR", as_of: datetime = T0) -> OrderRefunded:
    return OrderRefunded(ORDER, as_of, T0, name, Money(minor, currency))


def decided(rules: Program, facts: tuple[Fact, ...]) -> Decision:
    return decide(rules, Case(UUID(int=1), UUID(int=2), T0, facts, duplicate=False, paid_out=False, now=T0 + HOUR))


def owed(rules: Program, *facts: Fact) -> int:
    return sum(plan.amount.minor for plan in decided(rules, facts).plans)


STORY: tuple[Fact, ...] = (paid(), refunded("partial", 2_500), refunded("rest", 7_500), refunded("cancelled", 10_000))


@pytest.mark.parametrize("told", [subset for size in range(5) for subset in combinations(STORY, size)])
def test_every_order_of_arrival_with_repeats_ends_in_one_decision(told: tuple[Fact, ...]) -> None:
    orders = list(permutations(told))
    repeats = [one + other for one in orders for other in orders]
    first = decided(TEN_PERCENT, told)
    assert all(decided(TEN_PERCENT, facts) == first for facts in orders + repeats)


def test_the_story_ends_with_nothing_owed_and_its_parts_in_proportion() -> None:
    order, partial, rest, cancelled = STORY
    assert owed(TEN_PERCENT, order) == 1000
    assert owed(TEN_PERCENT, order, partial) == 750
    assert owed(TEN_PERCENT, order, rest) == 250
    ends: list[tuple[Fact, ...]] = [(order, partial, rest), (order, cancelled), STORY]
    assert {decided(TEN_PERCENT, told).stage for told in ends} == {Stage.REVERSED}
    assert decided(TEN_PERCENT, (partial, rest)).stage is Stage.PENDING


def test_an_older_snapshot_that_arrives_late_changes_nothing() -> None:
    new, old = refunded("r", 2_500, as_of=T0 + HOUR), refunded("r", 10_000, as_of=T0)
    edited, first = paid(8_000, as_of=T0 + HOUR), paid(10_000)
    told: tuple[Fact, ...] = (new, old, edited, first)
    for facts in permutations(told):
        assert decided(TEN_PERCENT, facts).stage is Stage.CONVERTED
        assert owed(TEN_PERCENT, *facts) == 550  # 10 % of the 80.00 that stand, for the 55.00 that are left


amounts = st.integers(1, 10**9)
refunds = st.lists(st.integers(0, 10**9), max_size=5)
currencies = st.sampled_from(CURRENCIES)


@st.composite
def rules(draw: st.DrawFn, currency: str) -> RewardRule:
    if draw(st.booleans()):
        return RewardRule("balance", Money(draw(amounts), currency))
    cap = draw(st.none() | amounts.map(lambda minor: Money(minor, currency)))
    return RewardRule("balance", percent_bp=draw(st.integers(1, 10_000)), cap=cap)


def _half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


@given(amounts, refunds, currencies, st.data())
def test_what_is_owed_is_the_full_reward_in_proportion_to_what_is_left(
    net: int, back: list[int], currency: str, data: st.DataObject
) -> None:
    rule = data.draw(rules(currency))
    facts: tuple[Fact, ...] = (
        paid(net, currency),
        *(refunded(str(n), minor, currency) for n, minor in enumerate(back)),
    )
    full = rule.fixed.minor if rule.fixed else _half_up(Fraction(net * rule.percent_bp, 10_000))
    full = min(full, rule.cap.minor) if rule.cap else full
    left = max(0, net - sum(back))
    assert owed(program(rule), *facts) == _half_up(Fraction(full * left, net))


@given(amounts, refunds, st.integers(0, 10**9), currencies, st.data())
def test_one_more_refund_never_raises_the_reward_nor_drives_it_below_zero(
    net: int, back: list[int], more: int, currency: str, data: st.DataObject
) -> None:
    rule = program(data.draw(rules(currency)))
    before: tuple[Fact, ...] = (
        paid(net, currency),
        *(refunded(str(n), minor, currency) for n, minor in enumerate(back)),
    )
    assert 0 <= owed(rule, *before, refunded("more", more, currency)) <= owed(rule, *before)


@given(amounts, st.lists(amounts, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_any_shuffle_of_any_refunds_ends_in_one_decision(net: int, back: list[int], chance: object) -> None:
    facts: list[Fact] = [paid(net), *(refunded(str(n), minor) for n, minor in enumerate(back))]
    shuffled = facts + facts
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decided(TEN_PERCENT, tuple(shuffled)) == decided(TEN_PERCENT, tuple(facts))


def test_facts_about_different_things_never_replace_each_other() -> None:
    other = ObjectRef("order", "1002")
    facts: list[Fact] = [
        *STORY,
        replace(paid(), ref=other),
        replace(refunded("partial", 1), ref=other),
        *(DealWon(ref, T0, T0, T0) for ref in (ORDER, other)),
        InvoicePaid(ObjectRef("invoice", "1001"), T0, T0, T0),
        LeadCreated(ObjectRef("lead", "1001"), T0, T0, T0),
        JobDone(ORDER, T0, T0, T0),
        StageReached(ORDER, T0, T0, T0, stage="Lead"),
        StageReached(ORDER, T0, T0, T0, stage="Demo"),
        PropertyReached(ORDER, T0, T0, T0, name="plan", value="gold"),
        PropertyReached(ORDER, T0, T0, T0, name="plan", value="silver"),
        PropertyReached(ORDER, T0, T0, T0, name="size", value="gold"),
        OrderFulfilled(ORDER, T0, T0),
        Appealed(ORDER, T0, T0, "Anna", "please look"),
        Judged(ORDER, T0, T0, "Eva", approved=True, reason="a friend"),
        CareRaised(ORDER, T0, T0, "refund", still=True),
        CareRaised(ORDER, T0, T0, "ticket", still=True),
        Enrolled(ORDER, T0, T0, "friends", "staff"),
        RewardReleased(ORDER, T0, T0, "a person"),
        CreditRedeemed(ORDER, T0, T0, UUID(int=1), Money(1, "EUR")),
        CreditRedeemed(ORDER, T0, T0, UUID(int=2), Money(1, "EUR")),
        CreditLapsed(ORDER, T0, T0, UUID(int=1), Money(1, "EUR")),
        CreditExpiring(ORDER, T0, T0, UUID(int=1), Money(1, "EUR"), T0),
    ]
    standing = newest([*facts, *reversed(facts)]).values()
    assert sorted(map(repr, standing)) == sorted(map(repr, facts))
