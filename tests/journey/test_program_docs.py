"""The file that shows all settings is one that the product takes, and it leaves no setting out."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from connector.domain.program import Mode
from connector.domain.program_data import parse
from connector.domain.reader import Reader
from connector.errors import ConfigError
from connector.files import program as program_file

DOCS = (Path(__file__).parents[2] / "docs" / "programs.md").read_text(encoding="utf-8")
SMALLEST, WHOLE = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


def test_both_examples_are_programs() -> None:
    assert program_file.read(SMALLEST, "docs")[0].name == "Tea friends"
    problems = _problems(WHOLE)
    assert problems == ["pilot: goes with `mode: pilot` only"], "shown for the reader's sake, with a mode of its own"
    program, data = program_file.read(WHOLE.replace("mode: live ", "mode: pilot "), "docs")
    assert program.mode is Mode.PILOT
    assert parse(program_file.read(program_file.write(data), "again")[1]) == program


def _problems(text: str) -> list[str]:
    try:
        parse(yaml.safe_load(text))
    except ConfigError as error:
        return error.problems
    return []


def test_no_setting_is_left_out() -> None:
    asked: set[str] = set()
    real = Reader.get

    def noting(self: Reader, key: str, default: object = None) -> object:
        asked.add(f"{self.under}{key}")
        return real(self, key, default)

    Reader.get = noting  # type: ignore[method-assign]
    try:
        program_file.read(WHOLE.replace("mode: live ", "mode: pilot "), "docs")
    finally:
        Reader.get = real  # type: ignore[method-assign]
    names = {key.rpartition(".")[2] for key in asked}
    missing = sorted(name for name in names if not re.search(rf"\b{re.escape(name)}\b", DOCS))
    assert missing == []
    assert len(names) > 60
