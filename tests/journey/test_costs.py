"""What the merchant's rate limit and database pay for: few calls, few statements, counted and not timed."""

from collections import Counter

from tests.shop import DOMAIN, Shop
from tests.statements import statements


def test_orders_without_a_sign_of_a_referral_are_read_a_hundred_at_a_time(shop: Shop) -> None:
    friend = shop.customer("stranger@example.org")
    for _ in range(200):
        made = shop.client.control("orders", shop=DOMAIN, customer=friend, net="20.00", send=False)
        shop.deliver(made["id"], "orders/create")
    shop.work()
    reads = shop.client.book()["calls"]
    assert reads.get("Glance", reads.get("nodes", 0)) <= 4, reads  # 20 for each 1,000 orders
    assert shop.stages() == []
    again = shop.client.control("orders", shop=DOMAIN, customer=friend, net="20.00", send=False)
    shop.deliver(again["id"], "orders/create", "orders/paid", "orders/updated")
    shop.work()
    assert sum(shop.client.book()["calls"].values()) == sum(reads.values()) + 1, (
        "three deliveries of one order, one look"
    )


def test_a_webhook_costs_at_most_five_statements(shop: Shop) -> None:
    friend = shop.customer("stranger@example.org")
    orders = [
        shop.client.control("orders", shop=DOMAIN, customer=friend, net="9.00", send=False)["id"] for _ in range(40)
    ]
    with statements(shop.app) as seen:
        for order in orders:
            shop.deliver(order, "orders/create")
        shop.app.workshop.work(f"m:{shop.merchant}")
    assert seen.total() <= 5 * len(orders), seen.by_verb()


def test_a_referral_costs_the_fewest_calls_possible(shop: Shop) -> None:
    before = Counter(shop.client.book()["calls"])
    for _ in range(10):
        shop.order(net="50.00")
    shop.work()
    calls = Counter(shop.client.book()["calls"]) - before
    assert len(shop.credits()) == 10
    assert calls["storeCreditAccountCredit"] == 10, calls  # one each, and no read-back where every answer came
    assert calls["customerByIdentifier"] == 1, calls  # one advocate, looked up once
    assert calls["nodes"] <= 5, calls  # orders in one batch, records before they are written in a few
    assert calls["metafieldsSet"] <= 10, calls  # 22 fields a referral and its friend, 25 in a call
