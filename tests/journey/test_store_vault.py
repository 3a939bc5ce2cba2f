"""A token or address can be read only by its merchant, in its place, with a key that is still ours."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_store_world import opened, world

from connector.errors import InvariantBroken
from connector.store.vault import Vault, derive

ANNA, BEN = UUID(int=1), UUID(int=2)
FIELD = "connection.access"


@given(st.binary(max_size=200))
def test_what_is_sealed_opens_in_its_place_and_nowhere_else(clear: bytes) -> None:
    vault = Vault(["secret"])
    sealed = vault.seal(ANNA, FIELD, clear)
    assert vault.open(ANNA, FIELD, sealed) == clear
    for merchant, field in ((BEN, FIELD), (ANNA, "connection.refresh"), (ANNA, ""), (ANNA, FIELD + "/")):
        with pytest.raises(InvariantBroken, match="another merchant or field"):
            vault.open(merchant, field, sealed)


def test_the_clear_text_is_not_in_the_sealed_one_and_equal_texts_look_different() -> None:
    vault, clear = Vault(["secret"]), b"shpat_0123456789"
    first, second = vault.seal(ANNA, FIELD, clear), vault.seal(ANNA, FIELD, clear)
    assert clear not in first
    assert first[4:] != second[4:]


def test_one_changed_byte_anywhere_is_noticed() -> None:
    vault = Vault(["secret"])
    sealed = vault.seal(ANNA, FIELD, b"token")
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(InvariantBroken):
            vault.open(ANNA, FIELD, changed)
    assert vault.open(ANNA, FIELD, sealed) == b"token"


@pytest.mark.parametrize(
    "length",
    [
        0,
        3,
        4,
        11,
        16,
        20,
    ],
)  # fmt: skip
def test_a_cut_off_text_is_told_as_broken(length: int) -> None:
    vault = Vault(["secret"])
    with pytest.raises(InvariantBroken):
        vault.open(ANNA, FIELD, vault.seal(ANNA, FIELD, b"token")[:length])


def test_after_a_rotation_the_old_key_opens_and_the_new_one_seals() -> None:
    before, after, later = Vault(["old"]), Vault(["new", "old"]), Vault(["new"])
    sealed = before.seal(ANNA, FIELD, b"token")
    assert after.open(ANNA, FIELD, sealed) == b"token"
    again = after.seal(ANNA, FIELD, b"token")
    assert later.open(ANNA, FIELD, again) == b"token"
    assert [text.startswith(after.newest) for text in (sealed, again)] == [False, True]
    for vault, text in ((later, sealed), (before, again)):
        with pytest.raises(InvariantBroken, match="ENCRYPTION_KEYS no longer has"):
            vault.open(ANNA, FIELD, text)


def test_without_a_key_nothing_starts() -> None:
    with pytest.raises(InvariantBroken, match="no encryption key"):
        Vault([])


def test_a_key_for_one_purpose_is_good_for_no_other() -> None:
    keys = {derive(secret, purpose) for secret in ("one", "two") for purpose in ("identifiers", "markers")}
    assert len(keys) == 4
    assert derive("one", "markers") == derive("one", "markers")


def test_a_token_moved_to_another_row_or_column_of_the_database_never_opens(database_url: str) -> None:
    database = opened(database_url)
    anna, ben = world(database), world(database, "Ben's Bikes", "ben.example.com")
    with ben.begin() as tx:
        stolen = tx.run("SELECT access_sealed FROM connection").scalar_one()
    for change, values in (("access_sealed = refresh_sealed", {}), ("access_sealed = :stolen", {"stolen": stolen})):
        with anna.begin() as tx:
            assert tx.connections.get(anna.connection).access == "access"
            tx.run(f"UPDATE connection SET {change}", **values)
            with pytest.raises(InvariantBroken, match="another merchant or field"):
                tx.connections.get(anna.connection)
            tx.run("UPDATE connection SET access_sealed = :mine", mine=tx.seal(FIELD, b"access"))
    database.engine.dispose()


def test_an_installation_outlives_the_rotation_of_its_keys(database_url: str) -> None:
    before, after = opened(database_url, "the old secret"), opened(database_url, "the new secret", "the old secret")
    shop = world(before)
    with after.begin(shop.merchant) as tx:
        assert tx.connections.get(shop.connection).refresh == "refresh"
        assert tx.connections.store_pair(shop.connection, 1, "access 2", "refresh 2", None)
    with pytest.raises(InvariantBroken, match="ENCRYPTION_KEYS"), shop.begin() as tx:
        tx.connections.get(shop.connection)
    for database in (before, after):
        database.engine.dispose()
