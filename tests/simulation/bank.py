"""A platform that holds credit, as bad as real ones are: it refuses, loses answers, is late, and is read with a lag.

Each movement has a natural key (class A), a mark that can be read back (C), or none (D).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from connector.domain.money import Money
from connector.errors import PlatformError, Throttled, Unavailable, Unknown
from connector.ports.platform import Absent, Capability, Direction, Done, Effect, EffectClass, Guard, Undecidable
from tests.simulation.loom import Loom


@dataclass(frozen=True)
class Moved:
    """One movement that took place. at: seconds of the loom."""

    id: str
    owner: str
    direction: Direction
    minor: int
    marker: str
    at: float


@dataclass
class Troubles:
    """Shares of calls: turned away before any effect, lost before it, lost after it, taking effect only later."""

    throttled: float = 0.05
    away: float = 0.03
    lost_before: float = 0.08
    lost_after: float = 0.08
    late: float = 0.06


@dataclass
class Bank:
    """The Outbound of `connector.ports.platform`, as far as money needs it. lag_s: how old what one reads may be."""

    loom: Loom
    effect_class: EffectClass
    call_s: float
    lag_s: float
    troubles: Troubles = field(default_factory=Troubles)
    moves: list[Moved] = field(default_factory=list)
    sends: int = 0
    harmless: int = 0
    _ids: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    # ── What the app asks ────────────────────────────────────────────────────────────────────────────────────────

    def issue(self, _account: object, effect: Effect, guard: Guard) -> Done:
        self.loom.point("before the call")
        guard.check()
        self.sends += 1
        fate = self._fate()
        if fate in ("throttled", "away", "lost_before"):
            self.harmless += 1
            self.loom.sleep(self._little())
            raise _no(fate)
        lands = self.loom.time + (self.loom.dice.uniform(0, self.call_s) if fate == "late" else 0)
        moved = self._move(effect, lands)
        self.loom.sleep(self._little())
        self.loom.point("before the answer")
        if fate in ("lost_after", "late"):
            raise Unknown("no answer came")
        return Done(moved.id, effect.owner)

    def find(self, _account: object, effect: Effect, claimed: Callable[[str], bool]) -> Done | Absent | Undecidable:
        self.loom.sleep(self._little())
        seen = self.loom.time - self.loom.dice.uniform(0, self.lag_s)
        mine = [each for each in self.moves if each.marker == effect.marker and each.at <= seen]
        free = [each for each in mine if not claimed(each.id)]
        if self.effect_class is EffectClass.A:
            return Done(mine[0].id, effect.owner) if mine else Absent()
        if len(free) > 1:
            return Undecidable("several bear our mark")
        return Done(free[0].id, effect.owner) if free else Absent()

    def balance(self, _account: object, _means: Capability, owner: str, _holder: str, currency: str) -> Money:
        self.loom.sleep(self._little())
        return Money(self.held(owner), currency)

    # ── What is true there ───────────────────────────────────────────────────────────────────────────────────────

    def held(self, owner: str) -> int:
        """What stands to them now."""
        signs = {Direction.CREDIT: 1, Direction.DEBIT: -1}
        mine = (each for each in self.moves if each.owner == owner and each.at <= self.loom.time)
        return sum(signs[each.direction] * each.minor for each in mine)

    def calm(self) -> None:
        self.troubles = Troubles(0, 0, 0, 0, 0)

    def _move(self, effect: Effect, at: float) -> Moved:
        if self.effect_class is EffectClass.A:
            for each in self.moves:
                if each.marker == effect.marker:
                    return each  # the key is taken: nothing moves again
        minor = effect.amount.minor
        made = Moved(f"t{self._ids()}", effect.owner, effect.direction, minor, effect.marker, at)
        self.moves.append(made)
        return made

    def _fate(self) -> str:
        drawn = self.loom.dice.random()
        for name, share in vars(self.troubles).items():
            if drawn < share:
                return str(name)
            drawn -= share
        return "done"

    def _little(self) -> float:
        return self.loom.dice.uniform(0, self.call_s / 2)


def _no(fate: str) -> PlatformError:
    """What is heard of a call that had no effect."""
    match fate:
        case "throttled":
            return Throttled("slower, please", wait_s=1.0)
        case "away":
            return Unavailable("the platform is away")
    return Unknown("no answer came")
