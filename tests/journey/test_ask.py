"""Customers for whom something just went well are asked for a referral, at most as often as the program says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from connector.journey.ask import ranked
from connector.journey.happened import NewsKind
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.shop import PROGRAM, Shop

ASK = {"after": ["delivery"], "wait_days": 0, "every_days": 90}
#: An order that nobody referred.
OWN = {"landing_site": "/"}


class Asking(Shop):
    def asks(self, **changes: object) -> None:
        self.apply({**PROGRAM, "ask": {**ASK, **changes}})

    def delivered(self, email: str, *, net: str = "50.00") -> str:
        """An own order of somebody's, which has arrived."""
        order = self.order(email=email, net=net, **OWN)
        self.client.control(f"orders/{order}/fulfill", send=False)
        self.deliver(order, "orders/fulfilled")
        self.settle()
        return order

    def settle(self) -> None:
        self.work()
        drive(self)

    def states(self) -> Counter[str]:
        return Counter(row["state"] for row in self.rows("SELECT state FROM ask"))

    def invited(self) -> list[str]:
        """The reasons that were told, in order."""
        rows = self.rows("SELECT reason FROM news WHERE kind = :kind ORDER BY at", kind=NewsKind.INVITED.value)
        return [row["reason"] for row in rows]


@pytest.fixture
def shop(make_app: MakeApp) -> Iterator[Asking]:
    with Asking(make_app) as opened:
        yield opened


def test_whoever_got_what_they_ordered_is_asked_once_with_the_reason(shop: Asking) -> None:
    shop.asks()
    order = shop.delivered("cleo@example.com")
    shop.deliver(order, "orders/fulfilled", "orders/paid")
    shop.settle()
    assert shop.invited() == ["We ask because your order has arrived."]
    assert shop.states() == {"asked": 1}


def test_without_the_section_nobody_is_asked_and_all_else_works(shop: Asking) -> None:
    shop.delivered("cleo@example.com")
    shop.order()
    shop.settle()
    assert (shop.invited(), shop.states(), shop.stages()) == ([], {}, ["rewarded"])


def test_a_second_delivery_within_the_time_waits_for_its_turn(shop: Asking) -> None:
    shop.asks()
    for _ in range(2):
        shop.delivered("cleo@example.com")
    assert shop.states() == {"asked": 1, "waiting": 1}
    (waiting,) = shop.rows("SELECT why FROM ask WHERE state = 'waiting'")
    assert waiting["why"] == "they were asked less than 90 days ago"


def test_whoever_sent_it_back_is_looked_after_and_not_asked(shop: Asking) -> None:
    shop.asks(wait_days=3)
    order = shop.delivered("cleo@example.com")
    assert shop.states() == {"waiting": 1}
    shop.change(order, "refund", amount="50.00")
    shop.settle()
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'ask' RETURNING what")
    shop.settle()
    (row,) = shop.rows("SELECT state, why FROM ask")
    assert row["state"] == "declined" and row["why"].startswith("first look after them: 50.00 EUR of their purchase")
    assert shop.invited() == []


def test_a_share_is_never_asked_and_what_asking_brings_is_measured_against_it(shop: Asking) -> None:
    shop.asks(holdout_percent=50)
    people: list[str] = []
    while not {"asked", "held_out"} <= set(states := shop.states()):  # which of them are held out is chance
        people.append(f"buyer{len(people)}@example.com")
        assert len(people) < 60
        shop.delivered(people[-1])
    assert sum(states.values()) == len(people)
    asked = shop.rows("SELECT person_id FROM ask WHERE state = 'asked' ORDER BY at LIMIT 1")[0]["person_id"]
    with shop.app.database.begin(shop.merchant) as tx:
        email = tx.people.email(asked)
        if email is None:  # the shop alone is connected: no address is kept, so the test names them by the order
            email = people[[str(p) for p in self_order(shop)].index(str(asked))]
    shop.enrol(email)
    with shop.app.database.begin(shop.merchant) as tx:
        effects = {each.answer: each for each in tx.asks.effects(shop.program)}
    assert (effects["asked"].people, effects["asked"].joined) == (states["asked"], 1)
    assert (effects["held_out"].people, effects["held_out"].joined) == (states["held_out"], 0)


def self_order(shop: Asking) -> list[object]:
    """Who had the moments, in the order in which they ordered."""
    return [row["person_id"] for row in shop.rows("SELECT person_id FROM ask ORDER BY at, id")]


def test_with_a_number_for_the_day_the_likeliest_are_asked_first(shop: Asking) -> None:
    shop.asks(wait_days=3, per_day=1)
    shop.delivered("once@example.com")
    for _ in range(3):
        shop.delivered("often@example.com")
    (row,) = shop.rows("SELECT person_id FROM ask GROUP BY 1 HAVING count(*) = 3")
    often = row["person_id"]
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'ask' RETURNING what")
    shop.settle()
    asked = shop.rows("SELECT person_id, score FROM ask WHERE state = 'asked'")
    assert [row["person_id"] for row in asked] == [often]
    assert shop.states() == {"asked": 1, "waiting": 3}
    with shop.app.database.begin(shop.merchant) as tx:
        rank = ranked(tx, shop.program, 10)
    assert rank[0][1].person == often and rank[0][0].points > rank[1][0].points and rank[0][0].reasons


def test_a_program_that_only_watches_asks_nobody(shop: Asking) -> None:
    shop.apply({**PROGRAM, "mode": "shadow", "ask": ASK})
    shop.delivered("cleo@example.com")
    assert (shop.invited(), shop.states()) == ([], {"declined": 1})


def test_whoever_is_forgotten_is_asked_no_more(shop: Asking) -> None:
    shop.asks(wait_days=3)
    shop.delivered("cleo@example.com")
    with shop.app.database.begin(shop.merchant) as tx:
        tx.people.erase(self_order(shop)[0])  # type: ignore[arg-type]
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'ask' RETURNING what")
    shop.settle()
    assert shop.invited() == []
