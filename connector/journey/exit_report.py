"""The exit report of a pilot, from what is stored of its referrals: four questions, and what to look at for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain import rules
from connector.domain.facts import Appealed, CareRaised, Deed, Fact, OrderRefunded, newest
from connector.domain.pilot_report import QUESTIONS, Answer, Counted, ExitReport
from connector.domain.program import EVENTS, Mode, Pilot, Program
from connector.domain.rehearsal import OVER
from connector.domain.touch import Source
from connector.errors import ConfigError, NotFound
from connector.journey.decide import counts
from connector.journey.desk import Desk
from connector.ports.past import Promise, StoodReferral
from connector.ports.platform import Capability
from connector.ports.rows import RewardState
from connector.ports.store import Tx

#: Evidence that somebody had to give by word of mouth, because neither a link nor a code did.
_SPOKEN = frozenset({Source.CLAIM, Source.STAFF})
_TICKET, _REFUND = "ticket", "refund"


@dataclass(frozen=True)
class _Look:
    """One referral of the pilot with its facts that stand, each with its platform's name. writes: its platform can."""

    stood: StoodReferral
    told: Sequence[tuple[str, Fact]]
    writes: bool

    @property
    def facts(self) -> Sequence[Fact]:
        return list(newest(fact for _, fact in self.told).values())


def exit_report(desk: Desk, merchant: UUID, slug: str) -> ExitReport:
    """Raises NotFound for a program that is none, ConfigError for one that never was a pilot."""
    with desk.store.snapshot(merchant) as tx:
        current = next((each for each in tx.programs.current() if each.program.slug == slug), None)
        if current is None:
            raise NotFound(f"there is no program {slug!r}")
        versions = tx.past.versions(current.id, Mode.PILOT)
        program = tx.programs.pinned(current.id, max(versions)) if versions else current.program
        if program.pilot is None:
            raise ConfigError(
                [f"{slug} never was a pilot: apply it with `mode: pilot` and say in `pilot` who takes part"]
            )
        advocates = tx.past.advocates(current.id)
        audience = _audience(tx, program, program.pilot, advocates)
        stood = [
            each for each in tx.past.referrals(current.id) if each.version in versions and each.advocate in audience
        ]
        looks = _looks(desk, tx, stood)
        wanted = {each.id for each in stood}
        promises = [each for each in tx.past.promises(current.id) if each.referral in wanted]
        found = (
            _understood(looks),
            _landed(program, looks, tx.past.records(current.id)),
            _treated(looks),
            _paid(promises, program.late_after, tx.now()),
        )
    return ExitReport(
        program=program.name,
        audience_words=rules.pilot_words(program.pilot),
        audience=len(audience),
        advocates=len(advocates),
        active=len({each.advocate for each in stood}),
        rewarded=sum(each.qualified_at is not None and each.stage not in OVER for each in stood),
        cap=program.pilot.cap,
        answers=tuple(Answer(question, counted) for question, counted in zip(QUESTIONS, found, strict=True)),
    )


def _audience(tx: Tx, program: Program, pilot: Pilot, advocates: Mapping[UUID, UUID]) -> frozenset[UUID]:
    groups = tx.past.groups(set(advocates.values()))
    return frozenset(
        each
        for each, person in advocates.items()
        if rules.takes_part(pilot, program.slug, person, groups.get(person, frozenset()))
    )


def _looks(desk: Desk, tx: Tx, stood: Sequence[StoodReferral]) -> Sequence[_Look]:
    told = tx.past.facts({place for each in stood for place in (*each.places, each.own)})
    platforms = tx.connections.platforms()
    writing = {
        connection
        for connection, platform in platforms.items()
        if (tools := desk.platforms.get(platform)) is not None
        and tools.mapping is not None
        and Capability.RECORD in tools.manifest.capabilities
    }
    return [
        _Look(
            each,
            [fact for place in (*each.places, each.own) for fact in told.get(place, ())],
            writes=each.connection in writing,
        )
        for each in stood
    ]


# ── The four questions ───────────────────────────────────────────────────────────────────────────────────────────


def _understood(looks: Sequence[_Look]) -> Counted:
    return _counted((look, _asked(look)) for look in looks)


def _asked(look: _Look) -> str:
    if look.stood.touch.source in _SPOKEN:
        return f"neither a link nor a code told of it, but {look.stood.touch.source}"
    for fact in look.facts:
        match fact:
            case Appealed(by=by, reason=reason):
                return f"{by} asked for another look: {reason}"
            case CareRaised(what=what, words=words) if what == _TICKET:
                return f"a support ticket: {words}".rstrip(": ")
    return ""


def _landed(program: Program, looks: Sequence[_Look], records: Mapping[UUID, str | None]) -> Counted:
    """What waits to be written is not counted yet."""
    written = [look for look in looks if look.writes and look.stood.rule and records.get(look.stood.id, "") is not None]
    return _counted((look, _astray(program, look, records.get(look.stood.id, "") or "")) for look in written)


def _astray(program: Program, look: _Look, refused: str) -> str:
    if refused:
        return f"its record could not be written: {refused}"
    deeds = [(platform, fact) for platform, fact in look.told if isinstance(fact, Deed)]
    asked = [
        fact for platform, fact in deeds if type(fact) is EVENTS[program.event] and counts(program, platform, fact)
    ]
    if deeds and not asked:
        kinds = ", ".join(sorted({f"{type(fact).__name__} on {platform}" for platform, fact in deeds}))
        return f"the program asks for {program.event}, and it is {kinds}"
    return ""


def _treated(looks: Sequence[_Look]) -> Counted:
    return _counted((look, look.stood.trouble or _open_care(look.facts)) for look in looks)


def _open_care(facts: Sequence[Fact]) -> str:
    """A refund is a sign of trouble until somebody says that all is well again."""
    care = {fact.what: fact for fact in facts if isinstance(fact, CareRaised)}
    still = [fact for fact in care.values() if fact.still]
    if still:
        return f"{still[0].what}: {still[0].words}".rstrip(": ")
    refunded = any(isinstance(fact, OrderRefunded) for fact in facts)
    return "the purchase was refunded" if refunded and _REFUND not in care else ""


def _paid(promises: Sequence[Promise], grace: timedelta, now: datetime) -> Counted:
    due = [each for each in promises if each.issued_at or each.state in _TROUBLE or each.due_at + grace <= now]
    return Counted(len(due), {str(each.id): words for each in due if (words := _disputed(each, grace))})


_TROUBLE = {
    RewardState.UNKNOWN: "nobody knows whether it landed",
    RewardState.REFUSED: "the platform refused it",
}


def _disputed(promise: Promise, grace: timedelta) -> str:
    if promise.short is not None:
        return f"{promise.short} of what was to be taken back was gone"
    if promise.state in _TROUBLE:
        return f"{_TROUBLE[promise.state]}: {promise.reason}".rstrip(": ")
    if promise.issued_at is None:
        return f"due since {promise.due_at:%Y-%m-%d} and not delivered: {promise.reason}".rstrip(": ")
    if promise.issued_at > promise.due_at + grace:
        return f"delivered {(promise.issued_at - promise.due_at).days} days after it was due"
    return ""


def _counted(looks: Iterable[tuple[_Look, str]]) -> Counted:
    each = list(looks)
    return Counted(len(each), {str(look.stood.id): words for look, words in each if words})
