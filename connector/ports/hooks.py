"""Hooks: the news that people hear, sent on to receivers of the merchant's own, and the log of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from connector.ports.news import Waiting
from connector.ports.platform import Account

#: What a connection to a receiver says that its platform is.
RECEIVER = "hook"
#: Given as a key of one's own, it has a secret made.
NEW = "new"
#: The choice that says which kinds of news a receiver wants.
KINDS = "kinds"


@dataclass(frozen=True)
class Outgoing:
    """One delivery that is due, with what it says. id: the same at every try. tries: how many there were."""

    id: UUID
    tries: int
    news: Waiting


@dataclass(frozen=True)
class Ended:
    """How a try ended. status: of the answer, None where there was none. why: "" where the receiver took it.

    again: how long until the next try; None where this was the last.
    """

    id: UUID
    status: int | None = None
    why: str = ""
    again: timedelta | None = None


@dataclass(frozen=True)
class Logged:
    """One delivery as people look at it. at: when it was made; due_at: the next try, where it waits."""

    id: UUID
    url: str
    kind: str
    at: datetime
    state: str
    tries: int
    due_at: datetime | None
    status: int | None
    why: str


@dataclass(frozen=True)
class Answer:
    """What a receiver answered. wait: for how long it asks to be left alone."""

    status: int
    wait: timedelta = timedelta(0)


class Receiver(Protocol):
    """What calls a receiver."""

    def send(self, account: Account, delivery: UUID, body: bytes) -> Answer:
        """Sign the body and post it, once. Raises NotDone, Unknown and Refused where there was no answer."""


class Hooks(Protocol):
    """What is sent to receivers: each piece of news once to each that wants it, at least."""

    def queue(self, platform: str, limit: int) -> tuple[int, Sequence[UUID]]:
        """Make deliveries of news that was not looked at for receivers yet, the oldest first.

        platform: what connections to receivers say. Returns how much was looked at, and which receivers got any.
        """

    def take(self, connection: UUID, limit: int) -> Sequence[Outgoing]:
        """What is due, in order."""

    def next_at(self, connection: UUID) -> datetime | None:
        """When the first of what waits is due."""

    def settle(self, ended: Ended) -> None:
        """How a try ended, unless the delivery came to an end meanwhile."""

    def end(self, connection: UUID, reason: str) -> None:
        """The receiver was taken away: what waits for it is not sent."""

    def log(self, url: str, limit: int, *, failed: bool) -> Sequence[Logged]:
        """The newest deliveries first; url: "" for all receivers. failed: only those that were given up."""

    def again(self, ids: Collection[UUID]) -> Sequence[UUID]:
        """Have these sent again, as if for the first time; returns their receivers, each as often as it has some."""

    def failed_again(self, url: str) -> Sequence[UUID]:
        """The same for everything that was given up; url: "" for all receivers."""

    def since(self, platform: str, at: datetime, url: str) -> Sequence[UUID]:
        """The same for all news that was made since then, also what a receiver was never sent."""
