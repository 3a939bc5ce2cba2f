"""Rate limits: one bucket per connection, shared by all workers through Redis, corrected by what the platform says.

Without Redis each worker keeps its own bucket; the platform's answers correct it just the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID

from redis import Redis, RedisError

from connector.errors import Throttled

#: Until the platform has spoken we ask freely: its first answer says how much there is.
_KEEP_S = 3600

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
    """A bucket per connection in this process."""

    buckets: dict[UUID, _Bucket] = field(default_factory=dict)

    def take(self, connection: UUID, cost: float) -> None:
        """Reserve `cost`; raises Throttled with the wait when the bucket is too low."""
        bucket = self.buckets.get(connection)
        if bucket is None:
            return
        now = time.monotonic()
        available = bucket.at_now(now)
        cost = min(cost, bucket.maximum)
        if available < cost:
            raise Throttled("our share of the rate limit is used up", wait_s=(cost - available) / bucket.per_second)
        bucket.available, bucket.at = available - cost, now

    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None:
        """Correct the bucket by what the platform just said; what calls under way have reserved stays reserved."""
        now, known = time.monotonic(), self.buckets.get(connection)
        if known is not None:
            available = min(available, known.at_now(now) + back)
        self.buckets[connection] = _Bucket(available, maximum, max(per_second, 0.001), now)


class SharedMeter:
    """A bucket per connection in Redis; when Redis is away, the local one."""

    def __init__(self, redis: Redis) -> None:
        self.redis, self.local = redis, LocalMeter()
        self._take, self._learn = redis.register_script(_TAKE), redis.register_script(_LEARN)

    def take(self, connection: UUID, cost: float) -> None:
        try:
            wait = float(self._take(keys=[f"bucket:{connection}"], args=[cost]))
        except RedisError:
            self.local.take(connection, cost)
            return
        if wait:
            raise Throttled("our share of the rate limit is used up", wait_s=wait)

    def learn(self, connection: UUID, *, available: float, maximum: float, per_second: float, back: float) -> None:
        self.local.learn(connection, available=available, maximum=maximum, per_second=per_second, back=back)
        try:
            self._learn(keys=[f"bucket:{connection}"], args=[available, maximum, max(per_second, 0.001), _KEEP_S, back])
        except RedisError:
            return  # the local bucket has it
