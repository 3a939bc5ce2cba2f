"""C14: every credit exactly once, while processes are killed, servers fall and the platform fails one call in six."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain

import pytest
from redis import Redis

from tests.faults.conftest import MakePlant
from tests.faults.plant import Child, Plant, dice
from tests.faults.storefront import Storefront

SHOPS, ADVOCATES, FRIENDS = 3, 10, 10
REWARDS = SHOPS * ADVOCATES * FRIENDS
KILLS, FLUSHES = 40, 3
SENDERS = 4
#: One call in six: kind and share of all calls.
FAULTS = {"status": 0.05, "5xx_before": 0.03, "5xx_after": 0.04, "cut_after": 0.04}
#: A process younger than this may still be loading; killing it would prove little.
GROWN_S = 2.0
#: An event comes with the next few credits, or after this time where nothing moves.
PATIENCE_S = 4.0


@pytest.mark.timeout(600)
def test_three_hundred_credits_land_exactly_once_whatever_dies(make_plant: MakePlant) -> None:
    throw = dice()
    plant = make_plant(LEASE_SECONDS="5", SLICE_SECONDS="2", WORKER_SLOTS="3")
    shops = [plant.open_shop(f"shop-{n}") for n in range(SHOPS)]
    orders = [_orders(shop) for shop in shops]
    for name in ("web", "worker", "worker", "worker", "sweeper"):
        plant.start(name)
    for fault, probability in FAULTS.items():
        plant.client.control(
            "faults",
            fault=fault,
            operation="storeCreditAccountCredit",
            probability=probability,
            seed=throw.randrange(2**32),
            retry_after=1,
        )
    mail = list(chain.from_iterable(orders))
    throw.shuffle(mail)
    begun = time.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(plant.send, list(chain.from_iterable(mail[n::SENDERS]))) for n in range(SENDERS)]
        chaos = _Chaos(plant, throw, sent)
        chaos.run()
        answers = sum((future.result(timeout=120) for future in sent), Counter[int]())
    calm = time.monotonic()
    plant.client.control("faults", verb="DELETE")
    plant.until(lambda: _issued_soon(shops) == REWARDS, "every reward to be issued", within=120)
    ended = time.monotonic()
    _tell(plant, shops, chaos, answers, calm - begun, ended - calm)
    for shop in shops:
        _check(shop)
    effective, idle = plant.sends()
    assert effective == REWARDS == _booked(plant)
    assert set(idle) <= {"status", "5xx_before"}, f"sends without effect that no fault explains: {idle}"


def _orders(shop: Storefront) -> list[list[tuple[dict[str, str], bytes]]]:
    """Each of another amount, so that every credit in the book names its reward."""
    codes = [shop.enrol(f"advocate{n}@example.com") for n in range(ADVOCATES)]
    nets = [f"{(1000 + 10 * n) / 100:.2f}" for n in range(ADVOCATES * FRIENDS)]
    return [shop.order(codes[n % ADVOCATES], net=net) for n, net in enumerate(nets)]


def _issued_soon(shops: list[Storefront]) -> int:
    """How many are issued; whoever was unlucky three times would wait ten minutes, and this test will not."""
    for shop in shops:
        with shop.app.database.begin(shop.merchant) as tx:
            tx.run(
                "UPDATE reward SET retry_at = clock_timestamp() WHERE merchant_id = :merchant AND state = 'approved'"
            )
    return sum(shop.totals()["rewards"].get("issued", 0) for shop in shops)


def _booked(plant: Plant) -> int:
    """Counted in one reading: records are still being written while the last credits are counted."""
    return sum(entry["kind"] == "credit" for entry in plant.book()["entries"])


class _Chaos:
    """What goes wrong, spread over the work by chance: one event every few credits."""

    def __init__(self, plant: Plant, throw: random.Random, sent: list[Future[Counter[int]]]) -> None:
        self.plant, self.throw, self.sent = plant, throw, sent
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        events: list[Callable[[], None]] = [self._kill] * (KILLS - 1) + [self._flush] * FLUSHES + [self._drop]
        self.throw.shuffle(events)
        events.append(self._kill)
        moments = sorted(self.throw.sample(range(REWARDS), len(events)))
        for moment, event in zip(moments, events, strict=True):
            last = time.monotonic()
            while self._credits() < moment and time.monotonic() - last < PATIENCE_S:
                self._mend()
                time.sleep(0.1)
            event()

    def _credits(self) -> int:
        return self.plant.sends()[0]

    def _mend(self) -> None:
        """Restart what ended by itself, as a host does."""
        for child in [child for child in self.plant.children if not child.running]:
            self.done[f"{child.name} ended by itself"] += 1
            self.plant.restart(child)

    def _grown(self) -> list[Child]:
        now = time.monotonic()
        return [c for c in self.plant.children if c.name != "web" and c.running and now - c.started > GROWN_S]

    def _kill(self) -> None:
        self.plant.until(lambda: bool(self._grown()), "a process to kill")
        victim = self.throw.choice(self._grown())
        victim.kill()
        self.plant.restart(victim)
        self.done[f"{victim.name} killed"] += 1

    def _flush(self) -> None:
        with Redis.from_url(self.plant.redis_url) as redis:
            redis.flushall()
        self.done["flushes"] += 1

    def _drop(self) -> None:
        self.plant.drop_postgres()
        self.plant.start_postgres()
        self.done["PostgreSQL restarts"] += 1


def _check(shop: Storefront) -> None:
    """One shop: the stand-in's book against what is owed, the ledger, and every single attempt."""
    owed = Counter(range(100, 100 + ADVOCATES * FRIENDS))
    landed = Counter(shop.credits())
    assert landed - owed == Counter(), "duplicates"
    assert owed - landed == Counter(), "missing"
    ledger = shop.ledger()
    assert sum(ledger.values()) == 0
    assert -ledger["issued"] == sum(shop.credits())
    assert ledger["payable"] == 0
    assert shop.totals()["surplus"] == {"found": 0}
    landed_at = {entry["minor"]: datetime.fromisoformat(entry["at"]) for entry in shop.entries()}
    attempts = shop.rows("SELECT * FROM attempt WHERE merchant_id = :merchant ORDER BY since")
    second = timedelta(seconds=1)  # the book's times are whole seconds
    late = [a for a in attempts if a["since"] > landed_at[a["amount"]] + second]
    assert late == [], "a call was begun after the effect had taken place"
    done = {entry["minor"]: entry["id"] for entry in shop.entries()}
    assert {a["amount"]: a["transaction"] for a in attempts if a["state"] == "done"} == done
    assert {a["state"] for a in attempts} <= {"done", "not_done"}


def _tell(
    plant: Plant, shops: list[Storefront], chaos: _Chaos, answers: Counter[int], storm_s: float, calm_s: float
) -> None:
    """The figures of this run."""
    rows = [
        row for shop in shops for row in shop.rows("SELECT state, reason FROM attempt WHERE merchant_id = :merchant")
    ]
    reasons = Counter(f"{row['state']}: {row['reason']}"[:60] for row in rows)
    tries = Counter(row["tries"] for shop in shops for row in shop.rows("SELECT tries FROM reward"))
    effective, idle = plant.sends()
    print(f"storm {storm_s:.0f} s, then {calm_s:.0f} s; {dict(chaos.done)}; intake {dict(answers)}")
    print(
        f"sends with effect {effective}, without {dict(idle)}; attempts {len(rows)}; tries {dict(sorted(tries.items()))}"
    )
    for reason, count in reasons.most_common():
        print(f"  {count:4} {reason}")
