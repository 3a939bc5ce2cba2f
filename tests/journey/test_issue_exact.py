"""Each answer of a platform has its own consequence for the reward, the books, the lane, and the next try."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import FrozenInstanceError, replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event
from test_store_world import TEN, opened, person, world

from connector import failpoints
from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.errors import Gone, Late, NotDone, PlatformError, Refused, Throttled, TokenExpired, Unavailable, Unknown
from connector.journey import issue
from connector.journey.effects import code_of
from connector.journey.issue import Outcome, move_money, settle_overdue
from connector.lanes.lane import Claim
from connector.ports.platform import Absent, Capability, Direction, Done, Effect, Undecidable
from connector.ports.rows import Answer, Attempt, AttemptState, connection_lane, merchant_lane
from tests.journey.till import CUSTOMER, MANIFEST, MARKER_KEY, Counter

DAY, SOON = timedelta(days=1), timedelta(0)
PAID = Done("t1", "account/1")
FOUR = Money(400, "EUR")


@pytest.fixture
def counter(database_url: str) -> Iterator[Counter]:
    database = opened(database_url)
    made = world(database)
    with made.begin() as tx:
        tx.people.link(made.anna, made.connection, CUSTOMER)
    yield Counter(made)
    database.engine.dispose()


def pay(counter: Counter, *answers: Any) -> int:
    """One round on the connection's lane."""
    counter.till.says(*answers)
    return move_money(counter.desk, counter.lane, claimed(counter))


def claimed(counter: Counter) -> Claim:
    """The lane, taken from whoever holds it."""
    counter.rows("UPDATE lane SET expires_at = '-infinity' WHERE owner IS NOT NULL")
    return counter.world.claim()


def reward(counter: Counter) -> Mapping[str, Any]:
    return counter.row(
        """SELECT state, reason, transaction, holder, means, tries,
             round(extract(epoch FROM retry_at - clock_timestamp())) AS wait FROM reward WHERE id = :id""",
        id=counter.world.reward,
    )


def stands(counter: Counter) -> tuple[str, str]:
    now = reward(counter)
    return now["state"], now["reason"]


def attempts(counter: Counter) -> list[tuple[str, str]]:
    rows = counter.rows("SELECT state, reason FROM attempt ORDER BY since")
    return [(row["state"], row["reason"]) for row in rows]


def books(counter: Counter) -> dict[str, int]:
    rows = counter.rows("SELECT book, sum(amount) AS amount FROM posting GROUP BY book HAVING sum(amount) <> 0")
    return {row["book"]: int(row["amount"]) for row in rows}


def decisions(counter: Counter) -> tuple[str, str, str, timedelta]:
    """The merchant's lane decides anew about the referral."""
    world = counter.world
    return merchant_lane(world.merchant), "decide", str(world.referral.id), SOON


def looks(counter: Counter) -> tuple[str, str, str, timedelta]:
    """What is left of the credit is looked at tomorrow."""
    return connection_lane(counter.world.connection), "watch", "watch", DAY


def change(counter: Counter, what: str) -> None:
    """Change the promised reward before anything of it was sent."""
    counter.rows(f"UPDATE reward SET {what} WHERE id = :id", id=counter.world.reward)


def reversed_reward(counter: Counter) -> None:
    """The reward was paid, and four of its ten euro must come back; what followed from paying it is done."""
    assert pay(counter, PAID) == 1
    with counter.world.begin() as tx:
        (paid,) = tx.rewards.of(counter.world.referral.id)
        tx.rewards.reverse(paid, 1, FOUR)
        tx.run("DELETE FROM task")
    counter.woken.clear()


def reversal(counter: Counter) -> tuple[str, int]:
    row = counter.row("SELECT state, taken FROM reversal")
    return row["state"], row["taken"]


# ── A credit that is paid ────────────────────────────────────────────────────────────────────────────────────────


def test_a_credit_is_paid_posted_and_decided_about_and_watched_from_tomorrow(counter: Counter) -> None:
    assert pay(counter, PAID) == 1
    now = reward(counter)
    assert (now["state"], now["transaction"], now["holder"]) == ("issued", "t1", "account/1")
    assert books(counter) == {"payable": 1000, "issued": -1000}
    assert counter.tasks() == sorted([decisions(counter), looks(counter)])
    assert counter.woken == [merchant_lane(counter.world.merchant)]
    (moved,) = counter.till.moved
    assert (moved.owner, moved.amount, moved.direction) == (CUSTOMER.id, TEN, Direction.CREDIT)


def test_nothing_to_pay_is_no_work_and_opens_no_account(counter: Counter) -> None:
    assert pay(counter, PAID) == 1
    with counter.world.begin() as tx:
        tx.connections.close(counter.world.connection, "removed", "the merchant removed the app")
    assert pay(counter) == 0
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 0


def test_the_secret_of_a_code_goes_out_and_is_kept_nowhere(counter: Counter) -> None:
    change(counter, "kind = 'code', expires_after = interval '30 days'")
    assert pay(counter, Unknown("lost")) == 1
    secret = code_of(MARKER_KEY, counter.world.reward)
    overdue(counter)
    counter.till.finds(PAID)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert [effect.code for effect in (*counter.till.moved, *counter.till.sought)] == [secret, secret]
    assert not [
        row for table in ("attempt", "reward") for row in counter.rows(f"SELECT * FROM {table}") if secret in str(row)
    ]


def test_four_accounts_are_paid_in_one_round_all_at_once(counter: Counter) -> None:
    """Were they paid one after the other, each would wait in vain for the other three."""
    together = Barrier(4, timeout=5)

    def meet(effect: Effect) -> Done:
        together.wait()
        return Done(effect.owner, effect.owner)

    promise(counter, 4)
    assert pay(counter, *[meet] * 4) == 4
    assert pay(counter, PAID) == 1
    assert [row["state"] for row in counter.rows("SELECT state FROM reward")] == ["issued"] * 5


def promise(counter: Counter, count: int) -> None:
    """So many more rewards, each for somebody with an account of their own."""
    for each in range(count):
        with counter.world.begin() as tx:
            somebody = person(tx, f"friend{each}@example.com")
            tx.people.link(somebody, counter.world.connection, ObjectRef("customer", f"customer/{10 + each}"))
        made = counter.world.another_reward(somebody)
        counter.rows("UPDATE reward SET role = :role WHERE id = :id", role=f"friend {each}", id=made)


def test_one_that_cannot_be_sent_says_why_and_holds_up_nobody(counter: Counter) -> None:
    """The advocate's reward is of a kind this till does not have."""
    change(counter, "kind = 'gift_card'")
    assert pay(counter) == 1
    assert stands(counter) == ("held", "gift_card: Anna's till cannot do it")
    change(counter, "state = 'approved'")
    promise(counter, 1)
    assert pay(counter, PAID) == 2
    assert [row["state"] for row in counter.rows("SELECT state FROM reward ORDER BY id")] == ["held", "issued"]


def test_two_people_with_one_account_are_paid_one_after_the_other(counter: Counter) -> None:
    counter.world.another_reward()
    counter.rows("UPDATE reward SET owner = 'customer/1'")
    assert pay(counter, PAID) == 2
    rows = counter.rows(
        "SELECT state, reason, round(extract(epoch FROM retry_at - clock_timestamp())) AS wait FROM reward ORDER BY state"
    )
    assert [row["state"] for row in rows] == ["approved", "issued"]
    assert rows[0]["reason"] == "another effect is open on this account: it goes first"
    assert rows[0]["wait"] in (4, 5), "it is tried again in five seconds"


# ── Answers that are no success ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "state", "called", "waits"),
    [
        (Unknown("the answer was lost"), "unknown", "unknown", None),
        (Refused("the account is full"), "refused", "refused", None),
        (Late("our deadline had passed"), "approved", "not_done", 5),
        (Unavailable("it is down"), "approved", "not_done", 5),
        (Throttled("slow down", wait_s=30), "approved", "not_done", 30),
        (Throttled("slow down", wait_s=0), "approved", "not_done", 5),
        (Gone("the app was removed"), "approved", "gone", 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_answer_leaves_the_reward_where_it_belongs(
    counter: Counter, answer: PlatformError, state: str, called: str, waits: int | None
) -> None:
    stops = isinstance(answer, Unavailable | Throttled | Gone)
    if stops:
        with pytest.raises(type(answer)) as raised:
            pay(counter, answer)
        assert raised.value is answer, "whoever works the lane must hear it"
    else:
        assert pay(counter, answer) == 1
    assert stands(counter) == (state, answer.reason)
    assert attempts(counter) == [(called, answer.reason)]
    assert books(counter) == {}
    if waits is not None:
        assert waits - 2 <= reward(counter)["wait"] <= waits
    assert counter.tasks() == ([] if called == "unknown" else [decisions(counter)])
    assert counter.woken == [merchant_lane(counter.world.merchant)]


def test_pauses_grow_with_every_failure(counter: Counter) -> None:
    for seconds in (5, 60, 600):
        pay(counter, Late("our deadline had passed"))
        assert seconds - 2 <= reward(counter)["wait"] <= seconds
        change(counter, "retry_at = clock_timestamp()")
    assert reward(counter)["tries"] == 3


def test_a_token_that_ended_is_renewed_and_the_reward_is_paid_next_time(counter: Counter) -> None:
    assert pay(counter, TokenExpired("the token ended")) == 1
    assert counter.till.renewed == ["refresh"]
    with counter.world.begin() as tx:
        assert tx.connections.get(counter.world.connection).access == "access 2"
    change(counter, "retry_at = clock_timestamp()")
    assert pay(counter, PAID) == 1
    assert (stands(counter)[0], counter.till.renewed) == ("issued", ["refresh"])


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((Throttled("a little", wait_s=1), Throttled("long", wait_s=60), Unavailable("down")), "long"),
        ((Throttled("long", wait_s=60), Gone("removed"), Throttled("longer", wait_s=90)), "removed"),
        ((Late("too late"), Refused("full"), Unavailable("down")), "down"),
    ],
    ids=["the longest wait", "the end before any wait", "what is no matter of one account alone"],
)
def test_of_several_answers_the_lane_hears_the_one_that_holds_longest(
    counter: Counter, answers: tuple[PlatformError, ...], told: str
) -> None:
    promise(counter, len(answers) - 1)
    with pytest.raises(PlatformError) as raised:
        pay(counter, *answers)
    assert raised.value.reason == told
    assert sorted(reason for _, reason in attempts(counter)) == sorted(answer.reason for answer in answers)


def test_a_refusal_of_one_account_is_no_matter_of_the_lane(counter: Counter) -> None:
    promise(counter, 1)
    assert pay(counter, Refused("full"), PAID) == 2


# ── Another kind of credit instead ───────────────────────────────────────────────────────────────────────────────


def test_what_is_refused_is_paid_in_the_next_kind_and_in_no_later_one(counter: Counter) -> None:
    change(counter, "fallback = '{code,gift_card}'")
    pay(counter, Refused("store credit is switched off"))
    now = reward(counter)
    assert (now["state"], now["means"]) == ("approved", "code")
    pay(counter, PAID)
    assert [effect.capability for effect in counter.till.moved] == [Capability.BALANCE, Capability.CODE]
    assert stands(counter)[0] == "issued"


@pytest.mark.parametrize(
    ("answer", "state"),
    [(PAID, "issued"), (Unknown("lost"), "unknown"), (Late("too late"), "approved")],
    ids=["paid", "unknown", "late"],
)
def test_no_other_answer_changes_the_kind(counter: Counter, answer: Any, state: str) -> None:
    change(counter, "fallback = '{code}'")
    pay(counter, answer)
    now = reward(counter)
    assert (now["state"], now["means"]) == (state, "balance")


def test_a_debit_that_is_refused_is_not_taken_in_another_kind(counter: Counter) -> None:
    change(counter, "fallback = '{code}'")
    reversed_reward(counter)
    assert pay(counter, Refused("the account is closed")) == 1
    assert (reversal(counter), reward(counter)["means"]) == (("refused", 0), "balance")


# ── A debit ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_debit_is_posted_as_what_was_really_taken_and_is_not_watched(counter: Counter) -> None:
    reversed_reward(counter)
    assert pay(counter, Done("t2", "account/1", amount=Money(300, "EUR"))) == 1
    assert reversal(counter) == ("issued", 300)
    assert books(counter) == {"payable": 1000, "issued": -700, "reclaim": -400, "shortfall": 100}
    assert counter.tasks() == [decisions(counter)]


# ── Somebody else had the last word ──────────────────────────────────────────────────────────────────────────────


def test_an_answer_after_the_lane_was_lost_posts_nothing_and_is_kept_for_the_next(counter: Counter) -> None:
    def overtaken(effect: Effect) -> Done:
        claimed(counter)
        return PAID

    assert pay(counter, overtaken) == 1
    assert stands(counter)[0] == "sending"
    assert (books(counter), counter.tasks(), counter.woken) == ({}, [], [])
    overdue(counter)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert counter.till.sought == [], "the answer is known: there is nothing to look for"
    assert (stands(counter)[0], reward(counter)["transaction"]) == ("issued", "t1")
    assert books(counter) == {"payable": 1000, "issued": -1000}


def test_a_late_word_that_says_nothing_is_looked_up(counter: Counter) -> None:
    begun = lost(counter)
    assert not counter.world.settle(begun, replace(claimed(counter), epoch=0), Answer(AttemptState.UNKNOWN))
    counter.till.finds(PAID)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert len(counter.till.sought) == 1 and stands(counter)[0] == "issued"


# ── What may have landed ─────────────────────────────────────────────────────────────────────────────────────────


def overdue(counter: Counter) -> None:
    """Every quiet period is over. Attempts are pinned, so that nobody shortens it; only time passes, here by force."""
    with counter.world.begin() as tx:
        tx.run("ALTER TABLE attempt DISABLE TRIGGER attempt_pinned")
        tx.run("UPDATE attempt SET readback_at = clock_timestamp()")
        tx.run("ALTER TABLE attempt ENABLE TRIGGER attempt_pinned")


def lost(counter: Counter, *, marked: bool = True) -> Attempt:
    """A credit was sent, its answer was lost, and it has been quiet since. marked: it bears our mark."""
    if marked:
        change(counter, "expires_after = interval '30 days'")
    pay(counter, Unknown("the answer was lost"))
    overdue(counter)
    with counter.world.begin() as tx:
        (attempt,) = tx.attempts.overdue(counter.world.connection)
    counter.woken.clear()
    return attempt


def waits_for(counter: Counter) -> str:
    return str(counter.row("SELECT needs_person FROM attempt")["needs_person"])


def test_what_is_found_is_adopted_and_never_sent_again(counter: Counter) -> None:
    lost(counter)
    counter.till.finds(Done("t9", "account/9"))
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    now = reward(counter)
    assert (now["state"], now["transaction"], now["holder"]) == ("issued", "t9", "account/9")
    assert now["reason"] == "found on the account by our mark"
    assert books(counter) == {"payable": 1000, "issued": -1000}
    assert counter.tasks() == sorted([decisions(counter), looks(counter)])
    assert counter.woken == [merchant_lane(counter.world.merchant)]
    assert (pay(counter), len(counter.till.moved)) == (0, 1)


def test_a_debit_that_is_found_counts_for_what_it_took(counter: Counter) -> None:
    reversed_reward(counter)
    pay(counter, Unknown("lost"))
    overdue(counter)
    counter.till.finds(Done("t9", "account/1", amount=Money(250, "EUR")))
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert reversal(counter) == ("issued", 250)
    assert books(counter) == {"payable": 1000, "issued": -750, "reclaim": -400, "shortfall": 150}


def test_what_is_certainly_not_there_is_sent_once_more(counter: Counter) -> None:
    lost(counter)
    counter.till.finds(Absent())
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert stands(counter) == ("approved", "certainly not on the account; sent again")
    assert 3 <= reward(counter)["wait"] <= 5
    change(counter, "retry_at = clock_timestamp()")
    assert pay(counter, PAID) == 1
    assert (len(counter.till.moved), stands(counter)[0]) == (2, "issued")


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Undecidable("two movements look like it"), "two movements look like it"),
        (Refused("no such customer"), "the account cannot be read: no such customer"),
    ],
    ids=["undecidable", "unreadable"],
)
def test_what_nobody_can_tell_waits_for_a_person_with_what_to_look_at(
    counter: Counter, finding: Any, reason: str
) -> None:
    lost(counter)
    counter.till.finds(finding)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert waits_for(counter) == reason
    assert stands(counter) == ("unknown", reason)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 0


def test_a_credit_without_a_mark_is_not_even_looked_for(counter: Counter) -> None:
    lost(counter, marked=False)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert counter.till.sought == []
    assert waits_for(counter) == "the platform keeps no mark of ours on this movement"


def test_a_movement_that_settles_another_reward_is_not_ours(counter: Counter) -> None:
    promise(counter, 1)
    change(counter, "retry_at = 'infinity'")
    assert pay(counter, Done("t-other", "account/2")) == 1
    change(counter, "retry_at = clock_timestamp()")
    answers: list[bool] = []

    def ask(is_claimed: Any) -> Absent:
        answers.extend(is_claimed(transaction) for transaction in ("t-other", "t-free"))
        return Absent()

    change(counter, "expires_after = interval '30 days'")
    pay(counter, Unknown("lost"))
    overdue(counter)
    counter.till.finds(ask)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert answers == [True, False]


def test_its_own_late_word_does_not_make_a_movement_another_ones(counter: Counter) -> None:
    begun = lost(counter)
    late = Answer(AttemptState.UNKNOWN, transaction="t1")
    assert not counter.world.settle(begun, replace(claimed(counter), epoch=0), late)
    answers: list[bool] = []

    def ask(is_claimed: Any) -> Done:
        answers.append(is_claimed("t1"))
        return PAID

    counter.till.finds(ask)
    assert settle_overdue(counter.desk, counter.lane, claimed(counter)) == 1
    assert answers == [False]


def test_a_platform_that_can_no_longer_do_it_is_told_in_words(counter: Counter) -> None:
    lost(counter)
    unable = Counter(counter.world, replace(MANIFEST, operations=()))
    with pytest.raises(Refused, match="Anna's till cannot credit a balance"):
        settle_overdue(unable.desk, unable.lane, claimed(counter))


# ── What the tests of faults hold on to ──────────────────────────────────────────────────────────────────────────


def test_a_worker_can_be_stopped_between_any_two_steps(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of sudden deaths name these places: one that is gone would let them pass without a death."""
    steps = ["opened", "prepared", "committing", "attempt_committed", "answered", "settling", "settled", "read_back"]
    monkeypatch.setattr(failpoints, "_COUNT", {})
    for step in steps:
        monkeypatch.setitem(failpoints._PLAN, f"issue.{step}", ("sleep:0", 0))
    change(counter, "expires_after = interval '30 days'")
    pay(counter, PAID)
    assert list(failpoints._COUNT) == [f"issue.{step}" for step in steps[:-1]]
    promise(counter, 1)
    counter.rows("UPDATE reward SET expires_after = interval '30 days' WHERE state = 'approved'")
    pay(counter, Unknown("lost"))
    overdue(counter)
    counter.till.finds(Absent())
    settle_overdue(counter.desk, counter.lane, claimed(counter))
    assert list(failpoints._COUNT)[-1] == "issue.read_back"


def test_nothing_is_open_in_the_database_while_the_platform_is_called(counter: Counter) -> None:
    pool = counter.world.database.engine.pool
    borrowed: list[int] = []
    out = 0

    def taken(*_: object) -> None:
        nonlocal out
        out += 1

    def given(*_: object) -> None:
        nonlocal out
        out -= 1

    event.listen(pool, "checkout", taken)
    event.listen(pool, "checkin", given)

    def look(effect: Effect) -> Done:
        borrowed.append(out)
        return PAID

    assert pay(counter, look) == 1
    assert borrowed == [0]


def test_how_a_call_ended_is_a_witness_nobody_changes() -> None:
    ended = Outcome(Answer(AttemptState.DONE))
    assert ended.error is None
    with pytest.raises(FrozenInstanceError):
        ended.error = NotDone("no")  # type: ignore[misc]
    assert timedelta(days=1) == issue.WATCH_EVERY
