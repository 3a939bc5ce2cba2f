"""The same statements without us: pgbench sends them as fast as this database takes them from so many sessions."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import ClientCursor
from sqlalchemy import Connection, Engine, event, make_url

from connector.embedded.programs import _folders

#: Makes a text that no row has yet, in place of a key; and an id, in place of one.
NEW_KEY, NEW_ID = "md5(random()::text)", "gen_random_uuid()"
_TEXT = re.compile(r"'(?:[^']|'')*'")


def program() -> Path | None:
    """Beside the server's programs; None where it is not installed."""
    return next((each for folder in _folders() if (each := folder / "pgbench").is_file()), None)


@contextmanager
def written_down(engine: Engine) -> Iterator[list[str]]:
    """Every command that this engine sends while the block runs, with its values in it, one for each round trip."""
    lines: list[str] = []

    def command(word: str, session: Connection) -> None:
        if not _autocommits(session):
            lines.append(word)

    def statement(session: Connection, _cursor: Any, sql: str, values: Any, *_: object) -> None:
        driver: Any = session.connection.driver_connection
        with ClientCursor(driver) as cursor:
            lines.append(_TEXT.sub(_spelled, " ".join(cursor.mogrify(sql, values).split())))

    listeners: dict[str, Callable[..., None]] = {
        "begin": lambda session: command("BEGIN", session),
        "commit": lambda session: command("COMMIT", session),
        "rollback": lambda session: command("ROLLBACK", session),
        "before_cursor_execute": statement,
    }
    for name, listener in listeners.items():
        event.listen(engine, name, listener)
    try:
        yield lines
    finally:
        for name, listener in listeners.items():
            event.remove(engine, name, listener)


def _spelled(text: re.Match[str]) -> str:
    """pgbench takes a name after a colon for a variable of its own, even within a text."""
    plain = ":" not in text[0] or "\\" in text[0]
    return text[0] if plain else "E" + text[0].replace(":", r"\x3a")


def _autocommits(session: Connection) -> bool:
    return bool(getattr(session.connection.driver_connection, "autocommit", False))


@dataclass(frozen=True)
class Script:
    """Commands that are sent again and again by so many sessions, prepared."""

    url: str
    commands: list[str] = field(repr=False)

    def rate(self, program: Path, folder: Path, sessions: int, seconds: float) -> float:
        """How often all of them were carried out, a second."""
        script = folder / "script.sql"
        script.write_text("".join(f"{command.rstrip(';')};\n" for command in self.commands))
        url = make_url(self.url)
        host, port = str(url.query["host"]), str(url.query["port"])
        done = subprocess.run(
            [
                *(program, "-h", host, "-p", port, "-U", str(url.username), "-n", "-M", "prepared", "-f", script),
                *("-c", str(sessions), "-j", "1", "-T", str(max(1, round(seconds))), str(url.database)),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + 60,
        )
        assert not done.returncode, done.stderr[-2000:]
        found = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
        assert found, done.stdout
        return float(found[1])
