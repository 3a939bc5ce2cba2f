"""What every platform's stand-in is made of: a server that leaves nothing behind, control requests, and who makes them.

`stand_in_faults`, `stand_in_sender` and `stand_in_story` stand beside it.

A stand-in plays its platform over real HTTP on loopback, for the demo and for tests; nothing here knows a platform.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self

import requests

from adapters.stand_in_faults import Faults
from adapters.stand_in_sender import Sender

#: A control request may have the stand-in send many webhooks before it answers.
CONTROL_TIMEOUT_S = 60


class Server(ThreadingHTTPServer):
    """Knows its open connections, so that stopping leaves none behind. now: the platform's own clock."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], now: Callable[[], datetime]
    ) -> None:
        super().__init__(address, handler)
        self.now = now
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_all(self) -> None:
        self.server_close()
        with self._guard:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:  # its peer was faster
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is no error of ours; anything else is printed as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection. A stand-in says in `answer` what becomes of a request."""

    server: Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer; header and body apart would wait for Nagle
    disable_nagle_algorithm = True

    def answer(self, method: str, raw: bytes) -> None:
        """Send the whole answer, or reset the connection."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._take("GET")

    def do_POST(self) -> None:
        self._take("POST")

    def do_PUT(self) -> None:
        self._take("PUT")

    def do_PATCH(self) -> None:
        self._take("PATCH")

    def do_DELETE(self) -> None:
        self._take("DELETE")

    def _take(self, method: str) -> None:
        self.answer(method, self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def date_time_string(self, timestamp: float | None = None) -> str:
        """By the platform's own clock, which tests may set ahead."""
        return super().date_time_string(timestamp or self.server.now().timestamp())

    def log_message(self, *_: Any) -> None:
        """Silent: what matters is in the book."""

    def reset(self) -> None:
        """Close with RST and no answer, as a broken link does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())


class Control(Protocol):
    """What can be made to happen: every stand-in has its own."""

    def handle(self, method: str, path: str, data: dict[str, Any], /) -> tuple[int, Any]:
        """The status and the body of the answer."""


def controlled(control: Control, method: str, path: str, raw: bytes) -> tuple[int, Any]:
    """The answer to a control request; a body that is no JSON object is told so."""
    try:
        data = json.loads(raw) if raw else {}
    except ValueError:
        return 400, {"error": "the body is no JSON"}
    if not isinstance(data, dict):
        return 400, {"error": "the body must be a JSON object"}
    return control.handle(method, path, data)


class Clock(Protocol):
    """A stand-in's own time. ahead: how far it lives in the future."""

    ahead: timedelta

    def now(self) -> datetime: ...


class World(Protocol):
    """What a stand-in holds, behind one lock."""

    @property
    def lock(self) -> threading.RLock: ...
    @property
    def clock(self) -> Clock: ...


@dataclass
class CommonDesk:
    """What can be made to happen in every stand-in: faults, a later time, and waiting for what it sends."""

    world: World
    faults: Faults[Any]
    sender: Sender

    def routes(self) -> list[tuple[str, str, Callable[[dict[str, Any]], Any]]]:
        return [
            ("POST", "drain", lambda data: {"idle": self.sender.drain(float(data.get("timeout_s", 10)))}),
            ("POST", "clock", self.advance),
            ("POST", "faults", self.add_fault),
            ("GET", "faults", lambda _: self.faults.as_json()),
            ("DELETE", "faults", self.clear_faults),
        ]

    def advance(self, data: dict[str, Any]) -> dict[str, str]:
        with self.world.lock:
            self.world.clock.ahead += timedelta(seconds=float(data["advance_s"]))
            return {"now": self.world.clock.now().isoformat()}

    def add_fault(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        self.faults.add(data)
        return self.faults.as_json()

    def clear_faults(self, _: dict[str, Any]) -> dict[str, Any]:
        self.faults.clear()
        return {}


class Sandbox:
    """A running stand-in. `url` is its base; label names its thread."""

    def __init__(self, label: str, http: Server, sender: Sender) -> None:
        self.http = http
        self.sender = sender
        self.url = "http://{}:{}".format(*http.server_address)
        self._thread = threading.Thread(target=http.serve_forever, args=(0.05,), name=f"{label}-sandbox", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, close every connection and give up open webhooks."""
        if self._thread.is_alive():
            self.http.shutdown()
            self._thread.join()
        self.http.close_all()
        self.sender.stop()


def serve(label: str, sandbox: Sandbox) -> None:
    """Run until interrupted; prints one line with the URL."""
    print(f"{label} stand-in: {sandbox.url}", flush=True)  # noqa: T201 - the one line a person needs
    try:
        sandbox.http.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        sandbox.stop()


class Controller:
    """Makes things happen in a running stand-in, from the demo or a test."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False

    def close(self) -> None:
        self.http.close()

    def control(self, path: str, /, *, expect: int = 200, verb: str = "POST", **data: Any) -> Any:
        """One control request (see `control`). Raises RuntimeError with the answer for any status but `expect`."""
        answer = self.http.request(verb, f"{self.url}/_control/{path}", json=data, timeout=CONTROL_TIMEOUT_S)
        if answer.status_code != expect:
            raise RuntimeError(f"{verb} {path} answered {answer.status_code}: {answer.text}")
        return answer.json()

    def book(self) -> Any:
        """The book of effects."""
        return self.control("book", verb="GET")
