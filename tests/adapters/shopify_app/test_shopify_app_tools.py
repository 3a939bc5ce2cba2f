"""The app in the hands of Shopify's own tools, offline but for their installation.

They need npm and a minute, so they run only when asked: NODE_CHECKS=1 python -m pytest tests/adapters/shopify_app
What they let pass is checked in ../test_shopify_app.py.
"""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from tests.adapters.shopify_app import checks

HERE = Path(__file__).parent
APP = HERE.parents[2] / "adapters/shopify/app"
LEFT_OUT = shutil.ignore_patterns("node_modules", "dist", ".shopify")
LARGEST_BUNDLE = 64_000  # Shopify refuses larger ones at deploy

EMBED = "extensions/referral-embed"
PIXEL = "extensions/referral-pixel"
THANKS = "extensions/referral-thank-you"
SCRIPT = f"{EMBED}/assets/referral.js"

pytestmark = [
    pytest.mark.skipif(os.environ.get("NODE_CHECKS") != "1", reason="NODE_CHECKS=1 is not set: these need npm"),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH"),
    pytest.mark.timeout(900),
]


def finished(command, folder, environment, seconds):
    """A tool's exit code and words. One that hangs is stopped with all that it started."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=environment, text=True, start_new_session=True, **pipes) as tool:
        try:
            told, _ = tool.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(tool.pid, signal.SIGKILL)
            told, _ = tool.communicate()
            pytest.fail(f"{command[0]} took more than {seconds} s: {told}")
        return tool.returncode, told


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """A folder with the pinned packages, installed once."""
    folder = tmp_path_factory.mktemp("shopify-tools")
    shutil.copy(APP / "package.json", folder)
    shutil.copy(HERE / "theme_check.mjs", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    code, told = finished(command, folder, os.environ, seconds=600)
    assert code == 0, told
    return folder


@pytest.fixture
def app(tools, tmp_path):
    """A copy of the app that tools may write into."""
    folder = tmp_path / "app"
    shutil.copytree(APP, folder, ignore=LEFT_OUT)
    (folder / "node_modules").symlink_to(tools / "node_modules")
    return folder


@pytest.fixture
def run(tools, tmp_path):
    """Runs a tool with a home of its own, so that it finds no account and no other settings; it sends no figures."""

    def run(*command, **more):
        path = f"{tools / 'node_modules/.bin'}:{os.environ['PATH']}"
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
        quiet = {"CI": "1", "SHOPIFY_CLI_NO_ANALYTICS": "1", "SHOPIFY_TLD_ROOT": str(tmp_path / "docs")}
        environment = {"PATH": path, **home, **quiet, **more}
        docs = tools / "node_modules/@shopify/theme-check-docs-updater/data"
        (tmp_path / "docs").mkdir(exist_ok=True)
        for name in ("data", "schemas"):  # else theme check looks for newer ones on the network
            if not (tmp_path / "docs" / name).exists():
                (tmp_path / "docs" / name).symlink_to(docs)
        return finished(command, tools, environment, seconds=90)

    return run


def slip(app, name, good, bad):
    text = (app / name).read_text(encoding="utf-8")
    assert good in text
    (app / name).write_text(text.replace(good, bad), encoding="utf-8")


def build(run, app):
    return run("shopify", "app", "build", "--skip-dependencies-installation", "--no-color", "--path", str(app))


def test_the_app_builds_and_behaves(run, app):
    code, told = build(run, app)
    assert code == 0, told
    bundles = {path.parts[-3]: path.stat().st_size for path in app.glob("extensions/*/dist/*.js")}
    assert set(bundles) == {"referral-pixel", "referral-thank-you"}
    assert max(bundles.values()) <= LARGEST_BUNDLE

    code, told = run("node", "--test", str(HERE / "behaviour.test.mjs"), APP=str(app))
    assert code == 0, told
    for good, bad, broken in [
        ("analyticsProcessingAllowed?.() !== true", "analyticsProcessingAllowed?.() === null", "without consent"),
        ("cart.attributes?._referral", "cart.attributes?._other", "a cart that names an advocate"),
        ("kept() ?? landed", "landed ?? kept()", "the first advocate stays"),
        (".catch(() => {})", "", "nothing that goes wrong"),
    ]:
        shutil.copy(APP / SCRIPT, app / SCRIPT)
        slip(app, SCRIPT, good, bad)
        code, told = run("node", "--test", str(HERE / "behaviour.test.mjs"), APP=str(app))
        assert code == 1 and re.search(f"^not ok .*{broken}", told, re.MULTILINE), told


@pytest.mark.parametrize(
    ("name", "good", "bad", "word"),
    [
        ("shopify.app.toml", "https://connector.example.com/webhooks/shopify", "nowhere", "uri"),
        (f"{PIXEL}/shopify.extension.toml", 'sale_of_data = "disabled"', 'sale_of_data = "never"', "sale_of_data"),
        ("extensions/referral-flow-action/shopify.extension.toml", "runtime_url", "runtime", "runtime_url"),
        (f"{THANKS}/shopify.extension.toml", "profile.block.render", "profil.block.render", "profil.block"),
        (f"{THANKS}/shopify.extension.toml", "./src/Block.tsx", "./src/Blok.tsx", "Blok.tsx"),
    ],
)
def test_the_build_refuses(run, app, name, good, bad, word):
    slip(app, name, good, bad)
    code, told = build(run, app)
    assert code != 0 and word in told, told


def test_the_scripts_fit_shopifys_types(run, app):
    for folder in (PIXEL, THANKS):
        assert run("tsc", "-p", str(app / folder)) == (0, "")


@pytest.mark.parametrize(
    ("folder", "name", "good", "bad", "word"),
    [
        (PIXEL, "src/index.ts", '"checkout_completed"', '"checkout_complete"', "'data' does not exist"),
        (PIXEL, "src/index.ts", "localStorage.getItem", "localStorage.get", "'get'"),
        (THANKS, "src/Block.tsx", '"./share"', '"./shar"', "./shar"),
        (THANKS, "src/Block.tsx", "<s-text color", "<s-txt color", "s-txt"),
        (THANKS, "src/Block.tsx", 'variant="primary"', 'variant="main"', '"main"'),
        (THANKS, "src/Block.tsx", "sessionToken.get()", "sessionToken.fetch()", "fetch"),
    ],
)
def test_the_types_refuse(run, app, folder, name, good, bad, word):
    slip(app, f"{folder}/{name}", good, bad)
    code, told = run("tsc", "-p", str(app / folder))
    assert code == 2 and word in told, told


def test_the_theme_blocks_are_sound(run, app):
    assert run("node", "theme_check.mjs", str(app / EMBED)) == (0, "")


@pytest.mark.parametrize(
    ("name", "good", "bad", "word"),
    [
        ("blocks/refer-a-friend.liquid", "'refer.link' | t", "'refer.lnk' | t", "refer.lnk"),
        ("blocks/refer-a-friend.liquid", "{%- endif -%}", "", "LiquidHTMLSyntaxError"),
        ("blocks/capture.liquid", "| asset_url", "| asset_ulr", "asset_ulr"),
        ("blocks/capture.liquid", "'referral.js'", "'referal.js'", "referal.js"),
        ("blocks/capture.liquid", '"settings": [', '"settings": [[', "ValidSchema"),
    ],
)
def test_theme_check_refuses(run, app, name, good, bad, word):
    slip(app / EMBED, name, good, bad)
    code, told = run("node", "theme_check.mjs", str(app / EMBED))
    assert code == 1 and word in told, told


@pytest.fixture
def settings(tools):
    """Shopify's schema for the settings of a block; its files refer to each other by name."""
    folder = tools / "node_modules/@shopify/theme-check-docs-updater/data"
    files = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in folder.glob("*.json")
        if path.name in {"settings.json", "setting.json"}
    }
    known = Registry().with_resources((f"theme/{name}", Resource.from_contents(text)) for name, text in files.items())
    return Draft7Validator({"$ref": "theme/settings.json"}, registry=known)


def test_the_settings_of_the_blocks_are_shopifys(settings):
    shown = list(checks.blocks(APP))
    assert [fault.message for _, schema in shown for fault in settings.iter_errors(schema["settings"])] == []
    for _, schema in shown:
        schema["settings"][0]["type"] = "txt"
        assert not settings.is_valid(schema["settings"])
