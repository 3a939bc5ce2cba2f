"""The stand-in's own book of effects: what really happened, written apart from the state that answers are made of.

A test or the demo counts duplicates and losses here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from threading import Lock
from typing import Any

_COUNTERS = ("limited", "unauthorised", "denied", "fell_forward", "legacy", "refreshes")


@dataclass(frozen=True)
class Entry:
    """One effect that took place. `name` is the metric of an event, the field of a profile, the coupon of a code.

    kind: event, repeated (an event that was there already), dropped (taken with 202 and then thrown away; `new` says
    why), profile (a field; made is one with no `name`), consent, suppression, erased, merged, coupon, code.
    """

    kind: str
    at: str
    account: str
    id: str
    name: str = ""
    old: Any = None
    new: Any = None
    by: str = ""


@dataclass(frozen=True)
class Logged:
    """One call. outcome: the status that its sender saw, or the fault. revision: the one that served it."""

    at: str
    account: str
    by: str
    operation: str
    target: str
    revision: str
    outcome: str
    body: Any


class Book:
    """Append-only, thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: list[Entry] = []
        self._log: list[Logged] = []
        self._inputs: dict[str, list[int]] = {}
        self._counters: Counter[str] = Counter(dict.fromkeys(_COUNTERS, 0))

    def add(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)

    def call(self, logged: Logged, inputs: int | None = None) -> None:
        """One call ended; inputs: of how many events, profiles or codes a bulk one was."""
        with self._lock:
            self._log.append(logged)
            if inputs is not None:
                self._inputs.setdefault(logged.operation, []).append(inputs)

    def count(self, counter: str) -> None:
        """One of the counters, once more."""
        with self._lock:
            self._counters[counter] += 1

    def log(self, **wanted: str) -> list[dict[str, Any]]:
        """The calls whose fields have these values, in their order, with what was sent."""
        with self._lock:
            found = [asdict(each) for each in self._log]
        return [each for each in found if wanted.items() <= each.items()]

    def as_json(self) -> Mapping[str, Any]:
        with self._lock:
            return {
                "entries": [asdict(entry) for entry in self._entries],
                "calls": Counter(each.operation for each in self._log),
                "outcomes": Counter(f"{each.operation} {each.outcome}" for each in self._log),
                "inputs": {operation: list(sizes) for operation, sizes in self._inputs.items()},
                **self._counters,
            }
