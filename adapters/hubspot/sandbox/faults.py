"""Fault switches: what goes wrong, on which calls, how often, and before or after the effect.

`path` is a pattern searched for in "METHOD /path". Kinds, and what the caller sees:
  cut_before     connection reset, nothing executed        cut_after      connection reset after the effect
  html_200_before, html_200_after    an HTML page with status 200
  status_before, status_after        an HTTP status of your choice (`status`, 503 unless told)
  empty_success  a 2xx with no results at all (`when`: before any effect, or after all of it)
  silence        no answer for `delay_s`, then a reset      slow  waits `delay_s`, then answers    (both: `when`)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from adapters import stand_in_faults

_FIXED = {f"{kind}_{when}" for kind in ("cut", "html_200", "status") for when in ("before", "after")}


@dataclass
class Fault(stand_in_faults.Fault):
    """One switch. portal 0 means any."""

    EITHER: ClassVar = frozenset({"empty_success", "silence", "slow"})
    KINDS: ClassVar = EITHER | _FIXED

    path: str = ""
    portal: int = 0
    status: int = 503

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.name.endswith("_before")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        re.compile(str(data.get("path", "")))
        return super().from_json(data)

    def fits(self, portal: int, request: str) -> bool:
        """Whether it is meant for this request: METHOD /path."""
        return self.portal in {0, portal} and bool(re.search(self.path, request))
