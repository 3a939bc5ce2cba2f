"""What comes in: only what the platform signed is believed, and no bytes of a stranger can stop anybody.

A stored delivery that cannot be read is a ValueError with its reason, never another exception: the journey parks it.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters import discover
from connector.errors import Rejected
from connector.ports.inbound import Inbound, Inbox
from tests.adapters.conformance.driver import OLD_SECRET, SECRET, Bench, bench

MUTATIONS = 150
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.fixture(scope="module", params=sorted(discover()))
def here(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(request.param) as opened:
        yield opened


@pytest.fixture
def inbound(here: Bench) -> Inbound:
    return here.adapter.inbound


def body(here: Bench) -> bytes:
    return here.driver.envelope(here.driver.body(here.driver.topics[0]))


def changed(inbox: Inbox, **changes: object) -> Inbox:
    return replace(inbox, **changes)  # type: ignore[arg-type]


def refused(inbound: Inbound, inbox: Inbox, *secrets: str) -> int:
    with pytest.raises(Rejected) as error:
        inbound.receive(inbox, secrets or (SECRET,))
    return error.value.status


def test_what_the_platform_signed_is_taken_and_names_its_account(here: Bench, inbound: Inbound) -> None:
    for topic in here.driver.topics:
        raw = here.driver.body(topic)
        (item,) = inbound.receive(here.driver.signed(here.driver.envelope(raw), SECRET, topic), [SECRET])
        assert (item.account, item.topic, item.known, item.key != "") == (here.driver.account, topic, True, True)
        assert item.body == raw
        assert inbound.read(topic, raw, AT).outcome in here.driver.outcomes


def test_both_secrets_count_while_a_merchant_rotates_them(here: Bench, inbound: Inbound) -> None:
    raw = body(here)
    for secret in (SECRET, OLD_SECRET):
        assert inbound.receive(here.driver.signed(raw, secret), [SECRET, OLD_SECRET])
    assert refused(inbound, here.driver.signed(raw, OLD_SECRET)) == 401
    assert refused(inbound, here.driver.signed(raw, "another app's secret"), SECRET, OLD_SECRET) == 401


def test_without_a_secret_of_ours_nobody_is_believed(here: Bench, inbound: Inbound) -> None:
    signed = here.driver.signed(body(here), "")
    for secrets in ([], [""]):
        with pytest.raises(Rejected):
            inbound.receive(signed, secrets)


def test_one_bit_changed_on_the_way_is_refused(here: Bench, inbound: Inbound) -> None:
    """Where nothing is signed, it is refused or speaks of the same account still: no more than a record to look at."""
    good = here.driver.signed(body(here), SECRET)
    places = range(0, len(good.body), max(1, len(good.body) // 40))
    for place in (*places, len(good.body) - 1):
        for bit in range(8):
            flipped = bytearray(good.body)
            flipped[place] ^= 1 << bit
            _never_believed(here, inbound, changed(good, body=bytes(flipped)))
    for other in (good.body[:-1], good.body + b" ", b" " + good.body, b""):
        _never_believed(here, inbound, changed(good, body=other))
    assert inbound.receive(good, [SECRET])


def _never_believed(here: Bench, inbound: Inbound, inbox: Inbox) -> None:
    if here.driver.signature:
        assert refused(inbound, inbox) == 401
        return
    try:
        items = inbound.receive(inbox, [SECRET])
    except Rejected as error:
        assert error.status in {400, 401, 403}
    else:
        assert {item.account for item in items} <= {here.driver.account}


@pytest.mark.parametrize("mark", [None, "", " ", "AAAA", "=", "not base64", "ключ", "\ud800", "é" * 44, "A" * 9000])
def test_a_missing_or_odd_signature_is_refused_like_a_wrong_one(
    here: Bench, inbound: Inbound, mark: str | None
) -> None:
    assert refused(inbound, here.driver.marked(here.driver.signed(body(here), SECRET), mark)) == 401


def test_the_signature_alone_carries_nobody_who_is_not_an_account(here: Bench, inbound: Inbound) -> None:
    if not here.driver.signature:
        pytest.skip("the account stands in the address that bears the secret")
    good = here.driver.signed(body(here), SECRET)
    assert refused(inbound, changed(good, headers={here.driver.signature: good.headers[here.driver.signature]})) in {
        400,
        401,
    }


def hostile(sample: bytes) -> Iterator[bytes]:
    """Bodies that a correctly signed request may still carry."""
    depth = 100_000
    yield from (b"", b" ", b"null", b"[]", b"{}", b"0", b'"x"', b"{", b"\xff\xfe", b'{"id": "\xff"}', b"\x00" * 50)
    yield from (b"[" * depth, b'{"a":' * depth, b'{"id":' * depth + b"1" + b"}" * depth)
    numbers = ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "9" * 5000, "-" + "9" * 30, "1E-400", "0.1" * 1)
    data = json.loads(sample)
    odd: tuple[object, ...] = (None, True, "", [], {}, [None], {"id": {}}, "\ud800", "\x00", -1, 1.5, [[[]]])
    yield json.dumps({**data, "id": "a" * 300_000}).encode()
    for name in data:
        for number in numbers:
            yield json.dumps({**data, name: "@"}).replace('"@"', number).encode()
        for value in odd:
            yield json.dumps({**data, name: value}).encode()
    yield json.dumps({**data, "id": "\ud83d"}).encode()
    yield json.dumps({**data, "padding": "x" * (8 * 1024 * 1024)}).encode()


def mutated(sample: bytes, seed: int) -> bytes:
    """The sample with a few of its bytes changed, cut, doubled or swapped."""
    dice, raw = random.Random(seed), bytearray(sample)
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(raw) or 1)
        match dice.randrange(4):
            case 0 if raw:
                raw[place] = dice.randrange(256)
            case 1:
                del raw[place : place + dice.randint(1, 40)]
            case 2:
                raw[place:place] = raw[place : place + dice.randint(1, 40)]
            case _:
                raw[place:place] = dice.choice([b"null", b"{}", b"[]", b"-", b"e9", b'"', b"\\ud800", b"\xc3", b","])
    return bytes(raw)


def test_no_signed_bytes_ever_crash_the_door_or_the_reader(here: Bench, inbound: Inbound) -> None:
    for topic in here.driver.topics:
        sample = here.driver.body(topic)
        bad = [*hostile(sample), *(mutated(sample, seed) for seed in range(MUTATIONS))]
        for number, raw in enumerate(bad):
            try:
                items = inbound.receive(here.driver.signed(here.driver.envelope(raw), SECRET, topic), [SECRET])
            except Rejected as error:
                assert error.status in {400, 401, 403, 413}, (topic, raw[:80])
                items = []
            for name in {topic, *(item.topic for item in items)}:
                try:
                    assert inbound.read(name, raw, AT).outcome in here.driver.outcomes
                except ValueError as error:
                    assert str(error).strip(), (topic, raw[:80])
            if number % 50 == 0:
                (good,) = inbound.receive(here.driver.signed(here.driver.envelope(sample), SECRET, topic), [SECRET])
                assert inbound.read(topic, good.body, AT).outcome in here.driver.outcomes


def test_a_topic_that_cannot_be_read_is_kept_apart(here: Bench, inbound: Inbound) -> None:
    if not here.driver.signature:
        pytest.skip("what is not signed tells no topic")
    for topic in ("made/up", "../../etc/passwd", "orders/paid; DROP TABLE", "ключ", "x" * 5000):
        try:
            items = inbound.receive(here.driver.signed(body(here), SECRET, topic), [SECRET])
        except Rejected:
            continue
        assert [item.known for item in items] == [False]
        assert inbound.read(items[0].topic, items[0].body, AT).sightings == ()
