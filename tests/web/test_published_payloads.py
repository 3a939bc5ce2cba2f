"""Every payload that the platform has published or that was seen in the wild goes in at the door and comes out named."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.shopify import inbound
from tests.shop import DOMAIN, SECRET, Shop

FOLDERS = ("payloads", "payloads-docs-2026-07")


def topic_of(path: Path) -> str:
    """orders_create.web.json and orders.create.json are both orders/create."""
    if path.parent.name == FOLDERS[0]:
        return path.name.partition(".")[0].replace("_", "/", 1)
    return path.stem.replace(".", "/", 1)


def payloads(contracts: Path) -> list[tuple[str, str, bytes]]:
    """Name, topic and body; where the body names its shop, it names ours."""
    found = []
    for folder in FOLDERS:
        for path in sorted((contracts / "shopify" / folder).glob("[a-z]*.json")):
            body = path.read_bytes()
            data = json.loads(body)
            if "shop_domain" in data:
                body = json.dumps({**data, "shop_domain": DOMAIN}).encode()
            if "myshopify_domain" in data:
                body = json.dumps({**data, "myshopify_domain": DOMAIN, "domain": DOMAIN}).encode()
            found.append((path.name, topic_of(path), body))
    return found


def post(shop: Shop, topic: str, body: bytes, event: str) -> int:
    mark = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"Topic": topic, "Hmac-Sha256": mark, "Shop-Domain": DOMAIN, "Event-Id": event}
    headers |= {"Triggered-At": "2026-11-20T10:00:00.123456789Z"}
    named = {f"X-Shopify-{name}": value for name, value in headers.items()}
    return shop.web.post("/webhooks/shopify", data=body, headers=named).status_code


@pytest.mark.contracts
def test_every_published_payload_is_taken_and_ends_with_a_named_outcome(shop: Shop, contracts: Path) -> None:
    events = {}
    for name, topic, body in payloads(contracts):
        event = str(uuid4())
        assert 200 <= post(shop, topic, body, event) < 300, name
        events[event] = (name, topic)
    assert len(events) >= 40
    shop.work()
    rows = {
        row["key"]: row
        for row in shop.rows("SELECT key, topic, state, outcome, reason FROM delivery WHERE merchant_id = :merchant")
    }
    assert set(rows) == set(events)
    for event, (name, topic) in events.items():
        row = rows[event]
        known = topic in inbound.TOPICS
        assert (row["topic"], row["state"]) == (topic, "done" if known else "quarantined"), (name, row)
        assert row["outcome"] in inbound.OUTCOMES if known else row["reason"], (name, row)
    assert shop.credits() == []


@pytest.mark.contracts
def test_among_published_payloads_a_real_order_is_still_paid(shop: Shop, contracts: Path) -> None:
    for _, topic, body in payloads(contracts):
        if not topic.startswith(("app/", "shop/")):
            assert post(shop, topic, body, str(uuid4())) == 200
    shop.order()
    shop.work()
    assert (shop.credits(), shop.stages()) == ([800], ["rewarded"])
