"""C20: two workers who both believe that a lane is theirs never have two effects under way on one account.

What a merchant would lose: the one sure way to tell which of two equal credits a lost answer was about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any

from connector.lanes import due
from connector.ports.platform import Effect
from connector.wiring import App
from tests.journey.money import lose_lease, open_books, other_advocate, until, waiting_for_person, with_platform
from tests.shop import Shop

ADVOCATES, FRIENDS = 6, 10
REWARDS = ADVOCATES * FRIENDS
#: How long a credit takes there, and how often somebody else comes to believe that the lane is free.
CALL_S, STOLEN_EVERY_S = 0.1, 0.02


@dataclass
class Seen:
    """Calls under way on each account, and the most that there ever were at once."""

    lock: Lock = field(default_factory=Lock)
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)


class Watched:
    """A platform's outbound whose calls that move money are counted while they are under way."""

    def __init__(self, real: Any, seen: Seen) -> None:
        self.real, self.seen = real, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def issue(self, account: Any, effect: Effect, guard: Any) -> Any:
        seen, owner = self.seen, effect.owner
        with seen.lock:
            seen.now[owner] += 1
            seen.most[owner] = max(seen.most[owner], seen.now[owner])
        try:
            return self.real.issue(account, effect, guard)
        finally:
            with seen.lock:
                seen.now[owner] -= 1


def test_however_often_a_lane_is_lost_no_account_ever_has_two_calls_under_way(shop: Shop) -> None:
    codes = [other_advocate(shop, f"advocate{number}@example.com") for number in range(ADVOCATES)]
    nets = [f"{10 + number}.00" for number in range(REWARDS)]
    for number, net in enumerate(nets):
        shop.order(net=net, landing_site=shop.landing(codes[number % ADVOCATES]))
    shop.fault("slow", delay_s=CALL_S, when="before", count=None)
    seen = Seen()
    with workers(shop, seen) as stolen:
        until(lambda: shop.totals()["rewards"] == {"issued": REWARDS}, "every reward to be issued", within=120)
    print(
        f"{REWARDS} rewards of {ADVOCATES} advocates, lane lost {stolen['lost']} times, {len(attempts(shop))} attempts"
    )
    assert stolen["lost"] >= 5 and len(seen.most) == ADVOCATES
    assert set(seen.most.values()) == {1}
    assert sorted(shop.credits()) == [100 * (10 + number) // 10 for number in range(REWARDS)]
    assert waiting_for_person(shop) == [] and open_books(shop)["issued"] == -sum(shop.credits())


def attempts(shop: Shop) -> list[dict[str, Any]]:
    return shop.rows("SELECT state FROM attempt WHERE merchant_id = :merchant")


@contextmanager
def workers(shop: Shop, seen: Seen) -> Iterator[Counter[str]]:
    """Two workers, and somebody who has the lease on the connection's lane run out every now and then."""
    stop, counted, failed = Event(), Counter[str](), list[BaseException]()

    def steal() -> None:
        while not stop.wait(STOLEN_EVERY_S):
            lose_lease(shop)
            counted["lost"] += 1

    def work(app: App) -> None:
        while not stop.is_set():
            for lane in due.lanes(app.database):
                app.workshop.work(lane.id)
            stop.wait(0.01)

    def told(what: Callable[[], None]) -> None:
        try:
            what()
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    apps = [watched(shop.another_app(), seen) for _ in range(2)]
    jobs: list[Callable[[], None]] = [steal, *(lambda app=app: work(app) for app in apps)]  # type: ignore[misc]
    threads = [Thread(target=told, args=[job], daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield counted
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert not failed, failed


def watched(app: App, seen: Seen) -> App:
    real = app.desk.platforms["shopify"].outbound()
    app.desk = with_platform(app.desk, outbound=lambda: Watched(real, seen))
    return app
