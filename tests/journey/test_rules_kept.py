"""What a program says is kept to the letter, on the real database: limits, reviews, payments, things and thanks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connector.domain.facts import DealWon, ObjectRef
from connector.domain.money import Money
from connector.domain.person import NAME
from connector.domain.touch import Source, Touch
from connector.errors import ConfigError, NotFound
from connector.journey import enrol, judge, spoken
from connector.journey.publish import publish
from connector.journey.tasks import purchase
from connector.ports.platform import Seen, Truth
from connector.store import queues
from tests.shop import PROGRAM, Shop

TEN = {"kind": "balance", "amount": "10.00 EUR", "expires_days": 180}


@pytest.fixture
def shop(make_app: Any) -> Iterator[Shop]:
    with Shop(make_app) as shop:
        yield shop


def promise(shop: Shop, **changes: Any) -> None:
    """The shop's program with these changes, published as a merchant does."""
    saved, _ = publish(shop.app.desk, shop.merchant, {**PROGRAM, "advocate": TEN, **changes})
    shop.program = saved.id


def referrals(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("SELECT * FROM referral WHERE merchant_id = :merchant ORDER BY captured_at, id")


def one(shop: Shop) -> dict[str, Any]:
    [found] = referrals(shop)
    return found


# ── How much, and how often ──────────────────────────────────────────────────────────────────────────────────────


def test_the_third_friend_of_the_year_earns_more_and_a_milestone_comes_on_top(shop: Shop) -> None:
    promise(
        shop,
        tiers={"period": "year", "steps": [{"from": 3, "amount": "15.00 EUR", "expires_days": 180}]},
        milestones=[{"at": 3, "amount": "50.00 EUR", "kind": "balance", "expires_days": 180}],
    )
    for _ in range(3):
        shop.order()
        shop.work()
    assert sorted(shop.credits()) == [1000, 1000, 1500, 5000]
    assert sorted(row["standing"]["friends"] for row in referrals(shop)) == [0, 1, 2]


def test_a_friend_who_sent_everything_back_takes_no_place(shop: Shop) -> None:
    promise(shop, milestones=[{"at": 2, "amount": "50.00 EUR", "kind": "balance", "expires_days": 180}])
    shop.change(_ordered(shop), "refund", amount="80.00")
    shop.work()
    shop.order()
    shop.work()
    assert 5000 not in shop.credits()
    shop.order()
    shop.work()
    assert 5000 in shop.credits()


def _ordered(shop: Shop) -> str:
    order = shop.order()
    shop.work()
    return order


def test_a_cap_lets_a_friend_count_and_pays_nothing_more(shop: Shop) -> None:
    promise(shop, caps={"period": "ever", "amount": "15.00 EUR"})
    for _ in range(3):
        _ordered(shop)
    assert shop.credits() == [1000, 500]
    assert sorted(row["rule"] for row in referrals(shop)) == ["cap", "paid", "paid"]


def test_a_spent_budget_holds_a_reward_until_it_is_raised_and_then_pays_it(shop: Shop) -> None:
    promise(shop, budget={"amount": "15.00 EUR"})
    _ordered(shop)
    _ordered(shop)
    assert shop.credits() == [1000]
    assert sorted(row["hold"] for row in referrals(shop)) == ["", "budget"]
    promise(shop, budget={"amount": "20.00 EUR"})
    shop.work()
    assert shop.credits() == [1000, 1000]


def test_a_lower_budget_takes_nothing_back_that_was_promised(shop: Shop) -> None:
    promise(shop, budget={"amount": "15.00 EUR"})
    _ordered(shop)
    promise(shop, budget={"amount": "1.00 EUR"})
    with shop.app.database.begin(shop.merchant) as tx:
        tx.tasks.mark(f"m:{shop.merchant}", "decide", [str(one(shop)["id"])])
    shop.work()
    assert (shop.credits(), shop.debits(), one(shop)["rule"]) == ([1000], [], "paid")


def test_each_of_the_first_two_payments_earns_though_the_second_bears_no_code(shop: Shop) -> None:
    promise(shop, qualify={"payment": "each", "payments": 2}, advocate={**TEN, "amount": "10.00 EUR"})
    shop.order(email="subscriber@example.org")
    shop.work()
    for _ in range(2):
        shop.order(email="subscriber@example.org", landing_site="/tea", customer_orders=None)
        shop.work()
    assert shop.credits() == [1000, 1000]
    assert [row["ordinal"] for row in shop.rows("SELECT ordinal FROM reward ORDER BY ordinal")] == [1, 2]
    assert len(referrals(shop)) == 1


# ── A person looks first ─────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_paid_before_a_person_approves_and_then_it_is(shop: Shop) -> None:
    promise(shop, review={"when": "always"})
    _ordered(shop)
    [waiting] = queues.review(shop.app.database, shop.merchant)
    assert (shop.credits(), one(shop)["stage"], waiting["why"]) == (
        [],
        "qualified",
        "A person looks at every referral of this program.",
    )
    judge.judge(shop.app.desk, shop.merchant, [waiting["id"]], "ines", "known to us", approved=True)
    shop.work()
    assert (shop.credits(), queues.review(shop.app.database, shop.merchant)) == ([1000], [])


def test_many_are_declined_at_once_with_a_reason_that_is_kept(shop: Shop) -> None:
    promise(shop, review={"when": "always"})
    for _ in range(3):
        shop.order()
    shop.work()
    ids = [row["id"] for row in referrals(shop)]
    judge.judge(shop.app.desk, shop.merchant, ids, "ines", "all from one desk", approved=False)
    shop.work()
    assert {(row["stage"], row["rule"]) for row in referrals(shop)} == {("rejected", "declined")}
    assert "ines" in referrals(shop)[0]["reason"] and "all from one desk" in referrals(shop)[0]["reason"]
    assert shop.credits() == []


def test_a_judgement_of_many_is_all_or_nothing(shop: Shop) -> None:
    promise(shop, review={"when": "always"})
    _ordered(shop)
    with pytest.raises(NotFound, match="there is no referral"):
        judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"], UUID(int=7)], "ines", "fine", approved=True)
    shop.work()
    assert shop.credits() == []
    with pytest.raises(ConfigError, match="--reason"):
        judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"]], "ines", " ", approved=True)


def test_an_advocate_who_asks_is_looked_at_again_and_paid_if_a_person_says_so(shop: Shop) -> None:
    promise(shop, minimum_net="100.00 EUR")
    _ordered(shop)
    assert one(shop)["rule"] == "below_minimum"
    judge.appeal(shop.app.desk, shop.merchant, one(shop)["id"], "anna", "they bought again in the store")
    judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"]], "ines", "seen the receipt", approved=True)
    shop.work()
    assert shop.credits() == [1000]


def test_a_second_mailbox_of_the_advocate_is_blocked_and_a_person_may_overrule_it(shop: Shop) -> None:
    promise(shop)
    shop.order(email="anna+friend@example.com")
    shop.work()
    assert (one(shop)["rule"], shop.credits()) == ("fraud", [])
    assert "same_mailbox" not in one(shop)["reason"] and "mailbox" in one(shop)["reason"]
    judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"]], "ines", "her sister", approved=True)
    shop.work()
    assert shop.credits() == [1000]


def test_suspicion_after_the_money_moved_changes_nothing_in_silence(shop: Shop) -> None:
    promise(shop, fraud={"velocity": 1, "points": {"velocity": 100}})
    shop.order()
    shop.work()
    shop.order()
    shop.work()
    assert sorted(row["rule"] for row in referrals(shop)) == ["fraud", "paid"]
    with shop.app.database.begin(shop.merchant) as tx:
        tx.tasks.mark(f"m:{shop.merchant}", "decide", [str(row["id"]) for row in referrals(shop)])
    shop.work()
    assert (sorted(row["rule"] for row in referrals(shop)), shop.debits()) == (["fraud", "paid"], [])


# ── When it must come back ───────────────────────────────────────────────────────────────────────────────────────


def test_a_merchant_who_bears_refunds_takes_nothing_back(shop: Shop) -> None:
    promise(shop, clawback={"after_issue": "absorb"})
    shop.change(_ordered(shop), "refund", amount="80.00")
    shop.work()
    assert (shop.debits(), one(shop)["stage"], one(shop)["review"]) == ([], "reversed", "")


def test_a_merchant_who_wants_to_be_asked_decides_what_comes_back(shop: Shop) -> None:
    promise(shop, clawback={"after_issue": "review"})
    shop.change(_ordered(shop), "refund", amount="40.00")
    shop.work()
    assert shop.debits() == []
    assert "5.00 EUR is owed no longer" in one(shop)["review"]
    judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"]], "ines", "take it", approved=False)
    shop.work()
    assert shop.debits() == [1000]  # declined: nothing is owed any more


def test_what_could_not_be_taken_back_is_kept_from_the_next_reward(shop: Shop) -> None:
    promise(shop, clawback={"shortfall": "net"})
    order = _ordered(shop)
    shop.order(email="anna@example.com", landing_site="/tea", net="20.00", store_credit="7.00")
    shop.change(order, "refund", amount="80.00")
    shop.work()
    assert (shop.debits(), shop.ledger()["shortfall"]) == ([300], 700)
    _ordered(shop)
    assert shop.credits() == [1000, 300]
    books = shop.ledger()
    assert (books["shortfall"], books["cost"]) == (0, 1000)
    assert sum(books.values()) == 0


# ── Things, thanks, and work that staff record ───────────────────────────────────────────────────────────────────


def test_a_mug_waits_for_staff_to_hand_it_over_once(shop: Shop) -> None:
    promise(shop, advocate={"kind": "item", "item": "a mug", "amount": "8.00 EUR"})
    _ordered(shop)
    [mug] = shop.rows("SELECT * FROM reward")
    assert (mug["state"], mug["reason"], shop.credits()) == ("held", "to be handed over: a mug", [])
    assert judge.handed_over(shop.app.desk, shop.merchant, mug["id"], "ines") == "a mug"
    shop.work()
    assert (one(shop)["stage"], shop.ledger()) == ("rewarded", {"cost": 800, "issued": -800, "payable": 0})
    with pytest.raises(NotFound):
        judge.handed_over(shop.app.desk, shop.merchant, mug["id"], "ines")


def test_a_refund_asks_nobody_to_bring_the_mug_back(shop: Shop) -> None:
    promise(shop, advocate={"kind": "item", "item": "a mug", "amount": "8.00 EUR"})
    order = _ordered(shop)
    [mug] = shop.rows("SELECT id FROM reward")
    judge.handed_over(shop.app.desk, shop.merchant, mug["id"], "ines")
    shop.change(order, "refund", amount="80.00")
    shop.work()
    assert (shop.rows("SELECT id FROM reversal"), one(shop)["stage"]) == ([], "reversed")


def test_thanks_cost_nothing_and_count_a_friend(shop: Shop) -> None:
    promise(shop, advocate={"kind": "thanks"})
    _ordered(shop)
    assert (one(shop)["stage"], one(shop)["rule"]) == ("rewarded", "thanks")
    assert one(shop)["qualified_at"] is not None and shop.rows("SELECT id FROM reward") == []


def test_a_job_that_staff_record_pays_the_advocate_whom_they_named_by_name(shop: Shop) -> None:
    promise(shop, event="job_done", advocate={"kind": "balance", "percent": 10, "expires_days": 180})
    with shop.app.database.begin(shop.merchant) as tx:
        anna = tx.people.resolve(None, [("email", "anna@example.com")])
        assert anna is not None
        tx.marks.add([(anna, (Seen(NAME, "Anna Meyer"),))])
    word = spoken.Word("ines", "she told me on the phone", name="anna meyer", email="walk-in@example.org")
    referral = spoken.say(shop.app.desk, shop.merchant, "tea-friends", word)
    assert referral is not None
    shop.work()
    assert (one(shop)["stage"], shop.credits()) == ("pending", [])
    judge.job_done(shop.app.desk, shop.merchant, referral, "ines", Money(12_000, "EUR"))
    shop.work()
    assert (shop.credits(), one(shop)["touch"]["source"]) == ([1200], "staff")


# ── What people say ──────────────────────────────────────────────────────────────────────────────────────────────


def test_staff_attribute_an_order_that_bore_no_sign(shop: Shop) -> None:
    promise(shop)
    order = shop.order(landing_site="/tea")
    shop.work()
    assert referrals(shop) == []
    ref = shop.app.desk.platforms["shopify"].inbound.purchase(order.rpartition("/")[2])
    word = spoken.Word("ines", "she wrote to us", code=shop.code, order=(shop.connection, ref))
    assert spoken.say(shop.app.desk, shop.merchant, "tea-friends", word) is None
    shop.work()
    assert (shop.credits(), "an entry by staff" in one(shop)["touch"]["evidence"]) == ([1000], True)


def test_an_advocates_own_late_claim_waits_for_a_person(shop: Shop) -> None:
    promise(shop)
    order = shop.order(landing_site="/tea")
    shop.work()
    ref = shop.app.desk.platforms["shopify"].inbound.purchase(order.rpartition("/")[2])
    word = spoken.Word("anna", "I told her in May", code=shop.code, order=(shop.connection, ref), claimed=True)
    spoken.say(shop.app.desk, shop.merchant, "tea-friends", word)
    shop.work()
    assert (shop.credits(), one(shop)["rule"]) == ([], "review")
    judge.judge(shop.app.desk, shop.merchant, [one(shop)["id"]], "ines", "asked the friend", approved=True)
    shop.work()
    assert shop.credits() == [1000]


def test_a_friend_announced_under_one_address_who_buys_under_another_is_one_friend(shop: Shop) -> None:
    promise(shop)
    word = spoken.Word("ines", "spoke on the phone", code=shop.code, email="carla@home.example")
    spoken.say(shop.app.desk, shop.merchant, "tea-friends", word)
    order = shop.order(email="carla@work.example")
    shop.work()
    ref = shop.app.desk.platforms["shopify"].inbound.purchase(order.rpartition("/")[2])
    spoken.say(
        shop.app.desk,
        shop.merchant,
        "tea-friends",
        spoken.Word("ines", "the same voice", code=shop.code, email="carla@home.example", order=(shop.connection, ref)),
    )
    shop.work()
    assert shop.credits() == [1000]
    assert sorted(row["stage"] for row in referrals(shop)) in (["rejected", "rewarded"], ["pending", "rewarded"])


def test_several_advocates_of_one_name_are_told_apart_by_their_codes(shop: Shop) -> None:
    promise(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        for email in ("anna@example.com", "anna2@example.com"):
            enrol.enrol(tx, shop.program, email)
            person = tx.people.resolve(None, [("email", email)])
            assert person is not None
            tx.marks.add([(person, (Seen(NAME, "Anna"),))])
    word = spoken.Word("ines", "phone", name="Anna", email="new@example.org")
    with pytest.raises(ConfigError, match=shop.code):
        spoken.say(shop.app.desk, shop.merchant, "tea-friends", word)
    assert referrals(shop) == []


def test_a_deal_on_another_platform_than_the_programs_never_pays(shop: Shop) -> None:
    """The shop's program counts orders; sales marks a deal of the same friend as won, and no order is ever paid."""
    shop.apply({**PROGRAM, "event": "deal_won", "source": "shopify", "advocate": TEN})
    with shop.app.database.begin(shop.merchant) as tx:
        crm = tx.connections.install("crm", "crm-1", "token", "", None, "EUR", (), {})
        friend = tx.people.resolve(crm, [("email", "friend@example.org")])
        at = datetime.now(UTC) - timedelta(minutes=5)
        ref, touch = ObjectRef("deal", "7"), Touch(Source.CRM_FIELD, shop.code, at)
        won = DealWon(ref, at, at, at, Money(8000, "EUR"), first_order=True)
        tx.truths.save(crm, Truth(ref, True, at, at, touches=(touch,), facts=(won,)), friend)
        tx.tasks.mark(f"m:{shop.merchant}", "attribute", [purchase(crm, ref)])
    for _ in range(3):
        shop.app.workshop.work(f"m:{shop.merchant}")
    assert (one(shop)["stage"], shop.rows("SELECT id FROM reward")) == ("pending", [])


# ── From test to live ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_goes_live_only_after_a_reward_was_really_delivered_in_test(shop: Shop) -> None:
    promise(shop, name="New idea", mode="test")
    live = {**PROGRAM, "name": "New idea", "advocate": TEN}
    with pytest.raises(ConfigError, match="advocate add YOU --tester"):
        publish(shop.app.desk, shop.merchant, live)
    with shop.app.database.begin(shop.merchant) as tx:
        made = enrol.enrol(tx, shop.program, "ines@example.com")
        tx.marks.join(made.person, None, frozenset({"testers"}))
    shop.customer("ines@example.com", earlier_orders=1)
    shop.order(landing_site=shop.landing(made.code), test=True)
    shop.order(landing_site=shop.landing(shop.enrol("somebody@example.com")))
    shop.work()
    assert sorted(row["rule"] for row in referrals(shop)) == ["paid", "test_mode"]
    assert shop.credits() == [1000]
    saved, _ = publish(shop.app.desk, shop.merchant, live)
    assert saved.version == 2


def test_a_promise_that_nobody_can_keep_is_refused_at_save(shop: Shop) -> None:
    for change, told in (
        ({"event": "deal_won"}, "no connected platform tells of 'deal_won'"),
        ({"source": "nowhere"}, "'nowhere' does not tell of 'order_paid'"),
    ):
        with pytest.raises(ConfigError, match=told):
            publish(shop.app.desk, shop.merchant, {**PROGRAM, **change})
    assert shop.rows("SELECT version FROM program") == [{"version": 1}]
