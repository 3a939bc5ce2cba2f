"""Fault switches of every platform's stand-in: how often they strike, and how they are told. What they do is its own."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from threading import Lock
from typing import Any, ClassVar, Generic, Self, TypeVar


@dataclass
class Fault:
    """One switch. count None means until cleared; when: before or after the effect, for the kinds in EITHER."""

    KINDS: ClassVar[frozenset[str]]
    EITHER: ClassVar[frozenset[str]]

    kind: str
    probability: float = 1.0
    count: int | None = None
    delay_s: float = 1.0
    when: str = "after"
    fired: int = 0
    dice: random.Random = field(default_factory=random.Random, repr=False)

    @property
    def name(self) -> str:
        """As the book counts it: cut_after, slow_before."""
        return f"{self.kind}_{self.when}" if self.kind in self.EITHER else self.kind

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """A switch from its JSON. Raises ValueError in words that say what is wrong."""
        known = {each.name for each in fields(cls)} - {"kind", "fired", "dice"} | {"fault", "seed"}
        if unknown := set(data) - known:
            raise ValueError(f"a fault knows {sorted(known)}, not {sorted(unknown)}")
        if data.get("fault") not in cls.KINDS:
            raise ValueError(f"fault must be one of {sorted(cls.KINDS)}, not {data.get('fault')!r}")
        if data.get("when", "after") not in {"before", "after"}:
            raise ValueError(f"when must be before or after, not {data['when']!r}")
        given = {key: value for key, value in data.items() if key not in {"fault", "seed"}}
        return cls(kind=str(data["fault"]), dice=random.Random(data.get("seed")), **given)  # noqa: S311 - no secret


F = TypeVar("F", bound=Fault)


class Faults(Generic[F]):
    """All switches in the order they were set; the first that strikes decides."""

    def __init__(self, kind: type[F]) -> None:
        self._kind = kind
        self._lock = Lock()
        self._faults: list[F] = []

    def add(self, data: dict[str, Any]) -> None:
        """One more switch. Raises ValueError in words that say what is wrong with it."""
        fault = self._kind.from_json(data)
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def first(self, fits: Callable[[F], bool]) -> F | None:
        """The first switch that fits and strikes, if any; that it did is counted."""
        with self._lock:
            for fault in self._faults:
                if not fits(fault) or (fault.count is not None and fault.fired >= fault.count):
                    continue
                if fault.dice.random() < fault.probability:
                    fault.fired += 1
                    return fault
        return None

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [{k: v for k, v in vars(fault).items() if k != "dice"} for fault in self._faults]
