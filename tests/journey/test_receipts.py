"""A reward's receipt: whoever holds the file can check it without us, and sees what was changed or does not add up."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event

from connector.cli import receipt as cli
from connector.domain.receipt_checks import check
from connector.errors import InvariantBroken, NotFound
from connector.journey.receipt import PURPOSE, receipt
from connector.store import merchants
from tests.shop import PROGRAM, Shop

ROOT = Path(__file__).parents[2]


def reward_of(shop: Shop, place: int = 0) -> UUID:
    rows = shop.rows("SELECT id FROM reward WHERE merchant_id = :merchant ORDER BY id")
    return UUID(str(rows[place]["id"]))


def receipt_of(shop: Shop, reward: UUID) -> dict[str, Any]:
    return dict(json.loads(json.dumps(receipt(shop.app.desk, shop.merchant, reward, shop.app.key(PURPOSE)))))


def papers(document: dict[str, Any]) -> dict[str, Any]:
    return {section["name"]: section["data"] for section in document["sections"]}


def broken(document: dict[str, Any]) -> dict[str, str]:
    return {each.words: each.broken for each in check(document, cli._READERS) if each.broken}


def run(shop: Shop, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.setattr(cli, "open_app", shop.another_app)
    return CliRunner().invoke(cli.verify, list(words))


@contextmanager
def writing(shop: Shop) -> Iterator[list[str]]:
    """Statements that change or lock anything."""
    seen: list[str] = []

    def look(_session: object, _cursor: object, sql: str, *_: object) -> None:
        if any(word in sql.upper() for word in ("INSERT", "UPDATE", "DELETE")):
            seen.append(sql)

    event.listen(shop.app.database.engine, "before_cursor_execute", look)
    try:
        yield seen
    finally:
        event.remove(shop.app.database.engine, "before_cursor_execute", look)


def test_the_receipt_chains_what_was_heard_to_what_the_platform_did(shop: Shop) -> None:
    order = shop.order(net="80.00", deliver=False)
    bodies = shop.webhooks(order, "orders/create", "orders/paid")
    for headers, body in bodies:
        shop.web.post("/webhooks/shopify", data=body, headers=headers)
    shop.work()
    with writing(shop) as changed:
        found = receipt_of(shop, reward_of(shop))
    assert changed == [], "a receipt only reads"
    assert broken(found) == {}
    parts = papers(found)
    assert [each["digest"] for each in parts["heard"]] == [hashlib.sha256(body).hexdigest() for _, body in bodies]
    assert [each["topic"] for each in parts["heard"]] == ["orders/create", "orders/paid"]
    assert [each["data"]["is"] for each in parts["facts"]] == ["OrderPaid"]
    assert (parts["touch"]["source"], parts["touch"]["code"]) == ("landing_site", shop.code)
    assert parts["program"]["data"] == PROGRAM
    assert (parts["decision"]["rule"], parts["decision"]["plans"][0]["amount"]) == ("paid", 800)
    assert [batch["memo"] for batch in parts["postings"]] == ["reward decided", "reward issued"]
    (movement,) = shop.movements("credit")
    assert [each["transaction"] for each in parts["attempts"]] == [parts["reward"]["transaction"]]
    assert parts["attempts"][0]["amount"] == movement["minor"]


def test_what_was_heard_outlives_the_bytes_and_is_kept_once(shop: Shop) -> None:
    order = shop.order(net="80.00")
    shop.work()
    before = papers(receipt_of(shop, reward_of(shop)))["heard"]
    with shop.app.database.begin(shop.merchant) as tx:
        tx.deliveries.again(parked_only=False)
    shop.work()
    shop.rows("DELETE FROM delivery WHERE merchant_id = :merchant RETURNING id")
    assert papers(receipt_of(shop, reward_of(shop)))["heard"] == before != []
    assert {each["object"] for each in before} == {
        row["external_id"] for row in shop.rows("SELECT external_id FROM referral WHERE merchant_id = :merchant")
    }
    assert order


def test_an_order_without_a_sign_of_a_referral_leaves_no_trace(shop: Shop) -> None:
    shop.order(net="80.00", landing_site="/tea")
    shop.work()
    assert shop.rows("SELECT * FROM heard WHERE merchant_id = :merchant") == []


def test_a_receipt_holds_through_the_whole_life_of_a_reward(shop: Shop) -> None:
    order = shop.order(net="80.00", deliver=False)
    shop.fault("cut_after", count=1)
    shop.deliver(order, "orders/paid")
    for _ in range(2):
        shop.app.workshop.work(f"m:{shop.merchant}")
        shop.app.workshop.work(f"c:{shop.connection}")
    unknown = receipt_of(shop, reward_of(shop))
    assert (broken(unknown), papers(unknown)["reward"]["state"]) == ({}, "unknown")
    shop.work()
    assert broken(receipt_of(shop, reward_of(shop))) == {}, "paid"
    shop.change(order, "refund", amount="20.00")
    shop.work()
    assert broken(receipt_of(shop, reward_of(shop))) == {}, "partly taken back"
    shop.change(order, "cancel", refund=True)
    shop.work()
    assert broken(receipt_of(shop, reward_of(shop))) == {}, "all taken back"
    last = papers(receipt_of(shop, reward_of(shop)))
    assert [each["taken"] for each in last["reversals"]] == [200, 600]
    assert [each["topic"] for each in last["heard"]] == ["orders/paid", "refunds/create", "orders/cancelled"]


def test_a_promise_on_hold_and_one_that_came_to_nothing_hold_too(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    order = shop.order(net="80.00")
    shop.work()
    held = receipt_of(shop, reward_of(shop))
    assert (broken(held), papers(held)["reward"]["state"], papers(held)["attempts"]) == ({}, "due", [])
    shop.change(order, "cancel", refund=True)
    shop.work()
    gone = receipt_of(shop, reward_of(shop))
    assert (broken(gone), papers(gone)["reward"]["state"]) == ({}, "void")


def test_a_budget_that_was_raised_since_is_the_one_that_decides(shop: Shop) -> None:
    limited = {**PROGRAM, "budget": {"amount": "5.00 EUR"}}
    shop.apply(limited)
    shop.order(net="80.00")
    shop.work()
    assert shop.rows("SELECT id FROM reward WHERE merchant_id = :merchant") == []
    shop.apply({**limited, "budget": {"amount": "500.00 EUR"}})
    with shop.app.database.begin(shop.merchant) as tx:
        tx.tasks.mark(f"m:{shop.merchant}", "decide", [str(each) for each in tx.referrals.held_by("budget")])
    shop.work()
    found = receipt_of(shop, reward_of(shop))
    assert (broken(found), papers(found)["program"]["data"]["budget"]) == ({}, {"amount": "500.00 EUR"})


def test_what_was_decided_and_does_not_stand_is_named(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.work()
    shop.rows("UPDATE reward SET amount = 900 WHERE merchant_id = :merchant RETURNING id")
    shop.rows("UPDATE referral SET stage = 'rejected', rule = 'fraud' WHERE merchant_id = :merchant RETURNING id")
    found = broken(receipt_of(shop, reward_of(shop)))
    assert "it stands as rejected by 'fraud'" in found["The rules, asked again, decide the same."]
    assert "800 is owed, and 900 less 0 stands" in found["The reward is what was decided, less what was taken back."]


def test_what_answers_questions_sees_one_moment_and_cannot_change_anything(shop: Shop) -> None:
    """Money that moves while a receipt is made would else stand in the ledger and not yet on the reward."""
    shop.order(net="80.00")
    shop.work()
    with shop.app.database.snapshot(shop.merchant) as tx:
        (before,) = tx.receipts.promises(tx.receipts.find(shop.code)[0])
        shop.rows("UPDATE reward SET state = 'refused' WHERE merchant_id = :merchant RETURNING id")
        (after,) = tx.receipts.promises(tx.receipts.find(shop.code)[0])
    assert before == after
    with pytest.raises(InvariantBroken, match="read-only transaction"), shop.app.database.snapshot(shop.merchant) as tx:
        tx.rewards.revoke(reward_of(shop))
    with shop.app.database.begin(shop.merchant) as tx:
        tx.rewards.revoke(reward_of(shop))  # the connection is as it was, for whoever has it next
        assert tx.run("SELECT current_setting('transaction_isolation')").scalar_one() == "read committed"


def test_another_merchants_reward_has_no_receipt_here(shop: Shop) -> None:
    shop.order(net="80.00")
    shop.work()
    stranger = merchants.ensure(shop.app.database, "Ben's Bikes")
    for merchant, reward in ((stranger, reward_of(shop)), (shop.merchant, uuid4())):
        with pytest.raises(NotFound, match="there is no reward"):
            receipt(shop.app.desk, merchant, reward, b"key")


# ── At the terminal ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_saved_receipt_is_checked_by_a_machine_that_has_nothing_of_ours(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop.order(net="80.00")
    shop.work()
    file = tmp_path / "receipt.json"
    saved = run(shop, monkeypatch, str(reward_of(shop)), "--save", str(file))
    assert saved.exit_code == 0 and "checks it anywhere" in saved.output, saved.output

    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "connector", "verify", str(file), *options],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    good = verify()
    assert good.returncode == 0, good.stdout + good.stderr
    assert len(good.stdout.splitlines()) >= 10 and all(line.startswith("ok ") for line in good.stdout.splitlines())
    assert {path.name for path in tmp_path.iterdir()} == {"receipt.json"}, "no server was started, no folder made"
    file.write_text(file.read_text().replace('"net": 8000', '"net": 9000'))
    bad = verify("--json")
    assert bad.returncode == 1
    named = [each["check"] for each in json.loads(bad.stdout) if each["broken"]]
    assert "Every part is bound to the one before it, and none was changed." in named
    assert "Every fact is the one that was hashed." in named


def test_only_the_installation_that_sealed_it_owns_to_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shop.order(net="80.00")
    shop.work()
    file = tmp_path / "receipt.json"
    run(shop, monkeypatch, str(reward_of(shop)), "--save", str(file))
    assert run(shop, monkeypatch, str(file), "--origin").exit_code == 0
    monkeypatch.setattr(
        cli, "open_app", lambda: shop.another_app(SECRET_KEY="another secret that is long enough for it")
    )
    elsewhere = CliRunner().invoke(cli.verify, [str(file), "--origin"])
    assert elsewhere.exit_code == 1 and "BROKEN  It was sealed by this installation." in elsewhere.output
    assert elsewhere.output.count("BROKEN") == 1


def test_the_terminal_prints_the_calls_and_the_postings(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.order(net="80.00")
    shop.work()
    told = run(shop, monkeypatch, str(reward_of(shop))).output
    assert "reward 8.00 EUR: issued" in told and "credit: done" in told and "postings sum to 0" in told
    data = json.loads(run(shop, monkeypatch, str(reward_of(shop)), "--json").output)
    assert (data["sum"], data["state"], len(data["attempts"])) == (0, "issued", 1)


def test_what_is_neither_a_reward_nor_a_receipt_gets_an_answer_that_helps(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = run(shop, monkeypatch, str(tmp_path / "nothing.json"))
    assert isinstance(missing.exception, NotFound) and "neither a reward's id nor a file" in str(missing.exception)
    (tmp_path / "order.json").write_text('{"id": 1}')
    other = run(shop, monkeypatch, str(tmp_path / "order.json"))
    assert other.exit_code == 1 and "it is no receipt" in other.output
