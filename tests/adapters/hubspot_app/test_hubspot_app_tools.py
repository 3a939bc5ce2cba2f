"""The project in the hands of HubSpot's own tools, offline but for their installation.

They need npm and half a minute, so they run only when asked: NODE_CHECKS=1 python -m pytest tests/adapters/hubspot_app
What they let pass is checked in ../test_hubspot_app.py.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.adapters.shopify_app.test_shopify_app_tools import finished

HERE = Path(__file__).parent
APP = HERE.parents[2] / "adapters/hubspot/app"
UIDS = "issue_referral_credit referral_card referral_connector referral_settings referral_webhooks\n"
META = "src/app/app-hsmeta.json"
HOOKS = "src/app/webhooks/webhooks-hsmeta.json"
STEP = "src/app/workflow-actions/issue-credit-hsmeta.json"
PAGE = "src/app/settings/settings-hsmeta.json"
CARD = "src/app/cards/ReferralCard.tsx"
LOOK = "src/app/cards/referral.ts"
VIEW = "src/app/settings/SettingsPage.tsx"

pytestmark = [
    pytest.mark.skipif(os.environ.get("NODE_CHECKS") != "1", reason="NODE_CHECKS=1 is not set: these need npm"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """A folder with the pinned packages, installed once."""
    folder = tmp_path_factory.mktemp("hubspot-tools")
    shutil.copy(APP / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    code, told = finished(command, folder, os.environ, seconds=600)
    assert code == 0, told
    return folder / "node_modules"


@pytest.fixture
def app(tools, tmp_path):
    """A copy of the app, with our scripts for the tools beside it."""
    folder = tmp_path / "app"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("node_modules"))
    for script in ("project.mjs", "eslint.config.mjs", "behaviour.test.tsx"):
        shutil.copy(HERE / script, folder)
    (folder / "node_modules").symlink_to(tools)
    return folder


@pytest.fixture
def run(tools, app, tmp_path):
    """Runs a tool with a home of its own, so that it finds no account."""

    def run(*command):
        environment = {
            "PATH": f"{tools / '.bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "CI": "1",
            "APP": str(app),
        }
        return finished(command, app, environment, seconds=90)

    return run


def slip(app, name, good, bad):
    text = (app / name).read_text(encoding="utf-8")
    assert good in text
    (app / name).write_text(text.replace(good, bad), encoding="utf-8")


def read_project(run):
    return run("node", "project.mjs", ".", str(HERE / "schemas"))


def behave(run):
    return run("node", "--import", "tsx", "--test", "behaviour.test.tsx")


def test_hubspots_parser_reads_the_project(run):
    assert read_project(run) == (0, UIDS)


@pytest.mark.parametrize(
    ("name", "good", "bad", "word"),
    [
        ("hsproject.json", '"2026.03"', '"2020.1"', "2020.1"),
        (META, '"type": "app"', '"type": "application"', "must be a child of the 'app'"),
        (META, '"distribution"', '"distributon"', "distributon"),
        (HOOKS, '"referral_webhooks"', '"referral_card"', "referral_card"),
        (HOOKS, '"uid"', '"id"', "properties found: id"),
        (STEP, '"objectTypes"', '"objects"', "objectTypes"),
        (PAGE, '"config": {', '"config": {{', "settings-hsmeta.json"),
    ],
)
def test_hubspots_parser_refuses(run, app, name, good, bad, word):
    slip(app, name, good, bad)
    code, told = read_project(run)
    assert code == 1 and word in told, told


def test_hubspots_parser_refuses_a_part_in_the_wrong_folder(run, app):
    (app / "src/app/pages").mkdir()
    (app / PAGE).rename(app / "src/app/pages/settings-hsmeta.json")
    code, told = read_project(run)
    assert code == 1 and "pages" in told, told


def test_the_code_fits_hubspots_types_and_rules(run):
    assert run("tsc", "-p", ".") == (0, "")
    assert run("eslint", "--max-warnings", "0", "src") == (0, "")


@pytest.mark.parametrize(
    ("name", "good", "bad", "word"),
    [
        (CARD, "crm.record.sidebar", "crm.record.side", "crm.record.side"),
        (CARD, 'variant="info"', 'variant="blue"', '"blue"'),
        (CARD, "imageName", "image", "image"),
        (CARD, "context.crm", "context.record", "record"),
        (LOOK, "timeout", "timeOut", "timeOut"),
        (VIEW, "{why}", "{reason}", "reason"),
    ],
)
def test_the_types_refuse(run, app, name, good, bad, word):
    slip(app, name, good, bad)
    code, told = run("tsc", "-p", ".")
    assert code == 2 and word in told, told


@pytest.mark.parametrize(
    ("name", "good", "bad", "rule"),
    [
        (LOOK, "await hubspot.fetch(", "await fetch(", "no-native-http"),
        (CARD, "<Text>{words}</Text>", "<div>{words}</div>", "no-html-elements"),
        (CARD, "let gone = false;", "let gone = false; localStorage.clear();", "no-browser-storage"),
        (VIEW, "let gone = false;", "let gone = false; console.log(gone);", "no-console"),
    ],
)
def test_hubspots_rules_refuse(run, app, name, good, bad, rule):
    slip(app, name, good, bad)
    code, told = run("eslint", "--max-warnings", "0", "src")
    assert code == 1 and rule in told, told


def test_card_and_settings_show_what_the_server_says(run):
    code, told = behave(run)
    assert code == 0, told


@pytest.mark.parametrize(
    ("name", "good", "bad", "broken"),
    [
        (CARD, "{words}", "", "a contact without a referral"),
        (CARD, "{referral.answer && (", "{(", "nothing to answer"),
        (CARD, "setTries(tries + 1)", "setTries(tries)", "every failure can be tried again"),
        (LOOK, "answer.status === 401", "answer.status === 402", "an account that is not connected"),
        (LOOK, "Array.isArray(referral.lines) ?", "referral ?", "every failure can be tried again"),
        (LOOK, '"0-5": "tickets"', '"0-5": "contacts"', "deals and tickets"),
        (VIEW, "<Text>{remedy}</Text>", "", "settings name each missing part"),
        (VIEW, "status.missing.length === 0", "status.missing.length > 0", "settings say what is connected"),
    ],
)
def test_a_slip_in_the_code_is_seen(run, app, name, good, bad, broken):
    slip(app, name, good, bad)
    code, told = behave(run)
    assert code == 1 and re.search(f"^not ok .*{broken}", told, re.MULTILINE), told
