"""What the stand-in's own book says was paid and taken back. Imports nothing of ours; see `connector.prove.count`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

BALANCE = "referral_credit_balance"
#: What people wrote into a field that must only be filled where it is empty.
FIELD, SAID = "referral_medium", "told on the phone"


def tally(get: Callable[[str], Any]) -> dict[str, Any]:
    """get(name): a page of the control API. Owners are contacts, by number."""
    moved, said, lost = [], 0, 0
    for entry in get("book")["entries"]:
        if entry["kind"] != "property":
            continue
        ours = entry["by"] == "INTEGRATION"
        if entry["property"] == BALANCE and ours:
            change = int((Decimal(entry["new"] or 0) - Decimal(entry["old"] or 0)) * 100)
            moved.append((entry["id"], "credit" if change > 0 else "debit", abs(change)))
        said += entry["property"] == FIELD and entry["new"] == SAID and not ours
        lost += entry["property"] == FIELD and entry["old"] == SAID and ours
    return {"moved": moved, "said": said, "overwritten": lost}
