"""C5, C6: of thousands of forged requests on each platform none is believed, and every good one between them is.

What a merchant would lose: money to whoever can type, or the orders of a day because of one who tries.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters import discover
from connector import clock
from connector.errors import Rejected
from connector.ports.inbound import Inbound, Inbox
from tests.adapters.conformance.driver import OLD_SECRET, SECRET, Bench, bench

#: Forged ones on each platform, and as many good ones between them.
REQUESTS = 10_000
FOREIGN = "another app's secret"
#: Platforms that sign a time, and the header that tells it.
TIMED = {"hubspot": "x-hubspot-request-timestamp", "klaviyo": "klaviyo-timestamp"}


@pytest.fixture(scope="module", params=sorted(discover()))
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


def sample(here: Bench) -> bytes:
    """The body of a request as the platform sends it."""
    return here.driver.envelope(here.driver.body(here.driver.topics[0]))


def believed(inbound: Inbound, inbox: Inbox) -> bool:
    """Whether it is let in. Raises whatever is no refusal of a stranger."""
    try:
        inbound.receive(inbox, [SECRET, OLD_SECRET])
    except Rejected as error:
        assert error.status in {400, 401, 403}, error
        return False
    return True


def forged(dice: random.Random, here: Bench, inbox: Inbox) -> Inbox:
    """The same request with one bit of what is signed changed, or with a mark that is not its own."""
    kinds = ["mark", "foreign", "none"] + (["body", "cut"] if here.driver.signature else [])
    timed = TIMED.get(here.adapter.manifest.key)
    match dice.choice([*kinds, *(["time"] if timed else [])]):
        case "body":
            return replace(inbox, body=flipped(dice, inbox.body))
        case "cut":
            return replace(inbox, body=inbox.body[: dice.randrange(len(inbox.body))])
        case "time":
            told = bytearray(inbox.headers[timed].encode())
            digits = [place for place, letter in enumerate(told) if chr(letter).isdigit()]
            place = dice.choice(digits)
            told[place] = ord(dice.choice([d for d in "0123456789" if ord(d) != told[place]]))
            return replace(inbox, headers={**inbox.headers, timed: told.decode()})
        case "mark":
            return with_other_mark(dice, here, inbox)
        case "foreign":
            return here.driver.signed(inbox.body, FOREIGN)
        case _:
            return here.driver.marked(inbox, dice.choice([None, "", " ", "=", "é" * 44]))


def with_other_mark(dice: random.Random, here: Bench, inbox: Inbox) -> Inbox:
    """One letter of the signature is another one."""
    mark = inbox.headers[here.driver.signature] if here.driver.signature else inbox.path[-40:]
    place = dice.randrange(len(mark.rstrip("=")) - 1)  # the last letter of base64 says some bits twice
    other = dice.choice([letter for letter in "abcdef0123456789" if letter != mark[place].lower()])
    return here.driver.marked(inbox, mark[:place] + other + mark[place + 1 :])


def flipped(dice: random.Random, body: bytes) -> bytes:
    place = dice.randrange(len(body))
    return body[:place] + bytes([body[place] ^ 1 << dice.randrange(8)]) + body[place + 1 :]


def test_of_ten_thousand_forged_requests_none_is_believed_and_no_good_one_is_refused(here: Bench) -> None:
    dice, inbound, body = random.Random(5), here.adapter.inbound, sample(here)
    counted = {"forged and believed": 0, "good and refused": 0}
    for _ in range(REQUESTS):
        inbox = here.driver.signed(body, dice.choice([SECRET, OLD_SECRET]))
        counted["forged and believed"] += believed(inbound, forged(dice, here, inbox))
        counted["good and refused"] += not believed(inbound, inbox)
    assert counted == {"forged and believed": 0, "good and refused": 0}


# ── A time that is signed ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=sorted(TIMED))
def timed(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


@pytest.mark.parametrize(("apart_s", "counts"), [(-301, False), (-299, True), (299, True), (301, False)])
def test_five_minutes_apart_counts_and_a_second_more_does_not(
    timed: Bench, monkeypatch: pytest.MonkeyPatch, apart_s: int, counts: bool
) -> None:
    """However long this takes: the request is signed between the two moments, and told in whole seconds at worst."""
    body, before = sample(timed), datetime.now(UTC)
    inbox = timed.driver.signed(body, SECRET)
    after = datetime.now(UTC)
    now = (before if counts == (apart_s > 0) else after) + timedelta(seconds=apart_s)
    monkeypatch.setattr(clock, "now", lambda: now)
    assert believed(timed.adapter.inbound, inbox) == counts
