"""The operations that are called, and no others: none that subscribes, merges or erases anybody."""

from __future__ import annotations

from dataclasses import dataclass

#: A window of each of the two lengths is kept for every operation ("Rate limits, status codes, and errors").
BURST_S, STEADY_S = 1, 60


@dataclass(frozen=True)
class Endpoint:
    """One operation. burst, steady: calls in a second and in a minute, of this operation alone. scope: what it needs.

    changes: whether a lost answer leaves it open. later: it is taken with 202 and done afterwards. makes: its
    success is 201.
    """

    name: str
    method: str
    path: str
    burst: int
    steady: int
    scope: str
    changes: bool = False
    later: bool = False
    makes: bool = False


ACCOUNTS = Endpoint("accounts", "GET", "/api/accounts", 1, 15, "accounts:read")
PROFILES = Endpoint("profiles", "GET", "/api/profiles", 75, 750, "profiles:read")
PROFILE = Endpoint("write_profile", "PATCH", "/api/profiles/{id}", 75, 750, "profiles:write", changes=True)
EVENT = Endpoint("event", "POST", "/api/events", 350, 3500, "events:write", changes=True, later=True)
EVENTS = Endpoint("events", "POST", "/api/event-bulk-create-jobs", 10, 150, "events:write", changes=True, later=True)
COUPON = Endpoint("coupon", "GET", "/api/coupons/{id}", 75, 750, "coupons:read")
MAKE_COUPON = Endpoint("make_coupon", "POST", "/api/coupons", 3, 60, "coupons:write", changes=True, makes=True)
CODE = Endpoint("coupon_code", "GET", "/api/coupon-codes/{id}", 350, 3500, "coupon-codes:read")
ADD_CODE = Endpoint("add_coupon_code", "POST", "/api/coupon-codes", 350, 3500, "coupon-codes:write", changes=True)
ENDPOINTS = (ACCOUNTS, PROFILES, PROFILE, EVENT, EVENTS, COUPON, MAKE_COUPON, CODE, ADD_CODE)
