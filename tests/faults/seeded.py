"""A copy of the product with a mistake in it: what a test must notice, or it proves nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults.plant import ROOT

Slip = tuple[str, str, str]


def copy_with(folder: Path, *slips: Slip) -> None:
    """Copy the product and its tests there; of each (file, what stands there once, what stands instead) the latter."""
    for part in ("connector", "adapters", "mappings", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, standing, instead in slips:
        text = (folder / file).read_text()
        assert text.count(standing) == 1, f"{file} no longer says {standing!r}"
        (folder / file).write_text(text.replace(standing, instead))
