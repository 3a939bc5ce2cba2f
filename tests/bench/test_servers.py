"""Which web server: durable, verified intake through gunicorn and granian, in turns, on the same database.

Only ratios are judged; the machine's speed drifts. Every delivery is signed, new, and answered after its commit.
"""

from __future__ import annotations

import os
import statistics
import sys
from contextlib import ExitStack

import pytest

from tests.bench.load import Answers, ask
from tests.bench.report import Report, plain
from tests.bench.served import a_port, gunicorn, serving
from tests.bench.webhooks import posted
from tests.shop import Shop

SLICES, SLICE_S, CONNECTIONS = 6, 2.0, 8


def granian(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "2", "--blocking-threads", "4", "--factory", "connector.web:create_app"),
    ]


@pytest.mark.timeout(180)
def test_gunicorn_and_granian_in_turns(shop: Shop, report: Report) -> None:
    servers = {"gunicorn": gunicorn, "granian": granian}
    figures: dict[str, list[Answers]] = {name: [] for name in servers}
    with ExitStack() as running:
        loads = {}
        for name, command in servers.items():
            port = a_port()
            running.enter_context(serving(command(port), port, {**os.environ, **shop.app.environ}))
            loads[name] = posted(shop, port, CONNECTIONS, SLICE_S)
            ask(loads[name])  # the first slice warms up and is not counted
        for _ in range(SLICES):
            for name, load in loads.items():
                figures[name].append(ask(load))
    assert not any(answers.others for taken in figures.values() for answers in taken)
    for name, taken in figures.items():
        rate, p99 = statistics.median(a.rate for a in taken), statistics.median(a.p99 for a in taken)
        report.add(plain(f"web server: {name}", f"{rate:.0f} deliveries/s, p99 {p99:.0f} ms"))
    ratios = [b.rate / a.rate for a, b in zip(figures["gunicorn"], figures["granian"], strict=True)]
    told = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    report.add(plain("web server: granian / gunicorn, pair by pair", told))
