"""From the webhook of an order to the credit on the platform: what an advocate waits, calm and on a busy day.

Web, two workers and the sweeper with the pauses of production, and a stand-in that answers at once: what a real platform
takes for its calls comes on top.
"""

from __future__ import annotations

import pytest

from tests.bench.purchase_times import Buyers, rate, share
from tests.bench.report import Report, plain
from tests.faults.conftest import MakePlant

ADVOCATES, BACKLOG = 50, 150
CALM, BUSY_SHARE, ORDERS = 10.0, 0.8, 150
PRODUCTION = {"SWEEP_SECONDS": "5", "SLICE_SECONDS": "10", "LEASE_SECONDS": "60", "GATHER_SECONDS": "30"}


@pytest.mark.timeout(300)
def test_from_webhook_to_credit(make_plant: MakePlant, report: Report) -> None:
    plant = make_plant()
    plant.changes |= PRODUCTION
    buyers = Buyers.enrolled(plant, plant.open_shop("annas-tea"), ADVOCATES)
    for name in ("web", "sweeper", "worker", "worker"):
        plant.start(name)
    buyers.waits(5, CALM)  # warms up and is not counted
    sent = buyers.send(buyers.orders(BACKLOG))
    buyers.until_paid(set(sent), within=120)
    paid = buyers.paid()
    capacity = rate([paid[reward] for reward in sent])
    report.add(plain("end to end: capacity, orders a second with 2 workers", f"{capacity:.1f}"))
    busy = capacity * BUSY_SHARE
    for name, pace in (("10/s", CALM), (f"{BUSY_SHARE:.0%} of capacity", busy)):
        waits = buyers.waits(ORDERS, pace)
        told = f"p50 {share(waits, 50):.0f} ms, p99 {share(waits, 99):.0f} ms at {pace:.1f}/s"
        report.add(plain(f"end to end: order webhook to credit at {name}", told))
