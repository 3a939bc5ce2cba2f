"""Waking from a web process: no delivery waits for Redis, none is forgotten, and many of one merchant wake once."""

from __future__ import annotations

from threading import Event

from connector.lanes.wake import Soon
from tests.journey.money import until


def test_what_is_named_while_a_wake_up_is_under_way_is_woken_after_it() -> None:
    """Else a delivery that came a moment too late would wait for the sweeper."""
    woken, under_way, go = list[str](), Event(), Event()

    def wake(lane: str) -> None:
        woken.append(lane)
        under_way.set()
        assert go.wait(20), "nobody let this wake-up go on"

    soon = Soon(wake)
    soon("m:anna")
    assert under_way.wait(20), "the first is woken at once, with nobody waiting for it"
    for _ in range(100):
        soon("m:anna")
        soon("m:ben")
    go.set()
    until(lambda: len(woken) == 3, "what was named meanwhile to be woken")
    assert sorted(woken[1:]) == ["m:anna", "m:ben"], "each once, however often it was named"
