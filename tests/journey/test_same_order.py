"""The same purchase, told in any order, twice, after erasure, after a reinstall: one referral, one net credit."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest

from adapters.shopify.sandbox.cost import Bucket
from connector.cli.account import install
from connector.domain.case import Case, Stage
from connector.domain.facts import Fact, ObjectRef, OrderPaid, OrderRefunded
from connector.domain.money import Money
from connector.domain.program import Mode, Program, RewardRule
from connector.domain.stages import decide
from connector.ports.rows import connection_lane
from tests.journey.money import approve, drive, net, number, open_books, states
from tests.shop import DOMAIN, PROGRAM, TOKEN, Shop

Webhook = tuple[dict[str, str], bytes]


def post(shop: Shop, webhook: Webhook) -> None:
    headers, body = webhook
    assert shop.web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200


# ── Told again ───────────────────────────────────────────────────────────────────────────────────────────────────


def tell_customer(shop: Shop, topic: str, email: str) -> None:
    wanted = [{"topic": topic, "customer": number(shop.customers[email])}]
    for each in shop.client.control("render", shop=DOMAIN, deliveries=wanted):
        post(shop, (each["headers"], each["body"].encode()))


def redeliver(shop: Shop, order: str) -> None:
    shop.deliver(order, "orders/create", "orders/paid")


def replay(shop: Shop, order: str) -> None:
    assert shop.rows("UPDATE delivery SET state = 'received' WHERE state = 'done' RETURNING id")


def erase_and_redeliver(shop: Shop, order: str) -> None:
    tell_customer(shop, "customers/redact", "friend@example.org")
    drive(shop)
    assert shop.rows("SELECT id FROM person WHERE erased_at IS NOT NULL")
    redeliver(shop, order)


def erase_and_replay(shop: Shop, order: str) -> None:
    tell_customer(shop, "customers/redact", "friend@example.org")
    drive(shop)
    replay(shop, order)


def reinstall_and_redeliver(shop: Shop, order: str) -> None:
    for each in shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/uninstalled"}]):
        post(shop, (each["headers"], each["body"].encode()))
    drive(shop)
    [row] = shop.rows("SELECT state FROM connection")
    assert row["state"] == "removed"
    install(shop.app, "shopify", DOMAIN, TOKEN, lambda: shop.merchant)
    replay(shop, order)
    redeliver(shop, order)


def join_and_part_and_redeliver(shop: Shop, order: str) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        [friend] = tx.run("SELECT friend_id FROM referral").scalars()
        other = tx.people.resolve(None, [("email", "friend.elsewhere@example.org")])
        assert other is not None
        tx.people.merge(friend, other, "they looked like one")
    drive(shop)
    redeliver(shop, order)
    drive(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        tx.people.unmerge(friend, other)
    redeliver(shop, order)


AGAIN: dict[str, Callable[[Shop, str], None]] = {
    "delivered again": redeliver,
    "replayed": replay,
    "after the friend was erased": erase_and_redeliver,
    "replayed after the friend was erased": erase_and_replay,
    "after the app was removed and installed again": reinstall_and_redeliver,
    "after the friend was joined with somebody and parted again": join_and_part_and_redeliver,
}


@pytest.mark.parametrize("again", AGAIN)
def test_an_order_that_was_rewarded_is_never_rewarded_again(shop: Shop, again: str) -> None:
    order = shop.order(net="80.00", email="friend@example.org")
    drive(shop)
    assert shop.credits() == [800]
    AGAIN[again](shop, order)
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [])
    assert shop.stages() == ["rewarded"] and states(shop, "reward") == ["issued"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


def test_an_order_cancelled_after_the_friend_was_erased_is_taken_back_all_the_same(shop: Shop) -> None:
    order = shop.order(net="80.00", email="friend@example.org")
    drive(shop)
    tell_customer(shop, "customers/redact", "friend@example.org")
    drive(shop)
    shop.change(order, "cancel", refund=True)
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [800])
    assert shop.stages() == ["reversed"] and open_books(shop) == {}


def test_a_removed_app_makes_no_call_and_pays_what_is_due_after_its_return(shop: Shop) -> None:
    approve(shop)
    for each in shop.client.control("render", shop=DOMAIN, deliveries=[{"topic": "app/uninstalled"}]):
        post(shop, (each["headers"], each["body"].encode()))
    shop.app.workshop.work(f"m:{shop.merchant}")
    shop.app.workshop.work(connection_lane(shop.connection))
    assert shop.credits() == [] and states(shop, "attempt") == []
    install(shop.app, "shopify", DOMAIN, TOKEN, lambda: shop.merchant)
    drive(shop)
    assert shop.credits() == [800]


def test_a_purchase_that_converted_one_referral_converts_no_other(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    two_friends(shop)
    first, second = shop.rows("SELECT id, external_id FROM referral ORDER BY captured_at, id")
    assert states(shop, "reward") == ["due", "due"]
    # The second referral points at the purchase of the first, as after a join of people that was undone.
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("UPDATE referral SET external_id = :order WHERE id = :id", order=first["external_id"], id=second["id"])
        tx.tasks.mark(f"m:{shop.merchant}", "decide", [str(first["id"]), str(second["id"])])
    drive(shop)
    rows = shop.rows("SELECT stage, rule FROM referral ORDER BY captured_at, id")
    assert [row["stage"] for row in rows] == ["qualified", "rejected"] and rows[1]["rule"] == "duplicate"
    assert sorted(states(shop, "reward")) == ["due", "void"]
    assert open_books(shop) == {"cost": 800, "payable": -800}


# ── Two people who are one ───────────────────────────────────────────────────────────────────────────────────────


def join(shop: Shop) -> tuple[UUID, UUID]:
    """The friends of the two referrals turn out to be one."""
    with shop.app.database.begin(shop.merchant) as tx:
        first, second = tx.run("SELECT friend_id FROM referral ORDER BY captured_at, id").scalars()
        tx.people.merge(first, second, "the same e-mail")
    drive(shop)
    return first, second


def part(shop: Shop, people: tuple[UUID, UUID]) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        tx.people.unmerge(*people)
    drive(shop)


def judged(shop: Shop) -> list[tuple[str, str]]:
    rows = shop.rows("SELECT stage, rule FROM referral ORDER BY captured_at, id")
    return [(row["stage"], row["rule"]) for row in rows]


def two_friends(shop: Shop) -> None:
    earlier = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    shop.order(net="80.00", created_at=earlier)
    shop.order(net="50.00")
    drive(shop)


def test_of_two_friends_who_are_one_the_first_stands_and_the_second_is_taken_back(shop: Shop) -> None:
    two_friends(shop)
    assert sorted(shop.credits()) == [500, 800]
    people = join(shop)
    assert [rule for _, rule in judged(shop)] == ["paid", "duplicate"]
    assert shop.debits() == [500]
    assert open_books(shop) == {"cost": 800, "issued": -800}
    part(shop, people)
    assert judged(shop)[0] == ("rewarded", "paid") and judged(shop)[1][1] != "duplicate"
    assert shop.debits() == [500] and sorted(shop.credits()) == [500, 800], "what was taken back is not given by itself"
    [second] = shop.rows("SELECT review FROM referral ORDER BY captured_at DESC, id DESC LIMIT 1")
    assert "person" in second["review"]


def test_of_two_friends_who_are_one_only_the_first_is_ever_paid(shop: Shop) -> None:
    shop.apply({**PROGRAM, "hold_days": 14})
    two_friends(shop)
    people = join(shop)
    assert judged(shop) == [("qualified", "hold"), ("rejected", "duplicate")]
    assert open_books(shop) == {"cost": 800, "payable": -800}
    part(shop, people)
    assert judged(shop) == [("qualified", "hold"), ("qualified", "hold")]
    assert open_books(shop) == {"cost": 1300, "payable": -1300}
    assert shop.credits() == []


def test_a_friend_who_turns_out_to_be_the_advocate_is_not_rewarded(shop: Shop) -> None:
    shop.order(net="80.00")
    drive(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        [row] = tx.run("SELECT friend_id, advocate.person_id FROM referral JOIN advocate ON advocate.id = advocate_id")
        tx.people.merge(row.person_id, row.friend_id, "the same e-mail")
    drive(shop)
    assert judged(shop) == [("rejected", "self_referral")]
    assert (shop.credits(), shop.debits()) == ([800], [800]) and open_books(shop) == {}


# ── Told in any order ────────────────────────────────────────────────────────────────────────────────────────────

LIFE = ("orders/create", "orders/paid", "refunds/create", "refunds/create", "orders/cancelled")


def live(shop: Shop) -> Iterator[list[Webhook]]:
    """The life of an order, a change at a time; yields what is told of each change."""
    order = shop.order(net="80.00", status="pending", deliver=False)
    changes: list[tuple[str, dict[str, object]]] = [
        ("", {}),
        ("pay", {}),
        ("refund", {"amount": "20.00"}),
        ("refund", {}),
        ("cancel", {"refund": True}),
    ]
    for topic, (what, more) in zip(LIFE, changes, strict=True):
        if what:
            shop.change(order, what, deliver=False, **more)
        yield shop.webhooks(order, topic)


@pytest.fixture
def generous(shop: Shop) -> Shop:
    """A shop whose rate limit is no part of the test."""
    shop.sandbox.world.shops[DOMAIN].bucket = Bucket(1_000_000, 100_000)
    return shop


def test_all_orders_of_delivery_end_the_same_when_the_order_is_over(generous: Shop) -> None:
    shop = generous
    told = []
    for order in permutations(range(len(LIFE))):
        webhooks = [webhook for change in live(shop) for webhook in change]
        told.append([webhooks[place] for place in order])
    for step in range(len(LIFE)):
        for webhooks in told:
            post(shop, webhooks[step])
            post(shop, webhooks[step])
        drive(shop, within=120)
    assert set(shop.stages()) == {"reversed"} and len(shop.stages()) == 120
    assert shop.credits() == [] and open_books(shop) == {}


@pytest.mark.parametrize("seed", range(12))
def test_an_order_told_late_twice_and_jumbled_while_it_lives_ends_with_no_credit(generous: Shop, seed: int) -> None:
    shop, chance = generous, random.Random(seed)
    life, over = live(shop), False
    untold: list[Webhook] = []
    while not over or untold:
        if not over and (not untold or chance.random() < 0.5):
            change = next(life, None)
            over = change is None
            untold += [*(change or ()), *(change or ())]
        if untold and chance.random() < 0.7:
            post(shop, untold.pop(chance.randrange(len(untold))))
            drive(shop)
    drive(shop)
    assert shop.stages() == ["reversed"]
    assert net(shop) == 0 and len(shop.credits()) <= 1 and sum(shop.debits()) <= 800
    assert open_books(shop) == {}


T0 = datetime(2026, 5, 20, 12, tzinfo=UTC)
ORDER = ObjectRef("order", "1001")
RULES = Program(
    name="Friends",
    slug="friends",
    mode=Mode.LIVE,
    event="order_paid",
    window=timedelta(days=30),
    hold=timedelta(0),
    advocate_reward=RewardRule("balance", percent_bp=1000),
)


def snapshots() -> list[tuple[Fact, ...]]:
    """What a read shows after each change: contact, order, payment, partial refund, the rest, cancellation."""
    paid = OrderPaid(ORDER, T0, T0, T0, Money(10_000, "EUR"), test=False, first_order=True)
    part_ = OrderRefunded(ORDER, T0, T0, "r1", Money(2_500, "EUR"))
    rest = OrderRefunded(ORDER, T0, T0, "r2", Money(7_500, "EUR"))
    shown: list[tuple[Fact, ...]] = [(), (), (paid,), (paid, part_), (paid, part_, rest), (paid, part_, rest)]
    minutes = [timedelta(minutes=n) for n in range(len(shown))]
    return [tuple(replace(fact, as_of=T0 + at) for fact in facts) for at, facts in zip(minutes, shown, strict=True)]


def test_all_720_orders_of_reading_with_repeats_end_in_one_decision() -> None:
    ends = set()
    for order in permutations(snapshots()):
        for repeated in order:
            facts = tuple(fact for snapshot in (*order, repeated) for fact in snapshot)
            case = Case(
                UUID(int=1), UUID(int=2), T0, facts, duplicate=False, paid_out=False, now=T0 + timedelta(hours=1)
            )
            decision = decide(RULES, case)
            ends.add((decision.stage, sum(plan.amount.minor for plan in decision.plans)))
    assert ends == {(Stage.REVERSED, 0)}
