"""Nobody waits because of somebody else's platform: its share of the workers, its breaker, and a lane that breaks."""

from uuid import UUID

import pytest

from connector.lanes import due, work
from connector.ports.rows import connection_lane, merchant_lane
from tests.shop import Shop


def other_lanes(shop: Shop, count: int, platform: str = "shopify", *, failures: int = 0, held: bool = False) -> None:
    """Further lanes of a platform, as other merchants' connections would have them."""
    with shop.app.database.begin(shop.merchant) as tx:
        for number in range(count):
            tx.run(
                """INSERT INTO lane (id, merchant_id, platform, epoch, failures, owner, expires_at)
                   VALUES (:id, :merchant, :platform, 1, :failures, CASE WHEN :held THEN 'x' END,
                           CASE WHEN :held THEN clock_timestamp() + interval '1 hour' END)""",
                id=connection_lane(UUID(int=number + 1)),
                platform=platform,
                failures=failures,
                held=held,
            )


def calls(shop: Shop) -> int:
    return sum(shop.client.book()["calls"].values())


def ready_to_read(shop: Shop) -> str:
    """An order that only has to be fetched, so that its lane calls the platform when it is worked."""
    shop.order()
    shop.app.workshop.work(merchant_lane(shop.merchant))
    return connection_lane(shop.connection)


def test_while_a_platform_is_down_only_one_lane_probes_it(shop: Shop) -> None:
    lane = ready_to_read(shop)
    other_lanes(shop, 3, failures=2)
    assert due.standing(shop.app.database, "shopify").down
    before = calls(shop)
    shop.app.workshop.work(lane)
    assert calls(shop) > before, "nobody else holds a lane of it, so this one probes"
    shop.order()
    shop.app.workshop.work(merchant_lane(shop.merchant))
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("UPDATE lane SET expires_at = clock_timestamp() + interval '1 hour', owner = 'x' WHERE failures = 2")
    before = calls(shop)
    shop.app.workshop.work(lane)
    assert calls(shop) == before, "somebody probes already"
    (row,) = shop.rows("SELECT owner, not_before > clock_timestamp() AS rests FROM lane WHERE id = :id", id=lane)
    assert row == {"owner": None, "rests": True}


def test_two_lanes_in_trouble_do_not_stop_a_platform(shop: Shop) -> None:
    other_lanes(shop, 2, failures=9)
    assert not due.standing(shop.app.database, "shopify").down


def test_a_platform_with_half_of_the_workers_lets_others_go_first(shop: Shop) -> None:
    lane = ready_to_read(shop)
    other_lanes(shop, 1, held=True)
    shop.order()  # the merchant's own lane is due as well
    before = calls(shop)
    shop.app.workshop.work(lane)
    assert calls(shop) == before
    shop.app.workshop.work(merchant_lane(shop.merchant))
    shop.app.workshop.work(lane)
    assert calls(shop) > before, "once nobody else waits, all workers may serve it"


def test_a_lane_that_breaks_on_a_bug_of_ours_rests_and_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = ready_to_read(shop)
    with monkeypatch.context() as patch:
        patch.setattr(work.fetch, "fetch_due", lambda *_: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            shop.app.workshop.work(lane)
    (row,) = shop.rows(
        "SELECT owner, failures, not_before > clock_timestamp() AS rests FROM lane WHERE id = :id", id=lane
    )
    assert row == {"owner": None, "failures": 1, "rests": True}
    shop.work()
    assert shop.credits() == [800]


def test_a_platform_that_answers_most_calls_is_not_held_to_be_away(shop: Shop) -> None:
    """Else one lost answer in ten would have a busy account rest for minutes, with money waiting behind it."""
    decided(shop)
    shop.rows("UPDATE lane SET failures = 3 WHERE platform = 'shopify' RETURNING id")
    shop.fault("5xx_before", "metafieldsSet")
    assert failures_after(shop) == 1, "a credit was paid before the call that failed"
    assert shop.credits() == [800]


def test_a_record_whose_answer_is_lost_holds_its_lane_up_only_until_it_is_quiet(shop: Shop) -> None:
    shop.fault("cut_after", "metafieldsSet", count=1)
    decided(shop)
    failures_after(shop)
    quiet = shop.app.desk.quiet("shopify").total_seconds()
    sql = "SELECT extract(epoch FROM not_before - clock_timestamp()) AS rests FROM lane WHERE platform = 'shopify'"
    (row,) = shop.rows(sql)
    assert quiet - 1 < row["rests"] <= quiet


def decided(shop: Shop) -> None:
    """One more order whose credit and records are due now."""
    lane = ready_to_read(shop)
    shop.app.workshop.work(lane)
    shop.app.workshop.work(merchant_lane(shop.merchant))


def failures_after(shop: Shop) -> int:
    """Work a slice at once, however long the lane should rest."""
    shop.rows("UPDATE lane SET not_before = '-infinity' WHERE platform = 'shopify' RETURNING id")
    shop.app.workshop.work(connection_lane(shop.connection))
    (row,) = shop.rows("SELECT failures FROM lane WHERE platform = 'shopify'")
    return int(row["failures"])
