"""A merchant's own workflow pays early and once; a note in the cart counts only where we signed it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

from connector import clock
from connector.domain import tokens
from connector.domain.facts import ObjectRef
from connector.domain.touch import Source, Touch
from tests.journey.money import drive
from tests.shop import DOMAIN, PROGRAM, SECRET, Shop


def run_step(shop: Shop, run: str, secret: str = SECRET, **properties: Any) -> int:
    """The merchant's workflow comes to our step."""
    body = {"shopify_domain": DOMAIN, "action_run_id": run, "handle": "issue-referral-credit", "properties": properties}
    raw = json.dumps(body).encode()
    mark = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    answer = shop.web.post("/actions/shopify", data=raw, headers={"X-Shopify-Hmac-Sha256": mark})
    return answer.status_code


def test_a_workflow_pays_a_reward_before_its_hold_is_over_and_only_once(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    first, second = shop.order(net="80.00"), shop.order(net="50.00")
    drive(shop)
    assert shop.credits() == []
    assert run_step(shop, "run-0", secret="a stranger's", order_id=int(first)) == 401
    for run in ("run-1", "run-1", "run-2"):  # repeated by the platform, and run again by the merchant
        assert run_step(shop, run, order_id=int(first)) == 200
    drive(shop)
    assert shop.credits() == [800]
    [waiting] = shop.rows("SELECT id FROM referral WHERE external_id LIKE :order", order=f"%/{second}")
    assert run_step(shop, "run-3", **{"referral-id": str(waiting["id"])}) == 200
    assert run_step(shop, "run-4", **{"referral-id": "there is none"}) == 200
    drive(shop)
    assert shop.credits() == [800, 500]
    [parked] = shop.rows("SELECT reason FROM delivery WHERE state = 'parked'")
    assert "connector explain" in parked["reason"]


def test_a_reward_may_be_released_before_its_order_was_read(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    order = shop.order(net="80.00", deliver=False)
    assert run_step(shop, "run-1", order_id=int(order)) == 200
    drive(shop)
    shop.deliver(order, "orders/paid")
    drive(shop)
    assert shop.credits() == [800]


def noted(shop: Shop, token: str) -> None:
    shop.order(landing_site="/", attributes={"_referral": token})
    drive(shop)


def test_a_note_that_we_signed_for_this_shop_pays_and_any_other_does_not(shop: Shop) -> None:
    key, now = shop.app.desk.touch_key, clock.now()
    good = tokens.make(key, shop.merchant, shop.code, now)
    forged = [
        shop.code,
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        tokens.make(b"another key", shop.merchant, shop.code, now),
        tokens.make(key, shop.program, shop.code, now),  # for another merchant
        tokens.make(key, shop.merchant, shop.code, now - timedelta(days=31)),  # older than the program's window
    ]
    for token in forged:
        noted(shop, token)
    assert (shop.credits(), shop.stages()) == ([], [])
    noted(shop, good)
    assert (shop.credits(), shop.stages()) == ([800], ["rewarded"])
    [referral] = shop.rows("SELECT touch FROM referral")
    assert (referral["touch"]["source"], referral["touch"]["code"]) == ("cart_attribute", shop.code)


def test_word_of_a_checkout_finds_its_order_though_the_order_itself_carries_nothing(shop: Shop) -> None:
    friend = shop.customer("friend@example.org")
    made = shop.client.control("orders", shop=DOMAIN, customer=friend, net="80.00", landing_site="/", send=False)
    [(_, body)] = shop.webhooks(str(made["id"]), "orders/paid")
    order = {**json.loads(body), "checkout_token": "checkout-token-1"}
    told = Touch(
        Source.CART_HINT, shop.code, clock.now() + timedelta(seconds=5), evidence="kept by the shop's own pixel"
    )
    with shop.app.database.begin(shop.merchant) as tx:
        tx.truths.note(shop.connection, ObjectRef("checkout", "checkout-token-1"), [told])
        tx.truths.note(shop.connection, ObjectRef("checkout", "checkout-token-2"), [told])
    [each] = shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": "orders/paid", "body": order}])
    for event in ("first", "again"):
        headers = {**each["headers"], "X-Shopify-Event-Id": event}
        assert shop.web.post("/webhooks/shopify", data=each["body"].encode(), headers=headers).status_code == 200
        drive(shop)
    assert (shop.credits(), shop.stages()) == ([800], ["rewarded"])
    left = shop.rows("SELECT object_kind, external_id FROM noted ORDER BY object_kind")
    assert [row["object_kind"] for row in left] == ["checkout", "order"]
