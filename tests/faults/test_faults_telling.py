"""C14 for news: whatever dies and whatever answer gets lost, on each channel everybody hears each thing once.

What a merchant would lose: somebody's trust who is told three times of one reward, or a friend who never hears of theirs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from adapters import discover
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.journey import tellers
from connector.journey.happened import mark
from connector.journey.install import join
from connector.lanes import due
from connector.ports.joining import Grant
from connector.ports.news import Happened
from connector.ports.platform import Capability
from connector.store import merchants
from connector.wiring import App
from tests.adapters.conformance.driver import Driver, load
from tests.adapters.conformance.wire import Answer, Broken, Trouble, Wire
from tests.conftest import MakeApp
from tests.faults.forked import processes, work_until_killed
from tests.faults.plant import dice
from tests.mailbox import Mailbox
from tests.shop import Books

CHANNELS = sorted(key for key, each in discover().items() if Capability.EVENT in each.manifest.capabilities)
PEOPLE = 24
#: How long a process may work before it is killed: from before its first call until long after several.
LONGEST_S = 0.4
#: What may become of an answer on the way: lost with or without an effect, or turned into something else.
TROUBLES = (
    Trouble(effect=True, told=Broken.RESET),
    Trouble(effect=False, told=Broken.RESET),
    Trouble(effect=True, told=Answer(503, b"{}")),
    Trouble(effect=True, told=Answer(200, b"<html>")),
    Trouble(effect=False, told=Answer(429, b"{}", {"Retry-After": "1"})),
)


class Told(Books):
    """A merchant whose news are told by one channel. heard: the ids of what one of them heard, as often as it counts."""

    def __init__(self, app: App, channel: str, account: str, token: str, heard: Callable[[str], list[str]]) -> None:
        self.app, self.channel, self.heard = app, channel, heard
        self.merchant = merchants.ensure(app.database, "Anna's Tea House")
        self.connection = join(app.desk, channel, Grant(account, token), lambda *_: self.merchant).id
        with app.database.begin(self.merchant) as tx:
            tellers.choose(app.desk, tx, {tellers.ALL: channel})
            self.program: UUID = tx.programs.apply({"name": "Tea", "advocate": {"amount": "5.00 EUR"}}).id

    def happen(self, people: list[str]) -> None:
        """One thing of each kind for each of them, in one moment."""
        with self.app.database.begin(self.merchant) as tx:
            now, whose = tx.now(), tx.roster.people(people)
            tx.news.add([
                Happened(f"{kind} {email}", kind, "advocate", person, self.program, now, amount=Money(500, "EUR"))
                for email, person in whose.items()
                for kind in NewsKind
            ])  # fmt: skip
            mark(tx)

    def time_passes(self) -> None:
        """Whatever died or rests is over, and all pauses are."""
        past = "clock_timestamp() - interval '1 second'"
        self.rows(f"UPDATE lane SET not_before = {past}, expires_at = least(expires_at, {past}) RETURNING id")
        self.rows(f"UPDATE task SET due_at = {past} WHERE state = 'open' AND what = 'tell' RETURNING what")

    def settle(self) -> None:
        for _ in range(200):
            self.time_passes()
            for lane in due.lanes(self.app.database):
                self.app.workshop.work(lane.id)
            if set(self.totals()["news"]) == {"told"}:
                return
        raise AssertionError(f"not all is told: {self.totals()['news']}")

    def check(self, people: list[str]) -> None:
        """Each heard one thing of each kind, each once, and nobody anything else."""
        mine = Counter(str(row["id"]) for row in self.rows("SELECT id FROM news"))
        theirs = [self.heard(email) for email in people]
        assert Counter(each for ids in theirs for each in ids) == mine and len(mine) == len(NewsKind) * len(people)
        assert {len(ids) for ids in theirs} == {len(NewsKind)}


@contextmanager
def channel(make_app: MakeApp, key: str) -> Iterator[tuple[Told, Driver, Wire]]:
    driver: Driver = load(key)()
    address = driver.start()
    manifest = discover()[key].manifest
    try:
        with Wire(address) as wire:
            settings = {**driver.settings, manifest.app_secret: "a secret of the app's own"}
            app = make_app(**settings, **{manifest.url_setting: driver.base_url(wire.url)})
            yield Told(app, key, driver.account, driver.token, driver.heard), driver, wire
    finally:
        driver.stop()


def listeners(driver: Driver) -> list[str]:
    people = [f"hears{number}@example.com" for number in range(PEOPLE)]
    for email in people:
        driver.listener(email)
    return people


@pytest.mark.parametrize("key", CHANNELS)
def test_each_is_heard_once_on_a_wire_that_loses_answers(make_app: MakeApp, key: str) -> None:
    with channel(make_app, key) as (told, driver, wire):
        people = listeners(driver)
        told.happen(people)
        for trouble in TROUBLES:
            wire.strike(driver.is_told, trouble)
            told.time_passes()
            for lane in due.lanes(told.app.database):
                told.app.workshop.work(lane.id)
            wire.settle()
        told.settle()
        told.check(people)


@pytest.mark.parametrize("key", CHANNELS)
def test_each_is_heard_once_although_the_worker_is_killed_again_and_again(make_app: MakeApp, key: str) -> None:
    with channel(make_app, key) as (told, driver, _):
        people, chance = listeners(driver), dice()
        for part in range(0, PEOPLE, 2):
            told.happen(people[part : part + 2])
            told.time_passes()
            with processes(told, work_until_killed, 1, key) as (worker,):
                time.sleep(chance.uniform(0, LONGEST_S))
                worker.end()
        told.settle()
        told.check(people)


def test_mails_of_a_worker_that_is_killed_are_two_under_one_id_at_most(make_app: MakeApp) -> None:
    """Whether a mail was taken nobody can tell once the answer is lost. It comes again under its own id."""
    box = Mailbox()
    try:
        told = Told(make_app(), "mail", "referrals@tea.example.com", box.url, lambda _: [])
        people, chance = [f"hears{number}@example.com" for number in range(PEOPLE)], dice()
        for part in range(0, PEOPLE, 2):
            told.happen(people[part : part + 2])
            told.time_passes()
            with processes(told, work_until_killed, 1, "mail") as (worker,):
                time.sleep(chance.uniform(0, LONGEST_S))
                worker.end()
        told.settle()
        ids = Counter(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in box.mails)
        assert set(ids) == {str(row["id"]) for row in told.rows("SELECT id FROM news")}
        assert len(box.mails) - len(ids) <= PEOPLE // 2, "each kill can leave one in doubt"
    finally:
        box.stop()
