"""Whoever builds on the news gets each piece at least once, signed, under an id that stays; and nothing that is secret."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner

from connector.cli import main
from connector.cli.account import install
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import ConfigError, NotFound
from connector.hook.outbound import signed
from connector.journey import enrol, happened, hook, spoken, tell
from connector.journey.choose import choose
from connector.journey.effects import code_of
from connector.journey.install import leave
from connector.journey.receivers import Which, replay, rotate
from connector.lanes import due
from connector.ports.hooks import NEW, RECEIVER
from connector.ports.news import Happened
from connector.store import merchants
from connector.store.retention import purge
from connector.wiring import App
from tests.conftest import MakeApp
from tests.faults.crash import die_at, pass_over
from tests.receiver import Receiver, path_of, receiving, verified
from tests.shop import PROGRAM, SECRET, Shop

URL, OTHER = "https://hooks.example.com/referrals", "https://elsewhere.example.org/in"
TEN = Money(1000, "EUR")
NOBODY = "http://127.0.0.1:9"


class Hooked(Shop):
    """A shop whose merchant has a receiver beside it; what happened before it came is told by now."""

    def __init__(self, make_app: MakeApp, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(make_app)
        work(self)
        self.add(URL)

    def another_app(self, **changes: str) -> App:
        return super().another_app(**{"HOOK_URL": self.receiver.url, **changes})

    def add(self, url: str, key: str = NEW, merchant: UUID | None = None) -> UUID:
        owner = merchant or self.merchant
        connection = install(self.app, RECEIVER, url, key, lambda: owner)
        with self.app.database.begin(owner) as tx:
            self.receiver.secrets[path_of(url)] = tx.connections.get(connection).access
        return connection

    @property
    def anna(self) -> UUID:
        (row,) = self.rows("SELECT person_id FROM advocate WHERE merchant_id = :merchant LIMIT 1")
        return UUID(str(row["person_id"]))

    def happens(self, *keys: str, kind: NewsKind = NewsKind.ENROLLED, **more: Any) -> None:
        with self.app.database.begin(self.merchant) as tx:
            now = tx.now()
            tx.news.add([Happened(key, kind, "advocate", self.anna, self.program, now, **more) for key in keys])
            happened.mark(tx)

    def stands(self) -> list[tuple[str, int, int | None, str]]:
        """Every delivery, oldest first: its state, tries, and what was answered last."""
        rows = self.rows("SELECT d.* FROM hook_delivery d JOIN news ON news.id = news_id ORDER BY news.at, news.id")
        return [(row["state"], row["tries"], row["status"], row["outcome"]) for row in rows]

    def state_of(self, url: str = URL) -> str:
        (row,) = self.rows("SELECT state FROM connection WHERE external_account = :url", url=url)
        return str(row["state"])


def work(shop: Shop) -> None:
    """Work every lane that is due, but wait for none that rests."""
    end = time.monotonic() + 30
    while lanes := due.lanes(shop.app.database):
        for lane in lanes:
            shop.app.workshop.work(lane.id)
        assert time.monotonic() < end, f"still due: {lanes}"


def later(shop: Shop) -> None:
    """Every pause is over."""
    shop.rows("UPDATE hook_delivery SET due_at = clock_timestamp() WHERE state = 'waiting' RETURNING id")
    shop.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'hook' AND state = 'open' RETURNING subject")
    shop.rows("UPDATE lane SET not_before = '-infinity' RETURNING id")
    work(shop)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def shop(make_app: MakeApp, receiver: Receiver) -> Iterator[Hooked]:
    with Hooked(make_app, receiver) as opened:
        yield opened


# ── What arrives ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_referral_is_heard_step_by_step_signed_and_once(shop: Hooked, receiver: Receiver) -> None:
    shop.order(net="80.00")
    shop.work()
    work(shop)
    assert receiver.forged == []
    assert set(receiver.types()) == {"referral.started", "referral.converted", "reward.due", "reward.issued"}
    roles = sorted(each.told["data"]["role"] for each in receiver.taken if each.told["type"] == "referral.started")
    assert roles == ["advocate", "friend"]
    assert len(set(receiver.ids())) == len(receiver.taken) == 5
    issued = next(each.told for each in receiver.taken if each.told["type"] == "reward.issued")
    assert issued["data"]["amount"] == {"minor": 800, "currency": "EUR", "decimal": "8.00"}
    assert (issued["data"]["code"], issued["data"]["program"]) == (shop.code, "Tea friends")
    assert datetime.fromisoformat(issued["timestamp"]).tzinfo is not None
    assert set(issued["data"]) == {
        "id", "role", "person", "program", "code", "link", "referral_id", "reward_id", "reward_kind", "reason", "amount",
        "item", "join",
    }  # fmt: skip
    work(shop)
    assert len(receiver.taken) == 5


def test_nothing_that_names_or_pays_anybody_is_sent(shop: Hooked, receiver: Receiver) -> None:
    shop.order(email="cem@example.org")
    shop.work()
    (reward,) = shop.rows("SELECT id FROM reward WHERE merchant_id = :merchant")
    shop.rows("UPDATE reward SET means = 'code' WHERE id = :id RETURNING id", id=reward["id"])
    with shop.app.database.begin(shop.merchant) as tx:
        happened.of_reward(tx, NewsKind.ISSUED, "paid by a code", reward["id"], TEN)
    work(shop)
    sent = json.dumps([each.told for each in receiver.taken])
    told = [each.told["data"]["reward_kind"] for each in receiver.taken]
    assert "code" in told
    assert code_of(shop.app.desk.marker_key, reward["id"]) not in sent
    assert "@" not in sent and "cem" not in sent and "anna" not in sent.lower().replace("annas", "")


def test_every_field_is_there_whether_it_says_something_or_not(shop: Hooked, receiver: Receiver) -> None:
    shop.happens("a")
    shop.happens("b", kind=NewsKind.REDEEMED, amount=Money(500, "JPY"))
    work(shop)
    first, second = (each.told["data"] for each in receiver.taken)
    assert first["amount"] is None and first["reward_id"] is None and first["reason"] is None
    assert second["amount"] == {"minor": 500, "currency": "JPY", "decimal": "500"}


def test_they_come_in_order(shop: Hooked, receiver: Receiver) -> None:
    kinds = [NewsKind.ENROLLED, NewsKind.STARTED, NewsKind.CONVERTED, NewsKind.DUE, NewsKind.ISSUED]
    for place, kind in enumerate(kinds):
        shop.happens(f"{place}", kind=kind)
    shop.happens(*(f"more {place}" for place in range(hook.FEW)), kind=NewsKind.SHARED)
    work(shop)
    assert receiver.types()[:5] == [hook.type_of(kind) for kind in kinds]
    assert len(receiver.taken) == 5 + hook.FEW


def test_more_than_is_looked_at_together_comes_all_the_same(
    shop: Hooked, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody tells it to people, so that nothing else keeps the work open."""
    monkeypatch.setattr(tell, "MANY", 2)
    shop.happens(*"abcde")
    work(shop)
    assert len(receiver.taken) == 5


def test_the_signature_is_the_one_of_the_specification() -> None:
    """Its own example: id, time, body, secret and signature as published at standardwebhooks.com."""
    headers = signed(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_what_happened_before_a_receiver_came_is_not_sent_there(shop: Hooked, receiver: Receiver) -> None:
    shop.happens("a")
    with shop.app.database.begin(shop.merchant) as tx:
        tx.run("UPDATE connection SET installed_at = clock_timestamp() WHERE platform = 'hook'")
    shop.happens("b", kind=NewsKind.SHARED)
    work(shop)
    assert receiver.types() == ["link.shared"]


def test_a_receiver_gets_the_kinds_that_it_wants(shop: Hooked, receiver: Receiver) -> None:
    choose(shop.app.desk, shop.merchant, RECEIVER, URL, {"kinds": "reward issued , reward reversed"})
    shop.happens("a")
    shop.happens("b", kind=NewsKind.ISSUED)
    shop.happens("c", kind=NewsKind.REVERSED)
    work(shop)
    assert receiver.types() == ["reward.issued", "reward.reversed"]
    with pytest.raises(ConfigError, match="does not fit"):
        choose(shop.app.desk, shop.merchant, RECEIVER, URL, {"kinds": "reward issued, reward paid"})


def test_each_of_two_receivers_gets_each_once_by_its_own_secret(shop: Hooked, receiver: Receiver) -> None:
    shop.add(OTHER)
    receiver.says(500)
    shop.happens("a", "b", "c")
    work(shop)
    later(shop)
    assert receiver.forged == []
    for url in (URL, OTHER):
        mine = [each for each in receiver.taken if each.path == path_of(url)]
        assert len({each.id for each in mine}) == len({each.told["data"]["id"] for each in mine}) == 3
    assert len({each.id for each in receiver.taken}) == 6
    assert receiver.secrets[path_of(URL)] != receiver.secrets[path_of(OTHER)]
    assert [state for state, *_ in shop.stands()] == ["done"] * 6


def test_without_a_receiver_nothing_is_kept_and_nobody_is_called(shop: Hooked, receiver: Receiver) -> None:
    leave(shop.app.desk, shop.merchant, RECEIVER, URL)
    shop.happens("a")
    work(shop)
    assert (receiver.taken, shop.stands()) == ([], [])
    assert shop.rows("SELECT id FROM news WHERE merchant_id = :merchant AND NOT hooked") == []


def test_nobody_hears_of_another_merchants_customers(shop: Hooked, receiver: Receiver) -> None:
    ben = merchants.ensure(shop.app.database, "Ben's Bikes")
    shop.add(OTHER, merchant=ben)
    shop.happens("a")
    work(shop)
    assert {each.path for each in receiver.taken} == {path_of(URL)}
    (delivery,) = shop.rows("SELECT id FROM hook_delivery")
    for which in (Which(delivery=delivery["id"]), Which(failed=True, url=URL)):
        with pytest.raises(NotFound):
            replay(shop.app.desk, ben, which)
    with pytest.raises(ConfigError, match="another merchant"):
        shop.add(URL, merchant=ben)
    assert replay(shop.app.desk, ben, Which(since=datetime(2026, 1, 1, tzinfo=UTC))) == 0


def test_a_referral_told_of_by_staff_is_at_home_where_purchases_are(shop: Hooked) -> None:
    """Also where the receiver came before the shop: nothing is ever bought there, and it would wait for ever."""
    eva, domain = merchants.ensure(shop.app.database, "Eva's Flowers"), "evas-flowers.myshopify.com"
    shop.add(OTHER, merchant=eva)
    shop.client.control("shops", domain=domain, currency="EUR", token="shpat_eva", secret=SECRET, target=NOBODY)
    connection = install(shop.app, "shopify", domain, "shpat_eva", lambda: eva)
    with shop.app.database.begin(eva) as tx:
        program = tx.programs.apply({**PROGRAM, "links": {"hosts": [domain]}})
        code = enrol.enrol(tx, program.id, "anna@example.com").code
    word = spoken.Word("Eva", "on the phone", code, email="cem@example.org")
    spoken.say(shop.app.desk, eva, program.program.slug, word)
    with shop.app.database.begin(eva) as tx:
        assert tx.run("SELECT connection_id FROM referral WHERE merchant_id = :merchant").scalar_one() == connection


# ── What fails ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [500, 404, 400, 429, 302, 304])
def test_what_is_not_taken_comes_again_under_the_same_id_and_holds_nothing_up(
    shop: Hooked, receiver: Receiver, status: int
) -> None:
    receiver.headers["Location"] = f"{receiver.url}/stolen"
    receiver.says(status)
    shop.happens("a", "b", "c")
    work(shop)
    assert shop.stands()[0] == ("waiting", 1, status, f"it answered {status}")
    assert [state for state, *_ in shop.stands()] == ["waiting", "done", "done"]
    later(shop)
    ids = receiver.ids()
    assert len(ids) == 4 and ids[3] == ids[0]
    assert {each.path for each in receiver.taken} == {path_of(URL)} and receiver.forged == []
    assert shop.stands()[0] == ("done", 2, 204, "")


@pytest.mark.parametrize(("when", "got"), [("before", 0), ("after", 1), ("slow", 1)])
def test_a_lost_answer_has_the_same_sent_again(shop: Hooked, receiver: Receiver, when: str, got: int) -> None:
    receiver.cuts(when)
    shop.happens("a")
    work(shop)
    assert len(receiver.taken) == got
    state, tries, status, why = shop.stands()[0]
    assert (state, tries, status) == ("waiting", 1, None) and "calling hook" in why
    later(shop)
    assert len(set(receiver.ids())) == 1 and len(receiver.ids()) == got + 1
    assert shop.stands() == [("done", 2, 204, "")]


def test_a_receiver_that_is_not_there_is_tried_for_three_days_and_then_given_up(
    shop: Hooked, receiver: Receiver
) -> None:
    nobody = shop.another_app(HOOK_URL=NOBODY)
    shop.app = nobody
    shop.happens("a")
    pauses = []
    work(shop)
    while shop.stands()[0][0] == "waiting":
        (row,) = shop.rows("SELECT extract(epoch FROM due_at - clock_timestamp()) AS left FROM hook_delivery")
        pauses.append(float(row["left"]))
        later(shop)
    assert [round(left / 5) for left in pauses] == [pause.total_seconds() / 5 for pause in hook.SCHEDULE]
    assert sum(hook.SCHEDULE, timedelta()) > timedelta(days=3)
    assert shop.stands()[0][:3] == ("failed", len(hook.SCHEDULE) + 1, None)
    shop.app = shop.another_app()
    assert replay(shop.app.desk, shop.merchant, Which(failed=True)) == 1
    work(shop)
    assert len(receiver.taken) == 1 and shop.stands() == [("done", 1, 204, "")]


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (lambda: "3600", HOUR),
        (lambda: format_datetime(datetime.now(UTC) + HOUR, usegmt=True), HOUR),
        (lambda: "1", hook.SCHEDULE[0]),
        (lambda: "999999999999", timedelta(days=1)),
        (lambda: "nonsense", hook.SCHEDULE[0]),
        (lambda: "-5", hook.SCHEDULE[0]),
    ],
)
def test_a_receiver_says_when_it_wants_to_be_asked_again(
    shop: Hooked, receiver: Receiver, asked: Callable[[], str], wait: timedelta
) -> None:
    receiver.headers["Retry-After"] = asked()
    receiver.says(429)
    shop.happens("a")
    work(shop)
    (row,) = shop.rows("SELECT due_at - clock_timestamp() AS left FROM hook_delivery")
    assert wait - timedelta(seconds=15) < row["left"] <= wait
    (task,) = shop.rows("SELECT due_at - clock_timestamp() AS left FROM task WHERE what = 'hook' AND state = 'open'")
    assert abs(task["left"] - row["left"]) < timedelta(seconds=1)


def test_who_is_gone_is_called_no_more_and_gets_what_waited_when_added_again(shop: Hooked, receiver: Receiver) -> None:
    receiver.says(410)
    shop.happens("a", "b")
    work(shop)
    assert (len(receiver.taken), shop.state_of()) == (1, "reconnect")
    assert shop.stands() == [("waiting", 1, 410, "it answered 410"), ("waiting", 0, None, "")]
    later(shop)
    assert len(receiver.taken) == 1
    shop.add(URL)
    later(shop)
    assert receiver.forged == []
    assert receiver.ids()[0] in receiver.ids()[1:] and len(set(receiver.ids())) == 2 and len(receiver.ids()) == 3
    assert [state for state, *_ in shop.stands()] == ["done", "done"]


def test_what_waited_for_a_receiver_that_was_taken_away_is_not_sent_when_it_comes_back(
    shop: Hooked, receiver: Receiver
) -> None:
    receiver.says(500)
    shop.happens("a")
    work(shop)
    leave(shop.app.desk, shop.merchant, RECEIVER, URL)
    shop.add(URL)
    later(shop)
    assert len(receiver.taken) == 1 and shop.stands() == [("failed", 1, 500, "the receiver was taken away")]
    shop.happens("b")
    work(shop)
    assert len(receiver.taken) == 2 and receiver.forged == []


def test_a_worker_that_dies_between_the_answer_and_its_book_sends_the_same_again(
    shop: Hooked, receiver: Receiver
) -> None:
    shop.happens("a", "b")
    die_at(shop, "hook.answered")
    assert len(receiver.taken) == 1 and shop.stands()[0][:2] == ("waiting", 0)
    pass_over(shop)
    work(shop)
    first, again, other = receiver.ids()
    assert first == again != other
    assert [state for state, *_ in shop.stands()] == ["done", "done"]


def test_whoever_is_forgotten_is_told_of_no_more(shop: Hooked, receiver: Receiver) -> None:
    receiver.says(500)
    shop.happens("a")
    work(shop)
    shop.happens("b")
    with shop.app.database.begin(shop.merchant) as tx:
        tx.people.erase(shop.anna)
    later(shop)
    assert len(receiver.taken) == 1
    assert shop.stands() == [("failed", 1, 500, "they were forgotten")]
    replay(shop.app.desk, shop.merchant, Which(failed=True))
    replay(shop.app.desk, shop.merchant, Which(since=datetime(2020, 1, 1, tzinfo=UTC)))
    work(shop)
    assert len(receiver.taken) == 1 and shop.stands()[0][0] == "failed"


# ── Sending again ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_taken_is_sent_again_under_its_own_id_and_as_it_stands_now(shop: Hooked, receiver: Receiver) -> None:
    shop.happens("a")
    shop.happens("b", kind=NewsKind.SHARED)
    work(shop)
    shop.apply({**_program(shop), "name": "Coffee friends"})
    (row,) = shop.rows("SELECT id FROM hook_delivery WHERE id = CAST(:id AS uuid)", id=receiver.taken[1].id)
    assert replay(shop.app.desk, shop.merchant, Which(delivery=row["id"])) == 1
    work(shop)
    assert receiver.ids()[2] == receiver.ids()[1] and len(receiver.taken) == 3
    for wrong in (Which(), Which(failed=True, since=datetime.now(UTC))):
        with pytest.raises(ConfigError, match="what to send again"):
            replay(shop.app.desk, shop.merchant, wrong)
    with pytest.raises(NotFound, match="hook log"):
        replay(shop.app.desk, shop.merchant, Which(delivery=uuid4()))


def _program(shop: Shop) -> dict[str, Any]:
    with shop.app.database.begin(shop.merchant) as tx:
        found = tx.run("SELECT data FROM program_version WHERE merchant_id = :merchant LIMIT 1").scalar_one()
    return dict(found)


def test_everything_since_a_time_comes_again_also_what_was_never_sent(shop: Hooked, receiver: Receiver) -> None:
    shop.happens("a")
    work(shop)
    moment = datetime.now(UTC)
    shop.happens("b", kind=NewsKind.SHARED)
    work(shop)
    shop.add(OTHER)
    assert replay(shop.app.desk, shop.merchant, Which(since=moment)) == 2
    work(shop)
    assert receiver.types() == ["enrolled", "link.shared", "link.shared", "link.shared"]
    assert len(set(receiver.ids())) == 3
    assert replay(shop.app.desk, shop.merchant, Which(since=moment, url=OTHER)) == 1


def test_old_deliveries_go_and_those_that_wait_stay(shop: Hooked, receiver: Receiver) -> None:
    receiver.says(200, 500)
    shop.happens("a", "b")
    work(shop)
    shop.rows(
        "UPDATE hook_delivery SET created_at = created_at - interval '31 days', done_at = done_at - interval '31 days' RETURNING id"
    )
    purge(shop.app.database, timedelta(days=30))
    assert [state for state, *_ in shop.stands()] == ["waiting"]


# ── Secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_while_a_secret_is_changed_both_sign_and_then_the_new_one_alone(shop: Hooked, receiver: Receiver) -> None:
    secret = rotate(shop.app.desk, shop.merchant, URL)
    old = receiver.secrets[path_of(URL)]
    shop.happens("a")
    work(shop)
    receiver.secrets[path_of(URL)] = secret
    shop.happens("b")
    work(shop)
    (held,) = shop.rows("SELECT token_expires_at - clock_timestamp() AS left FROM connection WHERE platform = 'hook'")
    assert timedelta(hours=23) < held["left"] <= timedelta(days=1)
    shop.rows("UPDATE connection SET token_expires_at = clock_timestamp() WHERE platform = 'hook' RETURNING id")
    shop.happens("c")
    work(shop)
    assert (receiver.forged, [each.marks for each in receiver.taken]) == ([], [2, 2, 1])
    receiver.secrets[path_of(URL)] = old
    shop.happens("d")
    work(shop)
    assert receiver.forged == [path_of(URL)]


def test_a_secret_is_printed_once_and_stands_nowhere_in_clear(
    shop: Hooked, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shop.app.environ.items():
        monkeypatch.setenv(name, value)
    said = _run("hook", "add", OTHER)
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", said)
    receiver.secrets[path_of(OTHER)] = secret
    assert "is told already" in _run("hook", "add", OTHER, exit_code=2)
    shop.happens("a")
    receiver.says(500)
    work(shop)
    later(shop)
    assert receiver.forged == [] and path_of(OTHER) in {each.path for each in receiver.taken}
    told = [
        _run("hook", "list"), _run("hook", "log", "--json"), _run("hook", "log"), _run("doctor", "--json"),
        _run("choose", "hook", "--account", OTHER), _run("hook", "replay", "--since", "2026-01-01"),
    ]  # fmt: skip
    assert [words for words in told if secret in words or "whsec_" in words] == []
    rows = [
        str(row)
        for table in ("connection", "hook_delivery", "directory", "task")
        for row in shop.rows(f"SELECT * FROM {table}")
    ]
    assert [row for row in rows if secret in row] == []
    assert "told nothing more" in _run("hook", "remove", OTHER)
    assert OTHER not in _run("hook", "list") and URL in _run("hook", "list")


def test_the_log_says_what_was_given_up_and_doctor_says_how_to_send_it_again(
    shop: Hooked, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shop.app.environ.items():
        monkeypatch.setenv(name, value)
    receiver.says(*[500] * (len(hook.SCHEDULE) + 1))
    shop.happens("a")
    work(shop)
    assert "waiting" in _run("hook", "log") and _run("hook", "log", "--failed") == ""
    for _ in hook.SCHEDULE:
        later(shop)
    (row,) = json.loads(_run("hook", "log", "--failed", "--account", URL, "--json"))
    assert (row["state"], row["tries"], row["status"], row["why"]) == ("failed", 10, 500, "it answered 500")
    assert "it answered 500" in _run("hook", "log")
    assert f"connector hook replay --failed --account {URL}" in _run("doctor")
    assert _run("hook", "replay", row["id"]) == "1 is sent again.\n"
    work(shop)
    assert receiver.ids()[-1] == row["id"] and "replay --failed" not in _run("doctor")


def _run(*words: str, exit_code: int = 0) -> str:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == exit_code, done.output
    return done.output


OWN = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_secret_of_ones_own_signs(shop: Hooked, receiver: Receiver) -> None:
    shop.add(OTHER, OWN)
    assert receiver.secrets[path_of(OTHER)] == OWN
    shop.happens("a")
    work(shop)
    assert len(receiver.taken) == 2 and receiver.forged == []


@pytest.mark.parametrize(
    "wrong", ["", "whsec_", OWN[6:], "whsec_c2hvcnQ=", f"{OWN} {OWN}", "whsec_" + "AAAA" * 22, "whsec_ä"]
)
def test_what_is_no_secret_is_refused_and_not_repeated(shop: Hooked, wrong: str) -> None:
    with pytest.raises(ConfigError, match="no secret") as told:
        shop.add(OTHER, wrong)
    assert len(wrong) < 7 or wrong[6:] not in str(told.value)
    shop.add(OTHER, OWN)


def test_the_receiver_of_these_tests_tells_what_is_forged() -> None:
    body, now = b"{}", int(datetime.now(UTC).timestamp())
    headers = signed([OWN], "id", now, body)
    assert verified(OWN, headers, body)
    assert not verified(OWN, headers, b"{ }")
    assert not verified("whsec_" + "A" * 32, headers, body)
    assert not verified(OWN, {**headers, "webhook-id": "other"}, body)
    assert not verified(OWN, signed([OWN], "id", now - 600, body), body)
