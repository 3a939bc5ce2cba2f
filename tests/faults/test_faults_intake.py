"""Intake under fire: what was answered with 2xx is stored, whatever dies; what was not is answered fast."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import requests

from tests.faults.conftest import MakePlant
from tests.faults.plant import Child, Plant, dice
from tests.faults.storefront import Storefront, Webhook, key_of

SENDERS = 4


@dataclass
class Sender:
    """A platform that posts from several threads and notes every answer: key, status, when asked, seconds waited."""

    plant: Plant
    webhooks: Iterator[Webhook]
    answers: list[tuple[str, int, float, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Webhook | None:
        with self.lock:
            return next(self.webhooks, None)

    def post(self, webhook: Webhook) -> int:
        begun = time.monotonic()
        status = self.plant.post(webhook)
        with self.lock:
            self.answers.append((key_of(webhook), status, begun, time.monotonic() - begun))
        return status

    def taken(self) -> set[str]:
        with self.lock:
            return {key for key, status, _, _ in self.answers if status == 200}

    def statuses(self) -> Counter[int]:
        with self.lock:
            return Counter(status for _, status, _, _ in self.answers)


def test_one_order_told_forty_times_at_once_pays_once(plant: Plant) -> None:
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    for name in ("web", "worker", "worker", "sweeper"):
        plant.start(name)
    copies = shop.order(code) * 5
    with ThreadPoolExecutor(8) as senders:
        answers = [
            answer for told in senders.map(lambda _: [plant.post(w) for w in copies], range(8)) for answer in told
        ]
    assert set(answers) == {200} and len(answers) == 80
    plant.until(lambda: shop.credits() == [800] and shop.totals()["rewards"] == {"issued": 1}, "the one credit")
    plant.until(lambda: shop.deliveries("received") == 0, "every delivery to be read")
    assert shop.totals()["deliveries"] == {"done": 2}
    effective, idle = plant.sends()
    assert (effective, dict(idle), shop.credits()) == (1, {}, [800])


def test_what_was_acknowledged_is_stored_though_web_processes_are_killed(plant: Plant) -> None:
    throw = dice()
    shop = plant.open_shop("annas-tea")
    web = plant.start("web")
    sender = Sender(plant, iter(shop.news(300)))
    moments = sorted(throw.sample(range(1, 280), 10))
    killed: list[int] = []
    with ThreadPoolExecutor(SENDERS + 1) as pool:
        senders = [pool.submit(_until_taken, sender) for _ in range(SENDERS)]
        killer = pool.submit(_kill_at, plant, web, sender, moments, throw, killed)
        for thread in (*senders, killer):
            thread.result(timeout=120)
    taken, stored = sender.taken(), shop.stored()
    print(f"web: {len(killed)} kills, {len(taken)} taken, {dict(sender.statuses())}")
    assert len(killed) == 10
    assert len(taken) == 300
    assert taken - stored == set(), "acknowledged, but not stored"
    assert set(sender.statuses()) <= {200, 0}, "a killed web process may leave no answer, never a wrong one"


def _until_taken(sender: Sender) -> None:
    """Post each again until it is taken, as the platform does."""
    while (webhook := sender.next()) is not None:
        end = time.monotonic() + 60
        while sender.post(webhook) != 200:
            assert time.monotonic() < end, "not taken within 60 s"
            time.sleep(0.02)


def _kill_at(
    plant: Plant, web: Child, sender: Sender, moments: list[int], throw: random.Random, killed: list[int]
) -> None:
    """SIGKILL one of the web server's own processes whenever so many deliveries were taken."""
    for moment in moments:
        plant.until(partial(_reached, sender, moment), f"{moment} deliveries to be taken")
        plant.until(partial(_kill_one, web, throw, killed), "a web process to kill")


def _reached(sender: Sender, moment: int) -> bool:
    return len(sender.taken()) >= moment


def _kill_one(web: Child, throw: random.Random, killed: list[int]) -> bool:
    children = web.children()
    if children:
        os.kill(victim := throw.choice(children), signal.SIGKILL)
        killed.append(victim)
    return bool(children)


def test_without_postgres_intake_says_so_at_once_and_never_says_yes(plant: Plant) -> None:
    shop = plant.open_shop("annas-tea")
    plant.start("web")
    sender = Sender(plant, iter(shop.news(900)))
    with ThreadPoolExecutor(SENDERS) as pool:
        senders = [pool.submit(_steadily, sender) for _ in range(SENDERS)]
        try:
            plant.until(lambda: sender.statuses()[200] >= 20, "deliveries to be taken")
            plant.drop_postgres()
            time.sleep(20)  # how long it is away is the very thing that this test is about
            plant.start_postgres()
            returned = time.monotonic()
            plant.until(lambda: any(s == 200 and at > returned for _, s, at, _ in list(sender.answers)), "the next 2xx")
        finally:
            sender.stopping.set()
        for thread in senders:
            thread.result(timeout=60)
    refused = [waited for _, status, _, waited in sender.answers if status == 503]
    first = min(at + waited for _, status, at, waited in sender.answers if status == 200 and at > returned) - returned
    print(f"no PostgreSQL: {dict(sender.statuses())}, slowest 503 {max(refused):.3f} s, first 2xx after {first:.2f} s")
    assert sender.taken() - shop.stored() == set(), "a 2xx without its row"
    assert set(sender.statuses()) == {200, 503}
    assert len(refused) > 20
    assert max(refused) < 1.5
    assert first < 5


def _steadily(sender: Sender) -> None:
    """About five a second, each once: what is refused here would be sent again much later."""
    while not sender.stopping.is_set() and (webhook := sender.next()) is not None:
        sender.post(webhook)
        sender.stopping.wait(0.2)


def test_intake_answers_while_a_token_is_being_renewed(make_plant: MakePlant) -> None:
    plant = make_plant(CALL_SECONDS="8", QUIET_SECONDS="8", LEASE_SECONDS="14")
    shop = plant.open_shop("annas-tea")
    code = shop.enrol("anna@example.com")
    _let_token_end_soon(shop)
    shop.fault("slow", "access_token", delay_s=4, when="before", count=1)
    for name in ("web", "worker", "worker", "sweeper"):
        plant.start(name)
    plant.send(shop.order(code))
    renewing = _renewing(shop)
    plant.until(renewing, "the renewal to be under way")
    with requests.Session() as session:
        session.trust_env = False
        waited = []
        for webhook in shop.order(code, net="60.00"):
            begun = time.monotonic()
            assert plant.post(webhook, session=session) == 200
            waited.append(time.monotonic() - begun)
    plant.until(lambda: shop.deliveries("received") == 0, "the new deliveries to be read")
    still = renewing()
    print(f"intake during a renewal: {[round(w * 1000) for w in waited]} ms")
    assert still, "intake, or reading what came in, had to wait for the renewal"
    assert max(waited) < 2
    plant.until(lambda: sorted(shop.credits()) == [600, 800], "both credits with the new token")
    assert plant.book()["calls"]["access_token"] == 1


def _let_token_end_soon(shop: Storefront) -> None:
    """As if the token had been granted almost an hour ago."""
    with shop.app.database.begin(shop.merchant) as tx:
        sealed = tx.seal("connection.refresh", shop.refresh_token.encode())
        tx.run(
            """UPDATE connection SET refresh_sealed = :sealed, token_expires_at = clock_timestamp() + interval '90 seconds'
               WHERE merchant_id = :merchant""",
            sealed=sealed,
        )


def _renewing(shop: Storefront) -> Callable[[], bool]:
    sql = """SELECT token_version = 1 AND refresh_until IS NOT NULL AS renewing FROM connection
             WHERE merchant_id = :merchant"""
    return lambda: bool(shop.rows(sql)[0]["renewing"])
