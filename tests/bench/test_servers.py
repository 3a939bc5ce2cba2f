"""Which web server: durable, verified intake through gunicorn and granian, in turns, on the same database.

Only ratios are quoted; the machine's speed drifts. Every delivery is signed, new, and answered after its commit.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from itertools import count
from uuid import uuid4

import pytest

from connector.cli.demo import _answers, _free_port
from connector.cli.run import web_command
from connector.store import merchants
from tests.conftest import MakeApp, quick_environment

SECRET = "the app's own secret that webhooks are signed with"
SLICES, SLICE_S, CONNECTIONS = 6, 2.0, 8


def granian_command(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--workers", "2", "--blocking-threads", "4", "--factory", "connector.web:create_app"),
    ]


def _send(port: int, stop: float, answers: list[tuple[int, float]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for number in count():
        if time.monotonic() >= stop:
            break
        order = {"id": number + 1, "admin_graphql_api_id": f"gid://shopify/Order/{number + 1}", "note": "x" * 1500}
        body = json.dumps(order).encode()
        headers = {
            "X-Shopify-Topic": "orders/paid",
            "X-Shopify-Shop-Domain": "bench.myshopify.com",
            "X-Shopify-Event-Id": uuid4().hex,
            "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode(),
        }
        started = time.monotonic()
        connection.request("POST", "/webhooks/shopify", body, headers)
        answer = connection.getresponse()
        answer.read()
        answers.append((answer.status, time.monotonic() - started))
    connection.close()


def _slice(port: int) -> tuple[float, float]:
    """Answers per second and the 99th percentile in ms of one slice."""
    answers: list[tuple[int, float]] = []
    stop = time.monotonic() + SLICE_S
    threads = [threading.Thread(target=_send, args=(port, stop, answers)) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} == {200}
    return len(answers) / SLICE_S, sorted(s for _, s in answers)[int(len(answers) * 0.99)] * 1000


@pytest.mark.timeout(180)
def test_gunicorn_and_granian_in_turns(make_app: MakeApp, database_url: str) -> None:
    app = make_app(SHOPIFY_API_SECRET=SECRET)
    merchant = merchants.ensure(app.database, "Bench")
    with app.database.begin(merchant) as tx:
        tx.connections.install("shopify", "bench.myshopify.com", "t", "", None, "EUR", [])
    environment = {**os.environ, **quick_environment(DATABASE_URL=database_url, SHOPIFY_API_SECRET=SECRET)}
    servers = {"gunicorn": web_command, "granian": granian_command}
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    with ExitStack() as running:
        ports = {}
        for name, command in servers.items():
            ports[name] = _free_port()
            process = subprocess.Popen(command(ports[name]), env=environment, stderr=subprocess.DEVNULL)
            running.callback(process.wait)
            running.callback(process.terminate)
            while not _answers(ports[name]):
                time.sleep(0.1)
            _slice(ports[name])  # the first slice warms up and is not counted
        for _ in range(SLICES):
            for name in servers:
                figures[name].append(_slice(ports[name]))
    ratios = [b[0] / a[0] for a, b in zip(figures["gunicorn"], figures["granian"], strict=True)]
    for name, pairs in figures.items():
        rate, p99 = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name}: median {rate:.0f} deliveries/s, p99 {p99:.0f} ms")
    print(
        f"granian / gunicorn, pair by pair: {min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}"
    )
