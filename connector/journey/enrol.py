"""Enrol: a person becomes an advocate, once for each program, with a code, a token for their own pages, and one fact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain import codes
from connector.domain.case import Case
from connector.domain.deeds import deeds_of
from connector.domain.facts import DealWon, Deed, Enrolled, Fact, ObjectRef
from connector.domain.person import EMAIL, NAME
from connector.domain.program import PRICED, Mode, Payment, Program
from connector.domain.rules import Look, refusal
from connector.domain.worth import worth_of
from connector.errors import ConfigError, NotFound
from connector.journey import happened
from connector.journey.tasks import PROFILE, PROFILES, subject
from connector.ports.platform import Seen
from connector.ports.roster import Enrolment, Entry, Newcomer
from connector.ports.rows import ProgramVersion, SavedTruth, connection_lane
from connector.ports.store import Tx

#: The longest address that mail servers accept (RFC 5321), and the longest name that is looked at.
MAX_EMAIL, MAX_NAME = 254, 200
#: The longest name of a group, and what stands between two of them in a list.
MAX_GROUP, BETWEEN = 64, "|"
_PURCHASES = ("order_paid", "deal_won")
_NOBODY = UUID(int=0)

# ── One person ───────────────────────────────────────────────────────────────────────────────────────────────────


def enrol(
    tx: Tx,
    program: UUID,
    email: str,
    *,
    way: str = "staff",
    source: str = "",
    name: str = "",
    groups: Collection[str] = frozenset(),
) -> Enrolment:
    """Enrol the person with this e-mail, or find them enrolled. Raises ConfigError, also for a way that is closed.

    Their address is kept sealed, to find their account and to write to them; of their name only a mark is kept.
    """
    version = program_of(tx, program)
    allow(version.program, way)
    entry = Entry(address(email), name=name, way=way, source=source, groups=frozenset(map(group, groups)))
    return enrol_entries(tx, version, [entry])[entry.email]


def enrol_person(tx: Tx, program: UUID, person: UUID, *, way: str = "staff", source: str = "") -> Enrolment:
    """Enrol somebody who is known otherwise than by a clear address."""
    version = program_of(tx, program)
    allow(version.program, way)
    return _enrol(tx, version, [Newcomer(person, way, source)])[person]


def program_of(tx: Tx, program: UUID) -> ProgramVersion:
    """The version that stands. Raises NotFound."""
    found = next((each for each in tx.programs.current() if each.id == program), None)
    if found is None:
        raise NotFound("there is no such program; `connector program apply FILE` makes one")
    return found


def allow(program: Program, way: str) -> None:
    """Raises ConfigError where the merchant does not let people in this way."""
    if way not in program.enrolment.ways:
        ways = ", ".join(sorted(program.enrolment.ways))
        raise ConfigError([f"program {program.slug!r} enrols nobody by {way!r}; add it to `enrol.ways`, now: {ways}"])


def address(text: str) -> str:
    """An e-mail address without the space around it. Raises ConfigError for what is none."""
    email = text.strip()
    if not _is_address(email):
        raise ConfigError([f"{text[:MAX_EMAIL]!r} is no e-mail address"])
    return email


def _is_address(email: str) -> bool:
    name, _, domain = email.partition("@")
    whole = bool(name and domain) and "@" not in domain and len(email) <= MAX_EMAIL
    return whole and email.isprintable() and not any(letter.isspace() for letter in email)


def group(text: str) -> str:
    """The name of a group as programs name it. Raises ConfigError."""
    name = " ".join(text.split()).casefold()
    if not name or len(name) > MAX_GROUP or BETWEEN in name or not name.isprintable():
        raise ConfigError([f"{text!r} is no name for a group: use 1 to {MAX_GROUP} letters, without {BETWEEN!r}"])
    return name


def choose_code(tx: Tx, program: UUID, advocate: UUID, text: str, *, by: str = "staff") -> str:
    """A code of somebody's own choice, by "staff" or the "advocate"; returns it. Raises ConfigError."""
    rules = program_of(tx, program).program
    may = {"staff": ("staff",), "advocates": ("staff", "advocate"), "nobody": ()}[rules.enrolment.vanity_by]
    if by not in may:
        who = "nobody" if not may else "staff alone"
        raise ConfigError([f"in program {rules.slug!r}, {who} may choose codes; `enrol.vanity_by` says so"])
    try:
        code = codes.vanity(text)
    except ValueError as error:
        raise ConfigError([str(error)]) from error
    add_code(tx, advocate, code, "vanity")
    return code


def add_code(tx: Tx, advocate: UUID, code: str, kind: str) -> None:
    """Raises ConfigError where another advocate has it."""
    if tx.roster.add_codes([(advocate, code, kind)]):
        raise ConfigError([f"code {code!r} belongs to another advocate; choose a different one"])


# ── Many people ──────────────────────────────────────────────────────────────────────────────────────────────────


def enrol_entries(tx: Tx, program: ProgramVersion, entries: Sequence[Entry]) -> Mapping[str, Enrolment]:
    """Enrol people by their addresses; by the address as it is written in each entry, which must be one."""
    people = tx.roster.people([entry.email for entry in entries])
    newcomers = {
        people[e.email]: Newcomer(people[e.email], e.way, e.source, e.minted, e.brought, e.enrolled_at)
        for e in reversed(entries)
    }
    made = _enrol(tx, program, list(reversed(newcomers.values())))
    tx.marks.add([(people[entry.email], _marks(entry)) for entry in entries])
    tx.roster.add_groups({(people[entry.email], name) for entry in entries for name in entry.groups})
    return {email: made[person] for email, person in people.items()}


def _marks(entry: Entry) -> list[Seen]:
    return [Seen(EMAIL, entry.email), Seen(NAME, entry.name[:MAX_NAME])]


def _enrol(tx: Tx, program: ProgramVersion, newcomers: Sequence[Newcomer]) -> Mapping[UUID, Enrolment]:
    """Enrol them, and tell a fact of each who was no advocate before."""
    made = tx.roster.enrol(program.id, newcomers)
    fresh = [one for one in made.values() if one.new]
    for one in fresh:
        about = ObjectRef("advocate", str(one.id))
        tx.truths.tell_own(Enrolled(about, one.at, one.at, program.program.slug, one.way))
    if fresh:
        people = {person: one.at for person, one in made.items() if one.new}
        happened.enrolled(tx, program.id, program.program, people)
        tx.offers.mark(program.id)
        for connection in tx.connections.bearing(PROFILES):
            tx.tasks.mark(connection_lane(connection), PROFILE, [str(program.id)])
    return made


# ── By what a platform tells ─────────────────────────────────────────────────────────────────────────────────────


def enrol_seen(
    tx: Tx, program: UUID, connection: UUID, people: Sequence[Sequence[Seen]], source: str
) -> list[Enrolment | None]:
    """Enrol everybody on a list, or with a property, of a platform; None for whom nothing identifies.

    source: the list's or property's name there. The answer has the order of the question.
    """
    version = program_of(tx, program)
    allow(version.program, "list")
    tx.people.hold()
    # What people write where an address belongs, such as "none", would make one person of them all.
    usable = [[one for one in each if one.kind != EMAIL or _is_address(one.value.strip())] for each in people]
    known = [tx.people.resolve(connection, [(one.kind, one.value) for one in each]) for each in usable]
    bearing: dict[UUID, tuple[Seen, ...]] = {}
    for person, seen in zip(known, usable, strict=True):
        if person is not None:
            bearing[person] = (*bearing.get(person, ()), *seen)
    made = _enrol(tx, version, [Newcomer(person, "list", source) for person in bearing])
    for person, each in bearing.items():
        keep_address(tx, person, each)
    tx.marks.add(list(bearing.items()))
    return [made[person] if person is not None else None for person in known]


def keep_address(tx: Tx, person: UUID, seen: Iterable[Seen]) -> None:
    """Keep the address among these, if there is one and none is kept so far."""
    email = next((each.value for each in seen if each.kind == EMAIL and _is_address(each.value.strip())), None)
    if email is not None and tx.people.email(person) is None:
        tx.people.keep_email(person, email)


def wants_buyers(tx: Tx) -> bool:
    """Whether any program enrols or asks whoever buys, so that every purchase has to be read."""
    programs = [each.program for each in tx.programs.current()]
    return any(program.enrolment.after_order or program.asking for program in programs)


def enrol_buyer(tx: Tx, programs: Iterable[ProgramVersion], connection: UUID, saved: SavedTruth) -> None:
    """Enrol the buyer of a purchase that would qualify, referred or not, in those of these programs that ask for it."""
    if saved.person is None or saved.truth.note:
        return
    wanting = [each for each in programs if each.program.enrolment.after_order]
    if not wanting or tx.people.is_erased(saved.person):
        return
    facts, now = tx.truths.facts(connection, saved.truth.ref), tx.now()
    platform = tx.connections.platforms().get(connection, "")
    for version in wanting:
        deed = _bought(version.program, facts, saved.person, now)
        if deed is None or version.program.source not in ("", platform) or version.program.mode is Mode.SHADOW:
            continue
        way = "deal" if isinstance(deed, DealWon) else "order"
        if way in version.program.enrolment.ways:
            buyer = tx.people.canonical(saved.person)
            _enrol(tx, version, [Newcomer(buyer, way, subject(saved.truth.ref))])


def _bought(program: Program, facts: Sequence[Fact], buyer: UUID, now: datetime) -> Deed | None:
    """The purchase among these facts that would count if a friend had made it; whether it is their first is no matter."""
    for event in (program.event,) if program.event in PRICED else _PURCHASES:
        asked = replace(program, event=event, payment=Payment.FIRST, stays=timedelta(0))
        case = Case(_NOBODY, buyer, now, tuple(facts), duplicate=False, paid_out=False, now=now)
        for deed in deeds_of(asked, facts, now).payments:
            try:
                worth = worth_of(asked, deed, facts)
                refused = refusal(Look(asked, case, deed, worth))
            except ValueError:  # nobody can tell whether it counts, such as in another currency: then it does not
                continue
            if refused is None and (worth is None or worth.left):
                return deed
    return None
