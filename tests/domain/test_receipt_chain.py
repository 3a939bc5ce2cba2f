"""A receipt proves a reward to somebody who trusts nobody: whatever is changed in it, is noticed, and by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.domain import receipt
from connector.domain.case import Stage
from connector.domain.program_data import parse
from connector.domain.receipt_checks import Readers, check
from connector.domain.stages import decide
from connector.store import codec
from connector.store.facts import fact, plain_fact
from tests.domain import story

KEY, MERCHANT, REWARD = b"a key of this installation", UUID(int=7), UUID(int=8)
READERS = Readers(fact, codec.standing, codec.evidence)
PROGRAM = {**story.BASE, "advocate": {"percent": 10, "expires_days": 180}, "hold_days": 14}
TOLD = ["d0 order 80.00 EUR", "d3 refund 20.00 EUR"]


def batch(key: str, amount: int, debit: str, credit: str, reversal: str | None = None) -> dict[str, Any]:
    lines = [
        {"book": debit, "amount": amount, "currency": "EUR"},
        {"book": credit, "amount": -amount, "currency": "EUR"},
    ]
    return {"id": key, "key": key, "memo": key, "reversal": reversal, "at": story.at("d14"), "lines": lines}


def attempt(transaction: str, amount: int, direction: str, reversal: str | None = None) -> dict[str, Any]:
    return {
        "id": f"attempt of {transaction}", "reversal": reversal, "capability": "balance", "direction": direction,
        "amount": amount, "moved": None, "currency": "EUR", "marker": "m", "since": story.at("d14"),
        "deadline_at": story.at("d14"), "state": "done", "transaction": transaction, "reason": "", "needs_person": "",
        "answered_at": story.at("d14"), "late_state": None, "late_transaction": None,
    }  # fmt: skip


def sections() -> dict[str, Any]:
    """A reward of 8.00, of which 2.00 came back with a refund, and 1.50 of the rest was spent."""
    case = story.case(TOLD, "d15", paid_out=True, settled=True)
    decision = decide(parse(PROGRAM), case)
    assert (decision.stage, decision.rule) == (Stage.REWARDED, "paid")
    facts = [receipt.plain({"as_of": each.as_of, "data": plain_fact(each)}) for each in case.facts]
    known = {name: value for name, value in asdict(case).items() if name != "facts"}
    says = {"stage": decision.stage.value, "rule": decision.rule, "reason": decision.reason}
    plans = [
        {"role": p.role, "kind": p.kind, "ordinal": p.ordinal, "amount": p.amount.minor, "currency": p.amount.currency}
        for p in decision.plans
    ]
    return {
        "reward": {
            "id": str(REWARD), "role": "advocate", "kind": "balance", "ordinal": 1, "amount": 800, "currency": "EUR",
            "netted": 0, "state": "issued", "item": "", "transaction": "t1", "revoked": False, "redeemed": 150,
            "lapsed": 0,
        },
        "heard": [{"delivery": "d1", "topic": "orders/paid", "at": story.at("d0"), "digest": bytes(32)}],
        "facts": [
            {"id": place, "platform": "shop", "counts": True, **row, "hash": receipt.fingerprint([row["as_of"], row["data"]])}
            for place, row in enumerate(facts)
        ],
        "touch": {"code": "ANNA", "source": "landing_site", "at": story.at("d0")},
        "program": {"slug": "friends", "version": 1, "data": PROGRAM, "hash": receipt.fingerprint(PROGRAM)},
        "decision": {**says, "plans": plans, "case": known, "stands": {**says, "decided_at": story.at("d14")}},
        "postings": [
            batch("decided", 800, "cost", "payable"), batch("issued", 800, "payable", "issued"),
            batch("back", 200, "reclaim", "cost", "r1"), batch("taken", 200, "issued", "reclaim", "r1"),
            batch("redeemed", 150, "issued", "redeemed"),
        ],
        "attempts": [attempt("t1", 800, "credit"), attempt("t2", 200, "debit", "r1")],
        "reversals": [{"id": "r1", "ordinal": 1, "amount": 200, "taken": 200, "currency": "EUR", "state": "issued"}],
    }  # fmt: skip


def made(papers: dict[str, Any] | None = None, key: bytes = KEY) -> dict[str, Any]:
    document = receipt.made(MERCHANT, REWARD, story.at("d15"), papers or sections(), key)
    return dict(receipt.read(json.dumps(document)))


def broken(document: Any) -> list[str]:
    return [each.words for each in check(document, READERS) if each.broken]


def holds(document: Any) -> bool:
    return not broken(document) and receipt.is_ours(document, KEY)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every leaf."""
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if named is None or not value:
        yield path
        return
    for name, each in named:
        yield from places(each, (*path, name))


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        document = document[name]
    return document


GENUINE = made()
LEAVES = sorted(places(GENUINE), key=str)
SCALARS: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.text() | st.just([]) | st.just({})


def test_a_genuine_receipt_holds_in_every_point_and_is_ours() -> None:
    assert broken(GENUINE) == []
    assert holds(GENUINE)
    assert len(LEAVES) > 150, "the receipt in this test is too small to prove anything"


def test_a_change_of_any_leaf_is_noticed() -> None:
    for path in LEAVES:
        value = at(GENUINE, path)
        for other in (None, not value, f"{value}x", 1 if value == 0 else 0):
            changed = deepcopy(GENUINE)
            at(changed, path[:-1])[path[-1]] = other
            if (type(other), other) != (type(value), value):
                assert not holds(changed), (path, value, other)


@given(path=st.sampled_from(LEAVES), value=SCALARS)
def test_no_value_in_the_place_of_another_is_believed(path: tuple[Any, ...], value: Any) -> None:
    changed = deepcopy(GENUINE)
    at(changed, path[:-1])[path[-1]] = value
    same = json.dumps(changed, sort_keys=True) == json.dumps(GENUINE, sort_keys=True)
    assert holds(changed) is same


@given(path=st.sampled_from([path[:-1] for path in LEAVES]))
def test_nothing_can_be_added_or_left_out(path: tuple[Any, ...]) -> None:
    more, less = deepcopy(GENUINE), deepcopy(GENUINE)
    place = at(more, path)
    if isinstance(place, dict):
        place["more"] = 1
        at(less, path).popitem()
    else:
        place.append(place[0])
        at(less, path).pop()
    assert not holds(more)
    assert not holds(less)


def test_sections_cannot_change_places() -> None:
    changed = deepcopy(GENUINE)
    changed["sections"][3:5] = reversed(changed["sections"][3:5])
    assert not holds(changed)


def test_only_who_has_the_key_can_seal_and_only_for_its_merchant() -> None:
    forged = made(key=b"another key")
    assert broken(forged) == []
    assert not receipt.is_ours(forged, KEY)
    for_another = deepcopy(GENUINE)
    for_another["merchant"] = str(UUID(int=9))
    assert not receipt.is_ours(for_another, KEY)
    for nonsense in ({}, {"merchant": 1, "sections": [], "seal": 3}, {**GENUINE, "seal": None}):
        assert not receipt.is_ours(nonsense, KEY)


# ── Whoever writes the whole chain anew must still make it all fit ───────────────────────────────────────────────


def more_paid(papers: dict[str, Any]) -> None:
    for line, amount in zip(papers["postings"][1]["lines"], (900, -900), strict=True):
        line["amount"] = amount


def another_fact(papers: dict[str, Any]) -> None:
    row = papers["facts"][0]
    row["data"]["net"] = 9000
    row["hash"] = receipt.fingerprint([row["as_of"], row["data"]])


def better_program(papers: dict[str, Any]) -> None:
    data = {**PROGRAM, "advocate": {"percent": 20}}
    papers["program"].update(data=data, hash=receipt.fingerprint(data))


def second_call(papers: dict[str, Any]) -> None:
    papers["attempts"].append({**attempt("t3", 800, "credit"), "id": "again"})


def late_call(papers: dict[str, Any]) -> None:
    late = {"state": "not_done", "transaction": None, "late_state": "done", "late_transaction": "t3"}
    papers["attempts"].append({**attempt("t3", 800, "credit"), **late})


def shared_transaction(papers: dict[str, Any]) -> None:
    papers["attempts"][1]["transaction"] = "t1"


FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a delivery without its hash": (lambda p: p["heard"][0].update(digest="00"), "Every delivery that told"),
    "a fact under an old hash": (lambda p: p["facts"][0]["data"].update(net=9000), "Every fact is the one"),
    "a dearer purchase": (another_fact, "The rules, asked again"),
    "a fact that is kept out": (lambda p: p["facts"][1].update(counts=False), "The rules, asked again"),
    "a program under an old hash": (lambda p: p["program"].update(data={}), "The program is the version"),
    "a better program": (better_program, "The rules, asked again"),
    "another reason": (lambda p: p["decision"].update(reason="because"), "The rules, asked again"),
    "a higher promise": (lambda p: p["decision"]["plans"][0].update(amount=700), "The rules, asked again"),
    "a stage that does not stand": (lambda p: p["decision"]["stands"].update(stage="pending"), "The rules, asked again"),
    "somebody else's case": (lambda p: p["decision"]["case"].update(duplicate=True), "The rules, asked again"),
    "a larger reward": (lambda p: p["reward"].update(amount=900), "The reward is what was decided"),
    "a reversal kept quiet": (lambda p: p.update(reversals=[]), "The reward is what was decided"),
    "a batch out of balance": (lambda p: p["postings"][0]["lines"][0].update(amount=801), "Every batch of the ledger"),
    "a batch in two currencies": (lambda p: p["postings"][0]["lines"][0].update(currency="USD"), "Every batch"),
    "a batch posted twice": (lambda p: p["postings"].append(p["postings"][0]), "Every batch of the ledger"),
    "a book that there is not": (lambda p: p["postings"][0]["lines"][0].update(book="till"), "Every batch of the"),
    "more booked than was paid": (more_paid, "What the ledger says was given"),
    "a call for another amount": (lambda p: p["attempts"][0].update(amount=700), "What the ledger says was given"),
    "a call without an answer": (lambda p: p["attempts"][0].update(state="unknown"), "What the ledger says was given"),
    "another transaction": (lambda p: p["reward"].update(transaction="t9"), "What the ledger says was given"),
    "a reward said to be open": (lambda p: p["reward"].update(state="approved"), "What the ledger says was given"),
    "a second payment": (second_call, "What the ledger says was given"),
    "less taken back": (lambda p: p["attempts"][1].update(moved=100), "What the ledger says was taken"),
    "a reversal said to be open": (lambda p: p["reversals"][0].update(state="approved"), "What the ledger says was taken"),
    "more spent than booked": (lambda p: p["reward"].update(redeemed=200), "What the ledger says was spent"),
    "an effect beside the one": (late_call, "No call had a second effect."),
    "one transaction for two calls": (shared_transaction, "No call had a second effect."),
}  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_what_does_not_fit_is_named_though_the_chain_was_written_anew(forgery: str) -> None:
    forge, expected = FORGERIES[forgery]
    papers = receipt.plain(sections())
    forge(papers)
    found = broken(made(papers))
    assert [words for words in found if words.startswith(expected)], (found, expected)


# ── What was not taken back ──────────────────────────────────────────────────────────────────────────────────────


def kept(papers: dict[str, Any], **reward: Any) -> None:
    """The 2.00 of the refund stayed with the advocate."""
    papers["reward"].update(reward)
    papers["reversals"] = []
    papers["postings"] = [each for each in papers["postings"] if each["reversal"] is None]
    papers["attempts"] = papers["attempts"][:1]


def borne(papers: dict[str, Any]) -> None:
    kept(papers)
    data = {**PROGRAM, "clawback": {"after_issue": "absorb"}}
    papers["program"].update(data=data, hash=receipt.fingerprint(data))


def ended(papers: dict[str, Any], lapsed: int = 200) -> None:
    kept(papers, lapsed=lapsed)
    papers["postings"].append(receipt.plain(batch("ended", lapsed, "issued", "expired")))


def a_mug(papers: dict[str, Any]) -> None:
    kept(papers, item="a mug")
    papers["attempts"] = []
    papers["reward"]["transaction"] = None


def still_open(papers: dict[str, Any], state: str = "sending") -> None:
    borne(papers)
    papers["reward"].update(state=state, transaction=None, redeemed=0)
    papers["postings"], papers["attempts"] = papers["postings"][:1], []


@pytest.mark.parametrize("stay", [borne, ended, a_mug, still_open], ids=lambda stay: stay.__name__)
def test_what_the_merchant_bears_what_ended_and_what_was_handed_over_may_stay(
    stay: Callable[[dict[str, Any]], None],
) -> None:
    papers = receipt.plain(sections())
    stay(papers)
    assert broken(made(papers)) == []


@pytest.mark.parametrize(
    "stay",
    [kept, lambda papers: ended(papers, 199), lambda papers: still_open(papers, "approved")],
    ids=["nobody bears it", "a cent more than ended", "it could still be made smaller"],
)
def test_what_stays_with_an_advocate_for_no_reason_is_named(stay: Callable[[dict[str, Any]], None]) -> None:
    papers = receipt.plain(sections())
    stay(papers)
    wrong = [each.broken for each in check(made(papers), READERS) if each.broken]
    assert wrong == ["600 is owed, and 800 less 0 stands"]


def test_whatever_the_product_keeps_can_stand_in_a_receipt() -> None:
    assert receipt.plain(story.fact("d0 lead").ref) == {"kind": "lead", "id": "A"}
    assert receipt.plain((frozenset({"b", "a"}), b"\x01\xff")) == [["a", "b"], "01ff"]


# ── What is no receipt ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "it is no receipt"),
        ('{"receipt": 2}', "it is no receipt"),
        ('{"receipt": 1, "receipt": 1}', "twice"),
        ("[" * 100_000, "too deeply|Expecting value"),
        (b"\xff\xfe\x00", "codec|Expecting value"),
    ],
)
def test_a_file_that_is_no_receipt_is_turned_away_with_the_reason(text: str | bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        receipt.read(text)


def test_a_receipt_of_nothing_but_its_version_is_broken_everywhere_and_raises_nothing() -> None:
    assert len(broken({"receipt": 1})) == len(check({"receipt": 1}, READERS))
