"""What happened on a platform before we came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from connector.domain.facts import ObjectRef
from connector.ports.inbound import Sighting
from connector.ports.platform import Account


@dataclass(frozen=True)
class Backfill:
    """One reading of a connection's history. place: where it stands, in the platform's words. signed: orders that bear

    a code of ours. failures: how often it began again. reason: why it ended early, "" where it did not.
    """

    since: datetime
    place: str
    seen: int
    total: int | None
    signed: int
    failures: int
    ended_at: datetime | None
    reason: str
    started_at: datetime


@dataclass(frozen=True)
class Horizon:
    """How far back a platform lets us read; None: as far as it goes. remedy: what the merchant can do to see more."""

    longest: timedelta | None = None
    remedy: str = ""


@dataclass(frozen=True)
class Chapter:
    """One part of a platform's history.

    place: where the next part begins, in the platform's own words; it survives restarts. seen and total: objects read
    so far, and in all where that is known. unripe: objects whose evidence the platform is still gathering.
    again_after: the platform is still preparing it; ask again then. lost: why all of it must be read from its
    beginning.
    """

    place: str
    seen: int = 0
    total: int | None = None
    sightings: tuple[Sighting, ...] = ()
    unripe: tuple[ObjectRef, ...] = ()
    done: bool = False
    again_after: timedelta | None = None
    lost: str = ""


class History(Protocol):
    """What a platform with the capability HISTORY can do."""

    def horizon(self, scopes: frozenset[str]) -> Horizon:
        """How far back these permissions reach."""

    def read_history(self, account: Account, since: datetime, place: str) -> Chapter:
        """The part of the history since `since` that begins at `place` ("" at first). Reading it twice is harmless."""
