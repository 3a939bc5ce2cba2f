"""Memory under load, minute after minute; and what a web process weighs and how long it takes to start.

A host ends a process that grows, amid whatever it does, and bills one that is heavy. BENCH_MINUTES says how long.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.bench import bare
from tests.bench.load import KEY, Load, ask
from tests.bench.purchase_times import Buyers
from tests.bench.report import Figure, Report, most
from tests.bench.served import a_port, gunicorn, memory_mb, serving
from tests.bench.webhooks import any_key, posted
from tests.faults.conftest import MakePlant
from tests.faults.plant import ROOT
from tests.shop import Shop

MINUTES = float(os.environ.get("BENCH_MINUTES", "2"))
SAMPLE_S, CONNECTIONS, PAUSE_S, ORDERS_PER_SECOND = 2.0, 4, 0.05, 1.0
#: What grows by less than this in all that time stands still.
FLAT = 1.05
STARTS = 3
SDKS = ("hubspot", "klaviyo_api", "simple_salesforce", "shopify")


@pytest.mark.timeout(0)
def test_memory_stands_still_under_load(make_plant: MakePlant, report: Report) -> None:
    plant = make_plant()
    buyers = Buyers.enrolled(plant, plant.open_shop("annas-tea"), 20)
    children = {name: plant.start(name) for name in ("web", "worker", "sweeper")}
    headers, body = any_key(buyers.shop.news(1)[0])
    load = Load(
        plant.port, "/webhooks/shopify", CONNECTIONS, MINUTES * 60, "POST", headers, body.decode(), pause_s=PAUSE_S
    )
    held: dict[str, list[float]] = defaultdict(list)
    with ThreadPoolExecutor(2) as room:
        asked = room.submit(ask, load)
        bought = room.submit(buyers.waits, int(MINUTES * 60 * ORDERS_PER_SECOND), ORDERS_PER_SECOND)
        while not asked.done():
            for name, child in children.items():
                pids = child.children() if name == "web" else [child.process.pid]
                held[name].append(sum(map(memory_mb, pids)))
            time.sleep(SAMPLE_S)
        answers, waits = asked.result(), bought.result()
    assert not answers.others
    load_told = f"{answers.rate:.0f} webhooks/s and {len(waits)} rewards in {MINUTES:g} min"
    for name, samples in held.items():
        # The first third fills caches and pools; after that the middle is compared with the end.
        third = len(samples) // 3
        middle, end = statistics.median(samples[third : 2 * third]), statistics.median(samples[-third:])
        told = f"{middle:.0f} to {end:.0f} MB, {load_told}"
        report.add(most(f"memory of {name}: last third / middle third", FLAT, end / middle, told))


def test_the_web_process_is_light(shop: Shop, report: Report) -> None:
    with psycopg.connect(bare.address(shop.app.settings.database_url)) as session:
        session.execute(bare.TABLE)
    starts: dict[str, list[float]] = defaultdict(list)
    sizes: dict[str, list[float]] = defaultdict(list)
    for _ in range(STARTS):
        for name, app in (("ours", "connector.web:create_app()"), ("bare", "tests.bench.bare:create_app()")):
            begun = time.monotonic()
            port = a_port()
            with serving(gunicorn(port, app), port, {**os.environ, **shop.app.environ}) as served:
                starts[name].append(time.monotonic() - begun)
                plain = Load(port, "/", 8, 2.0, "POST", {bare.KEY_HEADER: KEY}, "x" * 5000)
                ask(plain if name == "bare" else posted(shop, port, 8, 2.0))
                sizes[name].append(statistics.mean(map(memory_mb, served.pids()[1:])))
    for what, unit, goal, taken in (("memory", "MB", 1.5, sizes), ("start", "s", 2.0, starts)):
        ours, least = (statistics.median(taken[name]) for name in ("ours", "bare"))
        report.add(
            most(f"web process: {what} / that of a bare one", goal, ours / least, f"{ours:.2f} / {least:.2f} {unit}")
        )


def test_the_web_process_knows_no_sdk(shop: Shop, report: Report) -> None:
    look = f"import sys, connector.web as web; web.create_app(); print(*(set({SDKS}) & set(sys.modules)))"
    environment = {**os.environ, **shop.app.environ}
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    found = done.stdout.split()
    report.add(Figure("web process: SDKs imported", "none", ", ".join(found) or "none", not found, counted=True))
