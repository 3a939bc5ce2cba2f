"""Credit on a draft invoice, through the whole product: off the bill once, off the balance once, out of the liability."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from connector.domain.money import Money
from connector.errors import ConfigError, NotFound
from connector.journey import apply, judge
from tests.hub import Hub


@pytest.fixture
def hub(make_app: Any) -> Iterator[Hub]:
    with Hub(make_app) as opened:
        yield opened


def paid(hub: Hub, amount: str = "1000.00") -> tuple[str, UUID]:
    """An advocate whose friend's deal was won: their contact, and the reward."""
    number, code = hub.advocate()
    deal = hub.deal(hub.form("friend@example.org", ref=code), amount=amount)
    hub.win(deal)
    hub.work()
    [row] = hub.rows("SELECT id FROM reward WHERE state = 'issued'")
    return number, row["id"]


def invoice(hub: Hub, status: str = "draft") -> str:
    told = {"hs_currency": "EUR", "hs_invoice_status": status}
    return str(hub.client.control("objects", type="invoices", properties=told)["id"])


def discounts(hub: Hub) -> list[str]:
    (portal,) = hub.client.control("state", verb="GET")["portals"]
    return [each["properties"]["hs_value"] for each in portal["records"].get("discounts", ())]


def ask(hub: Hub, reward: UUID, bill: str, minor: int) -> None:
    apply.ask(hub.app.desk, hub.merchant, reward, bill, Money(minor, "EUR"))


def test_credit_comes_off_a_draft_once_and_leaves_the_liability(hub: Hub) -> None:
    number, reward = paid(hub)
    bill = invoice(hub)
    for _ in range(3):
        ask(hub, reward, bill, 2_500)
        hub.work()
    assert discounts(hub) == ["25.00"]
    assert hub.wallet(number)[0] == "75.00"
    assert hub.ledger()["issued"] == -7_500
    assert hub.rows("SELECT redeemed FROM reward") == [{"redeemed": 2_500}]


def test_two_bills_are_two_and_no_more_than_there_is(hub: Hub) -> None:
    number, reward = paid(hub)
    for bill in (invoice(hub), invoice(hub)):
        ask(hub, reward, bill, 4_000)
        hub.work()
    assert (sorted(discounts(hub)), hub.wallet(number)[0]) == (["40.00", "40.00"], "20.00")
    with pytest.raises(ConfigError, match=r"20\.00 EUR is left"):
        ask(hub, reward, invoice(hub), 2_001)


def test_an_invoice_that_was_sent_is_left_alone_and_the_merchant_hears_why(hub: Hub) -> None:
    number, reward = paid(hub)
    ask(hub, reward, invoice(hub, "open"), 1_000)
    hub.work()
    [parked] = hub.rows("SELECT what, reason FROM task WHERE state = 'parked'")
    assert (parked["what"], discounts(hub), hub.wallet(number)[0]) == ("apply", [], "100.00")
    assert "draft" in parked["reason"]
    told = hub.says("doctor")
    assert f"left undone (apply): {parked['reason']}" in told
    assert "connector replay" in told
    ask(hub, reward, invoice(hub, "open"), 1_000)
    hub.work()
    assert f"left undone 2 times (apply): {parked['reason']}" in hub.says("doctor")


def test_a_lost_answer_is_looked_for_and_never_made_twice(hub: Hub) -> None:
    number, reward = paid(hub)
    bill = invoice(hub)
    for path in ("/discounts$", "/associations/default/", "/contacts/[0-9]+$"):
        hub.client.control("faults", fault="cut_after", path=path, count=1)
    ask(hub, reward, bill, 2_500)
    for _ in range(8):
        hub.work()
        hub.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'apply' AND state = 'open' RETURNING what")
    (portal,) = hub.client.control("state", verb="GET")["portals"]
    on_bill = [each for each in portal["associations"] if bill in str(each["from"]) and "0-84" in str(each["to"])]
    assert len(on_bill) == 1
    assert hub.wallet(number)[0] == "75.00"
    assert not hub.rows("SELECT what FROM task WHERE what = 'apply'")


def test_what_is_no_credit_of_theirs_cannot_be_applied(hub: Hub) -> None:
    _, reward = paid(hub)
    with pytest.raises(NotFound):
        ask(hub, UUID(int=1), invoice(hub), 100)
    for minor in (0, -100):
        with pytest.raises(ConfigError):
            ask(hub, reward, invoice(hub), minor)
    with pytest.raises(ConfigError, match="tells by itself"):
        judge.redeemed(hub.app.desk, hub.merchant, reward, Money(100, "EUR"), "Eva")


def test_staff_who_lower_the_balance_by_hand_have_redeemed_it(hub: Hub) -> None:
    number, _ = paid(hub)
    hub.save("contacts", number, referral_credit_balance="60.00")
    hub.rows("UPDATE reward SET watch_at = clock_timestamp() - interval '1 day' RETURNING id")
    hub.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'watch' RETURNING what")
    hub.work()
    assert hub.ledger()["issued"] == -6_000
