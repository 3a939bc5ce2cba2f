"""These tests can fail: with one guard taken out of a copy of the product, the test that stands for it turns red."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.plant import ROOT

GUARDS = {
    "the deadline right before an effect's bytes": (
        "adapters/http.py",
        "            self.guard.check()\n",
        "",
        "test_faults_work.py::test_a_worker_that_slept_through_its_lease_sends_nothing_when_it_wakes",
    ),
    "commit before the 2xx": (
        "connector/web/webhooks.py",
        "    intake.receive(app.desk, platform, inbox)\n",
        "    import threading\n\n    threading.Timer(0.2, intake.receive, (app.desk, platform, inbox)).start()\n",
        "test_faults_intake.py::test_what_was_acknowledged_is_stored_though_web_processes_are_killed",
    ),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_its_guard_the_test_turns_red(guard: str, tmp_path: Path) -> None:
    file, standing, instead, test = GUARDS[guard]
    for part in ("connector", "adapters", "mappings", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    text = (tmp_path / file).read_text()
    assert text.count(standing) == 1, f"{file} no longer says {standing!r}"
    (tmp_path / file).write_text(text.replace(standing, instead))
    command = [sys.executable, "-m", "pytest", f"tests/faults/{test}", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout[-2000:]
    assert "AssertionError" in done.stdout and "waited" not in done.stdout.partition("short test summary")[2]
