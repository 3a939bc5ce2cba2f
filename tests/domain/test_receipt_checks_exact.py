"""Whoever doubts a receipt is told what is wrong with it, in these words and with these figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connector.domain import receipt
from connector.domain.receipt_checks import check
from tests.domain import story
from tests.domain.test_receipt_chain import (
    FORGERIES,
    GENUINE,
    PROGRAM,
    READERS,
    attempt,
    batch,
    borne,
    ended,
    kept,
    made,
    sections,
    still_open,
)

Papers = dict[str, Any]

BOUND = "Every part is bound to the one before it, and none was changed."
HEARD = "Every delivery that told of it has its SHA-256."
FACTS = "Every fact is the one that was hashed."
VERSION = "The program is the version that was promised."
DECIDED = "The rules, asked again, decide the same."
OWED = "The reward is what was decided, less what was taken back."
BOOKED = "Every batch of the ledger sums to zero."
PAID = "What the ledger says was given, the platform gave."
RETURNED = "What the ledger says was taken back, the platform took."
SPENT = "What the ledger says was spent or ended, the account shows."
ONCE = "No call had a second effect."
LEFT = "6.00 EUR to the advocate is paid. 60.00 EUR of 80.00 EUR is left after refunds."
DEARER = {
    DECIDED: "the rules say reason '7.00 EUR to the advocate is paid. 70.00 EUR of 90.00 EUR is left after refunds.', "
    f"the receipt '{LEFT}'",
    OWED: "700 is owed, and 800 less 200 stands",
}
WORDS: dict[str, dict[str, str]] = {
    "a delivery without its hash": {HEARD: "delivery d1 has no SHA-256"},
    "a fact under an old hash": {FACTS: "fact 0 is not the one that was hashed", **DEARER},
    "a dearer purchase": DEARER,
    "a fact that is kept out": {
        DECIDED: f"the rules say reason '8.00 EUR to the advocate is paid.', the receipt '{LEFT}'",
        OWED: "800 is owed, and 800 less 200 stands",
    },
    "a program under an old hash": {
        VERSION: "its data is not the hashed one",
        DECIDED: "it cannot be read (ConfigError: name: write a text)",
        OWED: "it cannot be read (ConfigError: name: write a text)",
    },
    "a better program": {
        DECIDED: "the rules say reason '12.00 EUR to the advocate is paid. 60.00 EUR of 80.00 EUR is left after "
        f"refunds.', the receipt '{LEFT}'",
        OWED: "1200 is owed, and 800 less 200 stands",
    },
    "another reason": {DECIDED: f"the rules say reason '{LEFT}', the receipt 'because'"},
    "a higher promise": {
        DECIDED: "the rules promise [('advocate', 'balance', 1, 600, 'EUR')], "
        "the receipt [('advocate', 'balance', 1, 700, 'EUR')]"
    },
    "a stage that does not stand": {DECIDED: "it stands as pending by 'paid', and would now be decided otherwise"},
    "somebody else's case": {
        DECIDED: "the rules say stage 'rejected', the receipt 'rewarded'",
        OWED: "0 is owed, and 800 less 200 stands",
    },
    "a larger reward": {
        OWED: "600 is owed, and 900 less 200 stands",
        PAID: "the reward of 900 is issued, and 800 was given",
    },
    "a reversal kept quiet": {OWED: "600 is owed, and 800 less 0 stands"},
    "a batch out of balance": {BOOKED: "batch decided does not sum to zero in one currency"},
    "a batch in two currencies": {BOOKED: "batch decided does not sum to zero in one currency"},
    "a batch posted twice": {
        BOOKED: "batch decided is posted twice",
        PAID: "800 is booked as still payable, and 0 is",
    },
    "a book that there is not": {BOOKED: "batch decided names a book that there is not: till"},
    "more booked than was paid": {PAID: "900 is booked as given, and the calls gave 800"},
    "a call for another amount": {PAID: "800 is booked as given, and the calls gave 700"},
    "a call without an answer": {PAID: "800 is booked as given, and the calls gave 0"},
    "another transaction": {PAID: "the reward names the transaction t9, its call t1"},
    "a reward said to be open": {PAID: "the reward of 800 is approved, and 800 was given"},
    "a second payment": {PAID: "800 is booked as given, and the calls gave 1600"},
    "less taken back": {RETURNED: "of reversal 1, 200 is booked as taken, and the calls took 100"},
    "a reversal said to be open": {RETURNED: "of reversal 1, 0 is booked as open, and 200 is"},
    "more spent than booked": {SPENT: "150 is booked as redeemed, and the account shows 200"},
    "an effect beside the one": {ONCE: "t3 landed after it was held for absent: a person must look at it"},
    "one transaction for two calls": {ONCE: "t1 answers two calls"},
}


def wrong(papers: Papers) -> dict[str, str]:
    found = check(made(papers), READERS)
    assert all(isinstance(each.broken, str) for each in found)
    return {each.words: each.broken for each in found if each.broken}


def changed(*changes: Callable[[Papers], object]) -> Papers:
    papers: Papers = receipt.plain(sections())
    for change in changes:
        change(papers)
    return papers


def test_what_holds_is_told_in_the_order_of_the_chain_and_with_no_word_of_blame() -> None:
    looked_at = [BOUND, HEARD, FACTS, VERSION, DECIDED, OWED, BOOKED, PAID, RETURNED, SPENT, ONCE]
    assert [(each.words, each.broken) for each in check(GENUINE, READERS)] == [(words, "") for words in looked_at]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_does_not_fit_is_told_with_its_figures_and_nothing_else_is_blamed(forgery: str) -> None:
    assert wrong(changed(FORGERIES[forgery][0])) == WORDS[forgery]


def test_a_head_of_another_reward_is_told() -> None:
    papers = changed(lambda p: p["reward"].update(id="another"))
    assert wrong(papers) == {BOUND: "the head names another reward than the sections"}


@pytest.mark.parametrize("digest", ["ab" * 31, "ab" * 33, " ".join(["ab"] * 32), "ab cd" * 16])
def test_a_digest_of_any_other_form_is_none(digest: str) -> None:
    papers = changed(lambda p: p["heard"][0].update(digest=digest))
    assert wrong(papers) == {HEARD: "delivery d1 has no SHA-256"}


def test_a_part_that_cannot_be_read_is_told_with_its_kind_and_the_rest_is_looked_at() -> None:
    assert wrong(changed(lambda p: p.update(heard=[{}]))) == {HEARD: "it cannot be read (KeyError: 'digest')"}
    long = "x" * 300
    papers = changed(lambda p: p["decision"]["case"].update(captured_at=long))
    told = f"it cannot be read (ValueError: {f'Invalid isoformat string: {long!r}'[:200]})"
    assert wrong(papers) == {DECIDED: told, OWED: told}


# ── What is owed ─────────────────────────────────────────────────────────────────────────────────────────────────


def revoked(papers: Papers) -> None:
    papers["reward"]["revoked"] = True


def of_the_friend(papers: Papers) -> None:
    papers["reward"]["role"] = "friend"


def of_the_second_time(papers: Papers) -> None:
    papers["reward"]["ordinal"] = 2


@pytest.mark.parametrize("other", [revoked, of_the_friend, of_the_second_time], ids=lambda other: other.__name__)
def test_a_reward_that_nobody_promised_is_owed_nothing(other: Callable[[Papers], None]) -> None:
    assert wrong(changed(other)) == {OWED: "0 is owed, and 800 less 200 stands"}


@pytest.mark.parametrize(("netted", "owed"), [(100, 500), (599, 1), (600, 0), (700, 0)])
def test_what_was_netted_is_owed_no_more_and_never_less_than_nothing(netted: int, owed: int) -> None:
    papers = changed(lambda p: p["reward"].update(netted=netted))
    assert wrong(papers) == {OWED: f"{owed} is owed, and 800 less 200 stands"}


def test_a_reversal_that_was_given_up_takes_nothing_back() -> None:
    void = {"id": "r2", "ordinal": 2, "amount": 300, "taken": 0, "currency": "EUR", "state": "void"}
    opened = [batch("back 2", 300, "reclaim", "cost", "r2"), batch("given up", 300, "cost", "reclaim", "r2")]

    def given_up(papers: Papers) -> None:
        papers["reversals"].append(void)
        papers["postings"].extend(receipt.plain(opened))

    assert wrong(changed(given_up)) == {RETURNED: "of reversal 2, 0 is booked as open, and 300 is"}
    assert wrong(changed(given_up, lambda p: p["reversals"][1].update(amount=0))) == {}


@pytest.mark.parametrize("state", ["sending", "unknown"])
def test_what_may_have_been_paid_stays_where_the_merchant_bears_it(state: str) -> None:
    assert wrong(changed(lambda p: still_open(p, state))) == {}


def test_less_than_is_owed_is_never_fine_though_the_merchant_would_bear_more() -> None:
    less = {"id": "r1", "ordinal": 1, "amount": 201, "taken": 201, "currency": "EUR", "state": "issued"}

    def too_much_taken(papers: Papers) -> None:
        borne(papers)
        papers["reversals"] = [less]
        papers["postings"].extend(
            receipt.plain([batch("back", 201, "reclaim", "cost", "r1"), batch("taken", 201, "issued", "reclaim", "r1")])
        )
        papers["attempts"].append(receipt.plain(attempt("t2", 201, "debit", "r1")))

    assert wrong(changed(too_much_taken))[OWED] == "600 is owed, and 800 less 201 stands"


def test_what_was_taken_back_and_is_owed_again_waits_for_a_person() -> None:
    """The refund of 20.00 took 2.00 back, and was then said never to have been: 8.00 is owed, and 6.00 stands."""
    papers = changed(lambda p: p["facts"][1].update(counts=False))
    case = papers["decision"]["case"]
    case["kept"] = {"advocate/balance/1": {"minor": 600, "currency": "EUR"}}
    found = wrong(papers)
    assert OWED not in found, "a receipt blames nobody for what a person has still to decide"
    assert found[DECIDED] == "the rules say stage 'converted', the receipt 'rewarded'"
    papers["reward"]["amount"] = 1001
    assert wrong(papers)[OWED] == "800 is owed, and 1001 less 200 stands", "that excuses no cent too much"
    papers["reward"]["amount"] = 800
    case["kept"] = {"advocate/balance/1": {"minor": 800, "currency": "EUR"}}
    assert wrong(papers)[OWED] == "800 is owed, and 800 less 200 stands"


# ── What was given, taken and spent ──────────────────────────────────────────────────────────────────────────────


def handed_over(papers: Papers) -> None:
    kept(papers, item="a mug", transaction=None)
    papers["attempts"] = []


def test_a_gift_is_given_once_staff_handed_it_over_and_not_before() -> None:
    assert wrong(changed(handed_over)) == {}
    waiting = changed(handed_over, lambda p: p["reward"].update(state="approved", redeemed=0))
    assert wrong(waiting)[PAID] == "800 is booked as given, and the calls gave 0"


def test_half_a_reward_is_not_a_reward() -> None:
    def half(papers: Papers) -> None:
        papers["postings"][1] = receipt.plain(batch("issued", 400, "payable", "issued"))
        papers["attempts"][0]["amount"] = 400

    assert wrong(changed(half)) == {PAID: "the reward of 800 is issued, and 400 was given"}


def test_what_is_still_payable_must_be_what_was_not_given() -> None:
    def too_dear(papers: Papers) -> None:
        papers["postings"][0] = receipt.plain(batch("decided", 900, "cost", "payable"))

    assert wrong(changed(too_dear)) == {PAID: "100 is booked as still payable, and 0 is"}


def test_a_reversal_that_waits_is_booked_as_open_and_what_the_calls_moved_is_what_was_taken() -> None:
    def waits(papers: Papers) -> None:
        papers["reversals"][0].update(state="approved", taken=0)
        papers["postings"] = [each for each in papers["postings"] if each["key"] != "taken"]
        papers["attempts"].pop()

    assert wrong(changed(waits)) == {}

    def partly(papers: Papers) -> None:
        papers["attempts"][1].update(moved=150)
        papers["reversals"][0].update(taken=150)
        papers["postings"][3] = receipt.plain(batch("taken", 150, "issued", "reclaim", "r1"))
        papers["postings"].append(receipt.plain(batch("lost", 50, "cost", "reclaim", "r1")))

    assert wrong(changed(partly)) == {}


def test_what_ended_unspent_is_told_by_the_account() -> None:
    papers = changed(ended, lambda p: p["reward"].update(lapsed=250))
    assert wrong(papers) == {SPENT: "200 is booked as expired, and the account shows 250"}


@pytest.mark.parametrize(("state", "late"), [("done", "done"), ("not_done", "not_done"), ("unknown", None)])
def test_only_a_call_that_was_held_for_absent_and_landed_is_a_second_effect(state: str, late: str | None) -> None:
    call = {**attempt("t3", 800, "credit", "r9"), "state": state, "late_state": late, "late_transaction": None}
    assert ONCE not in wrong(changed(lambda p: p["attempts"].append(receipt.plain(call))))


def test_two_calls_without_a_transaction_have_none_in_common() -> None:
    calls = [{**attempt("", 800, "credit"), "state": "not_done", "transaction": None}] * 2
    assert wrong(changed(lambda p: p["attempts"].extend(receipt.plain(calls)))) == {}


def test_the_program_of_these_receipts_is_the_one_that_is_hashed() -> None:
    assert GENUINE["sections"][4]["data"]["hash"] == receipt.fingerprint(PROGRAM)
    assert story.at("d15").isoformat() == GENUINE["made_at"]
