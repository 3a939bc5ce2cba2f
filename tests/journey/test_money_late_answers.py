"""A worker that lost its lane comes back with an answer: it changes nothing but its own attempt, and nothing is hidden."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest

from connector.errors import InvariantBroken
from connector.journey.effects import mark
from connector.lanes import due
from connector.ports.platform import Capability, Direction, Effect
from connector.ports.rows import Movement, connection_lane
from tests.journey.money import (
    CREDIT,
    UNMARKED,
    approve,
    calls,
    drive,
    lose_lease,
    open_books,
    other_advocate,
    ruled,
    states,
    stuck_worker,
    until,
    waiting_for_person,
)
from tests.shop import Shop


def attempts(shop: Shop) -> Sequence[dict[str, Any]]:
    return shop.rows("SELECT state, transaction, late_state, late_transaction FROM attempt ORDER BY since")


def test_a_certain_failure_told_after_a_successor_paid_changes_nothing_but_its_own_attempt(shop: Shop) -> None:
    approve(shop)
    shop.fault("status")
    with stuck_worker(shop) as go_on:
        lose_lease(shop)
        drive(shop)
        paid = shop.rows("SELECT state, transaction, attempt_id, retry_at, decision FROM reward")
        assert shop.credits() == [800] and paid[0]["state"] == "issued"
        go_on()
    first, second = attempts(shop)
    assert (first["state"], first["late_state"]) == ("not_done", "not_done")
    assert (second["state"], second["late_state"]) == ("done", None)
    assert shop.rows("SELECT state, transaction, attempt_id, retry_at, decision FROM reward") == paid
    drive(shop)
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 800, "issued": -800}
    assert shop.rows("SELECT attempt_id FROM surplus") == []


def test_a_success_told_late_that_the_successor_had_already_found_is_not_counted_twice(shop: Shop) -> None:
    approve(shop)
    with stuck_worker(shop) as go_on:
        lose_lease(shop)
        drive(shop)
        assert shop.stages() == ["rewarded"]
        go_on()
    drive(shop)
    [only] = attempts(shop)
    assert only["state"] == "done" and only["transaction"] == only["late_transaction"]
    assert shop.credits() == [800] and calls(shop, CREDIT) == 1
    assert shop.rows("SELECT attempt_id FROM surplus") == []
    assert open_books(shop) == {"cost": 800, "issued": -800}


def test_a_late_success_after_the_successor_found_nothing_and_paid_is_kept_as_a_surplus(shop: Shop) -> None:
    approve(shop)
    with stuck_worker(shop, when="before", past_guard=True) as go_on:
        lose_lease(shop)
        drive(shop)
        assert shop.credits() == [800]
        go_on()
    drive(shop)
    first, second = attempts(shop)
    assert shop.credits() == [800, 800]
    [surplus] = shop.rows("SELECT transaction, amount, currency FROM surplus")
    assert surplus == {"transaction": first["late_transaction"], "amount": 800, "currency": "EUR"}
    assert (first["state"], second["state"]) == ("not_done", "done")
    assert shop.rows("SELECT transaction FROM reward") == [{"transaction": second["transaction"]}]
    assert second["transaction"] != first["late_transaction"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


def test_a_success_told_between_lost_lease_and_read_back_is_taken_as_it_is(shop: Shop) -> None:
    approve(shop)
    with stuck_worker(shop) as go_on:
        lose_lease(shop)
        shop.app.workshop.work(connection_lane(shop.connection))
        go_on()
    assert attempts(shop)[0]["late_state"] == "done"
    drive(shop)
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_an_unclear_answer_told_after_the_lane_was_lost_is_read_back_like_any_other(shop: Shop, fault: str) -> None:
    approve(shop)
    shop.fault(fault)
    with stuck_worker(shop) as go_on:
        lose_lease(shop)
        shop.app.workshop.work(connection_lane(shop.connection))
        go_on()
    assert attempts(shop)[0]["late_state"] == "unknown"
    drive(shop, within=6)
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]


def asked_while_stuck(shop: Shop) -> UUID:
    """The lane was lost, and a successor had to ask a person; returns the attempt."""
    lose_lease(shop)
    drive(shop)
    asked = waiting_for_person(shop)
    assert len(asked) == 1
    return asked[0]


def test_a_success_told_after_a_person_was_asked_needs_no_person_any_more(shop: Shop) -> None:
    shop.apply(UNMARKED)
    approve(shop)
    with stuck_worker(shop) as go_on:
        asked_while_stuck(shop)
        go_on()
    drive(shop)
    assert waiting_for_person(shop) == []
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]


def test_a_success_told_after_a_person_ruled_otherwise_is_kept_as_a_surplus(shop: Shop) -> None:
    shop.apply(UNMARKED)
    approve(shop)
    with stuck_worker(shop) as go_on:
        ruled(shop, asked_while_stuck(shop), "absent")
        drive(shop)
        assert shop.credits() == [800, 800]
        go_on()
    first, second = attempts(shop)
    assert (first["state"], first["late_state"], second["state"]) == ("not_done", "done", "done")
    assert [row["transaction"] for row in shop.rows("SELECT transaction FROM surplus")] == [first["late_transaction"]]
    assert open_books(shop) == {"cost": 800, "issued": -800}


def test_bytes_of_a_credit_do_not_leave_after_its_deadline(shop: Shop) -> None:
    approve(shop)
    with stuck_worker(shop, when="before") as go_on:
        late = "SELECT id FROM attempt WHERE state = 'open' AND deadline_at + interval '50 ms' < clock_timestamp()"
        until(lambda: bool(shop.rows(late)), "the deadline has passed")
        go_on()
    assert calls(shop, CREDIT) == 0
    [only] = shop.rows("SELECT state, reason FROM attempt")
    assert only["state"] == "not_done" and "deadline" in only["reason"]
    drive(shop)
    assert shop.credits() == [800] and calls(shop, CREDIT) == 1


def test_a_worker_that_wakes_after_its_successor_paid_sends_nothing(shop: Shop) -> None:
    approve(shop)
    with stuck_worker(shop, when="before") as go_on:
        late = "SELECT id FROM attempt WHERE state = 'open' AND deadline_at + interval '50 ms' < clock_timestamp()"
        until(lambda: bool(shop.rows(late)), "the deadline has passed")
        lose_lease(shop)
        drive(shop)
        assert shop.credits() == [800]
        go_on()
    assert shop.credits() == [800] and calls(shop, CREDIT) == 1
    assert [row["late_state"] for row in attempts(shop)] == ["not_done", None]


# ── Two rewards of one advocate ──────────────────────────────────────────────────────────────────────────────────


def effect_of(shop: Shop, movement: Movement, seconds: int) -> Effect:
    with shop.app.database.begin(shop.merchant) as tx:
        now = tx.now()
    return Effect(
        id=uuid4(),
        capability=Capability.BALANCE,
        direction=Direction.CREDIT,
        owner=shop.advocate,
        holder="",
        amount=movement.amount,
        marker=mark(shop.app.desk.marker_key, movement.reward.id),
        since=now,
        expires_at=now.replace(microsecond=0, second=seconds, year=now.year + 1),
    )


def test_an_account_never_has_two_open_attempts(shop: Shop) -> None:
    approve(shop)
    approve(shop)
    claim = shop.app.workshop.lanes.claim(connection_lane(shop.connection))
    assert claim is not None
    with shop.app.database.begin(shop.merchant) as tx:
        rewards = [reward for row in tx.run("SELECT id FROM referral").scalars().all() for reward in tx.rewards.of(row)]
    timing, begun = shop.app.desk.timing, []
    for number, reward in enumerate(rewards):
        movement = Movement(reward, None, reward.amount, reward.decision)
        with shop.app.database.begin(shop.merchant) as tx:
            effect = effect_of(shop, movement, number)
            begun.append(tx.attempts.begin(movement, effect, claim, timing.deadline, timing.call))
    assert len(rewards) == 2
    assert begun[0] is not None and begun[1] is None
    assert sorted(states(shop, "reward")) == ["approved", "sending"]
    shop.app.workshop.lanes.release(claim)
    drive(shop)
    assert shop.credits() == [800, 800]


def test_rewards_due_at_once_for_one_advocate_are_paid_one_after_the_other_and_can_be_told_apart(shop: Shop) -> None:
    for _ in range(4):
        approve(shop)
    shop.fault("slow", count=None, delay_s=0.1)
    others = [shop.another_app() for _ in range(2)]

    def work(app: Any) -> None:
        for _ in range(40):
            for lane in due.lanes(app.database):
                app.workshop.work(lane.id)

    threads = [Thread(target=work, args=(app,)) for app in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    shop.client.control("faults", verb="DELETE")
    drive(shop)
    assert shop.credits() == [800] * 4
    overlaps = """SELECT a.id FROM attempt a JOIN attempt b ON a.id < b.id AND a.owner = b.owner
        AND tstzrange(a.since, a.answered_at) && tstzrange(b.since, b.answered_at)"""
    assert shop.rows(overlaps) == []
    assert len({entry["expiresAt"] for entry in shop.movements("credit")}) == 4
    assert open_books(shop) == {"cost": 3200, "issued": -3200}


def test_a_reward_cannot_be_promised_twice(shop: Shop) -> None:
    approve(shop)
    copy = """INSERT INTO reward (id, merchant_id, referral_id, role, kind, beneficiary_id, connection_id, amount, currency,
        state) SELECT gen_random_uuid(), merchant_id, referral_id, role, kind, beneficiary_id, connection_id, amount,
        currency, 'approved' FROM reward RETURNING id"""
    with pytest.raises(InvariantBroken, match="reward_referral_id_role_kind_ordinal_key"):
        shop.rows(copy)
    drive(shop)
    assert shop.credits() == [800]


def test_two_advocates_are_paid_in_one_round(shop: Shop) -> None:
    bea = other_advocate(shop)
    approve(shop)
    approve(shop, landing_site=shop.landing(bea))
    drive(shop)
    assert shop.credits() == [800, 800]
    assert len({entry["account"] for entry in shop.movements("credit")}) == 2
