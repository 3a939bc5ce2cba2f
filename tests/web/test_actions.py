"""Actions: an admin's flow may ask again and again, and a credit is still issued and taken back once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema import Draft4Validator
from werkzeug.test import TestResponse

import connector.web
from connector.journey.judge import judge
from connector.store import keys, merchants
from tests.shop import PROGRAM, Shop

SPEC: dict[str, Any] = json.loads(
    (Path(connector.web.__file__).parent / "static" / "actions.openapi.json").read_text(encoding="utf-8")
)
NOTHING = {
    "found": False, "referralId": "", "stage": "", "advocateCode": "", "source": "", "explanation": "",
    "rewardState": "", "rewardAmount": "", "rewardCurrency": "",
}  # fmt: skip


@pytest.fixture
def key(shop: Shop) -> str:
    return keys.add(shop.app.database, shop.merchant, "flow")


def post(shop: Shop, action: str, key: str, **body: Any) -> TestResponse:
    return shop.web.post(f"/api/v1/actions/{action}", json=body, headers={"Authorization": f"Bearer {key}"})


def done(shop: Shop, action: str, key: str, **body: Any) -> dict[str, Any]:
    """A success, which has the shape that the description promises."""
    answer = post(shop, action, key, **body)
    assert answer.status_code == 200, answer.text
    Draft4Validator(SPEC["components"]["schemas"]["Outcome"]).validate(answer.json)
    told: dict[str, Any] = answer.json or {}
    return told


def refused(shop: Shop, action: str, key: str, status: int, **body: Any) -> str:
    answer = post(shop, action, key, **body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
    Draft4Validator(SPEC["components"]["schemas"]["Problem"]).validate(answer.json)
    return str((answer.json or {})["title"])


def number(order: str) -> str:
    return order.rpartition("/")[2]


def test_a_record_is_looked_up_by_its_own_id_and_by_its_referral(shop: Shop, key: str) -> None:
    order = shop.order(net="80.00")
    shop.work()
    told = done(shop, "look-up-referral", key, recordId=number(order))
    assert (told["found"], told["stage"], told["advocateCode"]) == (True, "rewarded", shop.code)
    assert (told["rewardState"], told["rewardAmount"], told["rewardCurrency"]) == ("issued", "8.00", "EUR")
    assert done(shop, "look-up-referral", key, referralId=told["referralId"]) == told


def test_a_record_that_nobody_brought_says_so_in_every_field(shop: Shop, key: str) -> None:
    assert done(shop, "look-up-referral", key, recordId="7777777") == NOTHING


def test_a_record_is_attributed_by_a_code_and_then_decided_by_the_rules(shop: Shop, key: str) -> None:
    order = shop.order(net="80.00", landing_site="/")
    shop.work()
    assert shop.credits() == []
    asked = {"requestKey": "flow-1", "recordId": number(order), "code": shop.code}
    done(shop, "attribute-record", key, **asked)
    done(shop, "attribute-record", key, **asked)
    shop.work()
    assert done(shop, "look-up-referral", key, recordId=number(order))["stage"] == "rewarded"
    assert shop.credits() == [800]


def test_a_credit_is_issued_before_its_time_and_once_however_often_it_is_asked_for(shop: Shop, key: str) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    order = shop.order(net="80.00")
    shop.work()
    assert shop.credits() == []
    for _ in range(3):
        told = done(shop, "issue-credit", key, requestKey="flow-2", recordId=number(order))
        shop.work()
    assert told["rewardState"] == "issued"
    assert shop.credits() == [800]


def test_a_credit_is_taken_back_with_its_reason_and_not_again_once_a_person_has_approved_it(
    shop: Shop, key: str
) -> None:
    order = shop.order(net="80.00")
    shop.work()
    asked = {"requestKey": "flow-3", "recordId": number(order), "reason": "the contract was void"}
    done(shop, "reverse-credit", key, **asked)
    shop.work()
    told = done(shop, "look-up-referral", key, recordId=number(order))
    assert told["stage"] == "rejected" and "the contract was void" in told["explanation"]
    assert shop.debits() == [800]
    judge(shop.app.desk, shop.merchant, [UUID(told["referralId"])], "Ada", "it holds after all", approved=True)
    shop.work()
    before = done(shop, "look-up-referral", key, recordId=number(order))
    assert done(shop, "reverse-credit", key, **asked) == before, (
        "a flow that runs again must not undo what a person said"
    )


@pytest.mark.parametrize(
    ("action", "body", "status", "words"),
    [
        ("issue-credit", {"recordId": "1"}, 400, "requestKey"),
        ("issue-credit", {"requestKey": "k"}, 400, "recordId or referralId"),
        ("issue-credit", {"requestKey": "k", "recordId": 7}, 400, "recordId"),
        ("issue-credit", {"requestKey": "k", "recordId": "1", "amount": "5"}, 400, "amount"),
        ("issue-credit", {"requestKey": "k", "referralId": "not an id"}, 404, "no referral's id"),
        ("issue-credit", {"requestKey": "k", "referralId": str(uuid4())}, 404, "there is no referral"),
        ("issue-credit", {"requestKey": "k", "recordId": "7777777"}, 404, "nobody referred"),
        ("reverse-credit", {"requestKey": "k", "recordId": "1", "reason": ""}, 400, "reason"),
        ("attribute-record", {"requestKey": "k", "recordId": "1", "code": "NOBODYS"}, 404, "no advocate shares"),
        ("attribute-record", {"requestKey": "k", "recordId": "Æ", "code": "X"}, 400, "names no one record"),
        ("attribute-record", {"requestKey": "k", "recordId": "1", "code": "X", "platform": "hubspot"}, 400, "platform"),
        ("grant-everything", {}, 404, "there is no action"),
    ],
)
def test_what_cannot_be_used_is_told_in_words_and_changes_nothing(
    shop: Shop, key: str, action: str, body: dict[str, Any], status: int, words: str
) -> None:
    assert words in refused(shop, action, key, status, **body)
    assert shop.rows("SELECT key FROM request WHERE merchant_id = :merchant") == []


def test_one_name_for_two_requests_is_refused(shop: Shop, key: str) -> None:
    first, second = shop.order(net="80.00"), shop.order(net="60.00")
    shop.work()
    done(shop, "issue-credit", key, requestKey="same", recordId=number(first))
    assert "another request" in refused(shop, "issue-credit", key, 409, requestKey="same", recordId=number(second))


def test_no_key_no_action_and_no_other_merchants_referral(shop: Shop, key: str) -> None:
    shop.order(net="80.00")
    shop.work()
    referral = str(shop.rows("SELECT id FROM referral WHERE merchant_id = :merchant")[0]["id"])
    refused(shop, "look-up-referral", "rc_wrong", 401, referralId=referral)
    stranger = keys.add(shop.app.database, merchants.ensure(shop.app.database, "Somebody else"), "theirs")
    assert "there is no referral" in refused(shop, "look-up-referral", stranger, 404, referralId=referral)


def test_the_description_names_this_installation_and_every_action_is_there(shop: Shop, key: str) -> None:
    told: Any = shop.web.get("/api/v1/actions/openapi.json").json
    assert told["servers"] == [{"url": shop.app.settings.public_url}]
    for path in told["paths"]:
        answer = shop.web.post(path, json={}, headers={"Authorization": f"Bearer {key}"})
        assert str(answer.status_code) in told["paths"][path]["post"]["responses"], path
