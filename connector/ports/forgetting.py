"""Forgetting: what a platform holds of ours about somebody is taken off, once they are to be forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from connector.ports.platform import Account


@dataclass(frozen=True)
class Leftover:
    """Somebody of whom something of ours may stand with an account: by its own id of them, else by their address."""

    id: UUID
    person: str = ""
    email: str = field(default="", repr=False)


class Forgetting(Protocol):
    """Where a manifest has the capability `forget`."""

    def take_off(self, account: Account, people: Sequence[Leftover]) -> None:
        """Unset all that is ours on the records of up to `write_batch` people, and nothing else.

        Whoever is not there needs nothing; taking it off again changes nothing. Raises NotDone, Unknown, Refused and Gone
        for all of them: then it is asked for again.
        """


class Leftovers(Protocol):
    """Whom platforms are still to forget."""

    def leave(self, person: UUID, connections: Collection[UUID], emails: Collection[str]) -> None:
        """Before they are forgotten here: by what each of these connections knows them, and these addresses."""

    def waiting(self, connection: UUID, limit: int) -> Sequence[Leftover]: ...
    def done(self, ids: Collection[UUID]) -> None: ...
