"""Coupons: discount codes of the merchant's own, in a pool from which a platform gives one to each reader of a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from connector.ports.platform import Account

#: Codes that are published by one call of `publish`.
MOST_CODES = 1_000


class Fate(StrEnum):
    """What became of a code."""

    PUBLISHED = "published"
    ALREADY = "there already"
    MISSING = "not in the shop"
    REFUSED = "refused"


@dataclass(frozen=True)
class CouponCode:
    """One code, which may be money, and what became of it. reason: why it was refused, in the platform's words."""

    code: str = field(repr=False)
    fate: Fate
    reason: str = field(default="", repr=False)


class Shelf(Protocol):
    """Where a manifest has the capability `codes_known`: a shop that redeems codes."""

    def known_codes(self, account: Account, codes: Sequence[str]) -> set[str]:
        """Those of up to `read_batch` codes that the shop has."""


class Coupons(Protocol):
    """Where a manifest has the capability `coupons`."""

    def publish(self, account: Account, coupon: str, codes: Sequence[str], low: int) -> Sequence[CouponCode]:
        """Put up to MOST_CODES codes into the coupon of this name, which is made if it is new. Again changes nothing.

        low: with fewer codes left the platform warns; it is set when the coupon is made. What becomes of each, in the
        order of the question, down to the first that no answer was had to: that error is raised when it comes first.
        """
