"""The whole life of one HubSpot account whose merchant has nothing else, from joining to leaving.

Anna's sales team lives in HubSpot. What they would lose at each step is what is asserted there: who is paid, where, and
what stands on the records. After each step our books are compared with the account's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from connector.journey.install import leave
from connector.lanes import due
from connector.ports.rows import Connection
from tests.conftest import MakeApp
from tests.e2e.test_life_of_a_shop import set_database_clock
from tests.hub import PORTAL, Hub
from tests.journey.money import hurry, open_books, until

DAY = 86_400
#: By name: their contact's number, and their code.
Advocates = dict[str, tuple[str, str]]
PROGRAM = {
    "name": "Tea friends",
    "mode": "live",
    "event": "deal_won",
    "source": "hubspot",
    "hold_days": 7,
    "window_days": 365,
    "advocate": {"kind": "balance", "percent": 10},
    "enrol": {"lists": ["Happy customers"], "property": "referral_advocate", "value": "yes"},
}
#: Movements that are tried again in moments: the platform's limit had no room for them.
_MOMENTS = """SELECT id FROM {} WHERE state = 'approved'
    AND retry_at BETWEEN clock_timestamp() AND clock_timestamp() + interval '3 seconds'"""


class Life(Hub):
    """One account with time of its own, that its merchant joins by themselves."""

    def __init__(self, make_app: MakeApp, database_url: str) -> None:
        self.url, self.ahead = database_url, 0
        set_database_clock(database_url, 0)
        super().__init__(make_app, connect=False)

    def days(self, number: int) -> None:
        """Days pass, for the account and for us; every night somebody looks after what is due."""
        self.ahead += number * DAY
        set_database_clock(self.url, self.ahead)
        self.client.control("clock", advance_s=number * DAY)
        self.night()

    def night(self) -> None:
        """Work until no lane has anything to do. What is tried again later is tried once a night.

        What only waits for the platform's limit goes on in moments, and is waited for.
        """
        hurry(self)

        def calm() -> bool:
            self.drained()
            self.rows("UPDATE lane SET not_before = '-infinity' WHERE not_before > clock_timestamp() RETURNING id")
            lanes = due.lanes(self.app.database)
            for lane in lanes:
                self.app.workshop.work(lane.id)
            return not lanes and not any(self.rows(_MOMENTS.format(table)) for table in ("reward", "reversal"))

        until(calm, "all is done", 120)

    # ── What Anna does ───────────────────────────────────────────────────────────────────────────────────────────

    def join(self) -> str:
        """She connects her account in the browser, and agrees on HubSpot's own page; the page that she sees then."""
        with requests.Session() as browser:
            browser.trust_env = False
            page = browser.get(f"http://127.0.0.1:{self.port}/install/hubspot", timeout=30)
        assert page.status_code == 200, page.text
        return page.text

    @property
    def joined(self) -> Connection:
        with self.app.database.begin(self.merchant) as tx:
            [connection] = tx.connections.all()
        return connection

    # ── What came of it ──────────────────────────────────────────────────────────────────────────────────────────

    def stage_of(self, deal: str) -> str:
        rows = self.rows(
            "SELECT stage FROM referral WHERE merchant_id = :merchant AND external_id = :id",
            id=deal,
        )
        return rows[0]["stage"] if rows else "none"

    def check_books(self) -> None:
        """What we say was paid, and not taken back, is what the account's own history of balances says that we wrote."""
        books = open_books(self)
        written = sum((amount for _, amount in self.moved()), Decimal(0))
        assert -(books.get("issued", 0) + books.get("redeemed", 0)) == written * 100
        by_staff = sum((amount for _, amount in self.moved(by="CRM_UI")), Decimal(0))
        assert books.get("redeemed", 0) == by_staff * 100


@pytest.fixture
def life(make_app: MakeApp, database_url: str) -> Iterator[Life]:
    with Life(make_app, database_url) as opened:
        yield opened


def test_the_whole_life_of_one_portal(life: Life) -> None:
    advocates = joins_and_enrols(life)
    deal = a_friend_buys(life, advocates)
    credit_is_applied(life, advocates)
    second = a_rep_types_a_code(life, advocates)
    sales_change_their_minds(life, advocates, deal, second)
    records_are_merged(life, advocates)
    an_advocate_is_deleted_and_restored(life, advocates)
    a_friend_is_forgotten(life, advocates)
    the_token_ends(life, advocates)
    the_connection_dies_and_is_made_anew(life, advocates)
    the_end(life, advocates)


def test_a_contact_that_was_deleted_is_brought_up_to_date_when_it_is_restored(life: Life) -> None:
    advocates = joins_and_enrols(life)
    friend, deal = won(life, "friend@example.org", advocates["anna"][1], "400.00")
    life.end("delete", "contacts", friend)
    life.days(8)
    assert life.stage_of(deal) == "rewarded", "a deal stays won without its contact's record"
    assert life.wallet(advocates["anna"][0]) == ("40.00", "40.00")
    life.end("restore", "contacts", friend)
    life.days(2)
    assert life.properties("contacts", friend)["referral_stage"] == "rewarded"


def test_a_deal_that_is_won_again_says_what_is_true(life: Life) -> None:
    """The credit was taken back meanwhile. Whether it is paid again or not, nobody may read that it stands there."""
    advocates = joins_and_enrols(life)
    friend, deal = won(life, "friend@example.org", advocates["anna"][1], "1000.00")
    life.days(8)
    life.reopen(deal)
    life.night()
    assert life.wallet(advocates["anna"][0]) == ("0.00", "0.00")
    life.win(deal)
    life.days(8)
    assert life.wallet(advocates["anna"][0]) == ("0.00", "0.00"), "nobody pays the same deal twice by itself"
    assert life.properties("contacts", friend)["referral_stage"] == "converted"
    assert "owed again" in life.properties("deals", deal)["referral_explanation"]
    life.check_books()


def won(life: Life, email: str, code: str, amount: str) -> tuple[str, str]:
    """A friend comes by a form, and their deal is won: contact and deal."""
    friend = life.form(email, ref=code)
    deal = life.deal(friend, amount=amount)
    life.win(deal)
    life.night()
    assert life.stage_of(deal) == "qualified"
    return friend, deal


def joins_and_enrols(life: Life) -> Advocates:
    """Day 0. Two advocates stand on a list, a third bears a property; each finds their link on their own record."""
    page = life.join()
    assert "HubSpot" in page
    owner = life.app.database.account("hubspot", str(PORTAL))
    assert owner is not None
    life.merchant = owner.merchant
    assert life.joined.state == "active" and life.joined.refresh
    numbers = {name: life.contact(f"{name}@example.com") for name in ("anna", "bea", "carl")}
    life.client.control("lists", name="Happy customers", members=[int(numbers["anna"]), int(numbers["bea"])])
    life.program = life.apply(PROGRAM)
    life.night()
    life.save("contacts", numbers["carl"], referral_advocate="yes")
    life.days(2)
    codes = {name: life.properties("contacts", number).get("referral_own_code", "") for name, number in numbers.items()}
    assert all(codes.values()), codes
    assert life.properties("contacts", numbers["carl"])["referral_own_link"].endswith(f"/r/{codes['carl']}")
    life.check_books()
    return {name: (number, codes[name]) for name, number in numbers.items()}


def a_friend_buys(life: Life, advocates: Advocates) -> str:
    """A form brings the code, sales make the deal and win it; after the hold the advocate is paid."""
    anna, code = advocates["anna"]
    friend = life.form("friend@example.org", ref=code)
    life.night()
    assert life.properties("contacts", friend)["referral_stage"] == "pending"
    assert life.properties("contacts", friend)["referral_advocate_code"] == code
    deal = life.deal(friend, amount="1000.00")
    life.win(deal)
    life.night()
    assert life.stage_of(deal) == "qualified"
    assert life.properties("deals", deal)["referral_stage"] == "qualified"
    assert life.wallet(anna) == ("", ""), "nothing is paid before the hold is over"
    life.days(8)
    assert life.stage_of(deal) == "rewarded"
    assert life.wallet(anna) == ("100.00", "100.00")
    assert life.properties("contacts", friend)["referral_stage"] == "rewarded"
    assert life.properties("deals", deal)["referral_stage"] == "rewarded"
    life.check_books()
    return deal


def credit_is_applied(life: Life, advocates: Advocates) -> None:
    """Staff take 40 off an invoice and lower the balance: what is left is owed, and no more."""
    anna, _ = advocates["anna"]
    life.save("contacts", anna, referral_credit_balance="60.00")
    life.days(2)
    assert open_books(life)["redeemed"] == -4000
    assert life.wallet(anna) == ("60.00", "100.00")
    life.check_books()


def a_rep_types_a_code(life: Life, advocates: Advocates) -> str:
    """The second friend says on the phone who sent them; the advocate herself tries, and gets nothing."""
    bea, code = advocates["bea"]
    friend = life.contact("second@example.org", referral_code=code)
    deal = life.deal(friend, amount="500.00")
    life.win(deal)
    self_deal = life.deal(bea, amount="900.00")
    life.save("contacts", bea, referral_code=code)
    life.win(self_deal)
    life.days(8)
    assert life.wallet(bea) == ("50.00", "50.00")
    assert life.stage_of(deal) == "rewarded"
    assert life.stage_of(self_deal) == "rejected"
    life.check_books()
    return deal


def sales_change_their_minds(life: Life, advocates: Advocates, deal: str, second: str) -> None:
    """A deal that is open again, or deleted, brought nothing: what is left of the credit is taken back."""
    life.reopen(deal)
    life.night()
    assert life.stage_of(deal) == "reversed"
    assert life.properties("deals", deal)["referral_stage"] == "reversed"
    # 40 of the 100 were spent already: those are the merchant's loss, and nobody is asked for them.
    assert life.wallet(advocates["anna"][0]) == ("0.00", "40.00")
    assert open_books(life)["shortfall"] == 4000
    life.end("delete", "deals", second)
    life.night()
    assert life.stage_of(second) == "reversed"
    assert life.wallet(advocates["bea"][0]) == ("0.00", "0.00")
    life.check_books()
    life.end("restore", "deals", second)
    life.days(8)
    assert life.properties("deals", second)["referral_stage"] == life.stage_of(second)
    life.check_books()


def records_are_merged(life: Life, advocates: Advocates) -> None:
    """In the hold the friend's record becomes a new one, and the advocate's goes into another: both lose nothing."""
    friend, deal = won(life, "third@example.org", advocates["bea"][1], "200.00")
    private = life.contact("third.private@example.org")
    into = life.merge(friend, private, fresh_id=True)
    twin = life.contact("bea.again@example.com")
    life.merge(twin, advocates["bea"][0])
    life.days(8)
    assert life.stage_of(deal) == "rewarded"
    assert life.properties("contacts", into)["referral_stage"] == "rewarded"
    assert life.wallet(advocates["bea"][0]) == ("", ""), "nothing stands on the record that is gone"
    assert life.wallet(twin)[0] == "20.00"
    life.check_books()


def an_advocate_is_deleted_and_restored(life: Life, advocates: Advocates) -> None:
    """There is nobody to pay: the reward waits, and is paid once the record is back."""
    carl, code = advocates["carl"]
    _, deal = won(life, "fourth@example.org", code, "300.00")
    life.end("delete", "contacts", carl)
    life.days(8)
    assert life.stage_of(deal) == "converted"
    [waiting] = life.rows("SELECT reason FROM reward WHERE state = 'approved'")
    assert "no account" in waiting["reason"]
    life.check_books()
    life.end("restore", "contacts", carl)
    life.days(2)
    assert life.stage_of(deal) == "rewarded"
    assert life.wallet(carl) == ("30.00", "30.00")
    life.check_books()


def a_friend_is_forgotten(life: Life, advocates: Advocates) -> None:
    """Nothing names them any more; the advocate keeps what they earned, and a reopened deal is still taken back."""
    anna, code = advocates["anna"]
    friend, deal = won(life, "fifth@example.org", code, "400.00")
    life.days(8)
    before = life.wallet(anna)[0]
    life.end("privacy_delete", "contacts", friend)
    life.days(2)
    assert life.rows("SELECT 1 AS one FROM identifier WHERE external = :id", id=friend) == []
    assert life.stage_of(deal) == "rewarded" and life.wallet(anna)[0] == before
    life.reopen(deal)
    life.days(2)
    assert life.stage_of(deal) == "reversed"
    assert Decimal(before) - Decimal(life.wallet(anna)[0]) == 40
    assert life.rows("SELECT 1 AS one FROM identifier WHERE external = :id", id=friend) == []
    life.check_books()


def the_token_ends(life: Life, advocates: Advocates) -> None:
    """HubSpot's clock runs past the token's end, and an end that stands in our books: both are renewed unseen."""
    version = life.joined.token_version
    life.client.control("tokens/expire")
    friend = life.form("sixth@example.org", ref=advocates["anna"][1])
    life.night()
    assert life.properties("contacts", friend)["referral_stage"] == "pending"
    assert life.joined.token_version > version and life.joined.state == "active"
    life.rows("UPDATE connection SET token_expires_at = now() - interval '1 day' RETURNING id")
    friend = life.form("seventh@example.org", ref=advocates["anna"][1])
    life.night()
    assert life.properties("contacts", friend)["referral_stage"] == "pending"


def the_connection_dies_and_is_made_anew(life: Life, advocates: Advocates) -> None:
    """The refresh token is worth nothing: she is asked to connect again; what came meanwhile is worked then, once."""
    anna, code = advocates["anna"]
    before = Decimal(life.wallet(anna)[0])
    _, deal = won(life, "eighth@example.org", code, "100.00")
    life.client.control("tokens/revoke")
    late = life.form("ninth@example.org", ref=code)
    life.days(8)
    assert life.joined.state == "reconnect"
    assert life.stage_of(deal) == "converted", "the hold is over, and nothing can be paid"
    assert Decimal(life.wallet(anna)[0]) == before
    assert life.join()
    life.days(1)
    assert life.joined.state == "active"
    assert life.stage_of(deal) == "rewarded"
    assert Decimal(life.wallet(anna)[0]) == before + 10
    assert life.properties("contacts", late)["referral_stage"] == "pending"
    life.check_books()


def the_end(life: Life, advocates: Advocates) -> None:
    """She disconnects: HubSpot takes the app out, nothing is called any more, and the books and records stay."""
    anna, code = advocates["anna"]
    books, held = open_books(life), life.properties("contacts", anna)
    assert leave(life.app.desk, life.merchant, "hubspot", str(PORTAL)) == ""
    assert not life.client.control("state", verb="GET")["portals"][0]["installed"]
    assert (life.joined.state, life.joined.access, life.joined.refresh) == ("removed", "", "")
    calls = life.client.book()["calls"]
    friend = life.form("tenth@example.org", ref=code)
    life.win(life.deal(friend, amount="1000.00"))
    life.days(8)
    assert life.client.book()["calls"] == calls
    assert open_books(life) == books
    assert life.properties("contacts", anna) == held
