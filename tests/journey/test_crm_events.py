"""What a CRM tells us, good and bad in one breath: nothing good is lost, nothing bad breaks, nothing of ours comes back.

What a merchant would lose: a friend whose event came beside a broken one, or their allowance to an app that talks to
itself.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from adapters.hubspot.sandbox import webhooks
from tests.conftest import MakeApp
from tests.hub import APP_ID, PORTAL, SECRET, Hub

MUTATED, GOOD, POST = 2000, 40, 20


@pytest.fixture
def hub(make_app: MakeApp) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


def post(hub: Hub, body: bytes) -> int:
    """One signed POST as the account would send it; the answer's status."""
    url = f"http://127.0.0.1:{hub.port}/webhooks/hubspot"
    headers = webhooks.headers(webhooks.Address(url, SECRET), body)
    return requests.post(url, data=body, headers=headers, timeout=30).status_code


def created(number: str, **more: Any) -> dict[str, Any]:
    return {
        "eventId": 1, "subscriptionId": 2, "portalId": PORTAL, "appId": APP_ID, "occurredAt": 1_795_000_000_000,
        "subscriptionType": "object.creation", "attemptNumber": 0, "objectId": int(number), "objectTypeId": "0-1",
        "changeFlag": "CREATED", "changeSource": "CRM_UI", "sourceId": "userId:1", **more,
    }  # fmt: skip


def arrived(hub: Hub, code: str, number: int) -> str:
    """A contact with a code, of which nobody was told yet."""
    properties = {"email": f"friend{number}@example.org", "ref": code}
    return str(hub.client.control("contacts", properties=properties, send=False)["id"])


BROKEN: list[Any] = [None, 17, "words", [], {}, {"portalId": PORTAL}, {"portalId": "\u0000"}, {"objectId": 1}]


def test_a_broken_event_in_a_post_keeps_none_of_the_others_from_being_worked(hub: Hub) -> None:
    _, code = hub.advocate()
    friends = [arrived(hub, code, number) for number in range(len(BROKEN) + 1)]
    events = [created(friends[0])]
    for broken, friend in zip(BROKEN, friends[1:], strict=True):
        events += [broken, created(friend), created(friend, objectId="none of ours"), created(friend, objectId=None)]
    assert post(hub, json.dumps(events).encode()) == 200
    hub.work()
    assert [hub.properties("contacts", each)["referral_stage"] for each in friends] == ["pending"] * len(friends)


VALUES: list[Any] = [
    None, True, -1, 0, 2**63, 2**200, 1.5, "", "0", "x" * 5000, "\u0000", "\ud83d", "é" * 50, [], [[]], {}, {"a": {}},
    ["1", None], "9" * 30, "1e400", "REDACTED", "INTEGRATION", "0-3", "0-53", "2-99", str(APP_ID),
]  # fmt: skip
KINDS = [
    f"{name}.{what}"
    for name in ("object", "contact", "deal", "", "ticket")
    for what in ("creation", "propertyChange", "deletion", "merge", "restore", "associationChange", "made.up", "")
]
FIELDS = (
    "portalId", "subscriptionType", "objectId", "objectTypeId", "occurredAt", "propertyName", "propertyValue",
    "primaryObjectId", "newObjectId", "mergedObjectIds", "associationType", "fromObjectId", "toObjectId",
    "changeSource", "sourceId", "appId", "eventId", "eventType",
)  # fmt: skip


def mutated(dice: random.Random) -> dict[str, Any]:
    """An event of a record that is not there, with some of its fields taken out or made something else of."""
    event = created(str(dice.randrange(10**11, 2 * 10**11)), subscriptionType=dice.choice(KINDS))
    for name in dice.sample(FIELDS, dice.randint(1, 4)):
        if dice.random() < 0.3:
            event.pop(name, None)
        else:
            event[name] = dice.choice(VALUES)
    return event


@pytest.mark.timeout(240)
def test_thousands_of_mutated_events_lose_none_of_the_good_ones_between_them(hub: Hub) -> None:
    _, code = hub.advocate()
    hub.work()
    dice = random.Random(5)
    friends = [arrived(hub, code, number) for number in range(GOOD)]
    events = [mutated(dice) for _ in range(MUTATED)] + [created(friend) for friend in friends]
    dice.shuffle(events)
    bodies = [json.dumps(events[start : start + POST]).encode() for start in range(0, len(events), POST)]
    for body in list(bodies):
        cut = bytearray(body)
        cut[dice.randrange(len(cut))] = dice.randrange(256)
        bodies.append(bytes(cut[: dice.randrange(len(cut))]))  # nothing that can be read at all
    answers = Counter(post(hub, body) for body in bodies)
    assert set(answers) <= {200, 400}, answers
    assert answers[200] >= len(events) // POST
    hub.work(within=120)
    assert [hub.properties("contacts", each)["referral_stage"] for each in friends] == ["pending"] * GOOD
    assert hub.stages() == ["pending"] * GOOD


def test_our_own_changes_come_back_and_cause_no_call(hub: Hub) -> None:
    """Every write is told to us too. Whoever looked at each would use up the allowance on themselves."""
    _, code = hub.advocate()
    friend = hub.form("friend@example.org", ref=code)
    deal = hub.deal(friend)
    hub.work()
    before = hub.client.book()["calls"]
    ours = {"type": "INTEGRATION", "id": str(APP_ID)}
    for kind, number in (("contacts", friend), ("deals", deal)):
        written = {"referral_explanation": "Written by ourselves.", "referral_stage": "qualified"}
        hub.client.control("save", type=kind, id=int(number), properties=written, source=ours)
    hub.work()
    assert hub.client.book()["calls"] == before
    other = {"type": "INTEGRATION", "id": "4711"}
    hub.client.control("save", type="contacts", id=int(friend), properties={"phone": "+4930123456"}, source=other)
    hub.work()
    assert hub.client.book()["calls"] != before, "another app's change is looked at"
