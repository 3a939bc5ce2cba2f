"""A web server under test as a process of its own, and what it took of the machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connector.cli.run import web_command
from connector.cli.stand_ins import answers, free_port
from tests.faults.plant import ROOT

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Served:
    """pid: of the process that was started; its workers are its children."""

    port: int
    pid: int

    def pids(self) -> list[int]:
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, listed.split())]

    def cpu_ms(self) -> float:
        """CPU that it and its workers used since they started, by user and system."""
        return sum(cpu_ms(pid) for pid in self.pids())


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / _TICKS


def memory_mb(pid: int) -> float:
    """What is this process's own, and its share of what it shares with others (PSS): forks share what they never write."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(told.partition("\nPss:")[2].split()[0]) / 1024


def gunicorn(port: int, app: str = "connector.web:create_app()") -> list[str]:
    """The product's own web server, with its own settings, for any app."""
    return [*web_command(port)[:-1], app]


@contextmanager
def serving(command: Sequence[str], port: int, environment: Mapping[str, str]) -> Iterator[Served]:
    """Run one server until the block ends."""
    # Its lines go to a file as they do to a host's log: nobody reads them, and writing them is part of the cost.
    with (
        Path(os.devnull).open("wb") as sink,
        subprocess.Popen(command, cwd=ROOT, env=dict(environment), stderr=sink, stdout=sink) as process,
    ):
        try:
            while not answers(port):
                assert process.poll() is None, f"{command} ended with {process.returncode}"
                time.sleep(0.05)
            yield Served(port, process.pid)
        finally:
            process.terminate()


def a_port() -> int:
    return free_port()
