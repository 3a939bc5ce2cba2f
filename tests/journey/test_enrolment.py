"""However people come in, each is an advocate once: one code, one token, one fact; and nobody by a way that is closed."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from connector.domain.facts import DealReopened, DealWon, ObjectRef, OrderPaid
from connector.domain.money import Money
from connector.domain.person import NAME
from connector.errors import ConfigError, NotFound
from connector.journey import enrol as enrolling
from connector.journey.enrol import choose_code, enrol, enrol_person, enrol_seen
from connector.journey.invite import invite, participation
from connector.journey.tasks import ATTRIBUTE, purchase
from connector.ports.platform import Seen, Truth
from connector.ports.roster import Newcomer
from connector.ports.rows import merchant_lane
from tests.shop import PROGRAM, Shop

BUYERS = {**PROGRAM, "enrol": {"after_order": True}}
ON_WON_DEALS = {**PROGRAM, "event": "deal_won", "enrol": {"after_order": True}}
CROWD = 8


def advocates(shop: Shop) -> list[dict[str, Any]]:
    """All but Anna, whom every shop has enrolled."""
    return shop.rows(
        """SELECT id, person_id, way, source, token_digest FROM advocate
           WHERE merchant_id = :merchant AND id <> :anna ORDER BY id""",
        anna=anna(shop),
    )


def anna(shop: Shop) -> UUID:
    with shop.app.database.begin(shop.merchant) as tx:
        return tx.programs.advocates([shop.code])[shop.code].id


def facts(shop: Shop) -> list[dict[str, Any]]:
    """Enrolments that were told, but for Anna's."""
    return shop.rows(
        """SELECT data FROM fact WHERE merchant_id = :merchant AND data ->> 'is' = 'Enrolled'
           AND external_id <> :anna ORDER BY id""",
        anna=str(anna(shop)),
    )


def groups(shop: Shop) -> set[str]:
    return {row["name"] for row in shop.rows("SELECT name FROM person_group WHERE merchant_id = :merchant")}


def at_once(work: Callable[[int], None]) -> None:
    """The same from many threads at one instant; whatever one of them raises is raised."""
    start, failed = threading.Barrier(CROWD), []

    def one(number: int) -> None:
        start.wait(timeout=30)
        try:
            work(number)
        except Exception as error:  # noqa: BLE001  (shown below)
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), "somebody waits for ever"
    assert failed == []


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_advocate_gets_a_code_a_token_and_one_fact_and_of_the_token_a_hash_alone_is_kept(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        made = enrol(tx, shop.program, " Bea@Example.com ", source="the counter")
    (row,) = advocates(shop)
    assert (row["id"], row["way"], row["source"]) == (made.id, "staff", "the counter")
    assert made.new and len(made.token) >= 32
    digest = hashlib.sha256(made.token.encode()).digest()
    assert bytes(row["token_digest"]) == digest
    owner = shop.app.database.lookup("portal", digest.hex())
    assert owner is not None and (owner.merchant, owner.target) == (shop.merchant, made.id)
    assert shop.app.database.lookup("portal", made.token) is None
    (told,) = facts(shop)
    assert (told["data"]["id"], told["data"]["program"], told["data"]["way"]) == (str(made.id), "tea-friends", "staff")
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.people.email(made.person) == "Bea@Example.com"
        assert tx.programs.advocates([made.code.lower()])[made.code.lower()].id == made.id
        again = enrol(tx, shop.program, "bea@example.com", source="somebody else")
    assert (again.id, again.code, again.new, again.token) == (made.id, made.code, False, "")
    assert len(facts(shop)) == 1 and advocates(shop) == [row]


def test_many_at_the_same_instant_make_one_advocate_and_one_fact(shop: Shop) -> None:
    made: dict[int, Any] = {}

    def work(number: int) -> None:
        with shop.app.database.begin(shop.merchant) as tx:
            made[number] = enrol(tx, shop.program, "bea@example.com")

    at_once(work)
    assert len(made) == CROWD
    assert len({(one.id, one.code) for one in made.values()}) == 1
    assert sum(one.new for one in made.values()) == sum(bool(one.token) for one in made.values()) == 1
    assert len(advocates(shop)) == len(facts(shop)) == 1
    codes = shop.rows("SELECT code FROM code WHERE merchant_id = :merchant AND code <> :anna", anna=shop.code)
    assert [row["code"] for row in codes] == [made[0].code]


def test_lists_of_the_same_people_in_another_order_do_not_wait_for_each_other_for_ever(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        people = [tx.people.resolve(None, [("email", f"p{n}@example.com")]) for n in range(40)]

    def work(number: int) -> None:
        listed = people if number % 2 else people[::-1]
        with shop.app.database.begin(shop.merchant) as tx:
            tx.roster.enrol(shop.program, [Newcomer(person) for person in listed if person])

    at_once(work)
    assert len(advocates(shop)) == 40


def test_two_rows_of_one_human_are_one_advocate(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        home, work = (tx.people.resolve(None, [("email", f"bea@{where}.example")]) for where in ("home", "work"))
        assert home and work
        first = enrol_person(tx, shop.program, work)
        tx.people.merge(home, work, "she said so")
        again = enrol(tx, shop.program, "bea@home.example")
    assert (again.id, again.new) == (first.id, False)
    assert len(advocates(shop)) == 1


def test_a_program_lets_people_in_by_its_own_ways_alone_and_says_so(shop: Shop) -> None:
    shop.apply({**PROGRAM, "enrol": {"ways": ["staff", "join"]}})
    with (
        shop.app.database.begin(shop.merchant) as tx,
        pytest.raises(ConfigError, match=r"'file'; add it to `enrol.ways`"),
    ):
        enrol(tx, shop.program, "bea@example.com", way="file")
    with shop.app.database.begin(shop.merchant) as tx, pytest.raises(ConfigError, match="'list'"):
        enrol_seen(tx, shop.program, shop.connection, [[Seen("customer", "1")]], "VIPs")
    assert advocates(shop) == []
    with shop.app.database.begin(shop.merchant) as tx:
        assert enrol(tx, shop.program, "bea@example.com", way="join").new
        with pytest.raises(NotFound, match="no such program"):
            enrol(tx, shop.merchant, "bea@example.com")


@pytest.mark.parametrize(
    "email",
    ["", " ", "bea", "bea@", "@x", "a@b@c", "a b@x.example", "bea@x\n.example", "b\x00@x.example", "e" * 250 + "@x.eu"],
)
def test_what_is_no_address_enrols_nobody(shop: Shop, email: str) -> None:
    with shop.app.database.begin(shop.merchant) as tx, pytest.raises(ConfigError, match="is no e-mail address"):
        enrol(tx, shop.program, email)
    assert advocates(shop) == []


def test_groups_are_added_and_never_taken_and_staff_find_people_by_name(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        made = enrol(tx, shop.program, "bea@example.com", name="Bea  Baker", groups={"Testers"})
        enrol(tx, shop.program, "bea@example.com", groups={"vip"})
        enrol(tx, shop.program, "bea@example.com")
        assert tx.marks.bearers(NAME, "bea baker") == [made.person]
        assert not tx.marks.bearers(NAME, "")
        with pytest.raises(ConfigError, match="is no name for a group"):
            enrol(tx, shop.program, "bea@example.com", groups={"a|b"})
    assert groups(shop) == {"testers", "vip"}
    kept = shop.rows("SELECT person_mark FROM person_mark WHERE merchant_id = :merchant")
    assert kept and not any("baker" in str(row).lower() for row in kept)


# ── Codes of their own choice ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("vanity_by", "staff", "advocate"), [("staff", True, False), ("advocates", True, True), ("nobody", False, False)]
)
def test_the_program_says_who_may_choose_codes(shop: Shop, vanity_by: str, staff: bool, advocate: bool) -> None:
    shop.apply({**PROGRAM, "enrol": {"vanity_by": vanity_by}})
    for by, may in (("staff", staff), ("advocate", advocate)):
        with shop.app.database.begin(shop.merchant) as tx:
            if may:
                assert choose_code(tx, shop.program, anna(shop), f"Anna-{by}", by=by) == f"anna-{by}"
            else:
                with pytest.raises(ConfigError, match="may choose codes"):
                    choose_code(tx, shop.program, anna(shop), f"Anna-{by}", by=by)
    rows = shop.rows("SELECT count(*) AS n FROM code WHERE merchant_id = :merchant AND kind = 'vanity'")
    assert rows == [{"n": staff + advocate}]


def test_a_code_of_somebody_else_is_never_given_away(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        bea = enrol(tx, shop.program, "bea@example.com")
        choose_code(tx, shop.program, bea.id, "tea-lover")
        with pytest.raises(ConfigError, match="belongs to another advocate"):
            choose_code(tx, shop.program, anna(shop), "Tea-Lover")
        with pytest.raises(ConfigError, match="3 to 40 letters"):
            choose_code(tx, shop.program, bea.id, "tea lover!")
        assert tx.programs.advocates(["tea-lover"])["tea-lover"].id == bea.id


# ── After an order ───────────────────────────────────────────────────────────────────────────────────────────────


def organic(shop: Shop, email: str, **more: Any) -> str:
    """An order without any sign of a referral."""
    return shop.order(email=email, landing_site="/tea", **more)


def test_whoever_buys_becomes_an_advocate_once_referred_or_not(shop: Shop) -> None:
    shop.apply(BUYERS)
    first = organic(shop, "organic@example.org")
    shop.order(email="referred@example.org")
    shop.work()
    organic(shop, "organic@example.org")
    shop.work()
    rows = advocates(shop)
    assert [row["way"] for row in rows] == ["order", "order"]
    assert f"order:gid://shopify/Order/{first}" in {row["source"] for row in rows}
    assert len(facts(shop)) == 2
    assert shop.credits() == [800], "the referral is paid as ever"
    with shop.app.database.begin(shop.merchant) as tx:
        made = tx.roster.enrol(shop.program, [Newcomer(rows[0]["person_id"])])[rows[0]["person_id"]]
    shop.order(email="friend-of-a-buyer@example.org", landing_site=shop.landing(made.code))
    shop.work()
    assert len(shop.credits()) == 2, "and their code works at once"


def test_an_order_that_is_paid_later_enrols_later(shop: Shop) -> None:
    shop.apply(BUYERS)
    order = organic(shop, "later@example.org", status="pending")
    shop.work()
    assert advocates(shop) == []
    shop.change(order, "pay")
    shop.work()
    assert [row["way"] for row in advocates(shop)] == ["order"]


@pytest.mark.parametrize(
    ("changes", "order"),
    [
        ({}, {"test": True}),
        ({}, {"net": "0.00"}),
        ({"minimum_net": "50.00 EUR"}, {"net": "49.99"}),
        ({"event": "order_fulfilled"}, {}),
        ({"mode": "shadow"}, {}),
        ({"enrol": {"after_order": True, "ways": ["staff", "deal"]}}, {}),
        ({"enrol": {"after_order": False}}, {}),
    ],
)
def test_an_order_that_would_not_qualify_enrols_nobody(
    shop: Shop, changes: dict[str, Any], order: dict[str, Any]
) -> None:
    shop.apply({**BUYERS, **changes})
    organic(shop, "buyer@example.org", **order)
    shop.work()
    assert advocates(shop) == [] == facts(shop)
    shop.apply(BUYERS)
    organic(shop, "good@example.org")
    shop.work()
    assert len(advocates(shop)) == 1


def test_a_cancelled_order_enrols_nobody_and_an_advocate_stays_one(shop: Shop) -> None:
    shop.apply(BUYERS)
    order = organic(shop, "gone@example.org", deliver=False)
    shop.change(order, "cancel", refund=True)
    shop.work()
    assert advocates(shop) == []
    order = organic(shop, "stays@example.org")
    shop.work()
    shop.change(order, "cancel", refund=True)
    shop.work()
    assert len(advocates(shop)) == 1


def test_a_customer_of_old_is_welcome_as_an_advocate(shop: Shop) -> None:
    shop.apply({**BUYERS, "new_customers_only": True})
    shop.customer("regular@example.org", earlier_orders=5)
    organic(shop, "regular@example.org")
    shop.work()
    assert [row["way"] for row in advocates(shop)] == ["order"]


def test_a_shop_that_does_not_ask_for_it_pays_no_reads_for_it(shop: Shop) -> None:
    organic(shop, "organic@example.org")
    shop.work()
    (kept,) = shop.rows("SELECT person_id FROM truth WHERE merchant_id = :merchant")
    assert kept["person_id"] is None, "it was glanced at with others, and nobody's address was read"
    assert advocates(shop) == []


def test_whoever_asked_to_be_forgotten_is_not_enrolled_by_what_comes_late(shop: Shop) -> None:
    shop.apply(BUYERS)
    truth = bought(shop, OrderPaid(ObjectRef("order", "77"), NOW, NOW, NOW, Money(5000, "EUR")))
    with shop.app.database.begin(shop.merchant) as tx:
        saved = tx.truths.get(shop.connection, truth.ref)
        assert saved and saved.person
        tx.people.erase(saved.person)
        enrolling.enrol_buyer(tx, tx.programs.current(), shop.connection, saved)
    assert advocates(shop) == []


# ── After a won deal ─────────────────────────────────────────────────────────────────────────────────────────────

NOW = datetime.now(UTC) - timedelta(minutes=1)
DEAL = ObjectRef("deal", "501")


def bought(shop: Shop, *said: Any, buyer: str = "buyer@corp.example") -> Truth:
    """The truth of one purchase as an adapter reads it, handed to the merchant's lane."""
    truth = Truth(said[0].ref, found=True, as_of=said[-1].as_of, placed_at=NOW, facts=tuple(said))
    with shop.app.database.begin(shop.merchant) as tx:
        person = tx.people.resolve(shop.connection, [("email", buyer)])
        tx.truths.save(shop.connection, truth, person)
        tx.tasks.mark(merchant_lane(shop.merchant), ATTRIBUTE, [purchase(shop.connection, truth.ref)])
    return truth


def test_a_won_deal_enrols_its_buyer_and_a_deal_that_is_open_again_does_not(shop: Shop) -> None:
    shop.apply(ON_WON_DEALS)
    bought(shop, DealWon(DEAL, NOW, NOW, NOW, Money(90_000, "EUR")))
    shop.work()
    assert [(row["way"], row["source"]) for row in advocates(shop)] == [("deal", "deal:501")]
    other, after = ObjectRef("deal", "502"), NOW + timedelta(seconds=1)
    bought(
        shop,
        DealWon(other, NOW, NOW, NOW, Money(90_000, "EUR")),
        DealReopened(other, after, after),
        buyer="other@corp.example",
    )
    shop.work()
    assert len(advocates(shop)) == len(facts(shop)) == 1


def test_a_deal_enrols_where_the_program_looks_alone(shop: Shop) -> None:
    shop.apply({**ON_WON_DEALS, "source": "elsewhere"})
    bought(shop, DealWon(DEAL, NOW, NOW, NOW, Money(90_000, "EUR")))
    shop.work()
    assert advocates(shop) == []


# ── From a platform's list ───────────────────────────────────────────────────────────────────────────────────────


def test_everybody_on_a_platforms_list_is_enrolled_once_in_the_order_of_the_list(shop: Shop) -> None:
    people = [
        [Seen("customer", "gid://1"), Seen("email", "list1@example.com"), Seen("phone", "+491701")],
        [Seen("phone", "+491702")],  # whom nothing but a shared mark identifies
        [Seen("customer", "gid://3")],
        [Seen("email", "LIST1@example.com")],
        [Seen("customer", "gid://5"), Seen("email", "none")],
        [Seen("customer", "gid://6"), Seen("email", "none")],  # two people, whatever both wrote for an address
    ]
    with shop.app.database.begin(shop.merchant) as tx:
        made = enrol_seen(tx, shop.program, shop.connection, people, "VIP customers")
        again = enrol_seen(tx, shop.program, shop.connection, people[::-1], "Another list")
    assert made[1] is None and made[0] and made[2] and made[3]
    assert made[0].id == made[3].id != made[2].id
    assert [one and one.id for one in again] == [one and one.id for one in made[::-1]]
    assert [(row["way"], row["source"]) for row in advocates(shop)] == [("list", "VIP customers")] * 4
    assert len(facts(shop)) == 4
    with shop.app.database.begin(shop.merchant) as tx:
        assert tx.people.email(made[0].person) == "list1@example.com"
        assert made[4] and tx.people.email(made[4].person) is None
        assert tx.people.external(made[2].person, shop.connection, "customer") == "gid://3"


# ── Who was asked ────────────────────────────────────────────────────────────────────────────────────────────────


def test_participation_is_how_many_of_those_who_were_asked_came(shop: Shop) -> None:
    with shop.app.database.begin(shop.merchant) as tx:
        assert participation(tx).share is None, "nobody was asked, and nothing is divided by zero"
        asked = invite(tx, shop.program, ["bea@example.com", "BEA@example.com", "carl@example.com", "dora@example.com"])
        assert (asked.new, asked.again) == (3, 0)
        asked = invite(tx, shop.program, ["carl@example.com", "emil@example.com"])
        assert (asked.new, asked.again) == (1, 1)
        enrol(tx, shop.program, "bea@example.com", way="join")
        enrol(tx, shop.program, "uninvited@example.com", way="join")
        told = participation(tx)
        assert (told.enrolled, told.invited, told.joined, told.share) == (3, 4, 1, 0.25)
        assert participation(tx, shop.program) == told
        carl = tx.people.find(None, "email", "carl@example.com")
        assert carl and tx.people.email(carl) == "carl@example.com", "else nobody could write to him"
    with shop.app.database.begin(shop.merchant) as tx, pytest.raises(ConfigError, match="no e-mail address"):
        invite(tx, shop.program, ["fine@example.com", "not fine"])
    with shop.app.database.begin(shop.merchant) as tx:
        assert participation(tx).invited == 4, "all or none"


def test_another_programs_invitations_are_counted_apart(shop: Shop) -> None:
    other = shop.apply({**PROGRAM, "name": "Coffee friends"})
    with shop.app.database.begin(shop.merchant) as tx:
        invite(tx, other, ["anna@example.com"])
        assert participation(tx, other).joined == 0, "she is an advocate of the other program alone"
        assert participation(tx, shop.program).invited == 0
        assert participation(tx).invited == 1
