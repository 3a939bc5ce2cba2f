"""The way of webhooks to the app: each comes once or several times, late, out of order, again until it is taken."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

#: How many times more a webhook may come, and how late, in seconds.
MORE, LATE_S, FIRST_LATE_S = 3, 2.0, 0.3
#: A platform waits so long for the answer, and then sends again.
WAIT_S = 4.0
#: Platforms insist for hours; here for longer than anything is ever down.
INSIST_S = 120.0
_CARRIERS = 24
#: What belongs to one connection and not to the letter.
_HOPS = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass(frozen=True)
class Letter:
    """One webhook as its platform sent it."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the app said to it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def taken(self) -> bool:
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass
class Post:
    """Stands before the app at an address of its own for as long as the block lasts; `done` counts what was said."""

    port: int
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: int = 0

    def __enter__(self) -> Self:
        self.pool = ThreadPoolExecutor(_CARRIERS)
        self.server = _Server(self)
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.pool.shutdown(cancel_futures=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def idle(self) -> bool:
        """Whether everything that came was taken as often as it shall be."""
        with self._lock:
            return not self._open

    def take(self, letter: Letter) -> Answer:
        """Carry it as often as chance wants; the answer is what the platform sees of the first time."""
        with self._lock:
            more, late = self.dice.randrange(MORE), self.dice.uniform(0, FIRST_LATE_S)
            lates = [self.dice.uniform(0, LATE_S) for _ in range(more)]
            self.done["webhooks"] += 1
            self.done["copies"] += more
            self._open += 1 + more
        first = self.pool.submit(self._carry, letter, late)
        for each in lates:
            self.pool.submit(self._carry, letter, each)
        return _within(first, WAIT_S)

    def _carry(self, letter: Letter, late_s: float) -> Answer:
        """Until it is taken."""
        time.sleep(late_s)
        end = time.monotonic() + INSIST_S
        try:
            while not (answer := self._once(letter)).taken and time.monotonic() < end:
                time.sleep(0.2)
            return answer
        finally:
            with self._lock:
                self._open -= 1

    def _once(self, letter: Letter) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request("POST", letter.path, letter.body, dict(letter.headers))
            found = connection.getresponse()
            answer = Answer(found.status, tuple(found.getheaders()), found.read())
        except (OSError, http.client.HTTPException):
            answer = Answer(0, (), b"")
        finally:
            connection.close()
        with self._lock:
            self.done[f"answered {answer.status}" if answer.status else "not answered"] += 1
        return answer


def _within(first: Future[Answer], seconds: float) -> Answer:
    with suppress(TimeoutError):
        answer = first.result(seconds)
        if answer.status:
            return answer
    return Answer(503, (), b"")


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kept = tuple((name, value) for name, value in self.headers.items() if name.lower() not in _HOPS)
        answer = self.server.post.take(Letter(self.path, kept, body))
        with suppress(OSError):  # the platform did not wait
            self.send_response(answer.status)
            for name, value in answer.headers:
                if name.lower() not in _HOPS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    def log_message(self, *_: Any) -> None:
        """Silent: `done` counts."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, post: Post) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.post = post
