"""News are told once: whatever the account that tells says, and whoever it is today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from test_store_world import TEN, opened, world

from connector.domain.news import NewsKind
from connector.errors import Gone, Refused, Throttled, Unavailable, Unknown
from connector.journey import happened, tell, tellers
from connector.journey.effects import code_of
from connector.ports.news import Happened
from connector.ports.platform import Capability
from tests.journey.till import MANIFEST, MARKER_KEY, Counter

TELLS = replace(MANIFEST, capabilities=MANIFEST.capabilities | {Capability.EVENT}, tell_batch=3, tell_rank=2)
#: An account that would rather tell.
FIRST = replace(TELLS, key="mailer", label="Anna's mailer", tell_rank=1)


@pytest.fixture
def counter(database_url: str) -> Iterator[Counter]:
    database = opened(database_url)
    made = Counter(world(database), TELLS)
    made.rows("DELETE FROM news")
    with made.world.begin() as tx:
        tx.people.keep_email(made.world.anna, "anna@example.com")
    yield made
    database.engine.dispose()


def happens(counter: Counter, *keys: str, kind: NewsKind = NewsKind.ENROLLED, person: UUID | None = None) -> None:
    world = counter.world
    with world.begin() as tx:
        now = tx.now()
        whose, program = person or world.anna, world.referral.program
        tx.news.add([Happened(key, kind, "advocate", whose, program, now, world.referral.id) for key in keys])
        tellers.hand_back(tx)


def work(counter: Counter) -> None:
    """Hand out and tell whatever is due, without waiting for any pause."""
    done = 1
    while done:
        counter.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'tell' AND state = 'open'")
        done = tell.hand_out_due(counter.desk, counter.world.merchant) + tell.tell_due(counter.desk, counter.lane)


def stands(counter: Counter) -> dict[str, str]:
    return {row["key"]: row["state"] for row in counter.rows("SELECT key, state FROM news ORDER BY key")}


def test_each_is_told_once_in_full_batches_and_in_order(counter: Counter) -> None:
    happens(counter, *"abcdefg")
    work(counter)
    happens(counter, *"abcdefg")
    work(counter)
    assert [len(batch) for batch in counter.till.told] == [3, 3, 1]
    times = [news.at for batch in counter.till.told for news in batch]
    assert times == sorted(times)
    assert set(stands(counter).values()) == {"told"}


def test_a_lost_answer_has_the_same_told_again_and_said_so(counter: Counter) -> None:
    counter.till.hears(Unknown("the answer was lost"))
    happens(counter, "a", "b")
    work(counter)
    first, second = counter.till.told
    assert [news.id for news in first] == [news.id for news in second]
    assert [news.again for news in first] == [False, False]
    assert [news.again for news in second] == [True, True]
    assert set(stands(counter).values()) == {"told"}


@pytest.mark.parametrize("error", [Throttled("slower", wait_s=9), Unavailable("away"), Gone("uninstalled")])
def test_what_certainly_had_no_effect_is_told_as_if_for_the_first_time(counter: Counter, error: Exception) -> None:
    counter.till.hears(error)
    happens(counter, "a")
    with pytest.raises(type(error)):
        work(counter)
    assert stands(counter) == {"a": "handed"}
    work(counter)
    assert [news.again for batch in counter.till.told for news in batch] == [False, False]
    assert stands(counter) == {"a": "told"}


def test_while_the_account_must_be_connected_again_nothing_counts_as_tried(counter: Counter) -> None:
    happens(counter, "a")
    with counter.world.begin() as tx:
        tx.connections.close(counter.world.connection, "reconnect", "its token ended")
    with pytest.raises(Gone):
        work(counter)
    assert (stands(counter), counter.till.told) == ({"a": "handed"}, [])


def test_one_that_is_refused_stays_so_with_its_reason_and_holds_nobody_up(counter: Counter) -> None:
    counter.till.hears("no such address")
    happens(counter, "a", "b")
    work(counter)
    rows = counter.rows("SELECT state, outcome FROM news ORDER BY at, id")
    assert sorted((row["state"], row["outcome"]) for row in rows) == [("refused", "no such address"), ("told", "")]
    work(counter)
    assert len(counter.till.told) == 1


def test_a_call_that_is_refused_as_a_whole_waits_for_its_remedy(counter: Counter) -> None:
    counter.till.hears(Refused("the permission events:write is missing", code="403"))
    happens(counter, "a")
    work(counter)
    assert stands(counter) == {"a": "handed"}
    (task,) = counter.rows("SELECT state, reason FROM task WHERE what = 'tell' AND state <> 'open'")
    assert (task["state"], task["reason"]) == ("parked", "the permission events:write is missing")
    with counter.world.begin() as tx:
        tellers.hand_back(tx)  # as when the account is connected anew
    work(counter)
    assert stands(counter) == {"a": "told"}


def test_nobody_hears_what_has_no_address(counter: Counter) -> None:
    happens(counter, "a", person=counter.world.ben)
    work(counter)
    assert counter.till.told == []
    (row,) = counter.rows("SELECT state, outcome FROM news")
    assert row["state"] == "refused" and "no address" in row["outcome"]


def test_without_anybody_who_tells_it_waits_and_is_told_by_whoever_comes(database_url: str) -> None:
    database = opened(database_url)
    counter = Counter(world(database))  # a till that pays, and tells nobody anything
    counter.rows("DELETE FROM news")
    with counter.world.begin() as tx:
        tx.people.keep_email(counter.world.anna, "anna@example.com")
    happens(counter, "a", "b")
    work(counter)
    assert stands(counter) == {"a": "open", "b": "open"}
    able = Counter(counter.world, TELLS)
    with able.world.begin() as tx:
        tellers.hand_back(tx)
    work(able)
    assert stands(able) == {"a": "told", "b": "told"}
    database.engine.dispose()


def test_a_switch_of_who_tells_doubles_and_loses_none(counter: Counter) -> None:
    """What was tried is told again by the one who may have told it; all else by the new one."""
    counter.till.hears(Unknown("the answer was lost"))
    happens(counter, "a", "b", "c")
    tell.hand_out_due(counter.desk, counter.world.merchant)
    assert tell.tell_due(counter.desk, counter.lane) == 1
    happens(counter, "d", "e")
    tell.hand_out_due(counter.desk, counter.world.merchant)
    other = Counter(counter.world, FIRST)
    with counter.world.begin() as tx:
        connection = tx.connections.install("mailer", "mail", "access", "", None, "", [])
        tellers.hand_back(tx)
    both = {**counter.desk.platforms, "mailer": other.lane.platform}
    counter.desk = other.desk = replace(counter.desk, platforms=both)
    other.lane = replace(other.lane, connection=connection)
    for each in (counter, other, counter, other):
        work(each)
    told = [news.id for each in (counter, other) for batch in each.till.told[each is counter :] for news in batch]
    assert len(told) == len(set(told)) == 5
    assert sorted(len(batch) for batch in other.till.told) == [2]
    assert set(stands(counter).values()) == {"told"}


def test_whoever_is_forgotten_hears_nothing_more(counter: Counter) -> None:
    happens(counter, "a")
    with counter.world.begin() as tx:
        tx.people.erase(counter.world.anna)
    happens(counter, "b")
    work(counter)
    assert counter.till.told == []
    assert stands(counter) == {"a": "refused"}


def test_a_reward_code_is_told_to_its_owner_alone_and_kept_nowhere(counter: Counter) -> None:
    world = counter.world
    counter.rows("UPDATE reward SET means = 'code' WHERE id = :id", id=world.reward)
    with world.begin() as tx:
        happened.of_reward(tx, NewsKind.ISSUED, "issued", world.reward, TEN)
        happened.of_reward(tx, NewsKind.REDEEMED, "redeemed", world.reward, TEN)
    work(counter)
    issued, redeemed = counter.till.told[0]
    code = code_of(MARKER_KEY, world.reward)
    assert issued.values["reward_code"] == code and "reward_code" not in redeemed.values
    assert (issued.amount, issued.role, issued.email) == (TEN, "advocate", "anna@example.com")
    assert code not in str(counter.rows("SELECT * FROM news"))


def test_what_happened_before_the_account_was_connected_starts_nothing(counter: Counter) -> None:
    world = counter.world
    with world.begin() as tx:
        past = tx.now() - timedelta(days=400)
        tx.news.add([Happened("old", NewsKind.ENROLLED, "advocate", world.anna, world.referral.program, past)])
        tellers.hand_back(tx)
    happens(counter, "new")
    work(counter)
    ((old, new),) = counter.till.told
    assert (old.history, new.history) == (True, False)
