"""Runs the Procfile's own lines the way a host does: through the shell, with PORT and the environment, until told to stop."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

LINE = re.compile(r"([A-Za-z0-9_-]+):\s*(\S.*)")


def parse(text: str) -> dict[str, str]:
    """Process name -> command. Raises ValueError for a line that a host would not understand."""
    commands: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.rstrip())
        if not match:
            raise ValueError(f"line {number} is no `name: command`: {line!r}")
        name, command = match.groups()
        if name in commands:
            raise ValueError(f"line {number} names {name} a second time")
        commands[name] = command
    return commands


@dataclass
class Process:
    """One running line with all that it started. Its output goes to `log`."""

    name: str
    shell: subprocess.Popen[bytes]
    log: Path

    @property
    def running(self) -> bool:
        return self.shell.poll() is None

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout_s: float) -> int:
        """The exit status. Raises AssertionError with the output when it takes longer than `timeout_s`."""
        try:
            return self.shell.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout_s:.0f} s:\n{self.output}") from None

    def stop(self, grace_s: float = 30) -> int:
        """SIGTERM to the whole group, as hosts do, and SIGKILL after `grace_s`. The shell's exit status."""
        self.signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.shell.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL to everything it started: a host that dies."""
        self.signal(signal.SIGKILL)
        return self.shell.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the whole group."""
        # The group may be empty already; a child that outlived the shell is still reached through it.
        with suppress(ProcessLookupError):
            os.killpg(self.shell.pid, number)


class Host:
    """The Procfile of `root` on one machine: `with Host(root, env, logs) as host: host.start("web", port=8000)`.

    env: all that the processes see, PATH included. logs: a folder for their output. Leaving the block stops them all.
    """

    def __init__(self, root: Path, env: Mapping[str, str], logs: Path) -> None:
        self.commands = parse((root / "Procfile").read_text(encoding="utf-8"))
        self.processes: list[Process] = []
        self._root = root
        self._env = dict(env)
        self._logs = logs

    def start(self, name: str, *, port: int = 0) -> Process:
        """Start the line `name` once more; several of one name may run side by side."""
        log = self._logs / f"{name}.{sum(process.name == name for process in self.processes) + 1}.log"
        with log.open("wb") as sink:
            shell = subprocess.Popen(  # noqa: S602 - hosts hand the line to a shell, which fills in $PORT
                self.commands[name],
                shell=True,
                # bash gives its place to the command, so that its end is the command's; hosts use it as well.
                executable="/bin/bash",
                cwd=self._root,
                env={**self._env, "PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        process = Process(name, shell, log)
        self.processes.append(process)
        return process

    def run(self, name: str, timeout_s: float = 120) -> str:
        """Run a line to its end, as a host does with `release`. Raises AssertionError unless it ends with 0."""
        process = self.start(name)
        status = process.wait(timeout_s)
        assert status == 0, f"{name} ended with {status}:\n{process.output}"
        return process.output

    def stop(self, grace_s: float = 30) -> None:
        """SIGTERM to all at once, one common grace, then SIGKILL."""
        for process in self.processes:
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.shell.wait(max(0.0, deadline - time.monotonic()))
            process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
