"""Care: what is wrong for a friend who came on somebody's word. A friend who is unhappy costs two customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connector.domain.facts import CareRaised, Fact, ObjectRef, OrderRefunded, newest
from connector.domain.money import Money

REFUND, TICKET, STALLED = "refund", "ticket", "stalled"
#: A refund needs somebody's attention for so long; a ticket or a deal for as long as it is open.
FRESH = timedelta(days=30)
_DO: Mapping[str, str] = {
    REFUND: "Ask them what was wrong before you ask them for anything.",
    TICKET: "See that their ticket is answered first.",
    STALLED: "Talk to them: their deal does not move.",
}
_WORDS: Mapping[str, str] = {
    REFUND: "Their purchase went back.",
    TICKET: "They have an open ticket.",
    STALLED: "Their deal has stalled.",
}


@dataclass(frozen=True)
class Care:
    """One reason to look after a friend. what: refund, ticket or stalled; do: what would help."""

    what: str
    words: str
    since: datetime
    do: str


def care_of(facts: Iterable[Fact]) -> tuple[Care, ...]:
    """What is wrong for a friend now, oldest first. Whoever says that a thing is well again ends it."""
    standing = newest(facts).values()
    raised = {(fact.what, fact.ref): fact for fact in standing if isinstance(fact, CareRaised)}
    refunds: dict[ObjectRef, list[OrderRefunded]] = {}
    for fact in standing:
        if isinstance(fact, OrderRefunded) and fact.amount:
            refunds.setdefault(fact.ref, []).append(fact)
    found = [_refunded(each) for ref, each in refunds.items() if not _is_over(raised.get((REFUND, ref)), each)]
    found += [
        _raised(fact) for (what, ref), fact in raised.items() if fact.still and (what, ref.id) not in _seen(refunds)
    ]
    return tuple(sorted(found, key=lambda care: (care.since, care.what, care.words)))


def _seen(refunds: Mapping[ObjectRef, Sequence[OrderRefunded]]) -> set[tuple[str, str]]:
    """Refunds that speak for themselves, whoever else tells of them."""
    return {(REFUND, ref.id) for ref in refunds}


def _is_over(said: CareRaised | None, refunds: Sequence[OrderRefunded]) -> bool:
    """Whether somebody has seen to it since the last of these refunds."""
    # By when they happened: a refund is told anew with every later change of its order.
    return said is not None and not said.still and said.happened_at >= max(refund.happened_at for refund in refunds)


def _refunded(refunds: Sequence[OrderRefunded]) -> Care:
    gone = sum((refund.amount for refund in refunds), Money.zero(refunds[0].amount.currency))
    since = max(refund.happened_at for refund in refunds)
    return Care(REFUND, f"{gone} of their purchase went back.", since, _DO[REFUND])


def _raised(fact: CareRaised) -> Care:
    words = fact.words or _WORDS.get(fact.what, "Something is wrong.")
    return Care(fact.what, words, fact.happened_at, _DO.get(fact.what, "Look after them."))
