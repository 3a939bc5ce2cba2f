"""A seeded scheduler on a virtual clock: strands of real code, one at a time, switched and ended as the dice fall.

    loom = Loom(seed)
    loom.spawn(work)
    loom.run(until=600)

A strand gives way wherever it calls `point` (it may be killed there, or held up for long) or `sleep`. Nothing else ever
switches, so that a history follows from its seed alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from greenlet import getcurrent, greenlet

START = datetime(2026, 1, 1, tzinfo=UTC)
#: A step takes up to so long.
_STEP_S = 0.3
#: A host takes up to so long to start again what died.
_RESTART_S = 5.0


class Killed(BaseException):
    """The process of this strand died: nothing more of it runs."""


@dataclass
class Strand:
    """wakes_at: seconds until when it does nothing."""

    body: greenlet
    wakes_at: float


@dataclass
class Chances:
    """Of each point: that the process dies there, and that it is held up, for up to so many seconds."""

    death: float = 0.02
    stall: float = 0.03
    stall_s: float = 40.0


@dataclass
class Loom:
    """The strands and their time, in seconds since START."""

    seed: int
    chances: Chances = field(default_factory=Chances)
    time: float = 0.0
    strands: list[Strand] = field(default_factory=list)
    deaths: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.hub = getcurrent()
        self.running: Strand | None = None

    def now(self) -> datetime:
        return START + timedelta(seconds=self.time)

    def spawn(self, work: Callable[[], None], after_s: float = 0) -> None:
        """Begin a strand. Where it dies its host starts it anew, a while later."""
        self.strands.append(Strand(greenlet(lambda: self._live(work), parent=self.hub), self.time + after_s))

    def _live(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Killed:
            self.deaths += 1
            self.spawn(work, after_s=self.dice.uniform(0, _RESTART_S))

    def point(self, _name: str = "") -> None:
        """Here others may go on first, and here this process may die or be held up."""
        strand = self.running
        if strand is None:
            return  # outside of any history, such as before it begins
        drawn = self.dice.random()
        if drawn < self.chances.death:
            raise Killed
        stalled = drawn < self.chances.death + self.chances.stall
        strand.wakes_at = self.time + (self.dice.uniform(0, self.chances.stall_s) if stalled else 0)
        self.hub.switch()

    def maybe_die(self) -> None:
        """Here this process may die, and nobody else goes on first: it is amid a transaction."""
        if self.running is not None and self.dice.random() < self.chances.death:
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Nothing of this strand goes on for so long."""
        if self.running is not None:
            self.running.wakes_at = self.time + seconds
            self.hub.switch()

    def calm(self) -> None:
        """From now on nobody dies and nobody is held up."""
        self.chances = Chances(death=0, stall=0)

    def run(self, until: float) -> None:
        """Go on until that time, or until every strand has ended."""
        while self.strands and self.time < until:
            ready = [each for each in self.strands if each.wakes_at <= self.time]
            if not ready:
                self.time = min(each.wakes_at for each in self.strands)
                continue
            self.time += self.dice.random() * _STEP_S
            self.running = ready[self.dice.randrange(len(ready))]
            self.running.body.switch()
            if self.running.body.dead:
                self.strands.remove(self.running)
            self.running = None

    def end(self) -> None:
        """Throw away what still runs."""
        for strand in self.strands:
            with suppress(Killed):  # of one that had not begun
                strand.body.throw(Killed)
        self.strands.clear()
