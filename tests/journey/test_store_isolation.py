"""No merchant ever sees or changes another one's rows, not even through a query that forgot to ask for its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_store_world import World, furnish, merchant_tables, opened, person, world

from connector.errors import ConfigError, NotFound
from connector.store import merchants
from connector.store.database import Database
from connector.store.retention import purge

#: Names and lanes that must be found before the merchant is known; they carry no data of anybody.
ROUTING = {"directory", "lane"}
HOUR, THIRTY_DAYS = timedelta(hours=1), timedelta(days=30)


@dataclass(frozen=True)
class Two:
    database: Database
    anna: World
    ben: World


@pytest.fixture
def two(database_url: str) -> Iterator[Two]:
    database = opened(database_url)
    anna, ben = world(database), world(database, "Ben's Bikes", "ben.example.com")
    furnish(anna)
    furnish(ben)
    yield Two(database, anna, ben)
    database.engine.dispose()


def test_every_table_with_a_merchant_is_under_forced_row_level_security(two: Two) -> None:
    with two.database.engine.connect() as session:
        guarded = set(
            session.execute(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity")).scalars()
        )
    tables = set(merchant_tables(two.database))
    assert len(tables) > 20
    assert tables - guarded == ROUTING


def test_the_routing_tables_hold_nothing_but_routes(two: Two) -> None:
    with two.database.engine.connect() as session:
        columns = {
            table: set(
                session.execute(
                    text("SELECT column_name FROM information_schema.columns WHERE table_name = :table"),
                    {"table": table},
                ).scalars()
            )
            for table in ROUTING
        }
        kinds = set(session.execute(text("SELECT split_part(kind, ':', 1) FROM directory")).scalars())
    assert columns["directory"] == {"kind", "name", "merchant_id", "target_id"}
    assert columns["lane"] == {
        "id", "merchant_id", "platform", "owner", "epoch", "expires_at", "again", "not_before", "failures"
    }  # fmt: skip
    assert kinds == {"merchant", "account", "code", "join", "portal", "api_key"}


def test_one_merchants_transaction_shows_rows_of_no_other(two: Two) -> None:
    for mine, theirs in ((two.anna, two.ben), (two.ben, two.anna)):
        with two.database.begin(mine.merchant) as tx:
            for table in set(merchant_tables(two.database)) - ROUTING:
                seen = set(tx.run(f"SELECT merchant_id FROM {table}").scalars())
                assert seen == {mine.merchant}, table
                assert theirs.merchant not in seen


def test_one_merchants_transaction_changes_rows_of_no_other(two: Two) -> None:
    for table in set(merchant_tables(two.database)) - ROUTING:
        with two.database.begin(two.anna.merchant) as tx:
            for statement in (
                f"UPDATE {table} SET merchant_id = merchant_id WHERE merchant_id = :theirs",
                f"DELETE FROM {table} WHERE merchant_id = :theirs",
            ):
                assert tx.run(statement, theirs=two.ben.merchant).rowcount == 0, table


def test_a_row_cannot_be_written_for_another_merchant(two: Two) -> None:
    with pytest.raises(DBAPIError, match="row-level security"), two.database.begin(two.anna.merchant) as tx:
        tx.run(
            "INSERT INTO task (merchant_id, lane, what, subject) VALUES (:theirs, 'l', 'w', 's')",
            theirs=two.ben.merchant,
        )


def test_without_a_merchant_there_is_nothing_to_see(two: Two) -> None:
    for setting in (None, "", "no-such-merchant"):
        with two.database.engine.begin() as session:
            if setting is not None:
                session.execute(text("SELECT set_config('app.merchant', :m, true)"), {"m": setting})
            for table in set(merchant_tables(two.database)) - ROUTING:
                assert session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table


def test_a_pooled_connection_forgets_the_merchant_it_served(two: Two) -> None:
    with two.database.begin(two.anna.merchant) as tx:
        pid = tx.run("SELECT pg_backend_pid()").scalar_one()
    with two.database.engine.begin() as session:
        assert session.execute(text("SELECT pg_backend_pid()")).scalar_one() == pid
        assert session.execute(text("SELECT count(*) FROM person")).scalar_one() == 0


def test_the_switchboard_sees_what_is_due_for_everybody_and_changes_nothing(two: Two) -> None:
    visible = {"delivery", "task", "reward", "reversal", "attempt", "connection"}
    both = {two.anna.merchant, two.ben.merchant}
    for table in set(merchant_tables(two.database)) - ROUTING:
        with two.database.switchboard() as session:
            seen = set(session.execute(text(f"SELECT merchant_id FROM {table}")).scalars())
            changed = session.execute(text(f"UPDATE {table} SET merchant_id = merchant_id")).rowcount
            gone = session.execute(text(f"DELETE FROM {table}")).rowcount
        assert (seen, changed, gone) == (both if table in visible else set(), 0, 0), table


def test_the_role_cannot_read_past_the_guard(two: Two) -> None:
    two.database.check_role()
    with two.database.engine.connect() as session:
        free = session.execute(
            text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        ).scalar_one()
    assert free is False


def test_the_same_buyer_at_two_merchants_is_two_people(two: Two) -> None:
    with two.database.begin(two.anna.merchant) as mine, two.database.begin(two.ben.merchant) as theirs:
        assert person(mine, "cara@example.com") != person(theirs, "cara@example.com")
        digests = [set(map(bytes, tx.run("SELECT digest FROM identifier").scalars())) for tx in (mine, theirs)]
    assert digests[0] and not digests[0] & digests[1]


def test_another_merchants_connection_does_not_exist_for_us(two: Two) -> None:
    with two.database.begin(two.anna.merchant) as tx:
        assert tx.connections.get(two.anna.connection).external == "anna.example.com"
        with pytest.raises(NotFound):
            tx.connections.get(two.ben.connection)
        assert not tx.connections.claim_refresh(two.ben.connection, 1, HOUR)
        assert not tx.connections.store_pair(two.ben.connection, 1, "stolen", "stolen", None)


def test_an_account_that_another_merchant_holds_cannot_be_taken_over(two: Two) -> None:
    refused = pytest.raises(ConfigError, match="connected to another merchant")
    with refused, two.database.begin(two.anna.merchant) as tx:
        tx.connections.install("shop", "ben.example.com", "stolen", "", None, "EUR", [])
    owner = two.database.account("shop", "ben.example.com")
    assert owner is not None and (owner.merchant, owner.target) == (two.ben.merchant, two.ben.connection)
    with two.ben.begin() as tx:
        assert tx.connections.get(two.ben.connection).access == "access"


def test_a_code_reaches_its_own_merchant_alone(two: Two) -> None:
    with two.anna.begin() as tx:
        assert set(tx.programs.advocates([two.anna.code, two.ben.code])) == {two.anna.code}
        assert tx.programs.click(two.ben.code, "link") is None
    for each in (two.anna, two.ben):
        owner = two.database.lookup("code", each.code)
        assert owner is not None and (owner.merchant, owner.target) == (each.merchant, each.advocate)


def test_a_transaction_begun_for_an_account_sees_its_merchant_alone(two: Two) -> None:
    for each, account in ((two.anna, "anna.example.com"), (two.ben, "ben.example.com")):
        with two.database.begin_for("shop", account) as (tx, owner):
            assert owner is not None and (owner.merchant, owner.target) == (each.merchant, each.connection)
            assert set(tx.run("SELECT merchant_id FROM person").scalars()) == {tx.merchant} == {each.merchant}
    with two.database.begin_for("shop", "stranger.example.com") as (tx, owner):
        assert owner is None
        assert tx.run("SELECT merchant_id FROM person").all() == []


# ── Merchants and how they join ──────────────────────────────────────────────────────────────────────────────────


def test_a_join_code_works_once_and_for_its_own_merchant(two: Two) -> None:
    code = merchants.join_code(two.database, two.anna.merchant, HOUR)
    assert merchants.redeem(two.database, code) == two.anna.merchant
    for bad in (code, "", "unknown", code.upper() + "x"):
        with pytest.raises(ConfigError, match="unknown, used or too old"):
            merchants.redeem(two.database, bad)


def test_a_join_code_that_is_too_old_joins_nobody(two: Two) -> None:
    with pytest.raises(ConfigError, match="too old"):
        merchants.redeem(two.database, merchants.join_code(two.database, two.anna.merchant, -HOUR))


def test_a_join_code_is_nowhere_in_clear(two: Two) -> None:
    code = merchants.join_code(two.database, two.anna.merchant, HOUR)
    with two.anna.begin() as tx:
        rows = [str(row) for table in ("join_code", "directory") for row in tx.run(f"SELECT * FROM {table}")]
    assert rows and not [row for row in rows if code in row]


def test_the_same_name_is_the_same_merchant_and_users_keep_one_role(two: Two) -> None:
    assert merchants.ensure(two.database, "Ben's Bikes") == two.ben.merchant
    assert merchants.named(two.database, "Ben's Bikes") == {two.ben.merchant: "Ben's Bikes"}
    assert set(merchants.named(two.database, None)) == {two.anna.merchant, two.ben.merchant}
    user = merchants.add_user(two.database, two.ben.merchant, "Owner@Example.com", "auditor")
    with two.ben.begin() as tx:
        assert tx.run("SELECT id, role FROM app_user").one() == (user, "auditor")
    with pytest.raises(ConfigError, match="choose one of owner"):
        merchants.add_user(two.database, two.ben.merchant, "owner@example.com", "emperor")


@pytest.mark.parametrize("names", [("Blue Bird", "Blue-Bird!"), ("!!!", "???")])
def test_two_businesses_with_names_that_look_alike_in_links_are_two_merchants(two: Two, names: tuple[str, str]) -> None:
    first, second = names
    try:
        mine = merchants.ensure(two.database, first)
        theirs = merchants.ensure(two.database, second)
    except ConfigError:
        return  # told, so that they can choose another name
    assert theirs != mine


# ── Retention ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_old_personal_data_goes_for_every_merchant_and_all_else_stays(two: Two) -> None:
    counts = {}
    for each in (two.anna, two.ben):
        with each.begin() as tx:
            tx.run("UPDATE delivery SET state = 'parked', received_at = received_at - interval '31 days'")
            tx.run("UPDATE join_code SET expires_at = expires_at - interval '32 days'")
            tx.run("UPDATE touch SET at = at - interval '401 days'")
            counts[each.merchant] = _counts(each)
    assert purge(two.database, THIRTY_DAYS) == 8
    for each in (two.anna, two.ben):
        left = _counts(each)
        assert {table for table, n in left.items() if n != counts[each.merchant][table]} == {
            "delivery", "directory", "join_code", "touch"
        }  # fmt: skip
        assert (left["delivery"], left["join_code"], left["touch"]) == (0, 0, 0)
    assert purge(two.database, THIRTY_DAYS) == 0


def test_a_delivery_that_nobody_has_read_yet_is_never_dropped_in_silence(two: Two) -> None:
    with two.anna.begin() as tx:
        tx.run("UPDATE delivery SET state = 'received', received_at = received_at - interval '31 days'")
    assert purge(two.database, THIRTY_DAYS) == 0


def test_what_is_young_enough_is_kept(two: Two) -> None:
    assert purge(two.database, THIRTY_DAYS) == 0
    assert _counts(two.anna)["delivery"] == 1


def _counts(of: World) -> dict[str, int]:
    with of.begin() as tx:
        return {t: tx.run(f"SELECT count(*) FROM {t}").scalar_one() for t in merchant_tables(of.database)}
