"""The Klaviyo stand-in keeps consent, erases and merges, and holds coupons as Klaviyo does.

If it forgot that somebody does not want mail, an app that writes to them all the same would pass here.
"""

from datetime import datetime, timedelta

import pytest

from tests.adapters.test_klaviyo_contracts import job, opened

MORE = {"additional-fields[profile]": "subscriptions"}
COUPON = {"data": {"type": "coupon", "attributes": {"external_id": "tea"}}}


@pytest.fixture
def client():
    yield from opened()


def later(client):
    client.control("clock", advance_s=1)


def named(email):
    return {"type": "profile", "attributes": {"email": email}}


def subscribe(client, email):
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    who = {"type": "profile", "attributes": {"email": email, "subscriptions": consent}}
    return client.call(
        "POST", "profile-subscription-bulk-create-jobs",
        job("profile-subscription-bulk-create-job", profiles={"data": [who]}),
    )  # fmt: skip


def consent(client, number):
    return client.ask("GET", f"profiles/{number}", **MORE)["data"]["attributes"]["subscriptions"]["email"]["marketing"]


# ── Consent ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_neither_an_upsert_nor_an_event_changes_what_somebody_consented_to(client):
    reasons = ["UNSUBSCRIBE", "HARD_BOUNCE"]
    ada = client.control("profiles", email="ada@example.com", consent={"email": "UNSUBSCRIBED"}, suppressions=reasons)[
        "id"
    ]
    before = consent(client, ada)

    client.ask("POST", "profile-import", {"data": named("ada@example.com")})
    metric = {"data": {"type": "metric", "attributes": {"name": "Referred"}}}
    client.ask("POST", "events", job("event", properties={}, metric=metric, profile={"data": named("ada@example.com")}))

    assert consent(client, ada) == before
    assert (before["consent"], before["can_receive_email_marketing"]) == ("UNSUBSCRIBED", False)
    assert [one["reason"] for one in before["suppression"]] == reasons
    assert "subscriptions" not in client.ask("GET", f"profiles/{ada}")["data"]["attributes"]


def test_subscribing_lifts_suppressions_that_a_person_chose_and_the_book_shows_that_it_was_done(client):
    reasons = ["UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED", "HARD_BOUNCE"]
    ada = client.control("profiles", email="ada@example.com", suppressions=reasons)["id"]
    assert subscribe(client, "ada@example.com").status_code == 202
    later(client)

    held = consent(client, ada)
    assert (held["consent"], [one["reason"] for one in held["suppression"]]) == ("SUBSCRIBED", ["HARD_BOUNCE"])
    book = client.book()
    assert book["calls"]["POST /api/profile-subscription-bulk-create-jobs"] == 1
    lifted = {one["name"] for one in book["entries"] if one["kind"] == "suppression"}
    assert lifted == {"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"}


def test_somebody_unsubscribes_and_is_suppressed(client):
    ada = client.control("profiles", email="ada@example.com", consent={"email": "SUBSCRIBED"})["id"]
    assert consent(client, ada)["can_receive_email_marketing"]
    client.control("consent", id=ada, email="UNSUBSCRIBED", suppressions=["UNSUBSCRIBE"])
    assert not consent(client, ada)["can_receive_email_marketing"]
    assert "consent must be one of" in client.control("consent", id=ada, email="MAYBE", expect=422)["error"]


# ── Merging and erasing ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_merge_moves_events_deletes_the_other_and_cannot_be_overlooked(client):
    ada = client.control("profiles", email="ada@example.com", properties={"A": 1})["id"]
    bea = client.control("profiles", email="bea@example.com", first_name="Bea", properties={"A": 2, "B": 2})["id"]
    metric = {"data": {"type": "metric", "attributes": {"name": "Referred"}}}
    client.ask("POST", "events", job("event", properties={}, metric=metric, profile={"data": named("bea@example.com")}))
    other = {"profiles": {"data": [{"type": "profile", "id": bea}]}}

    answer = client.call(
        "POST", "profile-merge", {"data": {"type": "profile-merge", "id": ada, "relationships": other}}
    )
    later(client)

    assert (answer.status_code, answer.json()["data"]["id"]) == (201, ada)
    (held,) = client.control("profiles", verb="GET")
    assert (held["values"], held["properties"]) == ({"email": "ada@example.com", "first_name": "Bea"}, {"A": 1, "B": 2})
    assert [one["profile"] for one in client.control("events", verb="GET")] == [ada]
    (merged,) = [one for one in client.book()["entries"] if one["kind"] == "merged"]
    assert (merged["id"], merged["old"]) == (ada, bea)


def erase(client, number=None, **attributes):
    who = {"type": "profile", "attributes": attributes, **({"id": number} if number else {})}
    return client.call("POST", "data-privacy-deletion-jobs", job("data-privacy-deletion-job", profile={"data": who}))


@pytest.mark.parametrize("by", ["id", "email", "phone_number"])
def test_somebody_is_erased_by_one_identifier_with_all_their_events(client, by):
    known = {"email": "ada@example.com", "phone_number": "+4930123456"}
    number = client.control("profiles", **known)["id"]
    metric = {"data": {"type": "metric", "attributes": {"name": "Referred"}}}
    client.ask("POST", "events", job("event", properties={}, metric=metric, profile={"data": named("ada@example.com")}))

    answer = erase(client, number) if by == "id" else erase(client, **{by: known[by]})
    assert (answer.status_code, answer.content) == (202, b"")
    assert client.call("GET", f"profiles/{number}").status_code == 200  # not yet
    later(client)
    assert client.call("GET", f"profiles/{number}").status_code == 404
    assert client.control("events", verb="GET") == []


def test_erasing_asks_for_exactly_one_identifier_and_does_not_say_whether_anybody_has_it(client):
    assert erase(client).status_code == 400
    assert erase(client, email="ada@example.com", phone_number="+4930123456").status_code == 400
    assert erase(client, email="nobody@example.com").status_code == 202


# ── Coupons ──────────────────────────────────────────────────────────────────────────────────────────────────────


def code(text, coupon="tea", **more):
    ties = {"coupon": {"data": {"type": "coupon", "id": coupon}}}
    return {"type": "coupon-code", "attributes": {"unique_code": text, **more}, "relationships": ties}


def test_a_coupon_is_made_once(client):
    assert client.call("POST", "coupons", COUPON).status_code == 201
    assert client.call("POST", "coupons", COUPON).status_code == 409
    assert client.call("POST", "coupons", job("coupon", external_id="tea-10%")).status_code == 400
    assert client.ask("GET", "coupons/tea")["data"]["attributes"]["external_id"] == "tea"


def test_a_code_belongs_to_a_coupon_and_lasts_a_year_unless_told(client):
    client.ask("POST", "coupons", COUPON)
    now = datetime.fromisoformat(client.control("clock", advance_s=0)["now"])
    made = client.ask("POST", "coupon-codes", {"data": code("A1")})["data"]
    assert (made["id"], made["attributes"]["status"]) == ("tea-A1", "UNASSIGNED")
    assert datetime.fromisoformat(made["attributes"]["expires_at"]) - now == timedelta(days=365)
    assert client.call("POST", "coupon-codes", {"data": code("A1")}).status_code == 409
    assert client.call("POST", "coupon-codes", {"data": code("A2", "coffee")}).status_code == 404


def test_codes_are_listed_only_of_a_coupon_or_a_profile(client):
    client.ask("POST", "coupons", COUPON)
    ada = client.control("profiles", email="ada@example.com")["id"]
    for text in ("A1", "A2"):
        client.ask("POST", "coupon-codes", {"data": code(text, expires_at="2027-01-01T00:00:00Z")})
    client.control("assign", code="tea-A1", id=ada)

    def found(asked):
        return [one["id"] for one in client.ask("GET", "coupon-codes", filter=asked)["data"]]

    assert client.call("GET", "coupon-codes").status_code == 400
    assert client.call("GET", "coupon-codes", filter='equals(status,"UNASSIGNED")').status_code == 400
    assert found(f'equals(profile.id,"{ada}")') == ["tea-A1"]
    assert found('equals(coupon.id,"tea"),equals(status,"UNASSIGNED")') == ["tea-A2"]
    assert found('any(coupon.id,["tea"]),less-than(expires_at,2027-01-01T00:00:00Z)') == []


def test_a_code_is_changed_and_deleted_until_somebody_has_it(client):
    client.ask("POST", "coupons", COUPON)
    ada = client.control("profiles", email="ada@example.com")["id"]
    for text in ("A1", "A2"):
        client.ask("POST", "coupon-codes", {"data": code(text)})
    client.control("assign", code="tea-A1", id=ada)
    change = {
        "type": "coupon-code",
        "id": "tea-A2",
        "attributes": {"status": "USED", "expires_at": "2027-02-03T00:00:00Z"},
    }

    told = client.ask("PATCH", "coupon-codes/tea-A2", {"data": change})["data"]["attributes"]
    assert (told["status"], told["expires_at"]) == ("USED", "2027-02-03T00:00:00+00:00")
    assert client.call("DELETE", "coupon-codes/tea-A1").status_code == 400
    assert client.call("DELETE", "coupon-codes/tea-A2").status_code == 204
    assert [one["id"] for one in client.control("coupons", verb="GET")["codes"]] == ["tea-A1"]


def test_codes_are_made_in_bulk_later_and_each_stands_alone(client):
    client.ask("POST", "coupons", COUPON)
    given = {"coupon-codes": {"data": [code("A1"), code("A1"), code("A2", "coffee"), code("A3")]}}
    answer = client.call("POST", "coupon-code-bulk-create-jobs", job("coupon-code-bulk-create-job", **given))
    assert (answer.status_code, client.control("coupons", verb="GET")["codes"]) == (202, [])
    later(client)

    made = client.ask("GET", f"coupon-code-bulk-create-jobs/{answer.json()['data']['id']}")["data"]
    assert [one["id"] for one in made["relationships"]["coupon-codes"]["data"]] == ["tea-A1", "tea-A3"]
    assert [one["code"] for one in made["attributes"]["errors"]] == ["duplicate", "not_found"]
    many = {"coupon-codes": {"data": [code(str(n)) for n in range(1_001)]}}
    assert (
        client.call("POST", "coupon-code-bulk-create-jobs", job("coupon-code-bulk-create-job", **many)).status_code
        == 400
    )
