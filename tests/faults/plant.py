"""The whole product as it runs in production, for one test: every part a process of its own, and every one mortal.

    with Plant(folder) as plant:
        shop = plant.open_shop("annas-tea")
        plant.start("web"); plant.start("worker"); plant.start("sweeper")
        plant.send(shop.order(shop.enrol("anna@example.com")))
        plant.until(lambda: shop.credits() == [800], "the credit")

PostgreSQL, Redis, a stand-in for the platform, web, workers and sweeper. What is counted at the end comes from the
stand-in's own book, over HTTP. Leaving the block ends them all.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
import requests

from adapters.shopify.sandbox.client import Client
from connector.cli.run import web_command
from connector.embedded import postgres
from connector.embedded import redis as embedded_redis
from connector.embedded.process import living
from connector.store import migrate
from connector.wiring import App, open_app
from tests.conftest import quick_environment
from tests.faults.storefront import SECRET, Storefront, Webhook

ROOT = Path(__file__).parents[2]
NO_REDIS = "unix:///nowhere/redis.sock"
_STEP_S = 0.05


def dice() -> random.Random:
    """The dice of this run. The seed is printed, and FAULT_SEED repeats a run."""
    number = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(2**32))
    print(f"FAULT_SEED={number}")
    return random.Random(number)


@dataclass
class Child:
    """One process of the product. Its output goes to `log`."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    changes: Mapping[str, str]
    started: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether it is held by SIGSTOP."""
        return Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def kill(self) -> None:
        """SIGKILL to it and all that it forked: it may do nothing more, and is gone when this returns."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def children(self) -> list[int]:
        """Process ids of what it forked."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in listed.split()]


class Plant:
    """Servers and stand-in run when the block is entered; the product's processes as the test starts them.

    folder: open for others to pass through (0711). redis: None for a Redis of its own, else the REDIS_URL to use.
    migrated: whether the schema stands before the test begins. changes: further settings of every process.
    """

    def __init__(self, folder: Path, *, redis: str | None = None, migrated: bool = True, **changes: str) -> None:
        self.folder, self.changes = folder, changes
        self.opened = ExitStack()
        self.children: list[Child] = []
        self.redis: embedded_redis.EmbeddedRedis | None = None
        self.own_redis, self.redis_url, self.migrated = redis is None, redis or "", migrated
        self.port = _free_port()

    def __enter__(self) -> Self:
        with self.opened as opened:
            self.postgres = postgres.start(self.folder)
            opened.callback(self._stop_postgres)
            if self.own_redis:
                self.redis_url = self.start_redis()
                opened.callback(lambda: self.redis.stop() if self.redis else None)
            self.client = Client(self._stand_in())
            opened.callback(self.client.close)
            self.app = self.open_app()
            if self.migrated:
                migrate.migrate(self.app.database.engine)
            opened.callback(self._end_all)
            self.opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        print(self.told())  # shown where the test failed
        self.opened.close()

    # ── Servers ──────────────────────────────────────────────────────────────────────────────────────────────────

    def start_redis(self) -> str:
        """Start Redis, or skip the test where there is no program for it."""
        self.redis = embedded_redis.start(self.folder)
        if self.redis is None:
            pytest.skip("there is no Redis program here")
        return self.redis.url

    def kill_redis(self) -> None:
        """SIGKILL, and gone for good."""
        assert self.redis is not None
        os.kill(self.redis.pid, signal.SIGKILL)
        self.redis.stop()
        self.redis = None

    def drop_postgres(self) -> None:
        """An immediate shutdown: no session is told, nothing is flushed that was not committed."""
        os.kill(self.postgres.pid, signal.SIGQUIT)
        self.until(lambda: not living(self.postgres.folder, None), "PostgreSQL to be gone")
        self.postgres.stop()
        self.app.database.engine.dispose()

    def start_postgres(self) -> None:
        self.postgres = postgres.start(self.folder)

    def _stop_postgres(self) -> None:
        self.postgres.stop()

    def _stand_in(self) -> str:
        """The platform, as a process of its own; returns its address."""
        child = self._spawn("stand-in", [sys.executable, "-m", "adapters.shopify.sandbox", "--port", "0"], {})
        self.opened.callback(child.kill)
        self.until(lambda: "http://" in child.log.read_text(), "the stand-in to listen")
        return child.log.read_text().partition(": ")[2].split()[0]

    # ── The product's processes ──────────────────────────────────────────────────────────────────────────────────

    @property
    def environment(self) -> dict[str, str]:
        """What every process of the product sees; nothing of the person's own settings."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
        ours = {
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis_url,
            "PUBLIC_URL": self.url,
            "DATA_DIR": str(self.folder),
            "SHOPIFY_URL": f"{self.client.url}/{{shop}}",
            "SHOPIFY_API_KEY": "key",
            "SHOPIFY_API_SECRET": SECRET,
        }
        return {**kept, **quick_environment(**{**ours, **self.changes})}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open_app(self) -> App:
        """This test's own view of the same installation, closed with the plant."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            return self.opened.enter_context(open_app(self.environment))

    def start(self, name: str, **changes: str) -> Child:
        """Start web, worker or sweeper; web is waited for. changes: further environment."""
        own = [sys.executable, "-m", "connector", name]
        command = web_command(self.port) if name == "web" else own
        child = self._spawn(name, command, {**self.environment, **changes}, changes)
        self.children.append(child)
        if name == "web":
            self.until(self.answers, "the web server to answer")
        return child

    def restart(self, child: Child) -> Child:
        """What a host does with a process that died."""
        self.children.remove(child)
        return self.start(child.name, **child.changes)

    def _spawn(
        self, name: str, command: list[str], env: Mapping[str, str], changes: Mapping[str, str] | None = None
    ) -> Child:
        log = self.folder / f"{name}.log"
        with log.open("ab") as sink:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=dict(env) or None,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        return Child(name, process, log, changes or {})

    def _end_all(self) -> None:
        for child in self.children:
            child.kill()

    def answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    # ── Working with it ──────────────────────────────────────────────────────────────────────────────────────────

    def open_shop(self, name: str, *, percent: int = 10) -> Storefront:
        """A merchant with a shop at the stand-in, connected, with a program."""
        return Storefront(self.app, self.client, f"{name}.myshopify.com", percent)

    def post(self, webhook: Webhook, *, timeout_s: float = 20, session: requests.Session | None = None) -> int:
        """Post one signed webhook as the platform would; its status, or 0 where there was no answer."""
        headers, body = webhook
        poster = session or requests
        try:
            url = f"{self.url}/webhooks/shopify"
            return poster.post(
                url, data=body, headers={**headers, "Connection": "close"}, timeout=timeout_s
            ).status_code
        except requests.RequestException:
            return 0

    def send(self, webhooks: list[Webhook], *, within: float = 120) -> Counter[int]:
        """Post each until it is taken, as the platform does; returns how often each status was the answer."""
        seen: Counter[int] = Counter()
        end = time.monotonic() + within
        for webhook in webhooks:
            while (status := self.post(webhook)) != 200:
                seen[status] += 1
                assert time.monotonic() < end, f"not taken within {within} s: {seen}"
                time.sleep(0.1)
            seen[200] += 1
        return seen

    def until(self, true: Callable[[], bool], what: str, *, within: float = 60) -> float:
        """Wait for a condition; returns how many seconds that took. Raises AssertionError in vain."""
        begun = time.monotonic()
        while not true():
            assert time.monotonic() - begun < within, f"waited {within} s in vain for {what}"
            time.sleep(_STEP_S)
        return time.monotonic() - begun

    def book(self) -> Any:
        """The stand-in's own book of what really happened."""
        return self.client.book()

    def sends(self, operation: str = "storeCreditAccountCredit") -> tuple[int, Counter[str]]:
        """Calls of one operation that took effect, and those that did not, by what struck them."""
        book = self.book()
        effective, idle = (
            Counter({k.partition(" ")[2]: n for k, n in book[side].items() if k.partition(" ")[0] == operation})
            for side in ("sends_with_effect", "sends_without_effect")
        )
        assert effective.total() + idle.total() == book["calls"].get(operation, 0), book
        assert not book["differences"], book["differences"]
        return effective.total(), idle

    def told(self, lines: int = 12) -> str:
        """The last lines of every log, for a person who looks into a failure."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"── {p.name}\n" + "\n".join(p.read_text(errors="replace").splitlines()[-lines:]) for p in logs
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
