"""Telling a deep queue: how full the calls are, and how much of them the account refuses because they come too fast.

What a merchant would lose: hours, in which their flows write to nobody, and the calls that their other apps need.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from connector.domain.news import NewsKind
from connector.journey import tellers
from connector.ports.news import Happened
from connector.ports.rows import connection_lane, merchant_lane
from tests.bench.report import Report, least, most
from tests.conftest import MakeApp
from tests.journey.test_tell import ACCOUNT, Marketed

NEWS, BULK = 8_000, "POST /api/event-bulk-create-jobs"
#: One call in each second: as many windows are used up as there are calls.
LIMITS: dict[str, Any] = {"burst": 1, "steady": 60}


@pytest.mark.timeout(300)
def test_a_deep_queue_leaves_in_full_calls_within_the_accounts_windows(make_app: MakeApp, report: Report) -> None:
    with Marketed(make_app) as shop:
        shop.work()
        shop.hand.control("limits", operation=BULK, **LIMITS)
        with shop.app.database.begin(shop.merchant) as tx:
            (anna,) = tx.run("SELECT person_id FROM advocate").scalars()
            at = tx.now()
            rows = [Happened(f"n{n}", NewsKind.ENROLLED, "advocate", anna, shop.program, at) for n in range(NEWS)]
            tx.news.add(rows)
            tellers.hand_back(tx)
        owner = shop.app.database.account("klaviyo", ACCOUNT)
        assert owner is not None
        began = time.monotonic()
        while set(shop.news()) != {"told"}:
            shop.rows("UPDATE lane SET not_before = '-infinity' WHERE not_before < clock_timestamp() RETURNING id")
            for lane in (merchant_lane(shop.merchant), connection_lane(owner.target)):
                shop.app.workshop.work(lane)
            time.sleep(0.02)
        book = shop.hand.book()
        sizes = book["inputs"][BULK]
        fill, calls = sum(sizes) / (len(sizes) * 1000), book["calls"][BULK]
        refused = book["outcomes"].get(f"{BULK} 429", 0) / calls
        assert sum(sizes) == NEWS and len(sizes) >= 5
        told = f"{NEWS} events in {len(sizes)} calls and {time.monotonic() - began:.1f} s"
    report.add(
        least("records per call / what a call holds: Klaviyo", 0.95, fill, told, counted=True),
        most("R6 share of calls that Klaviyo refuses as too fast", 0.01, refused, f"{calls} calls"),
    )
