"""What a host reads to run the product: a mistake here is found on the day of the first deployment."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml
from codebase import ROOT, platforms
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: What a host understands, stated apart from the runner in tests/e2e.
PROCFILE_LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.]+)(; (?P<marker>.+))?")


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    return dict(match.groups() for line in lines if (match := PROCFILE_LINE.fullmatch(line)))


def app_json() -> dict:
    return json.loads((ROOT / "app.json").read_text(encoding="utf-8"))


def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def pins(name: str) -> dict[str, str]:
    """Package -> version of a requirements file; a line of any other form than a pin fails the test."""
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    parts = [PIN.fullmatch(line) for line in lines if line != "-r requirements.txt"]
    assert all(parts), [line for line in lines if not PIN.fullmatch(line)]
    assert all(Marker(part["marker"]) for part in parts if part["marker"])
    return {canonicalize_name(part["name"]): part["version"] for part in parts}


# ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_procfile_holds_the_four_processes_and_not_one_unreadable_line():
    assert list(procfile()) == ["release", "web", "worker", "sweeper"]
    assert len((ROOT / "Procfile").read_text(encoding="utf-8").splitlines()) == 4


def test_procfile_commands_need_no_more_than_requirements_txt():
    """A host installs that file and nothing else, so a console script of our own would not be found there."""
    assert {shlex.split(command)[0] for command in procfile().values()} <= {"python", *pins("requirements.txt")}
    assert find_spec("connector.__main__"), "`python -m connector` needs connector/__main__.py"


def test_the_container_serves_pages_by_the_very_line_of_the_procfile():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    [command] = re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)
    assert json.loads(command) == ["sh", "-c", f"exec {procfile()['web']}"]


def test_the_container_runs_pinned_python_and_no_root():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    wanted = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert re.findall(r"^FROM python:(\d+\.\d+)-slim-\w+$", dockerfile, re.MULTILINE) == [wanted]
    assert re.findall(r"^USER (\d+):\d+$", dockerfile, re.MULTILINE) not in ([], ["0"])


def test_compose_runs_the_lines_of_the_procfile():
    services = compose()["services"]
    assert {name: service.get("command") for name, service in services.items() if name in procfile()} == {
        **procfile(),
        "web": None,  # the image's own command, held to the Procfile above
    }


def test_compose_waits_only_for_services_that_exist():
    services = compose()["services"]
    awaited = {name: set(service.get("depends_on", {})) for name, service in services.items()}
    assert {name: missing for name, on in awaited.items() if (missing := on - set(services))} == {}
    assert all("release" in awaited[name] for name in ("web", "worker", "sweeper"))


def test_compose_is_a_valid_compose_file():
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


# ── app.json ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_app_json_starts_every_process_beside_its_servers():
    assert set(app_json()["formation"]) == set(procfile()) - {"release"}
    assert {addon.partition(":")[0] for addon in app_json()["addons"]} == {"heroku-postgresql", "heroku-redis"}


def test_app_json_makes_the_secrets_itself_and_explains_every_setting():
    env = app_json()["env"]
    assert [name for name, setting in env.items() if setting.get("generator") == "secret"] == [
        "SECRET_KEY",
        "ENCRYPTION_KEYS",
    ]
    assert [name for name, setting in env.items() if not setting.get("description")] == []


def test_app_json_and_compose_ask_for_each_platforms_settings():
    keys = platforms(ROOT)
    for place, names in {
        "app.json": app_json()["env"],
        "compose.yaml": compose()["x-connector"]["environment"],
    }.items():
        assert [key for key in keys if not any(name.startswith(f"{key.upper()}_") for name in names)] == [], place


@pytest.mark.contracts
def test_app_json_is_what_heroku_accepts():
    folder = os.environ.get("CONTRACTS_DIR")
    if not folder:
        pytest.skip("CONTRACTS_DIR is not set")
    schema = json.loads((Path(folder) / "heroku" / "app-json.schema.json").read_text(encoding="utf-8"))
    schema["properties"]["stack"] = {"type": "string"}  # the published list of stacks is older than the platform
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER).validate(app_json())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**app_json(), "formation": {"web": {"quantity": "1"}}}, schema)


# ── Packages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_package_is_pinned_once_and_none_by_address():
    assert set(pins("requirements.txt")) & set(pins("requirements-dev.txt")) == set()


def test_pins_hold_what_the_project_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = pins("requirements.txt")
    everything = runtime | pins("requirements-dev.txt")
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for lines, pinned in ((project["dependencies"], runtime), (extras, everything)):
        needs = {canonicalize_name(need.name): need for need in map(Requirement, lines)}
        assert set(needs) - set(pinned) == set()
        wrong = [str(need) for name, need in needs.items() if pinned[name] not in need.specifier]
        assert wrong == []


def test_packages_that_packages_need_are_pinned_too():
    """An unpinned one would make tomorrow's installation another product than today's."""
    pinned = pins("requirements.txt") | pins("requirements-dev.txt")
    missing = set()
    for name in pinned:
        try:
            needs = [Requirement(line) for line in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:  # pinned for another Python than this one
            continue
        applying = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        missing |= {f"{name} needs {need}" for need in applying if canonicalize_name(need.name) not in pinned}
    assert missing == set()
