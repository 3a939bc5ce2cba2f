"""docs/checks.md names tests that are there: a promise that nobody counts any more must not look counted."""

from __future__ import annotations

import re

import pytest
from codebase import ROOT

from tests.faults.test_faults_teeth import BUGS

PAGE = (ROOT / "docs/checks.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED, ids=[f"{file}::{test}" for file, test in NAMED])
def test_what_counts_a_promise_is_there(file: str, test: str) -> None:
    text = (ROOT / file).read_text()
    assert f"\ndef {test}(" in text if test else "\ndef test_" in text


def test_every_check_has_its_line() -> None:
    assert re.findall(r"^\| C(\d+) \|", PAGE, re.MULTILINE) == [str(number) for number in range(1, 42)]


def test_every_seeded_bug_is_told_with_the_test_that_catches_it() -> None:
    told = dict(re.findall(r"^\| ([^|]+) \| `([^`]+)` \|$", PAGE.partition("## Seeded bugs")[2], re.MULTILINE))
    assert told == {bug: guard.test.partition("[")[0] for bug, guard in BUGS.items()}
