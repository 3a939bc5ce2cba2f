"""The verdict, by a process that imports nothing of this product: what the plan says, against the platforms' own books.

    python -I count.py < plan.json

plan: {"percent": 10, "markets": [{"name", "url", "tally": a file, "sales": [{"owner", "minor", "undone"}], "ledger": minor
or null}], "ears": [{"name", "url", "tally", "of": a market's name}]}. Prints the figures as JSON. Each sale has an amount
that no other has, so that every movement in a book names its sale.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable
from runpy import run_path
from typing import Any

Json = dict[str, Any]


def read(place: Json) -> Json:
    """What the stand-in's own book says, by the script that lies beside it."""

    def get(name: str) -> Any:
        asked = urllib.request.Request(f"{place['url']}/_control/{name}")  # noqa: S310 - a stand-in on this machine
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    tally: Callable[[Callable[[str], Any]], Json] = run_path(place["tally"])["tally"]
    return tally(get)


def share(minor: int, percent: int) -> int:
    """The reward of a sale; plans only have amounts of which that is a whole number."""
    return minor * percent // 100


def owed(market: Json, percent: int) -> Counter[tuple[str, str, int]]:
    """Every movement that the plan asks for."""
    sales = market["sales"]
    paid = ((sale["owner"], "credit", share(sale["minor"], percent)) for sale in sales)
    taken = ((sale["owner"], "debit", share(sale["undone"], percent)) for sale in sales if sale["undone"])
    return Counter([*paid, *taken])


def judged(market: Json, percent: int) -> Json:
    """How one market's book differs from its plan."""
    book = read(market)
    moved, planned = Counter((owner, kind, minor) for owner, kind, minor in book["moved"]), owed(market, percent)
    surplus, lacking = moved - planned, planned - moved
    twice = Counter({each: count for each, count in surplus.items() if each in planned})
    net = sum(count * (minor if kind == "credit" else -minor) for (_, kind, minor), count in moved.items())
    return {
        "sales": len(market["sales"]),
        "credits": _count(moved, "credit"),
        "debits": _count(moved, "debit"),
        "missing": _count(lacking, "credit"),
        "twice": twice.total(),
        "not_planned": surplus.total() - twice.total(),
        "not_taken_back": _count(lacking, "debit"),
        "ledger_off": 0 if market["ledger"] is None else abs(market["ledger"] - net),
        "said": book.get("said", 0),
        "overwritten": book.get("overwritten", 0),
        "book_wrong": len(book.get("wrong", ())),
        "found": [minor for _, kind, minor in book["moved"] if kind == "credit"],
    }


def heard(ear: Json, markets: Iterable[Json]) -> Json:
    """How often a listener heard of each movement, against the market that it listens to."""
    market = next(each for each in markets if each["name"] == ear["of"])
    said: Counter[str] = Counter(read(ear)["heard"])
    due = Counter({"credit": len(market["sales"]), "debit": sum(1 for sale in market["sales"] if sale["undone"])})
    return {"heard": said.total(), "heard_twice": (said - due).total(), "never_heard": (due - said).total()}


def _count(moved: Counter[tuple[str, str, int]], kind: str) -> int:
    return sum(count for (_, each, _), count in moved.items() if each == kind)


def main() -> None:
    plan = json.load(sys.stdin)
    found = {market["name"]: judged(market, plan["percent"]) for market in plan["markets"]}
    found |= {ear["name"]: heard(ear, plan["markets"]) for ear in plan["ears"]}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
