"""The package in the hands of Salesforce's own tools, offline but for their installation.

They need npm and a minute, so they run only when asked: NODE_CHECKS=1 python -m pytest tests/adapters/salesforce_app
What they let pass is checked in ../test_salesforce_app.py.
"""

import os
import re
import shutil
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.adapters.salesforce_app.held_fields import asked
from tests.adapters.salesforce_app.parts import SOURCE, parsed, texts
from tests.adapters.salesforce_app.published_types import Published, unpublished
from tests.adapters.shopify_app.test_shopify_app_tools import finished

HERE = Path(__file__).parent
APP = HERE.parents[2] / "adapters/salesforce/app"
STAGE = f"{SOURCE}/objects/Lead/fields/Referral_Stage__c.field-meta.xml"
RIGHTS = f"{SOURCE}/permissionsets/Referral_Connector_User.permissionset-meta.xml"
FLOW = f"{SOURCE}/flows/Release_Referral_Credit.flow-meta.xml"
CLIENT = f"{SOURCE}/externalClientApps/Referral_Connector.eca-meta.xml"
HEADER = f"{SOURCE}/externalCredentials/Referral_Connector_Key.externalCredential-meta.xml"
CARD = f"{SOURCE}/lwc/referralCard/referralCard.js"
PAGE = f"{SOURCE}/lwc/referralCard/referralCard.html"
WORDS = f"{SOURCE}/lwc/referralCard/words.js"
#: How many parts of each kind an org is sent. Fields, list views and compact layouts travel in their objects.
SENT = {
    "CompactLayout": 2,
    "CustomField": len(asked()),
    "CustomObject": 2,
    "CustomTab": 2,
    "ExternalClientApplication": 1,
    "ExternalCredential": 1,
    "ExternalServiceRegistration": 1,
    "ExtlClntAppOauthSettings": 1,
    "Flow": 1,
    "Layout": 2,
    "LightningComponentBundle": 1,
    "ListView": 3,
    "NamedCredential": 1,
    "PermissionSet": 2,
}

pytestmark = [
    pytest.mark.skipif(os.environ.get("NODE_CHECKS") != "1", reason="NODE_CHECKS=1 is not set: these need npm"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """A folder with the pinned packages, installed once."""
    folder = tmp_path_factory.mktemp("salesforce-tools")
    shutil.copy(APP / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    code, told = finished(command, folder, os.environ, seconds=600)
    assert code == 0, told
    return folder / "node_modules"


@pytest.fixture(scope="session")
def published(tools):
    return Published((tools / "@salesforce/types/lib/metadata.d.ts").read_text(encoding="utf-8"))


@pytest.fixture
def app(tools, tmp_path):
    """A copy of the app, with our scripts for the tools beside it."""
    folder = tmp_path / "app"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    for script in ("convert.mjs", "eslint.config.mjs"):
        shutil.copy(HERE / script, folder)
    (folder / "node_modules").symlink_to(tools)
    return folder


@pytest.fixture
def run(tools, app, tmp_path):
    """Runs a tool with a home of its own, so that it finds no org and sends no figures."""

    def run(*command):
        path = f"{tools / '.bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(tmp_path), "CI": "1", "SF_DISABLE_TELEMETRY": "true"}
        return finished(command, app, environment, seconds=120)

    return run


def slip(app, name, good, bad):
    text = (app / name).read_text(encoding="utf-8")
    assert good in text
    (app / name).write_text(text.replace(good, bad), encoding="utf-8")


def rules(run):
    return run("eslint", "--max-warnings", "0", "force-app")


def test_every_part_is_of_salesforces_published_types(app, published):
    assert len(published.types) > 1_000 and len(published.values) > 500
    assert list(unpublished(app, published)) == []


@pytest.mark.parametrize(
    ("name", "good", "bad", "told"),
    [
        (STAGE, "inlineHelpText", "helpText", "<helpText> is no element of CustomField"),
        (STAGE, ">Picklist<", ">Pickliste<", "<type>: 'Pickliste' is no FieldType"),
        (STAGE, "<sorted>false", "<sorted>no", "<sorted>: 'no' is neither true nor false"),
        (STAGE, "CustomField", "Field", "<Field> is no kind of part"),
        (RIGHTS, "editable>", "writable>", "<writable> is no element of PermissionSetFieldPermissions"),
        (RIGHTS, ">Visible<", ">Shown<", "'Shown' is no PermissionSetTabVisibility"),
        (FLOW, ">externalService<", ">externalServices<", "'externalServices' is no InvocableActionType"),
        (FLOW, ">AsyncAfterCommit<", ">Async<", "'Async' is no FlowScheduledPathType"),
        (FLOW, "<numberValue>200.0", "<numberValue>ok", "<numberValue>: 'ok' is no number"),
        (CLIENT, ">Packaged<", ">Packageable<", "'Packageable' is no ExtlClntAppDistState"),
        (HEADER, ">AuthHeader<", ">Header<", "'Header' is no ExternalCredentialParamType"),
    ],
)
def test_the_published_types_refuse(app, published, name, good, bad, told):
    slip(app, name, good, bad)
    assert any(told in finding for finding in unpublished(app, published))


def converted(run, app):
    """The names of the files in the zip that an org is sent, and its package.xml."""
    assert run("node", "convert.mjs") == (0, "")
    with ZipFile(app / "package.zip") as sent:
        sent.extract("package.xml", app)
        return {name for name in sent.namelist() if not name.endswith("/")}, parsed(app / "package.xml")


def test_an_org_is_sent_every_part_and_no_test(run, app):
    names, manifest = converted(run, app)
    assert manifest.findtext("version") == "67.0"
    assert {each.findtext("name"): len(texts(each, "members")) for each in manifest.findall("types")} == SENT
    assert {name for name in names if name.startswith("lwc/")} == {
        f"lwc/referralCard/{name}"
        for name in ("fields.js", "referralCard.html", "referralCard.js", "referralCard.js-meta.xml", "words.js")
    }


def test_what_the_ignore_file_does_not_name_is_sent(run, app):
    slip(app, ".forceignore", "**/__tests__/**", "")
    assert "lwc/referralCard/__tests__/referralCard.test.js" in converted(run, app)[0]


def test_the_conversion_refuses_a_kind_of_part_that_salesforce_does_not_know(run, app):
    (app / FLOW).rename(app / FLOW.replace(".flow-", ".flo-"))
    code, told = run("node", "convert.mjs")
    assert code == 1 and "Release_Referral_Credit.flo-meta.xml" in told, told


def test_the_card_keeps_salesforces_rules(run):
    assert rules(run) == (0, "")


@pytest.mark.parametrize(
    ("name", "good", "bad", "rule"),
    [
        (CARD, "view = LOADING;", "view = document.querySelector('h1');", "no-document-query"),
        (
            CARD,
            "if (error) this.view",
            "this.template.querySelector('p').innerHTML = '';\n    if (error) this.view",
            "no-inner-html",
        ),
        (CARD, "if (error) this.view", "this.recordId = '';\n    if (error) this.view", "no-api-reassignments"),
        (CARD, "if (error) this.view", "setTimeout(() => {}, 9);\n    if (error) this.view", "no-async-operation"),
        (CARD, "getFieldValue, getRecord }", "getFieldValue, getRecord, getRecords }", "no-unused-vars"),
        (CARD, "@api recordId", "@api RecordId", "no-leading-uppercase-api-name"),
    ],
)
def test_salesforces_rules_refuse(run, app, name, good, bad, rule):
    slip(app, name, good, bad)
    code, told = rules(run)
    assert code == 1 and rule in told, told


def test_the_card_shows_what_salesforce_answers(run):
    code, told = run("sfdx-lwc-jest")
    assert code == 0 and re.search(r"^Tests: +20 passed, 20 total$", told, re.MULTILINE), told


@pytest.mark.parametrize(
    ("name", "good", "bad", "broken"),
    [
        (CARD, "optionalFields:", "fields:", "asks for fields of that object alone"),
        (CARD, "if (error)", "if (error && data)", "a failure is said aloud"),
        (CARD, "getFieldDisplayValue(record", "getFieldValue(record", "shows who sent them"),
        (PAGE, "lwc:if={view.loading}", "lwc:if={view.loaded}", "while it looks the referral up"),
        (PAGE, "dd>", "dt>", "shows who sent them"),
        (PAGE, 'role="alert"', 'role="note"', "a failure is said aloud"),
        (PAGE, "{view.remark}</p>", "</p>", "where some fields are hidden"),
        (WORDS, 'permission === "came_themselves"', "permission", "somebody who was only named"),
        (WORDS, "!code || permission === undefined", "!code || !permission", "where nobody knows"),
        (WORDS, "hidden ? { notice: HIDDEN }", "!hidden ? { notice: HIDDEN }", "never called an absent referral"),
        (WORDS, "!values.seen", "false", "out of sight is not called unreferred"),
        (WORDS, "values.code && FRIEND", "FRIEND", "an advocate's own code"),
        (WORDS, "return String(amount)", 'return ""', "is still a number"),
    ],
)
def test_a_slip_in_the_card_is_seen(run, app, name, good, bad, broken):
    slip(app, name, good, bad)
    code, told = run("sfdx-lwc-jest")
    assert code == 1 and re.search(f"✕ .*{broken}", told), told
