"""What is kept of the past, read page by page to see what another program would have made of it. Nothing is locked."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from connector.domain.case import Stage
from connector.domain.facts import Fact, ObjectRef
from connector.domain.fraud import Evidence
from connector.domain.money import Money
from connector.domain.program import Mode
from connector.domain.rehearsal import Stood
from connector.domain.touch import Touch
from connector.ports.platform import Truth
from connector.ports.rows import RewardState

#: One object on one connection.
Place = tuple[UUID, ObjectRef]


@dataclass(frozen=True)
class Extent:
    """How much there is since a moment. unread: objects that showed no sign of a referral and were never read in full.

    guests: purchases of nobody whom we know.
    """

    purchases: int
    unread: int
    guests: int


@dataclass(frozen=True)
class Purchase:
    """A purchase as it was read last. platform: of its connection. touches: with those that a delivery alone carried."""

    connection: UUID
    platform: str
    friend: UUID
    placed_at: datetime
    truth: Truth
    touches: tuple[Touch, ...]

    @property
    def place(self) -> Place:
        return self.connection, self.truth.ref


@dataclass(frozen=True)
class StoodReferral:
    """A referral as it stands, with its people under the rows that stand for them.

    placed_at: of the purchase it waits for or was converted by, None where none was read. places: the purchases that
    belong to it, oldest first; converted: whether it claimed them. settled: money of it may have moved. trouble: what a
    person should see to, "" for nothing.
    """

    id: UUID
    version: int
    advocate: UUID
    advocate_person: UUID
    friend: UUID
    connection: UUID
    captured_at: datetime
    touch: Touch
    stage: Stage
    rule: str
    reason: str
    places: tuple[Place, ...]
    placed_at: datetime | None
    converted: bool
    qualified_at: datetime | None
    evidence: Evidence | None
    rewards: tuple[Stood, ...]
    settled: bool
    paid_out: bool
    trouble: str = ""

    @property
    def own(self) -> Place:
        """Under which people's words about the referral itself are kept."""
        return self.connection, ObjectRef("referral", str(self.id))


@dataclass(frozen=True)
class Promise:
    """A reward that was promised, and how it went. due_at: when it was promised for; issued_at: when it was delivered.

    short: what a debit that took it back did not find.
    """

    id: UUID
    referral: UUID
    state: RewardState
    due_at: datetime
    issued_at: datetime | None
    reason: str
    short: Money | None


class Past(Protocol):
    def extent(self, since: datetime) -> Extent: ...
    def purchases(self, since: datetime) -> Iterator[Sequence[Purchase]]:
        """Purchases of people whom we know that were placed since then, oldest first, page by page."""

    def referrals(self, program: UUID) -> Sequence[StoodReferral]:
        """All referrals of a program, earliest first."""

    def facts(self, places: Collection[Place]) -> Mapping[Place, Sequence[tuple[str, Fact]]]:
        """All that is known of these objects, each fact with its platform's name; what nothing is known of is absent."""

    def promises(self, program: UUID) -> Sequence[Promise]:
        """All rewards of a program that still stand."""

    def records(self, program: UUID) -> Mapping[UUID, str | None]:
        """Referrals whose record is not written: why it was refused, None for one that is only waiting."""

    def advocates(self, program: UUID) -> Mapping[UUID, UUID]:
        """Every advocate of a program, and the row that stands for the person."""

    def versions(self, program: UUID, mode: Mode) -> frozenset[int]:
        """The versions of a program that were in this mode."""

    def groups(self, people: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
        """The audiences of these people; who is in none is absent."""
