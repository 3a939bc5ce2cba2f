"""The API: whoever has the merchant's key gets answers about this merchant alone; everybody else gets words, not data."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from werkzeug.test import TestResponse

from connector.cli import keys as cli
from connector.cli.receipt import _READERS
from connector.domain import receipt
from connector.domain.receipt_checks import check
from connector.journey.receipt import PURPOSE
from connector.store import keys, merchants
from tests.shop import DOMAIN, Shop

#: The shape that docs/explanation.md promises.
SHAPE = {
    "referral", "program", "purchase", "code", "captured_at", "stage", "rule", "reason", "hold", "review", "evidence",
    "signals", "arithmetic", "due", "remedies", "rewards", "care", "notes", "words", "for_advocate",
}  # fmt: skip
REWARD_SHAPE = {
    "id", "role", "kind", "means", "item", "ordinal", "amount", "state", "reason", "sum", "due_at", "issued_at",
    "expires_at", "late", "transaction", "returned",
}  # fmt: skip


def get(shop: Shop, path: str, key: str = "", scheme: str = "Bearer") -> TestResponse:
    headers = {"Authorization": f"{scheme} {key}"} if key else {}
    return shop.web.get(f"/api/v1/{path}", headers=headers)


def problem(answer: TestResponse, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert answer.json is not None and answer.json["status"] == status
    return str(answer.json["title"])


def one(shop: Shop, table: str) -> str:
    return str(shop.rows(f"SELECT id FROM {table} WHERE merchant_id = :merchant")[0]["id"])


@pytest.fixture
def key(shop: Shop) -> str:
    shop.order(net="80.00")
    shop.work()
    return keys.add(shop.app.database, shop.merchant, "crm")


def test_the_explanation_has_the_shape_that_is_promised(shop: Shop, key: str) -> None:
    told: Any = get(shop, f"referrals/{one(shop, 'referral')}/explanation", key).json
    assert set(told) == SHAPE
    assert (told["stage"], told["rule"], told["code"]) == ("rewarded", "paid", shop.code)
    assert told["program"] == {"slug": "tea-friends", "version": 1}
    assert [(each["source"], each["won"]) for each in told["evidence"]] == [("landing_site", True)]
    (reward,) = told["rewards"]
    assert set(reward) == REWARD_SHAPE
    assert (reward["amount"], reward["state"], reward["late"]) == ({"minor": 800, "currency": "EUR"}, "issued", False)


def test_the_text_for_the_advocate_comes_alone(shop: Shop, key: str) -> None:
    referral = one(shop, "referral")
    answer = get(shop, f"referrals/{referral}/explanation?for=advocate", key)
    assert answer.json == {
        "referral": referral,
        "for_advocate": "Tea friends: Your reward is paid. It is 8.00 EUR.",
    }
    assert "say `merchant` or `advocate`" in problem(get(shop, f"referrals/{referral}/explanation?for=all", key), 400)


def test_the_receipt_is_the_document_that_anybody_can_check(shop: Shop, key: str) -> None:
    document: Any = json.loads(get(shop, f"rewards/{one(shop, 'reward')}/receipt", key).text)
    assert [each.words for each in check(document, _READERS) if each.broken] == []
    assert receipt.is_ours(document, shop.app.key(PURPOSE))


def test_nobody_gets_in_without_a_key_in_use_and_is_told_how_to_get_one(shop: Shop, key: str) -> None:
    path = f"referrals/{one(shop, 'referral')}/explanation"
    assert get(shop, path, key, scheme="bearer").status_code == 200
    for answer in (
        get(shop, path),
        get(shop, path, "rc_" + "x" * 43),
        get(shop, path, key[:-1]),
        get(shop, path, key, scheme="Basic"),
        get(shop, f"{path}?key={key}"),
        get(shop, "rewards/nonsense/receipt", "\xff"),
    ):
        assert "connector api-key add" in problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    keys.revoke(shop.app.database, shop.merchant, "crm")
    problem(get(shop, path, key), 401)


def test_what_is_another_merchants_does_not_exist(shop: Shop, key: str) -> None:
    stranger = merchants.ensure(shop.app.database, "Ben's Bikes")
    theirs = keys.add(shop.app.database, stranger, "crm")
    paths = [f"referrals/{one(shop, 'referral')}/explanation", f"rewards/{one(shop, 'reward')}/receipt"]
    nowhere = [f"referrals/{uuid4()}/explanation", f"rewards/{uuid4()}/receipt", "referrals/1/explanation"]
    for path in paths:
        assert get(shop, path, key).status_code == 200
        missing = problem(get(shop, path, theirs), 404)
        assert "you have no" in missing
    for path in nowhere:
        assert "explanation" in problem(get(shop, path, key), 404) or "connector explain" in problem(
            get(shop, path, key), 404
        )


# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_of_a_key_nothing_but_its_hash_is_kept(shop: Shop, key: str) -> None:
    kept = shop.rows("SELECT api_key::text AS row FROM api_key WHERE merchant_id = :merchant")
    named = shop.rows("SELECT directory::text AS row FROM directory WHERE merchant_id = :merchant")
    assert len(kept) == 1 and key.startswith("rc_") and len(key) > 40
    assert not [row for row in (*kept, *named) if key in row["row"] or key.removeprefix("rc_") in row["row"]]


def test_keys_are_made_listed_and_revoked_at_the_terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "open_app", shop.another_app)

    def run(*words: str) -> Any:
        return CliRunner().invoke(cli.api_key, list(words))

    assert "There is no key yet" in run("list").output
    made = run("add", "help-desk").output.strip()
    assert "never used" in run("list").output
    problem(get(shop, f"rewards/{uuid4()}/receipt", made), 404)
    assert "last used" in run("list").output and made not in run("list").output
    assert "there is a key 'help-desk' already" in str(run("add", "help-desk").exception)
    assert run("revoke", "help-desk").output == "Revoked.\n"
    assert "revoked" in run("list").output
    assert "there is no key 'help-desk' in use" in str(run("revoke", "help-desk").exception)
    assert run("add", "help-desk").output.strip() not in ("", made)
    assert "name the key" in str(run("add", " ").exception)


def test_the_api_says_how_each_account_is_connected_and_what_it_lacks(shop: Shop, key: str) -> None:
    shop.rows(
        """UPDATE connection SET traits = traits || '{"cannot:gift_card": "no gift cards on this plan"}' RETURNING id"""
    )
    told: Any = get(shop, "connections", key).json
    (account,) = told["connections"]
    assert (account["platform"], account["account"], account["state"]) == ("shopify", DOMAIN, "active")
    assert account["lacking"] == [{"what": "gift_card", "why": "no gift cards on this plan"}]
    stranger = keys.add(shop.app.database, merchants.ensure(shop.app.database, "Somebody else"), "theirs")
    assert get(shop, "connections", stranger).json == {"connections": []}
    problem(get(shop, "connections"), 401)
