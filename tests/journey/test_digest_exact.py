"""What a delivery says is taken up once, at the right time, and nothing that cannot be read holds the others up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from test_store_world import NOW, PROGRAM, World, opened, order_truth, person, world

from connector.domain.facts import ObjectRef, PersonGone, RewardReleased, SettingsChanged
from connector.domain.touch import Source, Touch
from connector.errors import NotFound
from connector.journey.digest import BATCH, digest
from connector.ports.inbound import Reading, Sighting
from connector.ports.platform import Seen
from connector.ports.rows import connection_lane
from tests.journey.till import CUSTOMER, GATHER, Counter

ORDER, OTHER, CHECKOUT = ObjectRef("order", "1"), ObjectRef("order", "2"), ObjectRef("checkout", "9")
PEOPLE = ((ORDER, "ben@example.com"), (OTHER, "cara@example.com"))
AT_ONCE = timedelta(0)


@pytest.fixture
def counter(database_url: str) -> Iterator[Counter]:
    database = opened(database_url)
    yield Counter(world(database))
    database.engine.dispose()


def told(counter: Counter, *readings: Reading | Exception) -> int:
    """Deliver each, and have the batch read; returns how many it read."""
    for place, reading in enumerate(readings):
        counter.till.tells[f"topic {place}"] = reading
    counter.delivers(*(f"topic {place}" for place in range(len(readings))))
    return digest(counter.desk, counter.world.merchant)


def seen(ref: ObjectRef = ORDER, **more: object) -> Reading:
    return Reading("taken", "an order", sightings=(replace(Sighting(ref, NOW), **more),))  # type: ignore[arg-type]


def touch(counter: Counter, ref: ObjectRef | None = None) -> Touch:
    return Touch(Source.LANDING_SITE, counter.world.code, NOW, medium=ref.id if ref else "")


def work(counter: Counter) -> list[tuple[str, str, timedelta]]:
    """What is to be done on the connection."""
    lane = connection_lane(counter.world.connection)
    return [(what, subject, wait) for where, what, subject, wait in counter.tasks() if where == lane]


def deliveries(counter: Counter) -> list[tuple[str, str, str]]:
    rows = counter.rows("SELECT state, outcome, reason FROM delivery ORDER BY id")
    return [(row["state"], row["outcome"], row["reason"]) for row in rows]


def noted(counter: Counter, ref: ObjectRef) -> tuple[Touch, ...]:
    with counter.world.begin() as tx:
        return tuple(tx.truths.noted(counter.world.connection, ref))


# ── A batch ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fifty_deliveries_are_read_at_a_time_and_none_twice(counter: Counter) -> None:
    counter.till.tells["order"] = Reading("ignored", "nothing to do")
    counter.delivers(*["order"] * 51)
    assert [digest(counter.desk, counter.world.merchant) for _ in range(3)] == [50, 1, 0]
    assert BATCH == 50
    assert deliveries(counter) == [("done", "ignored", "nothing to do")] * 51
    assert (work(counter), counter.woken) == ([], [])


def test_one_that_cannot_be_read_is_parked_with_its_reason_and_the_others_are_read(counter: Counter) -> None:
    assert told(counter, seen(OTHER), ValueError("x" * 600), seen(ORDER)) == 3
    assert deliveries(counter) == [
        ("done", "taken", "an order"),
        ("parked", "unreadable", "x" * 500),
        ("done", "taken", "an order"),
    ]
    assert [subject for _, subject, _ in work(counter)] == ["order:1", "order:2"]


def test_what_failed_half_way_left_nothing_behind(counter: Counter) -> None:
    """A record that is gone, and a release of a referral that does not exist, in one delivery."""
    with counter.world.begin() as tx:
        tx.people.link(counter.world.anna, counter.world.connection, CUSTOMER)
    gone = PersonGone(CUSTOMER, NOW, NOW)
    nowhere = RewardReleased(ObjectRef("referral", str(UUID(int=7))), NOW, NOW, "Anna")
    assert told(counter, Reading("taken", "two facts", facts=(gone, nowhere))) == 1
    ((state, word, reason),) = deliveries(counter)
    assert (state, word) == ("parked", "unreadable") and "there is no referral" in reason
    with counter.world.begin() as tx:
        assert tx.people.external(counter.world.anna, counter.world.connection, "customer") == CUSTOMER.id
    assert told(counter, Reading("taken", "one fact", facts=(gone,))) == 1
    with counter.world.begin() as tx:
        assert tx.people.external(counter.world.anna, counter.world.connection, "customer") is None


def test_an_error_of_ours_parks_one_delivery_and_not_the_batch(counter: Counter) -> None:
    assert told(counter, NotFound("no such account"), seen()) == 2
    assert [state for state, _, _ in deliveries(counter)] == ["parked", "done"]


def test_a_fact_that_is_told_outright_is_true_at_once(counter: Counter) -> None:
    told(counter, Reading("taken", "settings", facts=(SettingsChanged(CUSTOMER, NOW, NOW),)))
    assert work(counter) == [("check", "check", AT_ONCE)]


def test_a_delivery_is_found_again_by_everybody_and_everything_it_names(counter: Counter) -> None:
    """Whoever is forgotten later must be emptied from it, and so must their order."""
    named = (Seen("email", "ben@example.com"), Seen("customer", "7"))
    told(counter, replace(seen(), people=named))
    with counter.world.begin() as tx:
        expected = tx.people.names(counter.world.connection, [*named, Seen("order", "1")])
    assert len(set(expected)) == 3
    assert sorted(map(bytes, counter.row("SELECT people FROM delivery")["people"])) == sorted(expected)


# ── When the truth is read ───────────────────────────────────────────────────────────────────────────────────────


def test_an_order_without_a_sign_of_a_referral_is_looked_at_later_together_with_others(counter: Counter) -> None:
    told(counter, seen(hints=("SPRING", "nobody")), seen(OTHER))
    assert work(counter) == [("look", "order:1", GATHER), ("look", "order:2", GATHER)]
    assert counter.woken == [connection_lane(counter.world.connection)]


def test_an_order_that_bears_a_known_code_is_read_at_once(counter: Counter) -> None:
    told(counter, seen(hints=("SPRING", counter.world.code, "nobody")))
    assert work(counter) == [("fetch", "order:1", AT_ONCE)]
    assert counter.woken == [connection_lane(counter.world.connection)]


def test_in_one_batch_each_order_gets_its_own_time_and_the_lane_is_woken_once(counter: Counter) -> None:
    told(counter, seen(hints=(counter.world.code,)), seen(OTHER))
    assert work(counter) == [("fetch", "order:1", AT_ONCE), ("look", "order:2", GATHER)]
    assert counter.woken == [connection_lane(counter.world.connection)]


def test_an_order_of_a_referral_is_read_again_and_one_of_nobody_is_left_alone(counter: Counter) -> None:
    referred = counter.world.referral.ref
    with counter.world.begin() as tx:
        assert tx.truths.save(counter.world.connection, order_truth(ORDER), person(tx, "cara@example.com"))
    told(counter, seen(referred), seen(ORDER))
    assert work(counter) == [("fetch", f"order:{referred.id}", AT_ONCE)]


def test_an_order_of_nobody_that_shows_a_code_now_is_read_after_all(counter: Counter) -> None:
    with counter.world.begin() as tx:
        assert tx.truths.save(counter.world.connection, order_truth(ORDER), None)
    told(counter, seen(ORDER, hints=(counter.world.code,)))
    assert work(counter) == [("fetch", "order:1", AT_ONCE)]


def test_an_order_of_a_friend_who_is_waited_for_is_read_at_once_whatever_it_bears(counter: Counter) -> None:
    """Ben was referred and has not bought yet; his order carries no code, and Cara's is a stranger's."""
    counter.rows("UPDATE referral SET stage = 'pending'")
    ben, cara = (replace(seen(ref), people=(Seen("email", email),)) for ref, email in PEOPLE)
    told(counter, ben, cara)
    assert work(counter) == [("fetch", "order:1", AT_ONCE), ("look", "order:2", GATHER)]


def test_where_every_buyer_is_enrolled_every_order_is_read_and_still_together_with_others(counter: Counter) -> None:
    with counter.world.begin() as tx:
        tx.programs.apply({**PROGRAM, "enrol": {"after_order": True}})
        assert tx.truths.save(counter.world.connection, order_truth(ORDER), None)
    told(counter, seen(ORDER), seen(OTHER), seen(ObjectRef("order", "3"), hints=(counter.world.code,)))
    assert work(counter) == [
        ("fetch", "order:1", GATHER),
        ("fetch", "order:2", GATHER),
        ("fetch", "order:3", AT_ONCE),
    ]


# ── Evidence that only the delivery carries ──────────────────────────────────────────────────────────────────────


def test_evidence_of_a_known_code_is_kept_and_a_strangers_is_not(counter: Counter) -> None:
    mine, stranger = touch(counter), Touch(Source.LANDING_SITE, "SPRING", NOW)
    told(
        counter,
        seen(hints=(counter.world.code,), touches=(mine,)),
        seen(OTHER, hints=("SPRING",), touches=(stranger,)),
    )
    assert (noted(counter, ORDER), noted(counter, OTHER)) == ((mine,), ())


def test_a_word_without_evidence_does_not_take_the_place_of_a_later_one_with_it(counter: Counter) -> None:
    told(counter, seen(hints=(counter.world.code,)))
    told(counter, seen(hints=(counter.world.code,), touches=(touch(counter),)))
    assert noted(counter, ORDER) == (touch(counter),)


def test_evidence_of_a_checkout_finds_its_order_and_has_it_read_at_once(counter: Counter) -> None:
    mine = touch(counter, CHECKOUT)
    told(counter, seen(CHECKOUT, hints=(counter.world.code,), touches=(mine,)))
    told(counter, seen(ORDER, also=CHECKOUT), seen(OTHER, hints=(counter.world.code,)), seen(ObjectRef("order", "3")))
    assert noted(counter, ORDER) == (mine,)
    assert [each for each in work(counter) if each[1].startswith("order")] == [
        ("fetch", "order:1", AT_ONCE),
        ("fetch", "order:2", AT_ONCE),
        ("look", "order:3", GATHER),
    ]


def test_two_shops_of_one_merchant_are_worked_apart(counter: Counter) -> None:
    mine: World = counter.world
    with mine.begin() as tx:
        second = tx.connections.install("shop", "bea.example.com", "access", "refresh", None, "EUR", ["orders"])
    counter.till.tells["order"] = seen(hints=(mine.code,))
    counter.delivers("order")
    with mine.begin() as tx:
        tx.run("UPDATE delivery SET connection_id = :second", second=second)
    counter.till.tells["plain"] = seen()
    counter.delivers("plain")
    assert digest(counter.desk, mine.merchant) == 2
    assert sorted((lane, what) for lane, what, *_ in counter.tasks()) == sorted(
        [(connection_lane(second), "fetch"), (connection_lane(mine.connection), "look")]
    )
    assert sorted(counter.woken) == sorted(map(connection_lane, (second, mine.connection)))
