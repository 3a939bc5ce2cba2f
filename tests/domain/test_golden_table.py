"""The golden table, in golden.yaml: what becomes of a referral, row by row, as a merchant can read and check it.

Each row: what happens, in plain words; `program`, changes to a program that promises the advocate 10 %; `told`, what
people did (see story.py), and `now`; `about`, what else is known of the two; `then`, the stage and the rule;
`hold`, what it waits for besides time; `owed`, who
gets what and whether it may go out; `says`, the sentence for the merchant, and `safe`, the one for the advocate.
`paid` is what went out before, and `books` what the ledger then holds.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
DOMAIN = HERE.parents[1] / "connector" / "domain"
TABLE: list[dict[str, Any]] = yaml.safe_load((HERE / "golden.yaml").read_text("utf-8"))
STORY = "tests.domain.story"


def became(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the rules make of a row, in the words of the table. Loads the rules when it is called."""
    story, explaining = importlib.import_module(STORY), importlib.import_module("connector.domain.explain")
    data = {**story.BASE, **row.get("program", {})}
    data = {name: value for name, value in data.items() if value is not None}
    about = dict(row.get("about", {}))
    if "paid" in row:
        about = {"paid_out": True, "settled": True, **about}
    told = explaining.explain(data, story.case(row.get("told", []), str(row.get("now", "d14")), **about), [], None)
    decision = told.decision
    return {
        "then": f"{decision.stage}, {decision.rule}",
        "hold": decision.hold,
        "owed": [_plan(plan) for plan in decision.plans],
        "says": "\n".join(explaining.in_words(told)),
        "safe": told.for_advocate.removeprefix("Friends: "),
        "books": _books(story.money, row.get("paid"), decision),
    }


def _plan(plan: Any) -> str:
    item = f"{plan.item}, " if plan.item else ""
    nth = f" for payment {plan.ordinal}" if plan.ordinal > 1 else ""
    return f"{plan.role}: {item}{plan.kind} {plan.amount}{nth}, {'ready' if plan.ready else 'waits'}"


def _books(money: Any, paid: str | None, decision: Any) -> dict[str, str]:
    """The ledger after this decision, where `paid` went out before it; all of it was promised to one person."""
    ledger = importlib.import_module("connector.domain.ledger")
    if paid is None:
        batches = [ledger.decided(f"{place}", plan.amount) for place, plan in enumerate(decision.plans)]
    else:
        out = money(paid)
        owed = sum((plan.amount for plan in decision.plans), money(f"0 {out.currency}"))
        batches = [ledger.decided("1", out), ledger.issued("2", out)]
        if decision.clawback == "take" and owed < out:
            batches += [ledger.reversal_decided("3", out - owed), ledger.reversal_taken("4", out - owed)]
    held: dict[str, Any] = {}
    for line in [line for batch in batches for line in batch.lines]:
        held[str(line.book)] = held[str(line.book)] + line.amount if str(line.book) in held else line.amount
    return {book: str(amount) for book, amount in held.items() if amount}


def wrong(row: Mapping[str, Any]) -> list[str]:
    """In what the rules differ from the row."""
    found = became(row)
    says = row["says"] if isinstance(row["says"], list) else [row["says"]]
    differs = [f"says: {each!r} is not in\n{found['says']}" for each in says if each not in found["says"]]
    expected = {"then": row["then"], "hold": row.get("hold", ""), "owed": row.get("owed", []), "safe": row["safe"]}
    if "books" in row:
        expected["books"] = row["books"]
    return differs + [f"{name}: {found[name]!r}" for name, value in expected.items() if found[name] != value]


@pytest.mark.parametrize("row", TABLE, ids=[row["what"] for row in TABLE])
def test_what_becomes_of_a_referral(row: dict[str, Any]) -> None:
    assert wrong(row) == []


def test_no_rule_no_event_and_no_setting_of_choice_is_missing_from_the_table() -> None:
    program = importlib.import_module("connector.domain.program")
    source = "".join(path.read_text("utf-8") for path in DOMAIN.glob("*.py"))
    written = set(re.findall(r'(?:Refusal|Undecided)\(\s*"(\w+)"|Decision\(\s*Stage\.\w+,\s*"(\w+)"', source))
    rules = {one or other for one, other in written}
    assert {row["then"].partition(", ")[2] for row in TABLE} == rules
    assert {row.get("program", {}).get("event", "order_paid") for row in TABLE} == set(program.EVENTS)
    assert {row.get("program", {}).get("mode", "live") for row in TABLE} == set(program.Mode)
    told = yaml.safe_dump(TABLE)
    chosen = [*program.Payment, *program.Clawback, *program.When, *program.Period, *program.Rounding, *program.KINDS]
    assert [choice for choice in chosen if choice not in told] == []


def test_every_reason_ends_like_a_sentence_but_for_what_people_said_themselves() -> None:
    lines = [line for row in TABLE for line in became(row)["says"].splitlines()]
    theirs = ("Declined by ", " asked for a look: ")
    assert [line for line in lines if not line.endswith((".", "`")) and not any(said in line for said in theirs)] == []
