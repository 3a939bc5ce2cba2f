"""How long a dry-run over 10,000 stored orders takes: a quarter of them referred, then all of them. At most 20 s."""

import time

import pytest

from connector.domain.program_data import parse
from connector.journey import rehearse
from tests.bench.purchases import stand, store
from tests.bench.report import Report, most
from tests.shop import PROGRAM, Shop

ORDERS, MOST_S = 10_000, 20.0


@pytest.mark.parametrize("sent", [4, 1], ids=["a quarter referred", "all referred"])
def test_dry_run(shop: Shop, report: Report, sent: int) -> None:
    store(shop, ORDERS, sent)
    stand(shop)
    with shop.app.database.engine.connect() as session:
        session.exec_driver_sql("ANALYZE")
    changed = parse({**PROGRAM, "minimum_net": "60.00 EUR"})
    started = time.monotonic()
    found = rehearse.dry_run(shop.app.desk, shop.merchant, changed, 90, lambda _done, _steps: None)
    took = time.monotonic() - started
    assert found.purchases == ORDERS
    name = f"dry-run of {ORDERS:,} orders, {len(found.compared):,} of them referrals: seconds"
    report.add(most(name, MOST_S, took))
