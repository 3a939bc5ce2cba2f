"""A decision and the answer to a debit meet: neither may end the other, or money that was taken back is not known to be."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from connector.domain.money import Money
from connector.ports.rows import Answer, AttemptState, Movement
from tests.journey.money import until
from tests.journey.test_store_world import World, opened, world


@pytest.fixture
def shop(database_url: str) -> Iterator[World]:
    database = opened(database_url)
    yield world(database)
    database.engine.dispose()


def test_the_answer_to_a_debit_waits_for_a_decision_instead_of_dying_with_it(shop: World) -> None:
    claim = shop.claim()
    credit = shop.attempt(claim)
    assert credit is not None and shop.settle(credit, claim, Answer(AttemptState.DONE, "t/1", "account/1"))
    with shop.begin() as tx:
        (reward,) = tx.rewards.of(shop.referral.id)
        tx.rewards.reverse(reward, 1, Money(400, "EUR"))
    debit = shop.attempt(claim, the_reversal(shop), owner=reward.owner)
    assert debit is not None
    with ThreadPoolExecutor(1) as pool, shop.begin() as deciding:
        deciding.rewards.of(shop.referral.id)
        answered = pool.submit(shop.settle, debit, claim, Answer(AttemptState.DONE, "t/2", "account/1"))
        until(lambda: waiting(shop) == 1, "the answer to wait for the decision")
        deciding.run("SET LOCAL lock_timeout = '500ms'")
        (reversal,) = deciding.rewards.reversals(reward.id)  # a reversal that the other one held would end this
        assert reversal.state == "sending"
    assert answered.result(timeout=20)
    with shop.begin() as tx:
        (reversal,) = tx.rewards.reversals(reward.id)
    assert reversal.taken == Money(400, "EUR")


def waiting(shop: World) -> int:
    """Statements of this database that wait for a lock, as an onlooker sees them."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with shop.database.engine.connect() as session:
        return int(session.execute(text(sql)).scalar_one())


def the_reversal(shop: World) -> Movement:
    movement = shop.movement()
    assert movement.reversal
    return movement
