"""Fault switches: what goes wrong, on which calls, how often, and before or after the effect.

`path` is a pattern searched for in "METHOD /path?query", decoded. Kinds, and what the caller sees:
  cut_before     connection reset, nothing executed        cut_after      connection reset after the effect
  html_200_before, html_200_after    an HTML page with status 200
  status_before, status_after        an HTTP status of your choice (`status`, 503 unless told) with SERVER_UNAVAILABLE
  empty_success  a 200 with no results at all
  silence        no answer for `delay_s`, then a reset      slow  waits `delay_s`, then answers
  throttled      403 REQUEST_LIMIT_EXCEEDED      locked  UNABLE_TO_LOCK_ROW with `status`, 400 unless told
  expired        401 INVALID_SESSION_ID, as when the session ended
empty_success, silence and slow strike before or after the effect (`when`); the last three always before it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from adapters import stand_in_faults

_FIXED = {f"{kind}_{when}" for kind in ("cut", "html_200", "status") for when in ("before", "after")}
_ALWAYS_BEFORE = frozenset({"throttled", "locked", "expired"})


@dataclass
class Fault(stand_in_faults.Fault):
    """One switch. org "" means any; status 0 what the kind says."""

    EITHER: ClassVar = frozenset({"empty_success", "silence", "slow"})
    KINDS: ClassVar = EITHER | _FIXED | _ALWAYS_BEFORE

    path: str = ""
    org: str = ""
    status: int = 0

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.kind in _ALWAYS_BEFORE or self.name.endswith("_before")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        re.compile(str(data.get("path", "")))
        return super().from_json(data)

    def fits(self, org: str, request: str) -> bool:
        """Whether it is meant for this request: METHOD /path?query."""
        return self.org in {"", org} and bool(re.search(self.path, request))
