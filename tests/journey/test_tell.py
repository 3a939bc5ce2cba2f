"""News reach the marketers' flows once, by way of the account that tells, and nothing of them is made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.klaviyo.sandbox import Sandbox, start
from adapters.klaviyo.sandbox.client import Client
from connector.cli.account import install
from connector.journey.erase import forget
from connector.journey.explain import explain
from connector.journey.install import leave
from connector.journey.invite import invite
from connector.ports.platform import Seen
from connector.wiring import App
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.shop import PROGRAM, Shop

KEY, ACCOUNT = "pk_of_the_tea_house", "TEA001"
ANNA = "anna@example.com"
#: Everything that a merchant would never forgive.
NEVER = ("subscription", "suppression", "profile-merge", "data-privacy")


class Marketed(Shop):
    """A shop whose merchant has a marketing account beside it."""

    def __init__(self, make_app: MakeApp, *, connect: bool = True) -> None:
        self.mail: Sandbox = start()
        self.hand = Client(self.mail.url, KEY)
        self.hand.control("accounts", account=ACCOUNT, key=KEY)
        super().__init__(make_app)
        if connect:
            self.join()

    def another_app(self, **changes: str) -> App:
        return super().another_app(**{"KLAVIYO_URL": self.mail.url, **changes})

    def join(self, account: str = ACCOUNT, key: str = KEY) -> None:
        install(self.app, "klaviyo", account, key, lambda: self.merchant)

    def __exit__(self, *told: object) -> None:
        super().__exit__(*told)
        self.hand.close()
        self.mail.stop()

    def heard(self, account: str = ACCOUNT) -> list[dict[str, Any]]:
        """What the account recorded, oldest first."""
        self.hand.control("clock", advance_s=2)  # what came in bulk is recorded a moment later
        events = self.hand.control("events", verb="GET", account=account)
        return [{**event, "metric": event["metric"].removeprefix("Referral Connector ")} for event in events]

    def news(self) -> dict[str, int]:
        """How far all of it is told, by our own book."""
        return dict(self.totals()["news"])

    def names(self, account: str = ACCOUNT) -> Counter[str]:
        return Counter(event["metric"] for event in self.heard(account))


@pytest.fixture
def shop(make_app: MakeApp) -> Iterator[Marketed]:
    with Marketed(make_app) as opened:
        yield opened


def test_a_whole_referral_is_heard_step_by_step_each_once(shop: Marketed) -> None:
    order = shop.order()
    shop.work()
    shop.change(order, "refund", amount="20.00")
    shop.work()
    drive(shop)
    assert shop.names() == Counter({
        "Enrolled": 1, "Referral Started": 2, "Referral Converted": 1, "Reward Due": 1, "Reward Issued": 1,
        "Reward Reversed": 1,
    })  # fmt: skip
    told = {event["metric"]: event for event in shop.heard()}
    assert (told["Reward Issued"]["value"], told["Reward Issued"]["currency"]) == (8, "EUR")
    assert (told["Reward Reversed"]["value"], told["Reward Reversed"]["currency"]) == (2, "EUR")
    assert told["Enrolled"]["properties"]["code"] == shop.code
    assert told["Enrolled"]["properties"]["link"].endswith(f"/r/{shop.code}")


def test_the_friends_news_is_not_the_advocates_and_nobody_hears_of_the_other(shop: Marketed) -> None:
    """An address in somebody else's event is a breach, and a mail to the wrong person."""
    shop.order(email="ben@example.org")
    shop.work()
    drive(shop)
    roles = {ANNA: "advocate", "ben@example.org": "friend"}
    for event in shop.heard():
        told = str(event["properties"]).replace("Anna's Tea House", "the shop")
        assert "@" not in told and "ben" not in told.casefold() and "anna" not in told.casefold()
        assert event["properties"]["role"] == roles[event["email"]]
        assert ("link" in event["properties"]) == (event["email"] == ANNA), "a friend shares no link of the advocate's"


def test_a_rejected_referral_gives_a_reason_that_may_be_shown(shop: Marketed) -> None:
    shop.order(email=ANNA, net="80.00")
    shop.work()
    (rejected,) = [event for event in shop.heard() if event["metric"] == "Referral Rejected"]
    (referral,) = shop.rows("SELECT id FROM referral")
    assert "Referral Started" not in shop.names(), "a welcome would promise them something"
    why = explain(shop.app.desk, shop.merchant, referral["id"]).why
    assert rejected["properties"]["reason"] == why.for_advocate


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html_200_after", "status_after", "status_before"])
def test_whatever_becomes_of_an_answer_each_is_heard_once(shop: Marketed, fault: str) -> None:
    shop.hand.control("faults", fault=fault, path="/api/event", count=2)
    for number in range(3):
        shop.order(email=f"friend{number}@example.org")
    shop.work()
    drive(shop)
    each = ("Referral Converted", "Reward Due", "Reward Issued")
    assert shop.names() == Counter({"Enrolled": 1, "Referral Started": 6, **dict.fromkeys(each, 3)})
    assert set(shop.news()) == {"told"}


def test_news_wait_for_the_account_and_are_told_when_it_comes(make_app: MakeApp) -> None:
    with Marketed(make_app, connect=False) as shop:
        shop.order()
        shop.work()
        assert shop.news() == {"with nobody to tell them": 6}
        shop.join()
        shop.work()
        drive(shop)
        assert shop.news() == {"told": 5, "refused": 1}, "no friend's address was kept while nobody told"
        assert not any(event["backfill"] for event in shop.heard()), "it happened a moment ago"


def test_what_happened_long_before_the_account_came_is_there_and_starts_no_flow(make_app: MakeApp) -> None:
    with Marketed(make_app, connect=False) as shop:
        shop.order()
        shop.work()
        shop.rows("UPDATE news SET at = at - interval '90 days' RETURNING id")
        shop.join()
        shop.work()
        drive(shop)
        assert len(shop.heard()) == 5 and all(event["backfill"] for event in shop.heard())


def test_whoever_is_forgotten_hears_nothing_more(shop: Marketed) -> None:
    order = shop.order()
    shop.work()
    drive(shop)
    heard = len(shop.heard())
    with shop.app.database.begin(shop.merchant) as tx:
        forget(tx, None, [Seen("email", ANNA)], "customer", tx.now())
    shop.change(order, "refund", amount="20.00")
    shop.work()
    drive(shop)
    assert len(shop.heard()) == heard


def test_whoever_is_forgotten_bears_nothing_of_ours_there_and_keeps_what_is_the_merchants(shop: Marketed) -> None:
    shop.work()
    drive(shop)
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'profile' RETURNING what")
    shop.work()
    (anna,) = shop.hand.control("profiles", verb="GET", email=ANNA)
    ours = [name for name in anna["properties"] if name.startswith("Referral Connector ")]
    assert ours, "her link stands on her profile"
    shop.hand.ask("PATCH", f"profiles/{anna['id']}", {"data": {
        "type": "profile", "id": anna["id"], "attributes": {"properties": {"Favourite tea": "green"}}}})  # fmt: skip
    shop.hand.control("faults", fault="cut_before", path="/api/profiles", count=1)
    with shop.app.database.begin(shop.merchant) as tx:
        forget(tx, None, [Seen("email", ANNA)], "customer", tx.now())
    drive(shop)
    (anna,) = shop.hand.control("profiles", verb="GET", email=ANNA)
    assert anna["properties"] == {"Favourite tea": "green"}
    assert shop.rows("SELECT id FROM leftover") == [], "her address is kept no longer than it is needed for that"


def test_a_program_that_only_watches_or_is_tried_out_tells_nobody(shop: Marketed) -> None:
    before = len(shop.heard())
    for mode in ("shadow", "test", "pilot"):
        shop.apply({**PROGRAM, "mode": mode, **({"pilot": {"group": "tag:vip"}} if mode == "pilot" else {})})
        shop.enrol(f"{mode}@example.com")
        shop.order(email=f"friend-of-{mode}@example.org")
        shop.work()
        drive(shop)
    assert len(shop.heard()) == before + 1, "Anna's own enrolment"


def test_an_invitation_is_heard_once_however_often_it_is_repeated(shop: Marketed) -> None:
    for _ in range(2):
        with shop.app.database.begin(shop.merchant) as tx:
            invite(tx, shop.program, ["cleo@example.com"])
    shop.work()
    drive(shop)
    assert shop.names()["Invited"] == 1


def test_an_account_that_is_disconnected_is_called_no_more_and_another_goes_on(shop: Marketed) -> None:
    shop.work()
    leave(shop.app.desk, shop.merchant, "klaviyo", ACCOUNT)
    shop.order()
    shop.work()
    told = len(shop.heard())
    shop.hand.control("accounts", account="TEA002", key="pk_of_another_house")
    shop.join("TEA002", "pk_of_another_house")
    shop.work()
    drive(shop)
    assert len(shop.heard()) == told
    assert shop.names("TEA002")["Reward Issued"] == 1


def test_consent_is_never_touched(shop: Marketed) -> None:
    number = shop.hand.control("profiles", email=ANNA, consent={"email": "UNSUBSCRIBED"}, suppressions=["UNSUBSCRIBE"])[
        "id"
    ]
    shop.order()
    shop.work()
    drive(shop)
    (anna,) = shop.hand.control("profiles", verb="GET", id=number)
    assert anna["consent"]["email"] == "UNSUBSCRIBED" and set(anna["suppressions"]) == {"UNSUBSCRIBE"}
    called = {call["operation"] for call in shop.hand.control("calls", verb="GET")}
    assert not [each for each in called for word in NEVER if word in each]


def test_an_advocates_link_stands_on_the_profile_that_their_first_news_made(shop: Marketed) -> None:
    """A marketer's segment of advocates would lack whoever had no profile before."""
    shop.work()
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'profile' AND state = 'open' RETURNING subject")
    shop.work()
    (anna,) = shop.hand.control("profiles", verb="GET", email=ANNA)
    assert anna["properties"]["Referral Connector Referral Code"] == shop.code
    assert anna["properties"]["Referral Connector Referral URL"].endswith(f"/r/{shop.code}")


def test_how_far_an_advocate_has_come_follows_their_news_as_numbers(shop: Marketed) -> None:
    def figures() -> list[object]:
        shop.work()
        drive(shop)
        shop.rows(
            "UPDATE task SET due_at = clock_timestamp() WHERE what = 'profile' AND state = 'open' RETURNING subject"
        )
        shop.work()
        (anna,) = shop.hand.control("profiles", verb="GET", email=ANNA)
        names = ("Friends", "Credit Balance", "Credit Currency")
        return [anna["properties"].get(f"Referral Connector Referral {name}") for name in names]

    assert figures() == [0, None, None]
    order = shop.order()
    assert figures() == [1, 8, "EUR"]
    shop.change(order, "refund", amount="20.00")
    assert figures() == [1, 6, "EUR"]
