"""What the figures were measured on: enough to judge them by, and nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from redis import Redis
from sqlalchemy import create_engine, text

from connector import clock


def cores() -> int:
    return len(os.sched_getaffinity(0))


def head(postgres_url: str, redis_url: str) -> str:
    """The head of docs/bench.md."""
    facts = [
        f"{cores()} cores of {_cpu()}",
        f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB of memory",
        f"Python {platform.python_version()}",
        f"PostgreSQL {_postgres(postgres_url)}",
        f"Redis {_redis(redis_url)}" if redis_url else "no Redis",
    ]
    return (
        "# What it costs, and how fast it is\n\n"
        f"Written by `make bench`, {clock.now():%Y-%m-%d %H:%M} UTC, and by nothing else: {', '.join(facts)}.\n"
        "Load, servers, stand-ins and the product share these cores. Rates move with the machine; ratios are medians of\n"
        "interleaved slices, and counts are the same everywhere: a missed count fails `make bench`, a missed ratio is told."
    )


def _cpu() -> str:
    named = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return named[1].strip() if named else platform.machine()


def _postgres(url: str) -> str:
    engine = create_engine(url)
    with engine.connect() as session:
        version = str(session.execute(text("SHOW server_version")).scalar_one())
    engine.dispose()
    return version.split(maxsplit=1)[0]


def _redis(url: str) -> str:
    with Redis.from_url(url) as client:
        return str(client.info("server")["redis_version"])
