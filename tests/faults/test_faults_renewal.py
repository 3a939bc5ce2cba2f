"""C26: a token that ended is renewed once however many processes meet that, and whoever dies over it costs no reward.

What a merchant would lose: the connection, because a second renewal ended what the first one brought; or rewards that
nobody pays and nobody speaks of, because a process died with the only good token. Salesforce is the hard case: where
tokens rotate, it ends the old refresh token with the very answer that brings the new one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
import requests
from sqlalchemy import create_engine

from connector.embedded import postgres
from connector.errors import Gone, NotDone, TokenExpired
from connector.journey.accounts import open_account, token_expired
from connector.journey.desk import Lane
from connector.lanes import due
from connector.ports.rows import Connection
from connector.store import keys, migrate
from tests.conftest import MakeApp
from tests.faults.forked import BOUND_S, began, go_on, meet, processes, renew, said, speaking, work
from tests.faults.plant import dice
from tests.journey.money import until
from tests.orgs import ORG, Org
from tests.web.test_install_salesforce import connected

PROCESSES = 50
#: As many for orgs whose refresh tokens rotate, and for those whose tokens last.
KILLS = 25
RENEWAL, CALL = "POST /services/oauth2/token", "/services/data"


@pytest.fixture(scope="module")
def template() -> Iterator[str]:
    """A schema to clone, on a server that fifty processes may be connected to at once."""
    with TemporaryDirectory(prefix="connector-fault-") as folder, pytest.MonkeyPatch.context() as patch:
        Path(folder).chmod(0o711)
        patch.setitem(postgres._SETTINGS, "max_connections", "100")
        with postgres.start(Path(folder)) as server:
            engine = create_engine(server.url)
            migrate.migrate(engine)
            engine.dispose()
            yield server.url


class Watched(dict[str, tuple[str, str]]):
    """The stand-in's refresh tokens. It also writes down which were shown to it, honoured or not."""

    def __init__(self, held: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(held)
        self.shown: list[str] = []

    def __contains__(self, token: object) -> bool:
        self.shown.append(str(token))
        return super().__contains__(token)


@pytest.fixture
def browser() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


@pytest.fixture(params=[True, False], ids=["rotating", "lasting"])
def org(make_app: MakeApp, browser: requests.Session, request: pytest.FixtureRequest) -> Iterator[Org]:
    """An org that an admin connected in the browser, whose refresh tokens rotate or last."""
    with Org(make_app, rotates=request.param) as opened:
        tokens = opened.sandbox.world.orgs[ORG].tokens
        tokens.refresh = Watched(tokens.refresh)
        connected(opened, browser)
        yield opened


rotating = pytest.mark.parametrize("org", [True], ids=["rotating"], indirect=True)


# ── Many at once ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_fifty_processes_that_meet_an_ended_token_renew_it_once_and_all_go_on_with_it(org: Org) -> None:
    """Renewed twice, the second pair could end the first, and the admin would have to connect the org again."""
    owed(org)
    before = logins(org)
    with processes(org, meet, PROCESSES) as workers:
        assert said(workers) == {"met"}
        with org.sandbox.world.lock:  # the platform answers nobody before all have asked for a renewal
            go_on(workers)
            until(lambda: len(speaking(workers)) >= PROCESSES - 1, "all processes but one to be told to wait", BOUND_S)
            told_to_wait = speaking(workers)
            assert said(told_to_wait) == {"waits"}
        assert said([each for each in workers if each not in told_to_wait]) == {"renewed"}
        go_on(workers)
        assert said(workers) == {kept(org).access}, "every one of them has the new token, and it works"
        go_on(workers)
        assert said(workers) == {"worked"}
    drive(org)
    assert logins(org) - before == 1
    assert kept(org).refresh.split()[-1] in tokens(org), "the refresh token that is kept is the one that is honoured"
    assert paid(org) == [Decimal(100)]


@rotating
def test_who_hears_late_that_a_token_ended_uses_the_one_that_another_brought_meanwhile(org: Org) -> None:
    """Each renewal that nobody needs is one more answer that can be lost, and with it the connection."""
    session_ends(org)
    before = logins(org)
    with processes(org, meet, 2) as workers:
        assert said(workers) == {"met"}
        for each in workers:
            go_on([each])
            each.says()
    assert logins(org) - before == 1


@rotating
def test_four_rewards_in_flight_that_meet_an_ended_token_renew_it_once(org: Org) -> None:
    codes = [org.advocate(f"advocate{number}@example.com")[1] for number in range(4)]
    approve(org, *codes)
    org.work()
    approve(org, *codes)
    session_ends(org)
    before = logins(org)
    drive(org)
    assert paid(org) == [Decimal(100)] * 8
    assert logins(org) - before == 1


# ── Death over it ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Place:
    """A moment of a renewal at which the platform keeps a process waiting; the last of its faults does that.

    loses: whether the only good token is in that process alone, where tokens rotate.
    """

    faults: tuple[dict[str, Any], ...]
    loses: bool = False


_HOLD = {"delay_s": BOUND_S, "count": 1}
PLACES = {
    "before the platform did anything": Place(({"fault": "silence", "when": "before", "path": RENEWAL, **_HOLD},)),
    "after it renewed and before that was kept": Place(({"fault": "slow", "path": RENEWAL, **_HOLD},), loses=True),
    "after the new token was kept": Place(
        (
            {"fault": "expired", "path": CALL, "count": 1},
            {"fault": "silence", "when": "before", "path": CALL, **_HOLD},
        )
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_whoever_is_killed_while_renewing_a_token_costs_no_reward(
    org: Org, browser: requests.Session, place: str
) -> None:
    """Where the only good token died with it, the merchant is told, and what waited is paid once they reconnected."""
    owed(org)
    for fault in PLACES[place].faults:
        org.client.control("faults", **fault)
    with processes(org, work, 1) as (worker,):
        until(lambda: held_up(org), f"a process to be held up {place}", BOUND_S)
        worker.end()
    org.client.control("faults", verb="DELETE")
    drive(org)
    lost = PLACES[place].loses and rotates(org)
    assert state_as_told(org) == ("reconnect" if lost else "active")
    assert paid(org) == ([] if lost else [Decimal(100)])
    if lost:
        assert org.totals()["rewards"] == {"approved": 1}
        connected(org, browser)
        drive(org)
    assert paid(org) == [Decimal(100)] and org.totals()["rewards"] == {"issued": 1}
    session_ends(org)
    assert has_good_token(org), "what is kept now can be renewed again"
    assert none_came_back(tokens(org).shown)


def test_however_a_renewal_is_cut_short_the_token_is_good_or_the_merchant_is_told(
    org: Org, browser: requests.Session
) -> None:
    random, reconnected = dice(), 0
    owed(org)
    org.client.control("faults", fault="slow", path=RENEWAL, delay_s=0.03, count=None)
    with processes(org, renew, KILLS) as workers:
        for worker in workers:
            session_ends(org)
            go_on([worker])
            assert worker.says() == "met"
            time.sleep(random.uniform(0, 0.06))
            worker.end()
            if not has_good_token(org):
                assert state_as_told(org) == "reconnect" and rotates(org)
                reconnected += 1
                connected(org, browser)
    print(f"{KILLS} killed: {KILLS - reconnected} connections went on, {reconnected} were said to need reconnecting")
    drive(org)
    assert paid(org) == [Decimal(100)]
    assert none_came_back(tokens(org).shown)


@rotating
def test_the_doctor_says_that_an_org_must_be_connected_again(org: Org) -> None:
    owed(org)
    org.client.control("tokens/revoke")
    assert not has_good_token(org)
    assert "reconnect" in org.says("doctor")


# ── The org and its connection ───────────────────────────────────────────────────────────────────────────────────


def approve(org: Org, *codes: str) -> None:
    """A reward of 100 to each of these advocates may be paid now, and is not yet."""
    for code in codes:
        org.win(org.opportunity(org.contact(f"{uuid4().hex}@example.com", Referral_Code__c=code)))
    org.rows("UPDATE task SET due_at = clock_timestamp() WHERE what = 'poll' AND state = 'open' RETURNING subject")

    def approved() -> bool:
        for lane in due.lanes(org.app.database):
            if org.totals()["rewards"].get("approved") != len(codes):
                org.app.workshop.work(lane.id)
        return bool(org.totals()["rewards"].get("approved") == len(codes))

    until(approved, "every reward to be approved", BOUND_S)


def owed(org: Org) -> None:
    """One reward waits to be paid when the session ends."""
    approve(org, org.advocate()[1])
    session_ends(org)


def session_ends(org: Org) -> None:
    org.client.control("tokens/expire")


def drive(org: Org) -> None:
    """Work all lanes, without waiting for any pause, until nothing can move or the merchant must reconnect."""

    def settled() -> bool:
        time_passes(org)
        for lane in due.lanes(org.app.database):
            org.app.workshop.work(lane.id)
        return kept(org).state != "active" or org.settled()

    until(settled, "nothing can move", BOUND_S)


def time_passes(org: Org) -> None:
    """What the dead held is free again, doubts are old enough to be believed, and every pause is over."""
    org.rows(
        """UPDATE connection SET refresh_until = NULL, doubted_at = doubted_at - interval '1 hour'
           WHERE merchant_id = :merchant RETURNING id"""
    )
    org.rows(
        """UPDATE lane SET not_before = '-infinity', expires_at = least(expires_at, clock_timestamp() - interval '1 s')
           WHERE merchant_id = :merchant RETURNING id"""
    )
    org.rows("UPDATE reward SET retry_at = clock_timestamp() WHERE state = 'approved' RETURNING id")


def has_good_token(org: Org) -> bool:
    """Whether the next worker comes by a token that the platform honours; else it has closed the connection."""
    lane = Lane(org.merchant, org.connection, org.app.desk.platforms["salesforce"])

    def decided() -> bool:
        time_passes(org)
        since = began(org.app, lane)
        try:
            lane.platform.auth().probe(open_account(org.app.desk, lane))
        except TokenExpired as error:
            with suppress(NotDone, Gone):
                token_expired(org.app.desk, lane, error, since)
            return False
        except Gone:
            return True
        return True

    until(decided, "the token to be good, or the connection to be closed", BOUND_S)
    return kept(org).state == "active"


def kept(org: Org) -> Connection:
    """What we keep of the connection."""
    with org.app.database.begin(org.merchant) as tx:
        return tx.connections.get(org.connection)


def tokens(org: Org) -> Watched:
    held = org.sandbox.world.orgs[ORG].tokens.refresh
    assert isinstance(held, Watched)
    return held


def none_came_back(shown: list[str]) -> bool:
    """Whether no refresh token was used again after a newer one had been."""
    each = [token for token, _ in groupby(shown)]
    return len(each) == len(set(each))


def rotates(org: Org) -> bool:
    return org.sandbox.world.orgs[ORG].rotates


def logins(org: Org) -> int:
    return int(org.client.book()["logins"])


def held_up(org: Org) -> bool:
    """Whether the last of the faults struck, and after the effect where it strikes there."""
    fault = org.client.control("faults", verb="GET")[-1]
    late = fault["when"] == "after" and f"{RENEWAL} {fault['kind']}_after" not in org.client.book()["outcomes"]
    return bool(fault["fired"]) and not late


def paid(org: Org) -> list[Decimal]:
    """Every change of a credit's amount, by the stand-in's own book."""
    return [amount for _, amount in org.moved()]


def state_as_told(org: Org) -> str:
    """What the merchant's own tools hear of the connection."""
    headers = {"Authorization": f"Bearer {keys.add(org.app.database, org.merchant, uuid4().hex)}"}
    answer = requests.get(f"http://127.0.0.1:{org.port}/api/v1/connections", headers=headers, timeout=30)
    (told,) = answer.json()["connections"]
    return str(told["state"])
