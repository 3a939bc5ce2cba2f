"""The table: each promise, how often it was put to the test, and how often it was broken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Counts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Promise:
    """text: with what is broken, if anything. tried: how many could have been; what: their name."""

    text: str
    tried: int
    what: str
    broken: int


def promises(counted: Counts, waiting: int, unsettled: int) -> list[Promise]:
    """From what `count` says of each platform, what waits for a person, and merchants whose work did not end."""
    total: Counter[str] = Counter()
    for each in counted.values():
        total.update({name: value for name, value in each.items() if isinstance(value, int)})
    sales, debits = total["sales"], total["debits"] + total["not_taken_back"]
    return [
        Promise("every reward that is owed is paid", sales, "sales", total["missing"]),
        Promise("none is paid or taken back twice", total["credits"] + total["debits"], "movements", total["twice"]),
        Promise("no other amount ever moves", total["credits"] + total["debits"], "movements", total["not_planned"]),
        Promise("what is given back is taken back in proportion", debits, "given back", total["not_taken_back"]),
        Promise("our books say what the platforms' own books say", sales, "sales", total["ledger_off"]),
        Promise("what people wrote into a record stays", total["said"], "records", total["overwritten"]),
        Promise("people hear of each movement", total["heard"], "told", total["never_heard"]),
        Promise("and hear of none twice", total["heard"], "told", total["heard_twice"]),
        Promise("no doubt is left to a person that a machine can settle", sales, "sales", waiting),
        Promise("all work comes to its end", len(counted), "platforms", unsettled),
        Promise("the stand-ins' books add up in themselves", len(counted), "platforms", total["book_wrong"]),
    ]


def table(found: Iterable[Promise]) -> Iterator[str]:
    """The promises as lines of text."""
    yield f"{'promise':<56}{'put to the test':>22}{'broken':>9}"
    for each in found:
        yield f"{each.text:<56}{f'{each.tried} {each.what}':>22}{each.broken:>9}"
