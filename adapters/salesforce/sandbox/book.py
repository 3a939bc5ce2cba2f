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
    """One effect that took place. `old` and `new` are a field's values as answers show them.

    kind: created, field (one for each field that changed), deleted, undeleted, converted, merged, step (our step of a
    process of the org's). by: api, or person for what somebody does at the screen. user: the id of whose hand it was.
    """

    kind: str
    at: str
    org: str
    object: str
    id: str
    field: str = ""
    old: Any = None
    new: Any = None
    by: str = ""
    user: str = ""
    request: str = ""


class Book:
    """Append-only, thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._calls: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._inputs: dict[str, list[int]] = {}
        self._counters: Counter[str] = Counter({"limited": 0, "unauthorised": 0, "logins": 0})
        self._messages: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def call(self, operation: str, outcome: str, inputs: int | None = None) -> None:
        """One call ended: what its sender saw (a status or a fault), and of how many records a collection was."""
        with self._lock:
            self._calls[operation] += 1
            self._outcomes[f"{operation} {outcome}"] += 1
            if inputs is not None:
                self._inputs.setdefault(operation, []).append(inputs)

    def count(self, counter: str) -> None:
        """limited, unauthorised or logins, once more."""
        with self._lock:
            self._counters[counter] += 1

    def message(self, answer: str, notifications: int) -> None:
        """One outbound message was sent; `answer` is acknowledged, refused, the status, or why there was none."""
        with self._lock:
            self._messages[f"messages {answer}"] += 1
            self._messages[f"notifications {answer}"] += notifications

    def as_json(self) -> dict[str, Any]:
        with self._lock:
            return {
                "entries": [asdict(entry) for entry in self._entries],
                "calls": dict(self._calls),
                "outcomes": dict(self._outcomes),
                "inputs": {operation: list(sizes) for operation, sizes in self._inputs.items()},
                **self._counters,
                "messages": dict(self._messages),
            }
