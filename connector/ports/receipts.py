"""What people ask of the memory about one referral or reward: why, when, and by what proof. All but `hear` only reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from connector.domain.facts import Fact, ObjectRef
from connector.domain.money import Money
from connector.ports.rows import Referral, Reward

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Heard:
    """A delivery told of an object. digest: SHA-256 of its raw bytes, which outlives them."""

    connection: UUID
    ref: ObjectRef
    delivery: UUID
    topic: str
    digest: bytes
    at: datetime


@dataclass(frozen=True)
class Returned:
    """A reversal as people ask for it; `taken` is what the account still held of `amount`."""

    id: UUID
    amount: Money
    taken: Money
    state: str
    reason: str
    transaction: str


@dataclass(frozen=True)
class Promise:
    """A reward as people ask for it. sum: how the amount came about; late: it should have been there by now."""

    reward: Reward
    reason: str
    sum: str
    due_at: datetime | None
    issued_at: datetime | None
    late: bool
    returned: tuple[Returned, ...]


@dataclass(frozen=True)
class Pinned:
    """The program version that a referral was promised, as the merchant wrote it, with what it may cost by today's word."""

    slug: str
    version: int
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Stands:
    """What was decided last about a referral, and written down."""

    stage: str
    rule: str
    reason: str
    review: str
    decided_at: datetime | None


class Receipts(Protocol):
    def hear(self, heard: Collection[Heard]) -> None:
        """Remember which deliveries told of these objects, each once."""

    def find(self, needle: str) -> Sequence[UUID]:
        """Referrals by their id, a code, or the platform's id or number of a purchase, oldest first."""

    def stands(self, referral: UUID) -> Stands: ...
    def program(self, referral: Referral) -> Pinned: ...
    def promises(self, referral: UUID) -> Sequence[Promise]:
        """The rewards of a referral, not locked."""

    def cared(self) -> Sequence[tuple[UUID, Fact]]:
        """What may call for care, each with the referral that it is about."""

    def owner(self, reward: UUID) -> UUID | None:
        """The referral that a reward belongs to."""

    def proof(self, reward: UUID, referral: Referral) -> Mapping[str, Any]:
        """The rows that prove a reward, as they are stored, by section of its receipt."""
