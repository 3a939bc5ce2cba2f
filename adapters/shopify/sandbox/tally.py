"""What the stand-in's own book says was paid and taken back. Imports nothing of ours; see `connector.prove.count`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

KINDS = {"credit": "credit", "debit": "debit", "gift_card_issue": "credit", "gift_card_debit": "debit"}


def tally(get: Callable[[str], Any]) -> dict[str, Any]:
    """get(name): a page of the control API. A card is nobody's in the book: its owner is ""."""
    book = get("book")
    moved = [(e["customer"], KINDS[e["kind"]], e["minor"]) for e in book["entries"] if e["kind"] in KINDS]
    return {"moved": moved, "wrong": book["differences"]}
