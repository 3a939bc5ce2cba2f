"""The door: a stranger who finds our address learns nothing, and can neither tell lies nor make us stumble."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.salesforce import inbound
from adapters.salesforce.inbound.door import TOPIC
from adapters.salesforce.inbound.ids import full_id
from adapters.salesforce.inbound.xml import MAX_DEPTH, MAX_NODES, read_xml
from connector.domain.facts import ObjectRef
from connector.errors import Rejected
from connector.ports.inbound import Inbox

ORG, OTHER = "00D7F00000107XsUAI", "00D7F00000107XtUAI"
SECRET, OLD = "the app's secret", "the app's older secret"
AT = datetime(2026, 11, 22, tzinfo=UTC)
FOLDER = os.environ.get("CONTRACTS_DIR", "")
MESSAGES = sorted((Path(FOLDER) / "salesforce" / "outbound-message").glob("*.xml")) if FOLDER else []


def contract(test):
    reason = "CONTRACTS_DIR is not set: the platforms' published schemas are not here"
    return pytest.mark.contracts(pytest.mark.skipif(not FOLDER, reason=reason)(test))


def notification(record="0067F000003pmdWQAQ", number="04l7F000008aeAyQAI", more=""):
    return (
        f'<Notification><Id>{number}</Id><sObject xmlns:sf="urn:sobject"><sf:Id>{record}</sf:Id>{more}</sObject>'
        "</Notification>"
    )


def message(*notifications, organization=ORG, head=""):
    return (
        f'{head}<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        '<notifications xmlns="http://soap.sforce.com/2005/09/outbound">'
        f"<OrganizationId>{organization}</OrganizationId><SessionId/>{''.join(notifications)}"
        "</notifications></e:Body></e:Envelope>"
    ).encode()


def posted(body, *, path=None, secret=SECRET):
    return Inbox("POST", path or inbound.place_of(ORG, secret), {"content-type": "text/xml"}, body)


def refused(inbox, *secrets):
    with pytest.raises(Rejected) as told:
        inbound.receive(inbox, secrets or (SECRET,))
    return told.value.status


def test_each_notification_is_a_delivery_that_names_the_record_and_nothing_else():
    first, second = notification(), notification("00Q7F000003pmdW", "04l7F000008aeAzQAI", "<sf:Email>a@b.c</sf:Email>")
    items = inbound.receive(posted(message(first, second)), [SECRET])
    assert [(item.account, item.topic, item.known) for item in items] == [(ORG, TOPIC, True)] * 2
    assert [json.loads(item.body)["id"] for item in items] == ["0067F000003pmdWQAQ", full_id("00Q7F000003pmdW")]
    assert b"a@b.c" not in items[1].body, "fields of a message are anybody's word, and personal besides"
    assert len({item.key for item in items}) == 2


def test_a_repeated_message_has_the_same_keys():
    one, two = (inbound.receive(posted(message(notification())), [SECRET]) for _ in range(2))
    assert [item.key for item in one] == [item.key for item in two]


def test_the_ack_is_what_salesforce_waits_for():
    said = inbound.reply(posted(message(notification())))
    assert said.type.startswith("text/xml")
    assert [node.text for node in read_xml(said.body).all() if node.name == "Ack"] == ["true"]


def test_the_organization_may_have_fifteen_characters():
    assert inbound.receive(posted(message(notification(), organization=ORG[:15])), [SECRET])


def test_while_a_secret_is_renewed_the_older_address_still_works():
    body = message(notification())
    assert inbound.receive(posted(body, secret=OLD), [SECRET, OLD])
    assert refused(posted(body, secret=OLD), SECRET) == 401


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/salesforce",
        "/webhooks/salesforce/",
        f"/webhooks/salesforce/{ORG}",
        f"/webhooks/salesforce/{ORG}-",
        f"/webhooks/salesforce/{ORG}-{'0' * 40}",
        inbound.place_of(ORG, SECRET).replace(ORG, OTHER),
        inbound.place_of(ORG, SECRET) + "0",
        inbound.place_of(ORG, SECRET).upper(),
        inbound.place_of(ORG, ""),
    ],
)
def test_at_any_other_address_nobody_is_believed(path):
    assert refused(posted(message(notification()), path=path), SECRET, "") == 401


def test_a_message_of_another_org_is_refused_whole():
    assert refused(posted(message(notification(), organization=OTHER))) == 403
    assert refused(posted(message(notification(), organization=""))) == 403


BOMB = '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        message(notification("&b;"), head=BOMB),
        message(notification("&x;"), head='<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        message(notification(), head='<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">'),
        message(notification(), head=BOMB).decode().encode("utf-16"),
        message(notification(more="<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1))),
        message(*[notification(more="<a/>" * 1000)] * (MAX_NODES // 1000 + 1)),
        message(notification())[:-20],
        b"",
        b"{}",
        b"\x00\xff" * 100,
        b'<?xml version="1.0"?><soap/>',
        b"<a>&undeclared;</a>",
    ],
    ids=["billion laughs", "a file", "a remote type", "in another encoding", "deep", "wide", "cut", "empty", "json", "noise",
         "another envelope", "an unknown entity"],
)  # fmt: skip
def test_what_is_no_message_is_refused_before_anything_is_kept(body):
    assert refused(posted(body)) == 400


def test_a_body_larger_than_any_message_is_refused_unread():
    assert refused(posted(b" " * (inbound.MAX_BODY + 1))) == 413


def test_a_broken_notification_is_kept_apart_and_its_neighbours_are_used():
    items = inbound.receive(posted(message(notification("nonsense", "04l7F000008aeB0QAI"), notification())), [SECRET])
    assert [item.known for item in items] == [False, True]
    with pytest.raises(ValueError, match="names no record"):
        inbound.read(TOPIC, items[0].body, AT)


@pytest.mark.parametrize(
    ("record", "kind"), [("00Q7F000003pmdWQAQ", "person"), ("0037F000003pmdWQAQ", "person"), ("0067F000003pmdWQAQ", "opportunity")]
)  # fmt: skip
def test_a_saved_record_is_looked_at(record, kind):
    (item,) = inbound.receive(posted(message(notification(record))), [SECRET])
    reading = inbound.read(TOPIC, item.body, AT)
    (sighting,) = reading.sightings
    assert (reading.outcome, sighting.ref, sighting.grows) == ("changed", ObjectRef(kind, full_id(record)), True)
    assert {seen.value for seen in reading.people} == ({full_id(record)} if kind == "person" else set())


def test_a_record_of_another_kind_decides_nothing():
    (item,) = inbound.receive(posted(message(notification("5007F000003pmdWQAQ"))), [SECRET])
    assert inbound.read(TOPIC, item.body, AT).outcome == "not_used"


@pytest.mark.parametrize(
    "typed",
    [
        "0067F000003pmdW",
        "0067F000003pmdWQAQ",
        " 0067F000003pmdWQAQ ",
        "https://acme.lightning.force.com/lightning/r/Opportunity/0067F000003pmdWQAQ/view",
        "https://acme.my.salesforce.com/0067F000003pmdW?nooverride=1",
    ],
)
def test_people_name_a_record_by_its_id_or_its_address(typed):
    assert inbound.purchase(typed) == ObjectRef("opportunity", full_id("0067F000003pmdW"))


@pytest.mark.parametrize("typed", ["", "0067F", "5007F000003pmdWQAQ", "https://acme.my.salesforce.com/", "x" * 500])
def test_what_names_no_record_is_told(typed):
    with pytest.raises(ValueError, match="give its id"):
        inbound.purchase(typed)


def test_ids_of_either_length_are_one():
    assert full_id("0067F000003pmdW") == full_id("0067F000003pmdWQAQ") == "0067F000003pmdWQAQ"
    assert full_id("00D7F00000107Xs") == "00D7F00000107XsUAI"
    assert [full_id(text) for text in ("", "0067F000003pmd", "0067F000003pmdWQA", "0067F000003pm-W", "é" * 15)] == [
        ""
    ] * 5


@contract
@pytest.mark.parametrize("path", [path for path in MESSAGES if "ack" not in path.name], ids=lambda path: path.stem)
def test_real_messages_are_read(path):
    body = path.read_bytes()
    told = next(node.text for node in read_xml(body).all() if node.name == "OrganizationId")
    items = inbound.receive(posted(body.replace(told.encode(), ORG.encode())), [SECRET])  # one was made unreadable
    assert items and all(item.account == ORG and item.known for item in items)


@contract
def test_our_ack_says_what_a_real_one_says():
    (real,) = [path for path in MESSAGES if path.name == "ack-true.xml"]
    assert [(n.name, n.text) for n in read_xml(real.read_bytes()).all()] == [
        (n.name, n.text) for n in read_xml(inbound.reply(posted(b"")).body).all()
    ]
