"""The one way, worked in this process: an order becomes one credit, and a refund takes its part back."""

from tests.shop import Shop


def test_an_order_becomes_one_credit_and_the_ledger_agrees(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.work()
    assert shop.credits() == [800]
    assert shop.stages() == ["rewarded"]
    assert shop.ledger() == {"cost": 800, "issued": -800, "payable": 0}


def test_a_refund_takes_back_its_part_and_a_cancellation_the_rest(shop: Shop) -> None:
    order = shop.order(net="80.00")
    shop.work()
    shop.change(order, "refund", amount="20.00")
    shop.work()
    assert (shop.credits(), shop.debits()) == ([800], [200])
    shop.change(order, "cancel", refund=True)
    shop.work()
    assert (shop.credits(), shop.debits()) == ([800], [200, 600])
    assert shop.stages() == ["reversed"]
    assert {book: amount for book, amount in shop.ledger().items() if amount} == {}
