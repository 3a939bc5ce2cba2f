"""The mistakes that `make mutants` makes on purpose are those that people make, and none is made twice."""

import ast
import subprocess
import sys

from codebase import ROOT

from tests.mutations import mutants

SOURCE = '''"""A rule."""

LIMIT = 10


def owed(amount: int, taken: int = 0, *, strict: bool = True) -> int:
    """What is left of it."""
    if taken >= amount or not strict:
        raise ValueError("nothing is left")
    names = [each.upper() for each in ("a",) if each]
    note(names, at=LIMIT)
    return min(amount - taken, LIMIT)
'''
EXPECTED = [
    "10 → 11", "0 → 1", "True → False",
    "taken >= amount or not strict → taken >= amount and (not strict)",
    "taken >= amount or not strict → not strict", "taken >= amount or not strict → taken >= amount",
    "taken >= amount → taken > amount", "taken >= amount → taken < amount", "not strict → strict",
    "raise ValueError('nothing is left') → pass",
    "each.upper() → each.lower()", "'a' → 'ax'", " for each in ('a',) if each →  for each in ('a',)",
    " for each in ('a',) if each →  for each in ('a',) if not each",
    "note(names, at=LIMIT) → pass", "note(names, at=LIMIT) → note(names)",
    "return min(amount - taken, LIMIT) → return None", "min(amount - taken, LIMIT) → max(amount - taken, LIMIT)",
    "amount - taken → amount + taken",
]  # fmt: skip


def test_each_small_mistake_is_made_once():
    made = list(mutants(SOURCE))
    assert sorted(f"{each.was} → {each.now}" for each in made) == sorted(EXPECTED)
    assert len({each.source for each in made}) == len(EXPECTED)
    for each in made:
        ast.parse(each.source)


def test_a_file_without_tests_is_told_and_never_counted_as_noticed():
    ended = subprocess.run(
        [sys.executable, ROOT / "tests" / "mutants.py", "connector/clock.py"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1 and "connector/clock.py has no tests" in ended.stderr
