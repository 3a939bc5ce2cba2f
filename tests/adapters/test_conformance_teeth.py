"""A suite that any adapter passes protects nobody: each guard that is taken away must turn its test red."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MONEY, INBOUND = "tests/adapters/test_conformance_money.py", "tests/adapters/test_conformance_inbound.py"
#: What would be lost; the file, the guard and what stands there instead; the test that must notice.
GUARDS = {
    "a lost answer is taken for a certain failure": (
        ("adapters/http.py", "kind = Unknown if watch.sent else Unavailable", "kind = Unavailable"),
        (MONEY, "every_answer and reset"),
    ),
    "money leaves after its deadline": (
        ("adapters/http.py", "self.guard.check()", "pass"),
        (MONEY, "after_the_deadline"),
    ),
    "an unsigned body is believed": (
        ("adapters/shopify/inbound/door.py", "if not _signed(inbox, secrets):", "if False:"),
        (INBOUND, "one_bit"),
    ),
    "somebody else's credit is adopted": (
        ("adapters/shopify/outbound/store_credit.py", 'instant(time(credit["expiresAt"])) == instant(effect.expires_at)', "True"),
        (MONEY, "only_our_own"),
    ),
    "a value typed meanwhile is overwritten": (
        ("adapters/shopify/outbound/records.py", '"compareDigest": row["compareDigest"] if row else None,', ""),
        ("tests/adapters/test_conformance_records.py", "between_our_read"),
    ),
    "a link leads wherever it says": (
        ("connector/web/links.py", "wanted if wanted in click.hosts else click.hosts[0]", "wanted or click.hosts[0]"),
        ("tests/web/test_links.py", "no_variant"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tree")
    for name in ("connector", "adapters", "mappings", "tests"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


@pytest.mark.parametrize("lost", GUARDS)
def test_without_its_guard_a_test_turns_red(tree: Path, lost: str) -> None:
    (name, guard, instead), (file, selection) = GUARDS[lost]
    path = tree / name
    source = path.read_text(encoding="utf-8")
    assert source.count(guard) == 1, f"{name} no longer holds {guard!r}"
    path.write_text(source.replace(guard, instead), encoding="utf-8")
    try:
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                file,
                "-k",
                selection,
                "-q",
                "-x",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:randomly",
            ],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
    finally:
        path.write_text(source, encoding="utf-8")
    assert ended.returncode == 1, ended.stdout[-3000:] + ended.stderr[-2000:]
    assert "\nFAILED " in ended.stdout and "\nERROR " not in ended.stdout, ended.stdout[-3000:]
