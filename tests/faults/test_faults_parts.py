"""What still works while a part is down, and that nothing is lost or doubled once it is back."""

from __future__ import annotations

import subprocess
import sys

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.conftest import MakePlant
from tests.faults.plant import ROOT, Plant


def _readiness(plant: Plant) -> dict[str, object]:
    found: dict[str, object] = requests.get(f"{plant.url}/readyz", timeout=5).json()
    return found


def _oldest(plant: Plant, what: str) -> float:
    """How long the oldest work of a kind waits by now, as an operator's alarm sees it."""
    families = text_string_to_metric_families(requests.get(f"{plant.url}/metrics", timeout=5).text)
    samples = [each for family in families for each in family.samples if each.name == "connector_oldest_seconds"]
    return next(each.value for each in samples if each.labels["what"] == what)


def test_when_the_sweeper_dies_the_one_that_stood_by_takes_over(make_plant: MakePlant) -> None:
    """Without Redis nobody else finds work, so the second credit proves it."""
    plant = make_plant(redis="")
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    plant.start("web")
    first = plant.start("sweeper")
    plant.until(lambda: _readiness(plant)["sweeper"] == "ok", "the first sweeper to take the lease")
    second = plant.start("sweeper")
    plant.send(shop.order(code))
    plant.until(lambda: shop.credits() == [800], "the first sweeper's credit")
    first.kill()
    plant.send(shop.order(code, net="60.00"))
    took = plant.until(lambda: sorted(shop.credits()) == [600, 800], "the second sweeper's credit", within=15)
    print(f"the second sweeper had paid {took:.1f} s after the order")
    assert second.running and _readiness(plant)["sweeper"] == "ok"
    assert plant.sends()[0] == 2


def test_without_a_sweeper_orders_are_taken_and_paid_and_readiness_says_that_it_is_away(plant: Plant) -> None:
    """Wake-ups do the work as long as none is lost; a load balancer must not take the web process away."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "worker"):
        plant.start(name)
    plant.send(shop.order(code))
    plant.until(lambda: shop.credits() == [800], "the credit")
    assert _readiness(plant) | {"due_lanes": 0, "oldest_s": 0} == {
        "status": "ok", "redis": "ok", "sweeper": "away", "due_lanes": 0, "oldest_s": 0
    }  # fmt: skip


def test_while_all_workers_are_dead_orders_and_decisions_are_kept_for_those_that_come_later(plant: Plant) -> None:
    """The last worker dies right after it decided, before it paid."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "sweeper"):
        plant.start(name)
    last = plant.start("worker", FAILPOINTS="issue.opened=exit")
    plant.send(shop.order(code))
    plant.until(lambda: not last.running, "the last worker to die")
    assert shop.totals()["rewards"] == {"approved": 1} and shop.credits() == []
    later = [webhook for net in ("60.00", "40.00") for webhook in shop.order(code, net=net)]
    assert [plant.post(webhook) for webhook in later] == [200] * 4
    plant.until(lambda: _oldest(plant, "delivery") > 1, "the alarm's figure to grow")
    assert shop.deliveries("received") == 4 and shop.totals()["rewards"] == {"approved": 1}
    plant.start("worker")
    plant.until(lambda: sorted(shop.credits()) == [400, 600, 800], "the new worker to pay all three")
    plant.until(lambda: shop.totals()["rewards"] == {"issued": 3}, "every reward to be settled")
    assert plant.sends()[0] == 3 and _oldest(plant, "delivery") == 0


def test_orders_of_the_hours_in_which_we_were_away_are_brought_by_one_command(plant: Plant) -> None:
    """The platform gave up telling us of them; what it tells after all, late, changes nothing."""
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    missed = [webhook for net in ("80.00", "60.00") for webhook in shop.order(code, net=net, tracked=True)]
    for name in ("web", "worker", "sweeper"):
        plant.start(name)
    command = [sys.executable, "-m", "connector", "backfill", "--days", "1"]
    done = subprocess.run(
        command, cwd=ROOT, env=plant.environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 orders read"), done.stdout
    plant.until(lambda: sorted(shop.credits()) == [600, 800], "both credits")
    plant.send(missed)
    plant.until(lambda: shop.deliveries("done") == 4, "the late deliveries to be read")
    plant.until(lambda: shop.totals()["rewards"] == {"issued": 2}, "every reward to be settled")
    assert plant.sends()[0] == 2
