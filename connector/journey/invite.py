"""Invite: people are asked to take part, and it is remembered who was, so that it shows how many came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from connector.journey.enrol import address
from connector.journey.happened import invited
from connector.ports.roster import Participation
from connector.ports.store import Tx


@dataclass(frozen=True)
class Invited:
    """new: people who were asked for the first time. again: those who had been asked before."""

    new: int
    again: int


def invite(tx: Tx, program: UUID, emails: Sequence[str], *, way: str = "staff") -> Invited:
    """Remember that these people were asked; their addresses are kept sealed, to write to them. Raises ConfigError."""
    people = {*tx.roster.people([address(email) for email in emails]).values()}
    new = tx.roster.invite(program, people, way)
    invited(tx, program, sorted(people))
    return Invited(new, len(people) - new)


def participation(tx: Tx, program: UUID | None = None) -> Participation:
    """How many are enrolled, how many were asked, and how many of those came; of all programs where none is named."""
    return tx.roster.participation(program)
