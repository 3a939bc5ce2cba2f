"""One report for the whole run: every measure hands in its figures, and the end of the run prints and keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import machine
from tests.bench.report import Report
from tests.faults.conftest import make_plant, open_folder

__all__ = ["make_plant", "open_folder"]  # measures of the whole product run on a plant, as the fault tests do

_REPORT = pytest.StashKey[Report]()
_HEAD = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write", type=Path, help="keep the report in this file, if every measure could be taken")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_REPORT] = Report()


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    """Where a measure hands in its figures."""
    return pytestconfig.stash[_REPORT]


@pytest.fixture(scope="session", autouse=True)
def _head(pytestconfig: pytest.Config, postgres_url: str, redis_url: str) -> None:
    """The servers tell their versions while they run."""
    pytestconfig.stash[_HEAD] = machine.head(postgres_url, redis_url)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    report, path = session.config.stash[_REPORT], session.config.getoption("--write", None)
    if exitstatus == pytest.ExitCode.OK and path:
        report.write(path, session.config.stash[_HEAD])
    if exitstatus == pytest.ExitCode.OK and report.missed_counts:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = config.stash[_REPORT]
    for line in report.told().splitlines():
        terminalreporter.write_line(line)
    if report.missed_counts:
        terminalreporter.write_line("A count was missed: " + ", ".join(figure.name for figure in report.missed_counts))
