"""Erase: somebody is forgotten wherever they are named. The pseudonymous ledger stays, so that nothing is paid twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from connector.domain.person import EMAIL, PHONE
from connector.journey.tasks import FORGETS, TAKE_OFF
from connector.ports.platform import Seen
from connector.ports.rows import Erased, connection_lane
from connector.ports.store import Tx


def forget(tx: Tx, connection: UUID | None, named: Sequence[Seen], kind: str, until: datetime) -> int:
    """Forget everybody among `named`, and what names them; returns how many people were known.

    kind: what the platform calls a person; whatever else is named is an object of theirs. until: what is said of them
    later is about somebody new.
    """
    tx.people.hold()  # a read of their order that is being kept now is kept before or after, and seen in both cases
    found = [_erase(tx, person, named) for person in sorted(tx.people.known(connection, named))]
    themselves = [each for each in named if each.kind in (EMAIL, PHONE, kind)]
    theirs = [each for each in named if each not in themselves]
    names = {*tx.people.names(connection, themselves), *(name for each in found for name in each.names)}
    objects = {*tx.people.names(connection, theirs), *(name for each in found for name in each.objects)}
    tx.people.forget_asked(sorted(names))
    tx.deliveries.forget(names, until, objects)
    texts = [each.value for each in named] + [text for each in found for text in each.texts]
    tx.deliveries.forget_unread(_spellings(texts))
    return len(found)


def _erase(tx: Tx, person: UUID, named: Sequence[Seen]) -> Erased:
    """Forget one of them here, and have every account that can forget them do so too."""
    connections = tx.connections.bearing(FORGETS)
    if connections:
        emails = {each.value for each in named if each.kind == EMAIL} | {*filter(None, [tx.people.email(person)])}
        tx.leftovers.leave(person, connections, emails)
        for each in connections:
            tx.tasks.mark(connection_lane(each), TAKE_OFF, [TAKE_OFF])
    return tx.people.erase(person)


def _spellings(texts: Iterable[str]) -> set[str]:
    """As they stand, and the number at the end of a platform's long name of a thing."""
    return {spelling for text in texts for spelling in (text, text.rpartition("/")[2])}


def forget_account(tx: Tx, connection: UUID) -> None:
    """Forget an account that was removed for good, with everybody who is known through it alone."""
    tx.connections.close(connection, "removed", "the account was removed for good, and what was personal is forgotten")
    tx.people.erase_account(connection)
    tx.deliveries.forget_account(connection)
    tx.tasks.drop(connection_lane(connection))
