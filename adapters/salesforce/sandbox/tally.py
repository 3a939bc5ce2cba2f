"""What the stand-in's own book says was paid and taken back. Imports nothing of ours; see `connector.prove.count`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

CREDIT, AMOUNT, OWNER = "Referral_Credit__c", "Amount__c", "Advocate_Contact__c"
#: What people wrote into a field that must only be filled where it is empty.
FIELD, SAID = "Referral_Medium__c", "told on the phone"


def tally(get: Callable[[str], Any]) -> dict[str, Any]:
    """get(name): a page of the control API. Owners are contacts, by id."""
    entries = get("book")["entries"]
    (org,) = get("state")["orgs"]  # read after the book: whatever stands there has its owner by now
    owners = {each["Id"]: each[OWNER] for each in org["records"].get(CREDIT, ())}
    moved, said, lost = [], 0, 0
    for entry in entries:
        if entry["kind"] != "field":
            continue
        ours = entry["by"] == "api"
        if (entry["object"], entry["field"]) == (CREDIT, AMOUNT) and ours:
            change = int((Decimal(str(entry["new"] or 0)) - Decimal(str(entry["old"] or 0))) * 100)
            moved.append((owners[entry["id"]], "credit" if change > 0 else "debit", abs(change)))
        said += entry["field"] == FIELD and entry["new"] == SAID and not ours
        lost += entry["field"] == FIELD and entry["old"] == SAID and ours
    return {"moved": moved, "said": said, "overwritten": lost}
