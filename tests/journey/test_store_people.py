"""One human is one person however they write their address, two humans stay two, and whoever leaves is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from test_store_world import NOW, World, furnish, opened, person, world

from connector.domain.facts import ObjectRef
from connector.ports.rows import merchant_lane
from connector.store.database import Tx


@pytest.fixture
def shop(database_url: str) -> Iterator[World]:
    database = opened(database_url)
    yield world(database)
    database.engine.dispose()


def people(tx: Tx) -> int:
    return int(tx.run("SELECT count(*) FROM person").scalar_one())


def merges(tx: Tx) -> int:
    return int(tx.run("SELECT count(*) FROM person_merge WHERE undone_at IS NULL").scalar_one())


@pytest.mark.parametrize(
    "text", ["Anna@Example.COM", " anna@example.com ", "ａｎｎａ@example.com", "ANNA＠EXAMPLE.COM"]
)
def test_an_address_in_another_case_or_width_is_the_same_person(shop: World, text: str) -> None:
    with shop.begin() as tx:
        before = people(tx)
        assert person(tx, text) == shop.anna
        assert person(tx, "anna2@example.com") != shop.anna
        assert people(tx) == before + 1


def test_a_purchase_that_carries_identifiers_of_two_joins_them_under_the_older(shop: World) -> None:
    with shop.begin() as tx:
        guest = tx.people.resolve(shop.connection, [("customer", "7")])
        assert guest is not None and guest != shop.anna
        joined = tx.people.resolve(shop.connection, [("customer", "7"), ("email", "anna@example.com")])
        assert joined == min(shop.anna, guest) == shop.anna
        assert [tx.people.canonical(p) for p in (shop.anna, guest)] == [shop.anna, shop.anna]
        assert tx.people.external(shop.anna, shop.connection, "customer") == "7"
        assert tx.people.find(shop.connection, "customer", "7") == shop.anna
        assert merges(tx) == 1
        assert tx.people.resolve(shop.connection, [("email", "anna@example.com"), ("customer", "7")]) == shop.anna
        assert merges(tx) == 1


def test_a_shared_phone_or_address_never_joins_two_people(shop: World) -> None:
    weak = [("phone", "+49 30 12345"), ("address", "1 Main Street")]
    with shop.begin() as tx:
        one = tx.people.resolve(shop.connection, [("email", "cara@example.com"), *weak])
        other = tx.people.resolve(shop.connection, [("email", "dora@example.com"), *weak])
        assert one != other
        assert merges(tx) == 0


def test_somebody_with_nothing_but_a_phone_is_nobody_yet(shop: World) -> None:
    with shop.begin() as tx:
        before = people(tx)
        for nothing in ([("phone", "+493012345")], [], [("email", "  ")]):
            assert tx.people.resolve(shop.connection, nothing) is None
        assert people(tx) == before


def test_equal_ids_on_two_connections_are_two_people(shop: World) -> None:
    with shop.begin() as tx:
        second = tx.connections.install("shop", "second.example.com", "a", "r", None, "EUR", [])
        here = tx.people.resolve(shop.connection, [("customer", "7")])
        there = tx.people.resolve(second, [("customer", "7")])
        assert here is not None and there is not None and here != there
        assert tx.people.external(here, second, "customer") is None
        tx.people.link(here, second, ObjectRef("customer", "8"))
        assert [tx.people.external(here, c, "customer") for c in (shop.connection, second)] == ["7", "8"]
        assert merges(tx) == 0


def test_two_workers_who_meet_the_same_new_buyer_make_one_person(shop: World) -> None:
    found: list[UUID] = []

    def other_worker() -> None:
        with shop.begin() as tx:
            found.append(person(tx, "new@example.com"))

    worker = threading.Thread(target=other_worker, daemon=True)
    with shop.begin() as tx:
        mine = person(tx, "new@example.com")
        worker.start()
        for _ in range(1_000):  # until it stands in the queue behind us, at most about ten seconds
            if tx.run("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one():
                break
            worker.join(0.01)
        assert found == []
    worker.join(10)
    assert found == [mine]


# ── Joining and un-joining ───────────────────────────────────────────────────────────────────────────────────────


def _marked(tx: Tx) -> set[str]:
    return {task.subject for task in tx.tasks.due(merchant_lane(tx.merchant), "decide", 100)}


def _done(tx: Tx) -> None:
    tx.tasks.close(tx.tasks.due(merchant_lane(tx.merchant), "decide", 100))


def test_joining_and_un_joining_have_the_referrals_of_both_decided_again_and_no_others(shop: World) -> None:
    with shop.begin() as tx:
        cara, dora = person(tx, "cara@example.com"), person(tx, "dora@example.com")
        of_ben = str(shop.referral.id)
        of_cara = str(tx.referrals.open(replace(shop.referral, id=uuid4(), friend=cara, ref=ObjectRef("order", "2"))))
        of_dora = str(tx.referrals.open(replace(shop.referral, id=uuid4(), friend=dora, ref=ObjectRef("order", "3"))))
        assert len({of_ben, of_cara, of_dora}) == 3

        tx.people.merge(shop.ben, cara, "same household")
        assert _marked(tx) == {of_ben, of_cara}
        _done(tx)
        tx.people.unmerge(shop.ben, cara)
        assert _marked(tx) == {of_ben, of_cara}
        _done(tx)

        tx.people.merge(shop.anna, cara, "same household")  # the advocate of all three
        assert _marked(tx) == {of_ben, of_cara, of_dora}


def test_un_joining_brings_back_who_was_who(shop: World) -> None:
    with shop.begin() as tx:
        cara, dora = person(tx, "cara@example.com"), person(tx, "dora@example.com")
        who = (shop.anna, shop.ben, cara, dora)
        for kept, absorbed in ((shop.ben, cara), (cara, dora)):
            tx.people.merge(kept, absorbed, "same purchase")
        assert [tx.people.canonical(p) for p in who] == [shop.anna, shop.ben, shop.ben, shop.ben]
        tx.people.unmerge(cara, shop.ben)  # in either direction
        assert [tx.people.canonical(p) for p in who] == [shop.anna, shop.ben, cara, cara]
        tx.people.unmerge(cara, dora)
        assert [tx.people.canonical(p) for p in who] == list(who)
        assert tx.run("SELECT count(*), count(undone_at) FROM person_merge").one() == (2, 2)
        assert person(tx, "dora@example.com") == dora


def test_a_second_referral_of_a_joined_friend_is_a_duplicate_and_is_none_after_un_joining(shop: World) -> None:
    with shop.begin() as tx:
        cara = person(tx, "cara@example.com")
        later = replace(
            shop.referral, id=uuid4(), friend=cara, ref=ObjectRef("order", "2"), captured_at=NOW + timedelta(hours=1)
        )
        tx.referrals.open(later)

        def duplicates() -> list[bool]:
            pair = [tx.referrals.lock(referral) for referral in (shop.referral.id, later.id)]
            return [tx.referrals.is_duplicate(referral) for referral in pair]

        assert duplicates() == [False, False]
        tx.people.merge(shop.ben, cara, "same purchase")
        assert duplicates() == [False, True]
        tx.people.unmerge(shop.ben, cara)
        assert duplicates() == [False, False]


# ── Forgetting ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_erasing_forgets_every_identifier_and_address_of_the_whole_person_and_of_nobody_else(shop: World) -> None:
    with shop.begin() as tx:
        for email in ("ben@example.com", "ben@work.example"):
            tx.people.keep_email(person(tx, email), email)
        tx.people.keep_email(shop.anna, "anna@example.com")
        alias = person(tx, "ben@work.example")
        tx.people.link(alias, shop.connection, ObjectRef("customer", "7"))
        tx.people.merge(shop.ben, alias, "same purchase")
        tx.people.erase(alias)
    with shop.begin() as tx:
        assert tx.run("SELECT person_id FROM identifier").scalars().all() == [shop.anna]
        assert tx.run("SELECT id FROM person WHERE email_sealed IS NOT NULL").scalars().all() == [shop.anna]
        erased = set(tx.run("SELECT id FROM person WHERE erased_at IS NOT NULL").scalars())
        assert erased == {shop.ben, alias}
        assert (tx.people.email(shop.ben), tx.people.email(alias)) == (None, None)
        assert tx.people.email(shop.anna) == "anna@example.com"
        assert tx.people.find(shop.connection, "customer", "7") is None


def test_erasing_leaves_the_referral_and_the_books_as_they_are(shop: World) -> None:
    furnish(shop)
    tables = ("referral", "conversion", "reward", "reversal", "attempt", "batch", "posting", "fact")

    def kept() -> dict[str, list[str]]:
        with shop.begin() as tx:
            return {table: sorted(tx.run(f"SELECT t::text FROM {table} t").scalars()) for table in tables}

    before = kept()
    with shop.begin() as tx:
        tx.people.erase(shop.ben)
        tx.people.erase(shop.anna)
    assert kept() == before
    assert all(before.values())


def test_somebody_who_comes_back_after_erasure_is_a_new_person(shop: World) -> None:
    with shop.begin() as tx:
        tx.people.erase(shop.ben)
        assert person(tx, "ben@example.com") != shop.ben
        assert person(tx, "anna@example.com") == shop.anna


def test_an_address_is_in_no_column_in_clear(shop: World) -> None:
    with shop.begin() as tx:
        tx.people.keep_email(shop.anna, "anna@example.com")
        assert tx.people.email(shop.anna) == "anna@example.com"
        rows = [row for table in ("person", "identifier") for row in tx.run(f"SELECT * FROM {table}")]
        texts = [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for row in rows for v in row]
    assert len(rows) > 3
    assert not [text for text in texts if b"anna" in text.lower()]
