"""Roster: whole lists of advocates come in and go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from connector.journey.enrol import allow, enrol_entries, program_of
from connector.ports.roster import Enrolment, Entry, Flaw
from connector.ports.rows import ProgramVersion
from connector.ports.store import Store, Tx

#: People in one transaction: the merchant's other new people wait that long, and a crash loses no more than that.
BATCH = 200


@dataclass(frozen=True)
class Taken:
    """What came of one part of a list. enrolled: new advocates; known: those who were it before."""

    enrolled: int
    known: int
    flaws: tuple[Flaw, ...]


class _Undone(Exception):
    """Ends a rehearsal: nothing of its transaction stays."""


def take(
    store: Store, merchant: UUID, program: UUID, entries: Sequence[Entry], *, rehearse: bool = False
) -> Iterator[Taken]:
    """Enrol everybody on a list, part by part; what stands already stays as it is. rehearse: tell, and keep nothing.

    Raises ConfigError before the first part where the program takes in no lists.
    """
    with store.begin(merchant) as tx:
        allow(program_of(tx, program).program, "file")
    rest = iter(entries)
    while part := list(islice(rest, BATCH)):
        with suppress(_Undone), store.begin(merchant) as tx:
            taken = _take(tx, program_of(tx, program), part)
            if rehearse:
                raise _Undone
        yield taken


def _take(tx: Tx, program: ProgramVersion, part: Sequence[Entry]) -> Taken:
    made = enrol_entries(tx, program, part)
    codes = [
        (made[entry.email].id, code, kind)
        for entry in part
        for kind, found in (("redeem", entry.redeem), ("vanity", (*entry.vanity, *_old(entry, made[entry.email]))))
        for code in found
    ]
    taken = {code for _, code in tx.roster.add_codes(codes)}
    flaws = tuple(flaw for entry in part for flaw in _flaws(entry, made[entry.email], taken))
    advocates = {one.id: one for one in made.values()}
    new = sum(one.new for one in advocates.values())
    return Taken(new, len(advocates) - new, flaws)


def _old(entry: Entry, made: Enrolment) -> tuple[str, ...]:
    """A minted code that could not stay theirs over all merchants."""
    return (entry.minted,) if entry.minted not in ("", made.code) else ()


def _flaws(entry: Entry, made: Enrolment, taken: set[str]) -> Iterator[Flaw]:
    for code in (*entry.vanity, *entry.redeem, *_old(entry, made)):
        if code in taken:
            yield Flaw(entry.line, f"code {code!r} belongs to another advocate and stays there; theirs is {made.code}")
    for code in _old(entry, made):
        if code not in taken:
            words = (
                f"links /r/{code} lead elsewhere or nowhere, so give them /r/{made.code}; at checkout {code} goes on"
            )
            yield Flaw(entry.line, words)


def rows(tx: Tx, program: UUID) -> Iterator[tuple[str | None, Mapping[str, Any]]]:
    """Every advocate of a program with their address; None where only a platform knows it."""
    for row in tx.roster.all(program):
        yield tx.people.email(row["person"]), row
