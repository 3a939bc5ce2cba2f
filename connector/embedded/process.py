"""Living with a server that we start ourselves: who runs it, whose it is, where its socket lies and how it ends.

A server is known by the folder it works in: PostgreSQL and Redis both change into it, so a process that bears a
server's name and stands in that folder is that server, whatever a stale pid file says.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import pwd
import re
import signal
import stat
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, ClassVar, Self, TextIO, TypeVar

from connector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Seconds granted to a server to recover, to answer or to end.
PATIENCE_S = 60.0
_STEP_S = 0.02
_PRIVATE = 0o700
_PROC = Path("/proc")
_SERVERS = frozenset({"postgres", "redis-server", "valkey-server"})
#: The smallest limit of a UNIX socket's path (macOS; Linux has 107), less the longest file name put in a folder.
_SOCKET_FOLDER_BYTES = 103 - len("/.s.PGSQL.5432")


@dataclass(frozen=True)
class Account:
    """The unprivileged user that runs a server for root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, eq=False)
class Server:
    """A running server, reached by `url`; `folder` is where it works.

    `mine`: we started it, or its starter has died and we took it over. Somebody else's server is never stopped.
    """

    ends_by: ClassVar[signal.Signals]

    url: str
    pid: int
    folder: Path
    lock: Path
    mine: bool
    claim: TextIO | None = None
    #: A forked worker inherits this object; only the process that made it may stop the server.
    maker: int = field(default_factory=os.getpid)

    def stop(self) -> None:
        """End the server if it is ours. Harmless when it has died or was stopped before."""
        if not self.mine or self.maker != os.getpid():
            return
        with exclusive(self.lock):
            end(self.folder, self.pid, self.ends_by)
        if self.claim:
            self.claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run(command: Sequence[str | Path], account: Account | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as `account` and wait for it.

    It sees none of our environment but the search paths: secrets have no business in a database server's memory.
    """
    return subprocess.run(
        [str(part) for part in command],
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        cwd="/",
        env={"LC_ALL": "C"} | {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        umask=0o077,
        check=False,
    )


def living(folder: Path, noted: int | None) -> set[int]:
    """Process ids of the server at work in `folder`; `noted` is what its pid file says, for systems without /proc."""
    if not (_PROC / "self").exists():
        return {noted} if noted and exists(noted) else set()
    found = set()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() == folder and (entry / "comm").read_text().strip() in _SERVERS:
                found.add(int(entry.name))
        except OSError:
            continue  # it has just ended, or it is another user's and so not our server
    return found


def exists(pid: int) -> bool:
    """Whether any process bears this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def settle(folder: Path, noted: Callable[[], int | None], answer: Callable[[], T | None]) -> T | None:
    """What the server in `folder` answers, or None when none lives there; one that starts or dies is waited for."""
    deadline = time.monotonic() + PATIENCE_S
    while alive := living(folder, noted()):
        if (answered := answer()) is not None:
            return answered
        if time.monotonic() > deadline:
            pids = ", ".join(str(pid) for pid in sorted(alive))
            raise ConfigError([f"The server in {folder} (process {pids}) does not answer; end it and start again."])
        time.sleep(_STEP_S)
    return None


def end(folder: Path, pid: int, by: signal.Signals) -> None:
    """Ask the server to end and wait until none of its processes is left."""
    if pid not in living(folder, pid):
        return
    os.kill(pid, by)
    deadline = time.monotonic() + PATIENCE_S
    while alive := living(folder, pid):
        if time.monotonic() > deadline:
            log.warning("The server in %s did not end in %.0f s; killing it. Nothing is lost.", folder, PATIENCE_S)
            for straggler in alive:
                os.kill(straggler, signal.SIGKILL)
            deadline += PATIENCE_S
        time.sleep(_STEP_S)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file while a server is started or stopped, so that two commands never do it at once."""
    try:
        handle = path.open("a")
    except PermissionError as error:
        raise ConfigError([_foreign(path.parent, path.stat().st_uid)]) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def claim(path: Path) -> TextIO | None:
    """Become the one who stops the server. None while its starter lives; the kernel frees a dead one's claim."""
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def data_folder(path: Path) -> Path:
    """The data folder, made if missing. As root others may pass through it (not list it), for the server's sake."""
    try:
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(_PRIVATE if os.geteuid() else 0o711)
    except OSError as error:
        raise ConfigError([f"DATA_DIR {path} cannot be made ({error.strerror}); choose another folder."]) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError([_foreign(path, path.stat().st_uid)])
    return path.resolve()


def check_owner(folder: Path) -> None:
    """Refuse files that an ordinary user cannot use because someone else's server made them."""
    if os.geteuid() and folder.exists() and folder.stat().st_uid != os.geteuid():
        raise ConfigError([_foreign(folder, folder.stat().st_uid)])


def unprivileged(folder: Path) -> Account | None:
    """Who runs a server that refuses root: the one whose `folder` it is already, else a customary account.

    None when we are not root ourselves.
    """
    if os.geteuid():
        return None
    if folder.exists() and (uid := folder.stat().st_uid):
        return Account(_name(uid), uid, folder.stat().st_gid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known and known[name].pw_uid:
            return Account(name, known[name].pw_uid, known[name].pw_gid)
    raise ConfigError(["PostgreSQL refuses to run as root and there is no user `nobody`; start as an ordinary user."])


def can_enter(folder: Path, account: Account | None) -> bool:
    """Whether the account reaches the folder, asked of the system itself: modes, ACLs and mounts all count."""
    return account is None or run(["test", "-x", folder], account).returncode == 0


def private(folder: Path, account: Account | None) -> Path:
    """Make a folder that the account alone may enter."""
    if not folder.is_dir() or folder.is_symlink():
        folder.mkdir(mode=_PRIVATE)
        if account:
            os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    return folder


def socket_folder(home: Path, account: Account | None) -> Path:
    """A private folder for the socket whose path is short and plain enough: `home/run`, else one under /tmp.

    Always the same for one `home`, so that a restarted server is found again where it was.
    """
    short = f"connector-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    candidates = (home / "run", Path("/tmp") / short, Path(gettempdir()) / short)  # noqa: S108  checked right below
    for folder in candidates:
        fits = len(os.fsencode(folder)) <= _SOCKET_FOLDER_BYTES and re.fullmatch(r"[A-Za-z0-9._/-]+", str(folder))
        if fits and folder.parent.is_dir() and can_enter(folder.parent, account):
            break
    else:
        raise ConfigError([f"No path short enough for a socket of {home}; set TMPDIR or DATA_DIR to a short path."])
    try:
        private(folder, account)
    except FileExistsError as error:
        raise ConfigError([f"{folder} is not a folder of ours; remove it and start again."]) from error
    seen = folder.lstat()
    if seen.st_uid != (account.uid if account else os.geteuid()) or stat.S_IMODE(seen.st_mode) != _PRIVATE:
        raise ConfigError([f"{folder} is open to others; remove it and start again."])
    return folder


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _foreign(folder: Path, uid: int) -> str:
    return f"{folder} belongs to {_name(uid)}; start as that user, or set DATA_DIR to a folder of your own."
