"""The demo's story, told once more in this process: every call that it makes is one that the platform publishes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest

from adapters.http import Gate, Reply
from adapters.hubspot.sandbox.story import open_story
from connector.cli.account import install
from connector.journey import enrol
from connector.lanes import due
from tests.adapters.openapi import Judge
from tests.adapters.test_hubspot_contracts import CONTRACTS, LENIENCE
from tests.hub import SECRET, Hub

Sent = tuple[str, str, dict[str, str], bytes]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Every request as its bytes leave, noted and sent."""
    noted: list[Sent] = []
    send: Callable[..., Reply] = Gate.send

    def noting(self: Gate, method: str, url: str, **more: Any) -> Reply:
        noted.append((method, url, dict(more["headers"]), more.get("body") or b""))
        return send(self, method, url, **more)

    monkeypatch.setattr(Gate, "send", noting)
    return noted


@pytest.fixture
def hub(make_app: Any) -> Iterator[Hub]:
    with Hub(make_app, bare=True) as opened:
        yield opened


@pytest.mark.usefixtures("contracts")
def test_every_request_of_the_demo_is_one_that_hubspot_publishes(hub: Hub, sent: list[Sent]) -> None:
    story, over = open_story(hub.sandbox.url), Event()
    account, token = story.open_shop(f"http://127.0.0.1:{hub.port}/webhooks/hubspot", SECRET)
    install(hub.app, "hubspot", account, token, lambda: hub.merchant)
    hub.program = hub.apply(story.program)
    with hub.app.database.begin(hub.merchant) as tx:
        codes = {name: enrol.enrol(tx, hub.program, email).code for name, email in story.advocates.items()}

    def work() -> None:
        while not over.wait(0.02):
            for lane in due.lanes(hub.app.database):
                hub.app.workshop.work(lane.id)

    worker = Thread(target=work, daemon=True)
    worker.start()
    try:
        told = list(story.play(codes))
    finally:
        over.set()
        worker.join(60)
    hub.work()
    assert len(told) > 5
    assert Counter(story.book()) == Counter(story.expected()), "who is credited first is nobody's promise"
    judge = Judge(CONTRACTS / "openapi", lenience=LENIENCE)
    for method, url, headers, body in sent:
        judge.request(method, url, headers, body)
    assert len(sent) > 30
    assert {"v1", "v3", "v4"}.isdisjoint(part for _, url, _, _ in sent for part in url.split("/"))
