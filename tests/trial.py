"""A private copy of the tree in which one file at a time is changed and tests are run: the workbench of `mutants.py`.

Every run is a process of its own, forked from one that has all packages loaded; the database server runs through all
of them. So a run costs little more than its tests.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import multiprocessing
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parents[1]
DOMAIN = "connector/domain"
OURS = ("connector", "adapters", "mappings", "tests")
_PLAIN = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
#: Packages that were loaded before pytest saw them are none of ours.
_PLAIN += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
_USAGE, _NO_TESTS = 4, 5
_FORK = multiprocessing.get_context("fork")
#: The longest that unchanged tests may take.
_BOUND_S = 600
#: In the copy, these take the place of the fixtures that start and migrate a server for each test process.
_FIXTURES = """

@pytest.fixture(scope="session")
def postgres_url() -> str:
    return os.environ["MUTANTS_DATABASE"]


@pytest.fixture(scope="session")
def template(postgres_url: str) -> str:
    return postgres_url
"""


class Trial:
    """The copy. Its tests run with this process's settings of hypothesis."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.log, self.told = folder / "tree", folder / "log", folder / "told"
        ignored = ignore_patterns("__pycache__", "node_modules", ".*")
        for name in OURS:
            copytree(ROOT / name, self.tree / name, ignore=ignored)
        (self.tree / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
        with (self.tree / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
            conftest.write(_FIXTURES)
        sys.path[:] = [str(self.tree), *(p for p in sys.path if Path(p).resolve() not in {ROOT, ROOT / "tests"})]
        os.chdir(self.tree)

    def serve(self, stack: ExitStack, folder: Path) -> None:
        """One migrated database server for all runs, started by the code as it stands."""
        from sqlalchemy import create_engine, make_url, text

        from connector.embedded import postgres
        from connector.store import migrate

        folder.mkdir()
        folder.chmod(0o711)
        server = stack.enter_context(postgres.start(folder))
        engine = create_engine(server.url)
        migrate.migrate(engine)
        engine.dispose()
        owner = create_engine(make_url(server.url).set(username="postgres", database="postgres"))
        with owner.execution_options(isolation_level="AUTOCOMMIT").connect() as session:
            session.execute(text("ALTER SYSTEM SET fsync = off"))  # nothing here has to outlive a crash
            session.execute(text("SELECT pg_reload_conf()"))
        owner.dispose()
        os.environ["MUTANTS_DATABASE"] = server.url
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]  # every run loads its own, changed or not

    def rules_tested(self) -> dict[str, list[str]]:
        """For each rule, the tests that bear its name, then those that go through it, most lines first."""
        importing = self._asked(_lines, None)
        found: dict[str, list[tuple[bool, int, str]]] = {}
        for test in sorted(self.tree.glob("tests/domain/test_*.py")):
            if test.stem.endswith("_teeth"):
                continue  # they change the text of a rule themselves
            name = str(test.relative_to(self.tree))
            for file, lines in self._asked(_lines, name).items():
                more, named = len(set(lines) - set(importing[file])), test.stem.startswith(f"test_{Path(file).stem}")
                if more or named:
                    found.setdefault(file, []).append((not named, -more, name))
        return {file: [name for *_, name in sorted(tests)] for file, tests in found.items()}

    def warm(self, file: str, arguments: Sequence[str]) -> float:
        """Run the tests with nothing changed, and load the packages they need here. Returns their seconds."""
        sys.dont_write_bytecode = False
        began = time.monotonic()
        names = self._asked(_packages, arguments)
        took = time.monotonic() - began
        sys.dont_write_bytecode = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hypothesis would rather not be loaded this early
            for name in names:
                importlib.import_module(name)
        if threading.active_count() > 1:
            sys.exit(f"a package started a thread when it was loaded: {threading.enumerate()}; forking is not safe")
        for stale in (self.tree / file).parent.glob(f"__pycache__/{Path(file).stem}.*.pyc"):
            stale.unlink()  # it would be taken for a changed file of the same size and second
        return took

    def notices(self, arguments: Sequence[str], patience_s: float) -> bool | None:
        """Whether a test fails now; None where the run does not end."""
        ended = self._run(patience_s, _tests, arguments)
        if ended in (_USAGE, _NO_TESTS):
            sys.exit(f"{self._tail()}\npytest could not run {arguments}")
        return None if ended is None else ended != 0

    def _asked(self, what: Callable[..., Any], *given: Any) -> Any:
        """What a run of unchanged tests tells; they must pass."""
        if self._run(_BOUND_S, _tell, self.told, what, *given) != 0:
            sys.exit(f"{self._tail()}\nThese tests fail though nothing is changed: {given}")
        return json.loads(self.told.read_text())

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def _run(self, patience_s: float, what: Callable[..., int], *given: Any) -> int | None:
        """How a process ended that does this; None where it had to be ended."""
        process = _FORK.Process(target=_quietly, args=(self.log, what, *given))
        process.start()
        process.join(patience_s)
        if process.is_alive():
            process.kill()
            process.join()
            return None
        return process.exitcode


# ── In the child ─────────────────────────────────────────────────────────────────────────────────────────────────


def _quietly(log: Path, what: Callable[..., int], *given: Any) -> None:
    """Do it with all output in the log, and end this process at once, whatever threads are left over."""
    code = 1
    with log.open("wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    try:
        code = what(*given)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _tests(arguments: Sequence[str]) -> int:
    return int(pytest.main([*_PLAIN, *arguments]))


def _tell(told: Path, what: Callable[..., tuple[int, Any]], *given: Any) -> int:
    code, answer = what(*given)
    told.write_text(json.dumps(answer), encoding="utf-8")
    return code


def _packages(arguments: Sequence[str]) -> tuple[int, list[str]]:
    """The modules of installed packages that these tests load."""
    before = set(sys.modules)
    code = _tests(arguments)
    return code, [name for name in sys.modules if name not in before and _is_installed(name)]


def _is_installed(name: str) -> bool:
    if name.partition(".")[0] in OURS:
        return False
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):  # a package that fills its names in by itself
        return False
    return spec is not None and spec.origin is not None and "site-packages" in spec.origin


def _lines(test: str | None) -> tuple[int, dict[str, list[int]]]:
    """The lines of each rule that a test goes through; without a test, those that loading goes through."""
    tracer = coverage.Coverage(data_file=None, source=[DOMAIN])
    tracer.start()
    if test:
        code = _tests(["--noconftest", test])
    else:
        code = 0
        for path in sorted(Path(DOMAIN).glob("*.py")):
            importlib.import_module(".".join(path.with_suffix("").parts))
    tracer.stop()
    data = tracer.get_data()
    here = Path.cwd()
    return code, {str(Path(f).relative_to(here)): data.lines(f) or [] for f in data.measured_files()}
