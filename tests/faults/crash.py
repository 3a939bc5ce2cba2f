"""A worker of the product that dies at a named place, as a process of its own: for tests of what its death leaves.

    die_at(shop, "issue.answered")       works all that is due until it dies there
    pass_over(shop)                      the lease of the dead has run out

`python -m tests.faults.crash` is that worker: it works all lanes that are due, and ends when none is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from connector.lanes import due
from connector.wiring import open_app

if TYPE_CHECKING:  # the child needs none of it, and starts the sooner
    from tests.shop import Shop

ROOT = Path(__file__).parents[2]
#: How a process that a failpoint ended looks to its parent.
DIED = 137
#: A worker that neither dies nor ends is a failure of its own; no test depends on how fast it is.
_BOUND_S = 60


def die_at(shop: Shop, place: str) -> None:
    """Work what is due in a new process until it dies at `place`. A place that is never reached fails the test."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    environment = {**kept, **shop.app.environ, "PYTHONPATH": str(ROOT), "FAILPOINTS": f"{place}=exit@1"}
    command = [sys.executable, "-m", "tests.faults.crash"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=_BOUND_S, check=False
    )
    assert ended.returncode == DIED, f"it should have died at {place}: {ended.returncode} {ended.stderr[-2000:]}"


def pass_over(shop: Shop) -> None:
    """What a dead worker held is free again: its lane, and its turn to renew a token."""
    past = "clock_timestamp() - interval '1 s'"
    shop.rows(f"UPDATE lane SET expires_at = {past} WHERE owner IS NOT NULL RETURNING id")
    shop.rows(f"UPDATE connection SET refresh_until = {past} WHERE refresh_until IS NOT NULL RETURNING id")


def main() -> None:
    """Work all lanes that are due until none is."""
    with open_app() as app:
        while lanes := due.lanes(app.database):
            for lane in lanes:
                app.workshop.work(lane.id)


if __name__ == "__main__":
    main()
