"""Profiles are found by one name, bear our properties, and keep all else: a wrong write shows one person's friend to another.

Over real HTTP, judged by the stand-in's own book and log of calls.
"""

from contextlib import contextmanager
from uuid import uuid4

import pytest

from adapters.klaviyo import MANIFEST, auth, outbound
from adapters.klaviyo.outbound.names import app_name, metric, profile_property
from adapters.klaviyo.sandbox import start
from adapters.klaviyo.sandbox.client import Client
from connector.domain.facts import ObjectRef
from connector.domain.news import NewsKind
from connector.domain.person import EMAIL, PHONE
from connector.errors import ConfigError, NotDone, Refused, Throttled, Unavailable, Unknown
from connector.lanes.limits import LocalMeter
from connector.mapping import ALWAYS, IF_EMPTY, NEVER_DOWNGRADE, load_all, render
from connector.ports.platform import Account, Kit, Seen, Wanted
from connector.ports.records import FieldValue, RecordWrite, Setup
from connector.values import Values
from tests.adapters.conformance.driver import Meter
from tests.adapters.conformance.wire import Answer, Trouble, Wire

NUMBER, KEY, SECRET = "TEA001", "pk_0123456789abcdef", "the app's client secret"
APP = {"KLAVIYO_CLIENT_ID": "client", "KLAVIYO_CLIENT_SECRET": SECRET}
SCOPES = [scope.name for scope in MANIFEST.scopes]
BACK = "https://referrals.example.com/oauth/klaviyo/callback"
PLENTY = 10**6
NAME = "Referral Connector"
#: What nobody who tells of referrals may ever call.
NEVER = ("subscription", "merge", "privacy", "lists", "bulk-import")


class Tea:
    """An account in a stand-in, and our own code connected to it through a wire that can be struck."""

    def __init__(self, sandbox, wire, *, meter=None, limits=True, **settings):
        self.sandbox, self.wire = sandbox, wire
        self.client = Client(sandbox.url, KEY)
        self.client.control("accounts", account=NUMBER, key=KEY, name="Anna's Tea House", currency="EUR", job_lag_s=0)
        self.client.control("apps", client_id="client", client_secret=SECRET, scopes=SCOPES, backs=[BACK])
        if limits:
            self.client.control("limits", burst=PLENTY, steady=PLENTY)
        self.kit = Kit({**APP, **settings}, meter or Meter(), base_url=wire.url, timeout_s=5)
        self.out, self.auth = outbound.build(self.kit), auth.build(self.kit)
        self.account = Account(uuid4(), "klaviyo", NUMBER, KEY)

    def person(self, email, **more):
        return ObjectRef("person", self.client.control("profiles", email=email, **more)["id"])

    def held(self, ref):
        (found,) = self.client.control("profiles", verb="GET", id=ref.id)
        return found

    def events(self, **of):
        return self.client.control("events", verb="GET", **of)

    def fault(self, fault, path="", count=1, **more):
        self.client.control("faults", fault=fault, path=path, count=count, **more)

    def write(self, *writes):
        return list(self.out.write_records(self.account, writes))

    def calls(self, operation=""):
        """What was called, by the stand-in's own log; the test's own calls of the control API stand in none."""
        found = [
            call for call in self.client.control("calls", verb="GET") if call["operation"].startswith("/") is False
        ]
        return [call for call in found if operation in call["operation"]]


@contextmanager
def running(**more):
    sandbox = start()
    try:
        with Wire(sandbox.url) as wire:
            tea = Tea(sandbox, wire, **more)
            yield tea
            tea.client.close()
    finally:
        sandbox.stop()


@pytest.fixture
def tea():
    with running() as made:
        yield made


def field(value, policy=ALWAYS, kind="Text"):
    return FieldValue(value, policy, kind)


# ── Names ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_names_begin_with_the_apps_own():
    assert metric("Tea Friends", NewsKind.ISSUED) == "Tea Friends Reward Issued"
    assert profile_property("Tea Friends", "Referral URL") == "Tea Friends Referral URL"
    assert app_name({}) == app_name({"KLAVIYO_APP_NAME": ""}) == NAME
    assert app_name({"KLAVIYO_APP_NAME": "  Tea   Friends "}) == "Tea Friends"


def test_a_name_too_long_for_a_metric_stops_us_before_anything_is_sent():
    assert max(len(metric("x" * 60, kind)) for kind in NewsKind) < 128
    with pytest.raises(ConfigError, match="KLAVIYO_APP_NAME"):
        app_name({"KLAVIYO_APP_NAME": "x" * 61})


# ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_profile_tells_who_somebody_is_and_nothing_that_they_did(tea):
    ref = tea.person("Ada@Example.com", phone_number="+4930123456")
    (truth,) = tea.out.fetch(tea.account, [ref], Wanted())
    assert truth.buyer == (Seen("person", ref.id), Seen(EMAIL, "ada@example.com"), Seen(PHONE, "+4930123456"))
    assert (truth.found, truth.facts, truth.touches) == (True, (), ())


@pytest.mark.parametrize("odd", [b'{"data": [7]}', b'{"data": [{"id": "x", "attributes": null}]}', b'{"data": null}',
                                 b'{"data": [{"id": "x", "attributes": {"updated": 7}}]}', b"[]",
                                 b'{"data": [], "links": {"next": "https://a.klaviyo.com/api/profiles?page[cursor]=x"}}'])  # fmt: skip
def test_an_answer_of_another_shape_is_no_answer(tea, odd):
    tea.wire.strike(lambda _: True, Trouble(effect=True, told=Answer(200, odd)))
    with pytest.raises(Unavailable):
        tea.out.fetch(tea.account, [ObjectRef("person", "x")], Wanted())


@pytest.mark.parametrize("email", ["o'brien+tea@example.com", "zoë@example.com", "a.b-c_d@sub.example.co.uk"])
def test_a_person_is_found_whatever_stands_in_their_address(tea, email):
    ref = tea.person(email)
    tea.person("somebody.else@example.com")
    assert tea.out.find_person(tea.account, f" {email.upper()}") == ref


@pytest.mark.parametrize(
    "odd", ["", "ada", "a@b", "a b@example.com", 'a"b@example.com', "a@b@example.com", "é@" + "x" * 500 + ".org"]
)
def test_what_is_no_address_is_asked_of_nobody(tea, odd):
    assert tea.out.find_person(tea.account, odd) is None
    assert tea.calls() == []


def test_nothing_is_set_up_and_nothing_can_be_missed(tea):
    assert tea.out.provision(tea.account, Setup("https://referrals.example.com")) == {}
    assert list(tea.out.unheard(tea.account)) == []
    assert tea.calls() == []


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

BEFORE = {"Loyalty": "gold", "Referral URL": "https://another.app/x", "Smile Referral URL": "https://smile.example"}


def test_only_properties_of_ours_are_touched_and_consent_stays(tea):
    told = {
        "consent": {"email": "UNSUBSCRIBED", "sms": "SUBSCRIBED"},
        "suppressions": ["USER_SUPPRESSED", "UNSUBSCRIBE"],
    }
    ref = tea.person("ada@example.com", first_name="Ada", properties=BEFORE, phone_number="+4930123456", **told)
    before = tea.held(ref)
    (result,) = tea.write(
        RecordWrite(ref, {"Referral URL": field("https://x.example/r/ADA"), "Referral Code": field("ADA")})
    )
    after = tea.held(ref)
    assert (result.written, result.kept, result.refused) == (("Referral URL", "Referral Code"), (), "")
    mine = {f"{NAME} Referral URL": "https://x.example/r/ADA", f"{NAME} Referral Code": "ADA"}
    assert after.pop("properties") == {**before.pop("properties"), **mine}
    assert after == before
    (patch,) = tea.calls("PATCH")
    assert patch["body"]["data"] == {"type": "profile", "id": ref.id, "attributes": {"properties": mine}}


def test_a_person_is_found_by_their_address_and_their_record_is_told(tea):
    ref = tea.person("ada@example.com")
    (result,) = tea.write(RecordWrite(ObjectRef("person", ""), {"Referral Code": field("ADA")}, " Ada@Example.com"))
    assert (result.ref, result.written) == (ref, ("Referral Code",))


def test_whoever_has_no_profile_is_left_alone_and_none_is_made(tea):
    lost = ObjectRef("person", "01NOBODY")
    unknown = RecordWrite(ObjectRef("person", ""), {"Referral Code": field("X")}, "nobody@example.com")
    nonsense = RecordWrite(ObjectRef("person", ""), {"Referral Code": field("X")}, "no address")
    results = tea.write(unknown, RecordWrite(lost, {"Referral Code": field("X")}), nonsense)
    assert [(one.written, bool(one.refused)) for one in results] == [((), False), ((), True), ((), False)]
    assert tea.client.control("profiles", verb="GET") == []
    assert tea.calls("PATCH") == []


def test_two_names_of_one_profile_are_one_write(tea):
    ref = tea.person("ada@example.com")
    results = tea.write(
        RecordWrite(ref, {"Referral Code": field("ADA")}),
        RecordWrite(ObjectRef("person", ""), {"Referral Stage": field("pending")}, "ada@example.com"),
    )
    assert [one.ref for one in results] == [ref, ref]
    assert len(tea.calls("PATCH")) == 1
    assert tea.held(ref)["properties"] == {f"{NAME} Referral Code": "ADA", f"{NAME} Referral Stage": "pending"}


def test_what_stands_there_already_costs_no_call(tea):
    ref = tea.person(
        "ada@example.com", properties={f"{NAME} Referral Code": "ADA", f"{NAME} Referral Source": "a form"}
    )
    write = RecordWrite(ref, {"Referral Code": field("ADA"), "Referral Source": field("a link", IF_EMPTY)})
    (result,) = tea.write(write)
    assert (result.written, result.kept) == (("Referral Code",), ("Referral Source",))
    assert tea.calls("PATCH") == []


@pytest.mark.parametrize(
    ("held", "policy", "stands"),
    [
        (None, IF_EMPTY, "ours"),
        ("", IF_EMPTY, "ours"),
        (0, IF_EMPTY, 0),
        (["a"], IF_EMPTY, ["a"]),
        (["a"], ALWAYS, "ours"),
        ("theirs", f"{NEVER_DOWNGRADE}: lower < ours", "theirs"),
        ("lower", f"{NEVER_DOWNGRADE}: lower < ours", "ours"),
    ],
)
def test_a_value_of_any_kind_is_kept_by_its_policy(tea, held, policy, stands):
    ref = tea.person("ada@example.com", properties={f"{NAME} Referral Source": held})
    tea.write(RecordWrite(ref, {"Referral Source": field("ours", policy)}))
    assert tea.held(ref)["properties"][f"{NAME} Referral Source"] == stands


def test_a_profile_that_is_refused_holds_up_no_other(tea):
    refs = [tea.person(f"p{number}@example.com") for number in range(3)]
    tea.fault("status_before", f"PATCH .*{refs[1].id}", status=409)
    results = tea.write(*(RecordWrite(ref, {"Referral Code": field("X")}) for ref in refs))
    assert [bool(one.refused) for one in results] == [False, True, False]


def test_a_missing_permission_is_named_with_its_remedy_and_asked_for_once(tea):
    tea.client.control("keys", key="pk_without_writing", scopes=["profiles:read"])
    tea.account = Account(uuid4(), "klaviyo", NUMBER, "pk_without_writing")
    refs = [tea.person(f"p{number}@example.com") for number in range(3)]
    results = tea.write(*(RecordWrite(ref, {"Referral Code": field("X")}) for ref in refs))
    assert all("profiles:write" in one.refused for one in results)
    assert len(tea.calls("PATCH")) == 1


def test_a_success_that_speaks_of_somebody_else_is_believed_of_nobody(tea):
    ref = tea.person("ada@example.com")
    told = Answer(200, b'{"data": {"type": "profile", "id": "01ANOTHER"}}')
    tea.wire.strike(lambda request: request.method == "PATCH", Trouble(effect=True, told=told))
    with pytest.raises(Unknown):
        tea.write(RecordWrite(ref, {"Referral Code": field("X")}))


def test_a_batch_that_was_cut_off_goes_on_where_it_was(tea):
    refs = [tea.person(f"p{number}@example.com") for number in range(4)]
    writes = [RecordWrite(ref, {"Referral Code": field("X")}) for ref in refs]
    tea.fault("throttled", f"PATCH .*{refs[2].id}", wait_s=7)
    with pytest.raises(Throttled) as error:
        tea.write(*writes)
    assert error.value.wait_s == 7
    assert [one.refused for one in tea.write(*writes)] == [""] * 4
    written = [call["target"] for call in tea.calls("PATCH") if call["outcome"] == "200"]
    assert sorted(written) == sorted(f"/api/profiles/{ref.id}" for ref in refs)


def test_the_shipped_mapping_writes_what_the_docs_promise(tea):
    rows = load_all()["klaviyo"]
    values = Values(
        referral_id="r-1",
        referral_source="a link",
        advocate_id="a-1",
        advocate_code="ADA",
        advocate_link="https://x/r/ADA",
    )
    friend, advocate = tea.person("friend@example.com"), tea.person("ada@example.com")
    tea.write(
        RecordWrite(friend, render(rows, "person", values)), RecordWrite(advocate, render(rows, "advocate", values))
    )
    assert tea.held(friend)["properties"] == {f"{NAME} Referred By": "r-1", f"{NAME} Referral Source": "a link"}
    assert tea.held(advocate)["properties"] == {
        f"{NAME} Referral Code": "ADA",
        f"{NAME} Referral URL": "https://x/r/ADA",
        f"{NAME} Referral Advocate Id": "a-1",
    }


def test_another_app_name_makes_other_properties():
    with running(KLAVIYO_APP_NAME="Tea Friends") as tea:
        ref = tea.person("ada@example.com")
        tea.write(RecordWrite(ref, {"Referral Code": field("ADA")}))
        assert tea.held(ref)["properties"] == {"Tea Friends Referral Code": "ADA"}


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_published_windows_are_kept_without_being_told_off():
    """Accounts may be asked once a second: who comes too soon waits for it and asks nobody."""
    with running(meter=LocalMeter(), limits=False) as tea:
        for _ in range(3):
            tea.auth.probe(tea.account)
        assert tea.client.book()["limited"] == 0


def test_a_smaller_window_is_learned_from_the_answers():
    with running(meter=LocalMeter(), limits=False) as tea:
        tea.client.control("limits", operation="GET /api/profiles", burst=50, steady=2)
        for _ in range(2):
            tea.out.find_person(tea.account, "ada@example.com")
        with pytest.raises(NotDone):
            tea.out.find_person(tea.account, "ada@example.com")
        assert len(tea.calls("GET /api/profiles")) == 2, "the third was not even sent"


@pytest.mark.parametrize("odd", ["", "x", "75;w=1, 0;w=60", "9" * 400 + ";w=1", "75;w=0", "²;w=1"])
def test_odd_headers_teach_nothing(odd):
    with running(meter=LocalMeter()) as tea:
        headers = {"RateLimit-Limit": odd, "RateLimit-Remaining": "²", "RateLimit-Reset": "-1"}
        tea.wire.strike(lambda _: True, Trouble(effect=True, told=Answer(200, b'{"data": []}', headers)))
        for _ in range(3):
            assert tea.out.find_person(tea.account, "ada@example.com") is None


def test_no_host_but_klaviyos_is_called():
    for base in ("https://evil.example.com", "http://a.klaviyo.com", "https://www.klaviyo.com.evil.com"):
        kit = Kit(APP, Meter(), base_url="", timeout_s=1)
        client = outbound.build(kit).client
        with pytest.raises(Refused, match="is not a host of klaviyo"):
            client.gate.check(f"{base}/api/profiles")
