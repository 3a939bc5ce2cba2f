"""How long a dry-run over 10,000 stored orders takes: a quarter of them referred, then all of them. At most 20 s."""

import time

import pytest

from connector.domain.program_data import parse
from connector.domain.rehearsal import totals
from connector.journey import rehearse
from tests.bench.purchases import stand, store
from tests.shop import PROGRAM, Shop

ORDERS, MOST_S = 10_000, 20.0


@pytest.mark.parametrize("sent", [4, 1], ids=["a quarter referred", "all referred"])
def test_dry_run(shop: Shop, sent: int) -> None:
    store(shop, ORDERS, sent)
    stand(shop)
    with shop.app.database.engine.connect() as session:
        session.exec_driver_sql("ANALYZE")
    changed = parse({**PROGRAM, "minimum_net": "60.00 EUR"})
    started = time.monotonic()
    found = rehearse.dry_run(shop.app.desk, shop.merchant, changed, 90, lambda _done, _steps: None)
    took = time.monotonic() - started
    print(
        f"\ndry-run of {found.purchases} orders, {len(found.compared)} referrals: {took:.1f} s; {totals(found.compared)}"
    )
    assert found.purchases == ORDERS and took < MOST_S
