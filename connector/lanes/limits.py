"""Rate limits: one bucket or window per connection, shared by all workers through Redis, corrected by the platform.

Without Redis each worker keeps its own; the platform's answers correct it just the same. A bucket fills steadily and
may be emptied at once; a window lets so many calls through in any so many seconds, so each call is remembered until it
has left the window.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from uuid import UUID, uuid4

from redis import Redis, RedisError

from connector.errors import Throttled
from connector.ports.meter import Window

#: Until the platform has spoken we ask freely: its first answer says how much there is.
_KEEP_S = 3600
_FULL = "our share of the rate limit is used up"

_TAKE = """
local bucket = redis.call('HMGET', KEYS[1], 'available', 'maximum', 'per_second', 'at')
if not bucket[1] then return '0' end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local available = math.min(tonumber(bucket[2]), bucket[1] + (now - bucket[4]) * bucket[3])
local cost = math.min(tonumber(ARGV[1]), tonumber(bucket[2]))
if available < cost then return tostring((cost - available) / bucket[3]) end
redis.call('HSET', KEYS[1], 'available', available - cost, 'at', now)
return '0'
"""

_LEARN = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local known = redis.call('HMGET', KEYS[1], 'available', 'maximum', 'per_second', 'at')
local available = tonumber(ARGV[1])
if known[1] then
  local ours = math.min(tonumber(known[2]), known[1] + (now - known[4]) * known[3]) + ARGV[5]
  available = math.min(available, ours)
end
redis.call('HSET', KEYS[1], 'available', available, 'maximum', ARGV[2], 'per_second', ARGV[3], 'at', now)
redis.call('EXPIRE', KEYS[1], ARGV[4])
"""


#: Calls take unlike times to arrive: one that left later may be counted there while an earlier one still is.
SLACK_S = 0.25

_ENTER = """
local learned = redis.call('HMGET', KEYS[2], 'most', 'seconds')
local most, seconds = tonumber(learned[1] or ARGV[1]), tonumber(learned[2] or ARGV[2]) + ARGV[3]
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - seconds)
local inside = redis.call('ZCARD', KEYS[1])
if inside >= most then
  local oldest = redis.call('ZRANGE', KEYS[1], inside - most, inside - most, 'WITHSCORES')
  return tostring(math.max(oldest[2] + seconds - now, 0.001))
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('EXPIRE', KEYS[1], math.ceil(seconds))
return '0'
"""

# Calls that the platform counts and we do not, such as another app's, fill our window as if they had been made now.
_SAW = """
redis.call('HSET', KEYS[2], 'most', ARGV[1], 'seconds', ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[5])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local seconds = ARGV[2] + ARGV[6]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - seconds)
local lacking = math.min(ARGV[1] - ARGV[3] - redis.call('ZCARD', KEYS[1]), tonumber(ARGV[1]))
for place = 1, lacking do redis.call('ZADD', KEYS[1], now, ARGV[4] .. place) end
redis.call('EXPIRE', KEYS[1], math.ceil(seconds))
"""


@dataclass
class _Window:
    """The calls of one connection that are still in its window, oldest first."""

    limit: Window
    calls: deque[float] = field(default_factory=deque)

    def inside(self, now: float) -> int:
        while self.calls and self.calls[0] <= now - self.limit.seconds - SLACK_S:
            self.calls.popleft()
        return len(self.calls)


@dataclass
class _Bucket:
    available: float
    maximum: float
    per_second: float
    at: float

    def at_now(self, now: float) -> float:
        return min(self.maximum, self.available + (now - self.at) * self.per_second)


@dataclass
class LocalMeter:
    """A bucket and a window per connection in this process, whose threads ask at the same instant."""

    buckets: dict[UUID, _Bucket] = field(default_factory=dict)
    windows: dict[UUID, _Window] = field(default_factory=dict)
    guard: Lock = field(default_factory=Lock)

    def take(self, connection: UUID, cost: float) -> None:
        """Reserve `cost`; raises Throttled with the wait when the bucket is too low."""
        with self.guard:
            bucket = self.buckets.get(connection)
            if bucket is None:
                return
            now = time.monotonic()
            available = bucket.at_now(now)
            cost = min(cost, bucket.maximum)
            if available < cost:
                raise Throttled(_FULL, wait_s=(cost - available) / bucket.per_second)
            bucket.available, bucket.at = available - cost, now

    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None:
        """Correct the bucket by what the platform just said; what calls under way have reserved stays reserved."""
        with self.guard:
            now, known = time.monotonic(), self.buckets.get(connection)
            if known is not None:
                available = min(available, known.at_now(now) + back)
            self.buckets[connection] = _Bucket(available, maximum, max(per_second, 0.001), now)

    def enter(self, connection: UUID, window: Window) -> None:
        """Count one call; raises Throttled with the wait when the window is full."""
        with self.guard:
            now, kept = time.monotonic(), self.windows.setdefault(connection, _Window(window))
            inside = kept.inside(now)
            if inside >= kept.limit.most:
                wait = kept.calls[inside - kept.limit.most] + kept.limit.seconds + SLACK_S - now
                raise Throttled(_FULL, wait_s=max(wait, 0.001))
            kept.calls.append(now)

    def saw(self, connection: UUID, window: Window, left: int) -> None:
        """Keep the platform's own word of its window, and fill ours up to what it counts."""
        with self.guard:
            now, kept = time.monotonic(), self.windows.setdefault(connection, _Window(window))
            kept.limit = window
            kept.calls.extend([now] * min(window.most - left - kept.inside(now), window.most))


class SharedMeter:
    """A bucket per connection in Redis; when Redis is away, the local one."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.local = redis, LocalMeter()
        self._take, self._learn = redis.register_script(_TAKE), redis.register_script(_LEARN)
        self._enter, self._saw = redis.register_script(_ENTER), redis.register_script(_SAW)

    def take(self, connection: UUID, cost: float) -> None:
        try:
            wait = float(self._take(keys=[f"bucket:{connection}"], args=[cost]))
        except RedisError:
            self.local.take(connection, cost)
            return
        if wait:
            raise Throttled(_FULL, wait_s=wait)

    def enter(self, connection: UUID, window: Window) -> None:
        args: list[str | int | float] = [window.most, window.seconds, SLACK_S, uuid4().hex]
        try:
            wait = float(self._enter(keys=_places(connection), args=args))
        except RedisError:
            self.local.enter(connection, window)
            return
        if wait:
            raise Throttled(_FULL, wait_s=wait)

    def saw(self, connection: UUID, window: Window, left: int) -> None:
        args: list[str | int | float] = [window.most, window.seconds, left, uuid4().hex, _KEEP_S, SLACK_S]
        try:
            self._saw(keys=_places(connection), args=args)
        except RedisError:
            self.local.saw(connection, window, left)

    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None:
        self.local.learn(connection, available=available, maximum=maximum, per_second=per_second, back=back)
        try:
            self._learn(keys=[f"bucket:{connection}"], args=[available, maximum, max(per_second, 0.001), _KEEP_S, back])
        except RedisError:
            return  # the local bucket has it


def _places(connection: UUID) -> list[str]:
    """Where a connection's calls are, and what the platform said of its window."""
    return [f"window:{connection}", f"window-limit:{connection}"]
