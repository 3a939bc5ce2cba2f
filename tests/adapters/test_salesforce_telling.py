"""News must start a merchant's flow once: a flow starts when a Referral News is created, and by nothing else.

Over real HTTP; what was created is counted in the stand-in's own book.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from adapters.salesforce import MANIFEST, outbound
from adapters.salesforce.outbound.telling import NEWS
from adapters.salesforce.sandbox import start
from connector.domain.money import Money
from connector.domain.news import NewsKind
from connector.errors import Refused, Throttled, TokenExpired, Unknown
from connector.ports.news import News
from tests.adapters.conformance.wire import Answer, Broken, Trouble, Wire
from tests.adapters.test_salesforce_calls import Connected

AT = datetime(2026, 11, 20, 10, 0, 0, 400_000, tzinfo=UTC)
EMPTY = {"Contact__c": None, "Lead__c": None}


class Told(Connected):
    """An org whose user has the rights of the package's permission set alone; `bare`, one without the package."""

    def __init__(self, wire, sandbox, **org):
        super().__init__(wire, sandbox, **org)
        self.out = outbound.build(self.kit())

    def made(self, kind, **values):
        return self.hand.control("records", object=kind, values=values)["id"]

    def contact(self, email, **more):
        return self.made("Contact", LastName="C", Email=email, **more)

    def lead(self, email):
        return self.made("Lead", LastName="L", Company="C", Email=email)

    def entries(self, *kinds):
        return [each for each in self.hand.book()["entries"] if each["kind"] in kinds]

    def started(self):
        """The news of every record that was created, in their order; whatever else was made by us is a mistake."""
        made = [each for each in self.entries("created") if each["by"] == "api"]
        assert {each["object"] for each in made} <= {NEWS}
        with self.sandbox.world.lock:
            org = self.sandbox.world.orgs[self.account.external]
            return [org.find(each["id"]).values for each in made]

    def ids(self):
        return [each["News_Id__c"] for each in self.started()]

    def tell(self, *told):
        results = list(self.out.tell(self.account, told))
        assert [one.id for one in results] == [one.id for one in told]
        return results

    def why(self, *told):
        return [result.refused for result in self.tell(*told)]


def running(**org):
    sandbox = start()
    try:
        with Wire(sandbox.url) as wire:
            found = Told(wire, sandbox, **org)
            yield found
            found.hand.close()
    finally:
        sandbox.stop()


@pytest.fixture
def tea():
    yield from running()


def news(email="", kind=NewsKind.ISSUED, **more):
    return News(uuid4(), kind, "advocate", AT, **{"email": email, "values": {"program": "tea"}, **more})


def is_telling(request):
    return request.method == "PATCH" and f"/{NEWS}/" in request.path


def many(tea, number):
    people = [f"listener{place}@example.com" for place in range(number)]
    for email in people:
        tea.contact(email)
    return [news(email) for email in people]


# ── What a record says ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_record_says_all_that_a_flow_needs_and_names_nobody_else(tea):
    ada, values = tea.contact("ada@example.com"), {
        "program": "Tea friends",
        "code": "K7",
        "link": "https://x.example/r/K7",
        "reason": "too late",
        "referral_id": str(uuid4()),
        "reward_id": str(uuid4()),
        "reward_kind": "code",
        "reward_code": "TEA-5",
        "later": "a word that the package does not know yet",
    }  # fmt: skip
    one = news("Ada@Example.com", values=values, amount=Money(1250, "EUR"))
    assert tea.why(one) == [""]
    (record,) = tea.started()
    told = {name: value for name, value in record.items() if name.endswith("__c")}
    assert told == {
        "News_Id__c": str(one.id),
        "Kind__c": "reward issued",
        "Role__c": "advocate",
        "Happened_At__c": AT.replace(microsecond=0),
        **EMPTY,
        "Contact__c": ada,
        "Amount__c": 12.5,
        "Currency__c": "EUR",
        "Program__c": "Tea friends",
        "Code__c": "K7",
        "Link__c": "https://x.example/r/K7",
        "Reason__c": "too late",
        "Referral_Id__c": values["referral_id"],
        "Reward_Id__c": values["reward_id"],
        "Reward_Kind__c": "code",
        "Reward_Code__c": "TEA-5",
    }
    (sent,) = [call for call in tea.wire.calls if is_telling(call)]
    assert b"ada@" not in sent.body.lower()


@pytest.mark.parametrize(
    ("minor", "currency", "value"), [(-1250, "EUR", 12.5), (0, "EUR", 0), (1250, "JPY", 1250), (1001, "KWD", 1.001)]
)
def test_an_amount_is_positive_and_in_the_units_of_its_currency(tea, minor, currency, value):
    tea.contact("ada@example.com")
    tea.tell(news("ada@example.com", NewsKind.REVERSED, amount=Money(minor, currency)))
    (record,) = tea.started()
    assert (float(record["Amount__c"]), record["Currency__c"]) == (value, currency)


def test_a_text_that_is_too_long_is_cut_and_costs_nobody_their_news(tea):
    tea.contact("ada@example.com")
    assert tea.why(news("ada@example.com", values={"reason": "x" * 3000, "program": "y" * 300})) == [""]
    (record,) = tea.started()
    assert (len(record["Reason__c"]), len(record["Program__c"])) == (2000, 255)


def test_news_of_one_person_are_created_in_their_order(tea):
    tea.contact("ada@example.com")
    told = [news("ada@example.com", kind) for kind in (NewsKind.QUALIFIED, NewsKind.CONVERTED, NewsKind.ISSUED)]
    tea.tell(*told)
    assert tea.ids() == [str(one.id) for one in told]


def test_a_package_with_a_namespace_is_told_by_its_own_names():
    for tea in running(package={"rights": "package", "namespace": "acme"}):
        ada = tea.contact("ada@example.com")
        assert tea.why(news("ada@example.com")) == [""]
        (row,) = tea.hand.query(f"SELECT acme__Contact__c, acme__Kind__c FROM acme__{NEWS}")
        assert (row["acme__Contact__c"], row["acme__Kind__c"]) == (ada, "reward issued")


# ── Whom it is for ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_is_found_by_id_before_their_address_and_a_contact_before_a_lead(tea):
    known, other = tea.contact("known@example.com"), tea.contact("both@example.com")
    tea.lead("both@example.com")
    lead = tea.lead("lead@example.com")
    told = [
        news("both@example.com", person=known),
        news("both@example.com"),
        news("lead@example.com"),
        news(person=lead),
    ]
    assert tea.why(*told) == [""] * 4
    assert [(each["Contact__c"], each["Lead__c"]) for each in tea.started()] == [
        (known, None), (other, None), (None, lead), (None, lead),
    ]  # fmt: skip


def test_whoever_was_converted_or_merged_hears_it_as_who_they_are_now(tea):
    lead, gone, stays = tea.lead("l@example.com"), tea.contact("g@example.com"), tea.contact("s@example.com")
    became = tea.hand.control("convert", lead=lead)["contact"]
    tea.hand.control("merge", winner=stays, losers=[gone])
    assert tea.why(news(person=lead), news(person=gone[:15])) == ["", ""]
    assert [each["Contact__c"] for each in tea.started()] == [became, stays]


@pytest.mark.parametrize("person", ["deleted", "of nobody", "no id at all"])
def test_a_person_whose_record_is_gone_is_found_by_their_address(tea, person):
    gone, ada = tea.contact("gone@example.com"), tea.contact("ada@example.com")
    tea.hand.control("delete", id=gone)
    named = {"deleted": gone, "of nobody": "003000000000001AAA", "no id at all": "' OR Name != '"}[person]
    assert tea.why(news("ada@example.com", person=named), news("other@example.com", person=named))[0] == ""
    assert [each["Contact__c"] for each in tea.started()] == [ada]


def test_nobody_is_made_and_another_account_may_reach_them(tea):
    one, nobody = news("ada@example.com"), news("nobody@example.com")
    converted = tea.lead("old@example.com")
    tea.hand.control("delete", id=tea.hand.control("convert", lead=converted)["contact"])
    ada = tea.contact("ada@example.com")
    results = tea.tell(nobody, one, news("old@example.com"), news("no address"))
    assert [(bool(each.refused), each.elsewhere) for each in results] == [
        (True, True), (False, False), (True, True), (True, True),
    ]  # fmt: skip
    assert [each["Contact__c"] for each in tea.started()] == [ada]


def test_who_may_have_heard_it_here_before_is_not_told_by_another_account(tea):
    """Their record was deleted after a call whose answer got lost."""
    (result,) = tea.tell(news("nobody@example.com", again=True))
    assert (bool(result.refused), result.elsewhere) == (True, False)


# ── Once ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_told_again_nothing_is_created_and_nothing_changes(tea):
    told = many(tea, 3)
    tea.tell(*told)
    before = tea.entries("created", "field")
    assert tea.why(*(replace(one, again=True) for one in told)) == [""] * 3
    assert tea.entries("created", "field") == before


def test_told_again_beside_fresh_ones_each_is_created_once(tea):
    told = many(tea, 5)
    tea.wire.strike(is_telling, Trouble(effect=True, told=Broken.RESET))
    with pytest.raises(Unknown):
        tea.tell(*told[:3])
    assert tea.why(*told[3:], *(replace(one, again=True) for one in told[:3])) == [""] * 5
    assert sorted(tea.ids()) == sorted(str(one.id) for one in told)


def test_what_happened_before_the_org_was_connected_starts_nothing(tea):
    new, old = many(tea, 2)
    results = tea.tell(replace(old, history=True), new)
    assert [(bool(each.refused), each.elsewhere) for each in results] == [(True, True), (False, False)]
    assert tea.ids() == [str(new.id)]


# ── How many calls ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("by", ["id", "address"])
def test_a_full_batch_is_one_look_and_one_write(tea, by):
    first = tea.contact("first@example.com")
    tea.tell(news(person=first))  # the descriptions are read once an hour
    told = many(tea, MANIFEST.tell_batch)
    if by == "id":
        found = {row["Email"]: row["Id"] for row in tea.hand.query("SELECT Id, Email FROM Contact")}
        told = [replace(one, email="", person=found[one.email]) for one in told]
    asked = len(tea.wire.calls)
    assert set(tea.why(*told)) == {""}
    assert len(tea.wire.calls) - asked == 2
    assert len(tea.ids()) == 1 + MANIFEST.tell_batch


def test_nothing_to_tell_is_no_call(tea):
    assert tea.tell() == []
    assert tea.wire.calls == []


# ── What cannot be told, and what cannot be told now ─────────────────────────────────────────────────────────────


def test_a_record_that_a_rule_of_the_org_refuses_costs_the_others_nothing(tea):
    tea.hand.control("rules", object=NEWS, field="Program__c", matches="tea", message="no such program")
    good, bad, other = many(tea, 3)
    results = tea.tell(good, replace(bad, values={"program": "coffee"}), other)
    assert [each.refused.partition(":")[0] for each in results] == ["", "no such program", ""]
    assert not any(each.elsewhere for each in results)
    assert tea.ids() == [str(good.id), str(other.id)]


def item(code, **more):
    return {"success": False, "errors": [{"statusCode": code, "message": "said so", "fields": []}], **more}


DONE = {"success": True, "id": "a01000000000001AAA", "created": True, "errors": []}


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([item("UNABLE_TO_LOCK_ROW"), item("UNABLE_TO_LOCK_ROW")], Throttled),
        ([item("UNABLE_TO_LOCK_ROW"), item("FIELD_CUSTOM_VALIDATION_EXCEPTION")], Throttled),
        ([DONE, item("UNABLE_TO_LOCK_ROW")], Unknown),
        ([item("REQUEST_LIMIT_EXCEEDED"), DONE], Unknown),
        ([item("DUPLICATE_VALUE"), item("DUPLICATE_VALUE")], Unknown),
        ([DONE, item("INVALID_SESSION_ID")], Unknown),
        ([item("INVALID_SESSION_ID"), item("INVALID_SESSION_ID")], TokenExpired),
        ([DONE], Unknown),
        ([DONE, {"success": False}], Unknown),
    ],
)
def test_that_nothing_was_done_is_only_said_where_nothing_was(tea, rows, error):
    told = many(tea, 2)
    tea.wire.strike(is_telling, Trouble(effect=False, told=Answer(200, json.dumps(rows).encode())))
    with pytest.raises(error) as raised:
        tea.tell(*told)
    assert type(raised.value) is error
    assert tea.why(*told) == ["", ""]


def test_a_record_that_somebody_holds_is_told_again_with_what_was_told(tea):
    first, other = many(tea, 2)
    tea.tell(first)
    (held,) = tea.started()
    tea.hand.control("locks", id=held["Id"])
    with pytest.raises(Unknown, match="a part was written before this"):
        tea.tell(replace(first, again=True), other)
    assert tea.why(replace(first, again=True), replace(other, again=True)) == ["", ""]
    assert tea.ids() == [str(first.id), str(other.id)]


@pytest.mark.parametrize("rights", ["a user who sees no such object", "an older package"])
def test_an_org_without_the_object_is_told_what_to_do_and_another_account_may_tell(rights):
    for tea in running():
        with tea.sandbox.world.lock:
            org = tea.sandbox.world.orgs[tea.account.external]
            if rights == "an older package":
                del org.kinds[NEWS]
            del org.rights.objects[NEWS]
            org.changed()
        results = tea.tell(*many(tea, 2))
        assert all(each.elsewhere and "upgrade our package" in each.refused for each in results)
        assert tea.wire.asked(is_telling) == 0


def test_an_object_that_went_away_is_noticed_at_once(tea):
    first, other = many(tea, 2)
    tea.tell(first)
    with tea.sandbox.world.lock:
        org = tea.sandbox.world.orgs[tea.account.external]
        del org.rights.objects[NEWS]
        org.changed()
    (result,) = tea.tell(other)
    assert result.elsewhere and "upgrade our package" in result.refused


def hide(tea, field, *verbs):
    tea.hand.control("security", object=NEWS, field=field, withhold=verbs)


def test_a_field_that_is_hidden_costs_its_word_and_not_the_news(tea):
    first, other, third = many(tea, 3)
    tea.tell(first)
    hide(tea, "Program__c", "read", "create", "edit")
    assert tea.why(other) == [""]
    hide(tea, "Program__c")
    hide(tea, "Role__c", "create", "edit")
    assert tea.why(third) == [""]
    assert [each["Program__c"] for each in tea.started()] == ["tea", None, "tea"]
    assert [each["Role__c"] for each in tea.started()] == ["advocate", "advocate", None]


@pytest.mark.parametrize("field", ["Kind__c", "Contact__c"])
def test_without_what_a_flow_needs_nothing_is_started_until_an_admin_mends_it(tea, field):
    first, other = many(tea, 2)
    hide(tea, field, "create", "edit")
    (result,) = tea.tell(first)
    assert result.elsewhere and f"may not write {field}" in result.refused
    hide(tea, field)
    assert tea.why(other) == [""], "it is looked at anew"


def test_an_answer_that_keeps_contradicting_what_the_org_says_of_itself_ends(tea):
    tea.contact("ada@example.com")
    rows = json.dumps([item("INVALID_FIELD_FOR_INSERT_UPDATE")]).encode()
    for _ in range(2):
        tea.wire.strike(is_telling, Trouble(effect=False, told=Answer(200, rows)))
    (result,) = tea.tell(news("ada@example.com"))
    assert result.elsewhere and "said so" in result.refused and "upgrade our package" in result.refused


@pytest.mark.parametrize("answer", [(404, "NOT_FOUND"), (400, "INVALID_TYPE")])
def test_a_call_that_is_refused_for_lack_of_the_object_is_no_error(tea, answer):
    status, code = answer
    body = json.dumps([{"errorCode": code, "message": "said so"}]).encode()
    for _ in range(2):
        tea.wire.strike(is_telling, Trouble(effect=False, told=Answer(status, body)))
    results = tea.tell(*many(tea, 2))
    assert all(each.elsewhere and "upgrade our package" in each.refused for each in results)


def test_a_call_that_is_refused_for_another_reason_says_so(tea):
    body = json.dumps([{"errorCode": "API_DISABLED_FOR_ORG", "message": "the API is off"}]).encode()
    tea.wire.strike(is_telling, Trouble(effect=False, told=Answer(403, body)))
    with pytest.raises(Refused, match="the API is off"):
        tea.tell(*many(tea, 1))
