"""The app that a merchant's shop gets: a slip in these files is found here, not by Shopify after the deploy.

The slower checks with Shopify's own tools are in shopify_app/test_shopify_app_tools.py.
"""

import os
import shutil
from pathlib import Path

import pytest

from adapters.shopify import MANIFEST
from connector.mapping import load_all
from tests.adapters.shopify_app import checks

APP = Path(__file__).parents[2] / "adapters/shopify/app"
CONTRACTS = os.environ.get("CONTRACTS_DIR", "")
HELD = [
    checks.shapes,
    checks.compliance,
    checks.unexplained,
    checks.one_handle_each,
    checks.astray,
    checks.block_faults,
    checks.untranslated,
    checks.heavy,
    checks.missing_modules,
    checks.loose_versions,
]
WRITTEN = {(kind, row.field): row.type for kind, rows in load_all()["shopify"].records.items() for row in rows}

PIXEL = "extensions/referral-pixel/shopify.extension.toml"
THANKS = "extensions/referral-thank-you"
STARTED = "extensions/referral-flow-trigger-started/shopify.extension.toml"
ACTION = "extensions/referral-flow-action/shopify.extension.toml"
EMBED = "extensions/referral-embed"
SLIPS = [
    (checks.shapes, "shopify.app.toml", 'prefix = "apps"', 'prefix = "appz"', "appz"),
    (checks.shapes, "shopify.app.toml", "embedded = true", "embeded = true", "embeded"),
    (checks.shapes, "shopify.app.toml", 'access.admin = "merchant_read"', 'access.admin = "private"', "private"),
    (checks.shapes, "shopify.app.toml", "https://connector", "http://connector", "http://"),
    (checks.shapes, PIXEL, 'runtime_context = "strict"', 'runtime_context = "lax"', "strict"),
    (checks.shapes, PIXEL, "analytics = true", "analytics = false", "analytics"),
    (checks.shapes, f"{THANKS}/shopify.extension.toml", "thank-you.block", "thankyou.block", "thankyou"),
    (checks.shapes, f"{THANKS}/shopify.extension.toml", "network_access", "networkaccess", "networkaccess"),
    (checks.shapes, STARTED, "single_line_text_field", "text_field", "text_field"),
    (checks.shapes, STARTED, '"Referral ID"', '"referral_id"', "referral_id"),
    (checks.shapes, STARTED, '"flow_trigger"', '"flow_triger"', "flow_triger"),
    (checks.shapes, ACTION, "runtime_url", "runtime_uri", "runtime_uri"),
    (checks.shapes, f"{EMBED}/shopify.extension.toml", 'type = "theme"', 'type = "theme_app"', "theme_app"),
    (checks.compliance, "shopify.app.toml", '"customers/redact", ', "", "customers/redact"),
    (checks.unexplained, "shopify.app.toml", "# write_orders: to note", "# write_orders", "write_orders"),
    (checks.one_handle_each, STARTED, "referral-started", "issue-referral-credit", "issue-referral-credit"),
    (checks.astray, "shopify.app.toml", 'subpath = "referral"', 'subpath = "refer"', "/apps/refer"),
    (checks.block_faults, f"{EMBED}/blocks/capture.liquid", '"target": "body"', '"target": "boddy"', "boddy"),
    (checks.block_faults, f"{EMBED}/blocks/capture.liquid", "t:capture.name", "t:capture.nome", "nome"),
    (checks.untranslated, f"{EMBED}/locales/de.json", '"link"', '"verweis"', "refer.link"),
    (checks.untranslated, f"{THANKS}/locales/de.json", "{{code}}", "", "code"),
    (checks.untranslated, f"{THANKS}/src/Block.tsx", 'say("paused")', 'say("pause")', "pause"),
    (checks.heavy, f"{EMBED}/assets/referral.js", "// Notes", "// " + "x" * checks.LARGEST_ASSET, "weighs"),
    (checks.missing_modules, f"{THANKS}/shopify.extension.toml", "Block.tsx", "Blok.tsx", "Blok.tsx"),
    (checks.loose_versions, "package.json", '"typescript": "', '"typescript": "^', "typescript"),
    (checks.loose_versions, f"{THANKS}/shopify.extension.toml", "2026-07", "2026-04", "2026-04"),
]


def slipped(folder, name, good, bad):
    """A copy of the app with one slip in it."""
    app = folder / "app"
    shutil.copytree(APP, app, ignore=shutil.ignore_patterns("node_modules", "dist", ".shopify"))
    text = (app / name).read_text(encoding="utf-8")
    assert good in text
    (app / name).write_text(text.replace(good, bad), encoding="utf-8")
    return app


@pytest.fixture(scope="module")
def published():
    if not CONTRACTS:
        pytest.skip("CONTRACTS_DIR is not set: Shopify's published schema is not here")
    return checks.published_topics(Path(CONTRACTS))


@pytest.mark.parametrize("check", HELD, ids=lambda check: check.__name__)
def test_the_app_is_sound(check):
    assert list(check(APP)) == []


@pytest.mark.parametrize(
    ("check", "name", "good", "bad", "told"), SLIPS, ids=[f"{slip[0].__name__}-{slip[4]}" for slip in SLIPS]
)
def test_a_slip_is_told(check, name, good, bad, told, tmp_path):
    assert any(told in finding for finding in check(slipped(tmp_path, name, good, bad)))


def test_every_kind_of_extension_has_a_schema_in_use():
    kinds = {kind for _, _, kind in checks.extensions(APP)}
    assert {path.stem for path in checks.SCHEMAS.glob("*.json")} == kinds | {"app"}


@pytest.mark.contracts
def test_shopify_knows_every_topic_and_lets_us_hear_it(published):
    assert list(checks.unheard(APP, published)) == []


@pytest.mark.contracts
@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("orders/paid", "orders/payed", "orders/payed is no published topic"),
        ("read_customer_merge,", "", "customers/merge needs one of ['read_customer_merge']"),
    ],
)
def test_a_topic_that_would_never_come_is_told(published, good, bad, told, tmp_path):
    app = slipped(tmp_path, "shopify.app.toml", good, bad)
    assert list(checks.unheard(app, published)) == [told]


def test_the_shop_is_asked_for_the_scopes_that_the_admin_explains():
    required, optional = checks.scopes(APP)
    assert sorted(required) == sorted(s.name for s in MANIFEST.scopes if not s.optional)
    assert sorted(optional) == sorted(s.name for s in MANIFEST.scopes if s.optional)


def test_every_address_is_on_one_server(tmp_path):
    assert len(checks.hosts(APP)) == 1
    other = slipped(tmp_path, ACTION, "https://connector.", "https://conector.")
    assert len(checks.hosts(other)) == 2


def test_staff_can_see_every_field_that_the_mapping_writes():
    assert checks.declared(APP) == WRITTEN


def test_a_field_that_staff_would_not_see_is_told(tmp_path):
    other = slipped(tmp_path, "shopify.app.toml", "referral_stage", "referral_state")
    assert checks.declared(APP).items() - checks.declared(other).items() == {
        (("order", "$app.referral_stage"), "single_line_text_field")
    }


def test_no_lock_file_names_a_package_host():
    assert [p.name for p in APP.iterdir() if p.name in {"package-lock.json", "yarn.lock", "pnpm-lock.yaml"}] == []
