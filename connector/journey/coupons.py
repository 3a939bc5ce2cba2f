"""Coupons: codes of a merchant's shop are put where messages give one to each reader. None of them is kept or logged.

Only what the shop has is published, since nobody else takes anything off an order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Concatenate, ParamSpec, TypeVar

from connector.errors import Throttled
from connector.journey.accounts import open_account
from connector.journey.desk import Desk, Lane
from connector.ports.coupons import MOST_CODES, CouponCode, Fate
from connector.ports.platform import Account

P = ParamSpec("P")
T = TypeVar("T")

#: A longer wait is for whoever asked, who may come again.
PATIENCE_S = 90.0


def distinct(lines: Iterable[str]) -> list[str]:
    """The codes in lines of text, each once: shops tell no capitals apart, and two readers must not share one."""
    codes: dict[str, str] = {}
    for line in lines:
        if code := line.strip():
            codes.setdefault(code.casefold(), code)
    return list(codes.values())


def publish(desk: Desk, shop: Lane, pool: Lane, coupon: str, codes: Sequence[str], low: int) -> Iterator[CouponCode]:
    """Put those codes that the shop has into the coupon; what became of each. Doing it again changes nothing.

    low: with fewer codes left the platform of the pool warns. Raises PlatformError; what was told by then stands.
    """
    for start in range(0, len(codes), MOST_CODES):
        part = codes[start : start + MOST_CODES]
        known = _known(desk, shop, part)
        yield from (CouponCode(code, Fate.MISSING) for code in part if code not in known)
        left = [code for code in part if code in known]
        while left:
            done = _patiently(desk, pool, pool.platform.coupons().publish, coupon, left, low)
            yield from done
            left = left[len(done) :]


def _known(desk: Desk, shop: Lane, codes: Sequence[str]) -> set[str]:
    known: set[str] = set()
    batch = shop.platform.manifest.read_batch
    for start in range(0, len(codes), batch):
        known |= _patiently(desk, shop, shop.platform.shelf().known_codes, codes[start : start + batch])
    return known


def _patiently(
    desk: Desk, lane: Lane, call: Callable[Concatenate[Account, P], T], *given: P.args, **named: P.kwargs
) -> T:
    """What a call gives, once the platform has time for it. Raises Throttled where that takes long."""
    while True:
        try:
            return call(open_account(desk, lane), *given, **named)
        except Throttled as error:
            if error.wait_s is None or error.wait_s > PATIENCE_S:
                raise
            time.sleep(error.wait_s)
