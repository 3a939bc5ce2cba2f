"""The demo is believed only because it can fail: a wrong amount anywhere ends it with exit 1."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def play(tree: Path) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    command = [sys.executable, "-m", "connector", "demo", "--once"]
    return subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.timeout(220)
def test_the_demo_ends_by_itself_and_its_last_line_counts_nothing_wrong():
    told = play(ROOT)
    assert told.returncode == 0, told.stdout + told.stderr
    last = told.stdout.strip().splitlines()[-1]
    assert last == "demo: 14 referrals, 12 credits, duplicates=0, missing=0, differences=0"


@pytest.mark.timeout(220)
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("adapters/shopify/sandbox/story.yaml", 'amount: "4.55"', 'amount: "4.56"'),
        ("connector/domain/money.py", '{"half_up": whole,', '{"half_up": 3 * whole,'),
    ],
)
def test_a_wrong_amount_ends_the_demo_with_exit_1(tmp_path: Path, file: str, right: str, wrong: str):
    tree = tmp_path / "tree"
    for folder in ("connector", "adapters", "mappings"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    text = (tree / file).read_text()
    assert right in text, "the seeded fault must stand where it is put"
    (tree / file).write_text(text.replace(right, wrong))
    told = play(tree)
    assert told.returncode == 1, told.stdout + told.stderr
    found = re.search(r"duplicates=(\d+), missing=(\d+)", told.stdout)
    assert found, told.stdout + told.stderr
    assert found.groups() != ("0", "0")
