"""What holds for every program and every story, however much is wrong with them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain.case import Case, Decision, Stage
from connector.domain.facts import Fact, Item, Judged, OrderPaid, OrderRefunded, RewardReleased
from connector.domain.money import Money
from connector.domain.program import Program
from connector.domain.program_data import parse
from connector.domain.remedies import REFUSED
from connector.domain.stages import decide
from tests.domain.chance import a_program, a_story
from tests.domain.story import BASE, DAY0, case, facts

DOMAIN = Path(__file__).parents[2] / "connector" / "domain"
STORIES = 3_000
SEEDS = st.integers(0, 2**32)
#: Where a person may still be asked to look: at what is promised, and at what was turned down.
WATCHED = (Stage.QUALIFIED, Stage.REJECTED, Stage.EXPIRED)


def chances() -> list[tuple[Program, Case]]:
    """Many programs, each with a story."""
    found = []
    for seed in range(STORIES):
        chance = Random(seed)
        wild = chance.choice([0.2, 0.5, 1.0])
        data = a_program(chance, wild)
        found.append((parse(data), a_story(chance, data, wild)))
    return found


def wrong(program: Program, story: Case, decision: Decision) -> list[str]:
    """Which promise to the merchant a decision breaks."""
    caps, budget, standing = program.caps, program.budget, story.standing
    theirs = [plan.amount.minor for plan in decision.plans if plan.role != "friend"]
    total = sum(plan.amount.minor for plan in decision.plans)
    released = any(isinstance(fact, RewardReleased) for fact in story.facts)
    earned = standing.earned.minor if standing.earned else 0
    spent = standing.spent.minor if standing.spent else 0
    broken = {
        "less than nothing is owed": any(plan.amount.minor <= 0 for plan in decision.plans),
        "more than the cap is owed": caps and caps.amount and sum(theirs) > max(0, caps.amount.minor - earned),
        "more friends are paid for than the cap allows": caps
        and caps.rewards
        and standing.rewards >= caps.rewards
        and theirs,
        "more than the budget is owed": budget and decision.plans and spent + total > budget.amount.minor,
        "something is ready while a person looks": decision.review and any(plan.ready for plan in decision.plans),
        "it moved on while a person looks": decision.review and decision.stage not in WATCHED,
        "something is owed while it is held": decision.hold and decision.plans,
        "something is owed though it is refused": decision.stage in REFUSED and decision.plans,
        "a refusal has no remedy": decision.stage in REFUSED and decision.remedy is None,
        "something is ready before its time": not released
        and any(plan.ready and plan.release_at > story.now for plan in decision.plans),
        "no sentence is told": not decision.reason.endswith((".", ":")) and decision.rule not in ("declined", "review"),
        "it is looked at in the past": decision.look_again is not None and decision.look_again < story.now,
    }
    return [what for what, so in broken.items() if so]


def test_no_decision_breaks_a_promise_to_the_merchant_and_none_stops_the_lane() -> None:
    seen: set[str] = set()
    for program, story in chances():
        decision = decide(program, story)
        seen |= {decision.rule} if decision.plans else set()
        assert wrong(program, story, decision) == []
    assert seen == {"hold", "released", "review"}


@given(SEEDS, SEEDS)
def test_a_program_decides_on_any_story_even_on_one_that_is_not_for_it(one: int, other: int) -> None:
    """A merchant changes the program while facts of the old one stand."""
    program = parse(a_program(Random(one), 1.0))
    chance = Random(other)
    story = a_story(chance, a_program(chance, 1.0), 1.0)
    assert wrong(program, story, decide(program, story)) == []


@pytest.mark.parametrize(
    "told",
    [
        "d0 order -5.00 EUR",
        "d0 order 10.00 EUR tax=12.00",
        "d0 order 10000000000000.00 EUR items=tea:9000000000000.00+mug:9000000000000.00",
        "d0 order 10.00 EUR items=tea:5.00+mug:-5.00",
        "d0 order 10.00 EUR items=",
        "d0 order",
    ],
)
def test_numbers_that_make_no_sense_stop_nothing_and_promise_nothing_below_zero(told: str) -> None:
    for orders in ({}, {"tax": "excluded"}, {"products": ["tea"]}, {"except_products": ["tea"]}):
        program, story = parse({**BASE, "orders": {"tax": "included", **orders}}), case([told])
        assert wrong(program, story, decide(program, story)) == []


# ── In any order ─────────────────────────────────────────────────────────────────────────────────────────────────

ANY_ORDER: list[tuple[str, dict[str, object], list[str]]] = [
    ("two orders and a refund of each", {"qualify": {"payment": "each", "payments": 2}},
     ["d0 order 10.00 EUR", "d1 order 20.00 EUR id=B", "d2 refund 3.00 EUR", "d3 refund 4.00 EUR id=B", "d4 released Eva"]),
    ("a fulfilled order that is returned", {"event": "order_fulfilled", "orders": {"products": ["tea"]}},
     ["d0 order 10.00 EUR items=tea:10.00", "d1 fulfilled", "d2 refund 3.00 EUR items=tea:3.00", "d3 released Eva"]),
    ("a deal won, lost and won again", {"event": "deal_won"},
     ["d0 won 10.00 EUR", "d1 reopened", "d2 won 20.00 EUR", "d3 declined Eva no", "d4 approved Eva yes"]),
    ("a deal won and lost", {"event": "deal_won"}, ["d0 won 10.00 EUR", "d1 reopened", "d2 appealed Anna why", "d3 released Eva"]),
    ("a stage, a property and a lead", {"event": "stage_reached", "qualify": {"stage": "Demo"}, "advocate": {"amount": "5.00 EUR"}},
     ["d0 stage Demo", "d1 stage demo", "d2 property plan gold", "d3 lead", "d4 appealed Anna why"]),
    ("invoices", {"event": "invoice_paid", "qualify": {"payment": "nth", "payments": 3}},
     ["d0 invoice 1.00 EUR id=1", "d0 invoice 2.00 EUR id=2", "d0 invoice 3.00 EUR id=3", "d1 invoice 4.00 EUR id=4"]),
]  # fmt: skip


@pytest.mark.parametrize(("change", "told"), [row[1:] for row in ANY_ORDER], ids=[row[0] for row in ANY_ORDER])
def test_every_order_of_arrival_ends_in_one_decision(change: dict[str, object], told: list[str]) -> None:
    program = parse({**BASE, **change})
    assert len(_decisions(program, told)) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"hold_days": 90}, ["d0 order 10.00 EUR", "d1 released Eva", "d1 released Kim id=B"]),
        ({"event": "deal_won"}, ["d1 won 10.00 EUR", "d1 reopened"]),
    ],
    ids=["two who released it", "a deal won and lost in the same second"],
)
def test_every_order_of_arrival_ends_in_one_decision_even_among_equals(
    change: dict[str, object], told: list[str]
) -> None:
    program = parse({**BASE, **change})
    assert len(_decisions(program, told)) == 1


def _decisions(program: Program, told: list[str]) -> list[Decision]:
    """What is decided, each once, for every order in which the facts may arrive, with a fact told twice."""
    story = case(told, "d20")
    found: list[Decision] = []
    for order in permutations(story.facts):
        decision = decide(program, replace(story, facts=(*order, order[0])))
        found += [] if decision in found else [decision]
    return found


def test_a_remedy_is_the_same_in_whatever_order_the_facts_arrived() -> None:
    program, story = parse({**BASE, "event": "deal_won"}), case(["d0 won 10.00 EUR", "d1 reopened", "d2 lead"], "d20")
    turned = replace(story, facts=(*reversed(story.facts),))
    assert decide(program, turned).remedy == decide(program, story).remedy


@given(SEEDS, st.randoms(use_true_random=False))
def test_any_shuffle_of_any_story_ends_in_one_decision(seed: int, shuffling: Random) -> None:
    chance = Random(seed)
    data = a_program(chance, 1.0)
    story = a_story(chance, data, 1.0)
    shuffled = [*story.facts, *story.facts]
    shuffling.shuffle(shuffled)
    assert decide(parse(data), replace(story, facts=tuple(shuffled))) == decide(parse(data), story)


# ── Not a coin is lost ───────────────────────────────────────────────────────────────────────────────────────────


def owed(program: Program, *told: Fact) -> int:
    decision = decide(program, replace(case([]), facts=told))
    assert bool(decision.plans) == (decision.rule == "released")
    return sum(plan.amount.minor for plan in decision.plans)


def refunds(parts: Sequence[int], items: Sequence[tuple[Item, ...] | None] = ()) -> list[OrderRefunded]:
    order = facts(["d0 order 1.00 EUR"])[0].ref
    said = list(items) or [None] * len(parts)
    return [
        OrderRefunded(order, DAY0, DAY0, f"r{place}", Money(minor, "EUR"), item)
        for place, (minor, item) in enumerate(zip(parts, said, strict=True))
    ]


def order_of(items: Sequence[tuple[str, int]]) -> OrderPaid:
    (order,) = facts(["d0 order 1.00 EUR"])
    assert isinstance(order, OrderPaid)
    parts = tuple(Item(frozenset({label}), Money(minor, "EUR")) for label, minor in items)
    return replace(order, net=Money(sum(minor for _, minor in items), "EUR"), items=parts)


TEA_ONLY = parse({**BASE, "orders": {"products": ["tea"]}, "advocate": {"percent": 33.33}})
ALL = parse({**BASE, "advocate": {"percent": 33.33}, "friend": {"kind": "code", "amount": "7.77 EUR"}})
prices = st.lists(st.tuples(st.sampled_from(["tea", "mug"]), st.integers(1, 10**6)), min_size=1, max_size=6)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=8))
def test_an_order_that_goes_back_in_any_parts_ends_at_exactly_nothing(parts: list[int]) -> None:
    order, back = order_of([("mug", sum(parts))]), refunds(parts)
    steps = [owed(ALL, order, *back[:count]) for count in range(len(back) + 1)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == 0


@given(prices, st.randoms(use_true_random=False))
def test_things_that_go_back_one_by_one_end_at_exactly_nothing(items: list[tuple[str, int]], shuffling: Random) -> None:
    order = order_of([("tea", 1_000), *items])
    assert order.items
    going = list(order.items)
    shuffling.shuffle(going)
    back = refunds([item.net.minor for item in going], [(item,) for item in going])
    steps = [owed(TEA_ONLY, order, *back[:count]) for count in range(len(back) + 1)]
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] == 0


@pytest.mark.parametrize(
    ("items", "parts"),
    [
        ([("tea", 33), ("mug", 67)], [1] * 100),
        ([("tea", 100), ("mug", 101)], [67, 67, 67]),
    ],
    ids=["a cent at a time", "in thirds"],
)
def test_sums_that_go_back_where_certain_products_count_end_at_exactly_nothing(
    items: list[tuple[str, int]], parts: list[int]
) -> None:
    assert decide(TEA_ONLY, replace(case([]), facts=(order_of(items), *refunds(parts)))).stage is Stage.REVERSED


def test_a_thing_and_then_the_rest_as_a_sum_end_at_exactly_nothing() -> None:
    order = order_of([("tea", 5_000), ("mug", 5_000)])
    assert order.items
    back = refunds([5_000, 5_000], [(order.items[1],), None])
    assert owed(TEA_ONLY, order, *back) == 0


def test_a_ruling_is_never_forgotten_whatever_follows() -> None:
    declined = facts(["d0 order 10.00 EUR", "d1 declined Eva a reseller"])
    assert isinstance(declined[1], Judged)
    for more in ("d2 refund 1.00 EUR", "d2 released Kim", "d2 order 20.00 EUR id=B"):
        assert decide(parse(BASE), replace(case([]), facts=(*declined, *facts([more])))).rule == "declined"


@pytest.mark.parametrize("name", sorted(path.stem for path in DOMAIN.glob("[a-z]*.py")))
def test_nothing_that_decides_can_be_changed_afterwards(name: str) -> None:
    module = importlib.import_module(f"connector.domain.{name}")
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)]
    assert [kind.__name__ for kind in kinds if not kind.__dataclass_params__.frozen] == []  # type: ignore[attr-defined]
