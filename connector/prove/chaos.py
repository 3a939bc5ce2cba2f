"""What goes wrong on purpose, one thing after the other, as the dice fall."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

#: Seconds between two misfortunes.
SHORTEST_S, LONGEST_S = 0.6, 2.0


@dataclass(frozen=True)
class Misfortune:
    """Something that happens. weight: how often, against the others; at most `most` times in all, where told.

    happen: says whether it did; what only just began to live is spared.
    """

    name: str
    happen: Callable[[], bool]
    weight: int = 1
    most: int | None = None


@dataclass
class Chaos:
    """Misfortunes until it is told to stop; `done` counts them. mend: what a host does, such as starting what ended."""

    dice: random.Random
    misfortunes: Sequence[Misfortune]
    mend: Callable[[], None]
    done: Counter[str] = field(default_factory=Counter)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _failed: list[BaseException] = field(default_factory=list)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more of it. Raises what went wrong otherwise than planned."""
        self._stopping.set()
        self._thread.join()
        if self._failed:
            raise self._failed[0]

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self.dice.uniform(SHORTEST_S, LONGEST_S)):
                self.mend()
                self._one()
        except Exception as error:  # noqa: BLE001  (told to whoever stops it)
            self._failed.append(error)

    def _one(self) -> None:
        left = [each for each in self.misfortunes if each.most is None or self.done[each.name] < each.most]
        (drawn,) = self.dice.choices(left, [each.weight for each in left])
        self.done[drawn.name] += drawn.happen()
