"""Revisions of the API: each lives two years; after that a call falls forward to the oldest that still lives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from adapters.klaviyo.sandbox.answers import Refusal, invalid_parameter

#: The newest is what is played here. Those before have the same paths, as far as this stand-in speaks them.
NEWEST = "2026-10-15"
REVISIONS = (
    "2023-02-22", "2023-06-15", "2023-07-15", "2023-08-15", "2023-09-15", "2023-10-15", "2023-12-15", "2024-02-15",
    "2024-05-15", "2024-06-15", "2024-07-15", "2024-10-15", "2025-01-15", "2025-04-15", "2025-07-15", "2025-10-15",
    "2026-01-15", "2026-04-15", "2026-07-15", NEWEST,
)  # fmt: skip
OPT_OUT = "X-Klaviyo-Revision-Fall-Forward-Opt-Out"


def served(headers: Mapping[str, str], now: datetime) -> str:
    """The revision that a request gets. Raises Refusal where it names none, or a retired one without falling forward."""
    asked = headers.get("revision") or ""
    if asked not in REVISIONS:
        words = f"'{asked}' is not a valid revision." if asked else "A revision header is required."
        raise invalid_parameter(words, "revision")
    if not _retired(asked, now):
        return asked
    if headers.get(OPT_OUT) == "1":
        raise Refusal(410, "gone", "Gone.", f"Revision {asked} is retired.")
    return next(each for each in REVISIONS if each == NEWEST or not _retired(each, now))


def _retired(revision: str, now: datetime) -> bool:
    born = date.fromisoformat(revision)
    return born.replace(year=born.year + 2) <= now.date()
