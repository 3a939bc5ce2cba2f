"""Who imports whom: a rule about money must never depend on a web page, a queue or one platform's library."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from codebase import ROOT, at, nodes, plant, python_files

SDKS = {"hubspot", "klaviyo_api", "openapi_client", "shopify", "simple_salesforce", "pyactiveresource"}

#: One line each that breaks the contract of this id (pyproject.toml, [tool.importlinter]).
VIOLATIONS = {
    "layers": ("connector/domain/money.py", "import connector.ports.platform"),
    "pure": ("connector/domain/money.py", "import flask"),
    "platforms-apart": ("adapters/first/outbound.py", "import adapters.second.api"),
    "platforms-know-no-journey": ("adapters/first/inbound.py", "import connector.journey.planted"),
    "platforms-by-discovery": ("connector/planted.py", "import adapters.first.api"),
    "calls-in-one-place": ("adapters/first/outbound.py", "import requests"),
    "no-circles": ("connector/journey/planted.py", "import connector.journey.step"),
}


def lint_imports(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Import contracts of `root`, read from its own pyproject.toml."""
    return subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache", "--no-logo", *options],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def foreign_imports_of_the_domain(root: Path) -> list[str]:
    """Imports in `connector/domain` of anything but the standard library, the domain and the errors."""
    found = []
    for path in python_files(root, "connector/domain"):
        for node in nodes(path):
            match node:
                case ast.Import(names=names):
                    modules = [name.name for name in names]
                case ast.ImportFrom(module=module, level=level):
                    modules = [module or ""] if not level else ["connector.domain"]
                case _:
                    continue
            found += [f"{at(root, path, node.lineno)} imports {module}" for module in modules if not _own(module)]
    return found


def _own(module: str) -> bool:
    return (
        module.partition(".")[0] in sys.stdlib_module_names
        or module == "connector.errors"
        or f"{module}.".startswith("connector.domain.")
    )


def test_every_import_contract_is_kept():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_rules_need_nothing_but_python():
    assert foreign_imports_of_the_domain(ROOT) == []


@pytest.mark.parametrize("module", ["connector.web", "connector.cli"])
def test_serving_pages_loads_no_platform_library(module):
    """They weigh 50 MB and seconds: a web process that loads them starts late and dies on a small host."""
    loaded = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert sorted(SDKS & set(loaded)) == []


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A small tree under the very contracts of this one, with two platforms."""
    root = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "pyproject.toml", root)
    modules = [
        "connector/errors", "connector/mapping", "connector/domain/money", "connector/ports/platform",
        "connector/journey/step", "adapters/http",
    ]  # fmt: skip
    modules += [f"adapters/{key}/{room}" for key in ("first", "second") for room in ("api", "inbound", "outbound")]
    for module in modules:
        plant(root, f"{module}.py", "")
    plant(root, "connector/ports/platform.py", "import connector.domain.money\n")
    plant(root, "connector/journey/step.py", "import connector.journey.planted, connector.ports.platform\n")
    plant(root, "connector/journey/planted.py", "")
    plant(root, "adapters/first/api.py", "import requests, adapters.http\n")
    for folder in {path.parent for path in root.rglob("*.py")}:
        (folder / "__init__.py").touch()
    return root


def test_a_clean_tree_keeps_every_contract(copy):
    result = lint_imports(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_import_breaks_its_contract(copy, contract):
    name, line = VIOLATIONS[contract]
    path = copy / name
    before = path.read_text(encoding="utf-8") if path.exists() else None
    plant(copy, name, f"{line}\n")
    try:
        result = lint_imports(copy, "--contract", contract)
    finally:
        path.unlink() if before is None else plant(copy, name, before)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 broken" in result.stdout


def test_the_domain_check_sees_a_foreign_import(tmp_path):
    plant(
        tmp_path, "connector/domain/good.py", "import re\nfrom connector.errors import Unknown\nfrom . import money\n"
    )
    plant(tmp_path, "connector/domain/bad.py", "import yaml\nfrom connector.errors_of_ours import x\n")
    assert foreign_imports_of_the_domain(tmp_path) == [
        "connector/domain/bad.py:1 imports yaml",
        "connector/domain/bad.py:2 imports connector.errors_of_ours",
    ]
