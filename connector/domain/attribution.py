"""Attribution: who sent this friend, decided from all evidence, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.program import Program
from connector.domain.touch import Source, Touch
from connector.domain.words import days_words

WORDS = {
    Source.REDEEM_CODE: "the discount code used at checkout",
    Source.CART_ATTRIBUTE: "the signed note in the cart",
    Source.LANDING_SITE: "the link the order started from",
    Source.LAST_VISIT: "the last visit before the order",
    Source.FIRST_VISIT: "the first visit",
    Source.CART_HINT: "an unsigned note in the cart",
    Source.CLICK: "a click on a share link",
    Source.CRM_FIELD: "a field in the CRM",
    Source.FORM: "a form",
    Source.STAFF: "an entry by staff",
    Source.CLAIM: "the advocate's own word",
}


@dataclass(frozen=True)
class Candidate:
    """A touch whose code is known, and the advocate it belongs to."""

    touch: Touch
    advocate: UUID


@dataclass(frozen=True)
class Attribution:
    """The advocate who gets the referral, why, and who else had a part (assists)."""

    advocate: UUID
    touch: Touch
    reason: str
    assists: tuple[Candidate, ...] = ()


def attribute(program: Program, candidates: Sequence[Candidate], placed_at: datetime) -> Attribution | None:
    """The winner by the program's precedence, then by first or last touch; None when nothing counts.

    A touch counts when its source is in the program's precedence, the platform or our signature vouches for it, and
    it is not older than the window at checkout (`placed_at`) nor later than it.
    """
    rank = {source: place for place, source in enumerate(program.precedence)}
    counting = [
        c
        for c in candidates
        if c.touch.confirmed and c.touch.source in rank and placed_at - program.window <= c.touch.at <= placed_at
    ]
    if not counting:
        return None

    def order(candidate: Candidate) -> tuple[int, timedelta, str, str]:
        age = placed_at - candidate.touch.at
        ties = (str(candidate.advocate), candidate.touch.code)
        return rank[candidate.touch.source], age if program.last_touch else -age, *ties

    best, *others = sorted(counting, key=order)
    losers = tuple(c for c in others if c.advocate != best.advocate)
    reason = f"Code {best.touch.code} came from {WORDS[best.touch.source]}"
    if losers:
        names = ", ".join(sorted({WORDS[c.touch.source] for c in losers}))
        reason += f"; it outranks {names} ({'last' if program.last_touch else 'first'} touch counts)"
    return Attribution(best.advocate, best.touch, reason + ".", losers)


@dataclass(frozen=True)
class Weighed:
    """One touch, and why it won, lost or never counted."""

    touch: Touch
    won: bool
    verdict: str


def weigh(program: Program, candidates: Sequence[Candidate], placed_at: datetime) -> tuple[Weighed, ...]:
    """Every touch in the order of time, each with its part in the outcome."""
    won = attribute(program, candidates, placed_at)
    inorder = sorted(candidates, key=lambda c: (c.touch.at, c.touch.source, c.touch.code))
    return tuple(_weighed(program, candidate, won, placed_at) for candidate in inorder)


def _weighed(program: Program, candidate: Candidate, won: Attribution | None, placed_at: datetime) -> Weighed:
    touch = candidate.touch
    if not touch.confirmed:
        return Weighed(touch, won=False, verdict="neither the platform nor our signature vouches for it")
    if touch.source not in program.precedence:
        return Weighed(touch, won=False, verdict="the program does not trust this kind of evidence")
    if touch.at > placed_at:
        return Weighed(touch, won=False, verdict="it came after the purchase")
    if touch.at < placed_at - program.window:
        return Weighed(touch, won=False, verdict=f"it is older than the window of {days_words(program.window.days)}")
    if won is not None and touch == won.touch and candidate.advocate == won.advocate:
        return Weighed(touch, won=True, verdict="it decided")
    if won is not None and candidate.advocate == won.advocate:
        return Weighed(touch, won=False, verdict="it names the same advocate")
    if won is not None and won.touch.source is touch.source:
        which = "latest" if program.last_touch else "first"
        return Weighed(touch, won=False, verdict=f"another advocate's was the {which} of its kind")
    stronger = WORDS[won.touch.source] if won is not None else ""
    return Weighed(touch, won=False, verdict=f"{stronger} counts for more")
