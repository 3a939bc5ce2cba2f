"""Spoken: staff or the advocate say who sent a friend, because no link, code or field did. It is evidence like all other.

Staff name the advocate by code, name or phone. An advocate's own late claim goes to review before anything is paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from connector.domain.case import Stage
from connector.domain.facts import ObjectRef
from connector.domain.person import EMAIL, NAME, PHONE
from connector.domain.touch import Source, Touch
from connector.errors import ConfigError, NotFound
from connector.journey.desk import Desk
from connector.journey.tasks import ATTRIBUTE, DECIDE, FETCH, purchase, subject
from connector.ports.platform import Seen
from connector.ports.rows import Advocate, ProgramVersion, Referral, connection_lane, merchant_lane
from connector.ports.store import Tx

#: What a friend is called while nothing but somebody's word is known of them.
SPOKEN = "spoken"


@dataclass(frozen=True)
class Word:
    """What somebody says. The advocate by one of code, name and phone; the friend by e-mail, by a purchase, or both.

    told_at: when the advocate told the friend, None for just now or just before the purchase. claimed: the advocate says
    so, and nobody else.
    """

    by: str
    evidence: str
    code: str = ""
    name: str = ""
    phone: str = ""
    email: str = ""
    order: tuple[UUID, ObjectRef] | None = None
    told_at: datetime | None = None
    claimed: bool = False


def say(desk: Desk, merchant: UUID, slug: str, word: Word) -> UUID | None:
    """Take somebody's word; returns the referral, or None where the purchase has to be read first.

    Raises ConfigError or NotFound with what to do.
    """
    if not word.by.strip() or not word.evidence.strip():
        raise ConfigError(
            ["say who tells it (--by) and what it rests on (--evidence): both are kept with the referral"]
        )
    with desk.store.begin(merchant) as tx:
        program = _program(tx, slug)
        advocate = _advocate(tx, program, word)
        touch = Touch(
            Source.CLAIM if word.claimed else Source.STAFF,
            advocate.code,
            word.told_at or tx.now(),
            evidence=f"{word.by} said: {word.evidence}",
        )
        if word.order is not None:
            standing = _on_purchase(tx, word, touch, *word.order)
        else:
            standing = _of_friend(desk, tx, program, advocate, word, touch)
    desk.wake(merchant_lane(merchant))
    if word.order is not None:
        desk.wake(connection_lane(word.order[0]))
    return standing


def _program(tx: Tx, slug: str) -> ProgramVersion:
    program = next((each for each in tx.programs.current() if each.program.slug == slug), None)
    if program is None:
        raise NotFound(f"there is no program {slug!r}")
    return program


def _advocate(tx: Tx, program: ProgramVersion, word: Word) -> Advocate:
    """The one advocate who is meant. Several of one name are told apart by their codes."""
    if word.code:
        found = [each for each in tx.programs.advocates([word.code]).values() if each.program == program.id]
    else:
        kind, value = (NAME, word.name) if word.name else (PHONE, word.phone)
        if not value.strip():
            raise ConfigError(["say who sent the friend: by --code, --name or --phone"])
        found = list(tx.programs.of_people(program.id, tx.marks.bearers(kind, value)))
    if not found:
        raise NotFound("no advocate of this program is known by that; `connector advocate list` shows them all")
    if len(found) > 1:
        raise ConfigError([f"several advocates are meant: say which by --code: {', '.join(a.code for a in found)}"])
    return found[0]


def _on_purchase(tx: Tx, word: Word, touch: Touch, connection: UUID, ref: ObjectRef) -> UUID | None:
    """The word becomes evidence on a purchase, which is read again and attributed like any other."""
    saved = tx.truths.get(connection, ref)
    tx.truths.note_more(connection, ref, [touch])
    if word.email and saved is not None and saved.person is not None:
        _same_human(tx, saved.person, word)
    if saved is None or saved.person is None:
        tx.tasks.mark(connection_lane(connection), FETCH, [subject(ref)])
        return None
    tx.tasks.mark(merchant_lane(tx.merchant), ATTRIBUTE, [purchase(connection, ref)])
    return next(iter(tx.referrals.by_purchase(connection, ref)), None)


def _same_human(tx: Tx, buyer: UUID, word: Word) -> None:
    """The friend was announced under one address and bought under another: the evidence joins them."""
    other = tx.people.resolve(None, [(EMAIL, word.email)])
    if other is not None and tx.people.canonical(other) != tx.people.canonical(buyer):
        tx.people.merge(buyer, other, f"{word.by} said: {word.evidence}")


def _of_friend(desk: Desk, tx: Tx, program: ProgramVersion, advocate: Advocate, word: Word, touch: Touch) -> UUID:
    """A referral of a friend who has done nothing yet; their purchase will join it."""
    friend = tx.people.resolve(None, [(EMAIL, word.email)]) if word.email.count("@") == 1 else None
    if friend is None:
        raise ConfigError(["say who the friend is: by --friend, an e-mail address, or by --order"])
    tx.marks.add([(friend, (Seen(EMAIL, word.email),))])
    connection = next(iter(_at_home(desk, tx, program)), None)
    if connection is None:
        raise ConfigError(["connect a platform first: a referral needs a place where it may come true"])
    standing = tx.referrals.of_friend(program.id, friend)
    if standing is not None:
        return standing  # the first referral stands; the word is kept where it was said
    now = tx.now()
    opened = tx.referrals.open(
        Referral(
            id=uuid4(),
            program=program.id,
            version=program.version,
            advocate=advocate.id,
            advocate_person=advocate.person,
            friend=friend,
            connection=connection,
            ref=ObjectRef(SPOKEN, str(uuid4())),
            captured_at=min(now, touch.at),
            touch=touch,
            stage=Stage.PENDING,
        )
    )
    tx.tasks.mark(merchant_lane(tx.merchant), DECIDE, [str(opened)])
    return opened


def _at_home(desk: Desk, tx: Tx, program: ProgramVersion) -> list[UUID]:
    """Connections of the platform that the program looks at; else those that know any purchases."""
    platforms, source = tx.connections.platforms(), program.program.source
    selling = [
        each for each, key in platforms.items() if key in desk.platforms and desk.platforms[key].manifest.qualifying
    ]
    return sorted(selling, key=lambda each: (platforms[each] != source, each))
