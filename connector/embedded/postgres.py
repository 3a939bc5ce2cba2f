"""An own PostgreSQL for people who have none: a UNIX socket, no TCP port, full durability, small memory.

Folders: `DATA_DIR/postgres/data` is the cluster, `run` the socket, `server-X` a copy of the programs where needed.
PostgreSQL refuses to run as root, so for root an unprivileged account runs it and owns `data` and `run` alone.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import sql
from sqlalchemy import URL

from connector.embedded.process import (
    PATIENCE_S,
    Account,
    Server,
    can_enter,
    check_owner,
    claim,
    data_folder,
    end,
    exclusive,
    exists,
    private,
    run,
    settle,
    socket_folder,
    unprivileged,
)
from connector.embedded.programs import Programs, choose
from connector.errors import ConfigError

log = logging.getLogger(__name__)

ROLE = "connector"
DATABASE = "connector"
_SUPERUSER = "postgres"
_PORT = 5432  # it only names the socket file
_SETTINGS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "jit": "off",
}


class EmbeddedPostgres(Server):
    """A PostgreSQL of our own; `url` is for SQLAlchemy, as a role that row-level security binds."""

    ends_by: ClassVar[signal.Signals] = signal.SIGINT  # "fast": open sessions are rolled back, nothing is lost


@dataclass(frozen=True)
class _Running:
    pid: int
    socket: Path


def start(data_dir: Path, *, binaries: Path | None = None) -> EmbeddedPostgres:
    """Start the PostgreSQL of `data_dir`, or attach to the one that runs; make cluster, role and database once.

    binaries: take the server programs from this folder alone.
    Raises ConfigError when no fitting program is found, it cannot start, or the folder is somebody else's.
    """
    data_dir = data_folder(data_dir)
    lock = data_dir / "postgres.lock"
    with exclusive(lock):
        account = unprivileged(data_dir / "postgres" / "data")
        home = _home(data_dir, account)
        data = home / "data"
        running = _running(data)
        started = running is None
        try:
            running = running or _launch(home, account, binaries)
            _make_role_and_database(running.socket)
            owner = claim(data_dir / "postgres.owner")
        except BaseException:
            if started and (pid := _noted(data / "postmaster.pid")) is not None:
                end(data, pid, EmbeddedPostgres.ends_by)
            raise
        return EmbeddedPostgres(
            url=_url(running.socket),
            pid=running.pid,
            folder=data,
            lock=lock,
            mine=started or owner is not None,
            claim=owner,
        )


def _url(socket: Path) -> str:
    where = {"host": str(socket), "port": str(_PORT)}
    return URL.create("postgresql+psycopg", username=ROLE, database=DATABASE, query=where).render_as_string()


def _home(data_dir: Path, account: Account | None) -> Path:
    """The server's folder: `data_dir/postgres`, or what that link leads to.

    Where the account cannot enter `data_dir` (say, below /root) the folder lies elsewhere and a link shows where,
    so that removing `data_dir` still means starting afresh.
    """
    home = data_dir / "postgres"
    check_owner(home)
    if not home.exists():
        home.unlink(missing_ok=True)  # a link whose folder was removed
        if can_enter(data_dir, account):
            home.mkdir()
        else:
            home.symlink_to(_folder_elsewhere(data_dir, account))
    home = home.resolve()
    if home.stat().st_uid == os.geteuid():
        home.chmod(0o711 if account else 0o700)  # whatever the umask, and however far a killed start had come
    if not can_enter(home, account):
        name = account.name if account else ""
        raise ConfigError([f"User {name} runs PostgreSQL but cannot enter {home}; chmod o+x it and its parents."])
    return home


def _folder_elsewhere(data_dir: Path, account: Account | None) -> Path:
    for base in (Path("/var/lib"), Path(tempfile.gettempdir())):
        if os.access(base, os.W_OK) and can_enter(base, account):
            home = Path(tempfile.mkdtemp(prefix="referral-connector-", dir=base))
            log.warning(
                "PostgreSQL keeps its files in %s: %s cannot enter %s.", home, account and account.name, data_dir
            )
            return home
    raise ConfigError([f"The account that runs PostgreSQL cannot enter {data_dir}; set DATA_DIR to an open place."])


def _launch(home: Path, account: Account | None, binaries: Path | None) -> _Running:
    data = home / "data"
    version_file = data / "PG_VERSION"
    programs = choose(home, account, binaries, version_file.read_text().strip() if version_file.exists() else None)
    if not version_file.exists():
        _make_cluster(programs, home, account)
    socket = socket_folder(home, account)
    for left_over in (data / "postmaster.pid", socket / f".s.PGSQL.{_PORT}.lock"):
        if (pid := _noted(left_over)) is not None and exists(pid):
            # Nobody works in this folder: the id is a stranger's or a corpse's, and PostgreSQL would not start over it.
            left_over.unlink()
    settings = _SETTINGS | {"unix_socket_directories": str(socket)}
    options = shlex.join(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    written = data / "postgres.log"
    waiting = ("--silent", "--wait", "--timeout", str(int(PATIENCE_S)))
    done = run([programs.folder / "pg_ctl", "start", *waiting, "-D", data, "-l", written, "-o", options], account)
    running = _running(data)
    if running is None:
        said = done.stderr + (written.read_text(errors="replace") if written.exists() else "")
        raise ConfigError([f"PostgreSQL did not start from {data}: {said.strip()[-800:]}"])
    return running


def _make_cluster(programs: Programs, home: Path, account: Account | None) -> None:
    """Made beside its place and then renamed, so that a kill in between leaves nothing half made."""
    fresh = home / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    private(fresh, account)
    shape = ("--encoding=UTF8", "--locale=C", "--auth-local=trust", "--auth-host=reject", f"--username={_SUPERUSER}")
    done = run([programs.folder / "initdb", "-D", fresh, *shape], account)
    if done.returncode:
        raise ConfigError([f"{programs.folder / 'initdb'} failed: {done.stderr.strip()[-800:]}"])
    fresh.rename(home / "data")


def _make_role_and_database(socket: Path) -> None:
    """The application's role owns its database and is nothing more: row-level security must bind it."""
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    with _connect(socket) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            create = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION")
            connection.execute(create.format(role))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def _connect(socket: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=str(socket), port=_PORT, user=_SUPERUSER, dbname="postgres", connect_timeout=5, autocommit=True
    )


def _running(data: Path) -> _Running | None:
    """The server at work in `data`, once it answers."""
    return settle(data, lambda: _noted(data / "postmaster.pid"), lambda: _answer(data))


def _answer(data: Path) -> _Running | None:
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        running = _Running(int(lines[0]), Path(lines[4]))
        _connect(running.socket).close()
    except (OSError, ValueError, IndexError, psycopg.OperationalError):
        return None  # its notes are not written yet, or it is still starting
    return running


def _noted(lock_file: Path) -> int | None:
    """The process id in one of the server's own lock files."""
    try:
        return int(lock_file.read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
