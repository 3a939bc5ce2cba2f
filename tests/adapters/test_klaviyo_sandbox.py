"""The Klaviyo stand-in keeps events and profiles as Klaviyo does, and its book tells what really happened.

If it were kinder than Klaviyo, or its book wrong, every lost or doubled event found with it would prove nothing.
"""

import pytest

from tests.adapters.test_klaviyo_contracts import opened


@pytest.fixture
def client():
    yield from opened()


def event(email="ada@example.com", name="Referral Converted", person=None, **more):
    who = {"type": "profile", "attributes": {"email": email}} if person is None else person
    metric = {"data": {"type": "metric", "attributes": {"name": name}}}
    attributes = {"properties": {}, "metric": metric, "profile": {"data": who}, **more}
    return {"data": {"type": "event", "attributes": {key: said for key, said in attributes.items() if said is not ...}}}


def bulk(*groups, **more):
    """groups: an e-mail and the events of its owner."""
    data = []
    for email, events in groups:
        made = [event(**{"profile": ..., **given})["data"] for given in events]
        who = {"data": {"type": "profile", "attributes": {"email": email}}}
        held = {"profile": who, "events": {"data": made}, **more}
        data.append({"type": "event-bulk-create", "attributes": held})
    attributes = {"events-bulk-create": {"data": data}}
    return {"data": {"type": "event-bulk-create-job", "attributes": attributes}}


def send(client, *given, **more):
    return client.call("POST", "events", event(*given, **more)).status_code


def marks(client, **of):
    return [one["key"] for one in client.control("events", verb="GET", **of)]


def effects(client, kind):
    return [one for one in client.book()["entries"] if one["kind"] == kind]


def detail(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"], error["source"].get("pointer") or error["source"].get("parameter")


# ── Events ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_taken_without_a_body_and_makes_its_metric_and_its_profile(client):
    answer = client.call("POST", "events", event(unique_id="r1:converted", value=10.5, value_currency="EUR"))

    assert (answer.status_code, answer.content) == (202, b"")
    (held,) = client.control("events", verb="GET", metric="Referral Converted", email="ada@example.com")
    assert (held["key"], held["value"], held["currency"], held["backfill"]) == ("r1:converted", 10.5, "EUR", False)
    (metric,) = client.ask("GET", "metrics", filter='equals(integration.name,"API")')["data"]
    (shown,) = client.ask("GET", "events", filter=f'equals(metric_id,"{metric["id"]}")')["data"]
    assert shown["attributes"]["event_properties"]["$event_id"] == "r1:converted"
    assert client.ask("GET", f"metrics/{metric['id']}")["data"]["attributes"]["name"] == "Referral Converted"
    person = client.control("profiles", verb="GET", email="ada@example.com")[0]
    assert person["consent"] == {"email": "NEVER_SUBSCRIBED", "sms": "NEVER_SUBSCRIBED"}


def test_a_mark_counts_once_for_a_profile_and_a_metric_and_the_first_stays(client):
    for properties in ({"n": 1}, {"n": 2}):
        assert send(client, unique_id="r1", properties=properties) == 202
    send(client, "bea@example.com", unique_id="r1")
    send(client, name="Credit Issued", unique_id="r1")

    held = client.control("events", verb="GET")
    assert [(one["email"], one["metric"], one["properties"]) for one in held] == [
        ("ada@example.com", "Referral Converted", {"n": 1}),
        ("bea@example.com", "Referral Converted", {}),
        ("ada@example.com", "Credit Issued", {}),
    ]
    (again,) = effects(client, "repeated")
    assert (again["name"], again["old"]) == ("Referral Converted", "r1")


def test_without_a_mark_two_events_of_one_second_are_one(client):
    for at in ("2026-11-22T10:00:00.100Z", "2026-11-22T10:00:00.900Z", "2026-11-22T11:00:01+01:00"):
        send(client, time=at)
    assert [one["at"] for one in client.control("events", verb="GET")] == [
        "2026-11-22T10:00:00+00:00",
        "2026-11-22T10:00:01+00:00",
    ]
    send(client)
    send(client)  # the clock stands still
    assert len(marks(client)) == 3


def test_a_backfilled_event_is_kept_as_one(client):
    send(client, unique_id="old", backfill=True)
    send(client, unique_id="new")
    assert [one["backfill"] for one in client.control("events", verb="GET")] == [True, False]


@pytest.mark.parametrize(
    ("wrong", "at"),
    [
        ({"properties": ...}, "attributes"),
        ({"properties": []}, "attributes/properties"),
        ({"properties": {str(n): n for n in range(401)}}, "attributes/properties"),
        ({"properties": {"$extra": ["x" * 100_001]}}, "attributes/properties"),
        ({"metric": ...}, "attributes"),
        ({"name": "x" * 128}, "attributes/metric/data/attributes/name"),
        ({"person": {"type": "profile", "attributes": {}}}, "attributes/profile/data"),
        ({"email": "no address"}, "attributes/profile/data/attributes/email"),
        ({"person": {"type": "profile", "attributes": {"phone_number": "0301234"}}},
         "attributes/profile/data/attributes/phone_number"),
        ({"time": "2026-11-22T10:00:00"}, "attributes/time"),
        ({"time": "1989-01-01T00:00:00Z"}, "attributes/time"),
        ({"time": "2099-01-01T00:00:00Z"}, "attributes/time"),
        ({"value": "10"}, "attributes/value"),
        ({"value_currency": "euro"}, "attributes/value_currency"),
        ({"uniqe_id": "r1"}, "attributes"),
    ],
)  # fmt: skip
def test_what_can_be_seen_to_be_wrong_is_refused_at_once_and_its_place_is_told(client, wrong, at):
    answer = client.call("POST", "events", event(**wrong))
    assert detail(answer) == (400, "invalid", f"/data/{at}")
    assert marks(client) == []


def test_an_event_that_was_taken_may_still_be_lost_and_only_the_book_knows(client):
    nobody = {"type": "profile", "id": "01NOBODY", "attributes": {}}
    assert send(client, person=nobody, unique_id="r1") == 202
    (lost,) = effects(client, "dropped")
    assert (lost["old"], lost["new"]) == ("r1", "A profile with id 01NOBODY does not exist.")


def test_events_are_processed_as_late_as_the_account_says(client):
    client.control("accounts/update", event_lag_s=30)
    send(client, unique_id="r1")
    assert client.ask("GET", "events")["data"] == []
    client.control("clock", advance_s=30)
    assert len(client.ask("GET", "events")["data"]) == 1


def test_an_event_updates_the_one_it_is_about_and_takes_nobodys_identifier(client):
    ada = client.control("profiles", email="ada@example.com")["id"]
    client.control("profiles", email="bea@example.com", phone_number="+4930123456")
    who = {
        "email": "Ada@Example.com",
        "phone_number": "+4930123456",
        "first_name": "Ada",
        "properties": {"Tea": "Oolong"},
    }
    send(client, person={"type": "profile", "attributes": who})

    held = client.control("profiles", verb="GET", id=ada)[0]
    assert held["values"] == {"email": "ada@example.com", "first_name": "Ada"}
    assert held["properties"] == {"Tea": "Oolong"} and held["last_event"]


def test_events_are_found_by_profile_and_time_a_page_at_a_time(client):
    ada = client.control("profiles", email="ada@example.com")["id"]
    for second in range(5):
        send(client, unique_id=str(second), time=f"2026-11-22T10:00:0{second}Z")
    send(client, "bea@example.com", time="2026-11-22T10:00:03Z")

    asked = f'and(equals(profile_id,"{ada}"),greater-than(datetime,2026-11-22T10:00:00Z),less-or-equal(timestamp,1795341603))'
    page = client.ask("GET", "events", filter=asked, sort="datetime", **{"page[size]": "2"})
    seen = [one["attributes"]["event_properties"]["$event_id"] for one in page["data"]]
    following = client.http.get(page["links"]["next"], headers=headers(client), timeout=10).json()
    seen += [one["attributes"]["event_properties"]["$event_id"] for one in following["data"]]
    assert seen == ["1", "2", "3"] and following["links"]["next"] is None
    back = client.http.get(following["links"]["prev"], headers=headers(client), timeout=10).json()
    assert [one["id"] for one in back["data"]] == [one["id"] for one in page["data"]]


def headers(client):
    return {"Authorization": client.authorization, "revision": "2026-10-15"}


@pytest.mark.parametrize(
    "asked",
    [
        "equals(email,'a@b.c')",
        "any(profile_id,['1'])",
        "profile_id=1",
        "equals(profile_id,'1')x",
        "greater-than(datetime,noon)",
        "greater-than(datetime,5)",
    ],
)
def test_a_filter_that_klaviyo_would_not_understand_is_refused(client, asked):
    assert detail(client.call("GET", "events", filter=asked)) == (400, "invalid", "filter")


def test_a_parameter_that_is_not_played_is_refused_rather_than_ignored(client):
    assert detail(client.call("GET", "events", include="profile")) == (400, "invalid", "include")
    assert detail(client.call("GET", "profiles", **{"page[size]": "101"})) == (400, "invalid", "page[size]")


# ── Events in bulk ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_bulk_call_is_processed_a_moment_later_and_drops_what_is_wrong_inside(client):
    groups = (
        ("ada@example.com", [{"unique_id": "a"}, {"time": "1989-01-01T00:00:00Z"}]),
        ("no address", [{"unique_id": "b"}]),
    )
    answer = client.call("POST", "event-bulk-create-jobs", bulk(*groups, backfill=True))

    assert (answer.status_code, answer.content, marks(client)) == (202, b"", [])
    client.control("clock", advance_s=1)
    assert [(one["key"], one["backfill"]) for one in client.control("events", verb="GET")] == [("a", True)]
    assert [one["new"] for one in effects(client, "dropped")] == [
        "The time must be after 1990 and at most one year ahead.",
        "Invalid email address",
    ]
    assert client.book()["inputs"] == {"POST /api/event-bulk-create-jobs": [3]}


@pytest.mark.parametrize(("number", "status"), [(0, 400), (1_000, 202), (1_001, 400)])
def test_a_bulk_call_takes_a_thousand_events(client, number, status):
    given = bulk(("ada@example.com", [{"unique_id": str(n)} for n in range(number)]))
    assert client.call("POST", "event-bulk-create-jobs", given).status_code == status


def test_a_bulk_call_of_more_than_5_mb_is_refused(client):
    large = [{"unique_id": str(n), "properties": {"text": "x" * 99_000}} for n in range(51)]
    assert detail(client.call("POST", "event-bulk-create-jobs", bulk(("ada@example.com", large)))) == (
        400,
        "invalid",
        "/data",
    )


def test_a_mark_that_stands_twice_in_a_bulk_call_fails_it_whole(client):
    given = bulk(("ada@example.com", [{"unique_id": "a"}, {"unique_id": "b"}, {"unique_id": "a"}]))
    assert client.call("POST", "event-bulk-create-jobs", given).status_code == 400
    client.control("clock", advance_s=1)
    assert marks(client) == []


def test_events_without_marks_in_a_bulk_call_are_one_a_second(client):
    client.ask("POST", "event-bulk-create-jobs", bulk(("ada@example.com", [{}, {}, {"time": "2026-11-22T10:00:00Z"}])))
    client.control("clock", advance_s=1)
    assert len(marks(client)) == 2


@pytest.mark.parametrize(("refuses", "held"), [(False, ["a", "b"]), (True, ["a"])])
def test_an_event_of_before_in_a_bulk_call_is_left_out_or_takes_all_with_it(client, refuses, held):
    client.control("accounts/update", refuses_repeats=refuses)
    send(client, unique_id="a")
    client.ask("POST", "event-bulk-create-jobs", bulk(("ada@example.com", [{"unique_id": "a"}, {"unique_id": "b"}])))
    client.control("clock", advance_s=1)
    assert marks(client) == held


# ── Profiles ─────────────────────────────────────────────────────────────────────────────────────────────────────


def person(number=None, patch=None, **attributes):
    made = {"type": "profile", "attributes": attributes}
    made |= {"id": number} if number else {}
    return {"data": {**made, **({"meta": {"patch_properties": patch}} if patch else {})}}


def upsert(client, *given, **more):
    return client.call("POST", "profile-import", person(*given, **more))


def test_an_upsert_makes_then_changes_leaves_what_is_absent_and_clears_what_is_null(client):
    made = upsert(client, email="Ada@example.com", first_name="Ada", last_name="L", properties={"A": 1, "B": 2})
    changed = upsert(client, email="ada@example.com", last_name=None, properties={"B": 3}, location={"city": "Bonn"})

    assert (made.status_code, changed.status_code) == (201, 200)
    told = changed.json()["data"]
    assert told["id"] == made.json()["data"]["id"]
    assert (told["attributes"]["first_name"], told["attributes"]["last_name"]) == ("Ada", None)
    assert told["attributes"]["properties"] == {"A": 1, "B": 3}
    assert told["attributes"]["location"]["city"] == "Bonn"
    fields = [(one["name"], one["old"], one["new"]) for one in effects(client, "profile")]
    assert ("properties.B", 2, 3) in fields and ("last_name", "L", None) in fields


def test_single_properties_are_appended_taken_out_and_unset(client):
    upsert(client, email="ada@example.com", properties={"Codes": ["A", "B"], "One": 1, "Old": 1, "Older": 2})
    for patch in (
        {"append": {"Codes": "C", "One": [2]}},
        {"unappend": {"Codes": ["A"]}},
        {"unset": "Old"},
        {"unset": ["Older", "No such"]},
    ):
        assert upsert(client, patch=patch, email="ada@example.com").status_code == 200
    assert client.control("profiles", verb="GET")[0]["properties"] == {"Codes": ["B", "C"], "One": [1, 2]}


@pytest.mark.parametrize("name", ["id", "phone_number", "external_id"])
def test_an_upsert_finds_a_profile_by_each_identifier_and_takes_over_the_others(client, name):
    known = {"phone_number": "+4930123456", "external_id": "c-1"}
    known["id"] = client.control("profiles", email="ada@example.com", **known)["id"]
    number = known["id"] if name == "id" else None
    answer = upsert(client, number, email="new@example.com", **({} if number else {name: known[name]}))
    assert (answer.status_code, answer.json()["data"]["id"]) == (200, known["id"])
    assert client.ask("GET", "profiles", filter='equals(email,"new@example.com")')["data"][0]["id"] == known["id"]
    assert client.ask("GET", "profiles", filter='equals(email,"ada@example.com")')["data"] == []


def test_identifiers_of_two_profiles_are_a_conflict_that_names_the_other(client):
    ada = client.control("profiles", email="ada@example.com")["id"]
    bea = client.control("profiles", email="bea@example.com", phone_number="+4930123456")["id"]
    for answer in (
        upsert(client, email="ada@example.com", phone_number="+4930123456"),
        client.call("PATCH", f"profiles/{ada}", person(ada, email="bea@example.com")),
        client.call("POST", "profiles", person(email="bea@example.com")),
    ):
        assert detail(answer) == (409, "duplicate_profile", "/data/attributes")
        assert answer.json()["errors"][0]["meta"] == {"duplicate_profile_id": bea}


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (person(first_name="Ada"), "/data/attributes"),
        (person(email="ada@example.com", nick="A"), "/data/attributes"),
        (person(email="ada@example.com", properties={"Long": "x" * 100_000}), "/data"),
        ({"data": {"type": "person", "attributes": {}}}, "/data/type"),
        ({"data": []}, "/data"),
        ({}, "/data"),
        ([], "/data"),
    ],
)
def test_a_profile_that_klaviyo_would_not_take_is_refused(client, body, at):
    assert detail(client.call("POST", "profile-import", body)) == (400, "invalid", at)
    assert client.control("profiles", verb="GET") == []


def test_a_profile_is_changed_by_its_id_and_a_missing_one_is_said_to_be_missing(client):
    ada = client.control("profiles", email="ada@example.com")["id"]
    assert client.ask("PATCH", f"profiles/{ada}", person(ada, title="Dr"))["data"]["attributes"]["title"] == "Dr"
    assert detail(client.call("PATCH", f"profiles/{ada}", person("01OTHER"))) == (400, "invalid", "/data/id")
    assert client.call("PATCH", "profiles/01NOBODY", person("01NOBODY")).status_code == 404


def test_profiles_are_listed_sorted_and_by_the_page(client):
    for name in ("c", "a", "b"):
        client.control("profiles", email=f"{name}@example.com")

    page = client.ask("GET", "profiles", sort="-email", **{"page[size]": "2"})
    following = client.http.get(page["links"]["next"], headers=headers(client), timeout=10).json()
    told = [one["attributes"]["email"] for one in page["data"] + following["data"]]
    assert told == ["c@example.com", "b@example.com", "a@example.com"]
    assert len(client.ask("GET", "profiles", filter='any(email,["a@example.com","c@example.com"])')["data"]) == 2


def test_profiles_are_imported_later_and_what_could_not_be_is_told_with_what_was_sent(client):
    given = [person(email="ada@example.com")["data"], person(email="no address")["data"], person()["data"]]
    attributes = {"profiles": {"data": given}}
    answer = client.call(
        "POST", "profile-bulk-import-jobs", {"data": {"type": "profile-bulk-import-job", "attributes": attributes}}
    )
    job = answer.json()["data"]
    assert (answer.status_code, job["attributes"]["status"], job["attributes"]["total_count"]) == (202, "queued", 3)
    client.control("clock", advance_s=1)

    held = client.ask("GET", f"profile-bulk-import-jobs/{job['id']}")["data"]["attributes"]
    assert (held["status"], held["completed_count"], held["failed_count"]) == ("complete", 3, 2)
    errors = client.ask("GET", f"profile-bulk-import-jobs/{job['id']}/import-errors")["data"]
    assert [one["attributes"]["original_payload"] for one in errors] == given[1:]
    assert [one["values"]["email"] for one in client.control("profiles", verb="GET")] == ["ada@example.com"]
    lists = {"lists": {"data": [{"type": "list", "id": "L1"}]}}
    whole = {"data": {"type": "profile-bulk-import-job", "attributes": attributes, "relationships": lists}}
    assert client.call("POST", "profile-bulk-import-jobs", whole).status_code == 404
