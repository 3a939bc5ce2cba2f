"""Our package made in an org where nobody installed it: what is sent, what the org then has, and what is told instead."""

import io
import json
from itertools import product
from uuid import uuid4
from xml.etree import ElementTree as ET
from zipfile import ZipFile

import pytest
from urllib3.filepost import encode_multipart_formdata

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client
from adapters.salesforce.outbound.deploy import PERMISSIONS, Deploy
from adapters.salesforce.outbound.org import Orgs
from adapters.salesforce.outbound.package import SOURCE, zipped
from adapters.salesforce.outbound.setup import Provision
from adapters.salesforce.sandbox import start
from adapters.salesforce.sandbox.client import Client as Hand
from connector.errors import ConfigError, Throttled, Unavailable
from connector.mapping import load_all
from connector.ports.platform import CANNOT, Account, Kit
from connector.ports.records import FieldPlan, Setup
from tests.adapters.conformance.driver import Meter
from tests.adapters.conformance.wire import Answer, Broken, Trouble, Wire

ORG, HOST, ACCESS = "00Dal0000004TeaEAE", "annas-tea.develop.my.salesforce.com", "access"
XMLNS = "{http://soap.sforce.com/2006/04/metadata}"
CREDIT, NEWS = "Referral_Credit__c", "Referral_News__c"
SETUP = Setup(
    "https://connector.example.com",
    {
        kind: tuple(FieldPlan(row.field, row.type, row.help) for row in rows if row.field.endswith("__c"))
        for kind, rows in load_all()[MANIFEST.key].records.items()
    },
)


class Developer:
    """A developer's org, and the adapter on it through a wire that sees every request. waits: seconds that it slept."""

    def __init__(self, wire, sandbox):
        self.wire, self.sandbox, self.hand, self.waits = wire, sandbox, Hand(sandbox.url, ACCESS), []
        self.hand.control("orgs", org=ORG, host=HOST, token=ACCESS)
        self.account = Account(uuid4(), MANIFEST.key, ORG, f"https://{HOST} {ACCESS}")
        client = Client(Kit({}, Meter(), base_url=wire.url))
        orgs = Orgs(client)
        self.deploy, self.setup = Deploy(client, orgs), Provision(client, orgs)

    def make(self):
        return self.deploy.make(self.account, self.waits.append)

    def lacks(self):
        return self.setup.provision(self.account, SETUP)

    def sees(self, kind):
        """The custom fields of a kind that our user sees."""
        told = self.hand.call("GET", f"sobjects/{kind}/describe")
        return {row["name"] for row in told.json()["fields"] if row["custom"]} if told.ok else set()

    def state(self):
        """All that the org has: kinds with their fields, what is withheld of them, and records."""
        with self.sandbox.world.lock:
            org = self.sandbox.world.orgs[ORG]
            return dict(org.kinds), dict(org.withheld), org.snapshot()

    def send(self, files, **options):
        """A deployment by hand: what failed."""
        raw = io.BytesIO()
        with ZipFile(raw, "w") as sent:
            for name, content in files.items():
                sent.writestr(name, content)
        asked = {"deployOptions": {"rollbackOnError": True, "singlePackage": True, **options}}
        form = {"json": ("j", json.dumps(asked), "application/json"), "file": ("f", raw.getvalue(), "application/zip")}
        body, kind = encode_multipart_formdata(form)
        headers = {"Authorization": f"Bearer {ACCESS}", "Content-Type": kind}
        url = f"{self.sandbox.url}/services/data/v66.0/metadata/deployRequest"
        made = self.hand.http.post(url, body, headers=headers, timeout=10)
        assert (made.status_code, made.json()["deployResult"]["done"]) == (201, False)
        for _ in range(2):
            told = self.hand.ask("GET", f"metadata/deployRequest/{made.json()['id']}", includeDetails="true")
        assert told["deployResult"]["done"]
        return [(row["fullName"], row["problem"]) for row in told["deployResult"]["details"]["componentFailures"]]


@pytest.fixture
def org():
    sandbox = start()
    try:
        with Wire(sandbox.url) as wire:
            found = Developer(wire, sandbox)
            yield found
            found.hand.close()
    finally:
        sandbox.stop()


def sent():
    """The files of the zip."""
    with ZipFile(io.BytesIO(zipped())) as files:
        return {name: files.read(name) for name in files.namelist()}


def is_sending(request):
    return request.method == "POST" and request.path.endswith("/metadata/deployRequest")


def is_asking(request):
    return request.method == "GET" and "/metadata/deployRequest/" in request.path


def is_assigning(request):
    return request.method == "POST" and request.path.endswith("/PermissionSetAssignment")


# ── What the org has then ────────────────────────────────────────────────────────────────────────────────────────


def test_an_org_without_the_package_has_all_that_we_need_after_one_command(org):
    before = org.lacks()
    assert {f"{CANNOT}{CREDIT}", f"{CANNOT}{NEWS}", f"{CANNOT}Lead.Referral_Stage__c"} <= before.keys()
    lead = org.hand.control("records", object="Lead", values={"LastName": "L", "Company": "C"})["id"]
    assert org.make() == {}
    assert org.deploy.orgs.kind(org.account, CREDIT), "what was known of the org is read anew"
    assert org.lacks() == {}
    with org.sandbox.world.lock:
        held = org.sandbox.world.orgs[ORG].find(lead).values
        assert held["Referral_Stage__c"] is None, "records that were there have the new fields too, empty"
    org.hand.ask("PATCH", f"sobjects/Lead/{lead}", {"Referral_Stage__c": "pending", "Referral_Explanation__c": "why"})
    assert org.hand.ask("GET", f"sobjects/Lead/{lead}")["Referral_Stage__c"] == "pending"
    values = {"Amount__c": 12.5, "Currency_Code__c": "EUR", "Kind__c": "Credit", "Advocate_Lead__c": lead}
    made = org.hand.ask("PATCH", f"sobjects/{CREDIT}/Idempotency_Key__c/k1", values)
    assert made["created"] and org.hand.ask("GET", f"sobjects/{CREDIT}/{made['id']}")["Amount__c"] == 12.5
    told = org.hand.ask("PATCH", f"sobjects/{NEWS}/News_Id__c/n1", {"Kind__c": "invited", "Lead__c": lead})
    assert told["created"] and made["id"][:3] != told["id"][:3], "ids tell the objects apart"
    assert [org.hand.ask("GET", f"sobjects/{of}/{one['id']}")["Name"] for of, one in ((CREDIT, made), (NEWS, told))] == [
        "RC-000001", "RN-000001",
    ]  # fmt: skip


def test_running_it_again_changes_nothing(org):
    assert org.make() == {}
    before = org.state()
    assert org.make() == {}
    assert org.state() == before
    assert len(before[2]["PermissionSetAssignment"]) == 1
    assert org.wire.asked(is_sending) == org.wire.asked(is_assigning) == 2


def test_what_the_package_brought_already_stays_as_it_is(org):
    org.hand.control("install", rights="all")
    stage = {row["name"]: row for row in org.hand.ask("GET", "sobjects/Lead/describe")["fields"]}["Referral_Stage__c"]
    assert org.make() == {}
    after = {row["name"]: row for row in org.hand.ask("GET", "sobjects/Lead/describe")["fields"]}["Referral_Stage__c"]
    assert after == stage


def test_an_org_with_a_package_of_another_name_is_not_given_the_fields_twice(org):
    org.hand.control("install", rights="all", namespace="acme")
    told = org.make()
    assert "acme__Referral_Credit__c" in told[f"{CANNOT}package"]
    assert org.wire.asked(is_sending) == 0


def test_new_fields_are_nobodys_before_the_permission_set_is_assigned(org):
    org.hand.control("orgs/update", lacks=["AssignPermissionSets"])
    told = org.make()
    assert [*told] == [f"{CANNOT}{PERMISSIONS}"]
    assert "insufficient access rights" in told[f"{CANNOT}{PERMISSIONS}"]
    assert "Assign Permission Sets" in told[f"{CANNOT}{PERMISSIONS}"]
    assert org.sees("Lead") == set() and org.sees(CREDIT) == {"Idempotency_Key__c"}
    assert {f"{CANNOT}Lead.Referral_Stage__c", f"{CANNOT}{NEWS}.Kind__c"} <= org.lacks().keys()
    org.hand.control("orgs/update", lacks=[])
    assert org.make() == {}
    assert "Referral_Stage__c" in org.sees("Lead") and org.lacks() == {}


# ── What is told instead ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("control", "more"), [("orgs/update", {"lacks": ["ModifyMetadata"]}), ("install", {"rights": "package"})]
)
def test_a_user_who_may_not_deploy_is_told_the_permission_that_it_takes(org, control, more):
    org.hand.control(control, **more)
    before = org.state()
    told = org.make()
    assert [*told] == [f"{CANNOT}package"]
    for words in (
        "use of the Metadata API requires",
        "Modify Metadata Through Metadata API Functions",
        "Customize App",
    ):
        assert words in told[f"{CANNOT}package"]
    assert org.state() == before and org.waits == []


def test_a_part_that_fails_is_told_in_the_orgs_words_and_nothing_is_half_made(org):
    org.hand.control("fields", object="Lead", lines=["Referral_Stage__c double(18,0)"])
    before = org.state()
    told = org.make()
    assert told == {f"{CANNOT}Lead.Referral_Stage__c": "Cannot update a field to a Picklist from something else"}
    kinds, withheld, records = org.state()
    assert (kinds["Lead"], withheld, records) == (before[0]["Lead"], before[1], before[2])
    assert CREDIT not in kinds and org.wire.asked(is_assigning) == 0


def test_an_org_that_takes_long_is_asked_more_and_more_rarely_and_left_to_it(org):
    org.hand.control("orgs/update", busy=99)
    told = org.make()
    assert "still working" in told[f"{CANNOT}package"] and "run this again" in told[f"{CANNOT}package"]
    assert org.waits == sorted(set(org.waits)) and 60 < sum(org.waits) < 120
    assert org.wire.asked(is_asking) == len(org.waits)
    org.hand.control("orgs/update", busy=3)
    assert org.make() == {} and org.lacks() == {}


def test_a_lost_answer_is_no_more_than_a_failed_try(org):
    for match, told in product((is_sending, is_asking, is_assigning), (Broken.RESET, Answer(200, b""))):
        org.wire.strike(match, Trouble(effect=True, told=told))
        with pytest.raises(Unavailable):
            org.make()
        assert org.make() == {}
    assert org.lacks() == {}


def test_a_used_up_day_is_waited_out(org):
    org.hand.control("orgs/update", limit=1)
    org.hand.control("others", calls=1)
    with pytest.raises(Throttled):
        org.make()


def test_an_answer_with_its_truths_in_quotes_as_the_guide_prints_them_is_understood(org):
    row = {"fullName": "Lead.A__c", "problem": "duplicate value found", "problemType": "Error"}
    other = {**row, "problem": "and no label"}
    for result, told in [
        ({"done": "true", "success": "false", "details": {"componentFailures": [row, other]}}, {f"{CANNOT}Lead.A__c": "duplicate value found; and no label"}),
        ({"done": "true", "success": "false", "errorMessage": "UNKNOWN_EXCEPTION"}, {f"{CANNOT}package": "UNKNOWN_EXCEPTION"}),
        ({"done": "true", "success": "false", "status": "Canceled", "errorMessage": None}, {f"{CANNOT}package": "Canceled"}),
    ]:  # fmt: skip
        answer = {"id": "0Af", "deployResult": {"createdBy": "005", **result}}
        org.wire.strike(is_asking, Trouble(effect=False, told=Answer(200, json.dumps(answer).encode())))
        assert org.make() == told


def test_an_installation_without_the_packages_source_says_so(tmp_path):
    with pytest.raises(ConfigError, match="checkout"):
        zipped(tmp_path)


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────────────────────


def read(content):
    return ET.fromstring(content)  # noqa: S314 - a file of our own


def plain(node):
    """An element with all that it says, whatever its indentation and namespace."""
    return node.tag.removeprefix(XMLNS), (node.text or "").strip(), [plain(child) for child in node]


def source(pattern):
    return sorted(SOURCE.glob(f"{pattern}-meta.xml"))


def test_the_zip_is_the_same_bytes_each_time():
    assert zipped() == zipped()
    with ZipFile(io.BytesIO(zipped())) as files:
        assert files.namelist() == sorted(files.namelist())
        assert {each.date_time for each in files.infolist()} == {(1980, 1, 1, 0, 0, 0)}, "no time of today is in it"


def test_nothing_is_sent_but_objects_how_they_are_shown_and_who_may_use_them():
    names = set(sent())
    assert names == {
        "package.xml",
        f"layouts/{CREDIT}-Referral Credit Layout.layout",
        f"layouts/{NEWS}-Referral News Layout.layout",
        *(f"objects/{name}.object" for name in ("Account", "Contact", "Lead", "Opportunity", CREDIT, NEWS)),
        f"permissionsets/{PERMISSIONS}.permissionset",
        "permissionsets/Referral_Connector_User.permissionset",
        f"tabs/{CREDIT}.tab",
        f"tabs/{NEWS}.tab",
    }
    assert not [name for name, content in sent().items() if b"redential" in content or b"ecret" in content]


@pytest.mark.parametrize("kind", ["field", "compactLayout", "listView"])
def test_every_file_of_an_object_is_in_it_word_for_word_and_named(kind):
    paths = source(f"objects/*/{kind}s/*.{kind}")
    assert paths
    files = sent()
    manifest = read(files["package.xml"])
    named = {each.text for each in manifest.iter(f"{XMLNS}members")}
    for path in paths:
        owner, part = path.parts[-3], read(path.read_bytes())
        held = read(files[f"objects/{owner}.object"]).findall(f"{XMLNS}{kind}s")
        assert plain(part)[1:] in [plain(each)[1:] for each in held], path
        assert f"{owner}.{part.findtext(f'{XMLNS}fullName')}" in named, path
    sizes = [len(read(content).findall(f"{XMLNS}{kind}s")) for name, content in files.items() if "objects/" in name]
    assert sum(sizes) == len(paths)


def test_permission_sets_lose_nothing_but_the_use_of_a_credential_that_is_not_sent():
    files, lost = sent(), set()
    for path in source("permissionsets/*.permissionset"):
        whole = plain(read(path.read_bytes()))[2]
        kept = plain(read(files[f"permissionsets/{path.name.removesuffix('-meta.xml')}"]))[2]
        assert [each for each in whole if each in kept] == kept
        lost |= {tag for tag, *_ in whole if tag not in {tag for tag, *_ in kept}}
        assert len(whole) - len(kept) == sum(tag == "externalCredentialPrincipalAccesses" for tag, *_ in whole)
    assert lost == {"externalCredentialPrincipalAccesses"}


def test_the_package_speaks_of_the_version_that_is_called():
    assert read(sent()["package.xml"]).findtext(f"{XMLNS}version") == MANIFEST.api_version


# ── The stand-in ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_stand_in_takes_what_is_sent_and_a_trial_changes_nothing(org):
    assert org.send(sent(), checkOnly=True) == []
    assert org.sees(CREDIT) == set()
    files = sent()  # what belongs to an object that is named whole need not be named by itself
    files[PARTS] = files[PARTS].replace(f"<members>{CREDIT}.Amount__c</members>".encode(), b"")
    assert org.send(files) == []
    assert org.sees(CREDIT) == {"Idempotency_Key__c"}


LEAD, SETS, PARTS = "objects/Lead.object", f"permissionsets/{PERMISSIONS}.permissionset", "package.xml"
STAGE = "Lead.Referral_Stage__c"


@pytest.mark.parametrize(
    ("name", "good", "bad", "part", "told"),
    [
        (LEAD, "<length>80</length>", "", "Lead.Referral_Advocate_Id__c", "Must specify 'length'"),
        (LEAD, "<label>Referral Stage</label>", "", STAGE, "Must specify 'label'"),
        (LEAD, "<visibleLines>4</visibleLines>", "", "Lead.Referral_Explanation__c", "Must specify 'visibleLines'"),
        (LEAD, ">DateTime<", ">Datum<", "Lead.Referral_Touched_At__c", "'Datum' is not a valid value"),
        (LEAD, "</CustomObject>", "", LEAD, "Error parsing file"),
        (f"objects/{CREDIT}.object", "<referenceTo>Lead<", "<referenceTo>Lad<", f"{CREDIT}.Advocate_Lead__c", "'Lad' does not"),
        (SETS, "<field>Lead.Email<", "<field>Lead.Mail<", PERMISSIONS, "no CustomField named Lead.Mail found"),
        (SETS, "<object>Lead<", "<object>Lad<", PERMISSIONS, "no CustomObject named Lad found"),
        (SETS, "<field>Lead.Email<", "<field>Lead.Company<", PERMISSIONS, "deploy to a required field: Lead.Company"),
        (PARTS, f"<members>{STAGE}</members>", "", STAGE, "Not in package.xml"),
        (PARTS, f"<members>{STAGE}<", "<members>Lead.A__c<", "Lead.A__c", "named in package.xml, but was not found"),
        (PARTS, f"<members>{CREDIT}</members>", "<members>Credit__c</members>", "Credit__c", "was not found"),
    ],
)  # fmt: skip
def test_the_stand_in_refuses_what_the_platform_would_and_makes_nothing(org, name, good, bad, part, told):
    files = {each: content.decode() for each, content in sent().items()}
    assert good in files[name]
    files[name] = files[name].replace(good, bad)
    failed = org.send(files)
    assert any(each == part and told in words for each, words in failed), failed
    assert org.sees(CREDIT) == set()


def test_the_stand_in_knows_no_object_that_nobody_defined_and_no_zip_without_its_list(org):
    files = sent()
    unknown = {**files, "objects/Lad.object": files[LEAD]}
    assert ("Lad", "Must specify a non-empty label for the CustomObject") in org.send(unknown)
    assert ("package.xml", "No package.xml found") in org.send(files, singlePackage=False)
    del files[PARTS]
    assert org.send(files) == [("package.xml", "No package.xml found")]


def test_the_stand_in_keeps_what_went_well_where_nobody_asked_for_all_or_nothing(org):
    files = sent()
    unnamed = {**files, LEAD: files[LEAD].replace(b"<label>UTM Term</label>", b"")}
    assert "Lead.UTM_Term__c" in {name for name, _ in org.send(unnamed, rollbackOnError=False)}
    kinds, *_ = org.state()
    assert {"UTM_Source__c", "UTM_Term__c"} & {*kinds["Lead"].fields} == {"UTM_Source__c"} and CREDIT in kinds
    assert org.hand.query("SELECT Name FROM PermissionSet") == [], "both sets give the field that failed"
    wrong = {**files, SETS: files[SETS].replace(b"Lead.Email<", b"Lead.Mail<")}
    assert {name for name, _ in org.send(wrong, rollbackOnError=False)} == {PERMISSIONS}
    (named,) = org.hand.query("SELECT Name FROM PermissionSet")
    assert named["Name"] == "Referral_Connector_User"
