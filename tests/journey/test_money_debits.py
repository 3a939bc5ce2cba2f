"""Credit that must come back: taken once at most, never more than the account holds, and the rest is told as a loss."""

from __future__ import annotations

import pytest

from connector.errors import ConnectorError
from tests.journey.money import (
    DEBIT,
    calls,
    drive,
    merged_away,
    open_books,
    other_advocate,
    ruled,
    spend,
    states,
    stuck_worker,
    waiting_for_person,
    work_until,
)
from tests.shop import Shop

DECIDED = "SELECT id FROM reversal WHERE state = 'approved'"


def paid(shop: Shop) -> str:
    order = shop.order(net="80.00")
    drive(shop)
    assert shop.credits() == [800]
    return order


def reversals(shop: Shop) -> list[tuple[int, int, str]]:
    rows = shop.rows("SELECT amount, taken, state FROM reversal ORDER BY ordinal")
    return [(row["amount"], row["taken"], row["state"]) for row in rows]


# ── A lost answer ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "5xx_after", "5xx_before", "html_200"])
def test_a_debit_whose_answer_is_lost_is_never_sent_twice(shop: Shop, fault: str) -> None:
    order = paid(shop)
    shop.fault(fault, DEBIT)
    shop.change(order, "refund", amount="20.00")
    bea = other_advocate(shop)
    shop.order(net="30.00", landing_site=shop.landing(bea))
    for _ in range(3):
        drive(shop)
    assert calls(shop, DEBIT) == 1
    assert len(waiting_for_person(shop)) == 1
    assert shop.credits() == [800, 300], "another account must not wait for this one"
    assert reversals(shop) == [(200, 0, "unknown")]


def lost(shop: Shop, fault: str) -> str:
    order = paid(shop)
    shop.fault(fault, DEBIT)
    shop.change(order, "refund", amount="20.00")
    drive(shop)
    return order


def test_a_person_says_that_the_debit_was_taken(shop: Shop) -> None:
    lost(shop, "cut_after")
    [attempt] = waiting_for_person(shop)
    [entry] = shop.movements("debit")
    ruled(shop, attempt, "landed", entry["id"])
    drive(shop)
    assert shop.debits() == [200] and reversals(shop) == [(200, 200, "issued")]
    assert open_books(shop) == {"cost": 600, "issued": -600}


def test_a_person_says_that_the_debit_was_not_taken_and_it_is_sent_once_more(shop: Shop) -> None:
    lost(shop, "cut_before")
    [attempt] = waiting_for_person(shop)
    assert shop.debits() == []
    ruled(shop, attempt, "absent")
    drive(shop)
    assert shop.debits() == [200] and calls(shop, DEBIT) == 2
    assert open_books(shop) == {"cost": 600, "issued": -600}


def test_a_debit_that_landed_is_not_answered_with_taking_the_whole_reward(shop: Shop) -> None:
    lost(shop, "cut_after")
    [attempt] = waiting_for_person(shop)
    [entry] = shop.movements("debit")
    try:
        ruled(shop, attempt, "reverse", entry["id"])
    except ConnectorError:
        ruled(shop, attempt, "landed", entry["id"])
    drive(shop)
    assert sum(shop.debits()) <= 200


# ── An account that holds less ───────────────────────────────────────────────────────────────────────────────────


def test_a_debit_takes_what_is_left_and_tells_the_rest_as_a_loss(shop: Shop) -> None:
    order = paid(shop)
    spend(shop, "5.00")
    shop.change(order, "cancel", refund=True)
    drive(shop)
    assert shop.debits() == [300] and reversals(shop) == [(800, 300, "issued")]
    assert shop.stages() == ["reversed"]
    assert open_books(shop) == {"issued": -500, "shortfall": 500}


def test_an_empty_account_is_not_called_and_all_of_it_is_a_loss(shop: Shop) -> None:
    order = paid(shop)
    spend(shop, "8.00")
    shop.change(order, "cancel", refund=True)
    drive(shop)
    drive(shop)
    assert calls(shop, DEBIT) == 0 and reversals(shop) == [(800, 0, "issued")]
    assert shop.stages() == ["reversed"]
    assert open_books(shop) == {"issued": -800, "shortfall": 800}


def test_a_loss_is_not_taken_from_the_next_credit(shop: Shop) -> None:
    order = paid(shop)
    spend(shop, "8.00")
    shop.change(order, "cancel", refund=True)
    drive(shop)
    shop.order(net="50.00")
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800, 500], [])
    assert open_books(shop) == {"cost": 500, "issued": -1300, "shortfall": 800}


def test_two_refunds_of_a_spent_credit_take_what_there_is_and_count_every_loss_once(shop: Shop) -> None:
    order = paid(shop)
    spend(shop, "5.00")
    for amount in ("20.00", "20.00"):
        shop.change(order, "refund", amount=amount)
        drive(shop)
    assert shop.debits() == [200, 100]
    assert reversals(shop) == [(200, 200, "issued"), (200, 100, "issued")]
    assert open_books(shop) == {"cost": 400, "issued": -500, "shortfall": 100}


def test_a_balance_that_is_spent_between_our_look_and_our_debit_is_looked_at_again(shop: Shop) -> None:
    order = paid(shop)
    shop.change(order, "cancel", refund=True)
    work_until(shop, DECIDED)
    with stuck_worker(shop, "balance") as go_on:
        spend(shop, "5.00")
        go_on()
    assert shop.debits() == [] and calls(shop, DEBIT) == 1
    drive(shop)
    assert shop.debits() == [300] and calls(shop, DEBIT) == 2
    assert reversals(shop) == [(800, 300, "issued")]
    assert open_books(shop) == {"issued": -500, "shortfall": 500}


def test_a_credit_of_the_same_account_does_not_move_its_balance_under_a_debit(shop: Shop) -> None:
    order = paid(shop)
    shop.change(order, "cancel", refund=True)
    shop.order(net="50.00")
    shop.fault("slow", DEBIT, delay_s=0.3)
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800, 500], [800])
    overlaps = """SELECT a.id FROM attempt a JOIN attempt b ON a.id < b.id AND a.owner = b.owner
        AND tstzrange(a.since, a.answered_at) && tstzrange(b.since, b.answered_at)"""
    assert shop.rows(overlaps) == []


def test_credit_of_a_customer_who_was_merged_away_is_set_aside_and_holds_nobody_up(shop: Shop) -> None:
    order = paid(shop)
    merged_away(shop)
    shop.change(order, "cancel", refund=True)
    bea = other_advocate(shop)
    shop.order(net="30.00", landing_site=shop.landing(bea))
    drive(shop)
    assert shop.credits() == [800, 300] and calls(shop, DEBIT) == 0
    assert states(shop, "reversal") == ["held"]
