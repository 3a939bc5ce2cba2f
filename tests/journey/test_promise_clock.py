"""The promise clock: what was promised and did not come is seen by the merchant before the advocate asks."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from connector.cli import inspect
from connector.domain import ledger
from connector.domain.facts import CareRaised, OrderRefunded
from connector.domain.money import Money
from connector.store import merchants, reports
from connector.web import create_app
from connector.wiring import App
from tests.shop import PROGRAM, Shop

ON_HOLD = {**PROGRAM, "hold_days": 14}


def doctor(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(inspect, "open_app", shop.another_app)
    done = CliRunner().invoke(inspect.doctor, [], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def doctor_data(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(inspect, "open_app", shop.another_app)
    return json.loads(CliRunner().invoke(inspect.doctor, ["--json"], catch_exceptions=False).output)


def gauge(shop: Shop) -> float:
    (line,) = [
        line for line in shop.web.get("/metrics").text.splitlines() if line.startswith("connector_late_rewards ")
    ]
    return float(line.split()[1])


def promised(shop: Shop, hours_ago: int) -> UUID:
    """A reward on hold whose time came so long ago, and that nobody has paid; returns its referral."""
    shop.order(net="80.00")
    shop.work()
    (row,) = shop.rows(
        """UPDATE reward SET due_at = clock_timestamp() - make_interval(hours => :hours) WHERE merchant_id = :merchant
           RETURNING referral_id""",
        hours=hours_ago,
    )
    return UUID(str(row["referral_id"]))


def test_a_promise_in_time_alarms_nobody(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.order(net="50.00")
    shop.work()
    shop.apply(ON_HOLD)
    shop.order(net="80.00")
    shop.work()
    assert (reports.late(shop.app.database, shop.merchant), gauge(shop)) == ([], 0)
    assert "LATE" not in doctor(shop, monkeypatch)
    assert shop.rows("SELECT state FROM reward WHERE merchant_id = :merchant ORDER BY id") == [
        {"state": "issued"},
        {"state": "due"},
    ]


@pytest.mark.parametrize(
    ("days", "hours", "late"), [(1, 23, False), (1, 25, True), (3, 71, False), (3, 73, True), (0, 1, True)]
)
def test_the_program_says_how_late_is_too_late(shop: Shop, days: int, hours: int, late: bool) -> None:
    shop.apply({**ON_HOLD, "late_days": days})
    promised(shop, hours)
    assert bool(reports.late(shop.app.database, shop.merchant)) is late
    assert gauge(shop) == late


def test_a_late_promise_is_listed_with_its_delay_and_the_way_to_its_story(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply(ON_HOLD)
    referral = promised(shop, 73)
    said = doctor(shop, monkeypatch)
    assert "LATE by 3 days: 8.00 EUR to the advocate, due: 8.00 EUR to the advocate is promised and held until" in said
    assert f"connector explain {referral}" in said
    (row,) = doctor_data(shop, monkeypatch)["late"]
    assert (row["referral"], row["amount"]) == (str(referral), {"minor": 800, "currency": "EUR"})
    monkeypatch.undo()
    with shop.app.database.begin(shop.merchant) as tx:
        (promise,) = tx.receipts.promises(referral)
    assert promise.late


WHY = {
    "review": ("UPDATE referral SET doubt = 'Two names, one phone.' {where}", "review: Two names, one phone."),
    "held": ("UPDATE reward SET state = 'held', reason = 'no account' {where}", "held: no account"),
    "unknown": ("UPDATE reward SET state = 'unknown', reason = 'no answer' {where}", "unknown: no answer"),
    "away": (
        "UPDATE connection SET state = 'reconnect', state_reason = 'the token was revoked' {where}",
        "connection away: the token was revoked",
    ),
    "tried": ("UPDATE reward SET state = 'approved', reason = 'throttled' {where}", "approved: throttled"),
}


@pytest.mark.parametrize("cause", WHY)
def test_why_it_is_late_is_said(shop: Shop, cause: str) -> None:
    shop.apply(ON_HOLD)
    promised(shop, 48)
    change, why = WHY[cause]
    shop.rows(change.format(where="WHERE merchant_id = :merchant RETURNING id"))
    assert [each.why for each in reports.late(shop.app.database, shop.merchant)] == [why]


@pytest.mark.parametrize("state", ["issued", "void", "refused"])
def test_what_is_over_is_late_no_more(shop: Shop, state: str) -> None:
    shop.apply(ON_HOLD)
    promised(shop, 48)
    shop.rows("UPDATE reward SET state = :state WHERE merchant_id = :merchant RETURNING id", state=state)
    assert (reports.late(shop.app.database, shop.merchant), gauge(shop)) == ([], 0)


def test_the_gauge_counts_every_merchant_and_each_sees_only_their_own(shop: Shop) -> None:
    shop.apply(ON_HOLD)
    promised(shop, 48)
    stranger = merchants.ensure(shop.app.database, "Ben's Bikes")
    assert reports.late(shop.app.database, stranger) == []
    assert gauge(shop) == 1


def test_while_the_database_is_away_the_counters_are_told_and_the_gauge_has_no_number(shop: Shop) -> None:
    settings = shop.app.settings.model_copy(
        update={"database_url": "postgresql+psycopg://connector@127.0.0.1:9/connector?connect_timeout=2"}
    )
    with App(settings, shop.app.environ, shop.app.adapters, ExitStack()) as app:
        answer = create_app(app).test_client().get("/metrics")
    assert answer.status_code == 200
    assert "connector_late_rewards NaN" in answer.text and "connector_deliveries_total" in answer.text


def test_a_review_that_nobody_took_up_in_time_is_listed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.apply({**ON_HOLD, "review": {"when": "always", "within_days": 0}})
    shop.order(net="80.00")
    shop.work()
    (row,) = reports.overdue(shop.app.database, shop.merchant)
    said = doctor(shop, monkeypatch)
    assert "review OVERDUE since" in said and "A person looks at every referral of this program." in said
    assert f"connector judge approve|decline {row['referral']} --reason WHY" in said


# ── What it costs ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_budget_warns_from_the_percentage_that_the_merchant_chose(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.apply({**PROGRAM, "budget": {"amount": "20.00 EUR", "warn_percent": 80}})
    shop.order(net="80.00")
    shop.work()
    assert reports.budgets(shop.app.database, shop.merchant) == []
    shop.order(net="80.00")
    shop.work()
    (found,) = reports.budgets(shop.app.database, shop.merchant)
    assert (found.program, str(found.spent), found.percent) == ("tea-friends", "16.00 EUR", 80)
    assert "budget of tea-friends: 16.00 EUR of 20.00 EUR is promised, 80 %" in doctor(shop, monkeypatch)


def test_liability_is_what_was_issued_less_what_was_redeemed_expired_and_reversed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert reports.liability(shop.app.database, shop.merchant) == []
    order = shop.order(net="80.00")
    shop.work()
    shop.change(order, "refund", amount="20.00")
    shop.order(net="300.00")
    shop.work()
    reward = UUID(str(shop.rows("SELECT id FROM reward WHERE merchant_id = :merchant ORDER BY id DESC")[0]["id"]))
    with shop.app.database.begin(shop.merchant) as tx:
        tx.ledger.post(ledger.redeemed("some of it", Money(1000, "EUR")), reward=reward)
        tx.ledger.post(ledger.expired("the rest", Money(250, "EUR")), reward=reward)
        tx.ledger.post(ledger.issued("in yen", Money(77, "JPY")), reward=reward)
    said = doctor(shop, monkeypatch)
    parts = "38.00 EUR issued - 10.00 EUR redeemed - 2.50 EUR expired - 2.00 EUR reversed"
    assert f"liability 23.50 EUR = {parts}" in said
    assert "liability 77 JPY = 77 JPY issued" in said
    assert (
        -shop.rows("SELECT sum(amount)::int AS sum FROM posting WHERE book = 'issued' AND currency = 'EUR'")[0]["sum"]
        == 2350
    )


# ── Care ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_doctor_says_which_friends_need_somebody_and_what_to_do(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, unhappy = shop.order(net="50.00"), shop.order(net="80.00")
    shop.work()
    assert "care for" not in doctor(shop, monkeypatch)
    shop.change(unhappy, "refund", amount="20.00")
    shop.work()
    with shop.app.database.begin(shop.merchant) as tx:
        ((referral,), (other,)) = tx.receipts.find(unhappy), tx.receipts.find(content)
        story = tx.referrals.story(other)
        assert story is not None
        tx.truths.tell(shop.connection, [CareRaised(story.referral.ref, tx.now(), tx.now(), "ticket", still=True)])
    said = doctor(shop, monkeypatch)
    assert f"care for the friend of referral {referral}: 20.00 EUR of their purchase went back. Ask them" in said
    assert f"care for the friend of referral {other}: They have an open ticket. See that" in said
    assert {each["referral"] for each in doctor_data(shop, monkeypatch)["care"]} == {str(referral), str(other)}


def test_an_old_refund_is_history_and_an_old_ticket_is_not(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    order = shop.order(net="80.00")
    shop.work()
    with shop.app.database.begin(shop.merchant) as tx:
        (referral,) = tx.receipts.find(order)
        story, now = tx.referrals.story(referral), tx.now()
        assert story is not None
        ref, fresh, stale = story.referral.ref, now - timedelta(days=29), now - timedelta(days=31)
        tx.truths.tell(shop.connection, [OrderRefunded(ref, stale, stale, "r1", Money(500, "EUR"))])
    assert "care for" not in doctor(shop, monkeypatch)
    with shop.app.database.begin(shop.merchant) as tx:
        tx.truths.tell(shop.connection, [CareRaised(ref, stale, stale, "ticket", still=True)])
    assert "open ticket" in doctor(shop, monkeypatch)
    with shop.app.database.begin(shop.merchant) as tx:
        tx.truths.tell(shop.connection, [OrderRefunded(ref, fresh, fresh, "r2", Money(500, "EUR"))])
    assert "10.00 EUR of their purchase went back." in doctor(shop, monkeypatch)
