"""Purchases sent at a steady pace, and when each was paid: what an advocate waits for, from outside.

Every purchase has a price of its own, and with it its reward, so that each credit is known by its amount.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from connector import clock
from tests.faults.plant import Plant
from tests.faults.storefront import Storefront, Webhook

_SENDERS = 8


@dataclass
class Buyers:
    """Friends of as many advocates who buy in one shop. Prices are never used twice."""

    plant: Plant
    shop: Storefront
    codes: list[str]
    made: count[int] = field(default_factory=lambda: count(1000))

    @classmethod
    def enrolled(cls, plant: Plant, shop: Storefront, advocates: int) -> Buyers:
        return cls(plant, shop, [shop.enrol(f"advocate{number}@example.com") for number in range(advocates)])

    def orders(self, number: int) -> dict[int, list[Webhook]]:
        """So many orders, not yet told, by the minor units of their reward; the advocates take turns."""
        made = {}
        for _ in range(number):
            reward = next(self.made)
            code = self.codes[reward % len(self.codes)]
            made[reward] = self.shop.order(code, net=f"{reward / 10:.2f}")
        return made

    def send(self, orders: dict[int, list[Webhook]], per_second: float = 0.0) -> dict[int, datetime]:
        """Post them at this pace, whether or not anybody keeps up, or as fast as can be; when each was sent."""
        sent = {}
        with ThreadPoolExecutor(_SENDERS) as pool:
            posted = []
            begun = time.monotonic()
            for place, (reward, webhooks) in enumerate(orders.items()):
                if per_second:
                    time.sleep(max(0.0, begun + place / per_second - time.monotonic()))
                sent[reward] = clock.now()
                posted.append(pool.submit(self.plant.send, webhooks))
            for each in posted:
                each.result()
        return sent

    def paid(self) -> dict[int, datetime]:
        """When the platform had answered that each reward stands on its account."""
        rows = self.shop.rows("SELECT amount, answered_at FROM attempt WHERE state = 'done' AND direction = 'credit'")
        return {row["amount"]: row["answered_at"] for row in rows}

    def waits(self, number: int, per_second: float, within: float = 120) -> list[float]:
        """How many ms each of so many purchases at this pace waited, from its webhook to its credit, shortest first."""
        sent = self.send(self.orders(number), per_second)
        self.until_paid(set(sent), within)
        paid = self.paid()
        return sorted((paid[reward] - at).total_seconds() * 1000 for reward, at in sent.items())

    def until_paid(self, rewards: set[int], within: float) -> None:
        self.plant.until(lambda: rewards <= set(self.paid()), f"{len(rewards)} rewards to be paid", within=within)


def rate(moments: list[datetime]) -> float:
    """How many a second, between the first tenth, which meets processes that still start, and the last one."""
    moments = sorted(moments)
    edge = len(moments) // 10
    inner = moments[edge : len(moments) - edge]
    return (len(inner) - 1) / (inner[-1] - inner[0]).total_seconds()


def share(waits: list[float], percent: int) -> float:
    """The percentile of these, which are sorted."""
    return statistics.quantiles(waits, n=100)[percent - 1]
