"""Requests from so many connections, made by a process of their own that costs next to nothing.

    python -m tests.bench.load < JSON of a Load > JSON of what came of it

Every request is the same bytes but for one header, in which each has a key of its own: platforms sign the body alone.
Plain sockets, for every millisecond spent here is one that the server under test does not get.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

ROOT = Path(__file__).parents[2]
#: Stands where each request has its own key, and is as long.
KEY = "0" * 32


@dataclass(frozen=True)
class Load:
    """connections: that many ask, each once it was answered and `pause_s` is over. headers: one of them may hold KEY."""

    port: int
    path: str
    connections: int
    seconds: float
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    pause_s: float = 0.0

    def request(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(self.body.encode())}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass(frozen=True)
class Answers:
    """count of those that were 200, others of all the rest; rate a second, p99 in ms."""

    count: int
    others: int
    rate: float
    p99: float


def ask(load: Load) -> Answers:
    """Run one load to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        cwd=ROOT,
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=True,
        timeout=load.seconds + 60,
    )
    return Answers(**json.loads(done.stdout))


def _run(load: Load) -> dict[str, Any]:
    took: list[float] = []
    others: list[int] = []
    start = threading.Barrier(load.connections + 1)
    threads = [threading.Thread(target=_one, args=(load, start, took, others)) for _ in range(load.connections)]
    for thread in threads:
        thread.start()
    start.wait()
    for thread in threads:
        thread.join()
    p99 = sorted(took)[int(len(took) * 0.99)] * 1000 if took else 0.0
    return {"count": len(took), "others": len(others), "rate": len(took) / load.seconds, "p99": p99}


def _one(load: Load, start: threading.Barrier, took: list[float], others: list[int]) -> None:
    before, found, after = load.request().partition(KEY.encode())
    with socket.create_connection(("127.0.0.1", load.port), timeout=30) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start.wait()
        end = time.monotonic() + load.seconds
        while (begun := time.monotonic()) < end:
            line.sendall(before + (uuid4().hex.encode() if found else b"") + after)
            status = _answer(line)
            if status == 200:
                took.append(time.monotonic() - begun)
            else:
                others.append(status)
            if load.pause_s:
                time.sleep(load.pause_s)


def _answer(line: socket.socket) -> int:
    """Status of one whole answer; its length must be told."""
    read = b""
    while (ends := read.find(b"\r\n\r\n")) < 0:
        read += _more(line)
    head = read[:ends].lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    left = ends + 4 + length - len(read)
    while left > 0:
        left -= len(_more(line))
    return int(read[9:12])


def _more(line: socket.socket) -> bytes:
    some = line.recv(65536)
    if not some:
        raise ConnectionError("the server hung up")
    return some


if __name__ == "__main__":
    print(json.dumps(_run(Load(**json.load(sys.stdin)))))
