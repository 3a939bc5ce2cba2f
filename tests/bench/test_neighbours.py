"""R7: a small merchant beside one who is 10,000 deliveries behind, on a platform that answers him slowly.

What the small one would lose: the credits of their customers come late because of somebody they never heard of.
"""

from __future__ import annotations

import pytest

from tests.bench.purchase_times import Buyers, share
from tests.bench.report import Report, most
from tests.faults.conftest import MakePlant

BACKLOG, ORDERS_BEHIND, SLOW_S = 10_000, 500, 1.0
ORDERS, PACE = 40, 2.5
#: The same deliveries again under other keys: each is read and understood like a first one.
DEEPEN = """
INSERT INTO delivery (id, merchant_id, connection_id, platform, account, topic, key, body_sealed, state, triggered_at)
SELECT gen_random_uuid(), merchant_id, connection_id, platform, account, topic, key || ':' || n, body_sealed, 'received',
  triggered_at
FROM delivery, generate_series(2, CAST(:copies AS int)) AS n WHERE merchant_id = :merchant RETURNING id
"""


@pytest.mark.timeout(300)
def test_a_small_merchant_beside_a_deep_backlog(make_plant: MakePlant, report: Report) -> None:
    plant = make_plant()
    small = Buyers.enrolled(plant, plant.open_shop("annas-tea"), 20)
    big = Buyers.enrolled(plant, plant.open_shop("bens-coffee"), 20)
    behind = big.orders(ORDERS_BEHIND)
    big.shop.fault("slow", "*", delay_s=SLOW_S, when="before")
    for name in ("web", "sweeper", "worker", "worker"):
        plant.start(name)
    small.waits(5, PACE)  # warms up and is not counted
    alone = share(small.waits(ORDERS, PACE), 95)
    copies = BACKLOG // sum(map(len, behind.values()))
    big.send(behind)
    big.shop.rows(DEEPEN, copies=copies)
    beside = share(small.waits(ORDERS, PACE), 95)
    assert not set(behind) <= set(big.paid()), "the backlog was gone before the small merchant was"
    told = f"{beside:.0f} / {alone:.0f} ms"
    report.add(most("R7 p95 of a small merchant beside a backlog of 10,000 / alone", 2, beside / alone, told))
