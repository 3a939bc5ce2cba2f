"""A plant of its own for each test: these tests end servers and processes, so nothing is shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.plant import Plant

MakePlant = Callable[..., Plant]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A private folder that the servers' own account can pass through."""
    with TemporaryDirectory(prefix="connector-fault-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def make_plant(open_folder: Path) -> Iterator[MakePlant]:
    """The plant of this test, with the settings it asks for; it ends with the test."""
    with ExitStack() as opened:
        yield lambda **changes: opened.enter_context(Plant(open_folder, **changes))


@pytest.fixture
def plant(make_plant: MakePlant) -> Plant:
    """The plant as most tests want it."""
    return make_plant()
