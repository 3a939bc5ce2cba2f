"""Klaviyo's system webhooks: believed only as signed and fresh, split one by one, and then of no use to anybody."""

import hashlib
import hmac
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from adapters.klaviyo import inbound
from connector.errors import Rejected
from connector.ports.inbound import Inbox
from connector.ports.platform import Seen

SECRET, ACCOUNT = "the webhook's secret", "TEA001"
TOPIC = "event:klaviyo.unsubscribed_from_email_marketing"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
FOLDER = os.environ.get("CONTRACTS_DIR", "")
DELIVERY = Path(FOLDER) / "klaviyo" / "webhooks" / "system-webhook-delivery-shape.json"


def event(number=1, **more):
    ties = {"profile": {"data": {"type": "profile", "id": f"01PROFILE{number}"}}}
    inside = {
        "type": "event",
        "id": "e",
        "attributes": {"datetime": "2026-11-20T09:00:00+00:00"},
        "relationships": ties,
    }
    return {"external_id": f"01EVENT{number}", "topic": TOPIC, "payload": {"data": inside}, **more}


def body(*events, account=ACCOUNT):
    return json.dumps({"data": list(events), "meta": {"klaviyo_account_id": account}}).encode()


def signed(raw, *, at=None, stamp=None, secret=SECRET):
    stamp = format_datetime(at or datetime.now(UTC), usegmt=True) if stamp is None else stamp
    mark = hmac.new(secret.encode(), raw + stamp.encode(), hashlib.sha256).hexdigest()
    return Inbox("POST", "/webhooks/klaviyo", {"klaviyo-signature": mark, "klaviyo-timestamp": stamp}, raw)


def status(inbox):
    with pytest.raises(Rejected) as error:
        inbound.receive(inbox, [SECRET])
    return error.value.status


def test_each_of_up_to_a_thousand_events_becomes_a_delivery_of_its_own():
    items = inbound.receive(signed(body(*map(event, range(1000)))), [SECRET])
    assert [item.key for item in items] == [f"01EVENT{number}" for number in range(1000)]
    assert {(item.account, item.topic, item.known) for item in items} == {(ACCOUNT, TOPIC, True)}
    assert items[0].triggered_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert status(signed(body(*map(event, range(1001))))) == 400


@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(days=3), timedelta(minutes=-6)])
def test_an_old_delivery_is_refused_even_as_signed(late):
    assert status(signed(body(event()), at=datetime.now(UTC) - late)) == 401


@pytest.mark.parametrize("stamp", ["", "x", "0", "9" * 50, "Tue, 99 Foo 2026 03:50:12 GMT", "2026-02-30T00:00:00Z"])
def test_a_time_that_is_none_is_refused(stamp):
    assert status(signed(body(event()), stamp=stamp)) == 401


def test_a_time_may_be_told_as_a_header_or_as_iso():
    for stamp in (None, datetime.now(UTC).isoformat()):
        assert inbound.receive(signed(body(event()), stamp=stamp), [SECRET])


def test_another_time_than_the_signed_one_is_refused():
    inbox = signed(body(event()))
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    assert status(replace(inbox, headers={**inbox.headers, "klaviyo-timestamp": later})) == 401


@pytest.mark.parametrize("account", ["", "TEA01", "evil.com", None, 7])
def test_a_delivery_of_no_account_is_nobodys(account):
    assert status(signed(body(event(), account=account))) == 400


def test_one_without_a_name_is_told_apart_by_its_bytes():
    one, other = inbound.receive(signed(body(event(1, external_id=None), event(2, external_id=""))), [SECRET])
    assert one.key != other.key
    assert len(one.key) == 64


def test_nothing_that_klaviyo_says_decides_about_a_referral_but_a_person_is_known_by_it():
    (item,) = inbound.receive(signed(body(event())), [SECRET])
    reading = inbound.read(item.topic, item.body, AT)
    assert (reading.outcome, reading.sightings, reading.facts) == ("not_used", (), ())
    assert reading.people == (Seen("person", "01PROFILE1"),)


@pytest.mark.skipif(not FOLDER, reason="CONTRACTS_DIR is not set: the published shape of a delivery is not here")
def test_a_delivery_of_the_published_shape_is_read():
    told = json.loads(DELIVERY.read_text(encoding="utf-8"))
    (item,) = inbound.receive(signed(json.dumps(told).encode()), [SECRET])
    assert (item.account, item.key, item.known) == ("EXMPLE", "01HXEXAMPLEEVENTID0000000", True)
    assert inbound.read(item.topic, item.body, AT).people == (Seen("person", "EXAMPLEPROFILE"),)


def test_nothing_is_bought_there_and_no_page_of_ours_is_shown():
    with pytest.raises(ValueError, match="knows no purchases"):
        inbound.purchase("1001")
    with pytest.raises(Rejected):
        inbound.visitor(signed(b""), [SECRET])
    assert inbound.reply(signed(b"")).body == b""
