"""Whoever asks to be forgotten is forgotten everywhere; whoever asks what is kept gets all of it; the books stay right."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from connector import clock
from connector.cli import care, inspect
from connector.cli.account import install
from connector.errors import InvariantBroken
from connector.ports.rows import merchant_lane
from connector.store import personal, reports, retention
from tests.journey.money import drive, number, open_books
from tests.shop import DOMAIN, TOKEN, Shop

FRIEND = "fiona@featherstone.example"
WORDS = {"first_name": "Fiona", "last_name": "Featherstone", "phone": "+49 170 5550123"}
SECOND, SECOND_TOKEN = "annas-second.myshopify.com", "shpat_second"
SEALED = ("delivery.body", "person.email", "connection.access", "connection.refresh", "user.email")
#: The account that money was moved on: needed to take it back, and said so in docs/retention.md.
DOCUMENTED = {("reward", "owner"), ("attempt", "owner")}


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────────────


def tell(shop: Shop, topic: str, domain: str = DOMAIN, headers: dict[str, str] | None = None, **more: Any) -> None:
    """A signed webhook that is about a customer, an order, or what `body` says."""
    made = shop.client.control("render", shop=domain, deliveries=[{"topic": topic, **more}], headers=headers or {})
    for each in made:
        answer = shop.web.post("/webhooks/shopify", data=each["body"].encode(), headers=each["headers"])
        assert answer.status_code == 200, answer.text


def redact(shop: Shop, email: str = FRIEND) -> None:
    tell(shop, "customers/redact", customer=number(shop.customers[email]))


def friend(shop: Shop) -> str:
    return shop.customer(FRIEND, **WORDS)


def bought(shop: Shop, **more: Any) -> str:
    """Fiona followed Anna's link, bought, and Anna was paid."""
    if FRIEND not in shop.customers:
        friend(shop)
    order = shop.order(email=FRIEND, net="80.00", **more)
    drive(shop)
    return order


# ── Looking everywhere ───────────────────────────────────────────────────────────────────────────────────────────


def everything(shop: Shop) -> Iterator[tuple[tuple[str, str], bytes]]:
    """Every text, number list and byte of every table, sealed ones opened with the app's own keys."""
    columns = shop.rows(
        """SELECT table_name, column_name FROM information_schema.columns JOIN information_schema.tables
           USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
             AND (data_type IN ('text', 'jsonb', 'bytea', 'ARRAY'))"""
    )
    assert len(columns) > 60
    for place in sorted((row["table_name"], row["column_name"]) for row in columns):
        for row in shop.rows(f"SELECT {place[1]} AS value FROM {place[0]} WHERE {place[1]} IS NOT NULL"):
            for value in row["value"] if isinstance(row["value"], list) else [row["value"]]:
                if isinstance(value, bytes | memoryview):
                    yield from ((place, clear) for clear in opened(shop, bytes(value)))
                else:
                    yield place, (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode()


def opened(shop: Shop, sealed: bytes) -> Iterator[bytes]:
    yield sealed
    for field in SEALED:
        try:
            clear = shop.app.database.vault.open(shop.merchant, field, sealed)
        except InvariantBroken:
            continue
        yield zlib.decompress(clear) if field == "delivery.body" else clear


def places(shop: Shop, customer: str, email: str = FRIEND) -> set[tuple[str, str]]:
    """Where a person can still be found by customer id, e-mail, name or phone."""
    digits = str(number(customer))
    words = [email, email.partition("@")[2], *WORDS.values(), WORDS["phone"].replace(" ", "")]
    needles = [re.compile(re.escape(word).encode(), re.IGNORECASE) for word in words]
    needles.append(re.compile(rb"(?<!\d)" + digits.encode() + rb"(?!\d)"))
    return {place for place, value in everything(shop) if any(needle.search(value) for needle in needles)}


def test_the_search_finds_a_person_who_was_not_forgotten(shop: Shop) -> None:
    bought(shop)
    found = places(shop, shop.customers[FRIEND])
    assert {("delivery", "body_sealed"), ("identifier", "external")} <= found


# ── Being forgotten ──────────────────────────────────────────────────────────────────────────────────────────────


def test_after_an_erasure_no_byte_anywhere_names_the_friend_and_a_late_refund_is_taken_back_once(shop: Shop) -> None:
    order = bought(shop)
    redact(shop)
    drive(shop)
    assert places(shop, shop.customers[FRIEND]) == set()
    for _ in range(2):  # as often as the platform says it
        shop.change(order, "refund", amount="80.00") if shop.debits() == [] else shop.deliver(order, "refunds/create")
        shop.deliver(order, "orders/updated")
        drive(shop)
    assert (shop.credits(), shop.debits(), shop.stages()) == ([800], [800], ["reversed"])
    assert open_books(shop) == {}
    assert places(shop, shop.customers[FRIEND]) == set()


def test_an_advocate_who_is_forgotten_leaves_only_the_account_that_money_moved_on(shop: Shop) -> None:
    anna, email = shop.customer("anna@featherstone.example", earlier_orders=1, **WORDS), "anna@featherstone.example"
    code = shop.enrol(email)
    order = shop.order(net="80.00", landing_site=shop.landing(code))
    drive(shop)
    assert shop.credits() == [800]
    redact(shop, email)
    drive(shop)
    assert places(shop, anna, email) == DOCUMENTED
    shop.change(order, "cancel", refund=True)
    drive(shop)
    assert shop.debits() == [800]
    assert places(shop, anna, email) == DOCUMENTED


def test_an_erasure_that_overtakes_the_order_leaves_nobody_behind(shop: Shop) -> None:
    friend(shop)
    order = shop.order(email=FRIEND, deliver=False)
    for headers, body in shop.webhooks(order, "orders/create", "orders/paid"):
        if headers["X-Shopify-Topic"] == "orders/paid":
            redact(shop)  # read between the two, before the order itself was ever read
        assert shop.web.post("/webhooks/shopify", data=body, headers=headers).status_code == 200
    drive(shop)
    assert places(shop, shop.customers[FRIEND]) == set()


def test_an_erasure_reaches_what_could_not_be_read_and_what_was_kept_apart(shop: Shop) -> None:
    gid = friend(shop)
    for topic in ("orders/paid", "customers/create"):  # one broken, one of a topic that is not read
        tell(shop, topic, body={"id": "broken", "email": FRIEND.upper(), "customer": {"id": number(gid)}})
    stranger = {"id": "broken", "email": "somebody@else.example", "customer": {"id": 9}}
    tell(shop, "orders/paid", body=stranger)
    drive(shop)
    states = "SELECT state, octet_length(body_sealed) > 0 AS full FROM delivery WHERE state <> 'done' ORDER BY id"
    assert [row["full"] for row in shop.rows(states)] == [True, True, True]
    redact(shop)
    drive(shop)
    assert [row["full"] for row in shop.rows(states)] == [False, False, True]
    assert places(shop, gid) == set()


def test_an_erasure_may_come_twice_and_for_somebody_nobody_knows(shop: Shop) -> None:
    friend(shop)
    an_hour_ago = (clock.now() - timedelta(hours=1)).isoformat()
    tell(
        shop,
        "customers/redact",
        customer=number(shop.customers[FRIEND]),
        headers={"X-Shopify-Triggered-At": an_hour_ago},
    )
    drive(shop)
    bought(shop)
    for _ in range(2):
        redact(shop)
        drive(shop)
    assert places(shop, shop.customers[FRIEND]) == set()
    assert (shop.credits(), shop.stages()) == ([800], ["rewarded"])
    assert {row["outcome"] for row in shop.rows("SELECT outcome FROM delivery WHERE topic = 'customers/redact'")} == {
        "person_erased"
    }


def test_somebody_who_comes_back_is_somebody_new_and_is_remembered_again(shop: Shop) -> None:
    bought(shop)
    [old] = shop.rows("SELECT friend_id FROM referral")
    redact(shop)
    drive(shop)
    shop.client.control("clock", advance_s=60)  # the next order is placed later than the erasure
    shop.order(email=FRIEND, net="20.00")
    drive(shop)
    assert ("identifier", "external") in places(shop, shop.customers[FRIEND])
    with shop.app.database.begin(shop.merchant) as tx:
        back = tx.people.find(shop.connection, "customer", shop.customers[FRIEND])
    assert back is not None
    assert back != old["friend_id"]


def test_what_was_emptied_is_never_read_again_and_the_rest_is(shop: Shop) -> None:
    bought(shop)
    shop.order(email="other@example.org")
    drive(shop)
    redact(shop)
    drive(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.deliveries.again(parked_only=False) == 2
    drive(shop)
    assert shop.credits() == [800, 800]
    assert not shop.rows("SELECT id FROM delivery WHERE state = 'parked'")


def test_a_person_is_forgotten_though_the_app_was_removed_and_its_token_is_dead(shop: Shop) -> None:
    bought(shop)
    tell(shop, "app/uninstalled")
    drive(shop)
    shop.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    redact(shop)
    drive(shop)
    assert places(shop, shop.customers[FRIEND]) == set()
    assert shop.ledger()["issued"] == -800


def test_erasures_are_remembered_only_as_long_as_something_may_still_be_under_way(shop: Shop) -> None:
    bought(shop)
    redact(shop)
    drive(shop)
    shop.rows("UPDATE erasure SET until = until - interval '31 days' WHERE until <> 'infinity' RETURNING 1 AS one")
    retention.purge(shop.app.database, timedelta(days=30))
    [left] = shop.rows("SELECT count(*) AS n, count(*) FILTER (WHERE until = 'infinity') AS orders FROM erasure")
    assert left["n"] == left["orders"] == 1


# ── Being one, and being gone ────────────────────────────────────────────────────────────────────────────────────


def joined(shop: Shop, kept: str, gone: str, status: str = "completed") -> None:
    ids = {"admin_graphql_api_customer_kept_id": kept, "admin_graphql_api_customer_deleted_id": gone}
    tell(shop, "customers/merge", body={**ids, "status": status, "errors": []})


def person(shop: Shop, customer: str) -> UUID | None:
    with shop.app.database.begin(shop.merchant) as tx:
        return tx.people.find(shop.connection, "customer", customer)


def test_a_friend_whom_the_shop_joined_is_one_person_and_refunds_still_find_the_reward(shop: Shop) -> None:
    first = bought(shop)
    shop.order(email="fiona@elsewhere.example", net="30.00", landing_site="/")
    drive(shop)
    other = shop.customer("fiona.again@elsewhere.example")
    with shop.app.database.begin(shop.merchant) as tx:
        tx.people.resolve(shop.connection, [("customer", other)])
    for _ in range(2):
        joined(shop, other, shop.customers[FRIEND])
        drive(shop)
    assert person(shop, other) == person(shop, shop.customers[FRIEND]) is not None
    assert [row["reason"] for row in shop.rows("SELECT reason FROM person_merge")] == ["the platform joined them"]
    with shop.app.database.begin(shop.merchant) as tx:
        them = tx.people.find(shop.connection, "customer", other)
        assert them is not None
        assert tx.people.external(them, shop.connection, "customer") == other
    shop.change(first, "refund", amount="40.00")
    drive(shop)
    assert (shop.credits(), shop.debits()) == ([800], [400])


@pytest.mark.parametrize("status", ["failed", "in_progress", ""])
def test_a_join_that_the_shop_did_not_make_joins_nobody(shop: Shop, status: str) -> None:
    bought(shop)
    joined(shop, shop.advocate, shop.customers[FRIEND], status)
    drive(shop)
    assert person(shop, shop.advocate) != person(shop, shop.customers[FRIEND])
    assert shop.stages() == ["rewarded"]
    [row] = shop.rows("SELECT state, outcome FROM delivery WHERE topic = 'customers/merge'")
    assert row == {"state": "done", "outcome": "not_used"}


def test_a_join_with_a_record_we_never_saw_keeps_the_person_reachable(shop: Shop) -> None:
    bought(shop)
    unseen, known = shop.customer("new@example.org"), person(shop, shop.customers[FRIEND])
    joined(shop, unseen, shop.customers[FRIEND])
    drive(shop)
    assert person(shop, unseen) == known
    joined(shop, "gid://shopify/Customer/1", "gid://shopify/Customer/2")  # two that nobody here knows
    drive(shop)
    assert person(shop, "gid://shopify/Customer/1") is None
    assert not shop.rows("SELECT id FROM delivery WHERE state = 'parked'")


def test_a_deleted_record_is_paid_no_more_and_the_person_is_found_by_their_address_again(shop: Shop) -> None:
    shop.order(net="80.00")
    drive(shop)
    old = shop.advocate
    shop.client.control(f"customers/{number(old)}/delete", send=False)
    tell(shop, "customers/delete", body={"id": number(old), "admin_graphql_api_id": old})
    drive(shop)
    new = shop.customer("anna@example.com", earlier_orders=1)
    shop.order(net="50.00")
    drive(shop)
    owners = [row["owner"] for row in shop.rows("SELECT owner FROM reward ORDER BY created_at")]
    assert (owners, shop.credits()) == ([old, new], [800, 500])


# ── A shop that leaves ───────────────────────────────────────────────────────────────────────────────────────────


def second_shop(shop: Shop) -> UUID:
    """The same merchant's other shop."""
    facts = {"currency": "EUR", "token": SECOND_TOKEN, "secret": shop.app.desk.platforms["shopify"].secrets[0]}
    shop.client.control("shops", domain=SECOND, target="http://127.0.0.1:9/", **facts)
    return install(shop.app, "shopify", SECOND, SECOND_TOKEN, lambda: shop.merchant)


def leave(shop: Shop) -> None:
    """Uninstalled, and two days later to be forgotten. What was due on it meanwhile can no longer be done."""
    shop.client.control(f"shops/{DOMAIN}/uninstall", send=False)
    tell(shop, "app/uninstalled")
    shop.app.workshop.work(merchant_lane(shop.merchant))
    tell(shop, "shop/redact")
    drive(shop)


def test_a_shop_that_left_for_good_leaves_nobody_behind_and_the_books_stay(shop: Shop) -> None:
    bought(shop)
    before = shop.ledger()
    shop.deliver(shop.order(email="late@example.org", deliver=False), "orders/create")  # kept, and not read yet
    leave(shop)
    assert places(shop, shop.customers[FRIEND]) == set()
    assert not shop.rows("SELECT digest FROM identifier")
    assert not shop.rows("SELECT id FROM person WHERE erased_at IS NULL OR email_sealed IS NOT NULL")
    assert not shop.rows("SELECT id FROM delivery WHERE octet_length(body_sealed) > 0")
    assert (shop.ledger(), shop.stages()) == (before, ["rewarded"])
    with shop.app.database.begin(shop.merchant) as tx:
        connection = tx.connections.get(shop.connection)
    assert (connection.state, connection.access) == ("removed", "")


def test_a_shop_that_left_takes_nobody_along_whom_another_shop_of_the_merchant_knows(shop: Shop) -> None:
    bought(shop)
    other = second_shop(shop)
    there = shop.client.control("customers", shop=SECOND, email="gina@example.org", send=False)["gid"]
    with shop.app.database.begin(shop.merchant) as tx:
        gina = tx.people.resolve(
            shop.connection, [("customer", "gid://shopify/Customer/77"), ("email", "gina@example.org")]
        )
        assert tx.people.resolve(other, [("customer", there), ("email", "gina@example.org")]) == gina
    leave(shop)
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.people.find(None, "email", "gina@example.org") == tx.people.find(other, "customer", there) == gina
        assert tx.people.find(shop.connection, "customer", "gid://shopify/Customer/77") is None
        anna = tx.people.find(None, "email", "anna@example.com")  # enrolled by the merchant, who is still here
        assert anna is not None
        assert tx.people.email(anna) == "anna@example.com"
        assert tx.people.find(None, "email", FRIEND) is None
    assert places(shop, shop.customers[FRIEND]) == set()


def test_a_shop_that_came_back_meanwhile_is_not_forgotten(shop: Shop) -> None:
    bought(shop)
    long_ago = (clock.now() - timedelta(days=3)).isoformat()
    install(shop.app, "shopify", DOMAIN, TOKEN, lambda: shop.merchant)
    tell(shop, "shop/redact", headers={"X-Shopify-Triggered-At": long_ago})
    drive(shop)
    assert person(shop, shop.customers[FRIEND]) is not None
    shop.order(net="50.00")
    drive(shop)
    assert shop.credits() == [800, 500]


# ── Being told what is kept ──────────────────────────────────────────────────────────────────────────────────────


def run(shop: Shop, monkeypatch: pytest.MonkeyPatch, command: Any, *words: str) -> str:
    """One command, on this test's own database."""
    for module in (care, inspect):
        monkeypatch.setattr(module, "open_app", shop.another_app)
    done = CliRunner().invoke(command, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_whoever_asks_gets_everything_that_is_kept_and_the_request_is_closed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought(shop)
    tell(shop, "customers/data_request", customer=number(shop.customers[FRIEND]))
    tell(shop, "customers/data_request", body={"shop_domain": DOMAIN, "customer": {"id": 4}, "data_request": {"id": 8}})
    drive(shop)
    known, unknown = personal.requests(shop.app.database, shop.merchant)
    assert (known["known"], unknown["known"], known["overdue"]) == (True, False, False)
    assert known["due_at"] - known["asked_at"] == timedelta(days=30)
    listed = run(shop, monkeypatch, care.data_requests)
    assert str(known["id"]) in listed and f"{known['due_at']:%Y-%m-%d}" in listed
    answer = json.loads(run(shop, monkeypatch, care.data_request, str(known["id"]), "--peek"))
    assert len(personal.requests(shop.app.database, shop.merchant)) == 2
    assert json.loads(run(shop, monkeypatch, care.data_request, str(known["id"]))) == answer
    assert [row["id"] for row in personal.requests(shop.app.database, shop.merchant)] == [unknown["id"]]
    assert {row["external"] for row in answer["identifiers"]} == {None, shop.customers[FRIEND]}
    assert [row["stage"] for row in answer["referrals_as_friend"]] == ["rewarded"]
    assert sorted(row["topic"] for row in answer["deliveries"]) == [
        "customers/data_request",
        "orders/create",
        "orders/paid",
    ]
    assert not answer["rewards"] and not answer["enrolments"]
    nothing = json.loads(run(shop, monkeypatch, care.data_request, str(unknown["id"])))
    assert [row["topic"] for row in nothing["deliveries"]] == ["customers/data_request"]


def test_an_advocate_sees_their_codes_their_friends_stages_and_their_rewards(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = bought(shop)
    shop.change(order, "refund", amount="20.00")
    drive(shop)
    told = json.loads(run(shop, monkeypatch, care.export, "--person", "Anna@Example.com"))
    assert told["email"] == [{"email": "anna@example.com"}]
    assert told["enrolments"][0]["codes"] == [shop.code]
    assert len(told["referrals_as_advocate"]) == 1
    [reward] = told["rewards"]
    assert (reward["minor"], reward["state"], reward["taken_back"]) == (800, "issued", "200")
    assert FRIEND not in json.dumps(told)


def test_a_request_that_nobody_answered_in_time_is_on_the_doctors_list(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought(shop)
    tell(shop, "customers/data_request", customer=number(shop.customers[FRIEND]))
    drive(shop)
    shop.rows("UPDATE data_request SET due_at = clock_timestamp() - interval '1 day' RETURNING id")
    assert "OVERDUE" in run(shop, monkeypatch, inspect.doctor)
    redact(shop)
    drive(shop)
    [row] = shop.rows("SELECT person_id, names FROM data_request")
    assert row == {"person_id": None, "names": []}
    assert reports.totals(shop.app.database, shop.merchant)["referrals"] == {"rewarded": 1}
