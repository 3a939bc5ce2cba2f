"""Coupons: codes that the shop redeems, in a pool from which Klaviyo gives one to each reader of a message.

Klaviyo takes nothing off an order: whoever calls this has made sure that the shop knows the codes. A coupon's id is the
name that it was made by, and a code's is both their names, so that sending one again can never make a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.klaviyo.api import Client
from adapters.klaviyo.api.answers import Misfit
from adapters.klaviyo.api.endpoints import ADD_CODE, CODE, COUPON, MAKE_COUPON, Endpoint
from connector.errors import PlatformError
from connector.ports.coupons import CouponCode, Fate
from connector.ports.platform import Account


@dataclass(frozen=True)
class Coupons:
    """The pools of codes. Each code is a call of its own: the call for many says only later, elsewhere, what came of it."""

    client: Client

    def publish(self, account: Account, coupon: str, codes: Sequence[str], low: int) -> Sequence[CouponCode]:
        """Put codes into the coupon, which is made if it is new."""
        if not self._is_there(account, COUPON, coupon):
            self._make(account, coupon, low)
        done: list[CouponCode] = []
        for code in codes:
            try:
                done.append(self._add(account, coupon, code))
            except PlatformError:
                if not done:
                    raise
                break
        return done

    def _make(self, account: Account, coupon: str, low: int) -> None:
        attributes = {"external_id": coupon, "monitor_configuration": {"low_balance_threshold": low}}
        self.client.run(account, MAKE_COUPON, body={"data": {"type": "coupon", "attributes": attributes}})

    def _add(self, account: Account, coupon: str, code: str) -> CouponCode:
        """It is not published with which status Klaviyo refuses what is there already, so it is looked for."""
        data = {
            "type": "coupon-code",
            "attributes": {"unique_code": code},
            "relationships": {"coupon": {"data": {"type": "coupon", "id": coupon}}},
        }
        try:
            self.client.run(account, ADD_CODE, body={"data": data})
        except Misfit as error:
            if self._is_there(account, CODE, f"{coupon}-{code}"):
                return CouponCode(code, Fate.ALREADY)
            return CouponCode(code, Fate.REFUSED, error.reason)
        return CouponCode(code, Fate.PUBLISHED)

    def _is_there(self, account: Account, endpoint: Endpoint, number: str) -> bool:
        try:
            self.client.run(account, endpoint, filled={"id": number})
        except Misfit:  # nothing has this id, or nothing could
            return False
        return True
