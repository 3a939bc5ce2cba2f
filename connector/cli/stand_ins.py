"""Stand-ins for the platforms as processes of their own, for the demo and the proof, and the patience to wait for them."""

from __future__ import annotations

import http.client
import importlib
import importlib.util
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from adapters import Adapter, discover
from connector.errors import ConnectorError

_PATIENCE_S = 120.0


@dataclass(frozen=True)
class StandIn:
    """One running stand-in. module: its part in what is played; secret: what its webhooks are signed with."""

    adapter: Adapter
    url: str
    secret: str
    module: Any

    @property
    def listens(self) -> bool:
        """Whether it hears by itself what happens on the others."""
        return self.adapter.manifest.tell_rank > 0


@contextmanager
def stand_ins(part: str) -> Iterator[list[StandIn]]:
    """A process for every platform whose stand-in has this part, such as `story`; whoever listens comes first."""
    processes: list[subprocess.Popen[bytes]] = []
    found: list[StandIn] = []
    try:
        for adapter in discover().values():
            name = f"{adapter.package}.sandbox.{part}"
            if importlib.util.find_spec(name) is None:
                continue
            port = free_port()
            command = [sys.executable, "-m", f"{adapter.package}.sandbox", "--port", str(port)]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            until(lambda port=port: answers(port), f"the {adapter.manifest.label} stand-in to answer")  # type: ignore[misc]
            url = f"http://127.0.0.1:{port}"
            found.append(StandIn(adapter, url, secrets.token_hex(16), importlib.import_module(name)))
        yield sorted(found, key=lambda each: not each.listens)
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def environment(stand_in: StandIn, base_url: str) -> dict[str, str]:
    """Point the connector at a stand-in by the platform's own settings: nothing else ties them together."""
    manifest = stand_in.adapter.manifest
    return {manifest.url_setting: base_url, manifest.app_key: "demo", manifest.app_secret: stand_in.secret}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether a server behind this port speaks HTTP; a listening socket alone may belong to one that still loads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def until(true: Callable[[], bool], what: str, within: float = _PATIENCE_S) -> None:
    """Wait for a condition. Raises ConnectorError after so many seconds."""
    end = time.monotonic() + within
    while not true():
        if time.monotonic() > end:
            raise ConnectorError(f"waited {within:.0f} s in vain for {what}")
        time.sleep(0.1)
