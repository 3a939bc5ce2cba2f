"""How every platform's stand-in sends what it has to tell: in the background, with repeats, until all is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import requests
from requests.adapters import HTTPAdapter

#: Platforms connect within about a second and wait about five for the answer.
TIMEOUT_S = (1.0, 5.0)
#: Platforms repeat for hours or a day; here as often, within seconds.
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 2.0
BACKGROUND_THREADS = 8


class Sender:
    """Threads and connections of its own. label: the platform's, for the names of threads."""

    def __init__(self, label: str) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("http://", HTTPAdapter(pool_maxsize=64))
        self.stopped = threading.Event()
        self.idle = threading.Condition()
        self._pool = ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix=f"{label}-webhooks")
        self._open = 0

    def background(self, job: Callable[..., None], *given: Any) -> None:
        """Do this in the background; `drain` waits for it."""
        with self.idle:
            self._open += 1
        self._pool.submit(job, *given).add_done_callback(self._ended)

    def insist(self, once: Callable[[int], bool], repeats: int) -> None:
        """Try until it is taken, waiting longer each time, or until the repeats are used up. once: given how many before."""
        wait = FIRST_WAIT_S
        for attempt in range(1 + repeats):
            if once(attempt) or self.stopped.wait(wait):
                return
            wait = min(2 * wait, LONGEST_WAIT_S)

    def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left in the background; False when the time is up first."""
        with self.idle:
            return self.idle.wait_for(lambda: self._open == 0, timeout_s)

    def stop(self) -> None:
        self.stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.session.close()

    def _ended(self, _: Future[None]) -> None:
        with self.idle:
            self._open -= 1
            self.idle.notify_all()
