"""C15: a worker dies at every place on the way of money, for every way that money moves on the platform.

What a merchant would lose: a credit paid twice or never, a card or code that is worth more than it should be, or books
that say something else than the shop does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.crash import die_at, pass_over
from tests.journey.money import approve, drive, hurry, open_books, ruled, states, waiting_for_person, work_until
from tests.journey.test_every_credit import cards, codes, program, worth
from tests.journey.test_money_tokens import ENDED, connected, connection, renewals, tokens
from tests.shop import TOKEN, Shop

#: Before any byte of the call has left, and after the platform has carried it out.
UNSENT = ("issue.opened", "issue.prepared", "issue.committing", "issue.attempt_committed", "http.before_deadline")
SENT = ("http.answered", "issue.answered", "issue.settling", "issue.settled")
READ_BACK = "issue.read_back"
PLACES = (*UNSENT, *SENT, READ_BACK)


@dataclass(frozen=True)
class Way:
    """One way that money moves. refund: what is taken back of an order of 80.00 ("" for all), None where it is paid.

    operation: the platform's word for the call. marked: whether what landed can be told from what did not.
    """

    kind: str
    operation: str
    refund: str | None = None
    expires: bool = True
    marked: bool = True


WAYS = {
    "store credit paid": Way("balance", "storeCreditAccountCredit"),
    "store credit paid that never ends": Way("balance", "storeCreditAccountCredit", expires=False, marked=False),
    "store credit taken back": Way("balance", "storeCreditAccountDebit", "20.00", marked=False),
    "gift card made": Way("gift_card", "giftCardCreate"),
    "gift card debited": Way("gift_card", "giftCardDebit", "20.00"),
    "gift card switched off": Way("gift_card", "giftCardDeactivate", ""),
    "code made": Way("code", "discountCodeBasicCreate"),
    "code set to less": Way("code", "discountCodeBasicUpdate", "20.00"),
    "code switched off": Way("code", "discountCodeDeactivate", ""),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", WAYS)
def test_whoever_dies_there_the_money_moves_exactly_once(shop: Shop, name: str, place: str) -> None:
    way = WAYS[name]
    make_due(shop, way)
    if place == READ_BACK:
        lose_answer(shop, way)
    die_at(shop, place)
    pass_over(shop)
    drive(shop)
    if not way.marked and place in {"issue.attempt_committed", "http.before_deadline", *SENT[:-1], READ_BACK}:
        rule_by_the_book(shop, way, landed=place in {*SENT, READ_BACK})
    assert sends(shop, way) == (1, 0), "the call was made once, and took effect"
    assert held(shop, way) == expected(way)
    assert states(shop, "reward") == ["issued"]
    assert states(shop, "reversal") == ([] if way.refund is None else ["issued"])
    assert waiting_for_person(shop) == []
    owed = {None: 800, "20.00": 600, "": 0}[way.refund]
    assert open_books(shop) == ({"cost": owed, "issued": -owed} if owed else {})


def test_whoever_dies_with_a_new_token_that_nobody_stored_costs_the_merchant_nothing(shop: Shop) -> None:
    """The platform honours the old refresh token until the new pair is used, so nobody has to connect the shop again."""
    approve(shop)
    connected(shop, tokens(shop).refresh, ENDED)
    die_at(shop, "accounts.rotated")
    assert renewals(shop) == 1 and connection(shop).access == TOKEN, "rotated there, and not known here"
    pass_over(shop)
    drive(shop)
    assert shop.credits() == [800] and renewals(shop) == 2
    assert (connection(shop).state, connection(shop).access) == ("active", tokens(shop).newest)


# ── What is due, and what came of it ─────────────────────────────────────────────────────────────────────────────


def make_due(shop: Shop, way: Way) -> None:
    """One movement that may be made now, and nothing else that moves money."""
    ends = {} if way.expires else {"expires_days": None}
    terms = program(way.kind)
    terms["advocate"] = {key: value for key, value in (terms["advocate"] | ends).items() if value is not None}
    shop.apply(terms)
    order = shop.order(net="80.00")
    if way.refund is not None:
        drive(shop)
        amount: dict[str, Any] = {"amount": way.refund} if way.refund else {}
        shop.change(order, "refund", **amount)


def lose_answer(shop: Shop, way: Way) -> None:
    """The call takes effect and its answer is lost; the quiet period is over."""
    shop.fault("cut_after", way.operation)
    work_until(shop, "SELECT id FROM attempt WHERE state = 'unknown'")
    hurry(shop)


def sends(shop: Shop, way: Way) -> tuple[int, int]:
    """How often the shop was asked for this movement, with and without effect."""
    book = shop.client.book()

    def count(side: str) -> int:
        return sum(times for told, times in book[side].items() if told.partition(" ")[0] == way.operation)

    return count("sends_with_effect"), count("sends_without_effect")


def rule_by_the_book(shop: Shop, way: Way, *, landed: bool) -> None:
    """Nobody can tell what became of it: it waits, is never sent again, and a person says what the shop shows."""
    before = sends(shop, way)
    assert before == (int(landed), 0)
    drive(shop)
    assert sends(shop, way) == before, "a movement that may have landed was sent again"
    [attempt] = waiting_for_person(shop)
    kind = "credit" if way.refund is None else "debit"
    shown = [entry["id"] for entry in shop.movements(kind)]
    ruled(shop, attempt, *(["landed", shown[-1]] if shown else ["absent"]))
    drive(shop)


def held(shop: Shop, way: Way) -> Any:
    """What the shop itself holds of this kind."""
    match way.kind:
        case "balance":
            return shop.credits(), shop.debits()
        case "gift_card":
            return [(card["balance"], card["enabled"]) for card in cards(shop)]
        case _:
            now = shop.sandbox.world.clock.now()
            return [(worth(code), code.status(now)) for code in codes(shop)]


def expected(way: Way) -> Any:
    match way.kind, way.refund:
        case "balance", None:
            return [800], []
        case "balance", _:
            return [800], [200]
        case "gift_card", refund:
            return [("6.00" if refund == "20.00" else "8.00", refund != "")]
        case _, refund:
            return [("6.00" if refund == "20.00" else "8.00", "EXPIRED" if refund == "" else "ACTIVE")]
