"""Whose: the referrals behind a record in somebody's CRM, be it a person or a purchase."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.ports.store import Tx


def behind(tx: Tx, connection: UUID, ref: ObjectRef) -> Sequence[UUID]:
    """Referrals that this purchase belongs to, then those of the friend whose record it is; each program's own."""
    found = list(tx.referrals.by_purchase(connection, ref))
    if (person := tx.people.find(connection, ref.kind, ref.id)) is not None:
        found += [each for program in tx.programs.current() if (each := tx.referrals.of_friend(program.id, person))]
    return list(dict.fromkeys(found))
