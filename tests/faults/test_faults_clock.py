"""C36: a machine whose clock is ten minutes off takes no lane from anybody and comes to the same stages.

The product asks for the time of day in one place (`connector.clock`), which is set wrong here; leases, holds and windows
go by the database's clock.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from connector import clock
from connector.lanes import due
from connector.ports.rows import connection_lane
from tests.journey.money import drive, open_books
from tests.shop import PROGRAM, Shop

both_ways = pytest.mark.parametrize("minutes", [-10, 10])


def set_wrong(monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    right = clock.now
    monkeypatch.setattr(clock, "now", lambda: right() + timedelta(minutes=minutes))


@both_ways
def test_a_worker_whose_clock_is_wrong_takes_nobodys_lane(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    lane = connection_lane(shop.connection)
    shop.order()
    held = shop.app.workshop.lanes.claim(lane)
    assert held is not None
    set_wrong(monkeypatch, minutes)
    late = shop.another_app()
    assert late.workshop.lanes.claim(lane) is None
    assert lane not in {each.id for each in due.lanes(late.database)}
    assert late.workshop.lanes.release(held), "whoever came in vain left a note"
    assert late.workshop.lanes.claim(lane) is not None, "a free lane is free by any clock"


@both_ways
def test_a_wrong_clock_changes_no_stage_and_no_credit(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """A hold that ends in five minutes is not over by a clock that is fast, nor one that ended by a clock that is slow."""
    set_wrong(monkeypatch, minutes)
    shop.apply({**PROGRAM, "hold_days": 14})
    for net, left in (("80.00", 5), ("60.00", -5)):
        shop.order(net=net)
        drive(shop)
        newest_was_paid(shop, timedelta(days=-14, minutes=left))
    drive(shop)
    assert sorted(shop.stages()) == ["qualified", "rewarded"]
    assert shop.credits() == [600]
    assert open_books(shop) == {"cost": 1400, "issued": -600, "payable": -800}


def newest_was_paid(shop: Shop, ago: timedelta) -> None:
    """The platform now says that the newest order was paid so long ago; all referrals are looked at again."""
    at = "to_jsonb(clock_timestamp() + CAST(:ago AS interval))"
    shop.rows(
        f"""INSERT INTO fact (id, merchant_id, connection_id, object_kind, external_id, key, as_of, data)
            SELECT gen_random_uuid(), merchant_id, connection_id, object_kind, external_id, key,
                as_of + interval '1 s', data || jsonb_build_object('at', {at}, 'placed', {at})
            FROM fact WHERE data ->> 'is' = 'OrderPaid' ORDER BY recorded_at DESC LIMIT 1 RETURNING key""",
        ago=ago,
    )
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'decide' RETURNING subject")
