"""The friend's offer: a friend who types an advocate's code, or takes their link, gets what the program promises."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest

from connector.journey import enrol, offer
from tests.shop import DOMAIN, PROGRAM, Shop

TEN = {"kind": "percent", "percent": 10}
WITH_OFFER = {**PROGRAM, "offer": TEN}
ADDS = "discountRedeemCodeBulkAdd"


def discounts(shop: Shop) -> list[dict[str, Any]]:
    return list(shop.client.control("state", verb="GET")["shops"][0]["discounts"])


def calls(shop: Shop, name: str) -> int:
    return int(shop.client.book()["calls"].get(name, 0))


def standing(shop: Shop) -> dict[str, Any]:
    (row,) = shop.rows("SELECT state, reason, codes, version, external FROM offer WHERE merchant_id = :merchant")
    return row


def codes(shop: Shop, state: str) -> int:
    sql = "SELECT count(*) AS n FROM redeem_code WHERE merchant_id = :merchant AND state = :state"
    return int(shop.rows(sql, state=state)[0]["n"])


def offering(shop: Shop, more: Mapping[str, Any] = TEN) -> None:
    shop.apply({**PROGRAM, "offer": dict(more)})
    shop.work()


def hurry(shop: Shop) -> None:
    """What waits for its next look is looked at now."""
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE merchant_id = :merchant AND what = 'offer' RETURNING 1")
    shop.work()


def enrol_many(shop: Shop, number: int) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        for one in range(number):
            enrol.enrol(tx, shop.program, f"advocate{one}@example.net")


# ── A code for everybody ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_friend_who_types_the_advocates_code_pays_less_and_the_advocate_is_paid(shop: Shop) -> None:
    offering(shop)
    (discount,) = discounts(shop)
    assert shop.code in discount["codes"]
    assert (standing(shop)["state"], standing(shop)["codes"]) == ("live", 1)
    shop.order(net="80.00", discounts=[{"kind": "code", "name": shop.code.lower(), "amount": "8.00"}])
    shop.work()
    assert (len(shop.credits()), shop.stages()) == (1, ["rewarded"])
    assert discounts(shop)[0]["used"] == 1


def test_six_hundred_advocates_get_their_codes_in_three_calls(shop: Shop) -> None:
    offering(shop)
    before = calls(shop, ADDS)
    enrol_many(shop, 600)
    shop.work()
    assert calls(shop, ADDS) - before == 3
    assert (standing(shop)["codes"], codes(shop, "live"), codes(shop, "wanted")) == (601, 601, 0)
    assert len(discounts(shop)[0]["codes"]) == 602  # the anchor that nobody is told, too
    enrol_many(shop, 600)
    shop.work()
    assert calls(shop, ADDS) - before == 3, "who is enrolled already costs nothing"


def test_a_program_without_an_offer_makes_no_discount(shop: Shop) -> None:
    enrol_many(shop, 3)
    shop.work()
    assert discounts(shop) == []
    assert shop.rows("SELECT 1 FROM offer WHERE merchant_id = :merchant") == []
    assert shop.rows("SELECT 1 FROM task WHERE merchant_id = :merchant AND what = 'offer'") == []


# ── Lost answers ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["cut_after", "5xx_after", "html_200"])
@pytest.mark.parametrize("operation", ["discountCodeBasicCreate", ADDS, "discountRedeemCodeBulkCreation"])
def test_a_lost_answer_makes_no_second_discount_and_loses_no_code(shop: Shop, operation: str, fault: str) -> None:
    shop.fault(fault, operation)
    shop.apply(WITH_OFFER)
    shop.work()
    (discount,) = discounts(shop)
    assert shop.code in discount["codes"]
    assert (standing(shop)["state"], standing(shop)["codes"], codes(shop, "live")) == ("live", 1, 1)


def test_a_worker_that_dies_between_any_two_steps_leaves_one_discount_with_every_code(shop: Shop) -> None:
    enrol_many(shop, 300)
    shop.apply(WITH_OFFER)
    lane = f"c:{shop.connection}"
    for _ in range(12):  # each time another process takes one step and is gone
        app = shop.another_app()
        claim = app.workshop.lanes.claim(lane)
        assert claim is not None
        offer.offer_due(app.desk, app.workshop._lane(claim))
        app.workshop.lanes.release(claim)
        app.database.engine.dispose()
    shop.work()
    (discount,) = discounts(shop)
    assert len(discount["codes"]) == 302
    assert codes(shop, "live") == 301


def test_an_operation_that_the_shop_forgot_is_handed_over_again(shop: Shop) -> None:
    offering(shop)
    shop.rows(
        "UPDATE redeem_code SET state = 'adding', bulk = 'gid://shopify/DiscountRedeemCodeBulkCreation/1'"
        " WHERE merchant_id = :merchant RETURNING 1"
    )
    with shop.app.database.begin(shop.merchant) as tx:
        tx.offers.mark(shop.program)
    shop.work()
    assert codes(shop, "live") == 1
    assert len(discounts(shop)[0]["codes"]) == 2


# ── Codes that others have ───────────────────────────────────────────────────────────────────────────────────────


def test_a_code_that_the_merchants_own_discount_has_is_replaced_and_still_leads_to_the_advocate(shop: Shop) -> None:
    shop.client.control("discounts", shop=DOMAIN, title="Autumn", codes=[shop.code])
    offering(shop)
    own, ours = discounts(shop)
    (row,) = shop.rows("SELECT code, state FROM redeem_code WHERE merchant_id = :merchant")
    assert (own["codes"], row["state"]) == ([shop.code], "live")
    assert row["code"] != shop.code
    assert row["code"] in ours["codes"]
    shop.order(net="80.00", discounts=[{"kind": "code", "name": row["code"], "amount": "8.00"}])
    shop.work()
    (referral,) = shop.rows("SELECT advocate_id FROM referral WHERE merchant_id = :merchant")
    (advocate,) = shop.rows("SELECT id FROM advocate WHERE merchant_id = :merchant")
    assert (referral["advocate_id"], len(shop.credits())) == (advocate["id"], 1)


# ── A program that changes ───────────────────────────────────────────────────────────────────────────────────────


def test_a_new_version_changes_the_one_discount_and_keeps_its_codes(shop: Shop) -> None:
    offering(shop)
    first, added = standing(shop)["external"], calls(shop, ADDS)
    offering(shop, {"kind": "amount", "amount": "5.00 EUR", "minimum": "30.00 EUR"})
    assert (len(discounts(shop)), standing(shop)["external"]) == (1, first)
    assert (calls(shop, "discountCodeBasicUpdate"), calls(shop, ADDS)) == (1, added)
    assert (standing(shop)["version"], codes(shop, "live")) == (3, 1)


def test_a_new_version_that_changes_other_things_costs_no_call(shop: Shop) -> None:
    offering(shop)
    shop.apply({**WITH_OFFER, "hold_days": 3})
    shop.work()
    assert calls(shop, "discountCodeBasicUpdate") == 0
    assert standing(shop)["version"] == 3


@pytest.mark.parametrize(
    "more",
    [{"kind": "shipping"}, {"kind": "gift", "product": "11", "collection": "22", "minimum": "40.00 EUR"}],
    ids=["shipping", "gift"],
)
def test_another_kind_of_offer_is_another_discount_with_a_working_code_for_everybody(
    shop: Shop, more: dict[str, Any]
) -> None:
    offering(shop)
    first = standing(shop)["external"]
    offering(shop, more)
    old, new = discounts(shop)
    assert (old["gid"], new["gid"]) == (first, standing(shop)["external"])
    with pytest.raises(RuntimeError, match="EXPIRED"):
        shop.order(discounts=[{"kind": "code", "name": shop.code, "amount": "8.00"}])
    (row,) = shop.rows("SELECT code FROM redeem_code WHERE merchant_id = :merchant AND state = 'live'")
    shop.order(discounts=[{"kind": "code", "name": row["code"], "amount": "8.00"}])
    shop.work()
    assert shop.stages() == ["rewarded"]
    offering(shop)  # and back again: the first discount is taken up once more
    assert (len(discounts(shop)), standing(shop)["external"], standing(shop)["state"]) == (2, first, "live")


@pytest.mark.parametrize("change", [{"mode": "test"}, {"offer": None}], ids=["test mode", "no offer"])
def test_an_offer_that_ended_gives_nothing_until_it_is_back(shop: Shop, change: dict[str, Any]) -> None:
    offering(shop)
    shop.apply({key: value for key, value in {**WITH_OFFER, **change}.items() if value is not None})
    shop.work()
    assert standing(shop)["state"] == "off"
    with pytest.raises(RuntimeError, match="EXPIRED"):
        shop.order(discounts=[{"kind": "code", "name": shop.code, "amount": "8.00"}])
    offering(shop)
    assert (len(discounts(shop)), standing(shop)["state"]) == (1, "live")
    shop.order(discounts=[{"kind": "code", "name": shop.code, "amount": "8.00"}])


def test_a_discount_that_somebody_deleted_is_made_anew_with_all_codes(shop: Shop) -> None:
    offering(shop)
    state = shop.sandbox.world.shops[DOMAIN]
    state.discounts.clear()
    shop.enrol("bert@example.com")
    shop.work()
    hurry(shop)
    (discount,) = discounts(shop)
    assert len(discount["codes"]) == 3
    assert codes(shop, "live") == 2


# ── What is refused ──────────────────────────────────────────────────────────────────────────────────────────────


def test_without_the_permission_it_says_so_once_and_tries_again_when_it_is_given(shop: Shop) -> None:
    scopes = shop.client.control(f"shops/{DOMAIN}/scopes", scopes=["read_orders"], send=False)["previous"]
    offering(shop)
    assert standing(shop)["state"] == "refused"
    assert "access denied" in standing(shop)["reason"].lower()
    before = shop.client.book()["calls"]
    shop.enrol("bert@example.com")
    shop.work()
    assert shop.client.book()["calls"] == before, "another advocate does not change what the merchant allows"
    shop.client.control(f"shops/{DOMAIN}/scopes", scopes=scopes, send=False)
    with shop.app.database.begin(shop.merchant) as tx:
        tx.offers.mark(shop.program, refused=True)
    shop.work()
    assert (standing(shop)["state"], codes(shop, "live")) == ("live", 2)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kind": "gift", "product": "tea cup", "collection": "22"}, "offer.product: write the number"),
        ({"kind": "amount", "amount": "5.00 USD"}, "write it in EUR"),
    ],
    ids=["gift", "currency"],
)
def test_an_offer_that_the_shop_cannot_give_says_what_to_write(shop: Shop, more: dict[str, Any], words: str) -> None:
    shop.apply({**PROGRAM, "offer": more})
    shop.work()
    assert (standing(shop)["state"], discounts(shop)) == ("refused", [])
    with shop.app.database.begin(shop.merchant) as tx:
        (line,) = offer.told(shop.app.desk, tx)
    assert words in line


def test_the_same_friend_who_comes_back_with_a_code_pays_nobody_twice_and_is_counted(shop: Shop) -> None:
    offering(shop)
    shop.enrol("bert@example.com")
    shop.work()
    rows = shop.rows("SELECT code FROM redeem_code WHERE merchant_id = :merchant ORDER BY advocate_id")
    for row in rows:  # Shopify's own limit is for each code and customer, so another advocate's code works
        shop.order(email="friend@example.org", discounts=[{"kind": "code", "name": row["code"], "amount": "8.00"}])
        shop.work()
    assert len(shop.credits()) == 1
    with shop.app.database.begin(shop.merchant) as tx:
        (line,) = offer.told(shop.app.desk, tx)
    assert "1 used again by friends" in line


def test_a_merchant_sees_nothing_of_anothers_offer(shop: Shop) -> None:
    offering(shop)
    with shop.app.database.begin(UUID(int=7)) as tx:
        assert offer.told(shop.app.desk, tx) == []
