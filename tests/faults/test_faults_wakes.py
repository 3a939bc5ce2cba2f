"""A wake-up comes when the work can be seen, and none is lost: no sweep is needed at any step of the way.

What a merchant would lose: the time of a sweep at each step, for every friend. Here a worker comes the moment that a lane
is woken, in this very thread, and nobody sweeps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from connector.lanes.lane import Claim
from connector.lanes.work import Workshop
from connector.web import create_app
from tests.shop import Shop


def at_once(shop: Shop, **more: Any) -> None:
    """From now on, whoever wakes a lane has it worked before they go on; more: what the worker is asked to do besides."""
    shop.work()  # what the installation asked for
    app = shop.another_app()
    app.desk = replace(app.desk, wake=lambda lane: app.workshop.work(lane))  # noqa: PLW0108 - it may be another one by then
    if more:
        app.workshop = Interrupted(app.desk, app.workshop.lanes, app.workshop.slots, **more)
    shop.web = create_app(app).test_client()


@dataclass(frozen=True)
class Interrupted(Workshop):
    """A worker in whose way `come` gets once, after the last look at a merchant's lane and before it is given back."""

    come: list[Callable[[], Any]]

    def _slice(self, claim: Claim) -> Any:
        found = super()._slice(claim)
        if self.come and not claim.platform:
            self.come.pop()()
        return found


def test_a_worker_who_comes_at_once_finds_the_work(shop: Shop) -> None:
    at_once(shop)
    shop.order()
    assert shop.credits() == [800]
    assert (shop.totals()["rewards"], shop.totals()["deliveries"]) == ({"issued": 1}, {"done": 2})


def test_what_comes_between_the_last_look_and_the_release_is_worked_right_after(shop: Shop) -> None:
    first, second = (shop.order(net=net, deliver=False) for net in ("80.00", "60.00"))
    at_once(shop, come=[lambda: shop.deliver(second, "orders/paid")])
    shop.deliver(first, "orders/paid")
    assert sorted(shop.credits()) == [600, 800]
    assert (shop.totals()["rewards"], shop.totals()["deliveries"]) == ({"issued": 2}, {"done": 2})
