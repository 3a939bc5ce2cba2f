"""Fault switches: what goes wrong, on which shop and operation, how often, and before or after the effect.

`operation` is the name of a GraphQL operation, one of its root fields, "access_token", or "bulk_file" for the file of a
bulk operation. Kinds, and what the caller sees:
  status        an HTTP status of your choice (`status`, 429 with Retry-After unless told), nothing executed
  throttled     HTTP 200 with THROTTLED, nothing executed
  5xx_before    503, nothing executed              5xx_after     502 after the effect
  cut_before    connection reset, nothing executed cut_after     connection reset after the effect
  slow          waits `delay_s` (`when`: before or after the effect), then answers as usual
  html_200      an HTML page with status 200       empty_200     status 200 and no body   (both: `when`)
  partial_errors  the effect, its data, and an error beside it
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

BEFORE = frozenset({"status", "throttled", "5xx_before", "cut_before"})
AFTER = frozenset({"5xx_after", "cut_after", "partial_errors"})
EITHER = frozenset({"slow", "html_200", "empty_200"})
KINDS = BEFORE | AFTER | EITHER
_FIELDS = frozenset(
    {"shop", "operation", "fault", "probability", "count", "seed", "delay_s", "when", "retry_after", "status"}
)


@dataclass
class Fault:
    """One switch. shop and operation "*" mean any; count None means until cleared; when: before or after."""

    kind: str
    shop: str = "*"
    operation: str = "*"
    probability: float = 1.0
    count: int | None = None
    delay_s: float = 1.0
    when: str = "after"
    retry_after: float = 2.0
    status: int = 429
    fired: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.kind in BEFORE or (self.kind in EITHER and self.when == "before")

    @property
    def name(self) -> str:
        """As the book counts it: cut_after, html_200_before, slow_after."""
        return f"{self.kind}_{self.when}" if self.kind in EITHER else self.kind


def from_json(data: dict[str, Any]) -> Fault:
    """A switch from its JSON. Raises ValueError in words that say what is wrong."""
    if unknown := set(data) - _FIELDS:
        raise ValueError(f"a fault knows {sorted(_FIELDS)}, not {sorted(unknown)}")
    kind = data.get("fault")
    if kind not in KINDS:
        raise ValueError(f"fault must be one of {sorted(KINDS)}, not {kind!r}")
    if data.get("when", "after") not in {"before", "after"}:
        raise ValueError(f"when must be before or after, not {data['when']!r}")
    given = {key: value for key, value in data.items() if key not in {"fault", "seed"}}
    return Fault(kind=str(kind), dice=random.Random(data.get("seed")), **given)


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

    def strike(self, shop: str, operations: Iterable[str]) -> Fault | None:
        """The fault for this request, if any. `operations`: its name and its root fields."""
        names = {"*", *operations}
        with self._lock:
            for fault in self._faults:
                if fault.shop not in {"*", shop} or fault.operation not in names:
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
