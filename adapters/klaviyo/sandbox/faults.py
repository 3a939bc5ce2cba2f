"""Fault switches: what goes wrong, on which calls, how often, and before or after the effect.

`path` is a pattern searched for in "METHOD /path?query", decoded. Kinds, and what the caller sees:
  cut_before     connection reset, nothing executed        cut_after      connection reset after the effect
  html_200_before, html_200_after    an HTML page with status 200
  half_before, half_after            the body ends in the middle, although all of it was promised
  status_before, status_after        an HTTP status of your choice (`status`, 503 unless told)
  silence        no answer for `delay_s`, then a reset      slow  waits `delay_s`, then answers    (both: `when`)
  throttled      429 with Retry-After of `wait_s`, nothing executed
  expired        401, nothing executed, as when a token ended
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from adapters import stand_in_faults

_FIXED = {f"{kind}_{when}" for kind in ("cut", "html_200", "half", "status") for when in ("before", "after")}
_ALWAYS_BEFORE = frozenset({"throttled", "expired"})


@dataclass
class Fault(stand_in_faults.Fault):
    """One switch. account "" means any."""

    EITHER: ClassVar = frozenset({"silence", "slow"})
    KINDS: ClassVar = EITHER | _FIXED | _ALWAYS_BEFORE

    path: str = ""
    account: str = ""
    status: int = 503
    wait_s: int = 1

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.kind in _ALWAYS_BEFORE or self.name.endswith("_before")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        re.compile(str(data.get("path", "")))
        return super().from_json(data)

    def fits(self, account: str, request: str) -> bool:
        """Whether it is meant for this request: METHOD /path?query."""
        return self.account in {"", account} and bool(re.search(self.path, request))
