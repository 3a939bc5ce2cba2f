"""What was measured, beside what is asked for: one table for whoever ran it, and docs/bench.md for whoever did not.

A count is the same on every machine, so a missed one fails the run. A ratio moves with whatever else the machine does:
a missed one is written down as missed, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One line of the table. ok: None where nothing could be judged, and `measured` says why. counted: see above."""

    name: str
    goal: str
    measured: str
    ok: bool | None
    counted: bool = False

    @property
    def verdict(self) -> str:
        return "-" if self.ok is None else "yes" if self.ok else "missed"


def most(name: str, goal: float, measured: float, more: str = "", *, counted: bool = False) -> Figure:
    """A figure that must not be larger than its goal."""
    return Figure(name, f"<= {goal:g}", _told(measured, more), measured <= goal, counted)


def least(name: str, goal: float, measured: float, more: str = "", *, counted: bool = False) -> Figure:
    """A figure that must not be smaller than its goal."""
    return Figure(name, f">= {goal:g}", _told(measured, more), measured >= goal, counted)


def plain(name: str, measured: str) -> Figure:
    """A figure without a goal."""
    return Figure(name, "-", measured, None)


def _told(measured: float, more: str) -> str:
    return f"{measured:.2f}{f' ({more})' if more else ''}"


@dataclass
class Report:
    """All figures of one run, and the tables behind some of them."""

    figures: list[Figure] = field(default_factory=list)
    tables: list[tuple[str, str]] = field(default_factory=list)

    def add(self, *figures: Figure) -> None:
        self.figures += figures

    def explain(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of its own: what a figure is made of."""
        self.tables.append((title, _table(columns, rows)))

    @property
    def missed_counts(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.counted and figure.ok is False]

    def told(self) -> str:
        """The table of all figures, by name, and then the tables behind them."""
        if not self.figures:
            return ""
        rows = [(f.name, f.goal, f.measured, f.verdict) for f in sorted(self.figures, key=lambda figure: figure.name)]
        behind = [f"## {title}\n\n{table}" for title, table in self.tables]
        return "\n\n".join([_table(("measure", "goal", "measured", "ok"), rows), *behind])

    def write(self, path: Path, head: str) -> None:
        """head: when and where it was measured."""
        path.write_text(f"{head}\n\n{self.told()}\n")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown that reads well on a terminal too."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    lines.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in lines)
