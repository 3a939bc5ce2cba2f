"""Program files: YAML as merchants write it, read so that every mistake is told with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from connector.domain.program import Program
from connector.domain.program_data import parse
from connector.errors import ConfigError

_KEY = re.compile(r"(.+?): ")


def read(text: str, source: str) -> tuple[Program, dict[str, Any]]:
    """A program and its data. Raises ConfigError with "SOURCE line N, KEY: what to do" for every problem."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
        lines: dict[str, int] = {}
        twice = list(_walk(root, "", lines))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError([f"{source}{_mark(error)}: {_problem(error)}"]) from error
    if not isinstance(data, dict) or not isinstance(root, yaml.MappingNode):
        raise ConfigError([f"{source} line 1: a program is a list of `setting: value` lines"])
    problems = [f"{source} line {line}, {key}: written twice; keep one of them" for key, line in twice]
    try:
        program = parse(data)
    except ConfigError as error:
        problems += [_placed(problem, source, lines) for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return program, data


def write(data: Mapping[str, Any]) -> str:
    """A program's data as YAML, in the order in which it was written."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True)


def _walk(node: yaml.Node | None, under: str, lines: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Note the line of every key; yields those that stand twice, which YAML itself would drop in silence."""
    if isinstance(node, yaml.SequenceNode):
        for place, each in enumerate(node.value, 1):
            yield from _walk(each, f"{under}{place}.", lines)
    if not isinstance(node, yaml.MappingNode):
        return
    for name, value in node.value:
        key = f"{under}{name.value}"
        if key in lines:
            yield key, name.start_mark.line + 1
        lines[key] = name.start_mark.line + 1
        yield from _walk(value, f"{key}.", lines)


def _placed(problem: str, source: str, lines: Mapping[str, int]) -> str:
    """The problem with the line of its setting, or of the section in which the setting is missing."""
    found = _KEY.match(problem)
    key = found.group(1) if found else ""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return f"{source} line {lines.get(key, 1)}, {problem}"


def _mark(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: Exception) -> str:
    said = getattr(error, "problem", None) or str(error)
    return f"this is no YAML: {said}. Write one `setting: value` a line, sections indented by two spaces"
