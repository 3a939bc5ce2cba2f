"""What a platform sends us, verified and read: shapes of `inbound.py` in every platform folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connector.domain.facts import ObjectRef, Told
from connector.domain.touch import Touch
from connector.ports.platform import Seen


@dataclass(frozen=True)
class Inbox:
    """One HTTP request as it arrived, with its query in `path`. Header names are lower case; `body` is what was signed.

    base: our own public address, as we know it ourselves: a Host header is anybody's word.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    base: str = ""


@dataclass(frozen=True)
class Item:
    """One verified delivery, split off its request.

    account: the platform's name of the account it claims to be from. key: identifies a repeated delivery; it saves
    work and guards nothing. known: False where we have no way to read this topic.
    """

    account: str
    topic: str
    key: str
    body: bytes
    triggered_at: datetime | None = None
    known: bool = True


@dataclass(frozen=True)
class Sighting:
    """An object whose truth is worth reading.

    hints: texts on it that may be codes; a known one means read it now. touches: evidence that only this delivery
    carries and a later read does not show. also: another name of the object, under which evidence may have come.
    grows: it may come to bear evidence later, as a deal does, so that each word about it is worth a look.
    """

    ref: ObjectRef
    as_of: datetime
    hints: tuple[str, ...] = ()
    touches: tuple[Touch, ...] = ()
    also: ObjectRef | None = None
    grows: bool = False


@dataclass(frozen=True)
class Reading:
    """What one delivery tells us. outcome: one of a closed list of words, shown to the merchant with `reason`.

    people: everybody whom its bytes name, so that they can be forgotten.
    """

    outcome: str
    reason: str
    sightings: tuple[Sighting, ...] = ()
    facts: tuple[Told, ...] = ()
    people: tuple[Seen, ...] = ()


@dataclass(frozen=True)
class Said:
    """The body of our answer, and of what type it is."""

    body: bytes = b""
    type: str = "application/json"


@dataclass(frozen=True)
class Visitor:
    """Who asks from inside the platform's storefront, as its signature proves: the account, and the buyer if known."""

    account: str
    person: str = ""


class Inbound(Protocol):
    """Bytes and headers in, verified items out; no network, no SDK."""

    def receive(self, inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
        """Verify and split in one step. Raises Rejected; unverified data never gets a name."""

    def read(self, topic: str, body: bytes, at: datetime) -> Reading:
        """What a stored delivery says. Raises ValueError with a reason for a body that cannot be read.

        at: when the platform says it happened, else when it came; for bodies that tell no time of their own.
        """

    def reply(self, inbox: Inbox) -> Said:
        """What the platform wants to hear once a verified request was kept; nothing mostly."""

    def visitor(self, inbox: Inbox, secrets: Sequence[str]) -> Visitor:
        """Who sent this request through the platform's own pages. Raises Rejected for what it did not sign."""

    def purchase(self, number: str) -> ObjectRef:
        """The purchase that people mean by this number, as the platform shows it. Raises ValueError for what is none."""
