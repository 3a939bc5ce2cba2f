"""The stand-in's own book of effects: what really happened, written apart from the state that answers are made of.

A test or the demo counts duplicates and losses here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One effect that took place. `old` and `new` are a property's values; `by` is HubSpot's source type."""

    kind: str
    at: str
    portal: int
    object: str
    id: str
    property: str = ""
    old: str | None = None
    new: str | None = None
    by: str = ""
    source: str = ""
    request: str = ""


class Book:
    """Append-only, thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._calls: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._inputs: dict[str, list[int]] = {}
        self._counters: Counter[str] = Counter({"throttled": 0, "legacy": 0, "unauthorised": 0})
        self._deliveries: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def call(self, operation: str, outcome: str, inputs: int | None = None) -> None:
        """One call ended: what its sender saw (a status or a fault), and of how many inputs a batch was."""
        with self._lock:
            self._calls[operation] += 1
            self._outcomes[f"{operation} {outcome}"] += 1
            if inputs is not None:
                self._inputs.setdefault(operation, []).append(inputs)

    def count(self, counter: str) -> None:
        """throttled, legacy or unauthorised, once more."""
        with self._lock:
            self._counters[counter] += 1

    def delivery(self, answer: str, events: int) -> None:
        """One POST of events was sent; `answer` is the status, or why there was none."""
        with self._lock:
            self._deliveries[f"posts {answer}"] += 1
            self._deliveries[f"events {answer}"] += events

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "entries": [asdict(entry) for entry in self._entries],
                "calls": dict(self._calls),
                "outcomes": dict(self._outcomes),
                "inputs": {operation: list(sizes) for operation, sizes in self._inputs.items()},
                **self._counters,
                "deliveries": dict(self._deliveries),
            }
