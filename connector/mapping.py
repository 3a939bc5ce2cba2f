"""Mappings: which field of which record on a platform gets which value of a referral.

A mapping is one YAML file per platform in `mappings/`. Its words are closed: where a value may come from
(`VOCABULARY`), what may be done to it (`TRANSFORMS`) and when it may be written (`may_write`). Everything is
checked when the file is loaded, so that rendering cannot fail on a merchant's data.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC
from difflib import get_close_matches
from pathlib import Path
from textwrap import shorten
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml

from connector.errors import ConfigError, InvariantBroken
from connector.ports.records import FieldValue
from connector.values import VOCABULARY, Kind, Shape, Values

if TYPE_CHECKING:
    from collections import abc

#: The mappings that come with the product, and the JSON Schema that all of them follow.
SHIPPED = Path(__file__).resolve().parent.parent / "mappings"


@dataclass(frozen=True)
class Transform:
    """One pure step. gives None: the kind stays as it was. parametric: it is written as `name: argument`."""

    takes: tuple[Kind, ...]
    gives: Kind | None
    apply: abc.Callable[[Any, Any], Any]
    parametric: bool = False


_WORDS: tuple[Kind, ...] = ("text", "choice")

TRANSFORMS: abc.Mapping[str, Transform] = {
    "upper": Transform(_WORDS, None, lambda text, _: text.upper()),
    "lower": Transform(_WORDS, None, lambda text, _: text.lower()),
    "trim": Transform(_WORDS, None, lambda text, _: text.strip()),
    "one_line": Transform(_WORDS, None, lambda text, _: " ".join(text.split())),
    "max_length": Transform(_WORDS, None, lambda text, length: text[:length], parametric=True),
    "map": Transform(("choice",), "choice", lambda word, words: dict(words)[word], parametric=True),
    "date": Transform(("timestamp",), "text", lambda at, _: at.astimezone(UTC).date().isoformat()),
    "iso": Transform(("timestamp",), "text", lambda at, _: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
    "decimal": Transform(("money",), "text", lambda money, _: money.decimal()),
    "minor": Transform(("money",), "integer", lambda money, _: money.minor),
}


@dataclass(frozen=True)
class Step:
    """One transform with its argument: a length, the pairs of a map, or None."""

    name: str
    argument: int | tuple[tuple[str, str | None], ...] | None = None

    def __call__(self, value: Any) -> Any:
        """The value after this step. None, a value that is not to be written, stays None."""
        return None if value is None else TRANSFORMS[self.name].apply(value, self.argument)


IF_EMPTY, ALWAYS, NEVER_DOWNGRADE = "if_empty", "always", "never_downgrade"


def may_write(policy: str, current: str | None, new: str) -> bool:
    """Whether `new` may replace what the record holds now. Blank counts as empty.

    `if_empty` keeps any value; `always` replaces it; `never_downgrade: A < B < C` moves to the right or stays, and
    keeps a word outside its list, because a person chose it.
    """
    name, _, ranks = policy.partition(": ")
    if name not in {IF_EMPTY, ALWAYS, NEVER_DOWNGRADE}:
        raise InvariantBroken(f"{policy!r} is no write policy")
    if name == ALWAYS or current is None or not current.strip():
        return True
    order = ranks.split(" < ")
    return current in order and new in order and order.index(new) >= order.index(current)


@dataclass(frozen=True)
class Row:
    """One field of a record. type: the platform's own word. policy: as `may_write` reads it.

    choices: every text that it may come to hold; none where it may be any.
    """

    field: str
    type: str
    source: str
    steps: tuple[Step, ...]
    policy: str
    help: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mapping:
    """One platform's mapping: for each kind of record, its rows in the order of the file."""

    platform: str
    records: abc.Mapping[str, tuple[Row, ...]]


def render(mapping: Mapping, record_kind: str, values: Values) -> dict[str, FieldValue]:
    """The writes for one record. What is unknown or empty is left out; a kind without rows gives no writes."""
    writes = {}
    for row in mapping.records.get(record_kind, ()):
        value = values.at(row.source)
        for step in row.steps:
            value = step(value)
        if value is not None and value != "":
            writes[row.field] = FieldValue(str(value), row.policy, row.type)
    return writes


# ── Loading, with every problem at its line ──────────────────────────────────────────────────────────────────────

_Place = tuple[str | int, ...]


@dataclass(frozen=True)
class _Report:
    """Problems found in one file, and the line on which each place of it stands."""

    file: Path
    lines: dict[_Place, int] = field(default_factory=lambda: {(): 1})
    found: dict[tuple[int, str], _Place] = field(default_factory=dict)

    def add(self, place: _Place, words: str, line: int | None = None) -> None:
        self.found[line or self.lines[place], words] = place

    def touches(self, place: _Place) -> bool:
        """Whether a problem was found at `place` or within it."""
        return any(at[: len(place)] == place for at in self.found.values())

    def error(self) -> ConfigError:
        return ConfigError([f"{self.file}:{line}: {words}" for line, words in sorted(self.found)])


def load_all(folder: Path = SHIPPED) -> dict[str, Mapping]:
    """Every mapping of a folder by its platform. Raises ConfigError with the problems of all files."""
    files = sorted(folder.glob("*.yaml"))
    problems = [] if files else [f"{folder}: no mapping is here; put one per platform into it, as <platform>.yaml"]
    loaded: dict[str, Mapping] = {}
    for file in files:
        try:
            loaded[file.stem] = load(file)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return loaded


def load(path: Path) -> Mapping:
    """One mapping file, fully checked. Raises ConfigError with every problem, its line and its remedy."""
    report = _Report(path)
    data = _read(path, report)
    _check_shape(data, report)
    if not isinstance(data, dict) or not isinstance(data.get("records"), dict):
        raise report.error()
    platform = data.get("platform")
    if platform not in (None, path.stem) and not report.touches(("platform",)):
        remedy = f"write `platform: {path.stem}` or rename the file"
        report.add(("platform",), f"`platform: {platform}` is not the name of this file; {remedy}")
    records = {kind: tuple(_record(("records", kind), rows, report)) for kind, rows in data["records"].items()}
    if report.found:
        raise report.error()
    return Mapping(path.stem, MappingProxyType(records))


def _read(path: Path, report: _Report) -> Any:
    """The file as plain data, its lines noted in the report. Raises ConfigError for what is no YAML at all."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        report.add((), f"cannot be read ({error}); check that it is there, may be read and is UTF-8 text")
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        words = " ".join(str(getattr(error, "problem", None) or error).split())
        report.add((), f"is not YAML: {words}; check indents, colons and quotes near here", mark and mark.line + 1)
    else:
        return _plain(root, (), report, set()) if root else None
    raise report.error()


def _plain(node: yaml.Node, place: _Place, report: _Report, seen: set[int]) -> Any:
    """One YAML node as plain data. What is neither text nor whole number is a problem, and stands as None."""
    report.lines.setdefault(place, node.start_mark.line + 1)
    if id(node) in seen:
        report.add(place, "an alias (`*name`) repeats this value; write it out in each place", node.start_mark.line + 1)
        return None
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return _plain_pairs(node, place, report, seen)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), report, seen) for index, item in enumerate(node.value)]
    tag = node.tag.removeprefix("tag:yaml.org,2002:")
    if tag == "int" and re.fullmatch("[0-9]{1,9}", node.value):
        return int(node.value)
    if tag not in ("str", "null"):
        report.add(place, f"YAML does not read `{node.value}` as a text; put it in quotes: '{node.value}'")
    return node.value if tag == "str" else None


def _plain_pairs(node: yaml.MappingNode, place: _Place, report: _Report, seen: set[int]) -> dict[str, Any]:
    """The pairs of a YAML mapping. YAML itself would let a repeated key win in silence."""
    pairs: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            report.add(place, "a key must be a plain word; write it as `word:`", line)
        elif key.value in pairs:
            words = f"`{key.value}:` stands here again after line {report.lines[*place, key.value]}; keep one of them"
            report.add(place, words, line)
        else:
            report.lines[*place, key.value] = line
            pairs[key.value] = _plain(value, (*place, key.value), report, seen)
    return pairs


def _check_shape(data: Any, report: _Report) -> None:
    """Hold the data to the JSON Schema; each finding is told in the words of the schema's own description."""
    from jsonschema import Draft202012Validator

    schema = json.loads((SHIPPED / "schema.json").read_text(encoding="utf-8"))
    for error in list(Draft202012Validator(schema).iter_errors(data)):
        place, value = tuple(error.absolute_path), error.instance
        if error.validator == "required":
            for key in set(error.validator_value) - set(value):
                report.add(place, f"`{key}:` is missing; {error.schema['properties'][key]['description']}")
        elif error.validator == "additionalProperties":
            known = error.schema["properties"]
            for key in set(value) - set(known):
                report.add((*place, key), f"`{key}:` is no known key; {_suggest(key, known)}")
        elif "propertyNames" in error.absolute_schema_path:
            report.add((*place, value), f"`{value}:` does not fit; {error.schema['description']}")
        elif value is not None or not report.touches(place):  # a None may stand for a value already told
            text = shorten(value if isinstance(value, str) else json.dumps(value), 60, placeholder=" …")
            report.add(place, f"`{text}` does not fit; {error.schema['description']}")


def _suggest(word: str, known: abc.Iterable[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known are: {', '.join(known)}"


def _record(place: _Place, rows: Any, report: _Report) -> abc.Iterator[Row]:
    """The rows of one record: those whose shape is right are checked for their meaning."""
    first: dict[str, int] = {}
    for index, row in enumerate(rows if isinstance(rows, list) else ()):
        here = (*place, index)
        if report.touches(here):
            continue
        line = first.setdefault(row["field"].casefold(), report.lines[here])
        if line != report.lines[here]:
            report.add(here, f"`field: {row['field']}` has a row already on line {line}; keep one of them")
        yield _row(here, row, report)


def _row(place: _Place, row: dict[str, Any], report: _Report) -> Row:
    source, write, order = row["from"], row["write"], row.get("order")
    steps = tuple(_step(item) for item in row.get("transform", ()))
    shape: Shape | None = None
    if source in VOCABULARY:
        shape = _follow(VOCABULARY[source], steps, (*place, "transform"), report)
        problem = _end_misfit(shape, write, order or []) if shape else ""
        if problem:
            report.add(place, problem)
    else:
        report.add((*place, "from"), f"`from: {source}` is no known path; {_suggest(source, VOCABULARY)}")
    policy = f"{write}: {' < '.join(order)}" if order else write
    return Row(row["field"], row["type"], source, steps, policy, row["help"], shape.choices if shape else ())


def _step(item: str | dict[str, Any]) -> Step:
    if isinstance(item, str):
        return Step(item)
    ((name, argument),) = item.items()
    return Step(name, tuple(argument.items()) if isinstance(argument, dict) else argument)


def _follow(shape: Shape, steps: tuple[Step, ...], place: _Place, report: _Report) -> Shape | None:
    """The shape after all steps, or None at the first that does not fit, which is then reported."""
    for index, step in enumerate(steps):
        problem = _misfit(shape, step, last=index == len(steps) - 1)
        if problem:
            report.add((*place, index), problem)
            return None
        choices = dict.fromkeys(step(word) for word in shape.choices)
        shape = Shape(TRANSFORMS[step.name].gives or shape.kind, tuple(word for word in choices if word))
    return shape


def _misfit(shape: Shape, step: Step, *, last: bool) -> str:
    """What is wrong with this step on a value of this shape, with the remedy, or an empty text."""
    transform = TRANSFORMS.get(step.name)
    if transform is None:
        return f"`{step.name}` is no known transform; {_suggest(step.name, TRANSFORMS)}"
    if transform.parametric != (step.argument is not None):
        return f"`{step.name}` stands {'with an argument: `' + step.name + ': …`' if transform.parametric else 'alone'}"
    if shape.kind not in transform.takes:
        return f"`{step.name}` cannot take the {shape.kind} that reaches it; use {_fitting(shape.kind)}"
    if step.name == "max_length" and not last:
        return "`max_length` must stand last, for a later transform may lengthen the text again; move it"
    if not isinstance(step.argument, tuple):
        return ""
    words = dict(step.argument)
    for word in set(words) - set(shape.choices):
        return f"`map` names `{word}`, which never reaches it; {_suggest(word, shape.choices)}"
    missing = ", ".join(word for word in shape.choices if word not in words)
    return f"`map` lacks {missing}; add each, with `null` to leave the field alone" if missing else ""


def _fitting(kind: Kind) -> str:
    return " or ".join(name for name, transform in TRANSFORMS.items() if kind in transform.takes) or "no transform"


def _end_misfit(shape: Shape, write: str, order: list[str]) -> str:
    """What is wrong with a value of this shape reaching the field, or an empty text: no text, or no rank."""
    if shape.kind in ("money", "timestamp"):
        return f"this {shape.kind} cannot be written as it is; add `transform:` with {_fitting(shape.kind)}"
    if write != NEVER_DOWNGRADE:
        return "`order:` belongs to `write: never_downgrade`; remove it, or change `write:`" if order else ""
    if shape.kind != "choice":
        return f"`never_downgrade` ranks choices, and this is a {shape.kind}; write if_empty or always"
    missing = ", ".join(word for word in shape.choices if word not in order)
    return f"`order:` lacks {missing}; list all values of the field from lowest to highest" if missing else ""
