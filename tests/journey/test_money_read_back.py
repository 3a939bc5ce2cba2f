"""A credit whose answer was lost: found by our mark alone, never mistaken for a stranger's, and where nobody can tell,
left to a person, whose doubt holds up that one account and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from connector.errors import ConfigError, NotFound
from tests.journey.money import (
    CREDIT,
    UNMARKED,
    calls,
    drive,
    merged_away,
    number,
    open_books,
    other_advocate,
    ruled,
    spend,
    states,
    stranger_gives,
    waiting_for_person,
    work_until,
)
from tests.shop import DOMAIN, Shop

IN_DOUBT = "SELECT id FROM attempt WHERE state = 'unknown'"


def in_doubt(shop: Shop, fault: str) -> None:
    """One credit was sent, and its answer never came."""
    shop.order(net="80.00")
    shop.fault(fault)
    work_until(shop, IN_DOUBT)


def ours(shop: Shop, *strangers: str) -> list[dict[str, Any]]:
    return [entry for entry in shop.movements("credit") if entry["id"] not in strangers]


def expiry(shop: Shop) -> datetime:
    [row] = shop.rows("SELECT expires_at FROM reward")
    pinned: datetime = row["expires_at"]
    return pinned


@pytest.mark.parametrize("fault", ["cut_after", "5xx_after", "html_200", "empty_200", "partial_errors"])
def test_a_credit_that_landed_is_found_and_never_sent_again(shop: Shop, fault: str) -> None:
    in_doubt(shop, fault)
    drive(shop)
    assert shop.credits() == [800] and calls(shop, CREDIT) == 1
    assert shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


@pytest.mark.parametrize("fault", ["cut_before", "5xx_before"])
def test_a_credit_that_did_not_land_is_sent_once_more(shop: Shop, fault: str) -> None:
    in_doubt(shop, fault)
    assert shop.credits() == []
    drive(shop)
    assert shop.credits() == [800] and calls(shop, CREDIT) == 2
    assert shop.stages() == ["rewarded"]


def test_nothing_is_read_back_or_sent_before_the_quiet_period_is_over(shop: Shop) -> None:
    in_doubt(shop, "cut_before")
    shop.work()
    [first, second] = shop.rows("SELECT since, readback_at, state FROM attempt ORDER BY since")
    assert (first["state"], second["state"]) == ("not_done", "done")
    assert second["since"] >= first["readback_at"]
    assert shop.credits() == [800]


EXPIRIES: dict[str, Callable[[datetime], datetime | None]] = {
    "without an end": lambda _: None,
    "ending at 23:59:59": lambda ours: ours.replace(hour=23, minute=59, second=59),
    "ending in the same hour": lambda ours: ours.replace(second=(ours.second + 17) % 60),
    "ending a second later": lambda ours: ours.replace(second=(ours.second + 1) % 60),
}


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("ends", EXPIRIES)
def test_an_equal_credit_of_a_stranger_is_never_taken_for_ours(shop: Shop, ends: str, landed: bool) -> None:
    in_doubt(shop, "cut_after" if landed else "cut_before")
    at = EXPIRIES[ends](expiry(shop))
    stranger = stranger_gives(shop, shop.advocate, "8.00", at.isoformat() if at else None)
    drive(shop)
    [credit] = ours(shop, stranger)
    assert credit["minor"] == 800 and len(shop.credits()) == 2
    assert shop.rows("SELECT transaction FROM attempt WHERE state = 'done'") == [{"transaction": credit["id"]}]
    assert calls(shop, CREDIT) == (2 if landed else 3)  # the stranger's is one of them
    assert shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


def test_an_equal_credit_of_a_stranger_from_before_is_never_taken_for_ours(shop: Shop) -> None:
    stranger = stranger_gives(shop, shop.advocate, "8.00")
    in_doubt(shop, "cut_before")
    drive(shop)
    assert [credit["minor"] for credit in ours(shop, stranger)] == [800]
    assert shop.stages() == ["rewarded"]


def test_two_credits_that_look_exactly_like_ours_need_a_person(shop: Shop) -> None:
    in_doubt(shop, "cut_after")
    stranger = stranger_gives(shop, shop.advocate, "8.00", expiry(shop).isoformat())
    drive(shop)
    [attempt] = waiting_for_person(shop)
    [credit] = ours(shop, stranger)
    ruled(shop, attempt, "landed", credit["id"])
    drive(shop)
    assert len(shop.credits()) == 2 and shop.stages() == ["rewarded"]
    assert open_books(shop) == {"cost": 800, "issued": -800}


# ── Only a person can tell ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_a_customer_who_was_merged_away_needs_a_person_and_others_are_paid(shop: Shop, fault: str) -> None:
    in_doubt(shop, fault)
    landed = shop.credits()
    merged_away(shop)
    bea = other_advocate(shop)
    shop.order(net="80.00", landing_site=shop.landing(bea))
    shop.order(net="50.00")
    drive(shop)
    assert len(waiting_for_person(shop)) == 1
    assert shop.credits() == [*landed, 800]
    assert sorted(states(shop, "reward")) == ["approved", "issued", "unknown"]
    drive(shop)
    assert calls(shop, CREDIT) == 2


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_credit_that_bears_no_mark_is_never_sent_again_alone_and_holds_up_its_account_only(
    shop: Shop, fault: str
) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, fault)
    bea = other_advocate(shop)
    shop.order(net="50.00")
    shop.order(net="30.00", landing_site=shop.landing(bea))
    drive(shop)
    drive(shop)
    landed = [800] if fault == "cut_after" else []
    assert shop.credits() == [*landed, 300]
    assert len(waiting_for_person(shop)) == 1
    assert states(shop, "reward") == ["unknown", "approved", "issued"]


def test_an_account_in_doubt_that_is_known_under_two_addresses_holds_nobody_else_up(shop: Shop) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, "cut_after")
    drive(shop)
    shop.sandbox.world.shops[DOMAIN].customers[number(shop.advocate)].email = "anna.new@example.com"
    again = shop.enrol("anna.new@example.com")
    shop.order(net="50.00", landing_site=shop.landing(again))
    work_until(shop, "SELECT id FROM reward WHERE amount = 500 AND state = 'approved'")
    bea = other_advocate(shop)
    shop.order(net="30.00", landing_site=shop.landing(bea))
    work_until(shop, "SELECT id FROM reward WHERE amount = 300 AND state = 'issued'", within=8)
    assert shop.credits() == [800, 300]
    [attempt] = waiting_for_person(shop)
    ruled(shop, attempt, "landed", ours(shop)[0]["id"])
    drive(shop)
    assert shop.credits() == [800, 300, 500]


def test_a_person_says_that_it_landed(shop: Shop) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, "cut_after")
    shop.order(net="50.00")
    drive(shop)
    [attempt] = waiting_for_person(shop)
    ruled(shop, attempt, "landed", ours(shop)[0]["id"])
    drive(shop)
    assert shop.credits() == [800, 500]
    assert shop.stages() == ["rewarded", "rewarded"] and states(shop, "attempt") == ["done", "done"]
    assert open_books(shop) == {"cost": 1300, "issued": -1300}


def test_a_person_says_that_it_did_not_land(shop: Shop) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, "cut_before")
    shop.order(net="50.00")
    drive(shop)
    [attempt] = waiting_for_person(shop)
    ruled(shop, attempt, "absent")
    drive(shop)
    assert sorted(shop.credits()) == [500, 800]
    assert shop.stages() == ["rewarded", "rewarded"]
    assert open_books(shop) == {"cost": 1300, "issued": -1300}


def test_a_person_says_that_it_landed_and_must_come_back(shop: Shop) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, "cut_after")
    drive(shop)
    [attempt] = waiting_for_person(shop)
    ruled(shop, attempt, "reverse", ours(shop)[0]["id"])
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [800])
    assert open_books(shop) == {}


def test_a_refund_while_a_person_is_asked_is_taken_back_after_the_ruling(shop: Shop) -> None:
    shop.apply(UNMARKED)
    order = shop.order(net="80.00")
    shop.fault("cut_after")
    work_until(shop, IN_DOUBT)
    shop.change(order, "refund", amount="20.00")
    drive(shop)
    assert shop.debits() == []
    [attempt] = waiting_for_person(shop)
    ruled(shop, attempt, "landed", ours(shop)[0]["id"])
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [200])
    assert open_books(shop) == {"cost": 600, "issued": -600}


def test_a_ruling_counts_once_and_only_where_one_is_asked_for(shop: Shop) -> None:
    shop.apply(UNMARKED)
    in_doubt(shop, "cut_after")
    [row] = shop.rows(IN_DOUBT)
    with pytest.raises(NotFound):
        ruled(shop, row["id"], "absent")  # still quiet: nobody was asked yet
    drive(shop)
    with pytest.raises(ConfigError, match="--transaction"):
        ruled(shop, row["id"], "landed")
    ruled(shop, row["id"], "landed", ours(shop)[0]["id"])
    for verdict in ("landed", "absent", "reverse"):
        with pytest.raises(NotFound):
            ruled(shop, row["id"], verdict, "gid://shopify/StoreCreditAccountCreditTransaction/1")
    drive(shop)
    assert shop.credits() == [800] and open_books(shop) == {"cost": 800, "issued": -800}


def test_a_ruling_cannot_name_a_movement_that_settled_another_reward(shop: Shop) -> None:
    shop.apply(UNMARKED)
    shop.order(net="50.00")
    drive(shop)
    in_doubt(shop, "cut_before")
    drive(shop)
    [attempt] = waiting_for_person(shop)
    with pytest.raises(ConfigError):
        ruled(shop, attempt, "landed", ours(shop)[0]["id"])
    ruled(shop, attempt, "absent")
    drive(shop)
    assert sorted(shop.credits()) == [500, 800]


def test_a_spent_credit_in_doubt_is_found_all_the_same(shop: Shop) -> None:
    in_doubt(shop, "cut_after")
    spend(shop, "8.00")
    drive(shop)
    assert shop.credits() == [800] and shop.stages() == ["rewarded"]
