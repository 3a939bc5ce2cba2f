"""The package that a Salesforce org gets: a slip in these files is found here, not by an org after the upload.

The slower checks with Salesforce's own tools are in salesforce_app/test_salesforce_app_tools.py.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from adapters.salesforce.outbound import deals, people, telling
from adapters.salesforce.outbound import referral_credits as money
from connector.mapping import load_all
from tests.adapters.salesforce_app import held_actions as actions
from tests.adapters.salesforce_app import held_fields as fields
from tests.adapters.salesforce_app import held_links as links
from tests.adapters.salesforce_app import held_rights as rights
from tests.adapters.salesforce_app import held_texts as texts
from tests.adapters.salesforce_app.parts import CREDIT, NEWS, SOURCE
from tests.adapters.salesforce_app.slips import ASKED, FLOW, LAYOUT, META, OURS, SLIPS, STAGE

ROOT = Path(__file__).parents[2]
APP = ROOT / "adapters/salesforce/app"
CONTRACTS = os.environ.get("CONTRACTS_DIR", "")
HELD = [
    texts.malformed,
    fields.unlike_the_mapping,
    fields.unexplained_fields,
    rights.misgranted,
    rights.too_powerful,
    rights.unexplained,
    links.unknown_names,
    links.unlinked,
    links.versions_apart,
    actions.another_api,
    actions.unread,
    actions.broken_flows,
    texts.elsewhere,
    texts.secrets,
    texts.unlike_promised,
    texts.loose_versions,
    texts.risky_code,
]


def slipped(folder, name, good, bad):
    """A copy of the app with one slip in it."""
    app = folder / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules"))
    text = (app / name).read_text(encoding="utf-8")
    assert good in text
    (app / name).write_text(text.replace(good, bad), encoding="utf-8")
    return app


@pytest.mark.parametrize("check", HELD, ids=lambda check: check.__name__)
def test_the_package_is_sound(check):
    assert list(check(APP)) == []


@pytest.mark.parametrize(
    ("check", "name", "good", "bad", "told"), SLIPS, ids=[f"{slip[0].__name__}-{slip[4]}" for slip in SLIPS]
)
def test_a_slip_is_told(check, name, good, bad, told, tmp_path):
    assert any(told in finding for finding in check(slipped(tmp_path, name, good, bad)))


def test_every_check_has_a_slip_that_it_tells():
    assert {check.__name__ for check, *_ in SLIPS} == {check.__name__ for check in HELD}


def test_a_field_that_is_left_out_or_too_much_is_told(tmp_path):
    app = slipped(tmp_path, STAGE, "Stage", "Stage")
    (app / STAGE).rename(app / STAGE.replace("Stage", "State"))
    found = list(fields.unlike_the_mapping(app))
    assert found == ["Lead.Referral_Stage__c is missing", "Lead.Referral_State__c is asked for nowhere"]


def test_key_and_secret_of_the_app_are_told_wherever_they_lie(tmp_path):
    app = slipped(tmp_path, STAGE, "Stage", "Stage")
    folder = app / SOURCE / "extlClntAppGlobalOauthSets"
    folder.mkdir()
    (folder / "Referral_Connector.ecaGlblOauth-meta.xml").write_text("<x/>", encoding="utf-8")
    assert list(texts.secrets(app)) == ["Referral_Connector.ecaGlblOauth-meta.xml holds key and secret"]


def test_apex_would_need_a_review_of_its_own_and_is_told(tmp_path):
    app = slipped(tmp_path, STAGE, "Stage", "Stage")
    (app / SOURCE / "Card.cls").write_text("class Card {}", encoding="utf-8")
    assert list(texts.risky_code(app)) == ["Card.cls is Apex"]


def test_no_lock_file_names_a_package_host():
    assert [p.name for p in APP.rglob("*") if p.name in {"package-lock.json", "yarn.lock", "pnpm-lock.yaml"}] == []


def test_a_credit_has_the_fields_that_the_server_moves_money_by():
    moved = {*money.NEEDED, money.PAID_IN, money.OPPORTUNITY, *money.REFERRED.values()}
    mapped = {row.field for row in load_all()["salesforce"].records["credit"]}
    assert moved - mapped == fields.BOOKING.keys()
    assert fields.EVIDENCE.keys() <= set(people.EVIDENCE)


def test_news_have_the_fields_that_the_server_tells_by():
    alone = {telling.ID, telling.KIND, telling.ROLE, telling.AT, telling.AMOUNT, telling.CURRENCY}
    assert {*alone, *telling.PERSON.values(), *telling.TEXTS.values()} == fields.TOLD.keys()


def every_org():
    """What every org has, as Salesforce describes it: {object: {field: whether a permission set may name it}}."""
    folder = Path(CONTRACTS) / "salesforce/describe"
    told = json.loads((folder / "global.describe.v59-2026.json").read_text(encoding="utf-8"))
    found = {each["name"]: {} for each in told["sobjects"]}
    for name in ("Account", "Contact", "Lead", "Opportunity"):
        described = json.loads((folder / f"{name}.describe.json").read_text(encoding="utf-8"))
        found[name] = {field["name"]: field["permissionable"] for field in described["fields"]}
    service = (folder / "enterprise.wsdl.v27.xml").read_text(encoding="utf-8")
    for name in ("Case", "Task"):  # described in no other recording; no permission set here names their fields
        described = re.search(f'<complexType name="{name}">.*?</complexType>', service, re.DOTALL)[0]
        found[name] = dict.fromkeys(re.findall(r'<element name="(\w+)"', described), False)
    found |= {name: dict.fromkeys(("Name", "OwnerId"), False) for name in (CREDIT, NEWS)}
    return found


CONTRACTED = pytest.mark.skipif(
    not CONTRACTS, reason="CONTRACTS_DIR is not set: Salesforce's descriptions are not here"
)


@pytest.mark.contracts
@CONTRACTED
def test_the_connectors_user_sees_the_standard_fields_that_are_read_and_no_others():
    read = {"Contact": people._CONTACT, "Lead": people._LEAD, "Opportunity": deals._OWN}
    closed = {f"{of}.{name}" for of, names in read.items() for name in names if every_org()[of].get(name)}
    assert closed == rights.READ_ELSEWHERE


@pytest.mark.contracts
@CONTRACTED
@pytest.mark.parametrize(
    ("name", "good", "bad", "told"),
    [
        (OURS, "Lead.Email", "Lead.Mail", "Integration: there is no field Lead.Mail"),
        (OURS, "<object>Campaign", "<object>Campaigns", "Integration: there is no object Campaigns"),
        (OURS, "Opportunity.Amount", "Opportunity.StageName", "Opportunity.StageName is always open"),
        (FLOW, ">IsWon<", ">Won<", "there is no field Opportunity.Won"),
        (FLOW, ">Subject<", ">Title<", "there is no field Task.Title"),
        (FLOW, "$Record.OwnerId", "$Record.Owner_Id", "there is no field Opportunity.Owner_Id"),
        (ASKED, "Case.ContactId", "Case.PersonId", "there is no field Case.PersonId"),
        (META, "<object>Case", "<object>Ticket", "there is no object Ticket"),
        (LAYOUT, ">OwnerId<", ">Owner<", "there is no field Referral_Credit__c.Owner"),
    ],
)
def test_every_standard_name_is_one_that_salesforce_describes(name, good, bad, told, tmp_path):
    standard = every_org()
    assert list(links.unknown_names(APP, standard)) == []
    found = links.unknown_names(slipped(tmp_path, name, good, bad), standard)
    assert any(told in finding for finding in found)
