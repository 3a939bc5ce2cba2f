"""The `fraud` section of a program, as a merchant writes it."""

from __future__ import annotations

import re

from connector.domain import fraud
from connector.domain.program import FraudRules
from connector.domain.reader import Reader, listed

#: A host name, as merchants write it.
HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_MOST_POINTS = 1000


def fraud_rules(read: Reader) -> FraudRules:
    points = {}
    for rule, value in read.table("fraud.points").items():
        if rule not in fraud.NAMES:
            read.wrong(f"fraud.points.{rule}", f"no such rule; there are {', '.join(fraud.NAMES)}")
        elif isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_POINTS:
            read.wrong(f"fraud.points.{rule}", f"{value!r} must be a whole number, 0 to {_MOST_POINTS}")
        else:
            points[rule] = value
    rules = FraudRules(
        flag=read.count("fraud.flag", 50, 1),
        block=read.count("fraud.block", 100, 1),
        points=points,
        velocity=read.count("fraud.velocity", 20, 1),
        velocity_days=read.count("fraud.velocity_days", 1, 1, 400),
        network=read.count("fraud.network", 5, 1),
        network_days=read.count("fraud.network_days", 7, 1, 400),
        guesses=read.count("fraud.guesses", 10, 1),
        ring_percent=read.count("fraud.ring_percent", 50, 1, 100),
        employees=read.labels("fraud.employees"),
        coupon_sites=read.labels("fraud.coupon_sites"),
    )
    if rules.block < rules.flag:
        read.wrong("fraud.block", f"{rules.block} is below fraud.flag of {rules.flag}; blocking takes at least as much")
    for key, hosts in (("employees", rules.employees), ("coupon_sites", rules.coupon_sites)):
        if wrong := [host for host in hosts if not HOST.fullmatch(host)]:
            read.wrong(f"fraud.{key}", f"{listed(wrong)}: write host names, such as annas-tea.com")
    return rules
