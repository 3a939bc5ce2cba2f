"""Work that is due is never lost, done for an older truth, or put off; tokens are rotated by one worker at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from test_store_world import NOW, World, opened, order_truth, world

from connector.domain.facts import OrderPaid
from connector.domain.touch import Source, Touch
from connector.errors import InvariantBroken, NotFound
from connector.ports.inbound import Item
from connector.ports.roster import Newcomer
from connector.ports.rows import Outcome, Standing, Task, connection_lane
from connector.store.database import Tx

LANE, WHAT = "lane", "fetch"
HOUR = timedelta(hours=1)


@pytest.fixture
def shop(database_url: str) -> Iterator[World]:
    database = opened(database_url)
    yield world(database)
    database.engine.dispose()


# ── Tasks ────────────────────────────────────────────────────────────────────────────────────────────────────────


def due(tx: Tx) -> list[Task]:
    return list(tx.tasks.due(LANE, WHAT, 10))


def test_marking_again_raises_the_version_and_keeps_one_row(shop: World) -> None:
    with shop.begin() as tx:
        for _ in range(3):
            tx.tasks.mark(LANE, WHAT, ["order:1", "order:1"])
        assert due(tx) == [Task(LANE, WHAT, "order:1", 3, 0)]


def test_marking_again_never_puts_work_off_and_may_bring_it_forward(shop: World) -> None:
    with shop.begin() as tx:
        tx.tasks.mark(LANE, WHAT, ["now"])
        tx.tasks.mark(LANE, WHAT, ["now"], after=HOUR)
        tx.tasks.mark(LANE, WHAT, ["later"], after=HOUR)
        assert [task.subject for task in due(tx)] == ["now"]
        assert [task.subject for task in tx.tasks.waiting(LANE, WHAT, 10)] == ["now", "later"]
        tx.tasks.mark_at(LANE, WHAT, "later", tx.now())
        assert {task.subject for task in due(tx)} == {"now", "later"}


def test_work_that_was_marked_while_it_was_done_stays_due(shop: World) -> None:
    with shop.begin() as tx:
        tx.tasks.mark(LANE, WHAT, ["order:1", "order:2"])
        read = due(tx)
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        tx.tasks.close(read)
        (left,) = due(tx)
        assert (left.subject, left.version) == ("order:1", 2)
        tx.tasks.close([left])
        tx.tasks.close([])
        assert due(tx) == []


def test_an_older_version_can_neither_be_put_off_nor_parked(shop: World) -> None:
    with shop.begin() as tx:
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        (old,) = due(tx)
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        tx.tasks.later(old, HOUR, "busy")
        tx.tasks.park(old, "broken")
        assert due(tx) == [replace(old, version=2)]


def test_a_task_that_failed_waits_counts_its_tries_and_starts_afresh_when_marked(shop: World) -> None:
    with shop.begin() as tx:
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        tx.tasks.later(due(tx)[0], HOUR, "busy")
        assert due(tx) == []
        (waiting,) = tx.tasks.waiting(LANE, WHAT, 10)
        assert waiting.tries == 1
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        assert due(tx) == [Task(LANE, WHAT, "order:1", 2, 0)]


def test_a_parked_task_rests_until_something_new_is_heard(shop: World) -> None:
    with shop.begin() as tx:
        tx.tasks.mark(LANE, WHAT, ["order:1", "order:2"])
        parked = next(task for task in due(tx) if task.subject == "order:1")
        tx.tasks.park(parked, "the platform does not know it")
        assert [task.subject for task in due(tx)] == ["order:2"]
        assert [task.subject for task in tx.tasks.waiting(LANE, WHAT, 10)] == ["order:2"]
        row = tx.run("SELECT state, reason FROM task WHERE subject = 'order:1'").one()
        assert row == ("parked", "the platform does not know it")
        tx.tasks.mark(LANE, WHAT, ["order:1"])
        assert {task.subject for task in due(tx)} == {"order:1", "order:2"}


def test_lanes_and_kinds_of_work_do_not_mix(shop: World) -> None:
    with shop.begin() as tx:
        for lane, what in ((LANE, WHAT), (LANE, "record"), ("other lane", WHAT)):
            tx.tasks.mark(lane, what, ["order:1"])
        tx.tasks.close(due(tx))
        left = [tuple(row) for row in tx.run("SELECT lane, what FROM task ORDER BY lane")]
        assert left == [(LANE, "record"), ("other lane", WHAT)]


# ── Connections ──────────────────────────────────────────────────────────────────────────────────────────────────


def reinstall(tx: Tx) -> UUID:
    return tx.connections.install(
        "shop", "anna.example.com", "access 2", "refresh 2", NOW, "USD", ["orders", "customers"]
    )


@pytest.mark.parametrize("state", ["active", "reconnect", "removed"])
def test_a_reinstall_reopens_the_same_connection(shop: World, state: str) -> None:
    with shop.begin() as tx:
        before = tx.connections.get(shop.connection)
        tx.connections.doubt(shop.connection, before.token_version)
        assert tx.connections.claim_refresh(shop.connection, before.token_version, HOUR)
        if state != "active":
            tx.connections.close(shop.connection, state, "the merchant removed the app")
    with shop.begin() as tx:
        assert reinstall(tx) == shop.connection
        now = tx.connections.get(shop.connection)
        assert (now.state, now.access, now.refresh, now.currency) == ("active", "access 2", "refresh 2", "USD")
        assert (now.token_version, now.token_expires_at, now.doubted_at) == (2, NOW, None)
        assert now.installed_at > before.installed_at
        assert [c.id for c in tx.connections.all()] == [shop.connection]
        assert tx.connections.claim_refresh(shop.connection, 2, HOUR)
        assert not tx.connections.store_pair(shop.connection, 1, "stale", "stale", None)
    with shop.database.engine.connect() as session:
        lanes = session.execute(
            text("SELECT count(*) FROM lane WHERE id = :id"), {"id": connection_lane(shop.connection)}
        )
        assert lanes.scalar_one() == 1
    owner = shop.database.account("shop", "anna.example.com")
    assert owner is not None and owner.target == shop.connection


def test_a_token_pair_is_refreshed_by_one_worker_a_lease(shop: World) -> None:
    claims = []
    for version, lease in ((2, HOUR), (1, HOUR), (1, HOUR)):
        with shop.begin() as tx:
            claims.append(tx.connections.claim_refresh(shop.connection, version, lease))
    assert claims == [False, True, False]


def test_a_lease_that_ran_out_is_free_for_the_next_worker(shop: World) -> None:
    claims = []
    for lease in (timedelta(0), HOUR, HOUR):
        with shop.begin() as tx:
            claims.append(tx.connections.claim_refresh(shop.connection, 1, lease))
    assert claims == [True, True, False]


def test_a_pair_that_was_rotated_meanwhile_is_not_overwritten(shop: World) -> None:
    with shop.begin() as tx:
        assert tx.connections.claim_refresh(shop.connection, 1, HOUR)
        assert tx.connections.store_pair(shop.connection, 1, "access 2", "refresh 2", NOW)
        assert not tx.connections.store_pair(shop.connection, 1, "access 3", "refresh 3", None)
        found = tx.connections.get(shop.connection)
        assert (found.access, found.refresh, found.token_version) == ("access 2", "refresh 2", 2)
        assert not tx.connections.claim_refresh(shop.connection, 1, HOUR)
        assert tx.connections.claim_refresh(shop.connection, 2, HOUR)


def test_doubt_counts_from_the_first_refusal_of_the_pair_in_use(shop: World) -> None:
    with shop.begin() as tx:
        tx.connections.doubt(shop.connection, 9)
        assert tx.connections.get(shop.connection).doubted_at is None
        tx.connections.doubt(shop.connection, 1)
        first = tx.connections.get(shop.connection).doubted_at
        tx.connections.doubt(shop.connection, 1)
        assert first is not None and tx.connections.get(shop.connection).doubted_at == first
        assert tx.connections.store_pair(shop.connection, 1, "a", "r", None)
        assert tx.connections.get(shop.connection).doubted_at is None


def test_a_removed_app_is_forgotten_for_good_and_one_to_reconnect_is_not(shop: World) -> None:
    with shop.begin() as tx:
        tx.connections.close(shop.connection, "reconnect", "the token was revoked")
        kept = tx.connections.get(shop.connection)
        assert (kept.state, kept.access, kept.refresh) == ("reconnect", "access", "refresh")
        tx.connections.close(shop.connection, "removed", "the merchant removed the app")
        tx.connections.close(shop.connection, "reconnect", "a late answer")
        gone = tx.connections.get(shop.connection)
        assert (gone.state, gone.access, gone.refresh) == ("removed", "", "")
        with pytest.raises(NotFound):
            tx.connections.get(shop.merchant)


def test_tokens_are_in_no_column_in_clear(shop: World) -> None:
    tokens = ("shpat_d41d8cd98f00b204", "refresh_e9800998ecf8427e")
    with shop.begin() as tx:
        tx.connections.install("shop", "anna.example.com", *tokens, None, "EUR", [])
        row = tx.run("SELECT * FROM connection").one()
        found = tx.connections.get(shop.connection)
        assert (found.access, found.refresh) == tokens
    columns = [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    assert len(columns) > 10
    for clear in (token.encode() for token in tokens):
        for spelling in (clear, clear.hex().encode(), base64.b64encode(clear), clear[:8]):
            assert not [column for column in columns if spelling in column]


# ── Deliveries and truths ────────────────────────────────────────────────────────────────────────────────────────


def test_a_delivery_is_kept_once_sealed_and_told_apart_from_what_we_cannot_read(shop: World) -> None:
    body = b'{"email": "ben@example.com"}' * 20
    items = [
        Item("anna.example.com", "orders", key, body, known=key != "unknown") for key in ("a", "b", "a", "unknown")
    ]
    with shop.begin() as tx:
        assert tx.deliveries.add(shop.connection, "shop", items) == 3
        assert tx.deliveries.add(shop.connection, "shop", items) == 0
        waiting = tx.deliveries.waiting(10)
        assert [(d.topic, d.body) for d in waiting] == [("orders", body)] * 2
        sealed = tx.run("SELECT body_sealed FROM delivery").scalars().all()
        assert not [s for s in sealed if b"example.com" in bytes(s)]
        tx.deliveries.finish(
            [Outcome(waiting[0].id, "taken", "an order"), Outcome(waiting[1].id, "unreadable", "no JSON", parked=True)]
        )
        assert tx.deliveries.waiting(10) == []
        states = [tuple(row) for row in tx.run("SELECT state, reason FROM delivery ORDER BY state")]
        assert states == [("done", "an order"), ("parked", "no JSON"), ("quarantined", "this topic is not read")]


def test_an_older_truth_that_arrives_late_replaces_nothing(shop: World) -> None:
    ref = shop.referral.ref
    new, old = order_truth(ref, NOW, net=8_000), order_truth(ref, NOW - HOUR, net=10_000)
    with shop.begin() as tx:
        assert tx.truths.get(shop.connection, ref) is None
        assert tx.truths.save(shop.connection, new, shop.ben)
        assert not tx.truths.save(shop.connection, old, shop.anna)
        saved = tx.truths.get(shop.connection, ref)
        assert saved is not None and (saved.truth.as_of, saved.person) == (NOW, shop.ben)
        assert tx.truths.facts(shop.connection, ref) == new.facts
        assert tx.truths.standing({(shop.connection, ref)}) == {(shop.connection, ref): Standing.REFERRED}


def test_facts_are_added_only_where_they_say_something_new(shop: World) -> None:
    ref = shop.referral.ref
    nets = (10_000, 10_000, 8_000, 8_000, 10_000)
    with shop.begin() as tx:
        for hours, net in enumerate(nets):
            assert tx.truths.save(shop.connection, order_truth(ref, NOW + hours * HOUR, net), shop.ben)
        kept = tx.truths.facts(shop.connection, ref)
    assert [fact.net.minor for fact in kept if isinstance(fact, OrderPaid)] == [10_000, 8_000, 10_000]
    assert len(kept) == 3


def test_evidence_that_only_the_delivery_carried_stands_as_first_told(shop: World) -> None:
    ref = shop.referral.ref
    first, second = (Touch(Source.LANDING_SITE, code, NOW, medium="email") for code in ("FIRST", "SECOND"))
    with shop.begin() as tx:
        assert tx.truths.noted(shop.connection, ref) == ()
        tx.truths.note(shop.connection, ref, [first])
        tx.truths.note(shop.connection, ref, [second])
        assert tx.truths.noted(shop.connection, ref) == (first,)


# ── Programs and codes ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_decision_keeps_the_version_of_the_program_it_was_made_under(shop: World) -> None:
    with shop.begin() as tx:
        (before,) = tx.programs.current()
        same = tx.programs.apply({"name": "Friends", "advocate": {"amount": "10.00 EUR"}})
        assert (same.id, same.version) == (before.id, before.version)
        after = tx.programs.apply({"name": "Friends", "advocate": {"amount": "5.00 EUR"}})
        assert (after.id, after.version) == (before.id, before.version + 1)
        assert tx.programs.pinned(before.id, before.version) == before.program
        assert tx.programs.current() == [after]


def test_an_advocate_has_one_code_and_nobody_else_can_take_it(shop: World) -> None:
    with shop.begin() as tx:
        enrolled = tx.roster.enrol(shop.referral.program, [Newcomer(shop.anna), Newcomer(shop.ben)])
        anna, ben = enrolled[shop.anna], enrolled[shop.ben]
        assert (anna.id, anna.code, anna.new, anna.token) == (shop.advocate, shop.code, False, "")
        other, code = ben.id, ben.code
        assert other != shop.advocate and code != shop.code
        assert not tx.roster.add_codes([(shop.advocate, "anna-10", "vanity")])
        hints = [shop.code.lower(), " Anna-10 ", code, "nobody"]
        found = tx.programs.advocates(hints)
        assert {hint: advocate.id for hint, advocate in found.items()} == {
            hints[0]: shop.advocate,
            hints[1]: shop.advocate,
            hints[2]: other,
        }
        assert tx.roster.add_codes([(other, "ANNA-10", "redeem")]) == {(other, "ANNA-10")}
        assert tx.programs.advocates(["anna-10"])["anna-10"].id == shop.advocate


def test_stored_facts_of_an_unknown_kind_stop_the_work_instead_of_being_skipped(shop: World) -> None:
    with shop.begin() as tx:
        tx.truths.save(shop.connection, order_truth(), shop.ben)
        tx.run(
            """INSERT INTO fact (id, merchant_id, connection_id, object_kind, external_id, key, as_of, data)
               SELECT gen_random_uuid(), merchant_id, connection_id, object_kind, external_id, 'x', as_of,
                   data || '{"is": "FromTheFuture"}' FROM fact"""
        )
        with pytest.raises(InvariantBroken, match="FromTheFuture"):
            tx.truths.facts(shop.connection, order_truth().ref)
