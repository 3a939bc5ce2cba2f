"""A merchant's money follows what HubSpot sends: a forged, foreign or broken event must cost nobody anything."""

import base64
import hashlib
import hmac
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.hubspot import inbound
from adapters.hubspot.inbound import signature
from adapters.hubspot.sandbox import webhooks
from connector.domain.facts import ObjectRef, PeopleMerged, PersonErased, PersonGone, RewardReleased
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Visitor
from connector.ports.platform import Seen

SECRET, OLD_SECRET = "the app's secret of today", "the app's secret of yesterday"
BASE, WEBHOOKS, STEPS = "https://referrals.example.com", "/webhooks/hubspot", "/actions/hubspot"
AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
FOLDER = os.environ.get("CONTRACTS_DIR", "")
CONTRACTS = Path(FOLDER) / "hubspot"
published = pytest.mark.skipif(not FOLDER, reason="CONTRACTS_DIR is not set: HubSpot's published payloads are not here")
EVENT = {
    "eventId": 2409503945,
    "subscriptionId": 2426762,
    "portalId": 62515,
    "appId": 2633736,
    "occurredAt": 1705422467780,
    "subscriptionType": "object.propertyChange",
    "attemptNumber": 0,
    "objectId": 1801,
    "objectTypeId": "0-1",
    "propertyName": "referral_code",
    "propertyValue": "ANNA7",
    "changeSource": "CRM_UI",
    "sourceId": "userId:51430432",
}
STEP = {
    "callbackId": "ap-62515-56776413549-7-0",
    "origin": {"portalId": 62515, "actionDefinitionId": 10646377},
    "object": {"objectId": 904, "objectType": "CONTACT"},
    "inputFields": {},
}


def raw_of(body):
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def stamped(ahead_s=0):
    return str(round((time.time() + ahead_s) * 1000))


def signed(body, *, secret=SECRET, path=WEBHOOKS, base=BASE, stamp=None, method="POST", address=None, **more):
    """A request as HubSpot makes it; `more` replaces or, with None, drops a header."""
    raw, told = raw_of(body), stamp if stamp is not None else stamped()
    text = method.encode() + (address or base + path).encode() + raw + told.encode()
    mark = base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()
    headers = {"signature-v3": mark, "request-timestamp": told}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return Inbox(method, path, {f"x-hubspot-{k}": v for k, v in headers.items() if v is not None}, raw, base)


def signed_v2(body, *, path, secret=SECRET):
    """As older requests are signed: no time, and no HMAC."""
    raw = raw_of(body)
    mark = hashlib.sha256(f"{secret}POST{BASE}{path}".encode() + raw).hexdigest()
    return Inbox("POST", path, {"x-hubspot-signature": mark, "x-hubspot-signature-version": "v2"}, raw, BASE)


def receive(inbox):
    return inbound.receive(inbox, [SECRET, OLD_SECRET])


def reading(item):
    return inbound.read(item.topic, item.body, AT)


def read(**changes):
    """What one event says that differs from EVENT in `changes`; None drops a key."""
    event = {key: value for key, value in {**EVENT, **changes}.items() if value is not None}
    (item,) = receive(signed([event]))
    assert item.known
    return reading(item)


# ── Who may speak ────────────────────────────────────────────────────────────────────────────────────────────────


def vectors(version):
    if not FOLDER:
        return []
    told = json.loads((CONTRACTS / "signature-vectors.json").read_text())["vectors"]
    return [pytest.param(v, id=f"{version}-{place}") for place, v in enumerate(told) if v["version"] == version]


def vector_request(vector, headers, body=None):
    base, path = "https://www.example.com", vector["uri"].removeprefix("https://www.example.com")
    return Inbox(vector["method"], path, headers, (body or vector["body"]).encode(), base)


@published
@pytest.mark.contracts
@pytest.mark.parametrize("vector", vectors("v3"))
def test_hubspots_own_examples_of_version_3_fit_and_are_only_too_old(vector):
    headers = {"x-hubspot-signature-v3": vector["signature"], "x-hubspot-request-timestamp": vector["timestamp"]}
    with pytest.raises(Rejected, match="too long ago"):
        signature.check(vector_request(vector, headers), [vector["client_secret"]])
    for odd in ({"body": vector["body"] + " "}, {"headers": {**headers, "x-hubspot-request-timestamp": stamped()}}):
        with pytest.raises(Rejected, match="not HubSpot's"):
            signature.check(vector_request(vector, **{"headers": headers, **odd}), [vector["client_secret"]])


@published
@pytest.mark.contracts
@pytest.mark.parametrize("vector", vectors("v2"))
def test_hubspots_own_examples_of_version_2_are_believed_of_a_workflow_step_alone(vector):
    headers = {"x-hubspot-signature": vector["signature"], "x-hubspot-signature-version": "v2"}
    signature.check(vector_request(vector, headers), [vector["client_secret"]], steps=True)
    with pytest.raises(Rejected, match="not HubSpot's"):
        signature.check(vector_request(vector, headers, vector["body"] + " "), [vector["client_secret"]], steps=True)
    with pytest.raises(Rejected, match="version 3"):
        signature.check(vector_request(vector, headers), [vector["client_secret"]])


@published
@pytest.mark.contracts
@pytest.mark.parametrize("vector", vectors("v1"))
@pytest.mark.parametrize("steps", [True, False])
def test_version_1_covers_no_address_and_is_never_believed(vector, steps):
    mark = {"x-hubspot-signature": vector["signature"], "x-hubspot-signature-version": "v1"}
    inbox = Inbox("POST", WEBHOOKS, mark, vector["body"].encode(), BASE)
    with pytest.raises(Rejected, match="version 3"):
        signature.check(inbox, [vector["client_secret"]], steps=steps)


@published
@pytest.mark.contracts
def test_exactly_the_characters_that_hubspot_names_are_written_out_and_no_more():
    named = json.loads((CONTRACTS / "signature-vectors.json").read_text())["v3_uri_decode_map"]
    every = {f"%{number:02X}" for number in range(256)}
    assert {code: signature.written_out(code) for code in every} == {code: named.get(code, code) for code in every}
    assert {signature.written_out(code.lower()) for code in named} == set(named.values())


def test_an_address_is_written_out_once():
    assert signature.written_out("/a%253A%2F%25%20b%2f") == "/a%253A/%25%20b/"


def test_a_query_is_signed_as_hubspot_writes_it_out():
    path = f"{WEBHOOKS}?portalId=62515&email=ada%40example.com&name=A%20B%26C"
    written = f"{BASE}{WEBHOOKS}?portalId=62515&email=ada@example.com&name=A%20B%26C"
    assert receive(signed([EVENT], path=path, address=written))
    for wrong in (f"{BASE}{path}", written.replace("%20", " ")):
        with pytest.raises(Rejected):
            receive(signed([EVENT], path=path, address=wrong))


@pytest.mark.parametrize("ahead_s", [-270, 270])
def test_clocks_may_differ_a_little(ahead_s):
    assert receive(signed([EVENT], stamp=stamped(ahead_s)))


@pytest.mark.parametrize("ahead_s", [-330, 330, -86_400, 10**9])
def test_what_was_signed_five_minutes_ago_or_from_now_is_refused(ahead_s):
    with pytest.raises(Rejected, match="too long ago, or in the future"):
        receive(signed([EVENT], stamp=stamped(ahead_s)))


@pytest.mark.parametrize("stamp", ["", "now", "-1", "1e12", "9" * 40, "１７０５４２２４６７７８０", "\ud800"])
def test_a_signed_request_without_a_time_is_refused(stamp):
    text = stamp.encode("utf-8", "replace")
    mark = hmac.new(SECRET.encode(), b"POST" + (BASE + WEBHOOKS).encode() + b"[]" + text, hashlib.sha256).digest()
    told = {"x-hubspot-signature-v3": base64.b64encode(mark).decode(), "x-hubspot-request-timestamp": stamp}
    with pytest.raises(Rejected) as error:
        receive(Inbox("POST", WEBHOOKS, told, b"[]", BASE))
    assert error.value.status == 401


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_either_secret_is_taken_while_the_merchant_rotates_it(secret):
    (item,) = receive(signed([EVENT], secret=secret))
    assert (item.account, item.topic, item.known) == ("62515", "object.propertyChange", True)
    assert json.loads(item.body) == EVENT
    assert item.triggered_at == datetime(2024, 1, 16, 16, 27, 47, 780000, tzinfo=UTC)


@pytest.mark.parametrize("mark", [None, "", "AAAA", "not base64 at all", "ключ", "\ud800", "A" * 5000])
def test_an_unsigned_or_oddly_signed_request_gets_401_and_the_next_good_one_still_passes(mark):
    with pytest.raises(Rejected) as error:
        receive(signed([EVENT], signature_v3=mark))
    assert error.value.status == 401
    assert receive(signed([EVENT]))


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nobody_is_believed_though_anyone_can_sign_with_the_empty_one(secrets):
    with pytest.raises(Rejected):
        inbound.receive(signed([EVENT], secret=""), secrets)


@pytest.mark.parametrize("part", ["method", "path", "body"])
def test_one_changed_part_after_signing_is_refused(part):
    good = signed([EVENT])
    changed = {"method": "PUT", "path": WEBHOOKS + "?a=1", "body": good.body.replace(b"ANNA7", b"EVIL7")}
    with pytest.raises(Rejected):
        receive(Inbox(**{**vars(good), part: changed[part]}))


def test_a_proxys_host_header_plays_no_part():
    good = signed([EVENT])
    proxied = {"host": "10.0.0.7:8000", "x-forwarded-host": "evil.example.com", "x-forwarded-proto": "http"}
    assert receive(Inbox("POST", WEBHOOKS, {**good.headers, **proxied}, good.body, BASE))
    elsewhere = signed([EVENT], base="https://evil.example.com")
    with pytest.raises(Rejected):
        receive(Inbox("POST", WEBHOOKS, {**elsewhere.headers, "host": "evil.example.com"}, elsewhere.body, BASE))


def test_an_endless_body_is_refused():
    with pytest.raises(Rejected) as error:
        receive(signed(b" " * (inbound.MAX_BODY + 1)))
    assert error.value.status == 413


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"7", b"null", b'"events"', b"\xff", b"[" * 100_000])
def test_what_is_no_list_of_events_is_refused_in_words(body):
    with pytest.raises(Rejected) as error:
        receive(signed(body))
    assert (error.value.status, bool(error.value.reason)) == (400, True)


# ── What is kept ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_of_several_accounts_is_split_to_each_of_them():
    events = [{**EVENT, "portalId": portal, "objectId": number} for number, portal in enumerate([33, 62515, 33, 7])]
    items = receive(signed(events))
    assert [(item.account, json.loads(item.body)["objectId"]) for item in items] == [
        ("33", 0), ("62515", 1), ("33", 2), ("7", 3),
    ]  # fmt: skip
    assert receive(signed([])) == []


BROKEN = {
    "null": b"null",
    "a number": b"7",
    "an empty object": b"{}",
    "a list": b"[[]]",
    "no account": json.dumps({**EVENT, "portalId": None}).encode(),
    "an account of text": json.dumps({**EVENT, "portalId": "../../62515"}).encode(),
    "account zero": json.dumps({**EVENT, "portalId": 0}).encode(),
    "a negative account": json.dumps({**EVENT, "portalId": -62515}).encode(),
}
ABSURD = {
    "an account of many digits": json.dumps(EVENT).replace("62515", "9" * 400).encode(),
    "a number beyond all": json.dumps(EVENT).replace("1801", "1e999").encode(),
    "no number": json.dumps(EVENT).replace("1801", "NaN").encode(),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_event_is_kept_apart_and_costs_the_others_nothing(broken):
    body = b"[" + b",".join([raw_of(EVENT), BROKEN[broken], raw_of({**EVENT, "objectId": 2})]) + b"]"
    first, odd, last = receive(signed(body))
    assert [(item.account, item.known) for item in (first, last)] == [("62515", True)] * 2
    assert odd.account == ""
    assert [reading(item).sightings[0].ref.id for item in (first, last)] == ["1801", "2"]


@pytest.mark.parametrize("absurd", ABSURD)
def test_an_absurd_number_in_one_event_costs_the_others_nothing(absurd):
    body = b"[" + b",".join([raw_of(EVENT), ABSURD[absurd], raw_of({**EVENT, "objectId": 2})]) + b"]"
    first, odd, last = receive(signed(body))
    assert [reading(item).sightings[0].ref.id for item in (first, last)] == ["1801", "2"]
    if odd.account:
        with pytest.raises(ValueError, match="names no contact"):
            reading(odd)


@pytest.mark.parametrize("odd", [None, "1705422467780", 10**19, -(10**18), True, {}, 1.5])
def test_an_event_without_a_sensible_time_is_dated_by_when_it_came(odd):
    (item,) = receive(signed([{**EVENT, "occurredAt": odd}]))
    (sighting,) = reading(item).sightings
    assert sighting.as_of == (item.triggered_at or AT)
    assert sighting.as_of.year in (1970, 2026)


def test_the_same_event_twice_has_one_key_whatever_the_attempt():
    first, again = receive(signed([EVENT, {**EVENT, "attemptNumber": 5, "subscriptionId": 9}]))
    assert first.key == again.key


@pytest.mark.parametrize(
    "other",
    [
        {"propertyName": "email"},
        {"propertyValue": "BERT8"},
        {"occurredAt": EVENT["occurredAt"] + 1},
        {"objectId": 1802},
        {"portalId": 33},
        {"subscriptionType": "contact.propertyChange"},
        {"objectTypeId": "0-3"},
    ],
)
def test_two_events_with_one_event_id_are_two(other):
    first, second = receive(signed([EVENT, {**EVENT, **other}]))
    assert first.key != second.key


def test_both_directions_of_an_association_are_two_events():
    told = {**EVENT, "subscriptionType": "object.associationChange", "associationRemoved": False}
    told |= {"associationType": "DEAL_TO_CONTACT", "fromObjectId": 5, "toObjectId": 6}
    keys = {
        item.key
        for item in receive(
            signed(
                [
                    told,
                    {**told, "associationType": "CONTACT_TO_DEAL", "fromObjectId": 6, "toObjectId": 5},
                    {**told, "associationRemoved": True},
                ]
            )
        )
    }
    assert len(keys) == 3


def test_what_the_stand_in_signs_is_believed():
    body = webhooks.encode([EVENT])
    to = webhooks.Address(BASE + WEBHOOKS, SECRET)
    headers = {name.lower(): value for name, value in webhooks.headers(to, body).items()}
    assert receive(Inbox("POST", WEBHOOKS, headers, body, BASE))


# ── What events say ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_filled_code_is_evidence_and_leads_to_the_contact():
    told = read()
    (sighting,) = told.sightings
    assert (told.outcome, sighting.ref, sighting.hints, sighting.grows) == (
        "evidence", ObjectRef("contact", "1801"), ("ANNA7",), True,
    )  # fmt: skip
    assert told.people == (Seen("contact", "1801"),)


@pytest.mark.parametrize("name", ["ref", "referral_code", "utm_content"])
def test_a_withheld_value_gives_no_hint_and_is_read_anew(name):
    told = read(propertyName=name, propertyValue="REDACTED", isSensitive=True)
    assert (told.outcome, [s.hints for s in told.sightings]) == ("changed", [()])
    assert read(propertyName=name, propertyValue="").sightings[0].hints == ()


def test_a_change_of_address_names_the_person_so_that_they_can_be_forgotten():
    assert Seen("email", "ada@example.com") in read(propertyName="email", propertyValue="ada@example.com").people
    assert read(propertyName="email", propertyValue="REDACTED").people == (Seen("contact", "1801"),)


ECHO = {"changeSource": "INTEGRATION", "sourceId": "2633736"}


def test_our_own_change_is_an_echo():
    assert read(**ECHO).outcome == "own_echo"
    assert read(**{**ECHO, "sourceId": 2633736}).outcome == "own_echo"


@pytest.mark.parametrize(
    "other",
    [
        {"sourceId": "2633737"},
        {"changeSource": "CRM_UI"},
        {"changeSource": "FORM"},
        {"sourceId": None},
        {"sourceId": None, "appId": None},
        {"sourceId": "", "appId": ""},
    ],
)
def test_a_change_of_anybody_else_is_no_echo(other):
    assert read(**{**ECHO, **other}).outcome == "evidence"


@pytest.mark.parametrize("kind", ["contact", "object"])
def test_a_merge_into_a_new_record_tells_of_every_one_that_went_into_it(kind):
    told = read(
        subscriptionType=f"{kind}.merge", primaryObjectId=100, mergedObjectIds=[200, 300], newObjectId=900, objectId=100
    )
    kept = ObjectRef("contact", "900")
    assert told.outcome == "people_joined"
    assert [(fact.ref, fact.other.id) for fact in told.facts if isinstance(fact, PeopleMerged)] == [
        (kept, "100"), (kept, "200"), (kept, "300"),
    ]  # fmt: skip
    assert [sighting.ref for sighting in told.sightings] == [kept]
    assert {seen.value for seen in told.people} == {"100", "200", "300", "900"}


def test_a_merge_into_the_primary_record_keeps_it():
    ids = {"primaryObjectId": 100, "mergedObjectIds": [200], "newObjectId": 100}
    told = read(subscriptionType="contact.merge", **ids)
    assert [(fact.ref.id, fact.other.id) for fact in told.facts] == [("100", "200")]


def test_a_merge_of_deals_looks_at_all_of_them():
    ids = {"primaryObjectId": 100, "mergedObjectIds": [200], "newObjectId": 900}
    told = read(subscriptionType="object.merge", objectTypeId="0-3", **ids)
    assert (told.outcome, told.facts) == ("changed", ())
    assert {sighting.ref.id for sighting in told.sightings} == {"100", "200", "900"}


@pytest.mark.parametrize("order", [1, -1])
def test_a_person_is_forgotten_whichever_of_the_two_events_comes_first(order):
    events = [
        {**EVENT, "subscriptionType": "contact.privacyDeletion", "objectTypeId": None},
        {**EVENT, "subscriptionType": "object.deletion"},
    ]
    told = [reading(item) for item in receive(signed(events[::order]))]
    assert {each.outcome for each in told} == {"person_erased", "person_gone"}
    facts = [fact for each in told for fact in each.facts]
    assert {type(fact) for fact in facts} == {PersonErased, PersonGone}
    assert {fact.ref for fact in facts} == {ObjectRef("contact", "1801")}
    assert {seen for each in told for seen in each.people} == {Seen("contact", "1801")}


@pytest.mark.parametrize("kind", ["0-3", "0-53"])
def test_a_deleted_or_restored_deal_or_invoice_is_looked_at_again(kind):
    for what in ("deletion", "restore", "creation"):
        told = read(subscriptionType=f"object.{what}", objectTypeId=kind)
        assert (told.outcome, len(told.sightings), told.facts) == ("changed", 1, ())


@pytest.mark.parametrize("kind", ["0-2", "2-143967026", "", None, 7])
@pytest.mark.parametrize("what", ["creation", "propertyChange", "deletion", "restore", "merge"])
def test_records_of_other_kinds_decide_nothing(kind, what):
    told = read(subscriptionType=f"object.{what}", objectTypeId=kind, primaryObjectId=1, mergedObjectIds=[2])
    assert (told.outcome, told.sightings, told.facts, told.people) == ("not_used", (), (), ())


@pytest.mark.parametrize(
    ("pair", "seen"),
    [
        ("DEAL_TO_CONTACT", [ObjectRef("deal", "5")]),
        ("CONTACT_TO_DEAL", [ObjectRef("deal", "6")]),
        ("INVOICE_TO_CONTACT", [ObjectRef("invoice", "5")]),
        ("DEAL_TO_INVOICE", [ObjectRef("deal", "5"), ObjectRef("invoice", "6")]),
        ("CONTACT_TO_CONTACT", []),
        ("DEAL_TO_LINE_ITEM", []),
    ],
)
def test_a_deal_that_gains_or_loses_a_contact_is_looked_at_again(pair, seen):
    told = read(
        subscriptionType="object.associationChange", objectId=None, associationType=pair, fromObjectId=5, toObjectId=6
    )
    assert [sighting.ref for sighting in told.sightings] == seen
    assert told.outcome == ("changed" if seen else "not_used")


@pytest.mark.parametrize("number", [None, "", "../1", -5, 1.5, [], "1" * 21])
def test_an_event_that_names_no_record_is_parked_with_a_reason(number):
    with pytest.raises(ValueError, match="names no contact"):
        read(objectId=number)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(EVENT)), inner, max_size=6)
), max_leaves=12))  # fmt: skip
def test_whatever_stands_in_an_event_is_kept_and_read_or_parked_in_words(event):
    (item,) = receive(signed([event]))
    try:
        assert reading(item).outcome in inbound.OUTCOMES
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize("typed", ["62515", " 9182736455 "])
def test_a_deal_is_named_by_its_number(typed):
    assert inbound.purchase(typed) == ObjectRef("deal", typed.strip())
    with pytest.raises(ValueError, match="number"):
        inbound.purchase("Tea for all")


# ── Published payloads ───────────────────────────────────────────────────────────────────────────────────────────

PUBLISHED = {
    "batch-contact-create-out-of-order": ["changed"] * 5,
    "batch-own-echo-contact-lifecycle": ["own_echo"] * 3,
    "batch-own-echo-deal-lifecycle": ["own_echo"] * 4,
    "company.deletion-retry-5": ["not_used"],
    "company.propertyChange": ["not_used"],
    "contact.merge": ["people_joined"],
    "contact.propertyChange-redacted": ["changed"],
    "deal.associationChange": ["not_used"],
    "legacy-doc-batch-eventType": ["changed", "changed"],
    "object.deletion-custom-object": ["not_used"],
    "object.propertyChange-contact": ["changed"],
    "test-button-contact.creation": ["changed"],
    "test-button-contact.propertyChange": ["changed"],
}


@published
@pytest.mark.contracts
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_batch_is_received_and_comes_to_its_named_outcome(name):
    body = (CONTRACTS / "webhooks" / f"{name}.json").read_bytes()
    items = receive(signed(body))
    told = [reading(item) for item in items]
    assert [each.outcome for each in told] == PUBLISHED[name]
    assert [item.account for item in items] == [str(event["portalId"]) for event in json.loads(body)]
    assert [item.known for item in items] == [not item.topic.startswith("company.") for item in items]
    assert all(each.reason.endswith(".") for each in told)
    assert not any(sighting.hints for each in told for sighting in each.sightings)
    assert len({item.key for item in items}) == len(items)


@published
@pytest.mark.contracts
def test_no_published_payload_is_left_out():
    names = {path.stem for path in (CONTRACTS / "webhooks").glob("*.json")}
    assert names == {*PUBLISHED, "workflow-webhook-contact-with-headers"}


@published
@pytest.mark.contracts
def test_a_workflows_own_webhook_is_no_list_of_events_and_refused():
    told = json.loads((CONTRACTS / "webhooks" / "workflow-webhook-contact-with-headers.json").read_text())
    with pytest.raises(Rejected) as error:
        receive(signed(told["body"]))
    assert error.value.status == 400
    with pytest.raises(Rejected, match="not HubSpot's"):
        receive(Inbox("POST", WEBHOOKS, told["headers"], raw_of(told["body"]), BASE))


# ── Workflow steps ───────────────────────────────────────────────────────────────────────────────────────────────


@published
@pytest.mark.contracts
@pytest.mark.parametrize(
    ("name", "contact"), [("execution-request", "904"), ("execution-request-with-extension-ids", "614")]
)
def test_a_published_run_of_a_step_releases_the_reward_and_waits(name, contact):
    body = (CONTRACTS / "workflow_actions" / f"{name}.json").read_bytes()
    callback = json.loads(body)["callbackId"]
    for inbox in (signed(body, path=STEPS), signed_v2(body, path=STEPS)):
        (item,) = receive(inbox)
        assert (item.account, item.key, item.known) == ("102670506", callback, True)
        told = reading(item)
        (fact,) = told.facts
        assert (told.outcome, fact.ref, fact.run) == ("reward_released", ObjectRef("contact", contact), callback)
        assert isinstance(fact, RewardReleased)
        told_to_wait = json.loads((CONTRACTS / "workflow_actions" / "execution-response-block.json").read_text())
        said = json.loads(inbound.reply(inbox).body)
        assert said["outputFields"].keys() == told_to_wait["outputFields"].keys()
        assert said["outputFields"]["hs_execution_state"] == "BLOCK"


def test_events_want_no_words_back():
    assert inbound.reply(signed([EVENT])).body == b""


def test_version_2_is_believed_of_steps_alone_and_never_beside_a_wrong_version_3():
    assert receive(signed_v2(STEP, path=STEPS))
    with pytest.raises(Rejected, match="version 3"):
        receive(signed_v2([EVENT], path=WEBHOOKS))
    both = signed_v2(STEP, path=STEPS)
    odd = {"x-hubspot-signature-v3": "AAAA", "x-hubspot-request-timestamp": stamped()}
    with pytest.raises(Rejected, match="not HubSpot's"):
        receive(Inbox("POST", STEPS, {**both.headers, **odd}, both.body, BASE))


@pytest.mark.parametrize(
    "broken", [{"origin": None}, {"origin": {}}, {"callbackId": ""}, {"callbackId": "a" * 300}, {"callbackId": None}]
)
def test_a_run_that_nobody_could_answer_is_refused(broken):
    with pytest.raises(Rejected) as error:
        receive(signed({**STEP, **broken}, path=STEPS))
    assert error.value.status == 400


@pytest.mark.parametrize("about", [None, {}, {"objectId": 1, "objectType": "COMPANY"}, {"objectType": "DEAL"}])
def test_a_run_for_no_deal_and_no_contact_is_parked_in_words(about):
    (item,) = receive(signed({**STEP, "object": about}, path=STEPS))
    with pytest.raises(ValueError, match=r"neither a contact nor a deal|names no deal"):
        reading(item)


def test_a_run_for_a_deal_names_it():
    (item,) = receive(signed({**STEP, "object": {"objectId": 5, "objectType": "DEAL"}}, path=STEPS))
    assert [fact.ref for fact in reading(item).facts] == [ObjectRef("deal", "5")]


# ── Pages inside HubSpot ─────────────────────────────────────────────────────────────────────────────────────────


def visiting(query):
    path = f"/api/hubspot/card{query}"
    return signed(b"", method="GET", path=path, address=signature.written_out(BASE + path))


def test_a_card_that_hubspot_signed_names_its_account():
    assert inbound.visitor(visiting("?portalId=62515&userEmail=ada%40example.com"), [SECRET]) == Visitor("62515")


@pytest.mark.parametrize("query", ["", "?portalId=", "?portalId=abc", "?portalId=-1", "?" + "a=1&" * 200])
def test_a_card_that_names_no_account_is_refused(query):
    with pytest.raises(Rejected):
        inbound.visitor(visiting(query), [SECRET])
