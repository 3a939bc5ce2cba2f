"""Every kind of credit: promised, paid once in a way that is of use to the person, taken back, spent and ended.

What a merchant would lose: money paid twice or in a form that nobody can use, and books that never agree again.
"""

from __future__ import annotations

from typing import Any

import pytest

from connector.domain.money import Money
from connector.journey.effects import code_of
from tests.journey.money import drive, open_books, work_until
from tests.shop import DOMAIN, PROGRAM, Shop

KINDS = ("balance", "gift_card", "code")
ISSUED = {"balance": "credit", "gift_card": "gift_card_issue"}


def program(kind: str, **more: Any) -> dict[str, Any]:
    return {**PROGRAM, "advocate": {"kind": kind, "percent": 10, "expires_days": 180, **more}}


def cards(shop: Shop) -> list[dict[str, Any]]:
    return list(shop.client.control("state", verb="GET")["shops"][0]["gift_cards"])


def codes(shop: Shop) -> list[Any]:
    """The discounts that are rewards, oldest first."""
    with shop.sandbox.world.lock:
        held = shop.sandbox.world.shops[DOMAIN].discounts.values()
        return [discount for discount in held if discount.title.startswith("Referral reward")]


def worth(discount: Any) -> str:
    return str(discount.terms["customerGets"]["value"]["discountAmount"]["amount"])


def paid(shop: Shop) -> dict[str, list[str]]:
    """What the shop itself holds of each kind."""
    booked = shop.client.book()["entries"]
    return {
        "balance": [e["amount"] for e in booked if e["kind"] == "credit"],
        "gift_card": [e["amount"] for e in booked if e["kind"] == "gift_card_issue"],
        "code": [worth(discount) for discount in codes(shop)],
    }


def rewards(shop: Shop) -> list[tuple[str, str, str]]:
    return [
        (row["role"], row["means"], row["state"])
        for row in shop.rows("SELECT role, means, state FROM reward WHERE merchant_id = :merchant ORDER BY id")
    ]


def watch(shop: Shop) -> None:
    """A day passes, and what is left of every credit is looked at."""
    shop.rows("UPDATE reward SET watch_at = clock_timestamp() WHERE watch_at IS NOT NULL RETURNING id")
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'watch' RETURNING subject")
    drive(shop)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reward_of_every_kind_is_paid_once_and_found_in_the_shop(shop: Shop, kind: str) -> None:
    shop.apply(program(kind))
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {k: ["8.00"] if k == kind else [] for k in KINDS}
    assert rewards(shop) == [("advocate", kind, "issued")]
    assert open_books(shop) == {"cost": 800, "issued": -800}


@pytest.mark.parametrize("kind", KINDS)
def test_a_refund_takes_back_its_share_and_the_rest_refund_the_rest(shop: Shop, kind: str) -> None:
    shop.apply(program(kind))
    order = shop.order(net="80.00")
    drive(shop)
    shop.change(order, "refund", amount="20.00")
    drive(shop)
    assert open_books(shop) == {"cost": 600, "issued": -600}
    shop.change(order, "refund")
    drive(shop)
    assert open_books(shop) == {}
    assert shop.stages() == ["reversed"]
    match kind:
        case "balance":
            assert shop.debits() == [200, 600]
        case "gift_card":
            [card] = cards(shop)
            assert (card["enabled"], card["balance"]) == (False, "6.00")  # 2.00 debited, then switched off
        case "code":
            [discount] = codes(shop)
            assert discount.status(shop.sandbox.world.clock.now()) == "EXPIRED"


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_spent_cannot_be_taken_back_and_stays_with_the_merchant(shop: Shop, kind: str) -> None:
    shop.apply(program(kind))
    order = shop.order(net="80.00")
    drive(shop)
    buy(shop, kind, "8.00")
    shop.change(order, "refund")
    drive(shop)
    watch(shop)
    books = open_books(shop)
    # Spent, so nothing is owed any longer; and the order brought nothing, so it is the merchant's loss.
    assert books == {"redeemed": -800, "shortfall": 800}


@pytest.mark.parametrize("kind", KINDS)
def test_spent_credit_leaves_the_debt_once_however_often_one_looks(shop: Shop, kind: str) -> None:
    shop.apply(program(kind))
    shop.order(net="80.00")
    drive(shop)
    watch(shop)
    assert open_books(shop) == {"cost": 800, "issued": -800}
    part = "8.00" if kind == "code" else "3.00"  # a code is good once, whatever it was used for
    buy(shop, kind, part)
    for _ in range(3):
        watch(shop)
    left = 0 if kind == "code" else 500
    expected = {"cost": 800, "redeemed": -(800 - left)} | ({"issued": -left} if left else {})
    assert open_books(shop) == expected
    [fact] = shop.rows("SELECT data FROM fact WHERE key LIKE 'redeemed:%'")
    assert fact["data"]["amount"] == 800 - left


def buy(shop: Shop, kind: str, amount: str) -> None:
    """The advocate spends the reward."""
    wanted: dict[str, Any] = {"shop": DOMAIN, "customer": shop.advocate, "net": "50.00", "send": False}
    if kind == "gift_card":
        [card] = cards(shop)
        shop.client.control(f"gift_cards/{card['id']}/spend", amount=amount)
        return
    if kind == "balance":
        wanted["store_credit"] = amount
    else:
        [discount] = codes(shop)
        wanted["discounts"] = [{"kind": "code", "name": next(iter(discount.codes)), "amount": amount}]
    shop.client.control("orders", **wanted)


def test_a_debit_that_eats_another_credit_is_not_taken_for_a_purchase(shop: Shop) -> None:
    """The shop takes from the credit that ends first: taking back the younger one eats the older one."""
    shop.apply(program("balance", expires_days=30))
    shop.order(net="80.00")
    drive(shop)
    shop.apply(program("balance", expires_days=180))
    second = shop.order(net="50.00")
    drive(shop)
    shop.change(second, "refund")
    drive(shop)
    watch(shop)
    assert open_books(shop) == {"cost": 800, "issued": -800}
    assert shop.rows("SELECT id FROM fact WHERE key LIKE 'redeemed:%'") == []


def test_credit_that_ends_unspent_leaves_the_debt_and_is_not_asked_back(shop: Shop) -> None:
    shop.apply(program("balance", expires_days=30))
    order = shop.order(net="80.00")
    drive(shop)
    shop.client.control("clock", advance_s=40 * 86400)
    watch(shop)
    assert open_books(shop) == {"cost": 800, "expired": -800}
    [fact] = shop.rows("SELECT data FROM fact WHERE key LIKE 'lapsed:%'")
    assert fact["data"]["amount"] == 800
    shop.change(order, "refund")
    drive(shop)
    assert shop.debits() == []
    assert shop.rows("SELECT id FROM reversal WHERE merchant_id = :merchant") == []


def test_an_advocate_is_reminded_once_before_the_credit_ends(shop: Shop) -> None:
    shop.apply(program("balance", expires_days=30, remind_days=31))
    shop.order(net="80.00")
    drive(shop)
    for _ in range(3):
        watch(shop)
    [fact] = shop.rows("SELECT data FROM fact WHERE key LIKE 'expiring:%'")
    assert fact["data"]["amount"] == 800


# ── Kinds that are of no use ─────────────────────────────────────────────────────────────────────────────────────


def test_an_advocate_without_an_account_gets_the_next_kind(shop: Shop) -> None:
    shop.apply(program("balance", fallback=["gift_card"]))
    shop.code = shop.enrol("nobody@example.com")  # never bought here: no customer, no store credit
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {"balance": [], "gift_card": ["8.00"], "code": []}
    assert rewards(shop) == [("advocate", "gift_card", "issued")]
    assert [card["customer"] for card in cards(shop)] == [None]


def test_without_another_kind_the_reward_waits_for_the_account(shop: Shop) -> None:
    shop.code = shop.enrol("later@example.com")
    shop.order(net="80.00")
    work_until(shop, "SELECT id FROM reward WHERE tries > 0")
    assert rewards(shop) == [("advocate", "", "approved")]
    shop.customer("later@example.com")
    drive(shop)
    assert shop.credits() == [800]


def test_store_credit_in_a_shop_with_classic_accounts_would_be_of_no_use(shop: Shop) -> None:
    trait(shop, "cannot:balance", "classic accounts")
    shop.apply(program("balance", fallback=["code"]))
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {"balance": [], "gift_card": [], "code": ["8.00"]}


def test_a_permission_that_the_merchant_refused_skips_the_kind_and_says_so_where_there_is_no_other(shop: Shop) -> None:
    forbid(shop, "write_gift_cards")
    shop.apply(program("gift_card", fallback=["balance"]))
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {"balance": ["8.00"], "gift_card": [], "code": []}
    shop.apply(program("gift_card"))
    shop.order(net="50.00")
    drive(shop)
    [held] = shop.rows("SELECT state, reason FROM reward WHERE merchant_id = :merchant AND state = 'held'")
    assert "write_gift_cards" in held["reason"]


def test_a_kind_that_the_shop_refuses_gives_way_to_the_next_and_nothing_is_paid_twice(shop: Shop) -> None:
    """The account is full, and so is the card: such an answer is certain, so another kind may be paid."""
    with shop.sandbox.world.lock:
        shop.sandbox.world.shops[DOMAIN].credit_limit = Money(500, "EUR")
    shop.apply(program("balance", fallback=["gift_card", "code"]))
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {"balance": [], "gift_card": [], "code": ["8.00"]}
    assert rewards(shop) == [("advocate", "code", "issued")]


@pytest.mark.parametrize("kind", ["gift_card", "code"])
def test_a_lost_answer_to_a_card_or_code_never_pays_it_again_in_another_kind(shop: Shop, kind: str) -> None:
    operation = {"gift_card": "giftCardCreate", "code": "discountCodeBasicCreate"}[kind]
    shop.apply(program(kind, fallback=["balance"]))
    shop.fault("cut_after", operation)
    shop.order(net="80.00")
    drive(shop)
    assert paid(shop) == {k: ["8.00"] if k == kind else [] for k in KINDS}


# ── The friend's reward ──────────────────────────────────────────────────────────────────────────────────────────


def test_both_sides_are_rewarded_and_both_give_back(shop: Shop) -> None:
    two_sided = {**PROGRAM, "friend": {"kind": "balance", "amount": "5.00 EUR", "expires_days": 90}}
    shop.apply(two_sided)
    order = shop.order(net="80.00", email="ben@example.org")
    drive(shop)
    assert sorted(shop.credits()) == [500, 800]
    assert rewards(shop) == [("advocate", "balance", "issued"), ("friend", "balance", "issued")]
    assert shop.stages() == ["rewarded"]
    shop.change(order, "refund", amount="40.00")
    drive(shop)
    assert sorted(shop.debits()) == [250, 400]
    shop.change(order, "refund")
    drive(shop)
    assert sum(shop.debits()) == 1300
    assert open_books(shop) == {}


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_that_is_money_is_written_down_nowhere(shop: Shop) -> None:
    """Whoever can read the database must not be able to spend the gift cards."""
    shop.apply(program("gift_card"))
    shop.order(net="80.00")
    drive(shop)
    [row] = shop.rows("SELECT id FROM reward WHERE merchant_id = :merchant")
    code = code_of(shop.app.desk.marker_key, row["id"])
    for table in ("reward", "attempt", "posting", "batch", "fact", "task", "referral"):
        for found in shop.rows(f"SELECT {table}::text AS text FROM {table}"):
            assert code.lower() not in found["text"].lower()


def trait(shop: Shop, name: str, value: str) -> None:
    shop.rows(
        "UPDATE connection SET traits = traits || jsonb_build_object(CAST(:name AS text), CAST(:value AS text)) RETURNING id",
        name=name,
        value=value,
    )


def forbid(shop: Shop, scope: str) -> None:
    shop.rows("UPDATE connection SET scopes = array_remove(scopes, :scope) RETURNING id", scope=scope)


# ── Chargebacks ──────────────────────────────────────────────────────────────────────────────────────────────────


def next_day(shop: Shop) -> None:
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'check' RETURNING subject")
    drive(shop)


def test_a_lost_chargeback_takes_the_reward_back_and_an_open_one_does_not(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.client.control(f"orders/{order}/dispute", status="NEEDS_RESPONSE", initiated_as="CHARGEBACK", send=False)
    next_day(shop)
    assert (shop.debits(), shop.stages()) == ([], ["rewarded"])
    shop.client.control(f"orders/{order}/dispute", status="LOST", send=False)
    next_day(shop)
    assert (shop.debits(), shop.stages()) == ([800], ["reversed"])
    next_day(shop)
    assert shop.debits() == [800]


def test_a_chargeback_after_a_refund_takes_back_only_the_rest(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.change(order, "refund", amount="20.00")
    drive(shop)
    shop.client.control(f"orders/{order}/dispute", status="LOST", initiated_as="CHARGEBACK", send=False)
    next_day(shop)
    assert shop.debits() == [200, 600]


def test_an_inquiry_of_the_bank_takes_nothing(shop: Shop) -> None:
    order = shop.order(net="80.00")
    drive(shop)
    shop.client.control(f"orders/{order}/dispute", status="LOST", initiated_as="INQUIRY", send=False)
    next_day(shop)
    assert shop.debits() == []


def test_the_pixel_is_switched_on_once_with_the_address_it_reports_to(shop: Shop) -> None:
    """Else the pixel is on the shop and does nothing, and nobody notices."""
    shop.app = shop.another_app(PUBLIC_URL="https://connector.example.com")
    for _ in range(2):
        next_day(shop)
    shop.app = shop.another_app(PUBLIC_URL="https://moved.example.com")
    next_day(shop)
    told = [entry["value"] for entry in shop.client.book()["entries"] if entry["kind"] == "pixel"]
    assert told == [
        f'{{"touch_url": "https://{host}.example.com/touch/shopify", "account_id": "{DOMAIN}"}}'
        for host in ("connector", "moved")
    ]
