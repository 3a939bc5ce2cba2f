"""Attribution: who sent this friend, decided from all evidence, with the reason in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from connector.domain.program import Program
from connector.domain.touch import Source, Touch

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
