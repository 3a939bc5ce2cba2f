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

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from adapters import stand_in_faults

BEFORE = frozenset({"status", "throttled", "5xx_before", "cut_before"})
AFTER = frozenset({"5xx_after", "cut_after", "partial_errors"})


@dataclass
class Fault(stand_in_faults.Fault):
    """One switch. shop and operation "*" mean any."""

    EITHER: ClassVar = frozenset({"slow", "html_200", "empty_200"})
    KINDS: ClassVar = BEFORE | AFTER | EITHER

    shop: str = "*"
    operation: str = "*"
    retry_after: float = 2.0
    status: int = 429

    @property
    def early(self) -> bool:
        """Whether it strikes before anything is executed."""
        return self.kind in BEFORE or (self.kind in self.EITHER and self.when == "before")

    def fits(self, shop: str, operations: Collection[str]) -> bool:
        """Whether it is meant for this request. `operations`: its name and its root fields."""
        return self.shop in {"*", shop} and self.operation in {"*", *operations}
