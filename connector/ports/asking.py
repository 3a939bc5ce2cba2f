"""Asking: moments after which somebody may be asked for a referral, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from connector.domain.asking import Answer, Moment, Past, Prompt
from connector.domain.facts import Fact


@dataclass(frozen=True)
class Ask:
    """One moment of one person that waits for a decision."""

    id: UUID
    program: UUID
    person: UUID
    prompt: Prompt
    at: datetime


@dataclass(frozen=True)
class Effect:
    """What became of those with one answer: how many people, how many of them take part now, friends who count by them."""

    answer: str
    people: int
    joined: int
    friends: int


@dataclass(frozen=True)
class Known:
    """Somebody who could be asked, with all that speaks for and against it. code: their own, "" where they have none."""

    person: UUID
    code: str
    facts: Sequence[Fact]
    past: Past


class Asks(Protocol):
    def add(self, program: UUID, person: UUID, moments: Sequence[Moment]) -> Sequence[tuple[UUID, datetime]]:
        """Keep the moments that are not there yet; returns their ids and times."""

    def waiting(self, ids: Collection[UUID]) -> Sequence[Ask]:
        """Those among them that are not decided."""

    def known(self, people: Collection[UUID]) -> Sequence[Known]: ...
    def asked_since(self, program: UUID, since: datetime) -> int: ...
    def decide(self, ask: UUID, answer: Answer, why: str, score: int) -> None:
        """What was decided; `later` is only noted."""

    def people(self, program: UUID, limit: int) -> Sequence[UUID]:
        """Whoever had such a moment or takes part, the latest first."""

    def effects(self, program: UUID) -> Sequence[Effect]:
        """What came of asking, and of not asking those who are held out."""
