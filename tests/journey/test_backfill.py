"""History: orders that advocates brought before the app was there to hear of them are found, once, and cheaply."""

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from adapters.shopify.outbound import history as gathered
from connector.cli import history as command
from connector.errors import ConfigError
from connector.journey import backfill
from connector.journey.desk import Lane
from connector.lanes import due
from connector.ports.history import Chapter
from tests.shop import DOMAIN, Shop

DAYS = timedelta(days=60)
RUN, LOOK = "bulkOperationRunQuery", "bulkOperation"


def past(shop: Shop, number: int, *, days: float = 20, **more: Any) -> list[str]:
    """Orders of long ago, of which no webhook ever told us."""
    at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    return [shop.order(deliver=False, created_at=at, **more) for _ in range(number)]


def stranger(shop: Shop) -> dict[str, Any]:
    """An order without a sign of a referral."""
    return {"email": "stranger@example.org", "landing_site": "/", "visits": []}


def signed(shop: Shop) -> dict[str, Any]:
    return {"visits": [{"landing_page": shop.landing(), "minutes_ago": 5}]}


def bulk(shop: Shop, **more: Any) -> None:
    shop.client.control("bulk", shop=DOMAIN, **more)


def begin(shop: Shop, reach: timedelta = DAYS) -> backfill.Begun:
    return backfill.begin(shop.app.desk, shop.merchant, shop.connection, reach)


def work(shop: Shop) -> None:
    """Work until nothing is left; looks that would wait are taken at once."""
    for _ in range(40):
        shop.rows(
            "UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant AND what = 'backfill'"
            " AND state = 'open' RETURNING 1"
        )
        for lane in due.lanes(shop.app.database):
            shop.app.workshop.work(lane.id)
        if reading(shop)["ended_at"]:
            break
    shop.work()


def reading(shop: Shop) -> dict[str, Any]:
    (row,) = shop.rows("SELECT * FROM backfill WHERE merchant_id = :merchant")
    return row


def calls(shop: Shop) -> Counter[str]:
    return Counter(shop.client.book()["calls"])


@pytest.fixture(autouse=True)
def quick(shop: Shop) -> None:
    bulk(shop, looks=1)


def test_thirty_of_a_thousand_past_orders_are_found_with_few_calls(shop: Shop) -> None:
    # The stand-in gathers a thousand orders within the one call; a machine under load needs its time for that.
    shop.app = shop.another_app(CALL_SECONDS="30", QUIET_SECONDS="30", LEASE_SECONDS="60")
    for place in range(1000):
        past(shop, 1, days=place / 20, **(signed(shop) if place % 33 == 0 and place < 990 else stranger(shop)))
    before = calls(shop)
    begin(shop)
    work(shop)
    spent = calls(shop) - before
    assert (reading(shop)["seen"], reading(shop)["total"], reading(shop)["signed"]) == (1000, 1000, 30)
    assert reading(shop)["reason"] == ""
    assert (len(shop.credits()), shop.stages()) == (30, ["rewarded"] * 30)
    assert (spent[RUN], spent[LOOK]) == (1, 1), spent
    # 30 orders in two calls; the others read records before they are written.
    assert spent["nodes"] <= 2 + spent["metafieldsSet"], spent
    assert shop.rows("SELECT count(*) AS n FROM truth WHERE merchant_id = :merchant")[0]["n"] == 1000


def test_orders_that_are_nobodys_are_not_looked_at_again(shop: Shop) -> None:
    (order,) = past(shop, 1, **stranger(shop))
    begin(shop)
    work(shop)
    before = calls(shop)
    shop.deliver(order, "orders/create", "orders/paid")
    shop.work()
    assert calls(shop) == before
    begin(shop)
    work(shop)
    assert (calls(shop) - before)["nodes"] == 0


def test_every_sign_counts_a_code_a_note_in_the_cart_and_a_visit(shop: Shop) -> None:
    past(shop, 1, discounts=[{"kind": "code", "name": shop.code, "amount": "1.00"}], visits=[])
    past(shop, 1, attributes={"ref": shop.code}, landing_site="/")
    past(shop, 1, **signed(shop))
    past(shop, 1, discounts=[{"kind": "code", "name": "AUTUMN", "amount": "1.00"}], visits=[])
    begin(shop)
    work(shop)
    assert (reading(shop)["seen"], reading(shop)["signed"], len(shop.stages())) == (4, 3, 3)


def test_an_order_whose_visits_are_still_being_worked_out_is_looked_at_later(shop: Shop) -> None:
    past(shop, 1, journey_ready_after=2, **signed(shop))
    begin(shop)
    work(shop)
    assert reading(shop)["signed"] == 0
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant AND what = 'look' RETURNING 1")
    shop.work()
    assert len(shop.credits()) == 1


def test_an_order_that_was_rewarded_already_is_not_rewarded_again(shop: Shop) -> None:
    shop.order(**signed(shop))
    shop.work()
    begin(shop)
    work(shop)
    assert (len(shop.credits()), shop.stages()) == (1, ["rewarded"])


# ── What goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_process_that_dies_after_any_step_loses_nothing_and_pays_nothing_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathered, "PART", 2048)  # a few orders at a time
    for place in range(40):
        past(shop, 1, **(signed(shop) if place % 4 == 0 else stranger(shop)))
    begin(shop)
    places = []
    for _ in range(30):  # each time another process takes one step and is gone
        app = shop.another_app()
        claim = app.workshop.lanes.claim(f"c:{shop.connection}")
        assert claim is not None
        backfill.backfill_due(app.desk, app.workshop._lane(claim))
        app.workshop.lanes.release(claim)
        app.database.engine.dispose()
        places.append(reading(shop)["place"])
        shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant RETURNING 1")
    assert len(set(places)) > 4
    # The last page once more, as after a crash between reading it and saving that it was read.
    shop.rows("UPDATE backfill SET ended_at = NULL, place = :place RETURNING 1", place=places[3])
    with shop.app.database.begin(shop.merchant) as tx:
        tx.tasks.mark(f"c:{shop.connection}", "backfill", [backfill.ALL])
    work(shop)
    assert (reading(shop)["seen"], len(shop.credits())) == (40, 10)


def test_a_worker_that_comes_late_counts_no_page_twice(shop: Shop) -> None:
    past(shop, 3, **signed(shop))
    begin(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        stale = tx.backfills.get(shop.connection)
    assert stale is not None
    backfill.backfill_due(shop.app.desk, Lane(shop.merchant, shop.connection, shop.app.desk.platforms["shopify"]))
    with shop.app.database.begin(shop.merchant) as tx:
        assert not tx.backfills.turn(shop.connection, stale, Chapter("elsewhere", 3, done=True), 3)
    assert (reading(shop)["signed"], reading(shop)["ended_at"]) == (0, None)
    work(shop)
    assert (reading(shop)["signed"], reading(shop)["seen"]) == (3, 3)


@pytest.mark.parametrize("error", ["INTERNAL_SERVER_ERROR", "TIMEOUT"])
def test_an_operation_that_failed_begins_again_and_what_it_left_behind_is_not_trusted(shop: Shop, error: str) -> None:
    past(shop, 6, **signed(shop))
    bulk(shop, looks=1, error=error)
    begin(shop)
    work(shop)
    assert (reading(shop)["failures"], reading(shop)["seen"], reading(shop)["signed"]) == (1, 6, 6)
    assert len(shop.credits()) == 6


def test_after_four_beginnings_it_ends_with_the_reason(shop: Shop) -> None:
    past(shop, 2, **signed(shop))
    begin(shop)
    for _ in range(20):
        bulk(shop, looks=1, error="TIMEOUT")
        shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant RETURNING 1")
        for lane in due.lanes(shop.app.database):
            shop.app.workshop.work(lane.id)
    assert "FAILED TIMEOUT" in reading(shop)["reason"]
    assert (calls(shop)[RUN], reading(shop)["ended_at"] is not None) == (4, True)
    begin(shop)
    bulk(shop, looks=1)
    work(shop)
    assert (reading(shop)["reason"], len(shop.credits())) == ("", 2)


def test_a_lost_answer_to_the_beginning_waits_for_the_operation_and_begins_again(shop: Shop) -> None:
    past(shop, 3, **signed(shop))
    shop.fault("cut_after", RUN)
    begin(shop)
    for _ in range(3):
        shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant RETURNING 1")
        for lane in due.lanes(shop.app.database):
            shop.app.workshop.work(lane.id)
    assert (reading(shop)["place"], reading(shop)["failures"]) == ("", 1)
    shop.client.control("clock", advance_s=700)  # nobody knows its id; it ends by itself
    work(shop)
    assert (reading(shop)["reason"], len(shop.credits())) == ("", 3)


@pytest.mark.parametrize("fault", ["5xx_before", "cut_before", "html_200"])
@pytest.mark.parametrize("operation", [LOOK, "bulk_file"])
def test_a_look_or_a_file_that_fails_is_tried_again(shop: Shop, operation: str, fault: str) -> None:
    past(shop, 3, **signed(shop))
    shop.fault(fault, operation)
    begin(shop)
    work(shop)
    assert (reading(shop)["reason"], len(shop.credits())) == ("", 3)


def test_money_is_not_kept_waiting_by_history(shop: Shop) -> None:
    past(shop, 3, **stranger(shop))
    shop.fault("5xx_before", "bulk_file", count=50)
    begin(shop)
    shop.order()
    end = time.monotonic() + 20
    while not shop.credits() and time.monotonic() < end:
        shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant RETURNING 1")
        for lane in due.lanes(shop.app.database):
            shop.app.workshop.work(lane.id)
    assert (len(shop.credits()), reading(shop)["ended_at"]) == (1, None)
    (lane,) = shop.rows("SELECT failures FROM lane WHERE merchant_id = :merchant AND platform <> ''")
    assert lane["failures"] == 0, "a file server that is down says nothing about the platform that pays"


def test_an_app_that_may_not_read_orders_says_what_to_grant(shop: Shop) -> None:
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=["write_discounts"], send=False)
    begin(shop)
    work(shop)
    assert "access" in reading(shop)["reason"].lower() or "grant" in reading(shop)["reason"].lower()


# ── What people see ──────────────────────────────────────────────────────────────────────────────────────────────


def test_beyond_sixty_days_needs_a_permission_and_says_so(shop: Shop) -> None:
    shop.rows(
        "UPDATE connection SET scopes = array_remove(scopes, 'read_all_orders') WHERE merchant_id = :merchant RETURNING 1"
    )
    begun = begin(shop, timedelta(days=400))
    assert "read_all_orders" in begun.remark
    assert timedelta(days=59) < datetime.now(UTC) - begun.since < timedelta(days=61)
    again = begin(shop, timedelta(days=10))
    assert (again.new, again.since) == (False, begun.since)


def test_with_the_permission_it_reads_as_far_as_asked(shop: Shop) -> None:
    shop.rows("UPDATE connection SET scopes = '{read_all_orders}' WHERE merchant_id = :merchant RETURNING 1")
    past(shop, 1, days=300, **signed(shop))
    past(shop, 1, days=500, **signed(shop))
    begun = begin(shop, timedelta(days=400))
    work(shop)
    assert (begun.remark, reading(shop)["seen"]) == ("", 1)


def test_the_command_shows_progress_until_it_is_done(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    past(shop, 4, **signed(shop))
    monkeypatch.setattr(command, "open_app", shop.another_app)
    worker = threading.Timer(1.0, lambda: work(shop))
    worker.start()
    try:
        told = CliRunner().invoke(command.backfill, ["--days", "30"])
    finally:
        worker.join(timeout=30)
    assert told.exit_code == 0, told.output
    assert "4 orders read, 4 of them came through a referral." in told.output


def test_the_command_asks_for_the_account_it_cannot_guess(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "open_app", shop.another_app)
    told = CliRunner().invoke(command.backfill, ["--account", "nobody.example.com"])
    assert isinstance(told.exception, ConfigError)
    assert DOMAIN in str(told.exception)
