"""A bad wire between our code and a stand-in: any answer can be lost, cut or replaced, before or after its effect.

It knows no platform, so the same troubles are met by every one of them. What was asked is kept in `calls`.
"""

from __future__ import annotations

import http.client
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

PATIENCE_S = 20.0


@dataclass(frozen=True)
class Request:
    """What our code asked for."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What our code is told."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Broken(Enum):
    """Ways of getting no whole answer."""

    RESET = "reset"
    SILENT = "silent"
    HALF = "half"


@dataclass(frozen=True)
class Trouble:
    """effect: whether the request still reaches the platform. told: what the caller gets; None: the true answer."""

    effect: bool
    told: Answer | Broken | None


Match = Callable[[Request], bool]


class Wire:
    """Forwards to `target`. `with Wire(url) as wire:` then `wire.strike(match, trouble)` for the next such request."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.calls: list[Request] = []
        self._planned: list[tuple[Match, Trouble, Callable[[], object]]] = []
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._open = 0
        self._stopped = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def strike(self, match: Match, trouble: Trouble) -> None:
        """The next request that matches gets this trouble, once."""
        self._planned.append((match, trouble, lambda: None))

    def meanwhile(self, match: Match, happen: Callable[[], object]) -> None:
        """Something that a person does on the platform right before the next request that matches arrives there."""
        self._planned.append((match, Trouble(effect=True, told=None), happen))

    def clear(self) -> None:
        """Forget what has not struck: it must not meet another test."""
        self._planned.clear()

    def settle(self) -> None:
        """Wait until the platform is through with all that was sent, also where our code no longer listens."""
        with self._idle:
            assert self._idle.wait_for(lambda: self._open == 0, PATIENCE_S), "the stand-in never answered"

    def asked(self, match: Match) -> int:
        """How many such requests our code made."""
        return sum(match(call) for call in self.calls)

    def plan(self, request: Request) -> Trouble | None:
        """Note the request; its trouble, if any is due."""
        with self._lock:
            self.calls.append(request)
            due = next((plan for plan in self._planned if plan[0](request)), None)
            if due is None:
                return None
            self._planned.remove(due)
        due[2]()
        return due[1]

    def forward(self, request: Request) -> Answer:
        """The platform's own answer."""
        with self._idle:
            self._open += 1
        link = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=PATIENCE_S)
        try:
            link.request(request.method, request.path, request.body, dict(request.headers))
            answer = link.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in {"content-length", "connection"}}
            return Answer(answer.status, answer.read(), kept)
        finally:
            link.close()
            with self._idle:
                self._open -= 1
                self._idle.notify_all()

    def hang(self) -> None:
        self._stopped.wait(PATIENCE_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], wire: Wire) -> None:
        super().__init__(address, _Handler)
        self.wire = wire

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that gave up is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Silent: what was asked is in `calls`."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() != "content-length"}
        request, wire = Request(self.command, self.path, headers, body), self.server.wire
        trouble = wire.plan(request) or Trouble(effect=True, told=None)
        true = wire.forward(request) if trouble.effect else Answer(200, b'{"data": {}}')
        match trouble.told:
            case Broken.RESET:
                self._reset()
            case Broken.SILENT:
                wire.hang()
            case Broken.HALF:
                self._tell(true, true.body[: len(true.body) // 2])
            case Answer() as told:
                self._tell(told, told.body)
            case None:
                self._tell(true, true.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these names

    def _tell(self, answer: Answer, body: bytes) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(body)

    def _reset(self) -> None:
        """Close with RST and no answer, as a broken link does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
