"""A receiver over real HTTP that verifies what it gets by the rules of Standard Webhooks alone, with none of our code.

receiver.says(500, 429)              its answers to the next deliveries, 204 when there are none left
receiver.headers["Retry-After"]      what it says beside them
receiver.cuts("before", "after")     it hangs up on the next ones, before or after it has read them
receiver.taken                       every delivery that it verified, oldest first
receiver.forged                      what it could not verify
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

#: How old or how new a delivery may claim to be.
TOLERANCE_S = 5 * 60


@dataclass(frozen=True)
class Taken:
    """One delivery: its id, the path it came to, and what it says. marks: how many signatures it bears."""

    id: str
    path: str
    told: dict[str, Any]
    marks: int


@dataclass
class Receiver:
    """What it verifies with, by path, and what came."""

    url: str
    secrets: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    answers: deque[int | str] = field(default_factory=deque)

    def says(self, *statuses: int) -> None:
        self.answers += statuses

    def cuts(self, *when: str) -> None:
        self.answers += when

    def ids(self) -> list[str]:
        return [each.id for each in self.taken]

    def types(self) -> list[str]:
        return [each.told["type"] for each in self.taken]

    def take(self, path: str, headers: dict[str, str], body: bytes) -> None:
        marks = headers["webhook-signature"].split(" ")
        if verified(self.secrets[path], headers, body):
            self.taken.append(Taken(headers["webhook-id"], path, json.loads(body), len(marks)))
        else:
            self.forged.append(path)


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """As standardwebhooks.com says: HMAC-SHA256 over id, time and body, by the secret's bytes, and not too long ago."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > TOLERANCE_S:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    wanted = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(wanted, mark) for mark in headers["webhook-signature"].split(" "))


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer = receiver.answers.popleft() if receiver.answers else 204
            if answer == "before":
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            if answer == "after":
                self.close_connection = True
                return
            if answer == "slow":
                time.sleep(3)  # longer than a call may take in a test
                answer = 204
            self.send_response(int(answer))
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            receiver.forged.append(f"GET {self.path}")  # somebody followed a redirect

        def log_message(self, *told: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever called has hung up
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def path_of(url: str) -> str:
    """The path at which a receiver of this address is called, where a base replaces all hosts."""
    parts = urlsplit(url)
    return f"/{parts.netloc}{parts.path}"
