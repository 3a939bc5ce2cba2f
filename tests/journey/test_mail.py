"""A merchant without a marketing platform leaves nobody in the dark: the connector writes to people itself, once each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.policy import SMTP
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from connector.cli.account import install
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import ConfigError, Gone, NotDone, Refused, TokenExpired, Unavailable, Unknown
from connector.journey.erase import forget
from connector.lanes import due
from connector.mail.auth import MailAuth
from connector.mail.letters import letter
from connector.mail.outbound import MailOutbound
from connector.mail.post import Server
from connector.ports.news import News
from connector.ports.platform import Account, Seen
from connector.web import create_app
from connector.wiring import App
from tests.conftest import MakeApp
from tests.journey.money import drive
from tests.mailbox import Mailbox
from tests.shop import Shop

SENDER = "referrals@tea.example.com"
ANNA, BEN = "anna@example.com", "ben@example.org"


class Writing(Shop):
    """A shop whose merchant has a mail server, and nobody else who tells."""

    def __init__(self, make_app: MakeApp) -> None:
        self.box = Mailbox("geheim")
        super().__init__(make_app)
        install(self.app, "mail", SENDER, self.box.url, lambda: self.merchant)

    def __exit__(self, *told: object) -> None:
        super().__exit__(*told)
        self.box.stop()

    def stir(self, rounds: int = 1) -> None:
        """Whatever rests, was put off or waits for another try is due, so many times."""
        for _ in range(rounds):
            past = "clock_timestamp() - interval '1 second'"
            self.rows(f"UPDATE news SET not_before = {past} WHERE not_before IS NOT NULL RETURNING id")
            self.rows(f"UPDATE task SET due_at = {past} WHERE what = 'tell' AND state = 'open' RETURNING what")
            self.rows(f"UPDATE lane SET not_before = {past} WHERE not_before > clock_timestamp() RETURNING id")
            while lanes := due.lanes(self.app.database):
                for lane in lanes:
                    self.app.workshop.work(lane.id)

    def news(self) -> dict[str, int]:
        return dict(self.totals()["news"])


@pytest.fixture
def shop(make_app: MakeApp) -> Iterator[Writing]:
    with Writing(make_app) as opened:
        yield opened


@pytest.fixture
def web(shop: Writing) -> FlaskClient:
    return create_app(shop.app).test_client()


def test_a_whole_referral_is_written_step_by_step_each_once_to_whom_it_is_for(shop: Writing) -> None:
    order = shop.order(email=BEN)
    shop.work()
    shop.change(order, "refund", amount="20.00")
    shop.work()
    drive(shop)
    assert Counter(shop.box.subjects(ANNA)) == Counter([
        "Your link for Anna's Tea House", "A friend came by your link", "Your referral counts", "You are owed 8.00 EUR",
        "You got 8.00 EUR", "2.00 EUR of your reward was taken back",
    ])  # fmt: skip
    assert shop.box.subjects(BEN) == ["Welcome to Anna's Tea House"]
    (first, *_) = [mail.get_content() for mail in shop.box.mails if mail["Subject"].startswith("Your link")]
    assert f"/r/{shop.code}" in first and "Tea friends" in first
    assert set(shop.news()) == {"told"}


def test_nobody_reads_of_the_other_and_answers_go_to_no_robot(shop: Writing) -> None:
    shop.order(email=BEN)
    shop.work()
    for mail in shop.box.mails:
        other = "ben" if mail["To"] == ANNA else "anna@"
        assert other not in mail.get_content().casefold()
        assert mail["From"].addresses[0].addr_spec == SENDER and mail["Auto-Submitted"] == "auto-generated"
        assert "One-Click" in mail["List-Unsubscribe-Post"]


@pytest.mark.parametrize("fault", ["busy", "put off", "cut at data", "cut before", "full"])
def test_what_went_wrong_before_the_mail_was_taken_is_written_later_and_once(shop: Writing, fault: str) -> None:
    shop.box.does(fault, fault)
    shop.order(email=BEN)
    shop.stir(5)
    assert sorted(Counter(shop.box.subjects()).values()) == [1] * len(shop.box.mails)
    assert set(shop.news()) == {"told"}


def test_one_mailbox_that_is_put_off_holds_up_nobody_else(shop: Writing) -> None:
    shop.box.does("put off")
    shop.order(email=BEN)
    shop.stir()
    assert len(shop.box.mails) > 2
    assert shop.news()["on their way"] == 1
    shop.rows("UPDATE news SET created_at = created_at - interval '4 days' RETURNING id")
    shop.box.does("put off")
    shop.stir()
    assert shop.news()["refused"] == 1, "a mailbox that is full for days is given up, and the doctor says so"
    assert "<address>" in str(shop.rows("SELECT outcome FROM news WHERE state = 'refused'"))


def test_a_mail_whose_taking_got_lost_comes_again_under_the_same_id(shop: Writing) -> None:
    """Nobody can tell whether it was taken. Mailboxes show one of two with an id; none of none is worse."""
    shop.box.does("cut after")
    shop.order(email=BEN)
    shop.stir(2)
    ids = Counter(str(mail["Message-ID"]) for mail in shop.box.mails)
    assert sorted(ids.values(), reverse=True)[:2] == [2, 1]
    assert len(ids) == len(set(shop.box.subjects()))


def test_an_address_that_is_none_is_told_to_the_merchant_and_to_nobody_else(shop: Writing) -> None:
    shop.box.does("no such box")
    shop.order(email=BEN)
    shop.work()
    drive(shop)
    assert shop.news()["refused"] == 1
    (row,) = shop.rows("SELECT outcome FROM news WHERE state = 'refused'")
    assert "no such box" in row["outcome"]


def test_a_password_that_was_changed_stops_the_mails_and_says_reconnect(shop: Writing) -> None:
    shop.box.password = "another"
    shop.order(email=BEN)
    shop.stir()
    assert shop.box.mails == []
    (row,) = shop.rows("SELECT state FROM connection WHERE platform = 'mail'")
    assert row["state"] == "reconnect"
    install(shop.app, "mail", SENDER, shop.box.url, lambda: shop.merchant)
    shop.stir()
    assert len(shop.box.mails) == len(set(shop.box.subjects())) > 3


def test_whoever_wants_no_mails_gets_none_until_they_want_them_again(shop: Writing, web: FlaskClient) -> None:
    shop.work()
    (mail,) = shop.box.mails
    page = re.search(r"http\S+(/stop/\S+)", mail.get_content())
    assert page and mail["List-Unsubscribe"] == f"<{page[0]}>"
    assert b"No more mails" in web.get(page[1]).data
    assert shop.rows("SELECT id FROM person WHERE quiet_at IS NOT NULL") == [], "a mail program opens links by itself"
    assert b"You get no more" in web.post(page[1], data={"List-Unsubscribe": "One-Click"}).data
    shop.order(email=BEN)
    shop.work()
    drive(shop)
    assert shop.box.subjects(ANNA) == ["Your link for Anna's Tea House"]
    assert shop.news()["refused"] >= 3, "the doctor says why"
    web.post(page[1], data={"again": "1"})
    shop.order(email="cleo@example.org")
    shop.work()
    assert len(shop.box.subjects(ANNA)) > 1


@pytest.mark.parametrize("token", ["x", "A" * 64, "ключ", "%00", "A" * 65])
def test_a_link_that_we_did_not_make_stops_nobody(web: FlaskClient, shop: Writing, token: str) -> None:
    assert web.get(f"/stop/{token}").status_code == 404
    assert web.post(f"/stop/{token}").status_code == 404
    assert shop.rows("SELECT id FROM person WHERE quiet_at IS NOT NULL") == []


def test_whoever_is_forgotten_is_written_to_no_more(shop: Writing) -> None:
    shop.box.does("put off")
    shop.stir()
    with shop.app.database.begin(shop.merchant) as tx:
        forget(tx, None, [Seen("email", ANNA)], "person", datetime.now(UTC))
    shop.order(email=BEN)
    shop.stir()
    assert shop.box.subjects(ANNA) == []


def test_with_a_mail_server_of_the_connectors_own_nobody_is_left_in_the_dark(make_app: MakeApp) -> None:
    """A merchant who joins a shop and nothing else: their advocates hear of it all the same, each merchant by a sender."""
    box = Mailbox("geheim")

    def app_with_mail(**changes: str) -> App:
        return make_app(**{**changes, "MAIL_SERVER": box.url, "MAIL_FROM": "Referrals@Connector.example.com"})

    with Shop(app_with_mail) as shop:
        shop.order(email=BEN)
        shop.work()
        drive(shop)
        assert "You got 8.00 EUR" in box.subjects(ANNA) and box.subjects(BEN) == ["Welcome to Anna's Tea House"]
        senders = {mail["From"].addresses[0].addr_spec for mail in box.mails}
        assert senders == {f"referrals+{shop.merchant.hex[-12:]}@connector.example.com"}
        install(shop.app, "mail", SENDER, box.url, lambda: shop.merchant)
        assert len(shop.rows("SELECT id FROM connection WHERE platform = 'mail'")) == 2, (
            "a server of their own may join"
        )
    box.stop()


# ── One mail ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def box() -> Iterator[Mailbox]:
    opened = Mailbox()
    yield opened
    opened.stop()


def account(box: Mailbox) -> Account:
    return Account(uuid4(), "mail", SENDER, box.url)


def news(kind: NewsKind = NewsKind.ISSUED, **more: object) -> News:
    told = News(
        uuid4(), kind, "advocate", datetime.now(UTC), ANNA, business="Tea House", stop="https://x.example/stop/1"
    )
    return replace(told, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("busy", NotDone),
        ("sender refused", Refused),
        ("cut at data", Unavailable),
        ("cut before", Unknown),
        ("cut after", Unknown),
    ],
)
def test_each_failure_is_named_by_its_consequence(box: Mailbox, fault: str, error: type[Exception]) -> None:
    box.does(fault)
    with pytest.raises(error):
        MailOutbound(20.0).tell(account(box), [news()])
    assert len(box.mails) == (fault == "cut after")


@pytest.mark.parametrize("kind", NewsKind)
@pytest.mark.parametrize("role", ["advocate", "friend"])
@pytest.mark.parametrize("amount", [None, Money(1250, "EUR")])
def test_each_kind_has_its_words_with_and_without_what_may_be_missing(
    box: Mailbox, kind: NewsKind, role: str, amount: Money | None
) -> None:
    (result,) = MailOutbound(20.0).tell(account(box), [news(kind, role=role, amount=amount, values={"program": "Tea"})])
    assert result.refused == ""
    (mail,) = box.mails
    text = mail.get_content()
    assert mail["Subject"] and "Tea House" in text and "/stop/1" in text
    assert "{" not in mail["Subject"] + text and "None" not in text


def test_the_link_to_stop_stands_in_its_header_as_mail_programs_read_it(box: Mailbox) -> None:
    """They offer a button for it, and decode nothing."""
    link = f"https://referrals.example.com/stop/{'A' * 200}"
    mail = letter(news(stop=link), SENDER)
    assert mail is not None and f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in mail.as_bytes(policy=SMTP)
    MailOutbound(20.0).tell(account(box), [news(stop=link, business="Tee für Alle " * 8)])
    assert box.mails[0]["List-Unsubscribe"] == f"<{link}>"
    assert box.mails[0]["From"].addresses[0].display_name.startswith("Tee für Alle")


def test_a_reward_code_is_written_whole(box: Mailbox) -> None:
    MailOutbound(20.0).tell(account(box), [news(values={"program": "Tea", "reward_code": ".K7=.\n.\nX"})])
    assert ".K7=. . X" in box.mails[0].get_content()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_of_a_merchants_writes_a_header(program: str, reason: str, business: str) -> None:
    told = news(NewsKind.REJECTED, values={"program": program, "reason": reason}, business=business.replace("\x00", ""))
    mail = letter(told, SENDER)
    assert mail is not None
    assert sorted(mail.keys()).count("Subject") == 1 and "Bcc" not in mail.as_string().split("\n\n")[0]


@given(st.text(max_size=40))
def test_whatever_stands_where_an_address_should_is_sent_to_or_refused(text: str) -> None:
    mail = letter(news(email=text), SENDER)
    assert mail is None or re.fullmatch(r"[!-~]+@[A-Za-z0-9.-]+", str(mail["To"]))


def test_an_address_of_another_script_is_spelled_as_servers_take_it() -> None:
    mail = letter(news(email="anna@tee-für-alle.example"), SENDER)
    assert mail is not None and mail["To"] == "anna@xn--tee-fr-alle-xhb.example"


@pytest.mark.parametrize(
    "text", ["", "https://x.example", "smtp://", "smtp://x.example/path", "smtp://x.example:port", "K"]
)
def test_what_is_no_mail_server_is_told_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError, match="give a mail server's address"):
        MailAuth(20.0).own(SENDER, text)


@pytest.mark.parametrize(
    "text", ["", "anna", "anna@", "@x.example", "a b@x.example", "anna@x.example\n", "a@evil..com"]
)
def test_what_is_no_sender_is_refused(text: str) -> None:
    if text.endswith("\n"):
        assert MailAuth(20.0).check_account(text) == "anna@x.example"
        return
    with pytest.raises(ConfigError, match="no address to send from"):
        MailAuth(20.0).check_account(text)


def test_a_wrong_password_joins_nothing(box: Mailbox) -> None:
    box.password = "right"
    wrong = replace(account(box), token=box.url.replace("right", "wrong"))
    with pytest.raises(TokenExpired, match="does not take the password"):
        MailAuth(20.0).probe(wrong)
    assert MailAuth(20.0).probe(account(box)) == {"name": "tea.example.com"}
    assert "right" not in repr(Server.parse(box.url))
    with pytest.raises(Gone):
        MailAuth(20.0).refresh(account(box), "")
