"""Intake under fire: what was answered with 2xx is stored, whatever dies; what was not is answered fast."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.faults.plant import Plant


def test_one_order_told_forty_times_at_once_pays_once(plant: Plant) -> None:
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "worker", "worker", "sweeper"):
        plant.start(name)
    copies = shop.order(code) * 5
    with ThreadPoolExecutor(8) as senders:
        answers = [answer for told in senders.map(lambda _: [plant.post(w) for w in copies], range(8)) for answer in told]
    assert set(answers) == {200} and len(answers) == 80
    plant.until(lambda: shop.credits() == [800] and shop.totals()["rewards"] == {"issued": 1}, "the one credit")
    plant.until(lambda: shop.deliveries("received") == 0, "every delivery to be read")
    assert shop.totals()["deliveries"] == {"done": 2}
    effective, idle = plant.sends()
    assert (effective, dict(idle), shop.credits()) == (1, {}, [800])
