"""A refund that arrives while a reward is under way: nothing is changed in flight, and the difference comes back once."""

import pytest

from tests.journey.money import (
    CREDIT,
    DEBIT,
    approve,
    calls,
    drive,
    learn,
    net,
    open_books,
    states,
    stuck_worker,
    work_decisions,
    work_until,
)
from tests.shop import Shop


def test_a_refund_while_the_credit_is_sent_leaves_it_alone_and_comes_back_as_a_reversal(shop: Shop) -> None:
    order = approve(shop)
    with stuck_worker(shop) as go_on:
        shop.change(order, "refund", amount="20.00")
        learn(shop)
        [reward] = shop.rows("SELECT state, amount FROM reward")
        assert reward == {"state": "sending", "amount": 800}
        assert states(shop, "reversal") == ["approved"] and shop.debits() == []
        go_on()
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [200])
    assert shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 600, "issued": -600}


@pytest.mark.parametrize("fault", ["status", "throttled"])
def test_a_refund_while_the_credit_is_sent_in_vain_pays_the_smaller_amount_and_no_less(shop: Shop, fault: str) -> None:
    order = approve(shop)
    shop.fault(fault)
    with stuck_worker(shop) as go_on:
        shop.change(order, "refund", amount="20.00")
        learn(shop)
        assert shop.rows("SELECT state, amount FROM reward") == [{"state": "sending", "amount": 800}]
        go_on()
    work_decisions(shop)
    [reward] = shop.rows("SELECT state, amount FROM reward")
    assert reward == {"state": "approved", "amount": 600}
    drive(shop)
    assert net(shop) == 600
    assert (shop.credits(), shop.debits()) == ([600], [])
    assert shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 600, "issued": -600}


def test_a_refund_of_everything_while_the_credit_is_sent_in_vain_pays_nothing(shop: Shop) -> None:
    order = approve(shop)
    shop.fault("status")
    with stuck_worker(shop) as go_on:
        shop.change(order, "cancel", refund=True)
        learn(shop)
        go_on()
    work_decisions(shop)
    drive(shop, within=6)
    assert (shop.credits(), shop.debits()) == ([], [])
    assert shop.stages() == ["reversed"]
    assert open_books(shop) == {}


@pytest.mark.parametrize("fault", ["status", "throttled"])
def test_a_second_refund_while_the_first_debit_is_sent_in_vain_takes_both_back_and_no_more(
    shop: Shop, fault: str
) -> None:
    """Both reversals are open then; the first asked for all of it, and the second for its part once more."""
    order = approve(shop)
    drive(shop)
    assert shop.credits() == [800]
    shop.change(order, "refund", amount="20.00")
    learn(shop)
    shop.fault(fault, DEBIT, count=1)
    with stuck_worker(shop) as go_on:
        shop.change(order, "refund", amount="10.00")
        learn(shop)
        assert shop.rows("SELECT state, amount FROM reversal ORDER BY ordinal") == [
            {"state": "sending", "amount": 200},
            {"state": "approved", "amount": 100},
        ]
        go_on()
    work_decisions(shop)
    drive(shop)
    assert net(shop) == 500 and sum(shop.debits()) == 300
    assert open_books(shop) == {"cost": 500, "issued": -500}


def test_a_refund_between_reading_what_to_send_and_committing_it_sends_the_smaller_amount(shop: Shop) -> None:
    order = approve(shop)
    with stuck_worker(shop, "find_person") as go_on:
        shop.change(order, "refund", amount="20.00")
        learn(shop)
        go_on()
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([600], [])
    assert open_books(shop) == {"cost": 600, "issued": -600}


def test_two_refunds_come_back_as_two_parts_and_never_more_than_was_paid(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    for amount in ("20.00", "30.00"):
        shop.change(order, "refund", amount=amount)
        drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [200, 300])
    shop.change(order, "refund")
    shop.change(order, "cancel", refund=True)
    drive(shop)
    assert (net(shop), sum(shop.debits())) == (0, 800)
    assert shop.stages() == ["reversed"] and open_books(shop) == {}


def test_two_refunds_that_are_read_together_come_back_as_one_sum(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.change(order, "refund", amount="20.00")
    shop.change(order, "refund", amount="30.00")
    drive(shop)
    assert net(shop) == 300
    assert open_books(shop) == {"cost": 300, "issued": -300}


def test_a_second_refund_while_the_first_is_taken_back_is_taken_too_and_only_once(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.change(order, "refund", amount="20.00")
    work_until(shop, "SELECT id FROM reversal WHERE state = 'approved'")
    with stuck_worker(shop) as go_on:
        shop.change(order, "refund", amount="30.00")
        learn(shop)
        go_on()
    drive(shop)
    assert shop.debits() == [200, 300]
    assert open_books(shop) == {"cost": 300, "issued": -300}


@pytest.mark.parametrize("times", [1, 2])
def test_a_refund_of_everything_before_anything_was_paid_pays_nothing(shop: Shop, times: int) -> None:
    order = approve(shop)
    shop.change(order, "cancel", refund=True)
    for _ in range(times):
        shop.deliver(order, "orders/cancelled", "refunds/create")
    learn(shop)
    drive(shop)
    assert calls(shop, CREDIT) == 0
    assert shop.stages() == ["reversed"] and states(shop, "reward") == ["void"]
    assert open_books(shop) == {}


def test_a_refund_of_everything_while_the_credit_is_sent_takes_it_all_back(shop: Shop) -> None:
    order = approve(shop)
    with stuck_worker(shop) as go_on:
        shop.change(order, "cancel", refund=True)
        learn(shop)
        assert states(shop, "reward") == ["sending"]
        go_on()
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [800])
    assert shop.stages() == ["reversed"] and open_books(shop) == {}


def test_a_refund_of_everything_after_the_credit_takes_it_back_once_however_often_it_is_told(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.change(order, "cancel", refund=True)
    drive(shop)
    for _ in range(3):
        shop.deliver(order, "orders/cancelled", "refunds/create", "orders/paid")
        drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [800])
    assert open_books(shop) == {}


def test_a_refund_while_the_answer_is_in_doubt_comes_back_after_the_credit_was_found(shop: Shop) -> None:
    order = shop.order(net="80.00")
    shop.fault("cut_after")
    work_until(shop, "SELECT id FROM reward WHERE state = 'unknown'")
    shop.change(order, "refund", amount="20.00")
    learn(shop)
    assert states(shop, "reward") == ["unknown"] and shop.debits() == []
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [200])
    assert open_books(shop) == {"cost": 600, "issued": -600}
