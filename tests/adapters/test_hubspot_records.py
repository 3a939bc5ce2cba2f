"""What sales people read on records is true, and what they wrote themselves stands. Over real HTTP."""

import json
import time
from uuid import uuid4

import pytest

from connector.domain.facts import ObjectRef
from connector.errors import NotDone, PlatformError, Refused
from connector.mapping import ALWAYS, IF_EMPTY, load_all
from connector.ports.records import REFERRED_BY, FieldPlan, FieldValue, Link, RecordWrite, Setup
from tests.adapters.conformance.wire import Answer, Trouble
from tests.adapters.test_hubspot_outbound import OBJECTS, SCOPES, running

UPDATES = f"POST {OBJECTS}/contacts/batch/update"
SINGLE = f"PATCH {OBJECTS}/contacts/{{id}}"
PROPERTIES, SCHEMAS = "/crm/properties/2026-09", "/crm-object-schemas/2026-09/schemas"
LABELS = "/crm/associations/2026-09/0-1/0-1/labels"
URL = "https://referrals.example.com"
STAGES = ("pending", "qualified", "rewarded")
SETUP = Setup(
    URL,
    {
        "contact": (
            FieldPlan("referral_source", "string", "Where the code was seen."),
            FieldPlan("referral_stage", "enumeration", "Where the referral stands.", STAGES),
            FieldPlan("referral_touched_at", "datetime", "When the code was first seen."),
            FieldPlan("referral_explanation", "string/textarea", "Why."),
        ),
        "advocate": (FieldPlan("referral_advocate_id", "string/unique", "The advocate's id."),),
        "deal": (
            FieldPlan("referral_stage", "enumeration", "Where the referral stands.", STAGES),
            FieldPlan("referral_reward_amount", "number", "What the advocate is owed."),
        ),
        "credit": (
            FieldPlan("reward_id", "string/unique", "The reward's id."),
            FieldPlan("amount", "number", "What was promised."),
            FieldPlan("state", "enumeration", "Where it stands.", ("due", "issued")),
        ),
    },
)


def provision(portal, setup=SETUP):
    return dict(portal.out.provision(portal.account, setup))


@pytest.fixture
def portal():
    with running(tier="professional") as made:
        assert set(provision(made)) == {"cannot:credit records"}
        yield made


@pytest.fixture
def enterprise():
    with running(tier="enterprise") as made:
        assert provision(made) == {}
        yield made


def value(text, policy=IF_EMPTY, kind="string"):
    return FieldValue(text, policy, kind)


def note(ref, *, links=(), email="", policy=IF_EMPTY, **fields):
    values = {f"referral_{name}": value(text, policy) for name, text in fields.items()}
    return RecordWrite(ref, values, email, links)


def write(portal, *writes):
    return portal.out.write_records(portal.account, writes)


def source(portal, ref):
    return portal.held(ref, "referral_source")


def people(portal, number):
    return [portal.contact(f"p{n}@example.com") for n in range(number)]


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hundred_records_are_one_call_and_more_are_several(portal):
    refs = people(portal, 130)
    results = write(portal, *(note(ref, source="a form") for ref in refs))
    assert [result.ref for result in results] == refs
    assert {(result.written, result.refused) for result in results} == {(("referral_source",), "")}
    assert portal.inputs(UPDATES) == [100, 30]
    assert {source(portal, ref) for ref in refs} == {"a form"}


def test_what_stands_there_already_is_not_written_again(portal):
    ref = portal.contact()
    for _ in range(3):
        (result,) = write(portal, note(ref, policy=ALWAYS, stage="pending", explanation="x" * 1500))
        assert (result.refused, result.kept) == ("", ())
    assert portal.inputs(UPDATES) == [1]


def test_writes_to_one_record_are_folded_whatever_names_it_goes_by(portal):
    first, second, other = people(portal, 3)
    kept = portal.merge(first, second)
    writes = [
        note(first, source="a form"),
        note(second, explanation="why"),
        note(kept, policy=ALWAYS, stage="pending"),
        note(kept, policy=ALWAYS, stage="qualified"),
        note(ObjectRef("contact", ""), email="p1@example.com", policy=ALWAYS, touched_at="2026-11-20T10:00:00Z"),
        note(other, source="a link"),
    ]
    results = write(portal, *writes)
    # Whoever is named by an e-mail is told by their number.
    assert [result.ref for result in results] == [first, second, kept, kept, kept, other]
    assert [(len(result.written), result.refused) for result in results] == [(1, "")] * 6
    assert portal.inputs(UPDATES) == [2]
    held = [portal.held(kept, f"referral_{name}") for name in ("source", "explanation", "stage", "touched_at")]
    assert held == ["a form", "why", "qualified", "2026-11-20T10:00:00.000Z"]


def test_a_person_who_is_known_by_e_mail_alone_is_written_to_and_a_stranger_is_not(portal):
    ref = portal.contact("ada@example.com")
    nobody = ObjectRef("contact", "")
    one, other = write(
        portal,
        note(nobody, email=" Ada@Example.com", source="a form"),
        note(nobody, email="stranger@example.com", source="a form"),
    )
    assert (one.written, one.refused, source(portal, ref)) == (("referral_source",), "", "a form")
    assert (other.written, other.refused) == ((), "")


def test_a_second_address_of_a_contact_finds_them_too(portal):
    kept = portal.merge(portal.contact("one@example.com"), portal.contact("two@example.com"))
    (result,) = write(portal, note(ObjectRef("contact", ""), email="two@example.com", source="a form"))
    assert (result.written, source(portal, kept)) == (("referral_source",), "a form")


def test_a_deal_is_written_too(portal):
    deal = portal.deal(portal.contact())
    fields = {"referral_reward_amount": value("120.50", ALWAYS, "number")}
    (result,) = write(portal, RecordWrite(deal, fields))
    assert (result.refused, portal.held(deal, "referral_reward_amount")) == ("", "120.50")


def test_a_record_that_was_deleted_is_told_and_holds_up_no_other(portal):
    gone, fine = people(portal, 2)
    portal.act("delete", gone)
    lost, written = write(portal, note(gone, source="a form"), note(fine, source="a form"))
    assert "no such contact" in lost.refused
    assert (written.refused, source(portal, fine)) == ("", "a form")


# ── A person's word stands ───────────────────────────────────────────────────────────────────────────────────────


def test_a_persons_value_is_kept_and_told(portal):
    ref = portal.contact(referral_source="my own words")
    (result,) = write(portal, note(ref, source="a form", explanation="why"))
    assert (result.written, result.kept) == (("referral_explanation",), ("referral_source",))
    assert source(portal, ref) == "my own words"


def is_update(request):
    return request.method == "POST" and request.path.endswith("/batch/update")


def is_look_back(request):
    return request.path.endswith("/batch/read") and b'"propertiesWithHistory": ["referral' in request.body


@pytest.mark.parametrize("moment", [is_update, is_look_back])
def test_a_person_who_saves_while_we_write_has_the_last_word(portal, moment):
    raced, *calm = people(portal, 3)
    times = {}

    def typed():
        times["typed"] = time.monotonic()
        portal.save(raced, referral_source="typed meanwhile")

    portal.wire.meanwhile(moment, typed)
    begun = time.monotonic()
    results = write(portal, *(note(ref, source="a form") for ref in (raced, *calm)))
    away, whole = time.monotonic() - times["typed"], time.monotonic() - begun
    print(f"A person's value was away for at most {away:.3f} s of a write of {whole:.3f} s.")
    assert source(portal, raced) == "typed meanwhile"
    assert {source(portal, ref) for ref in calm} == {"a form"}
    assert {result.written for result in results[1:]} == {("referral_source",)}
    (again,) = write(portal, note(raced, source="a form"))
    assert (again.kept, source(portal, raced)) == (("referral_source",), "typed meanwhile")


def test_a_value_that_was_put_back_is_told_as_kept(portal):
    ref = portal.contact()
    portal.wire.meanwhile(is_update, lambda: portal.save(ref, referral_source="typed meanwhile"))
    (result,) = write(portal, note(ref, source="a form", explanation="why"))
    assert (result.written, result.kept) == (("referral_explanation",), ("referral_source",))


def test_a_persons_value_that_may_not_be_put_back_is_told_and_not_called_kept(portal):
    """People may write what an admin's rule forbids to apps: then the value is lost, and somebody must hear of it."""
    ref = portal.contact()
    portal.client.control("rules", type="contacts", property="referral_source", matches="[a-z ]+", message="lower case")
    portal.wire.meanwhile(is_update, lambda: portal.save(ref, referral_source="Typed MEANWHILE"))
    (result,) = write(portal, note(ref, source="a form"))
    assert source(portal, ref) == "a form"
    assert "lower case" in result.refused


def test_a_person_has_the_last_word_also_when_our_look_back_got_lost(portal):
    ref = portal.contact()
    portal.wire.meanwhile(is_update, lambda: portal.save(ref, referral_source="typed meanwhile"))
    portal.wire.strike(is_look_back, Trouble(effect=True, told=Answer(503, b"{}")))
    with pytest.raises(NotDone):
        write(portal, note(ref, source="a form"))
    write(portal, note(ref, source="a form"))
    assert source(portal, ref) == "typed meanwhile"


def test_a_time_that_a_person_set_while_we_wrote_stands_too(portal):
    ref = portal.contact()
    portal.wire.meanwhile(is_update, lambda: portal.save(ref, referral_touched_at="2026-01-02T03:04:05Z"))
    write(portal, RecordWrite(ref, {"referral_touched_at": value("2026-11-20T10:00:00Z", IF_EMPTY, "datetime")}))
    assert portal.held(ref, "referral_touched_at").startswith("2026-01-02T03:04:05")


def test_a_person_who_changed_their_own_value_to_ours_keeps_it(portal):
    ref = portal.contact(referral_source="my own words")
    portal.save(ref, referral_source="a form")
    for stage in ("pending", "qualified"):
        write(portal, note(ref, source="a form"), note(ref, policy=ALWAYS, stage=stage))
        write(portal, note(ref, source="a form"))
    assert source(portal, ref) == "a form"


def test_what_a_person_cleared_long_ago_is_not_brought_back(portal):
    ref = portal.contact(referral_source="old words")
    portal.save(ref, referral_source="")
    (result,) = write(portal, note(ref, source="a form"))
    assert (result.written, source(portal, ref)) == (("referral_source",), "a form")


# ── Answers that are not all good ────────────────────────────────────────────────────────────────────────────────


def test_one_record_that_hubspot_refuses_is_told_in_its_words_and_the_others_are_written(portal):
    refs = people(portal, 3)
    writes = [note(ref, policy=ALWAYS, stage="no such stage" if ref is refs[1] else "pending") for ref in refs]
    results = write(portal, *writes)
    assert [bool(result.refused) for result in results] == [False, True, False]
    assert "no such stage was not one of the allowed options" in results[1].refused
    assert [portal.held(ref, "referral_stage") for ref in refs] == ["pending", None, "pending"]
    assert portal.inputs(UPDATES) == [3]


@pytest.mark.parametrize("when", ["before", "after"])
def test_records_that_an_answer_passes_over_are_written_one_by_one(portal, when):
    refs = people(portal, 3)
    portal.fault("empty_success", "batch/update", when=when)
    results = write(portal, *(note(ref, source="a form") for ref in refs))
    assert {(result.written, result.refused) for result in results} == {(("referral_source",), "")}
    assert {source(portal, ref) for ref in refs} == {"a form"}
    assert portal.client.book()["calls"][SINGLE] == 3


def test_an_admins_rule_stops_the_one_record_that_breaks_it(portal):
    refs = people(portal, 100)
    words = "Only codes of ours here"
    portal.client.control("rules", type="contacts", property="referral_source", matches="[a-z ]+", message=words)
    results = write(
        portal, *(note(ref, source="POISON" if place == 41 else "a form") for place, ref in enumerate(refs))
    )
    assert [place for place, result in enumerate(results) if result.refused] == [41]
    assert words in results[41].refused
    assert [source(portal, ref) for ref in refs].count("a form") == 99
    assert portal.inputs(UPDATES) == [100]


def test_a_record_that_spoils_the_whole_batch_is_found_and_the_others_are_written(portal):
    """HubSpot refuses a batch as a whole for a property that is not there."""
    refs = people(portal, 8)
    writes = [note(ref, source="a form") for ref in refs]
    writes[5] = RecordWrite(refs[5], {"no_such_property": value("x")})
    portal.wire.strike(
        lambda request: (
            is_update(request) and b"no_such_property" in request.body and request.body.count(b"referral_source") == 7
        ),
        whole_refusal(),
    )
    results = write(portal, *writes)
    assert [place for place, result in enumerate(results) if result.refused] == [5]
    assert [source(portal, ref) for ref in refs].count("a form") == 7


def whole_refusal():
    told = {"status": "error", "message": "Property values were not valid", "category": "VALIDATION_ERROR"}
    return Trouble(effect=False, told=Answer(400, json.dumps(told).encode(), {"Content-Type": "application/json"}))


def test_a_missing_permission_is_named_and_nothing_is_written(portal):
    ref = portal.contact()
    lacking = [scope for scope in SCOPES if scope != "crm.objects.contacts.write"]
    portal.client.control("portals/update", scopes=lacking)
    (result,) = write(portal, note(ref, source="a form"))
    assert "crm.objects.contacts.write" in result.refused
    assert source(portal, ref) is None
    assert portal.inputs(UPDATES) == [1]


@pytest.mark.parametrize("fault", ["cut_before", "cut_after", "html_200_after", "status_before"])
def test_a_write_that_got_lost_may_be_written_again(portal, fault):
    ref = portal.contact()
    portal.fault(fault, "batch/update")
    with pytest.raises(PlatformError) as error:
        write(portal, note(ref, source="a form"))
    assert not isinstance(error.value, Refused)
    (result,) = write(portal, note(ref, source="a form"))
    assert (result.refused, source(portal, ref)) == ("", "a form")


# ── Labels ───────────────────────────────────────────────────────────────────────────────────────────────────────


def tied(portal):
    """Pairs of contacts with the names of what ties them."""
    (state,) = portal.client.control("state", verb="GET")["portals"]
    names = {label["type_id"]: label["label"] for label in state["labels"]}
    return {
        (row["from"].partition("/")[2], row["to"].partition("/")[2], names[number])
        for row in state["associations"]
        for number in row["types"]
        if number in names
    }


def referred_by(advocate):
    return (Link(advocate, REFERRED_BY),)


def test_friend_and_advocate_are_labelled_once_however_often_they_are_tied(portal):
    friend, advocate = people(portal, 2)
    for _ in range(2):
        write(portal, note(friend, policy=ALWAYS, stage="pending", links=referred_by(advocate)))
    assert tied(portal) == {(friend.id, advocate.id, "Referred by"), (advocate.id, friend.id, "Referred")}
    calls = portal.client.book()["calls"]
    assert calls["GET /crm/associations/2026-09/contacts/contacts/labels"] == 2  # when it was set up, and once after


def is_tie(request):
    return request.path.endswith("/crm/associations/2026-09/0-1/0-1/batch/create")


def test_nobody_is_labelled_as_referred_by_themselves(portal):
    (friend,) = people(portal, 1)
    (result,) = write(portal, note(friend, source="a form", links=referred_by(friend)))
    assert (result.refused, tied(portal)) == ("", set())
    assert portal.wire.asked(is_tie) == 0


def test_the_number_of_a_deal_is_never_taken_for_that_of_a_contact(portal):
    friend, advocate = people(portal, 2)
    deal = portal.deal()
    assert deal.id == friend.id  # each kind counts for itself
    (result,) = write(portal, note(deal, policy=ALWAYS, stage="pending", links=referred_by(advocate)))
    assert (result.refused, portal.wire.asked(is_tie), tied(portal)) == ("", 0, set())


def test_nobody_is_labelled_as_referred_by_themselves_under_an_old_name(portal):
    first, second = people(portal, 2)
    portal.merge(first, second)
    (result,) = write(portal, note(first, source="a form", links=referred_by(second)))
    assert (result.refused, tied(portal), source(portal, first)) == ("", set(), "a form")


def test_an_account_without_labels_goes_without_and_everything_else_is_written():
    with running(tier="free") as portal:
        assert set(provision(portal)) == {"cannot:labels", "cannot:credit records"}
        friend, advocate = people(portal, 2)
        (result,) = write(portal, note(friend, source="a form", links=referred_by(advocate)))
        assert (result.refused, source(portal, friend), tied(portal)) == ("", "a form", set())


# ── Referral Credit records ──────────────────────────────────────────────────────────────────────────────────────


def credit(name, *links, **fields):
    told = {"reward_id": name, "state": "due", **fields}
    values = {key: value(text, ALWAYS) for key, text in told.items()}
    return RecordWrite(ObjectRef("credit", name), values, links=tuple(Link(ref) for ref in links))


def credits_of(portal):
    """All such records by their reward, and what each is associated with."""
    (state,) = portal.client.control("state", verb="GET")["portals"]
    records = state["records"].get("referral_credit", [])
    ties = {}
    for row in state["associations"]:
        kind, _, number = row["from"].partition("/")
        if kind.startswith("2-") or kind == "referral_credit":
            ties.setdefault(number, set()).add(row["to"].partition("/")[2])
    return {
        record["properties"]["reward_id"]: (record["properties"], ties.get(str(record["id"]), set()))
        for record in records
    }, len(records)


def test_each_reward_has_one_record_that_is_kept_current_and_tied_to_its_contact_and_deal(enterprise):
    portal = enterprise
    advocate = portal.contact()
    deal = portal.deal(advocate)
    names = [str(uuid4()) for _ in range(2)]
    for state in ("due", "issued"):
        results = write(portal, *(credit(name, advocate, deal, state=state, amount="12.50") for name in names))
        assert [(result.ref.id, result.refused) for result in results] == [(name, "") for name in names]
    kept, number = credits_of(portal)
    assert number == 2
    for name in names:
        properties, ties = kept[name]
        assert (properties["state"], properties["amount"]) == ("issued", "12.50")
        assert ties == {advocate.id, deal.id}


def test_one_reward_told_twice_in_a_batch_is_one_record(enterprise):
    name = str(uuid4())
    results = write(enterprise, credit(name, state="due"), credit(name, state="issued"))
    assert [result.refused for result in results] == ["", ""]
    kept, number = credits_of(enterprise)
    assert (number, kept[name][0]["state"]) == (1, "issued")


def test_a_credit_that_hubspot_refuses_is_told_in_the_words_that_are_about_it(enterprise):
    fine, odd, wrong = (str(uuid4()) for _ in range(3))
    results = write(enterprise, credit(fine), credit(odd, state="no such state"), credit(wrong, amount="many"))
    assert [bool(result.refused) for result in results] == [False, True, True]
    assert "no such state" in results[1].refused
    assert "many was not a valid number" in results[2].refused
    assert set(credits_of(enterprise)[0]) == {fine}


def test_credits_that_an_answer_passes_over_are_written_in_the_end(enterprise):
    name = str(uuid4())
    enterprise.fault("empty_success", "batch/upsert", when="before")
    for _ in range(2):
        try:
            (result,) = write(enterprise, credit(name))
            break
        except NotDone:
            continue
    assert result.refused == ""
    assert set(credits_of(enterprise)[0]) == {name}


def test_without_such_records_the_contacts_say_it_alone_and_nothing_is_refused(portal):
    (result,) = write(portal, credit(str(uuid4()), portal.contact()))
    assert (result.refused, result.written) == ("", ())


# ── Setting up ───────────────────────────────────────────────────────────────────────────────────────────────────


def schema_entries(portal):
    return [entry for entry in portal.client.book()["entries"] if entry["kind"] == "schema"]


def named(portal, kind):
    return {row["name"]: row for row in portal.admin("GET", f"{PROPERTIES}/{kind}")["results"]}


def test_an_empty_account_gets_what_it_needs_and_a_second_time_changes_nothing(enterprise):
    portal = enterprise
    before = schema_entries(portal)
    contacts, deals = named(portal, "contacts"), named(portal, "deals")
    assert {"ref", "referral_code", "referral_credit_balance", "referral_source", "referral_advocate_id"} <= set(
        contacts
    )
    assert {"referral_stage", "referral_reward_amount"} <= set(deals)
    assert {contacts[name]["groupName"] for name in contacts if name.startswith("referral")} == {"referrals"}
    assert contacts["referral_advocate_id"]["hasUniqueValue"] is True
    assert (contacts["ref"]["formField"], contacts["referral_credit_balance"]["formField"]) == (True, False)
    assert [row["value"] for row in contacts["referral_stage"]["options"]] == list(STAGES)
    assert contacts["referral_explanation"]["fieldType"] == "textarea"
    assert provision(portal) == {}
    assert schema_entries(portal) == before
    assert len(portal.admin("GET", SCHEMAS)["results"]) == 1
    assert len(portal.admin("GET", LABELS)["results"]) == 3  # HubSpot's own, and our pair


@pytest.mark.parametrize(
    ("tier", "lacking"),
    [
        ("free", {"cannot:labels", "cannot:credit records"}),
        ("starter", {"cannot:credit records"}),
        ("professional", {"cannot:credit records"}),
        ("enterprise", set()),
    ],
)
def test_what_a_plan_does_not_have_is_told_with_its_remedy(tier, lacking):
    with running(tier=tier) as portal:
        for _ in range(2):
            told = provision(portal)
            assert set(told) == lacking
            assert all("HubSpot has" in words for words in told.values())


def test_a_property_that_somebody_made_with_another_type_is_told_and_left_alone():
    with running(tier="enterprise") as portal:
        portal.make_properties("referral_source", value="number", shown="number")
        told = provision(portal)
        assert set(told) == {"cannot:referral_source"}
        assert "is of type number, and we write string" in told["cannot:referral_source"]
        kept = named(portal, "contacts")["referral_source"]
        assert (kept["type"], kept["groupName"]) == ("number", "contactinformation")


def test_options_that_are_lacking_are_named():
    with running(tier="enterprise") as portal:
        own = [{"label": "Pending", "value": "pending", "displayOrder": 0, "hidden": False}]
        portal.make_properties("referral_stage", value="enumeration", shown="select", options=own)
        told = provision(portal)
        assert set(told) == {"cannot:referral_stage"}
        assert "lacks the options qualified, rewarded: add them" in told["cannot:referral_stage"]
        assert [row["value"] for row in named(portal, "contacts")["referral_stage"]["options"]] == ["pending"]


def test_a_field_of_the_merchants_own_is_never_made():
    with running(tier="enterprise") as portal:
        fields = {"contact": (FieldPlan("acme_source", "string", "Theirs."),)}
        told = provision(portal, Setup(URL, fields))
        assert "make one of type string" in told["cannot:acme_source"]
        assert "acme_source" not in named(portal, "contacts")
        portal.make_properties("acme_source")
        assert provision(portal, Setup(URL, fields)) == {}


@pytest.mark.parametrize(
    ("scope", "part"),
    [
        ("crm.schemas.contacts.write", "cannot:properties of contacts"),
        ("crm.schemas.deals.write", "cannot:properties of 0-3"),
        ("crm.schemas.custom.write", "cannot:credit records"),
    ],
)
def test_without_a_permission_the_rest_is_set_up_and_the_permission_is_named(scope, part):
    with running(tier="enterprise", scopes=[each for each in SCOPES if each != scope]) as portal:
        told = provision(portal)
        assert set(told) == {part}
        assert scope in told[part]


SAMPLES = {"string": "words", "number": "12.50", "datetime": "2026-11-20T10:00:00Z"}


def test_every_row_of_our_mapping_can_be_set_up_and_written():
    rows = load_all()["hubspot"].records
    fields = {kind: tuple(FieldPlan(r.field, r.type, r.help, r.choices) for r in each) for kind, each in rows.items()}
    with running(tier="enterprise") as portal:
        assert provision(portal, Setup(URL, fields)) == {}
        friend, advocate = people(portal, 2)
        refs = {"contact": friend, "deal": portal.deal(friend), "advocate": advocate}
        refs["credit"] = ObjectRef("credit", str(uuid4()))
        for kind, ref in refs.items():
            told = {
                row.field: value(row.choices[0] if row.choices else SAMPLES[row.type.partition("/")[0]], row.policy)
                for row in rows[kind]
            }
            told |= {"reward_id": value(ref.id, ALWAYS)} if kind == "credit" else {}
            (result,) = write(portal, RecordWrite(ref, told))
            assert (set(result.written), result.refused) == (set(told), ""), kind
