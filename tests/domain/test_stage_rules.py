"""Each rule decides exactly the cases it is for, and says why in words a merchant can pass on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connector.domain.case import Case, Decision, Stage
from connector.domain.facts import Fact, ObjectRef, OrderPaid, OrderRefunded, RewardReleased
from connector.domain.money import Money
from connector.domain.program import Mode, Payment, Program, Review, RewardRule, When
from connector.domain.stages import decide

ORDER = ObjectRef("order", "1001")
PAID_AT = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOLD, WINDOW = timedelta(days=14), timedelta(days=30)
RELEASE = PAID_AT + HOLD
ANNA, BEN = UUID(int=1), UUID(int=2)
TICK = timedelta(microseconds=1)

PROGRAM = Program(
    name="Friends",
    slug="friends",
    mode=Mode.LIVE,
    event="order_paid",
    window=WINDOW,
    hold=HOLD,
    advocate_reward=RewardRule("balance", percent_bp=1000),
)


def paid(net: str = "100.00 EUR", **changes: Any) -> OrderPaid:
    amount, currency = net.split()
    order = OrderPaid(ORDER, PAID_AT, PAID_AT, PAID_AT, Money.parse(amount, currency), test=False, first_order=True)
    return replace(order, **changes)


def refunded(amount: str, refund: str = "r1", ref: ObjectRef = ORDER) -> OrderRefunded:
    number, currency = amount.split()
    return OrderRefunded(ref, PAID_AT, PAID_AT, refund, Money.parse(number, currency))


def case(*facts: Fact, **changes: Any) -> Case:
    whole = Case(
        advocate=ANNA, friend=BEN, captured_at=PAID_AT, facts=facts, duplicate=False, paid_out=False, now=RELEASE
    )
    return replace(whole, **changes)


def fixed(amount: str, **changes: Any) -> Program:
    number, currency = amount.split()
    return replace(PROGRAM, advocate_reward=RewardRule("balance", Money.parse(number, currency), **changes))


SMALLEST = replace(PROGRAM, minimum_net=Money(5000, "EUR"))

GOLDEN: list[tuple[str, Program, Case, tuple[Stage, str], str | None]] = [
    # what, program, case, (stage, rule), owed
    ("not paid yet", PROGRAM, case(now=PAID_AT), (Stage.PENDING, "unpaid"), None),
    ("last moment of the window", PROGRAM, case(now=PAID_AT + WINDOW - TICK), (Stage.PENDING, "unpaid"), None),
    ("window over", PROGRAM, case(now=PAID_AT + WINDOW), (Stage.EXPIRED, "window"), None),
    ("refund without payment", PROGRAM, case(refunded("5.00 EUR")), (Stage.PENDING, "unpaid"), None),
    ("paid late, window over", PROGRAM, case(paid(), now=PAID_AT + 2 * WINDOW), (Stage.CONVERTED, "released"), "10.00 EUR"),
    ("duplicate, unpaid", PROGRAM, case(duplicate=True), (Stage.REJECTED, "duplicate"), None),
    ("duplicate, paid", PROGRAM, case(paid(), duplicate=True), (Stage.REJECTED, "duplicate"), None),
    ("self-referral", PROGRAM, case(paid(), friend=ANNA), (Stage.REJECTED, "self_referral"), None),
    ("test order", PROGRAM, case(paid(test=True)), (Stage.REJECTED, "test_order"), None),
    ("bought before", PROGRAM, case(paid(first_order=False)), (Stage.REJECTED, "not_new"), None),
    ("nobody knows if new", PROGRAM, case(paid(first_order=None)), (Stage.QUALIFIED, "review"), "10.00 EUR"),
    (
        "old customers welcome",
        replace(PROGRAM, new_customers_only=False),
        case(paid(first_order=False)),
        (Stage.CONVERTED, "released"),
        "10.00 EUR",
    ),
    ("a cent below the minimum", SMALLEST, case(paid("49.99 EUR")), (Stage.REJECTED, "below_minimum"), None),
    ("the minimum itself", SMALLEST, case(paid("50.00 EUR")), (Stage.CONVERTED, "released"), "5.00 EUR"),
    ("nothing paid", PROGRAM, case(paid("0.00 EUR")), (Stage.REJECTED, "zero_total"), None),
    ("promise in another currency", fixed("10.00 EUR"), case(paid("80.00 USD")), (Stage.QUALIFIED, "currency"), None),
    (
        "cap in another currency",
        replace(PROGRAM, advocate_reward=RewardRule("balance", percent_bp=1000, cap=Money(500, "USD"))),
        case(paid()),
        (Stage.QUALIFIED, "currency"),
        None,
    ),
    ("test mode", replace(PROGRAM, mode=Mode.TEST), case(paid()), (Stage.QUALIFIED, "test_mode"), None),
    ("held", PROGRAM, case(paid(), now=RELEASE - TICK), (Stage.QUALIFIED, "hold"), "10.00 EUR"),
    ("held no longer", PROGRAM, case(paid(), now=RELEASE), (Stage.CONVERTED, "released"), "10.00 EUR"),
    ("paid out", PROGRAM, case(paid(), paid_out=True), (Stage.REWARDED, "paid"), "10.00 EUR"),
    ("fixed promise", fixed("7.50 EUR"), case(paid()), (Stage.CONVERTED, "released"), "7.50 EUR"),
    ("no hold", replace(PROGRAM, hold=timedelta(0)), case(paid(), now=PAID_AT), (Stage.CONVERTED, "released"), "10.00 EUR"),
    ("partly refunded", PROGRAM, case(paid(), refunded("25.00 EUR")), (Stage.CONVERTED, "released"), "7.50 EUR"),
    (
        "partly refunded after paying out",
        PROGRAM,
        case(paid(), refunded("25.00 EUR"), paid_out=True),
        (Stage.REWARDED, "paid"),
        "7.50 EUR",
    ),
    ("refunded in full", PROGRAM, case(paid(), refunded("100.00 EUR")), (Stage.REVERSED, "refunded"), None),
    ("refunded twice over", PROGRAM, case(paid(), refunded("150.00 EUR")), (Stage.REVERSED, "refunded"), None),
    (
        "refunded after paying out",
        PROGRAM,
        case(paid(), refunded("100.00 EUR"), paid_out=True),
        (Stage.REVERSED, "refunded"),
        None,
    ),
    (
        "another order refunded",
        PROGRAM,
        case(paid(), refunded("100.00 EUR", ref=ObjectRef("order", "1002"))),
        (Stage.CONVERTED, "released"),
        "10.00 EUR",
    ),
    ("percent in yen", PROGRAM, case(paid("1234 JPY")), (Stage.CONVERTED, "released"), "123 JPY"),
    ("percent in dinar", PROGRAM, case(paid("12.345 KWD")), (Stage.CONVERTED, "released"), "1.235 KWD"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("program", "given", "expected", "owed"), [row[1:] for row in GOLDEN], ids=[r[0] for r in GOLDEN]
)
def test_golden_table(program: Program, given: Case, expected: tuple[Stage, str], owed: str | None) -> None:
    decision = decide(program, given)
    assert (decision.stage, decision.rule) == expected
    assert [str(plan.amount) for plan in decision.plans] == ([owed] if owed else [])
    assert decision.reason.endswith(".") and not decision.reason[0].islower()


def test_the_table_holds_every_rule_and_every_stage_that_the_rules_reach() -> None:
    assert {row[3][1] for row in GOLDEN} == {
        "unpaid", "window", "duplicate", "self_referral", "test_order", "not_new", "below_minimum", "zero_total",
        "currency", "test_mode", "hold", "released", "paid", "refunded", "review",
    }  # fmt: skip
    assert {row[3][0] for row in GOLDEN} == set(Stage)


def test_a_pending_referral_is_looked_at_again_at_its_deadline_and_a_held_one_at_its_release() -> None:
    assert decide(PROGRAM, case(now=PAID_AT)).look_again == PAID_AT + WINDOW
    held = decide(PROGRAM, case(paid(), now=PAID_AT))
    assert (held.look_again, held.plans[0].release_at) == (RELEASE, RELEASE)
    assert "held until 2026-06-03 12:00 UTC" in held.reason
    assert decide(PROGRAM, case(paid())).look_again is None


def test_the_hold_counts_from_payment_and_not_from_checkout() -> None:
    late = paid(placed_at=PAID_AT - timedelta(days=10), happened_at=PAID_AT)
    assert decide(PROGRAM, case(late, now=RELEASE - TICK)).rule == "hold"


def test_what_waits_for_a_rate_says_so_and_what_would_be_owed_in_test_mode_is_told() -> None:
    waiting = decide(fixed("10.00 EUR"), case(paid("80.00 USD")))
    assert waiting.hold == "currency" and "the shop's currency" in waiting.reason
    told = decide(replace(PROGRAM, mode=Mode.TEST), case(paid()))
    assert (told.plans, told.hold) == ((), "") and "10.00 EUR to the advocate would be owed" in told.reason


def test_a_plan_keeps_the_promised_kind_and_expiry() -> None:
    year = timedelta(days=365)
    (plan,) = decide(fixed("10.00 EUR", expires_after=year), case(paid())).plans
    assert (plan.role, plan.kind, plan.expires_after) == ("advocate", "balance", year)


def test_the_first_rule_in_our_order_is_the_one_shown() -> None:
    worst = case(paid("0.00 EUR", test=True, first_order=False), friend=ANNA, duplicate=True)
    shown = []
    for mended in (
        {},
        {"duplicate": False},
        {"friend": BEN},
        {"facts": (paid("0.00 EUR", first_order=False),)},
        {"facts": (paid("0.00 EUR"),)},
        {"facts": (paid("60.00 EUR"),)},
    ):
        worst = replace(worst, **mended)
        shown.append(decide(SMALLEST, worst).rule)
    assert shown == ["duplicate", "self_referral", "test_order", "not_new", "below_minimum", "released"]


def test_two_refunds_add_up_and_one_told_twice_counts_once() -> None:
    (two,) = decide(PROGRAM, case(paid(), refunded("10.00 EUR", "a"), refunded("15.00 EUR", "b"))).plans
    (once,) = decide(PROGRAM, case(paid(), refunded("10.00 EUR", "a"), refunded("10.00 EUR", "a"))).plans
    assert (two.amount, once.amount) == (Money(750, "EUR"), Money(900, "EUR"))


def test_an_order_that_cannot_be_compared_with_the_minimum_is_not_paid_as_if_it_had_passed() -> None:
    decision = decide(SMALLEST, case(paid("0.50 USD")))
    assert (decision.rule, decision.plans) == ("currency", ())


def test_a_refund_in_another_currency_waits_for_a_person_instead_of_stopping_the_lane() -> None:
    decision = decide(PROGRAM, case(paid(), refunded("5.00 USD")))
    assert isinstance(decision, Decision) and decision.hold == "currency"


def test_a_promise_that_rounds_to_nothing_is_not_told_as_being_paid() -> None:
    small = replace(PROGRAM, advocate_reward=RewardRule("balance", percent_bp=100))
    assert decide(small, case(paid("0.20 EUR"))).stage is not Stage.CONVERTED


TWO_SIDED = replace(PROGRAM, friend_reward=RewardRule("balance", Money(500, "EUR"), fallback=("code",)))


def test_both_sides_are_owed_and_both_give_back_their_share() -> None:
    whole = decide(TWO_SIDED, case(paid()))
    assert [(plan.role, str(plan.amount), plan.fallback) for plan in whole.plans] == [
        ("advocate", "10.00 EUR", ()),
        ("friend", "5.00 EUR", ("code",)),
    ]
    half = decide(TWO_SIDED, case(paid(), refunded("50.00 EUR")))
    assert [str(plan.amount) for plan in half.plans] == ["5.00 EUR", "2.50 EUR"]
    assert "10.00 EUR to the advocate and 5.00 EUR to the friend" in whole.reason


def test_a_side_that_is_owed_nothing_does_not_hold_up_the_other() -> None:
    tiny = replace(TWO_SIDED, advocate_reward=RewardRule("balance", percent_bp=1))
    decision = decide(tiny, case(paid("1.00 EUR")))
    assert [plan.role for plan in decision.plans] == ["friend"]
    assert decision.stage is Stage.CONVERTED


def test_a_review_is_looked_at_when_it_is_late_and_when_it_lapses_and_is_never_paid_by_itself() -> None:
    """Counted from the payment, or from when the referral was first known if that is later."""
    watched = replace(PROGRAM, review=Review(When.ALWAYS, timedelta(days=7), timedelta(days=20)))
    known = PAID_AT + timedelta(days=1)
    late, lapsed = known + timedelta(days=7), known + timedelta(days=20)
    seen = [
        decide(watched, case(paid(), captured_at=known, now=now)) for now in (known, late - TICK, late, lapsed - TICK)
    ]
    assert [decision.overdue for decision in seen] == [False, False, True, True]
    assert [decision.look_again for decision in seen] == [late, late, lapsed, lapsed]
    assert {(decision.rule, decision.plans[0].ready) for decision in seen} == {("review", False)}
    assert all(decision.review == "A person looks at every referral of this program." for decision in seen)
    assert decide(watched, case(paid(), captured_at=known, now=lapsed)).rule == "review_lapsed"
    patient = replace(watched, review=Review(When.ALWAYS, timedelta(days=7)))
    forgotten = decide(patient, case(paid(), now=PAID_AT + timedelta(days=900)))
    assert (forgotten.rule, forgotten.overdue, forgotten.look_again) == ("review", True, None)


def test_what_is_held_in_parts_is_looked_at_again_when_the_next_part_is_due() -> None:
    each = replace(PROGRAM, payment=Payment.EACH, payments=3)
    days = [timedelta(days=day) for day in (0, 3, 5)]
    orders = [paid(ref=ObjectRef("order", str(day)), happened_at=PAID_AT + day) for day in days]
    seen = [decide(each, case(*orders, now=RELEASE + day)) for day in (-TICK, *days)]
    assert [decision.look_again for decision in seen] == [*(RELEASE + day for day in days), None]
    assert [[plan.ready for plan in decision.plans].count(True) for decision in seen] == [0, 1, 2, 3]


def test_a_loss_that_is_kept_from_the_next_reward_is_said_with_the_decision() -> None:
    assert [decide(replace(PROGRAM, netted=netted), case(paid())).netted for netted in (True, False)] == [True, False]


def test_a_release_ends_the_hold_and_says_by_whom() -> None:
    released = RewardReleased(ORDER, PAID_AT, PAID_AT + TICK, "the shop's own Flow")
    decision = decide(PROGRAM, case(paid(), released, now=PAID_AT + 2 * TICK))
    assert (decision.stage, decision.rule) == (Stage.CONVERTED, "released")
    assert decision.reason.endswith("Released early by the shop's own Flow.")
    late = decide(PROGRAM, case(paid(), replace(released, happened_at=RELEASE), now=RELEASE))
    assert "early" not in late.reason


def test_a_release_pays_nothing_that_the_rules_refuse() -> None:
    released = RewardReleased(ORDER, PAID_AT, PAID_AT, "a person")
    assert decide(PROGRAM, case(paid(test=True), released)).stage is Stage.REJECTED
    assert decide(PROGRAM, case(paid(), refunded("100.00 EUR"), released)).stage is Stage.REVERSED
    assert decide(PROGRAM, case(released, now=PAID_AT)).stage is Stage.PENDING
