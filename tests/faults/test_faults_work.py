"""Work under fire: no wake-up, no Redis, no stopped worker and no hanging platform loses or doubles a credit."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass

import pytest
from redis import Redis

from connector.lanes.lane import Claim
from connector.lanes.work import Slice, Workshop
from tests.faults.conftest import MakePlant
from tests.faults.plant import NO_REDIS, Plant
from tests.faults.storefront import Storefront


def _attempts(shop: Storefront) -> list[dict[str, object]]:
    return shop.rows("SELECT * FROM attempt WHERE merchant_id = :merchant ORDER BY since")


def test_a_worker_that_slept_through_its_lease_sends_nothing_when_it_wakes(plant: Plant) -> None:
    """C41: stopped between its committed attempt and the deadline check, woken after its successor has paid."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    plant.start("web")
    plant.start("sweeper")
    sleeper = plant.start("worker", FAILPOINTS="http.before_deadline=sleep:5@1")
    plant.send(shop.order(code))
    plant.until(lambda: bool(_attempts(shop)), "the worker to be right before its call")
    sleeper.signal(signal.SIGSTOP)
    plant.until(lambda: sleeper.stopped, "the worker to stop")
    stopped = time.monotonic()
    first = _attempts(shop)
    assert [attempt["state"] for attempt in first] == ["open"], "the attempt is committed before anything is sent"
    assert shop.credits() == []
    plant.start("worker")
    plant.until(lambda: shop.credits() == [800], "the successor to pay")
    plant.until(lambda: shop.totals()["rewards"] == {"issued": 1}, "the successor to write it down")
    plant.until(lambda: time.monotonic() - stopped > 12, "two leases of 6 s to pass")
    settled = shop.rows("SELECT * FROM reward WHERE merchant_id = :merchant")
    sleeper.signal(signal.SIGCONT)
    plant.until(lambda: _attempts(shop)[0]["late_state"] is not None, "the woken worker's answer")
    old, new = _attempts(shop)
    assert (old["id"], old["state"], old["late_state"]) == (first[0]["id"], "not_done", "not_done")
    assert new["state"] == "done"
    assert shop.rows("SELECT * FROM reward WHERE merchant_id = :merchant") == settled
    assert shop.totals()["surplus"] == {"found": 0}
    assert plant.sends()[0] == 1 and shop.credits() == [800]
    plant.send(shop.order(code, net="60.00"))
    plant.until(lambda: sorted(shop.credits()) == [600, 800], "the next credit")


@pytest.mark.parametrize("address", [NO_REDIS, ""], ids=["its address answers nobody", "none is named"])
def test_without_redis_everything_is_taken_and_paid(make_plant: MakePlant, address: str) -> None:
    """C4: intake never fails, and the sweeper alone works all lanes."""
    plant = make_plant(redis=address)
    shop = plant.open_shop("annas-tea")
    codes = [shop.enrol(f"advocate{n}@example.com") for n in range(3)]
    plant.start("web")
    plant.start("sweeper")
    webhooks = [w for n in range(12) for w in shop.order(codes[n % 3], net=f"{20 + n}.00")]
    assert [plant.post(webhook) for webhook in webhooks] == [200] * 24
    expected = [200 + 10 * n for n in range(12)]
    took = plant.until(lambda: sorted(shop.credits()) == expected, "every credit")
    print(f"no Redis: 12 rewards paid {took:.1f} s after the last order")
    plant.until(lambda: shop.totals()["rewards"] == {"issued": 12}, "every reward to be settled")
    assert plant.sends()[0] == 12


def test_a_worker_that_starts_before_redis_waits_for_it(make_plant: MakePlant) -> None:
    plant = make_plant(redis=NO_REDIS)
    worker = plant.start("worker")
    plant.until(lambda: "Error 2" in worker.log.read_text() or "redis_away" in worker.log.read_text(), "its first try")
    time.sleep(1)  # a process that dies of the error does so right after writing it
    assert worker.running


def test_redis_killed_amid_work_loses_nothing(plant: Plant) -> None:
    """Nobody restarts anything: the sweeper goes on alone."""
    shop = plant.open_shop("annas-tea")
    codes = [shop.enrol(f"advocate{n}@example.com") for n in range(3)]
    for name in ("web", "worker", "worker", "sweeper"):
        plant.start(name)
    orders = [shop.order(codes[n % 3], net=f"{20 + n}.00") for n in range(12)]
    for webhooks in orders[:6]:
        assert [plant.post(webhook) for webhook in webhooks] == [200, 200]
    plant.until(lambda: len(shop.credits()) >= 2, "work to be under way")
    plant.kill_redis()
    for webhooks in orders[6:]:
        assert [plant.post(webhook) for webhook in webhooks] == [200, 200]
    plant.until(lambda: sorted(shop.credits()) == [200 + 10 * n for n in range(12)], "the sweeper to work alone")
    plant.until(lambda: shop.totals()["rewards"] == {"issued": 12}, "every reward to be settled")
    assert plant.sends()[0] == 12


def test_a_worker_outlives_redis_and_works_again_when_it_is_back(plant: Plant) -> None:
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    worker = plant.start("worker")
    for name in ("web", "sweeper"):
        plant.start(name)
    plant.send(shop.order(code))
    plant.until(lambda: shop.credits() == [800] and _jobs_done(plant) > 0, "the worker to work")
    plant.kill_redis()
    plant.until(lambda: "redis_away" in worker.log.read_text() or not worker.running, "the worker to notice")
    time.sleep(2)  # it tries once a second
    assert worker.running
    plant.start_redis()
    before = _jobs_done(plant)
    plant.send(shop.order(code, net="60.00"))
    plant.until(lambda: sorted(shop.credits()) == [600, 800], "the next credit")
    plant.until(lambda: _jobs_done(plant) > before, "the worker to take wake-ups again")


def _jobs_done(plant: Plant) -> int:
    """How many wake-ups the workers have taken, as this Redis knows."""
    with Redis.from_url(plant.redis_url) as redis:
        return sum(int(redis.hget(name, "successful_job_count") or 0) for name in redis.smembers("rq:workers"))


def test_an_order_that_arrives_while_its_lane_is_held_needs_no_sweep(plant: Plant) -> None:
    """The lane is held by a slow write of records; nobody sweeps."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "worker", "worker"):
        plant.start(name)
    shop.fault("slow", "metafieldsSet", delay_s=1.5, when="before", count=1)
    plant.send(shop.order(code))
    plant.until(lambda: shop.credits() == [800], "the first credit")
    plant.until(lambda: plant.client.control("faults", verb="GET")[0]["fired"] == 1, "the slow write")
    assert shop.lane()["held"]
    plant.send(shop.order(code, net="60.00"))
    plant.until(lambda: sorted(shop.credits()) == [600, 800], "the second credit")


@dataclass(frozen=True)
class _Interrupted(Workshop):
    """A worker in whose way an order comes after its last look at the lane and before it gives the lane back."""

    plant: Plant
    shop: Storefront
    code: str

    def _slice(self, claim: Claim) -> Slice:
        found = super()._slice(claim)
        self.plant.send(self.shop.order(self.code))
        self.plant.until(lambda: bool(self.shop.lane()["again"]), "another worker to find the lane held")
        return found


def test_a_wake_up_between_the_last_look_and_the_release_is_passed_on(plant: Plant) -> None:
    """The narrowest moment: the wake-up was used up by a worker who was turned away; nobody sweeps."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "worker", "worker"):
        plant.start(name)
    mine = plant.app.workshop
    holder = _Interrupted(mine.desk, mine.lanes, mine.slots, plant, shop, code)
    holder.work(shop.lane()["id"])
    plant.until(lambda: shop.credits() == [800], "the credit")


def test_a_hanging_platform_holds_up_neither_intake_nor_other_merchants(make_plant: MakePlant) -> None:
    """A call of one shop hangs for longer than this test lasts; the other merchant's friends are paid meanwhile."""
    plant = make_plant(CALL_SECONDS="35", QUIET_SECONDS="35", LEASE_SECONDS="45")
    stuck, other = plant.open_shop("stuck-shop"), plant.open_shop("other-shop")
    stuck_code, code = stuck.enrol("anna@example.com"), other.enrol("bert@example.com")
    for name in ("web", "worker", "worker", "sweeper"):
        plant.start(name)
    stuck.fault("slow", "*", delay_s=60, when="before")
    for n in range(4):
        plant.send(stuck.order(stuck_code, net=f"{50 + n}.00"))
    plant.until(lambda: plant.client.control("faults", verb="GET")[0]["fired"] == 1, "the first call to hang")
    hung = stuck.lane()["epoch"]
    waited = []
    for n in range(10):
        for webhook in other.order(code, net=f"{20 + n}.00"):
            begun = time.monotonic()
            assert plant.post(webhook) == 200
            waited.append(time.monotonic() - begun)
    took = plant.until(lambda: len(other.credits()) == 10, "the other merchant's credits", within=30)
    lane = stuck.lane()
    print(
        f"a platform hangs: intake at most {max(waited) * 1000:.0f} ms, 10 rewards of another paid within {took:.1f} s"
    )
    assert lane["held"] and lane["epoch"] == hung, "it hung all the while"
    assert max(waited) < 5, "platforms give up on a webhook after 5 s"
    assert len(stuck.stored()) == 8 and stuck.credits() == []
