"""Who takes part: people as they come in, advocates as they stand, and how many of those who were asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from connector.domain.money import Money
from connector.ports.rows import Advocate


@dataclass(frozen=True)
class Entry:
    """One person to be enrolled, as somebody wrote them down. line: where they did, 0 where nobody counts.

    minted, vanity and redeem: codes that they share already and keep. brought: friends they brought before they came
    here. enrolled_at: None for now.
    """

    email: str
    line: int = 0
    name: str = ""
    way: str = "file"
    source: str = ""
    minted: str = ""
    vanity: tuple[str, ...] = ()
    redeem: tuple[str, ...] = ()
    groups: frozenset[str] = frozenset()
    brought: int = 0
    enrolled_at: datetime | None = None


@dataclass(frozen=True)
class Flaw:
    """What is wrong in a line of a list, and what to do about it."""

    line: int
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words}"


@dataclass(frozen=True)
class Newcomer:
    """A person on the way to being an advocate; the fields are those of an Entry."""

    person: UUID
    way: str = "staff"
    source: str = ""
    minted: str = ""
    brought: int = 0
    enrolled_at: datetime | None = None


@dataclass(frozen=True)
class Enrolment(Advocate):
    """An advocate as they come out of being enrolled. way and at: how and when they were. new: they were none before.

    token: opens their own pages; only here in clear, and only where they are new.
    """

    way: str
    at: datetime
    token: str = field(default="", repr=False)
    new: bool = False


@dataclass(frozen=True)
class Participation:
    """enrolled: all advocates. invited: all who were ever asked. joined: those of the invited who are advocates now."""

    enrolled: int
    invited: int
    joined: int

    @property
    def share(self) -> float | None:
        """Of those who were asked, how many came; None where nobody was."""
        return self.joined / self.invited if self.invited else None


@dataclass(frozen=True)
class Figures:
    """friends: who count. balance: credit that can still be spent; None for none, and where it is in several currencies."""

    friends: int
    balance: Money | None


class Roster(Protocol):
    def people(self, emails: Collection[str]) -> Mapping[str, UUID]:
        """The person behind each address, made if new; the address is kept sealed."""

    def enrol(self, program: UUID, newcomers: Sequence[Newcomer]) -> Mapping[UUID, Enrolment]:
        """Enrol people, or find them enrolled, each with a code; by the person that was named."""

    def add_codes(self, codes: Collection[tuple[UUID, str, str]]) -> set[tuple[UUID, str]]:
        """Further codes: advocate, code, kind. Returns those that belong to somebody else, which stay where they are."""

    def add_groups(self, groups: Collection[tuple[UUID, str]]) -> None:
        """Put people into groups by the word of staff; what they belong to already stands."""

    def invite(self, program: UUID, people: Collection[UUID], way: str) -> int:
        """Remember who was asked to take part; returns how many were asked for the first time."""

    def participation(self, program: UUID | None = None) -> Participation:
        """Of one program, or of all."""

    def get(self, advocate: UUID) -> Advocate | None: ...
    def unprofiled(self, connection: UUID, program: UUID, limit: int) -> Sequence[Advocate]:
        """Advocates whose own code does not stand on their record there yet, as far as anybody knows."""

    def profiled(self, connection: UUID, written: Mapping[UUID, str]) -> None:
        """Remember which code was written for each advocate, "" where the platform has no record of them."""

    def seek_again(self, connection: UUID, people: Collection[UUID] | None = None) -> None:
        """Those without a record there, or these among them, are to be looked for once more."""

    def write_anew(self, connection: UUID, people: Collection[UUID]) -> None:
        """What stands on these people's records there is old: it is to be written once more."""

    def figures(self, advocate: UUID) -> Figures:
        """How far this advocate has come."""

    def all(self, program: UUID | None = None) -> Sequence[Mapping[str, Any]]:
        """Every advocate with codes, groups and counts, in the order in which they were enrolled."""
