"""What a receipt must hold true of itself, each as one line: the chain, the facts, the decision, the books, the calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from connector.domain.case import Case, Decision, Standing
from connector.domain.facts import Fact
from connector.domain.fraud import Evidence
from connector.domain.ledger import Book
from connector.domain.money import Money
from connector.domain.program import Clawback
from connector.domain.program_data import parse
from connector.domain.receipt import fingerprint, links
from connector.domain.stages import decide
from connector.errors import ConnectorError

Row = Mapping[str, Any]
_SHA256_DIGITS = 64
#: States in which money may have moved, so that only reversals change what was promised.
_LOCKED = frozenset({"sending", "unknown", "issued"})


@dataclass(frozen=True)
class Readers:
    """How stored data becomes facts and figures again; the store knows, and lends it."""

    fact: Callable[[Row, datetime], Fact]
    standing: Callable[[Row], Standing]
    evidence: Callable[[Row], Evidence]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. broken: what is wrong with it, "" where it holds."""

    words: str
    broken: str = ""


@dataclass(frozen=True)
class _Papers:
    """The data of each section by its name."""

    document: Row
    readers: Readers

    def __getitem__(self, name: str) -> Any:
        return next(section["data"] for section in self.document["sections"] if section["name"] == name)


def check(document: Row, readers: Readers) -> tuple[Check, ...]:
    """All checks in the order of the chain. Needs nothing but the document."""
    papers = _Papers(document, readers)
    return tuple(_tried(papers, words, look) for words, look in _CHECKS)


def _tried(papers: _Papers, words: str, look: Callable[[_Papers], str]) -> Check:
    try:
        return Check(words, look(papers))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, StopIteration, ConnectorError) as error:
        return Check(words, f"it cannot be read ({type(error).__name__}: {str(error)[:200]})")


# ── What was heard, and what follows from it ─────────────────────────────────────────────────────────────────────


def _bound(papers: _Papers) -> str:
    same = papers["reward"]["id"] == papers.document["reward"]
    return links(papers.document) or ("" if same else "the head names another reward than the sections")


def _heard(papers: _Papers) -> str:
    wrong = [each["delivery"] for each in papers["heard"] if not _is_sha256(each["digest"])]
    return f"delivery {wrong[0]} has no SHA-256" if wrong else ""


def _is_sha256(text: str) -> bool:
    return len(bytes.fromhex(text)) * 2 == len(text) == _SHA256_DIGITS


def _facts(papers: _Papers) -> str:
    wrong = [each["id"] for each in papers["facts"] if each["hash"] != fingerprint([each["as_of"], each["data"]])]
    return f"fact {wrong[0]} is not the one that was hashed" if wrong else ""


def _program(papers: _Papers) -> str:
    return (
        "" if papers["program"]["hash"] == fingerprint(papers["program"]["data"]) else "its data is not the hashed one"
    )


def _decided(papers: _Papers) -> str:
    said, found = papers["decision"], _decision(papers)
    for name in ("stage", "rule", "reason"):
        if said[name] != (now := str(getattr(found, name))):
            return f"the rules say {name} {now!r}, the receipt {said[name]!r}"
    if [_plan(each) for each in said["plans"]] != _planned(found):
        return f"the rules promise {_planned(found)}, the receipt {[_plan(each) for each in said['plans']]}"
    stands = said["stands"]
    if (stands["stage"], stands["rule"]) != (said["stage"], said["rule"]):
        return f"it stands as {stands['stage']} by {stands['rule']!r}, and would now be decided otherwise"
    return ""


def _plan(row: Row) -> tuple[str, str, int, int, str]:
    return row["role"], row["kind"], row["ordinal"], row["amount"], row["currency"]


def _planned(found: Decision) -> list[tuple[str, str, int, int, str]]:
    return [(p.role, p.kind, p.ordinal, p.amount.minor, p.amount.currency) for p in found.plans]


def _decision(papers: _Papers) -> Decision:
    """What the rules make of the program and the facts in the receipt."""
    said, time = papers["decision"]["case"], datetime.fromisoformat
    facts = (papers.readers.fact(each["data"], time(each["as_of"])) for each in papers["facts"] if each["counts"])
    case = Case(
        **{
            **said,
            "advocate": UUID(said["advocate"]),
            "friend": UUID(said["friend"]),
            "captured_at": time(said["captured_at"]),
            "facts": tuple(facts),
            "now": time(said["now"]),
            "groups": frozenset(said["groups"]),
            "standing": papers.readers.standing(said["standing"]),
            "evidence": papers.readers.evidence(said["evidence"]),
            # A receipt from before this was told of, or of a reward of which nothing was taken back, has none.
            "kept": {key: Money(each["minor"], each["currency"]) for key, each in said.get("kept", {}).items()},
        }
    )
    return decide(parse(papers["program"]["data"]), case)


# ── What is owed, and what the books say ─────────────────────────────────────────────────────────────────────────


def _owed(papers: _Papers) -> str:
    """The reward is what was decided, less what was taken back of it."""
    reward, decision = papers["reward"], _decision(papers)
    here = (reward["role"], reward["kind"], reward["ordinal"])
    plan = next((p for p in decision.plans if (p.role, p.kind, p.ordinal) == here and not reward["revoked"]), None)
    owed = max(0, plan.amount.minor - reward["netted"]) if plan else 0
    back = sum(each["amount"] for each in papers["reversals"] if each["state"] != "void")
    left = reward["amount"] - back
    if left == owed or (left < owed and decision.rule == "owed_again"):
        return ""  # what was taken back and is owed again waits for a person
    kept = left > owed and reward["state"] in _LOCKED
    borne = decision.clawback is not Clawback.TAKE or reward["item"]
    if kept and (borne or left - owed <= reward["lapsed"]):
        return ""  # the merchant bears it, nobody brings a mug back, or it ended unspent
    return f"{owed} is owed, and {reward['amount']} less {back} stands"


def _booked(papers: _Papers) -> str:
    for batch in papers["postings"]:
        if sum(line["amount"] for line in batch["lines"]) or len({line["currency"] for line in batch["lines"]}) != 1:
            return f"batch {batch['key']} does not sum to zero in one currency"
        if wrong := [line["book"] for line in batch["lines"] if line["book"] not in set(Book)]:
            return f"batch {batch['key']} names a book that there is not: {wrong[0]}"
    twice = [key for key, times in Counter(batch["key"] for batch in papers["postings"]).items() if times > 1]
    return f"batch {twice[0]} is posted twice" if twice else ""


def _book(batches: Iterable[Row], book: Book) -> int:
    return sum(line["amount"] for batch in batches for line in batch["lines"] if line["book"] == book)


def _touching(batches: Iterable[Row], book: Book) -> list[Row]:
    return [batch for batch in batches if any(line["book"] == book for line in batch["lines"])]


def _paid(papers: _Papers) -> str:
    """What was booked as given is what the calls gave."""
    reward, batches = papers["reward"], [each for each in papers["postings"] if each["reversal"] is None]
    done = _done(papers["attempts"], None)
    given = reward["amount"] if reward["item"] and reward["state"] == "issued" else sum(a["amount"] for a in done)
    booked = -_book(_touching(batches, Book.PAYABLE), Book.ISSUED)
    if booked != given:
        return f"{booked} is booked as given, and the calls gave {given}"
    if (reward["state"] == "issued") != bool(given) or given not in (0, reward["amount"]):
        return f"the reward of {reward['amount']} is {reward['state']}, and {given} was given"
    if _book(batches, Book.PAYABLE) != given - reward["amount"]:
        return f"{-_book(batches, Book.PAYABLE)} is booked as still payable, and {reward['amount'] - given} is"
    if any(a["transaction"] != reward["transaction"] for a in done):
        return f"the reward names the transaction {reward['transaction']}, its call {done[0]['transaction']}"
    return ""


def _done(attempts: Sequence[Row], reversal: str | None) -> list[Row]:
    return [each for each in attempts if each["reversal"] == reversal and each["state"] == "done"]


def _returned(papers: _Papers) -> str:
    """What was booked as taken back is what the calls took, and the rest is still to come or was lost."""
    for row in papers["reversals"]:
        batches = [each for each in papers["postings"] if each["reversal"] == row["id"]]
        taken = sum(a["amount"] if a["moved"] is None else a["moved"] for a in _done(papers["attempts"], row["id"]))
        booked = _book(_touching(batches, Book.RECLAIM), Book.ISSUED)
        if not taken == booked == row["taken"]:
            return f"of reversal {row['ordinal']}, {booked} is booked as taken, and the calls took {taken}"
        open_ = 0 if row["state"] == "issued" else row["amount"]
        if _book(batches, Book.RECLAIM) != open_:
            return f"of reversal {row['ordinal']}, {_book(batches, Book.RECLAIM)} is booked as open, and {open_} is"
    return ""


def _spent(papers: _Papers) -> str:
    reward = papers["reward"]
    for book, name in ((Book.REDEEMED, "redeemed"), (Book.EXPIRED, "lapsed")):
        if -_book(papers["postings"], book) != reward[name]:
            return f"{-_book(papers['postings'], book)} is booked as {book}, and the account shows {reward[name]}"
    return ""


def _once(papers: _Papers) -> str:
    """No call had an effect beside the one that was wanted."""
    attempts = papers["attempts"]
    late = [a["late_transaction"] for a in attempts if a["late_state"] == "done" and a["state"] == "not_done"]
    if late:
        return f"{late[0]} landed after it was held for absent: a person must look at it"
    used = Counter(each["transaction"] for each in attempts if each["transaction"])
    twice = [transaction for transaction, times in used.items() if times > 1]
    return f"{twice[0]} answers two calls" if twice else ""


_CHECKS: tuple[tuple[str, Callable[[_Papers], str]], ...] = (
    ("Every part is bound to the one before it, and none was changed.", _bound),
    ("Every delivery that told of it has its SHA-256.", _heard),
    ("Every fact is the one that was hashed.", _facts),
    ("The program is the version that was promised.", _program),
    ("The rules, asked again, decide the same.", _decided),
    ("The reward is what was decided, less what was taken back.", _owed),
    ("Every batch of the ledger sums to zero.", _booked),
    ("What the ledger says was given, the platform gave.", _paid),
    ("What the ledger says was taken back, the platform took.", _returned),
    ("What the ledger says was spent or ended, the account shows.", _spent),
    ("No call had a second effect.", _once),
)
