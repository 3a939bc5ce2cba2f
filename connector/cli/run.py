"""Processes: `up` runs them all; `web`, `worker`, `sweeper` and `migrate` are what a host runs one by one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import FrameType

import click

from connector import telemetry
from connector.errors import ConfigError
from connector.lanes import jobs
from connector.lanes.sweeper import Sweeper
from connector.store import migrate as migrations
from connector.wiring import App, child_environment, open_app, ready

_STOP_S = 25
_LOOK_S = 0.2


@click.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    with open_app() as app:
        app.database.check_role()
        migrations.migrate(app.database.engine)
        click.echo("The database is up to date.")


def web_command(port: int, *, host: str = "127.0.0.1", workers: int = 2) -> list[str]:
    """The web server, the same as in the Procfile but for the address."""
    return [
        *(sys.executable, "-m", "gunicorn", "--bind", f"{host}:{port}", "--workers", str(workers), "--threads", "4"),
        *("--timeout", "20", "--graceful-timeout", "20", "--no-control-socket", "connector.web:create_app()"),
    ]


@click.command()
def web() -> None:
    """Serve HTTP on PORT."""
    with open_app() as app:
        ready(app)
        process = subprocess.Popen(web_command(app.settings.port), env=child_environment(app))
        _forward_signals([process])
        sys.exit(process.wait())


@click.command()
def worker() -> None:
    """Work lanes as Redis hands them out."""
    telemetry.start_logging()
    with open_app(pool=2) as app:
        ready(app)
        if app.job_redis is None:
            raise ConfigError(["REDIS_URL: a worker needs it; without Redis the sweeper works the lanes itself"])
        jobs.serve(app.workshop, app.job_redis)


@click.command()
def sweeper() -> None:
    """Find due work and wake its lanes; work them itself while Redis is away."""
    telemetry.start_logging()
    with open_app(pool=2 + int(os.environ.get("WORKER_SLOTS", "2"))) as app:
        ready(app)
        keep = timedelta(days=app.settings.retention_days)
        sweep = Sweeper(app.workshop, app.redis, app.settings.timing.sweep, keep)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _n, _f: sweep.stopping.set())
        sweep.run()


class Processes:
    """Web, workers and sweeper as children of this process, for `up` and the demo."""

    def __init__(self, app: App, *, port: int, logs: Path | None = None) -> None:
        self.app, self.port, self.logs = app, port, logs
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def commands(self) -> dict[str, list[str]]:
        """What is started, by name."""
        own = [sys.executable, "-m", "connector"]
        workers = self.app.settings.worker_slots if self.app.redis is not None else 0
        return {
            "web": web_command(self.port),
            "sweeper": [*own, "sweeper"],
            **{f"worker{n}": [*own, "worker"] for n in range(workers)},
        }

    def start(self, *names: str) -> None:
        """Start these, or all; the schema must be up to date."""
        environment = child_environment(self.app)
        for name, command in self.commands.items():
            if name in names or not names:
                log = (self.logs / f"{name}.log").open("ab") if self.logs else None
                self.children[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """SIGKILL to it and all that it forked; they are gone when this returns."""
        child = self.children[name]
        forked = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        for pid in [child.pid, *map(int, forked.read_text().split() if forked.exists() else [])]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait()

    def wait(self) -> int:
        """Until one of them ends; returns its exit status."""
        while True:
            for child in self.children.values():
                if child.poll() is not None:
                    return child.returncode
            time.sleep(_LOOK_S)

    def stop(self) -> None:
        """Ask them all to finish what they do, then insist."""
        for child in self.children.values():
            child.terminate()
        for child in self.children.values():
            try:
                child.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _forward_signals(children: list[subprocess.Popen[bytes]]) -> None:
    def forward(number: int, _frame: FrameType | None) -> None:
        for child in children:
            if child.poll() is None:
                child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, forward)


@click.command()
def up() -> None:
    """Run web, workers and sweeper together, with embedded servers where none are given."""
    with open_app() as app:
        app.database.check_role()
        migrations.migrate(app.database.engine)
        if app.redis is None:
            click.echo("No Redis here: the sweeper works the lanes itself. All promises hold; it is slower.")
        processes = Processes(app, port=app.settings.port)
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            processes.start()
            click.echo(f"Referral Connector is at http://127.0.0.1:{app.settings.port} (Ctrl-C stops it)")
            sys.exit(processes.wait())
        except KeyboardInterrupt:
            click.echo("Stopping ...")
        finally:
            processes.stop()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


COMMANDS = (up, web, worker, sweeper, migrate)
