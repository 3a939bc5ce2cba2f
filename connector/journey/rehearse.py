"""Rehearse: what happened, replayed through another program. Reads only, in a transaction that cannot write.

All evidence is weighed anew, and all that would be referrals is decided as of now, on figures that the replay itself
counts in the order of time. What stands is only looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.case import Case, Decision
from connector.domain.deeds import deeds_of
from connector.domain.facts import Fact
from connector.domain.fraud import Evidence
from connector.domain.program import Mode, Program
from connector.domain.rehearsal import OVER, Compared, Outcome, Rehearsal, Tally, promised, standing
from connector.domain.stages import decide
from connector.domain.touch import Source
from connector.errors import NotFound
from connector.journey.desk import Desk
from connector.journey.publish import check
from connector.journey.replay import Found, Replay
from connector.ports.past import Extent, Place, StoodReferral
from connector.ports.rows import ProgramVersion
from connector.ports.store import Tx

#: Told how many of how many steps are done.
Show = Callable[[int, int], None]


def dry_run(desk: Desk, merchant: UUID, program: Program, days: int, show: Show) -> Rehearsal:
    """What this program would have made of the last days, against what stands.

    Raises NotFound where no program of its name stands, ConfigError for one that could not be applied.
    """
    with desk.store.snapshot(merchant) as tx:
        check(desk, tx, program)
        return _rehearse(desk, tx, replace(_of_name(tx, program.slug), program=program), days, show)


def shadow(desk: Desk, merchant: UUID, slug: str, days: int, show: Show) -> Rehearsal:
    """Who would have been paid in the last days had the program been live. Raises NotFound."""
    with desk.store.snapshot(merchant) as tx:
        found = _of_name(tx, slug)
        live = replace(found.program, mode=Mode.LIVE, pilot=None)
        return _rehearse(desk, tx, replace(found, program=live), days, show)


def _of_name(tx: Tx, slug: str) -> ProgramVersion:
    current = {each.program.slug: each for each in tx.programs.current()}
    if slug not in current:
        names = f"there are {', '.join(current)}" if current else "there is none yet"
        words = f"there is no program {slug!r} to compare with, {names}; apply it with `mode: shadow` to let it watch"
        raise NotFound(words)
    return current[slug]


def _rehearse(desk: Desk, tx: Tx, version: ProgramVersion, days: int, show: Show) -> Rehearsal:
    since = tx.now() - timedelta(days=days)
    extent, stood = tx.past.extent(since), dict[UUID, StoodReferral]()
    for each in tx.past.referrals(version.id):
        stood.setdefault(each.friend, each)  # the first of a friend stands, and the others are duplicates of it
    replay = Replay(tx, desk.touch_key, version, since, stood)
    replay.begin()
    done, steps = 0, 2 * extent.purchases  # a purchase is read, and then decided
    for page in tx.past.purchases(since):
        replay.pass_by(page)
        done += len(page)
        show(done, steps)
    friends = replay.bought | {each.friend for each in stood.values() if each.captured_at >= since}
    would = _decide(tx, replay, friends, lambda part: show(done + int(part * extent.purchases), steps))
    show(steps, steps)
    compared = tuple(_compare(replay, friend, would) for friend in _in_order(replay, friends))
    return Rehearsal(since, extent.purchases, compared, tuple(_unknown(extent, replay, would)))


# ── What would be decided ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Docket:
    """A referral that would be, with its facts; at: when it qualified, or was captured where it has not."""

    found: Found
    facts: tuple[Fact, ...]
    at: datetime


def _decide(tx: Tx, replay: Replay, friends: set[UUID], show: Callable[[float], None]) -> Mapping[UUID, Decision]:
    """The decisions, by friend. Who is not among these friends is not replayed, and counts as it stands."""
    now, program = tx.now(), replay.program
    found = [each for friend, each in replay.found.items() if friend in friends]
    facts = replay.facts_of(found)
    groups = tx.past.groups({each.giver.person for each in found})
    dockets = [_docket(program, each, facts[each.friend], now) for each in found]
    standing_still = [
        (at, each) for each in replay.stood.values() if each.friend not in friends and (at := _counts(each))
    ]
    tally, decisions = Tally(program), dict[UUID, Decision]()
    standing_still.sort(key=lambda each: each[0], reverse=True)
    for place, docket in enumerate(sorted(dockets, key=lambda each: each.at), 1):
        while standing_still and standing_still[-1][0] <= docket.at:
            at, stood = standing_still.pop()
            tally.add(stood.advocate, at, [(each.role, each.amount) for each in stood.rewards])
        case = _case(replay, docket, now, groups.get(docket.found.giver.person, frozenset()))
        giver = docket.found.giver.advocate
        decision = decide(program, replace(case, standing=tally.standing(giver, docket.at)))
        if decision.counts and decision.stage not in OVER:
            tally.add(giver, docket.at, [(plan.role, plan.amount) for plan in decision.plans])
        decisions[docket.found.friend] = decision
        if place % _SHOW_EVERY == 0:
            show(place / len(dockets))
    return decisions


_SHOW_EVERY = 500


def _docket(program: Program, found: Found, facts: tuple[Fact, ...], now: datetime) -> _Docket:
    payments = deeds_of(program, facts, now).payments
    return _Docket(found, facts, payments[0].happened_at if payments else found.captured_at)


def _counts(stood: StoodReferral) -> datetime | None:
    """When a referral qualified that takes a place; None for one that takes none."""
    return stood.qualified_at if stood.stage not in OVER else None


def _case(replay: Replay, docket: _Docket, now: datetime, groups: frozenset[str]) -> Case:
    """What was seen of two people, and what was paid to one of them, counts where they are the same two again."""
    found, stood = docket.found, replay.same(docket.found)
    return Case(
        advocate=found.giver.person,
        friend=found.friend,
        captured_at=found.captured_at,
        facts=docket.facts,
        duplicate=False,
        paid_out=stood is not None and stood.paid_out,
        now=now,
        settled=stood is not None and stood.settled,
        claimed=found.giver.source is Source.CLAIM,
        groups=groups,
        evidence=stood.evidence or Evidence() if stood is not None else Evidence(),
    )


# ── Against what stands ──────────────────────────────────────────────────────────────────────────────────────────


def _in_order(replay: Replay, friends: set[UUID]) -> Sequence[UUID]:
    """Friends who have a referral, or would, earliest first."""
    since: dict[UUID, datetime] = {}
    for friend in friends:
        both = (replay.stood.get(friend), replay.found.get(friend))
        if times := [each.captured_at for each in both if each is not None]:
            since[friend] = min(times)
    return sorted(since, key=lambda friend: (since[friend], friend))


def _compare(replay: Replay, friend: UUID, would: Mapping[UUID, Decision]) -> Compared:
    stood, found = replay.stood.get(friend), replay.found.get(friend)
    before, after, places = None, None, tuple[Place, ...]()
    if stood is not None:
        places = stood.places
        amounts = standing(stood.stage, stood.rule, stood.rewards)
        before = Outcome(stood.advocate, stood.touch.code, stood.stage, stood.rule, stood.reason, amounts)
    if found is not None:
        places, decision, same = (*found.places, *places), would[friend], replay.same(found)
        amounts = promised(decision, same.rewards if same is not None else ())
        giver = found.giver
        after = Outcome(giver.advocate, giver.code, decision.stage, decision.rule, decision.reason, amounts)
    return Compared(places[0][1].id, before, after)


def _unknown(extent: Extent, replay: Replay, would: Mapping[UUID, Decision]) -> Sequence[str]:
    """What the replay cannot tell, with the number of those concerned."""
    holds = Counter(each.hold for each in would.values())
    unread = [(word, holds[f"{word}_unread"]) for word in ("products", "tax")]
    new = sum(replay.same(replay.found[friend]) is None for friend in would)
    return [
        *([_UNREAD.format(extent.unread)] if extent.unread else []),
        *([_GUESTS.format(extent.guests)] if extent.guests else []),
        *(_ITEMS.format(count, what=word) for word, count in unread if count),
        *([_NEW.format(new)] if new else []),
    ]


_UNREAD = (
    "{} orders showed no sign of a referral when they came and were never read in full: whether this program would find"
    " one in them is not known. Orders that came while no advocate had a code are among them."
)
_GUESTS = "{} purchases belong to nobody whom we know, so that nobody can be told to be their friend."
_ITEMS = (
    "Of {} purchases the {what} is not stored, because no program asked for it when they were read: they are shown as on"
    " hold, and would be read once the program is applied."
)
_NEW = "{} would be referrals of other people than now: nothing is stored that the fraud rules could look at, so none fired."
