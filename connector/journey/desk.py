"""What every step of the journey works with. Concrete classes are put here by `connector.wiring` alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from connector.mapping import Mapping as FieldMapping
from connector.ports.bills import Bills
from connector.ports.coupons import Coupons, Shelf
from connector.ports.forgetting import Forgetting
from connector.ports.history import History
from connector.ports.hooks import Receiver
from connector.ports.inbound import Inbound
from connector.ports.joining import Auth, Grant
from connector.ports.lists import Lists
from connector.ports.news import Telling
from connector.ports.offers import Offers
from connector.ports.platform import Manifest, Outbound
from connector.ports.steps import Steps
from connector.ports.store import Store


@dataclass(frozen=True)
class Timing:
    """How long things may take; `connector.config` checks that they fit each other at start.

    lease: a lane's. slice: how long a lane is worked before it is given back. call: the total deadline of one call.
    deadline: how long after an attempt is committed its bytes may still leave. quiet: how long after that an effect
    may still appear (None: as the platform's manifest says). sweep: between two sweeps. gather: how long an object
    without a sign of a referral waits for others, so that they are read together.
    """

    lease: timedelta = timedelta(seconds=60)
    slice: timedelta = timedelta(seconds=20)
    call: timedelta = timedelta(seconds=10)
    deadline: timedelta = timedelta(seconds=5)
    quiet: timedelta | None = None
    sweep: timedelta = timedelta(seconds=5)
    gather: timedelta = timedelta(seconds=60)


@dataclass(frozen=True)
class Platform:
    """One platform as the journey uses it.

    offers, history, lists, steps, bills, telling, forgetting, shelf and coupons: where its manifest has the capability;
    receiver: where it is one of the merchant's own. standing: what a merchant may be joined by without doing anything.
    secrets: the app's signing ones, newest first.
    """

    manifest: Manifest
    inbound: Inbound
    outbound: Callable[[], Outbound]
    offers: Callable[[], Offers]
    history: Callable[[], History]
    lists: Callable[[], Lists]
    steps: Callable[[], Steps]
    bills: Callable[[], Bills]
    telling: Callable[[], Telling]
    forgetting: Callable[[], Forgetting]
    shelf: Callable[[], Shelf]
    coupons: Callable[[], Coupons]
    receiver: Callable[[], Receiver]
    auth: Callable[[], Auth]
    standing: Callable[[UUID], Grant | None]
    mapping: FieldMapping | None
    secrets: Sequence[str]


@dataclass(frozen=True)
class Desk:
    """The tools of the journey. wake: tell a worker that a lane has work; losing the call loses nothing.

    marker_key: of the marks on our own movements. touch_key: of the notes that we sign for carts. public_url: where
    platforms reach us.
    """

    store: Store
    platforms: Mapping[str, Platform]
    timing: Timing
    marker_key: bytes
    touch_key: bytes
    public_url: str
    wake: Callable[[str], None]

    def quiet(self, platform: str) -> timedelta:
        """How long after an attempt's deadline its effect may still appear on this platform."""
        return self.timing.quiet if self.timing.quiet is not None else self.platforms[platform].manifest.quiet


@dataclass(frozen=True)
class Lane:
    """The connection whose lane is being worked."""

    merchant: UUID
    connection: UUID
    platform: Platform
