"""Fault switches: what goes wrong, on which calls, how often, and before or after the effect.

`path` is a pattern searched for in "METHOD /path". Kinds, and what the caller sees:
  cut_before     connection reset, nothing executed        cut_after      connection reset after the effect
  html_200_before, html_200_after    an HTML page with status 200
  status_before, status_after        an HTTP status of your choice (`status`, 503 unless told)
  empty_success  a 2xx with no results at all (`when`: before any effect, or after all of it)
  silence        no answer for `delay_s`, then a reset      slow  waits `delay_s`, then answers    (both: `when`)
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

_FIXED = {f"{kind}_{when}" for kind in ("cut", "html_200", "status") for when in ("before", "after")}
_EITHER = {"empty_success", "silence", "slow"}
KINDS = frozenset(_FIXED | _EITHER)
_FIELDS = frozenset({"portal", "path", "fault", "probability", "count", "seed", "delay_s", "when", "status"})


@dataclass
class Fault:
    """One switch. portal 0 means any; count None means until cleared; when: before or after the effect."""

    kind: str
    path: str = ""
    portal: int = 0
    probability: float = 1.0
    count: int | None = None
    delay_s: float = 1.0
    when: str = "after"
    status: int = 503
    fired: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.name.endswith("_before")

    @property
    def name(self) -> str:
        """As the book counts it: cut_after, silence_before."""
        return f"{self.kind}_{self.when}" if self.kind in _EITHER else self.kind


def from_json(data: dict[str, Any]) -> Fault:
    """A switch from its JSON. Raises ValueError in words that say what is wrong."""
    if unknown := set(data) - _FIELDS:
        raise ValueError(f"a fault knows {sorted(_FIELDS)}, not {sorted(unknown)}")
    if data.get("fault") not in KINDS:
        raise ValueError(f"fault must be one of {sorted(KINDS)}, not {data.get('fault')!r}")
    if data.get("when", "after") not in {"before", "after"}:
        raise ValueError(f"when must be before or after, not {data['when']!r}")
    re.compile(str(data.get("path", "")))
    given = {key: value for key, value in data.items() if key not in {"fault", "seed"}}
    return Fault(kind=str(data["fault"]), dice=random.Random(data.get("seed")), **given)


class Faults:
    """All switches in the order they were set; the first that strikes decides."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def strike(self, portal: int, request: str) -> Fault | None:
        """The fault for this request, if any. `request`: METHOD /path."""
        with self._lock:
            for fault in self._faults:
                if fault.portal not in {0, portal} or not re.search(fault.path, request):
                    continue
                if fault.count is not None and fault.fired >= fault.count:
                    continue
                if fault.dice.random() < fault.probability:
                    fault.fired += 1
                    return fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{k: v for k, v in vars(fault).items() if k != "dice"} for fault in self._faults]
