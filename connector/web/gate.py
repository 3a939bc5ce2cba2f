"""A gate for pages that anybody may knock at: so many pass in a minute."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

_MINUTE_S = 60.0


@dataclass
class Gate:
    """Lets `most` pass for each name and minute, in this process."""

    most: int
    passed: Counter[Hashable] = field(default_factory=Counter)
    until: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, name: Hashable) -> bool:
        with self.lock:
            if time.monotonic() >= self.until:
                self.passed.clear()
                self.until = time.monotonic() + _MINUTE_S
            self.passed[name] += 1
            return self.passed[name] <= self.most
