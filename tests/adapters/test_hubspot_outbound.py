"""A deal, a contact or an invoice must be read as the account holds it: wrong truth pays the wrong person. Over real HTTP."""

import json
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from adapters.hubspot import MANIFEST, auth, outbound
from adapters.hubspot.sandbox import start
from adapters.hubspot.sandbox.client import Client
from connector.domain.facts import (
    DealReopened,
    DealWon,
    InvoicePaid,
    LeadCreated,
    ObjectRef,
    OrderRefunded,
    PropertyReached,
    StageReached,
    newest,
)
from connector.domain.money import Money
from connector.domain.touch import Source, Touch
from connector.errors import NotDone, Throttled, Unavailable
from connector.ports.meter import Window
from connector.ports.platform import Account, Kit, Seen, Wanted
from tests.adapters.conformance.driver import Meter
from tests.adapters.conformance.wire import Answer, Trouble, Wire

PORTAL, TOKEN, SECRET = 62515, "hubspot-token", "the app's client secret"
APP = {"HUBSPOT_CLIENT_ID": "client", "HUBSPOT_CLIENT_SECRET": SECRET}
SCOPES = [scope.name for scope in MANIFEST.scopes]
OBJECTS = "/crm/objects/2026-09"
WON, LOST, OPEN = "closedwon", "closedlost", "qualifiedtobuy"
PARTNER, SIGNED, TALK = "28031705", "64059303", "64059301"
DAY = timedelta(days=1)
#: Long before all tests, so that nothing of them lies in the future.
START = datetime(2026, 9, 1, 8, 30, tzinfo=UTC)


class Portal:
    """An account in a stand-in, and our own code connected to it through a wire that can be struck."""

    def __init__(self, sandbox, wire, **more):
        self.sandbox, self.wire = sandbox, wire
        self.client = Client(sandbox.url, TOKEN)
        told = {"portal": PORTAL, "currency": "EUR", "token": TOKEN, "secret": SECRET, "client_id": "client"}
        told["limit"] = {"max": 10**9, "seconds": 10}
        self.refresh_token = self.client.control("portals", **{**told, "scopes": SCOPES, **more})["refresh_token"]
        self.kit = Kit(APP, Meter(), base_url=wire.url, timeout_s=5)
        self.out, self.auth = outbound.build(self.kit), auth.build(self.kit)
        self.account = Account(uuid4(), "hubspot", str(PORTAL), TOKEN)

    # ── What people do ──────────────────────────────────────────────────────────────────────────────────────────

    def make_properties(self, *names, kind="contacts", value="string", shown="text", **more):
        """As the merchant makes them by hand."""
        group = {"contacts": "contactinformation", "deals": "dealinformation", "invoices": "invoiceinformation"}[kind]
        base = {"type": value, "fieldType": shown, "groupName": group, **more}
        for name in names:
            self.admin("POST", f"/crm/properties/2026-09/{kind}", {"name": name, "label": name, **base})

    def admin(self, verb, path, body=None):
        """One call that an admin with all permissions makes, past the app's own scopes."""
        self.client.control("portals/update", scopes=None)
        try:
            return self.client.ask(verb, path, body)
        finally:
            self.client.control("portals/update", scopes=SCOPES)

    def make(self, kind, *, at=None, contacts=(), deals=(), **properties):
        told = {"at": at.isoformat()} if at else {}
        told |= {"contacts": [ref.id for ref in contacts], "deals": [ref.id for ref in deals]}
        made = self.client.control("objects", type=kind, properties=properties, send=False, **told)
        return ObjectRef(kind.removesuffix("s"), str(made["id"]))

    def contact(self, email="ada@example.com", **more):
        return self.make("contacts", email=email, **more)

    def deal(self, *contacts, stage=OPEN, **more):
        return self.make("deals", contacts=contacts, dealname="Tea", dealstage=stage, **more)

    def save(self, ref, /, *, at=None, source=None, **properties):
        told = ({"at": at.isoformat()} if at else {}) | ({"source": source} if source else {})
        self.client.control("save", type=f"{ref.kind}s", id=ref.id, properties=properties, send=False, **told)

    def form(self, email="ada@example.com", *, at=START, **more):
        made = self.client.control("form", email=email, at=at.isoformat(), send=False, **more)
        return ObjectRef("contact", str(made["id"]))

    def act(self, verb, ref, **more):
        return self.client.control(verb, type=f"{ref.kind}s", id=ref.id, send=False, **more)

    def tie(self, one, other, **more):
        ends = {end: {"type": f"{ref.kind}s", "id": ref.id} for end, ref in (("from", one), ("to", other))}
        self.client.control("associate", **ends, send=False, **more)

    def merge(self, primary, *others, **more):
        ids = [ref.id for ref in others]
        made = self.client.control("merge", primary=primary.id, others=ids, send=False, **more)
        return ObjectRef(primary.kind, str(made["id"]))

    def fault(self, fault, path="", **more):
        self.client.control("faults", fault=fault, path=path, count=1, **more)

    # ── What we see ─────────────────────────────────────────────────────────────────────────────────────────────

    def fetch(self, *refs, **wanted):
        return self.out.fetch(self.account, refs, Wanted(**wanted))

    def truth(self, ref, **wanted):
        (truth,) = self.fetch(ref, **wanted)
        assert truth.ref == ref
        return truth

    def facts(self, ref, kind, **wanted):
        return [fact for fact in self.truth(ref, **wanted).facts if isinstance(fact, kind)]

    def hints(self, ref):
        (glance,) = self.out.glance(self.account, [ref])
        return glance.hints

    def held(self, ref, name):
        """What stands there, whoever may see it."""
        (portal,) = self.client.control("state", verb="GET")["portals"]
        records = portal["records"].get(f"{ref.kind}s", [])
        return next(record["properties"].get(name) for record in records if str(record["id"]) == ref.id)

    def inputs(self, call):
        """The sizes of the batches of one call, by the stand-in's own book."""
        return self.client.book()["inputs"].get(call, [])


@contextmanager
def running(**more):
    sandbox = start()
    try:
        with Wire(sandbox.url) as wire:
            portal = Portal(sandbox, wire, **more)
            yield portal
            portal.client.close()
    finally:
        sandbox.stop()


@pytest.fixture
def portal():
    with running() as made:
        made.make_properties("ref", "referral_code", "referral_advocate_code")
        made.make_properties("utm_source", "utm_medium", "utm_campaign", "utm_content")
        yield made


def test_no_room_hides_a_method_of_another():
    rooms = [room for room in outbound.HubSpotOutbound.__mro__ if room.__module__.startswith("adapters.")][1:]
    names = [name for room in rooms for name in vars(room) if not name.startswith("__")]
    assert {name for name in names if names.count(name) > 1 and name not in {"client", "portals", "ties"}} == set()


# ── Codes on a contact ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["ref", "referral_code"])
def test_a_code_that_a_person_typed_counts_from_when_they_typed_it(portal, name):
    ref = portal.contact(at=START)
    portal.save(ref, at=START + DAY, **{name: " ANNA7 "})
    told = Touch(Source.CRM_FIELD, "ANNA7", START + DAY, evidence=f"the field {name} of the contact")
    assert portal.truth(ref).touches == (told,)
    assert portal.hints(ref) == ("ANNA7",)


@pytest.mark.parametrize("name", ["ref", "referral_code"])
def test_a_code_that_came_by_a_form_is_of_a_form(portal, name):
    ref = portal.form(fields={name: "ANNA7"}, at=START + DAY)
    assert portal.truth(ref).touches == (
        Touch(Source.FORM, "ANNA7", START + DAY, evidence=f"the field {name} of a form"),
    )


def test_a_code_counts_from_when_it_came_to_stand_and_not_from_when_it_stood_there_before(portal):
    ref = portal.contact(at=START, referral_code="ANNA7")
    portal.save(ref, at=START + DAY, referral_code="BERT8")
    portal.save(ref, at=START + 2 * DAY, referral_code="ANNA7")
    (touch,) = portal.truth(ref).touches
    assert (touch.code, touch.at) == ("ANNA7", START + 2 * DAY)


UTM = {"utm_source": "Referral", "utm_medium": "email", "utm_campaign": "spring", "utm_content": "ANNA7"}


@pytest.mark.parametrize("by_form", [True, False])
def test_utm_fields_name_the_advocate_with_the_way_and_the_campaign(portal, by_form):
    ref = portal.form(fields=UTM, at=START) if by_form else portal.contact(at=START, **UTM)
    source, words = (
        (Source.FORM, "utm fields of a form") if by_form else (Source.CRM_FIELD, "utm fields of the contact")
    )
    told = Touch(source, "ANNA7", START, medium="email", campaign="spring", evidence=words)
    assert portal.truth(ref).touches == (told,)


def test_utm_fields_of_other_campaigns_name_nobody(portal):
    ref = portal.form(fields={**UTM, "utm_source": "newsletter"})
    assert portal.truth(ref).touches == () == portal.hints(ref)


LONG = "https://tea.example.com/?" + "&".join(f"gclid{number}={'x' * 40}" for number in range(12))


def test_a_code_in_the_first_or_last_page_is_found_however_long_the_address(portal):
    ref = portal.form(page_uri=f"{LONG}&ref=FIRST1", at=START)
    portal.form(page_uri=f"{LONG}&utm_source=referral&utm_medium=qr&utm_content=LAST2", at=START + DAY)
    portal.save(ref, hs_analytics_last_timestamp=(START + DAY).isoformat())
    assert len(LONG) > 255
    last, first = portal.truth(ref).touches
    assert (last.source, last.code, last.at, last.medium) == (Source.LAST_VISIT, "LAST2", START + DAY, "qr")
    assert (first.source, first.code, first.at) == (Source.FIRST_VISIT, "FIRST1", START)
    assert set(portal.hints(ref)) == {"FIRST1", "LAST2"}


def test_a_code_that_we_wrote_ourselves_is_a_hint_and_never_evidence(portal):
    ref = portal.contact(referral_advocate_code="ANNA7")
    assert portal.truth(ref).touches == ()
    assert portal.hints(ref) == ("ANNA7",)
    deal = portal.deal(ref)
    assert portal.truth(deal).touches == ()
    assert portal.hints(deal) == ("ANNA7",)


def test_a_contact_says_who_they_are_strongest_first(portal):
    ref = portal.contact("Ada@Example.com", phone="+44 20 7946-0958", mobilephone="0151 234", at=START)
    other = portal.contact("ada@work.example.com", at=START)
    portal.merge(ref, other)
    assert portal.truth(ref).buyer == (
        Seen("contact", ref.id),
        Seen("contact", other.id),
        Seen("email", "ada@example.com"),
        Seen("email", "ada@work.example.com"),
        Seen("phone", "+442079460958"),
    )


@pytest.mark.parametrize("fresh", [True, False])
def test_a_merged_contact_answers_under_each_of_its_old_names(portal, fresh):
    first, second = portal.contact("one@example.com", referral_code="ANNA7"), portal.contact("two@example.com")
    kept = portal.merge(first, second, fresh_id=fresh)
    truths = portal.fetch(first, second, kept)
    assert [truth.ref for truth in truths] == [first, second, kept]
    assert [truth.found for truth in truths] == [True] * 3
    assert {truth.buyer for truth in truths} == {truths[0].buyer}
    assert {seen.value for seen in truths[0].buyer} >= {first.id, second.id, kept.id}
    assert [glance.hints for glance in portal.out.glance(portal.account, [first, second])] == [("ANNA7",)] * 2


def test_a_contact_that_is_not_there_is_not_found_and_holds_up_no_other(portal):
    ref, gone = portal.contact(), portal.contact("gone@example.com")
    portal.act("delete", gone)
    assert [truth.found for truth in portal.fetch(gone, ref, ObjectRef("contact", "99"))] == [False, True, False]


# ── What a contact did ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_lead_is_somebody_who_asked_for_something(portal):
    ref = portal.contact(at=START, lifecyclestage="subscriber")
    assert portal.facts(ref, LeadCreated) == []
    portal.save(ref, at=START + DAY, lifecyclestage="lead")
    (lead,) = portal.facts(ref, LeadCreated)
    assert (lead.happened_at, lead.first_order) == (START, True)


def test_a_contact_who_was_known_long_before_the_code_is_no_new_lead(portal):
    ref = portal.contact(at=START, lifecyclestage="lead")
    portal.save(ref, at=START + 30 * DAY, referral_code="ANNA7")
    assert [fact.first_order for fact in portal.facts(ref, LeadCreated)] == [False]


def test_a_stage_of_the_merchants_own_goes_by_the_name_that_people_see(portal):
    path = "/crm/properties/2026-09/contacts/lifecyclestage"
    options = portal.admin("GET", path)["options"]
    own = {"label": "Demo booked", "value": "1234567", "displayOrder": 9, "hidden": False}
    portal.admin("PATCH", path, {"options": [*options, own]})
    ref = portal.contact(at=START, lifecyclestage="lead")
    portal.save(ref, at=START + DAY, lifecyclestage="1234567")
    (stage,) = portal.facts(ref, StageReached)
    assert (stage.stage, stage.happened_at) == ("Demo booked", START + DAY)


@pytest.mark.parametrize("kind", ["contacts", "deals"])
def test_a_property_that_a_program_asks_for_is_read_with_its_time(portal, kind):
    portal.make_properties("onboarding", kind=kind)
    ref = portal.contact(at=START) if kind == "contacts" else portal.deal(portal.contact(at=START), at=START)
    portal.save(ref, at=START + DAY, onboarding="done")
    (reached,) = portal.facts(ref, PropertyReached, properties=frozenset({"onboarding", "no_such_property"}))
    assert (reached.name, reached.value, reached.happened_at) == ("onboarding", "done", START + DAY)
    assert portal.facts(ref, PropertyReached) == []


# ── Deals ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("pipeline", "stage", "label"), [("default", WON, "Closed Won"), (PARTNER, SIGNED, "Signed")])
def test_a_deal_is_won_by_what_its_pipeline_says_of_the_stage(portal, pipeline, stage, label):
    friend = portal.contact(at=START, referral_code="ANNA7")
    ref = portal.deal(
        friend, at=START + DAY, amount="1200.50", pipeline=pipeline, stage=TALK if pipeline == PARTNER else OPEN
    )
    assert portal.facts(ref, DealWon) == portal.facts(ref, DealReopened) == []
    portal.save(ref, at=START + 2 * DAY, dealstage=stage)
    truth = portal.truth(ref)
    won, reached = truth.facts
    assert (won.happened_at, won.placed_at, won.net) == (START + 2 * DAY, START + DAY, Money(120050, "EUR"))
    assert isinstance(won, DealWon)
    assert (reached.stage, reached.happened_at) == (label, START + 2 * DAY)
    assert truth.buyer[0] == Seen("contact", friend.id)
    assert [(touch.code, touch.source) for touch in truth.touches] == [("ANNA7", Source.CRM_FIELD)]
    assert (truth.placed_at, truth.note, truth.complete) == (START + DAY, "", True)


@pytest.mark.parametrize("stage", [LOST, OPEN])
def test_a_deal_that_was_won_and_stands_so_no_longer_is_reopened(portal, stage):
    ref = portal.deal(portal.contact(), at=START, stage=WON)
    portal.save(ref, at=START + DAY, dealstage=stage)
    (again,) = portal.facts(ref, DealReopened)
    assert (again.happened_at, portal.facts(ref, DealWon)) == (START + DAY, [])
    portal.save(ref, at=START + 2 * DAY, dealstage=WON)
    (won,) = portal.facts(ref, DealWon)
    assert (won.happened_at, portal.facts(ref, DealReopened)) == (START + 2 * DAY, [])


@pytest.mark.parametrize("stage", [LOST, OPEN])
def test_a_deal_that_was_never_won_is_not_reopened(portal, stage):
    ref = portal.deal(portal.contact(), at=START)
    portal.save(ref, at=START + DAY, dealstage=stage)
    assert {type(fact) for fact in portal.truth(ref).facts} == {StageReached}


def test_a_move_from_one_won_stage_to_another_keeps_the_first_time(portal):
    ref = portal.deal(portal.contact(), at=START)
    portal.save(ref, at=START + DAY, dealstage=WON)
    portal.save(ref, at=START + 5 * DAY, pipeline=PARTNER, dealstage=SIGNED)
    assert [won.happened_at for won in portal.facts(ref, DealWon)] == [START + DAY]


def test_a_deleted_deal_counts_for_nothing_until_it_is_restored(portal):
    ref = portal.deal(portal.contact(), at=START, stage=WON, amount="10.00")
    facts = [*portal.truth(ref).facts]
    portal.act("delete", ref)
    deleted = portal.truth(ref)
    assert (deleted.found, deleted.note) == (True, "deleted")
    assert [type(fact) for fact in deleted.facts] == [DealReopened]
    assert portal.out.glance(portal.account, [ref])[0].found
    portal.act("restore", ref)
    restored = portal.truth(ref)
    every = [*facts, *deleted.facts, *restored.facts]
    for order in (every, every[::-1]):
        assert isinstance(newest(order)[f"won:deal:{ref.id}"], DealWon)
    assert restored.as_of > deleted.as_of


def test_a_deal_that_never_was_is_not_found(portal):
    assert portal.truth(ObjectRef("deal", "99")).found is False


@pytest.mark.parametrize(
    ("told", "net"),
    [
        ({"amount": "1000"}, Money(100000, "EUR")),
        ({"amount": "99.90", "deal_currency_code": "USD"}, Money(9990, "USD")),
        ({"amount": "1500", "deal_currency_code": "JPY"}, Money(1500, "JPY")),
        ({"amount": "10.005"}, Money(1001, "EUR")),
        ({"amount": "0"}, Money(0, "EUR")),
        ({}, None),
    ],
)
def test_the_amount_is_in_the_currency_of_the_deal(portal, told, net):
    ref = portal.deal(portal.contact(), stage=WON, **told)
    assert [won.net for won in portal.facts(ref, DealWon)] == [net]


def test_a_deal_without_a_currency_is_in_the_accounts_own(portal):
    ref = portal.deal(portal.contact(), stage=WON, amount="12.00")
    portal.save(ref, deal_currency_code="")
    assert [won.net for won in portal.facts(ref, DealWon)] == [Money(1200, "EUR")]


@pytest.mark.parametrize("amount", ["1E+30", "9" * 25, "NaN"])
def test_an_absurd_amount_is_told_and_holds_up_no_other_deal(portal, amount):
    friend = portal.contact()
    good, absurd = (portal.deal(friend, stage=WON, amount=text) for text in ("10.00", amount))
    odd, fine = portal.fetch(absurd, good)
    assert (odd.found, odd.facts, odd.note.partition(":")[0]) == (True, (), "unreadable")
    assert DealWon in {type(fact) for fact in fine.facts}


# ── Whose deal it is ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_deal_without_a_contact_is_nobodys(portal):
    truth = portal.truth(portal.deal(stage=WON))
    assert (truth.buyer, truth.touches, truth.note) == ((), (), "no_buyer")


@pytest.mark.parametrize("page", [1, 2, 500])
def test_every_contact_on_a_deal_is_seen_however_many_pages_they_fill(portal, page):
    portal.client.control("portals/update", association_page=page)
    people = [portal.contact(f"p{n}@example.com", at=START, referral_code=f"CODE{n}") for n in range(5)]
    few, many = portal.deal(people[0], stage=WON), portal.deal(*people, stage=WON)
    assert [{touch.code for touch in truth.touches} for truth in portal.fetch(few, many)] == [
        {"CODE0"}, {f"CODE{n}" for n in range(5)},
    ]  # fmt: skip
    assert set(portal.hints(many)) == {f"CODE{n}" for n in range(5)}


def test_a_contact_with_a_label_on_the_deal_is_one_of_its_contacts(portal):
    portal.admin("POST", "/crm/associations/2026-09/deals/contacts/labels", {"name": "boss", "label": "Decision maker"})
    deal, boss = portal.deal(stage=WON), portal.contact(referral_code="ANNA7")
    portal.tie(deal, boss, label="Decision maker")
    truth = portal.truth(deal)
    assert truth.buyer[0] == Seen("contact", boss.id)
    assert [touch.code for touch in truth.touches] == ["ANNA7"]


def test_the_friend_is_the_contact_whom_a_code_brought_first(portal):
    oldest = portal.contact("oldest@example.com", at=START)
    late = portal.contact("late@example.com", at=START + DAY)
    early = portal.contact("early@example.com", at=START + 2 * DAY)
    portal.save(early, at=START + 3 * DAY, referral_code="ANNA7")
    portal.save(late, at=START + 4 * DAY, referral_code="BERT8")
    assert portal.truth(portal.deal(oldest, late, early)).buyer[0] == Seen("contact", early.id)


def test_without_a_code_the_friend_is_who_was_known_first(portal):
    young, old = portal.contact("young@example.com", at=START + DAY), portal.contact("old@example.com", at=START)
    assert portal.truth(portal.deal(young, old)).buyer[0] == Seen("contact", old.id)


def test_what_staff_type_after_the_deal_was_made_tells_of_what_was_before_it(portal):
    friend = portal.contact(at=START)
    deal = portal.deal(friend, at=START + DAY)
    portal.save(friend, at=START + 2 * DAY, referral_code="ANNA7")
    portal.form("ada@example.com", at=START + 3 * DAY, fields={"ref": "LATE9"})
    assert {touch.code: touch.at for touch in portal.truth(deal).touches} == {
        "ANNA7": START + DAY,
        "LATE9": START + 3 * DAY,
    }


def test_a_first_deal_is_told_from_a_further_one(portal):
    friend = portal.contact(at=START)
    first = portal.deal(friend, stage=WON)
    assert [won.first_order for won in portal.facts(first, DealWon)] == [True]
    portal.deal(friend)
    assert [won.first_order for won in portal.facts(first, DealWon)] == [None]


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("stage", [OPEN, WON])
def test_a_deal_that_was_merged_is_won_under_one_name_alone(portal, fresh, stage):
    friend = portal.contact(at=START)
    won = portal.deal(friend, at=START, stage=WON, amount="100.00")
    other = portal.deal(friend, at=START, stage=stage, amount="900.00")
    kept = portal.merge(won, other, type="deals", fresh_id=fresh)
    facts = [fact for truth in portal.fetch(*{won, other, kept}) for fact in truth.facts if isinstance(fact, DealWon)]
    assert [(fact.ref, fact.net) for fact in facts] == [(kept, Money(10000, "EUR"))]


def test_a_merged_contact_is_one_lead_and_not_two(portal):
    first, second = (portal.contact(f"{name}@example.com", lifecyclestage="lead") for name in ("one", "two"))
    kept = portal.merge(first, second)
    facts = [fact for truth in portal.fetch(first, second) for fact in truth.facts if isinstance(fact, LeadCreated)]
    assert [fact.ref for fact in facts] == [kept]


# ── Invoices ─────────────────────────────────────────────────────────────────────────────────────────────────────


def invoice(portal, *contacts, status="open", **more):
    told = {"hs_currency": "EUR", "hs_amount_billed": "80.00", **more}
    return portal.make("invoices", at=START, contacts=contacts, hs_invoice_status=status, **told)


def test_an_invoice_counts_once_it_is_paid_and_goes_back_when_it_is_voided(portal):
    ref = invoice(portal, portal.contact(referral_code="ANNA7"))
    assert portal.truth(ref).facts == ()
    portal.save(ref, at=START + DAY, hs_invoice_status="paid")
    (paid,) = portal.truth(ref).facts
    assert isinstance(paid, InvoicePaid)
    assert (paid.happened_at, paid.placed_at, paid.net) == (START + DAY, START, Money(8000, "EUR"))
    portal.save(ref, at=START + 2 * DAY, hs_invoice_status="voided")
    paid, back = portal.truth(ref).facts
    assert (paid.happened_at, back.happened_at) == (START + DAY, START + 2 * DAY)
    assert isinstance(back, OrderRefunded)
    assert (back.refund, back.amount) == ("voided", Money(8000, "EUR"))
    assert [touch.code for touch in portal.truth(ref).touches] == ["ANNA7"]


def test_an_invoice_that_was_voided_unpaid_never_counted(portal):
    ref = invoice(portal, portal.contact())
    portal.save(ref, hs_invoice_status="voided")
    assert portal.truth(ref).facts == ()


def test_an_absurd_or_missing_sum_of_an_invoice_pays_nobody(portal):
    friend = portal.contact()
    absurd, none, fine = (invoice(portal, friend, status="paid", hs_amount_billed=text) for text in ("1E9", "", "5"))
    odd, empty, good = portal.fetch(absurd, none, fine)
    assert (odd.note.partition(":")[0], odd.facts, empty.facts) == ("unreadable", (), ())
    assert [fact.net for fact in good.facts] == [Money(500, "EUR")]


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["Tea friends", "Tea & friends / VIP 100%? #1", "Ängste+Ärger ☕"])
def test_a_list_is_found_by_whatever_name_the_merchant_gave_it(portal, name):
    ref = portal.contact()
    portal.client.control("lists", name=name, members=[ref.id])
    assert [person[0] for person in portal.out.members(portal.account, name, "").people] == [Seen("contact", ref.id)]


# ── Batches ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_batch_is_larger_than_hubspot_takes_and_none_is_split_without_need(portal):
    people = [portal.contact(f"p{number}@example.com") for number in range(130)]
    deals = [portal.deal(*people[start : start + 3]) for start in range(0, 120, 3)]
    portal.fetch(*people[: MANIFEST.read_batch])
    portal.fetch(*deals)
    portal.out.glance(portal.account, people[: MANIFEST.look_batch])
    portal.out.glance(portal.account, deals)
    portal.out.find_people(portal.account, [f"p{number}@example.com" for number in range(130)])
    sizes = portal.inputs(f"POST {OBJECTS}/contacts/batch/read")
    # contacts with their history, those of deals with theirs; then without: 100 at once, those of deals, and by e-mail.
    assert sizes == [50, 50, 50, 20, 100, 100, 20, 100, 30]
    assert portal.inputs(f"POST {OBJECTS}/deals/batch/read") == [40, 40]
    outcomes = portal.client.book()["outcomes"]
    assert not [call for call in outcomes if not call.endswith((" 200", " 207", " 201"))]


def test_what_an_account_says_of_its_pipelines_is_not_asked_again_for_each_deal(portal):
    friend = portal.contact()
    for _ in range(3):
        portal.fetch(*(portal.deal(friend, stage=WON) for _ in range(4)))
    assert portal.client.book()["calls"]["GET /crm/pipelines/2026-09/deals"] == 1


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Listening(Meter):
    """Keeps what HubSpot says of its limit, and stops calls once it is full."""

    def __init__(self):
        self.heard, self.full = [], False

    def enter(self, *_):
        if self.full:
            raise Throttled("our own share is used up", wait_s=1)

    def saw(self, _, window, left):
        self.heard.append((window, left))


def test_what_hubspot_says_of_its_limit_is_passed_on_and_a_full_one_sends_nothing(portal):
    portal.client.control("portals/update", limit={"max": 190, "seconds": 10})
    ref, meter = portal.contact(), Listening()
    out = outbound.build(replace(portal.kit, meter=meter))
    for _ in range(2):
        out.fetch(portal.account, [ref], Wanted())
    (window, first), (_, second) = meter.heard
    assert window == Window(190, 10.0)
    assert second == first - 1
    meter.full, before = True, len(portal.wire.calls)
    with pytest.raises(Throttled):
        out.fetch(portal.account, [ref], Wanted())
    assert len(portal.wire.calls) == before


@pytest.mark.parametrize(("limit", "wait_s"), [({"daily": 0}, 3600), ({"max": 0, "seconds": 10}, 10)])
def test_a_limit_that_is_met_says_how_long_to_wait(portal, limit, wait_s):
    ref = portal.contact()
    portal.client.control("portals/update", limit=limit)
    with pytest.raises(Throttled) as error:
        portal.fetch(ref)
    assert 1 <= error.value.wait_s <= wait_s


# ── Answers that lack something ──────────────────────────────────────────────────────────────────────────────────


def is_read(kind):
    return lambda request: request.path.startswith(f"{OBJECTS}/{kind}/batch/read")


def altered(portal, kind, change, *refs):
    """The next answer about these records is HubSpot's own, changed a little."""
    body = {"inputs": [{"id": ref.id} for ref in refs], "properties": ["createdate", "email", "amount"]}
    told = portal.client.ask("POST", f"{OBJECTS}/{kind}/batch/read", body)
    change(told)
    headers = {"Content-Type": "application/json"}
    portal.wire.strike(is_read(kind), Trouble(effect=False, told=Answer(200, json.dumps(told).encode(), headers)))


def test_an_empty_success_is_no_word_that_a_contact_is_gone(portal):
    ref = portal.contact()
    portal.fault("empty_success", "batch/read")
    with pytest.raises(Unavailable):
        portal.fetch(ref)
    assert portal.truth(ref).found


def test_an_answer_that_passes_over_one_record_is_no_word_that_it_is_gone(portal):
    first, second = portal.contact("one@example.com"), portal.contact("two@example.com")
    altered(portal, "contacts", lambda told: told["results"].pop(), first, second)
    try:
        found = [truth.found for truth in portal.fetch(first, second)]
    except NotDone:
        found = [truth.found for truth in portal.fetch(first, second)]
    assert found == [True, True]


def test_an_empty_success_about_associations_is_no_word_that_the_deal_is_nobodys(portal):
    deal = portal.deal(portal.contact(referral_code="ANNA7"), stage=WON)
    portal.fault("empty_success", "associations/2026-09")
    try:
        truth = portal.truth(deal)
    except NotDone:
        truth = portal.truth(deal)
    assert truth.note == ""


@pytest.mark.parametrize(
    "odd",
    [
        {"createdate": "253402300800000"},
        {"createdate": "soon"},
        {"hs_analytics_first_timestamp": "999999999999999"},
        {"lifecyclestage": 7},
        {"email": {"value": "x"}},
    ],
)
def test_one_odd_contact_holds_up_no_other(portal, odd):
    first, second = portal.contact("one@example.com"), portal.contact("two@example.com")

    def change(told):
        told["results"][0]["properties"] |= odd

    altered(portal, "contacts", change, first, second)
    assert portal.fetch(first, second)[1].buyer[0] == Seen("contact", second.id)


# ── History ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_more_changes_in_one_moment_than_a_search_gives_are_gone_past_and_not_round_and_round(portal):
    """An import may touch thousands of contacts in a millisecond, and a search shows the first 10,000 of them."""
    moment = START.isoformat()
    held = {"lastmodifieddate": moment, "createdate": moment}
    page = [{"id": str(one), "properties": held} for one in range(1, 201)]
    more = {"total": 20_000, "results": page, "paging": {"next": {"after": "10000"}}}
    told = Answer(200, json.dumps(more).encode(), {"Content-Type": "application/json"})
    begun, place = len(portal.wire.calls), ""
    for _ in range(2):
        portal.wire.strike(lambda request: request.path.endswith("/search"), Trouble(effect=False, told=told))
        chapter = portal.out.read_history(portal.account, START + timedelta(minutes=2), place)
        assert (len(chapter.sightings), chapter.done) == (200, False)
        place = chapter.place
    portal.out.read_history(portal.account, START, place)
    searched = [json.loads(call.body) for call in portal.wire.calls[begun:]]
    from_when = [int(body["filterGroups"][0]["filters"][0]["value"]) for body in searched]
    assert from_when == [from_when[0], from_when[0] + 1, from_when[0] + 2]
    assert [body["after"] for body in searched] == ["0"] * 3
