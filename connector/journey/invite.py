"""Invite: people are asked to take part, and it is remembered who was, so that it shows how many came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from connector.domain.person import EMAIL
from connector.journey.enrol import address
from connector.ports.roster import Participation
from connector.ports.store import Tx


@dataclass(frozen=True)
class Invited:
    """new: people who were asked for the first time. again: those who had been asked before."""

    new: int
    again: int


def invite(tx: Tx, program: UUID, emails: Sequence[str], *, way: str = "staff") -> Invited:
    """Remember that these people were asked; their addresses are kept sealed, to write to them. Raises ConfigError."""
    tx.people.hold()
    people = set()
    for email in map(address, emails):
        person = tx.people.resolve(None, [(EMAIL, email)])
        if person is not None:
            people.add(person)
            if tx.people.email(person) is None:
                tx.people.keep_email(person, email)
    new = tx.roster.invite(program, people, way)
    return Invited(new, len(people) - new)


def participation(tx: Tx, program: UUID | None = None) -> Participation:
    """How many are enrolled, how many were asked, and how many of those came; of all programs where none is named."""
    return tx.roster.participation(program)
