"""A line to one server that breaks: cut before or after the effect, or slow. It knows TCP and nothing else."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_CHUNK = 65536
_LOOK_S = 0.2


@dataclass(frozen=True)
class Breaks:
    """Shares of requests. before: the line is cut and nothing was passed on. after: it is cut once the server answers."""

    before: float = 0.0
    after: float = 0.0
    slow: float = 0.0
    slow_s: float = 0.3


@dataclass
class Wire:
    """Listens on a port of its own for as long as the block lasts; `done` counts what was broken."""

    host: str
    port: int
    dice: random.Random
    breaks: Breaks = Breaks()
    done: Counter[str] = field(default_factory=Counter)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.listening.settimeout(_LOOK_S)
        self.own_port: int = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.thread.join()
        self.listening.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.own_port}"

    def calm(self) -> None:
        """From now on it breaks no more."""
        self.breaks = Breaks()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with suppress(TimeoutError):
                client, _ = self.listening.accept()
                threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """One connection, request after request, until one side ends it or it is cut."""
        with suppress(OSError), client, socket.create_connection((self.host, self.port), timeout=10) as server:
            asking, fate = False, ""
            while not self._stopping.is_set():
                for speaking in select.select([client, server], [], [], _LOOK_S)[0]:
                    said = speaking.recv(_CHUNK)
                    if speaking is client and not asking:
                        fate = self._fate()
                    asking = speaking is client
                    if not said or fate == ("before" if asking else "after"):
                        self._cut(client, fate if said else "")
                        return
                    (server if asking else client).sendall(said)

    def _fate(self) -> str:
        """What becomes of the request that begins now; a slow one is held up here."""
        drawn, fate = self.dice.random(), ""
        for name, share in (("before", self.breaks.before), ("after", self.breaks.after), ("slow", self.breaks.slow)):
            if drawn < share:
                fate = name
                break
            drawn -= share
        if fate == "slow":
            self.done[fate] += 1
            time.sleep(self.breaks.slow_s)
        return fate

    def _cut(self, client: socket.socket, fate: str) -> None:
        """End it: with RST and no word, unless one side has ended it by itself."""
        if fate:
            self.done[f"cut {fate}"] += 1
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
