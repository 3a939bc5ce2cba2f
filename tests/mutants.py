"""Would the tests notice? Changes one file in many small ways, and counts the changes after which no test fails.

make mutants                                   every rule, and the two steps that take in and pay out
make mutants WHAT=connector/domain/money.py    one file, or several
make mutants ARGS="--again money.json"         what survived in that report, after tests were added and nothing else
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, settings
from mutations import Mutant, mutants
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from trial import DOMAIN, ROOT, Trial

#: The share of mutants that must be noticed, in percent.
WANTED = 90
#: The tests of each step of the journey, the quickest first: the first failure ends a run.
JOURNEY = {
    "connector/journey/digest.py": ["tests/journey/test_digest_exact.py"],
    "connector/journey/issue.py": ["tests/journey/test_issue_exact.py"],
}
#: With a mutant, tests may take so many times as long as without, and some seconds more on a busy machine.
PATIENCE, GRACE_S = 4, 15


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    line: int
    was: str
    now: str


@dataclass
class Score:
    """What became of the mutants of one file. One that never ends counts as noticed: every caller would wait."""

    file: str
    count: int = 0
    killed: int = 0
    endless: int = 0
    survivors: list[Survivor] = field(default_factory=list)

    @property
    def percent(self) -> float:
        return 100 * (self.killed + self.endless) / self.count if self.count else 100.0


def measure(files: Sequence[str], before: Mapping[str, Score], console: Console) -> Iterator[Score]:
    """The score of each file. before: of those where only what survived is tried again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="connector-mutants-")))
        folder.chmod(0o711)  # the server's own account passes through it
        trial = Trial(folder)
        if any(file in JOURNEY for file in files):
            trial.serve(stack, folder / "server")
        rules = trial.rules_tested() if any(file.startswith(DOMAIN) for file in files) else {}
        for file in files:
            tests = JOURNEY.get(file) or rules.get(file)
            if not tests:
                sys.exit(f"{file} has no tests: a rule needs some in tests/domain, a step of the journey in JOURNEY")
            options = [] if file in JOURNEY else ["--noconftest"]
            yield _measure(trial, file, [[*options, test] for test in tests], before.get(file), console)


def _noticed(trial: Trial, tests: list[list[str]], bound_s: float) -> bool | None:
    """Whether one of these test files fails; the one that did goes first next time. None where a run does not end."""
    for place, test in enumerate(tests):
        noticed = trial.notices(test, bound_s)
        if noticed is not False:
            tests.insert(0, tests.pop(place))
            return noticed
    return False


def _measure(trial: Trial, file: str, tests: list[list[str]], before: Score | None, console: Console) -> Score:
    original = trial.tree / file
    source = original.read_text(encoding="utf-8")
    # Every mutant is written anew from its syntax, without comments: so must be what it is compared with.
    original.write_text(_in_house_style(ast.unparse(ast.parse(source))), encoding="utf-8")
    bound = PATIENCE * max(trial.warm(file, test) for test in tests) + GRACE_S
    every, score = _to_try(file, source, before)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    # Drawn by this thread alone: a second one could hold a lock at the moment of a fork.
    bar = Progress(
        TextColumn(file), *columns, TextColumn("{task.fields[left]} survived"), console=console, auto_refresh=False
    )
    with bar:
        task = bar.add_task(file, total=len(every), left=0)
        for mutant in every:
            original.write_text(_in_house_style(mutant.source), encoding="utf-8")
            noticed = _noticed(trial, tests, bound)
            score.count += 1
            score.killed += noticed is True
            score.endless += noticed is None
            if noticed is False:
                score.survivors.append(Survivor(mutant.line, mutant.was, mutant.now))
                console.print(f"{file}:{mutant.line}  {mutant.was}  →  {mutant.now}", markup=False, highlight=False)
            bar.update(task, advance=1, left=len(score.survivors), refresh=True)
    original.write_text(source, encoding="utf-8")
    return score


def _to_try(file: str, source: str, before: Score | None) -> tuple[list[Mutant], Score]:
    """The mutants to try, and the score without them."""
    every = list(mutants(source))
    if before is None:
        return every, Score(file)
    if before.count != len(every):
        sys.exit(f"{file} has changed since that report: measure it as a whole")
    left = [mutant for mutant in every if Survivor(mutant.line, mutant.was, mutant.now) in before.survivors]
    done = len(every) - len(left)
    return left, Score(file, done, done - before.endless, before.endless)


def _in_house_style(source: str) -> str:
    """Formatted as ours is, for tests that read what the rules say."""
    ruff = Path(sys.executable).with_name("ruff")
    return subprocess.run([ruff, "format", "-"], input=source, capture_output=True, text=True, check=True).stdout


def table(scores: Sequence[Score]) -> Table:
    shown = Table("file", title="Mutants")
    for heading in ("mutants", "killed", "endless", "survived", "score"):
        shown.add_column(heading, justify="right")
    for s in [*scores, _total(scores)]:
        figures = (s.count, s.killed, s.endless, len(s.survivors))
        shown.add_row(s.file, *map(str, figures), f"{s.percent:.1f} %")
    return shown


def _read(report: Path) -> dict[str, Score]:
    """The scores of an earlier run by file."""
    rows = json.loads(report.read_text(encoding="utf-8"))
    return {
        row["file"]: Score(
            row["file"], row["count"], row["killed"], row["endless"], [Survivor(**each) for each in row["survivors"]]
        )
        for row in rows
    }


def _total(scores: Sequence[Score]) -> Score:
    return Score(
        "all",
        sum(s.count for s in scores),
        sum(s.killed for s in scores),
        sum(s.endless for s in scores),
        [each for s in scores for each in s.survivors],
    )


def main() -> int:
    """0 where every file reaches the wanted score, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="files to change; without any, all that are measured")
    parser.add_argument("--json", type=Path, help="write the figures and all survivors there")
    parser.add_argument("--again", type=Path, help="a report: try what survived then, and nothing else")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the database server ends with this, and the copy goes
    rules = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob(f"{DOMAIN}/*.py") if p.name != "__init__.py")
    report = given.json.resolve() if given.json else None
    # The same examples in every run, and no search for the smallest one that fails.
    examples = settings(phases=[Phase.explicit, Phase.generate], derandomize=True, database=None, deadline=None)
    settings.register_profile("mutants", examples)
    settings.load_profile("mutants")
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    console = Console(stderr=True, soft_wrap=True)
    before = _read(given.again) if given.again else {}
    scores: list[Score] = []
    for score in measure(given.files or list(before) or [*rules, *JOURNEY], before, console):
        scores.append(score)
        if report:  # after each file: the next one may be ended in the middle
            told = [{**asdict(each), "percent": round(each.percent, 1)} for each in scores]
            report.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    Console(width=100).print(table(scores))
    return int(any(score.percent < WANTED for score in scores))


if __name__ == "__main__":
    sys.exit(main())
