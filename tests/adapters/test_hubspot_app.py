"""The project that a merchant's HubSpot gets: a slip in these files is found here, not by HubSpot after the upload.

The slower checks with HubSpot's own tools are in hubspot_app/test_hubspot_app_tools.py.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from adapters.hubspot import MANIFEST, inbound
from connector.mapping import ALWAYS, IF_EMPTY, load_all
from tests.adapters.hubspot_app import checks

ROOT = Path(__file__).parents[2]
APP = ROOT / "adapters/hubspot/app"
CONTRACTS = os.environ.get("CONTRACTS_DIR", "")
HELD = [
    checks.shapes,
    checks.unexplained,
    checks.one_uid_each,
    checks.missing_entrypoints,
    checks.elsewhere,
    checks.not_permitted,
    checks.untranslated,
    checks.loose_versions,
    checks.bare_code,
]

META = "src/app/app-hsmeta.json"
HOOKS = "src/app/webhooks/webhooks-hsmeta.json"
STEP = "src/app/workflow-actions/issue-credit-hsmeta.json"
CARD = "src/app/cards/referral-card-hsmeta.json"
PAGE = "src/app/settings/settings-hsmeta.json"
CODE = "src/app/cards/referral.ts"
SLIPS = [
    (checks.shapes, "hsproject.json", '"2026.03"', '"2023.1"', "2023.1"),
    (checks.shapes, META, '"distribution"', '"distributon"', "distributon"),
    (checks.shapes, META, '[\n        "oauth",', "[", "requiredScopes"),
    (checks.shapes, META, '"config"', '"konfig"', "konfig"),
    (checks.shapes, HOOKS, '"targetUrl": "https:', '"targetUrl": "http:', "http:"),
    (checks.shapes, HOOKS, "object.restore", "object.restored", "object.restored"),
    (checks.shapes, HOOKS, ', "propertyName": "dealstage"', "", "propertyName"),
    (checks.shapes, HOOKS, '"contact.privacyDeletion"', '"contact.deletion"', "privacyDeletion"),
    (checks.shapes, HOOKS, '"ref", "active": true', '"ref", "active": false', "True was expected"),
    (checks.shapes, STEP, '"isPublished"', '"published"', "published"),
    (checks.shapes, STEP, '"STATIC_VALUE"', '"STATIC"', "STATIC"),
    (checks.shapes, STEP, '"workflow-action"', '"workflow-actions"', "no kind of part"),
    (checks.shapes, CARD, "crm.record.sidebar", "crm.record.side", "crm.record.side"),
    (checks.shapes, CARD, '"tickets"', '"ticket"', "ticket"),
    (checks.shapes, PAGE, "/app/settings/", "./", "entrypoint"),
    (
        checks.unexplained,
        "README.md",
        "| `automation` | optional |",
        "| `automation` | required |",
        "automation (optional)",
    ),
    (checks.unexplained, "README.md", "| to tell your workflow", "| yes", "automation (optional)"),
    (checks.unexplained, META, '"crm.lists.read",', "", "crm.lists.read (optional) is explained but not asked for"),
    (checks.one_uid_each, CARD, "referral_card", "referral_settings", "both called referral_settings"),
    (checks.missing_entrypoints, CARD, "ReferralCard.tsx", "ReferalCard.tsx", "ReferalCard.tsx"),
    (checks.elsewhere, STEP, "connector.example.com", "conector.example.com", "conector"),
    (checks.elsewhere, CODE, "connector.example.com", "connector.example.com.evil.test", "evil"),
    (checks.elsewhere, META, "support@connector.example.com", "support@acme.test", "acme"),
    (checks.not_permitted, META, '"https://connector.example.com"\n', '"https://api.hubapi.com"\n', "referral.ts"),
    (checks.untranslated, STEP, '"referral_reward": "Prämie"', '"reward": "Prämie"', "referral_reward"),
    (checks.untranslated, STEP, '"actionCardContent": "Empfehlungs', '"actionCard": "Empfehlungs', "actionCardContent"),
    (checks.untranslated, STEP, '"de": {', '"fr": {', "no labels in de"),
    (checks.loose_versions, "package.json", '"typescript": "', '"typescript": "^', "typescript"),
    (checks.loose_versions, "src/app/cards/package.json", "18.3.1", "18.3.0", "is not the 18.3.1 that was tried"),
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
def test_the_app_is_sound(check):
    assert list(check(APP)) == []


@pytest.mark.parametrize(
    ("check", "name", "good", "bad", "told"), SLIPS, ids=[f"{slip[0].__name__}-{slip[4]}" for slip in SLIPS]
)
def test_a_slip_is_told(check, name, good, bad, told, tmp_path):
    assert any(told in finding for finding in check(slipped(tmp_path, name, good, bad)))


def test_code_without_its_packages_is_told(tmp_path):
    app = slipped(tmp_path, PAGE, "referral_settings", "referral_settings")
    (app / "src/app/settings/package.json").unlink()
    assert list(checks.bare_code(app)) == ["SettingsPage.tsx has no package.json beside it"]


def test_every_kind_of_part_has_a_schema_in_use():
    kinds = {kind for _, _, kind in checks.parts(APP)}
    assert {path.stem for path in checks.SCHEMAS.glob("*.json")} == kinds | {"project"}


def test_the_account_is_asked_for_the_scopes_that_the_admin_explains():
    asked = [(scope.name, "optional" if scope.optional else "required", scope.why) for scope in MANIFEST.scopes]
    assert sorted(checks.explained(APP)) == sorted(asked)


def test_every_subscription_is_read_and_all_evidence_is_heard(tmp_path):
    evidence = {*inbound.CODE_PROPERTIES, *inbound.UTM_PROPERTIES}
    assert list(checks.unread(APP, inbound.TOPICS)) == []
    assert list(checks.unheard(APP, evidence)) == []
    other = slipped(tmp_path, HOOKS, '"referral_code"', '"referal_code"')
    assert list(checks.unheard(other, evidence)) == ["referral_code of a contact is not listened to"]
    assert "nobody reads object.merge of deal" in checks.unread(APP, inbound.TOPICS - {"object.merge"})


def test_each_kind_of_record_is_heard_from_birth_to_end():
    heard = {(kind, what) for kind, what, _ in checks.subscriptions(APP)}
    for kind in ("contact", "deal"):
        changes = ("creation", "merge", "deletion", "restore", "associationChange")
        assert {(kind, f"object.{what}") for what in changes} <= heard
    assert {("invoice", f"object.{what}") for what in ("propertyChange", "deletion", "associationChange")} <= heard
    assert ("contact", "contact.privacyDeletion") in heard


@pytest.mark.contracts
@pytest.mark.skipif(not CONTRACTS, reason="CONTRACTS_DIR is not set: HubSpot's samples are not here")
@pytest.mark.parametrize(
    ("name", "good", "bad", "told"),
    [
        (META, '"img"', '"image"', "app-hsmeta.json: permittedUrls.image is published nowhere"),
        (STEP, '"appDisplayName"', '"appName"', "issue-credit-hsmeta.json: no label is called appName"),
        ("hsproject.json", '"srcDir"', '"sourceDir"', "hsproject.json: sourceDir, srcDir is too much, or missing"),
    ],
)
def test_hubspot_publishes_every_key(name, good, bad, told, tmp_path):
    contracts = Path(CONTRACTS)
    actions = json.loads((contracts / "hubspot/openapi/actionsV4.2026-09.json").read_text(encoding="utf-8"))
    words = actions["components"]["schemas"]["PublicActionLabels"]["properties"].keys()
    assert list(checks.unpublished(APP, contracts, words)) == []
    assert told in checks.unpublished(slipped(tmp_path, name, good, bad), contracts, words)


def rows_of_the_page():
    """What sales people are told of each property: {(record, label): kept, follows or yours to lower}."""
    page = (ROOT / "docs/for-sales.md").read_text(encoding="utf-8")
    text = page.partition("## HubSpot")[2].partition("\n## ")[0]
    rows = re.findall(
        r"^\| ((?:contact|deal|advocate)[^|]*) \| (Referral [^|]*) \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE
    )
    return {
        (record, label): rule
        for records, labels, rule in rows
        for record in records.split(", ")
        for label in labels.split(", ")
    }


def test_sales_people_are_told_what_each_property_means_and_whether_theirs_stays():
    said = {IF_EMPTY: "kept", ALWAYS: "follows"}
    written = {
        (record, row.field.replace("_", " ").capitalize()): said[row.policy]
        for record, rows in load_all()["hubspot"].records.items()
        for row in rows
        if record != "credit"  # a record of its own, which sales people do not fill
    }
    told = rows_of_the_page()
    assert written.items() <= told.items()
    assert all("credit" in label for record, label in told.keys() - written.keys() if record == "advocate")
    assert {record for record, _ in told.keys() - written.keys()} == {"advocate"}


def test_no_lock_file_names_a_package_host():
    assert [p.name for p in APP.rglob("*") if p.name in {"package-lock.json", "yarn.lock", "pnpm-lock.yaml"}] == []
