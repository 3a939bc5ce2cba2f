"""The window meter lets in what the platform lets in: never a call more in any window, and hardly one less.

What a merchant would lose: an app that is barred for calling too often, or records that come late though there was room.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Barrier, Thread
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from connector.errors import Throttled
from connector.lanes import limits
from connector.lanes.limits import SLACK_S, LocalMeter, SharedMeter
from connector.ports.meter import Meter, Window

ONE = UUID(int=1)
#: Two moments that are further apart by less than this are the same: sums of seconds are rounded.
GRAIN_S = 1e-6


@dataclass
class Clock:
    """A clock that moves only when it is told to."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@contextmanager
def clock() -> Iterator[Clock]:
    """The meter's clock in the test's hand."""
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "time", SimpleNamespace(monotonic=made.monotonic))
        yield made


@dataclass
class Platform:
    """A platform that counts calls as they arrive, in any so many seconds (rolling) or from full to full (fixed)."""

    window: Window
    style: str
    calls: deque[float] = field(default_factory=deque)
    refused: int = 0

    def take(self, at: float) -> int:
        """One call arrives; how many are left now."""
        if self._left(at) <= 0:
            self.refused += 1
        else:
            self.calls.append(at)
        return self._left(at)

    def _left(self, at: float) -> int:
        start = at - self.window.seconds if self.style == "rolling" else at - at % self.window.seconds
        while self.calls and self.calls[0] <= start - (0 if self.style == "rolling" else GRAIN_S):
            self.calls.popleft()
        return self.window.most - len(self.calls)


def entered(meter: Meter, clock: Clock, window: Window) -> None:
    """Wait as long as the meter says, as a lane does, until it lets a call in."""
    for _ in range(3):
        try:
            meter.enter(ONE, window)
        except Throttled as told:
            assert told.wait_s is not None and told.wait_s > 0
            clock.now += told.wait_s
        else:
            return
    raise AssertionError("whoever waits as long as the meter said is let in")


STYLES = st.sampled_from(["rolling", "fixed"])
WINDOWS = st.builds(Window, st.integers(1, 40), st.sampled_from([5.0, 10.0, 60.0]))
#: How long calls are on their way: less than the slack apart from each other.
DELAYS = st.lists(st.floats(0, SLACK_S * 0.9), min_size=1, max_size=50)


# ── One worker ───────────────────────────────────────────────────────────────────────────────────────────────────


@given(WINDOWS, STYLES, DELAYS)
def test_under_pressure_no_call_is_refused_and_hardly_one_is_wasted(
    window: Window, style: str, delays: list[float]
) -> None:
    """However unlike the times are that calls take to arrive; the rest of a window is no longer than it must be."""
    meter, windows = LocalMeter(), 6
    with clock() as now:
        sent, arrivals = list[float](), list[float]()
        for number in range(windows * window.most + 1):
            entered(meter, now, window)
            sent.append(now.now)
            arrivals.append(now.now + delays[number % len(delays)])
    platform = Platform(window, style)
    for at in sorted(arrivals):
        platform.take(at)
    assert platform.refused == 0
    assert windows * window.seconds / (sent[-1] - sent[0]) >= 0.9


@given(st.integers(1, 40), STYLES, st.integers(0, 60))
def test_what_the_platform_says_counts_and_not_what_we_believed(most: int, style: str, others: int) -> None:
    """A smaller allowance than its pages tell, and other calls of ours there that this process knows nothing of."""
    believed, real = Window(110, 10.0), Window(most, 10.0)
    meter, platform = LocalMeter(), Platform(real, style)
    with clock() as now:
        now.now = 1000.0  # a fixed window begins just now
        for _ in range(min(others, most - 1)):
            platform.take(now.now)
        for _ in range(3 * most):
            entered(meter, now, believed)
            meter.saw(ONE, real, platform.take(now.now))
    assert platform.refused == 0


def test_a_larger_allowance_than_we_believed_is_used() -> None:
    meter, real = LocalMeter(), Window(190, 10.0)
    with clock() as now:
        for left in range(189, -1, -1):
            meter.enter(ONE, Window(110, 10.0))
            meter.saw(ONE, real, left)
        with pytest.raises(Throttled) as told:
            meter.enter(ONE, Window(110, 10.0))
        assert told.value.wait_s == pytest.approx(10 + SLACK_S)
        now.now += 10 + SLACK_S
        meter.enter(ONE, Window(110, 10.0))


def test_one_account_that_used_up_its_window_keeps_no_other_waiting() -> None:
    meter, window = LocalMeter(), Window(1, 10.0)
    meter.enter(ONE, window)
    with pytest.raises(Throttled):
        meter.enter(ONE, window)
    meter.enter(UUID(int=2), window)


# ── Several workers ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Call:
    """One call that was let in between these moments."""

    before: float
    after: float


def pressed(meters: list[Meter], connection: UUID, window: Window, calls: int) -> list[Call]:
    """All of them call as often as they may, until so many calls were let in; in the order in which they were."""
    start, made, failed = Barrier(len(meters)), list[Call](), list[BaseException]()

    def press(meter: Meter) -> None:
        start.wait(30)
        end = time.monotonic() + 60
        while len(made) < calls and time.monotonic() < end:
            before = time.monotonic()
            try:
                meter.enter(connection, window)
            except Throttled as told:
                time.sleep(min(told.wait_s or 0, 0.05))
            else:
                made.append(Call(before, time.monotonic()))

    def guarded(meter: Meter) -> None:
        try:
            press(meter)
        except BaseException as error:  # noqa: BLE001 - told to the test, which waits
            failed.append(error)

    threads = [Thread(target=guarded, args=[meter], daemon=True) for meter in meters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not failed, failed
    assert len(made) >= calls
    return sorted(made, key=lambda call: call.after)


def too_many(calls: list[Call], window: Window) -> list[Call]:
    """Calls that were let in for certain while the window was full: no order of theirs makes that right."""
    return [
        last
        for first, last in zip(calls, calls[window.most :], strict=False)
        if last.after - min(first.before, last.before) < window.seconds - GRAIN_S
    ]


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    if not redis_url:
        pytest.skip("there is no Redis program here")
    opened = Redis.from_url(redis_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_share_one_window(redis: Redis, redis_url: str, workers: int) -> None:
    """Each with a connection of its own, for two windows of four true seconds."""
    window, connection = Window(20, 4.0), uuid4()
    clients = [Redis.from_url(redis_url) for _ in range(workers)]
    calls = pressed([SharedMeter(client) for client in clients], connection, window, 2 * window.most + 1)
    for client in clients:
        client.close()
    assert too_many(calls, window) == []
    redis.delete(f"window:{connection}")


@settings(max_examples=8)
@given(most=st.integers(1, 30), seconds=st.sampled_from([0.2, 0.4]), workers=st.integers(1, 5))
def test_no_window_is_ever_overdrawn_by_all_workers_together(
    redis_url: str, most: int, seconds: float, workers: int
) -> None:
    if not redis_url:
        pytest.skip("there is no Redis program here")
    window, clients = Window(most, seconds), [Redis.from_url(redis_url) for _ in range(workers)]
    calls = pressed([SharedMeter(client) for client in clients], uuid4(), window, 2 * most + 1)
    for client in clients:
        client.close()
    assert too_many(calls, window) == []


def test_what_one_worker_was_told_counts_for_all(redis: Redis, redis_url: str) -> None:
    """The platform tells whom it answers; the others must not find out by being refused."""
    believed, real, connection = Window(110, 10.0), Window(11, 10.0), uuid4()
    other = Redis.from_url(redis_url)
    teller, listener = SharedMeter(redis), SharedMeter(other)
    teller.enter(connection, believed)
    teller.saw(connection, real, 3)
    for _ in range(3):
        listener.enter(connection, believed)
    with pytest.raises(Throttled) as told:
        listener.enter(connection, believed)
    assert told.value.wait_s is not None
    assert 0 < told.value.wait_s <= real.seconds + SLACK_S
    other.close()


def test_without_redis_each_worker_still_keeps_to_the_window() -> None:
    away = Redis(unix_socket_path="/nowhere/redis.sock", retry=Retry(NoBackoff(), 0))
    meter, window, connection = SharedMeter(away), Window(2, 10.0), uuid4()
    meter.enter(connection, window)
    meter.saw(connection, window, 0)
    with pytest.raises(Throttled):
        meter.enter(connection, window)
    away.close()


def test_threads_of_one_process_never_overdraw_the_window() -> None:
    """A lane keeps several calls under way, and they ask at the same instant."""
    window, meter = Window(50, 0.5), LocalMeter()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        calls = pressed([meter] * 8, ONE, window, 4 * window.most)
    finally:
        sys.setswitchinterval(before)
    assert too_many(calls, window) == []
