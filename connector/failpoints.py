"""Named places where a fault test may stop, kill or delay this process. In production every one is a no-op.

`FAILPOINTS="name=action,..."` with the actions `exit` (die at once), `stop` (SIGSTOP this process) and `sleep:S`;
`name=action@N` acts only the Nth time the place is reached.
"""

from __future__ import annotations

import os
import signal
import threading
import time

_PLAN: dict[str, tuple[str, int]] = {}
_COUNT: dict[str, int] = {}

for _entry in filter(None, os.environ.get("FAILPOINTS", "").split(",")):
    _name, _, _action = _entry.partition("=")
    _action, _, _nth = _action.partition("@")
    _PLAN[_name] = (_action, int(_nth or 0))


def reach(name: str) -> None:
    """Mark a place. Costs one look into an empty table unless a fault test has planned something here."""
    if name not in _PLAN:
        return
    action, nth = _PLAN[name]
    _COUNT[name] = _COUNT.get(name, 0) + 1
    if nth and _COUNT[name] != nth:
        return
    if action == "exit":
        os._exit(137)
    elif action == "stop":
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)  # this thread goes no step further
    elif action.startswith("sleep:"):
        time.sleep(float(action[6:]))
