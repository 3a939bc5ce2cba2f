"""After a rotation of keys the old one may be thrown away: nothing needs it, nothing was lost, and nobody had to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from test_store_world import NOW, World, furnish, opened, world

from connector.cli import main
from connector.errors import InvariantBroken
from connector.ports.inbound import Item
from connector.store import rotation
from connector.store.database import Database
from tests.conftest import quick_environment

OLD, NEW = "the old secret is long enough", "the new secret is long enough"
BODIES = 3 * rotation.BATCH // 2


def sealed_texts(database: Database) -> dict[tuple[str, str], str]:
    """Every sealed column of the schema, as the catalogue knows it, with its field in `COLUMNS` where it has one."""
    fields = {(each.table, each.name): each.field for each in rotation.COLUMNS}
    with database.engine.connect() as session:
        found = session.execute(
            text(
                """SELECT table_name, column_name FROM information_schema.columns
                   WHERE table_schema = 'public' AND column_name LIKE '%\\_sealed'"""
            )
        )
        return {(row.table_name, row.column_name): fields.get((row.table_name, row.column_name), "") for row in found}


@pytest.fixture
def shop(database_url: str) -> Iterator[World]:
    """A merchant with a row in every table, all of it sealed with the old key, and more bodies than fill a batch."""
    database = opened(database_url, OLD)
    made = world(database)
    furnish(made)
    with made.begin() as tx:
        items = [Item("anna.example.com", "orders", f"key {n}", f"body {n}".encode()) for n in range(BODIES)]
        tx.deliveries.add(made.connection, "shop", items)
    yield made
    database.engine.dispose()


@contextmanager
def keys(url: str, *secrets: str) -> Iterator[Database]:
    database = opened(url, *secrets)
    yield database
    database.engine.dispose()


def read_all(database: Database, shop: World) -> int:
    """Open every sealed text of the merchant; returns how many there were."""
    read = 0
    with database.begin(shop.merchant) as tx:
        for each in rotation.COLUMNS:
            for sealed in tx.run(f"SELECT {each.name} FROM {each.table} WHERE {each.name} <> ''::bytea").scalars():
                tx.unseal(each.field, sealed)
                read += 1
    return read


def test_no_sealed_column_is_forgotten(shop: World) -> None:
    fields = sealed_texts(shop.database)
    assert len(fields) == len(rotation.COLUMNS) >= 6
    assert [place for place, name in fields.items() if not name] == []


def test_afterwards_the_newest_key_alone_opens_everything(shop: World, database_url: str) -> None:
    with keys(database_url, NEW, OLD) as both, keys(database_url, NEW) as newest:
        before = read_all(both, shop)
        assert rotation.left(both) == before > BODIES
        with pytest.raises(InvariantBroken, match="ENCRYPTION_KEYS"):
            read_all(newest, shop)
        assert sum(rotation.rotate(both)) == before
        assert rotation.left(both) == 0
        assert read_all(newest, shop) == before
        assert sum(rotation.rotate(both)) == 0, "a second run finds nothing to do"


def test_stopped_in_the_middle_it_goes_on_where_it_was(shop: World, database_url: str) -> None:
    with keys(database_url, NEW, OLD) as both:
        before = rotation.left(both)
        running = rotation.rotate(both)
        done = next(batch for batch in running if batch)
        running.close()
        assert 0 < done < before and rotation.left(both) == before - done
        assert sum(rotation.rotate(both)) == before - done and rotation.left(both) == 0


def test_bodies_that_belong_to_nobody_are_sealed_anew_too(shop: World, database_url: str) -> None:
    with shop.database.begin(rotation._FIRST) as tx:
        tx.deliveries.add(None, "shop", [Item("stranger.example.com", "orders", "k", b"?")], quarantined="unknown")
    with keys(database_url, NEW, OLD) as both:
        sum(rotation.rotate(both))
        assert rotation.left(both) == 0


def test_a_text_that_was_moved_to_another_merchant_or_field_gains_nothing(shop: World, database_url: str) -> None:
    """A rotation opens everything once: it must not make a stolen text good for the place it was put in."""
    ben = world(shop.database, "Ben's Bikes", "ben.example.com")
    with shop.begin() as tx:
        stolen = tx.run("SELECT access_sealed FROM connection").scalar_one()
        tx.run("UPDATE connection SET refresh_sealed = access_sealed")
    with ben.begin() as tx:
        tx.run("UPDATE connection SET access_sealed = :stolen", stolen=stolen)
    with keys(database_url, NEW, OLD) as both:
        sum(rotation.rotate(both))
        assert rotation.left(both) == 2
        for owner, connection in ((shop, shop.connection), (ben, ben.connection)):
            with both.begin(owner.merchant) as tx, pytest.raises(InvariantBroken, match="another merchant or field"):
                tx.connections.get(connection)


def test_a_token_that_is_being_renewed_is_passed_by_and_never_overwritten(shop: World, database_url: str) -> None:
    """Nobody waits for anybody, and the newer token stands; the next run finds what was passed by."""
    with keys(database_url, NEW, OLD) as both:
        with shop.begin() as tx:
            assert tx.connections.store_pair(shop.connection, 1, "access 2", "refresh 2", NOW)
            sum(rotation.rotate(both))  # while the renewal is not committed yet
            assert rotation.left(both) == 2
        assert sum(rotation.rotate(both)) == 2 and rotation.left(both) == 0
        with both.begin(shop.merchant) as tx:
            renewed = tx.connections.get(shop.connection)
        assert (renewed.access, renewed.refresh) == ("access 2", "refresh 2")


def test_whoever_renews_a_token_while_its_row_is_sealed_anew_has_the_last_word(shop: World, database_url: str) -> None:
    with keys(database_url, NEW, OLD) as both:
        writer = threading.Thread(target=_renew, args=(both, shop))
        with both.begin(shop.merchant) as tx:
            for column in rotation.COLUMNS[:2]:
                assert rotation._batch(tx, column, rotation._FIRST)[1] == 1
            writer.start()
            writer.join(0.3)
            assert writer.is_alive(), "the renewal waits for the row"
        writer.join(30)
        with both.begin(shop.merchant) as tx:
            assert tx.connections.get(shop.connection).access == "access 2"


def _renew(database: Database, shop: World) -> None:
    with database.begin(shop.merchant) as tx:
        assert tx.connections.store_pair(shop.connection, 1, "access 2", "refresh 2", NOW)


@dataclass
class Traffic:
    """A process at work: it stores tokens, addresses and bodies, and reads back what it stored. broken: what it met."""

    database: Database
    shop: World
    number: int
    rounds: int = 0
    broken: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for number in count():
            if self.stopping.is_set():
                return
            try:
                self.round(f"{self.number}-{number}")
            except Exception as error:  # noqa: BLE001 - whatever it is, a user would have met it
                self.broken.append(f"{type(error).__name__}: {error}")
            self.rounds += 1

    def round(self, word: str) -> None:
        """Each process keeps to one person; the connection and the queue of deliveries are everybody's."""
        person = (self.shop.anna, self.shop.ben)[self.number]
        with self.database.begin(self.shop.merchant) as tx:
            tx.deliveries.add(self.shop.connection, "shop", [Item("anna.example.com", "orders", word, word.encode())])
            tx.people.keep_email(person, f"{word}@example.com")
            version = tx.connections.get(self.shop.connection).token_version
            stored = tx.connections.store_pair(self.shop.connection, version, f"access {word}", "refresh", NOW)
            mine = tx.connections.get(self.shop.connection).access
        with self.database.begin(self.shop.merchant) as tx:
            address, tokens = tx.people.email(person), tx.connections.get(self.shop.connection)
            bodies = tx.deliveries.waiting(20)
        if address != f"{word}@example.com" or not tokens.access or (stored and mine != f"access {word}"):
            self.broken.append(f"{word}: {address}, {tokens.access}, {mine}")
        if len(bodies) != 20:
            self.broken.append(f"{word}: {len(bodies)} bodies")


def test_keys_rotate_under_load(shop: World, database_url: str) -> None:
    """C27: no text fails to open and no newer one is overwritten, and at the end nothing is left on the old key.

    One process has the new order of keys already, the other still seals with the old one, as in a release.
    """
    with ExitStack() as opened_:
        new, late, newest = (
            opened_.enter_context(keys(database_url, *secrets)) for secrets in ((NEW, OLD), (OLD, NEW), (NEW,))
        )
        traffic = [Traffic(new, shop, 0), Traffic(late, shop, 1)]
        threads = [threading.Thread(target=each.run) for each in traffic]
        for thread in threads:
            thread.start()
        try:
            while min(each.rounds for each in traffic) < 3:
                time.sleep(0.01)
            passes = [sum(rotation.rotate(new)) for _ in range(5)]
            traffic[1].stopping.set()
            threads[1].join(30)
            passes += [sum(rotation.rotate(new)) for _ in range(5)]
        finally:
            for each, thread in zip(traffic, threads, strict=True):
                each.stopping.set()
                thread.join(30)
        rest = sum(rotation.rotate(new))
        print(f"rotated {passes} and {rest} beside {[each.rounds for each in traffic]} rounds of traffic")
        assert all(each.rounds > 0 for each in traffic)
        assert [word for each in traffic for word in each.broken] == []
        assert rotation.left(new) == 0
        assert read_all(newest, shop) > BODIES


def test_the_command_says_how_many_are_left(shop: World, database_url: str) -> None:
    def run(secrets: str, expect: int) -> str:
        environ = quick_environment(DATABASE_URL=database_url, ENCRYPTION_KEYS=secrets)
        done = CliRunner(env=environ).invoke(main, ["rotate-keys"])
        assert done.exit_code == expect, done.output
        return done.output

    assert "are left on an older key" in run(NEW, 1), "the old key is missing: nothing could be opened"
    assert "; 0 are left on an older key." in run(f"{NEW}, {OLD}", 0)
    assert "0 of 0 sealed anew; 0 are left" in run(NEW, 0)
