"""What the stand-in recorded of what it was told. Imports nothing of ours; see `connector.prove.count`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

NAMES = {"Referral Connector Reward Issued": "credit", "Referral Connector Reward Reversed": "debit"}


def tally(get: Callable[[str], Any]) -> dict[str, Any]:
    """get(name): a page of the control API."""
    heard = Counter(NAMES[event["metric"]] for event in get("events") if event["metric"] in NAMES)
    return {"heard": dict(heard)}
