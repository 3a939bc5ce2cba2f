"""C2: a platform tells things several times, at once, and of several merchants in one request; each is kept once.

What a merchant would lose: a referral that another merchant got, or one that was looked at five times.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import requests

from adapters.hubspot import MANIFEST
from adapters.hubspot.sandbox import webhooks
from connector.cli.account import install
from connector.lanes import due
from connector.store import merchants
from tests.conftest import MakeApp
from tests.faults.plant import dice
from tests.hub import APP_ID, PORTAL, SECRET, Hub

EVENTS, COPIES, BATCH, SENDERS = 1_000, 5, 40, 8
OTHER, OTHER_TOKEN = 62516, "another portal's token"

Event = dict[str, object]


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


@pytest.fixture
def bob(hub: Hub) -> UUID:
    """Another merchant with a portal of his own."""
    scopes = [scope.name for scope in MANIFEST.scopes]
    told = {"portal": OTHER, "currency": "EUR", "token": OTHER_TOKEN, "secret": SECRET, "app_id": APP_ID}
    hub.client.control("portals", **told, scopes=scopes, tier="professional", target="http://127.0.0.1:9/")
    merchant = merchants.ensure(hub.app.database, "Bob's Boats")
    install(hub.app, "hubspot", str(OTHER), OTHER_TOKEN, lambda: merchant)
    return merchant


def test_a_thousand_events_told_up_to_five_times_in_mixed_batches_are_kept_once_each(hub: Hub, bob: UUID) -> None:
    hub.work()
    before = {merchant: kept(hub, merchant).total() for merchant in (hub.merchant, bob)}
    throw = dice()
    mail = [event for event in map(told, range(EVENTS)) for _ in range(throw.randint(1, COPIES))]
    throw.shuffle(mail)
    answers = post(hub, mail, throw)
    posts = -(-len(mail) // BATCH)
    print(f"{len(mail)} copies of {EVENTS} events in {posts} posts: {dict(answers)}")
    assert answers == {200: posts}
    assert {m: kept(hub, m).total() - before[m] for m in before} == {hub.merchant: EVENTS // 2, bob: EVENTS // 2}
    work_all(hub, bob)
    assert {m: kept(hub, m)["done"] - before[m] for m in before} == {hub.merchant: EVENTS // 2, bob: EVENTS // 2}
    assert owners(hub, hub.merchant) == {str(PORTAL)} and owners(hub, bob) == {str(OTHER)}


def told(number: int) -> Event:
    """One event; every second one is of the other merchant's portal, about a contact of the same number."""
    return {
        "eventId": 7,  # it is not unique, as HubSpot says itself
        "subscriptionId": 1,
        "portalId": (PORTAL, OTHER)[number % 2],
        "appId": APP_ID,
        "occurredAt": 1795392000000,
        "subscriptionType": "object.creation",
        "attemptNumber": 0,
        "objectId": 9_000_000 + number // 2,
        "objectTypeId": "0-1",
        "changeSource": "CRM_UI",
    }


def post(hub: Hub, mail: list[Event], throw: random.Random) -> Counter[int]:
    """All of it, by eight senders at once, in batches that mix portals and copies; the status of each answer."""
    batches = [mail[at : at + BATCH] for at in range(0, len(mail), BATCH)]
    throw.shuffle(batches)
    to = webhooks.Address(f"http://127.0.0.1:{hub.port}/webhooks/hubspot", SECRET)

    def send(batch: list[Event]) -> int:
        body = webhooks.encode(batch)
        return requests.post(to.url, data=body, headers=webhooks.headers(to, body), timeout=60).status_code

    with ThreadPoolExecutor(SENDERS) as senders:
        return Counter(senders.map(send, batches))


def kept(hub: Hub, merchant: UUID) -> Counter[str]:
    """Stored deliveries by state."""
    with hub.app.database.begin(merchant) as tx:
        return Counter(tx.run("SELECT state FROM delivery").scalars())


def owners(hub: Hub, merchant: UUID) -> set[str]:
    """The accounts that this merchant's deliveries speak of."""
    with hub.app.database.begin(merchant) as tx:
        return set(tx.run("SELECT account FROM delivery").scalars())


def work_all(hub: Hub, bob: UUID) -> None:
    """Work both merchants' lanes until every delivery is read."""
    end = time.monotonic() + 60
    while any(kept(hub, merchant)["received"] for merchant in (hub.merchant, bob)):
        for lane in due.lanes(hub.app.database):
            hub.app.workshop.work(lane.id)
        assert time.monotonic() < end, "not read within 60 s"
