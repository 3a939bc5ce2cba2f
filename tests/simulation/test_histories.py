"""Thousands of histories of the money's way on a virtual clock, each from its seed; and what happens without a guard.

What a merchant would lose: a reward paid twice or never, in a turn of events that no test was written for. A failure names
its seed: SIMULATED=SEED plays that history alone.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from connector.journey import issue
from connector.ports.platform import Absent, EffectClass
from connector.ports.rows import AttemptState
from tests.faults.plant import dice
from tests.simulation.bank import Bank
from tests.simulation.history import Claim, History

#: In each of two tests; three classes of effects each, so that ten thousand histories are played in all.
SEEDS = 1700
#: A guard that is missing shows within so many.
FEW = 400
CLASSES = (EffectClass.A, EffectClass.C, EffectClass.D)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("half", [0, 1])
def test_in_every_history_money_moves_exactly_once(half: int) -> None:
    first = dice().randrange(2**40)
    seen: Counter[str] = Counter()
    for seed in [int(os.environ["SIMULATED"])] if "SIMULATED" in os.environ else range(first, first + SEEDS):
        for effect_class in CLASSES:
            history = History(seed, effect_class).play().check()
            seen.update(facts(history))
    print(f"half {half}: {dict(seen)}")
    if "SIMULATED" not in os.environ:
        assert (
            min(seen[what] for what in ("deaths", "unknown", "sent again", "taken back", "for a person")) > SEEDS / 10
        )


def facts(history: History) -> Counter[str]:
    """What a history was made of."""
    tables = history.store.tables
    tried = [each.row for each in tables.attempts.values()]
    return Counter(
        {
            "histories": 1,
            "deaths": history.loom.deaths,
            "movements": len(history.bank.moves),
            "unknown": sum(each.late is not None or each.state is AttemptState.UNKNOWN for each in tried),
            "sent again": sum(each.state is AttemptState.NOT_DONE for each in tried),
            "taken back": len(tables.reversals),
            "for a person": sum(bool(each.needs) for each in tables.attempts.values()),
        }
    )


def test_a_seed_is_a_history() -> None:
    """Played again it goes the very same way: else no failure could ever be looked into."""
    for seed in random.Random(1).sample(range(10**6), 20):
        one, other = (History(seed, EffectClass.C).play() for _ in range(2))
        assert one.bank.moves == other.bank.moves and one.loom.time == other.loom.time
        assert one.store.tables == other.store.tables


# ── Without a guard ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def no_reading_back() -> Iterator[None]:
    with patch.object(Bank, "find", lambda *_: Absent()):
        yield


@contextmanager
def no_quiet_period() -> Iterator[None]:
    with patch.object(issue.Desk, "quiet", lambda *_: timedelta(0)):
        yield


@contextmanager
def no_deadline() -> Iterator[None]:
    with patch.object(Claim, "_check", lambda *_: None):
        yield


@contextmanager
def a_lost_answer_taken_for_none() -> Iterator[None]:
    """Unknown is treated like NotDone."""
    with patch.object(issue, "Unknown", ZeroDivisionError), patch.object(issue, "NotDone", Exception):
        yield


GUARDS: dict[str, tuple[Callable[[], Any], EffectClass]] = {
    "reading back": (no_reading_back, EffectClass.C),
    "the quiet period": (no_quiet_period, EffectClass.C),
    "the deadline": (no_deadline, EffectClass.C),
    "unknown is not NotDone": (a_lost_answer_taken_for_none, EffectClass.D),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_without_its_guard_some_history_ends_badly(guard: str) -> None:
    missing, effect_class = GUARDS[guard]
    with missing(), pytest.raises(AssertionError, match=r"landed more than once|landed twice|sent again"):
        play(range(FEW), effect_class)


def play(seeds: Iterable[int], effect_class: EffectClass) -> None:
    for seed in seeds:
        History(seed, effect_class).play().check()
