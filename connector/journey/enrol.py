"""Enrol: a person becomes an advocate with a code of their own."""

from __future__ import annotations

from uuid import UUID

from connector.domain.person import EMAIL
from connector.errors import ConfigError
from connector.ports.rows import Advocate
from connector.ports.store import Tx

#: The longest address that mail servers accept (RFC 5321).
MAX_EMAIL = 254


def enrol(tx: Tx, program: UUID, email: str) -> Advocate:
    """Enrol the person with this e-mail, or find them enrolled; their address is kept sealed, to find their account."""
    if email.count("@") != 1 or not all(email.strip().split("@")) or len(email) > MAX_EMAIL:
        raise ConfigError([f"{email!r} is no e-mail address"])
    person = tx.people.resolve(None, [(EMAIL, email)])
    if person is None:
        raise ConfigError([f"{email!r} is no e-mail address"])
    tx.people.keep_email(person, email)
    advocate, code = tx.programs.enrol(program, person)
    tx.offers.mark(program)
    return Advocate(advocate, program, person, code)
