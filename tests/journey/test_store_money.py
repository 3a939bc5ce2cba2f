"""What was paid stays written, once: the database itself refuses a one-sided, changed or doubled movement of money."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from test_store_world import MINUTE, NOW, TEN, World, furnish, opened, person, world

from connector.domain import ledger
from connector.domain.case import Plan
from connector.domain.money import Money
from connector.errors import InvariantBroken
from connector.ports.rows import Answer, Attempt, AttemptState, RewardState
from connector.store import reports
from connector.store.base import new_id

DONE = Answer(AttemptState.DONE, "transaction/1", "account/1")
NOT_DONE = Answer(AttemptState.NOT_DONE, reason="refused the connection")


@pytest.fixture
def shop(database_url: str) -> Iterator[World]:
    database = opened(database_url)
    yield world(database)
    database.engine.dispose()


@pytest.fixture
def story(shop: World) -> World:
    furnish(shop)
    return shop


def begun(attempt: Attempt | None) -> Attempt:
    assert attempt is not None
    return attempt


def reward_state(shop: World) -> str:
    with shop.begin() as tx:
        return str(tx.run("SELECT state FROM reward WHERE id = :id", id=shop.reward).scalar_one())


# ── The ledger ───────────────────────────────────────────────────────────────────────────────────────────────────


def _post_raw(shop: World, *amounts: tuple[int, str]) -> None:
    """Postings past the domain's own check, as a bug or a console would write them."""
    with shop.begin() as tx:
        batch = new_id()
        tx.run(
            "INSERT INTO batch (id, merchant_id, key, memo, reward_id) VALUES (:id, :merchant, :key, 'raw', :reward)",
            id=batch,
            key=str(batch),
            reward=shop.reward,
        )
        for line, (amount, currency) in enumerate(amounts):
            tx.run(
                "INSERT INTO posting (batch_id, merchant_id, line, book, amount, currency)"
                " VALUES (:batch, :merchant, :line, 'cost', :amount, :currency)",
                batch=batch,
                line=line,
                amount=amount,
                currency=currency,
            )
        assert tx.run("SELECT count(*) FROM posting WHERE batch_id = :id", id=batch).scalar_one() == len(amounts)


@pytest.mark.parametrize(
    "lines",
    [[(1000, "EUR")], [(1000, "EUR"), (-999, "EUR")], [(1000, "EUR"), (-1000, "USD")]],
    ids=["one-sided", "a cent short", "across currencies"],
)
def test_the_database_refuses_a_batch_that_does_not_balance_when_it_is_committed(
    shop: World, lines: list[tuple[int, str]]
) -> None:
    _post_raw(shop, (1000, "EUR"), (-1000, "EUR"))
    with pytest.raises(InvariantBroken, match="does not sum to zero"):
        _post_raw(shop, *lines)
    with shop.begin() as tx:
        assert tx.run("SELECT count(*), sum(amount) FROM posting").one() == (2, 0)
        assert tx.run("SELECT count(*) FROM batch").scalar_one() == 1


def test_a_line_added_to_a_balanced_batch_later_is_refused(story: World) -> None:
    with pytest.raises(InvariantBroken, match="does not sum to zero"), story.begin() as tx:
        tx.run(
            """INSERT INTO posting (batch_id, merchant_id, line, book, amount, currency)
               SELECT batch_id, merchant_id, 9, book, 1, currency FROM posting LIMIT 1"""
        )


def test_one_event_is_posted_once_however_often_it_is_told(shop: World) -> None:
    with shop.begin() as tx:
        tx.ledger.post(ledger.issued("event", TEN), reward=shop.reward)
    with pytest.raises(InvariantBroken, match="batch_merchant_id_key_key"), shop.begin() as tx:
        tx.ledger.post(ledger.issued("event", TEN), reward=shop.reward)
    with shop.begin() as tx:
        postings = [tuple(row) for row in tx.run("SELECT book, amount, currency FROM posting ORDER BY line")]
        assert postings == [("payable", 1000, "EUR"), ("issued", -1000, "EUR")]


def allowed(shop: World, statements: Iterable[str]) -> list[str]:
    """Those that the database lets pass, each tried in a transaction of its own and taken back."""
    passed = []
    for statement in statements:
        with contextlib.suppress(InvariantBroken), shop.begin() as tx:
            changed = tx.run(statement).rowcount
            assert changed
            passed.append(statement)
            tx.session.rollback()
    return passed


def test_history_can_be_added_to_and_never_rewritten(story: World) -> None:
    tables = ("posting", "batch", "fact", "conversion", "program_version")
    updates = [f"UPDATE {table} SET merchant_id = merchant_id" for table in tables]
    assert allowed(story, updates + [f"DELETE FROM {table}" for table in (*tables, "attempt")]) == []
    with pytest.raises(InvariantBroken, match="posting is append-only: corrections are new rows"), story.begin() as tx:
        tx.run(updates[0])


def test_history_cannot_be_emptied_either(story: World) -> None:
    tables = ("posting", "fact", "conversion", "batch", "program_version", "attempt")
    assert allowed(story, [f"TRUNCATE {table} CASCADE" for table in tables]) == []


# ── Attempts ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_an_attempt_moves_is_pinned(shop: World) -> None:
    begun(shop.attempt(shop.claim()))
    changes = [
        "connection_id = gen_random_uuid()",
        "reward_id = gen_random_uuid()",
        "reversal_id = gen_random_uuid()",
        "direction = 'debit'",
        "owner = 'customer/2'",
        "amount = amount + 1",
        "currency = 'USD'",
        "marker = 'other'",
        "expires_at = clock_timestamp()",
        "since = since + interval '1 second'",
        "deadline_at = deadline_at + interval '1 second'",
        "readback_at = readback_at + interval '1 second'",
        "epoch = epoch + 1",
    ]
    assert allowed(shop, [f"UPDATE attempt SET {change}" for change in changes]) == []
    assert allowed(shop, ["UPDATE attempt SET reason = 'read back'"])
    with pytest.raises(InvariantBroken, match="an attempt is pinned"), shop.begin() as tx:
        tx.run("UPDATE attempt SET amount = amount + 1")


def test_which_attempt_it_is_and_what_kind_of_credit_it_moves_is_pinned(shop: World) -> None:
    begun(shop.attempt(shop.claim()))
    changes = ("capability = 'code'", "id = gen_random_uuid()")
    assert allowed(shop, [f"UPDATE attempt SET {change}" for change in changes]) == []


@pytest.mark.parametrize("final", ["done", "not_done", "refused", "gone"])
def test_the_answer_of_a_call_is_final(shop: World, final: str) -> None:
    claim = shop.claim()
    assert shop.settle(begun(shop.attempt(claim)), claim, replace(DONE, state=AttemptState(final)))
    others = [state for state in AttemptState if state != final]
    assert allowed(shop, [f"UPDATE attempt SET state = '{state}'" for state in others]) == []


def test_the_platforms_transaction_in_an_answer_is_final_too(shop: World) -> None:
    claim = shop.claim()
    assert shop.settle(begun(shop.attempt(claim)), claim, DONE)
    changes = ("transaction = 'transaction/9'", "transaction = NULL", "answered_at = NULL", "holder = 'account/9'")
    assert allowed(shop, [f"UPDATE attempt SET {change}" for change in changes]) == []


def test_an_unknown_effect_can_be_settled_but_never_opened_again(shop: World) -> None:
    claim = shop.claim()
    attempt = begun(shop.attempt(claim))
    assert shop.settle(attempt, claim, Answer(AttemptState.UNKNOWN, reason="the answer never came"))
    with pytest.raises(InvariantBroken, match="final"), shop.begin() as tx:
        tx.run("UPDATE attempt SET state = 'open'")
    assert shop.settle(attempt, claim, DONE)
    assert reward_state(shop) == "issued"


def test_an_account_has_one_open_effect_and_the_next_one_waits_unharmed(shop: World) -> None:
    claim, second = shop.claim(), shop.another_reward()
    with shop.begin() as tx:
        first_move, second_move = sorted(
            tx.rewards.movable(shop.connection, 10), key=lambda m: m.reward.id != shop.reward
        )
    first = begun(shop.attempt(claim, first_move, "customer/1"))
    assert shop.attempt(claim, second_move, "customer/1") is None
    with shop.begin() as tx:
        assert tx.run("SELECT state, tries, attempt_id FROM reward WHERE id = :id", id=second).one() == (
            "approved",
            0,
            None,
        )
    assert shop.settle(first, claim, Answer(AttemptState.UNKNOWN))
    assert shop.attempt(claim, second_move, "customer/1") is None
    assert shop.settle(first, claim, DONE)
    assert begun(shop.attempt(claim, second_move, "customer/1")).state is AttemptState.OPEN


def test_another_account_does_not_wait(shop: World) -> None:
    claim = shop.claim()
    shop.another_reward()
    with shop.begin() as tx:
        moves = tx.rewards.movable(shop.connection, 10)
    assert [begun(shop.attempt(claim, move, f"customer/{n}")).reward for n, move in enumerate(moves)] == [
        move.reward.id for move in moves
    ]
    assert len(moves) == 2


def test_the_database_itself_refuses_a_second_open_effect_on_an_account(shop: World) -> None:
    begun(shop.attempt(shop.claim()))
    with pytest.raises(InvariantBroken, match="attempt_one_open"), shop.begin() as tx:
        tx.run(
            """INSERT INTO attempt SELECT (jsonb_populate_record(attempt, jsonb_build_object('id', gen_random_uuid()))).*
               FROM attempt"""
        )


def test_one_platform_transaction_settles_one_row(shop: World) -> None:
    claim, second = shop.claim(), shop.another_reward()
    assert second != shop.reward
    with shop.begin() as tx:
        moves = tx.rewards.movable(shop.connection, 10)
    first, other = (begun(shop.attempt(claim, move, f"customer/{n}")) for n, move in enumerate(moves))
    assert shop.settle(first, claim, DONE)
    with pytest.raises(InvariantBroken, match="attempt_transaction"):
        shop.settle(other, claim, DONE)
    with shop.begin() as tx:
        assert tx.attempts.claimed(shop.connection, DONE.transaction, but=other.effect.id)
        assert not tx.attempts.claimed(shop.connection, DONE.transaction, but=first.effect.id)
        states = {row.id: row.state for row in tx.run("SELECT id, state FROM reward")}
        assert states == {first.reward: "issued", other.reward: "sending"}
    assert shop.settle(other, claim, replace(DONE, transaction="transaction/2"))


def test_a_worker_who_lost_the_lane_settles_nothing_and_its_answer_is_kept(shop: World) -> None:
    claim = shop.claim()
    attempt = begun(shop.attempt(claim))
    with shop.begin() as tx:
        tx.run("UPDATE lane SET epoch = epoch + 1 WHERE id = :lane", lane=claim.lane)
    assert not shop.settle(attempt, claim, DONE)
    with shop.begin() as tx:
        row = tx.run("SELECT state, transaction, late_state, late_transaction FROM attempt").one()
        assert row == ("open", None, "done", "transaction/1")
    assert reward_state(shop) == "sending"


def test_what_a_reader_found_who_lost_the_lane_is_dropped(shop: World) -> None:
    """It may be what the next attempt did. Were it kept, that one would pass for another's, and be sent again."""
    claim = shop.claim()
    first = begun(shop.attempt(claim))
    assert shop.settle(first, claim, NOT_DONE)
    second = begun(shop.attempt(claim))
    assert not shop.settle(first, claim, replace(DONE, found=True))
    with shop.begin() as tx:
        assert not tx.attempts.claimed(shop.connection, DONE.transaction, but=second.effect.id)
        assert tx.run("SELECT count(*) FROM surplus").scalar_one() == 0
        assert tx.run("SELECT late_state FROM attempt WHERE id = :id", id=first.effect.id).scalar_one() is None
    assert shop.settle(second, claim, replace(DONE, found=True))


def test_a_late_done_after_a_second_send_is_a_surplus_to_look_at(story: World) -> None:
    with story.begin() as tx:
        assert tx.run("SELECT transaction, amount, currency FROM surplus").one() == ("transaction/1", 1000, "EUR")
        assert sorted(tx.run("SELECT state FROM attempt").scalars()) == ["done", "not_done"]
        assert tx.run("SELECT state, transaction FROM reward").one() == ("issued", "transaction/2")


@pytest.mark.parametrize("told", ["before", "after"])
def test_a_late_done_of_the_movement_that_its_successor_made_is_no_surplus(shop: World, told: str) -> None:
    """Both name one and the same movement, as where a key of ours lets it happen once: nothing is to be looked at."""
    claim = shop.claim()
    first = begun(shop.attempt(claim))
    assert shop.settle(first, claim, NOT_DONE)
    second = begun(shop.attempt(claim))
    for attempt in (first, second) if told == "before" else (second, first):
        shop.settle(attempt, claim, DONE)
    assert reports.totals(shop.database, shop.merchant)["surplus"] == {"found": 0}
    assert reward_state(shop) == "issued"


def test_a_late_done_of_another_movement_is_a_surplus(shop: World) -> None:
    claim = shop.claim()
    first = begun(shop.attempt(claim))
    assert shop.settle(first, claim, NOT_DONE)
    assert shop.settle(begun(shop.attempt(claim)), claim, DONE)
    shop.settle(first, claim, replace(DONE, transaction="transaction/2"))
    assert reports.totals(shop.database, shop.merchant)["surplus"] == {"found": 1}


def test_a_call_never_outlives_the_lease_it_is_made_under_and_is_read_back_only_after_its_quiet_time(
    shop: World,
) -> None:
    claim, day = shop.claim(), timedelta(days=1)
    attempt = begun(shop.attempt(claim, deadline=day, quiet=MINUTE))
    # The rest of the lease is counted on this machine's clock, so the statement's way to the server may come on top.
    assert attempt.deadline_at < claim.ends_at + timedelta(seconds=30)
    with shop.begin() as tx:
        quiet = tx.run("SELECT readback_at - deadline_at FROM attempt").scalar_one()
        assert MINUTE <= quiet < MINUTE + timedelta(seconds=30)
        assert tx.attempts.overdue(shop.connection) == []


def test_only_what_was_quiet_for_long_enough_is_read_back(shop: World) -> None:
    claim, none = shop.claim(), timedelta(0)
    attempt = begun(shop.attempt(claim, deadline=none, quiet=none))
    with shop.begin() as tx:
        assert [found.effect for found in tx.attempts.overdue(shop.connection)] == [attempt.effect]
        tx.attempts.need_person(attempt, "two credits look alike")
        assert tx.attempts.overdue(shop.connection) == []


def test_a_reward_that_changed_since_it_was_read_is_not_sent(shop: World) -> None:
    stale = shop.movement()
    with shop.begin() as tx:
        (reward,) = tx.rewards.of(shop.referral.id)
        assert tx.rewards.change(reward, None, Money(500, "EUR"), RewardState.APPROVED, "partly refunded", None)
    assert shop.attempt(shop.claim(), stale) is None
    assert shop.movement().amount == Money(500, "EUR")


@pytest.mark.parametrize("answer", [None, Answer(AttemptState.UNKNOWN), DONE], ids=["under way", "unknown", "paid"])
def test_a_reward_that_may_have_been_paid_is_never_changed(shop: World, answer: Answer | None) -> None:
    claim = shop.claim()
    attempt = begun(shop.attempt(claim))
    if answer:
        assert shop.settle(attempt, claim, answer)
    with shop.begin() as tx:
        (reward,) = tx.rewards.of(shop.referral.id)
        assert not tx.rewards.change(reward, None, Money(1, "EUR"), RewardState.VOID, "too late", None)
        assert tx.rewards.of(shop.referral.id)[0] == reward


def test_a_reward_that_certainly_did_not_land_may_be_changed_again(shop: World) -> None:
    claim = shop.claim()
    assert shop.settle(begun(shop.attempt(claim)), claim, NOT_DONE)
    with shop.begin() as tx:
        (reward,) = tx.rewards.of(shop.referral.id)
        assert tx.rewards.change(reward, None, Money(1, "EUR"), RewardState.VOID, "refunded", None)


def test_only_a_person_moves_what_waits_for_a_person(shop: World) -> None:
    claim = shop.claim()
    attempt = begun(shop.attempt(claim))
    with shop.begin() as tx:
        assert tx.attempts.rule(attempt.effect.id, DONE) is None
        tx.attempts.need_person(attempt, "two credits look alike")
    with shop.begin() as tx:
        ruled = tx.attempts.rule(attempt.effect.id, DONE)
        assert ruled is not None and ruled.reward == shop.reward
        assert tx.attempts.rule(attempt.effect.id, NOT_DONE) is None
    assert reward_state(shop) == "issued"


# ── Guards against paying twice ──────────────────────────────────────────────────────────────────────────────────


def test_one_referral_promises_each_side_once(shop: World) -> None:
    plan = Plan("advocate", "balance", TEN, NOW, None)
    with pytest.raises(InvariantBroken, match="reward_referral_id_role_kind_ordinal_key"), shop.begin() as tx:
        tx.rewards.owe(shop.referral, plan, shop.ben, shop.connection, RewardState.APPROVED, "again, to another person")


def test_one_friend_is_referred_once_and_one_purchase_converts_one_referral_for_ever(shop: World) -> None:
    with shop.begin() as tx:
        again = replace(shop.referral, id=uuid4())
        assert tx.referrals.open(again) == shop.referral.id
        other = replace(shop.referral, id=uuid4(), friend=person(tx, "cara@example.com"))
        assert tx.referrals.open(other) == other.id
        assert tx.referrals.convert(shop.referral)
        assert tx.referrals.convert(shop.referral)
        assert not tx.referrals.convert(other)
    with shop.begin() as tx:
        tx.people.erase(shop.ben)
        assert not tx.referrals.convert(other)
        assert (tx.referrals.is_converted(shop.referral.id), tx.referrals.is_converted(other.id)) == (True, False)


def test_a_reversal_never_takes_more_than_it_asks_for(story: World) -> None:
    with pytest.raises(InvariantBroken, match="reversal_check"), story.begin() as tx:
        tx.run("UPDATE reversal SET taken = amount + 1")


def test_a_reversal_goes_before_a_credit_on_the_same_account(story: World) -> None:
    story.another_reward(story.anna)
    with story.begin() as tx:
        tx.run("UPDATE reward SET owner = 'customer/1' WHERE role = 'friend'")
        moves = tx.rewards.movable(story.connection, 10)
    assert [(move.reversal is not None, move.amount) for move in moves] == [(True, Money(400, "EUR"))]
