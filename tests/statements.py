"""What the database is asked while a block runs: each statement, its time, and the step of the journey that asked.

with statements(app) as asked:
    ...
asked.total()           how many, without what only opens a merchant's transaction
asked.by_step()         who asked
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from sqlalchemy import Connection, event

from connector.wiring import App

#: Parts whose files are steps; the outermost of them on the stack is who asked.
_STEPS = ("connector.journey.", "connector.lanes.")
#: Does nothing but open a merchant's transaction; told apart, as BEGIN and COMMIT are.
_OPENS = "SELECT set_config"


@dataclass(frozen=True)
class Asked:
    """One statement as the driver was given it. call: which part of the store wrote it. ms: until it was answered."""

    sql: str
    values: Any
    step: str
    call: str
    ms: float

    @property
    def opens(self) -> bool:
        return self.sql.startswith(_OPENS)

    @property
    def verb(self) -> str:
        return self.sql.split(maxsplit=1)[0].upper()


@dataclass
class Statements:
    """In order. transactions: how many were begun."""

    asked: list[Asked] = field(default_factory=list)
    transactions: Counter[str] = field(default_factory=Counter)

    @property
    def own(self) -> list[Asked]:
        return [each for each in self.asked if not each.opens]

    def total(self) -> int:
        return len(self.own)

    def by_verb(self) -> Counter[str]:
        return Counter(each.verb for each in self.own)

    def by_step(self) -> Counter[str]:
        return Counter(each.step for each in self.own)

    def ms(self) -> float:
        return sum(each.ms for each in self.asked)


@contextmanager
def statements(app: App) -> Iterator[Statements]:
    """Everything that this app's engine is asked, by any thread."""
    seen, engine = Statements(), app.database.engine

    def before(session: Connection, *_: object) -> None:
        session.info["asked_at"] = time.perf_counter()

    def after(session: Connection, _cursor: object, sql: str, values: object, *_: object) -> None:
        took = (time.perf_counter() - session.info["asked_at"]) * 1000
        seen.asked.append(Asked(sql, values, *_who(sys._getframe()), took))

    def begun(_session: Connection) -> None:
        seen.transactions[_who(sys._getframe())[0]] += 1

    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": before,
        "after_cursor_execute": after,
        "begin": begun,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield seen
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def _who(frame: FrameType | None) -> tuple[str, str]:
    """The step's file and the function by which it was entered, such as `digest.digest`; the same of the store."""
    step = call = ""
    while frame is not None:
        name, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if name.startswith(_STEPS) and name != "connector.lanes.work":
            step = f"{name.rpartition('.')[2]}.{function}"
        elif name.startswith("connector.store.") and function != "run" and not call:
            call = f"{name.rpartition('.')[2]}.{function}"
        frame = frame.f_back
    return step or "elsewhere", call or step
