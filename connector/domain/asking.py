"""Asking: whom to ask for a referral, when, and why; a pure function of what the merchant's own data tell of somebody.

A moment is something that just went well for them. It is asked about once, after a while, unless something speaks against
it. A share of people is never asked, the same ones always, so that it shows what the asking brings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from connector.domain.care import FRESH, REFUND, Care, care_of
from connector.domain.facts import DealWon, Deed, Fact, InvoicePaid, OrderFulfilled, OrderPaid, PropertyReached, newest
from connector.domain.person import in_share
from connector.domain.words import days_words


class Prompt(StrEnum):
    """What just went well for somebody."""

    DELIVERY = "delivery"
    PURCHASE = "purchase"
    DEAL = "deal_won"
    RENEWAL = "renewal"
    REVIEW = "review"


#: What they are told, after "We ask because".
BECAUSE = {
    Prompt.DELIVERY: "your order has arrived",
    Prompt.PURCHASE: "you bought something",
    Prompt.DEAL: "we work together now",
    Prompt.RENEWAL: "you stayed with us",
    Prompt.REVIEW: "you were content with us",
}
#: So long after it was due nobody remembers the moment.
STALE = timedelta(days=30)
#: From so many points on somebody is a strong advocate.
STRONG = 60


@dataclass(frozen=True)
class Asking:
    """Whom a program asks, and when.

    wait: after the moment. orders: purchases they must have made. products: labels of what they must have bought, where
    any are named. every: between two questions to one person; most: questions to one person ever. quiet: from and to
    which time of the day nobody is asked, in `zone`. holdout_bp: basis points of people who are never asked. per_day:
    questions in a day, the best first. field and values: of a record in the CRM, which tell that somebody is content.
    """

    prompts: frozenset[Prompt]
    wait: timedelta = timedelta(days=3)
    orders: int = 1
    products: frozenset[str] = frozenset()
    every: timedelta = timedelta(days=90)
    most: int = 3
    quiet: tuple[time, time] | None = None
    zone: str = "UTC"
    holdout_bp: int = 0
    per_day: int | None = None
    field: str = ""
    values: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Moment:
    """Something that went well. key: what it was, as no other thing is called."""

    prompt: Prompt
    key: str
    at: datetime


@dataclass(frozen=True)
class Past:
    """What else we know of them. counted and lost: friends of theirs who count, and who do not or were taken back.

    asked: when they were asked so far, by this program or another one. quiet: they want no mails.
    """

    counted: int = 0
    lost: int = 0
    asked: tuple[datetime, ...] = ()
    quiet: bool = False


@dataclass(frozen=True)
class Score:
    """How likely somebody is to bring friends, 0 to 100, and why, each reason with its points."""

    points: int
    reasons: tuple[str, ...]

    @property
    def strong(self) -> bool:
        return self.points >= STRONG


class Answer(StrEnum):
    ASK = "ask"
    HOLD_OUT = "hold_out"
    LATER = "later"
    NO = "no"


@dataclass(frozen=True)
class Verdict:
    """What to do about a moment, and why in plain words. at: when to look again, where it is `later`."""

    answer: Answer
    why: str
    at: datetime | None = None


# ── What went well ───────────────────────────────────────────────────────────────────────────────────────────────


def moments(asking: Asking, facts: Sequence[Fact]) -> list[Moment]:
    """What in these facts about one purchase or record is an occasion to ask."""
    found = [each for fact in newest(facts).values() if (each := _moment(asking, fact)) is not None]
    return sorted((each for each in found if each.prompt in asking.prompts), key=lambda each: (each.at, each.key))


def _moment(asking: Asking, fact: Fact) -> Moment | None:
    key, at = f"{fact.ref.kind}:{fact.ref.id}", fact.happened_at
    match fact:
        case OrderFulfilled():
            return Moment(Prompt.DELIVERY, f"delivery/{key}", at)
        case DealWon():
            return Moment(Prompt.DEAL, f"deal/{key}", at)
        case InvoicePaid() if fact.first_order is False:
            return Moment(Prompt.RENEWAL, f"renewal/{key}", at)
        case OrderPaid() if not fact.test:
            return Moment(Prompt.PURCHASE, f"purchase/{key}", at)
        case PropertyReached() if _content(asking, fact):
            return Moment(Prompt.REVIEW, f"review/{key}", at)
    return None


def _content(asking: Asking, fact: PropertyReached) -> bool:
    same = fact.name.casefold() == asking.field.casefold()
    return same and (not asking.values or fact.value.casefold() in asking.values)


# ── Whom to ask ──────────────────────────────────────────────────────────────────────────────────────────────────


def held_out(asking: Asking, slug: str, person: UUID) -> bool:
    """Always the same people of a program, whatever they do."""
    return in_share(person, asking.holdout_bp, b"holdout" + slug.encode())


def judge(
    asking: Asking, slug: str, person: UUID, since: datetime, facts: Sequence[Fact], past: Past, now: datetime
) -> Verdict:
    """Whether somebody is asked now. since: the moment. facts: all that is known of what they bought and how they are.

    Whoever is held out is judged like everybody else first, so that both groups are alike but for the question.
    """
    if now > since + asking.wait + STALE:
        return Verdict(Answer.NO, "the moment for it is long past")
    if against := next(_against(asking, facts, past, now), ""):
        return Verdict(Answer.NO, against)
    if past.asked and (again := max(past.asked) + asking.every) > now:
        return Verdict(Answer.LATER, f"they were asked less than {days_words(asking.every.days)} ago", again)
    if (loud := quiet_until(asking, now)) is not None:
        return Verdict(Answer.LATER, "nobody is asked at this time of the day", loud)
    if held_out(asking, slug, person):
        return Verdict(
            Answer.HOLD_OUT, "they belong to the share that is never asked, so that it shows what asking brings"
        )
    return Verdict(Answer.ASK, "nothing speaks against it")


def _against(asking: Asking, facts: Sequence[Fact], past: Past, now: datetime) -> Iterator[str]:
    if past.quiet:
        yield "they want no mails"
    if len(past.asked) >= asking.most:
        yield f"they were asked {len(past.asked)} times, and that is enough"
    if cares := _cares(facts, now):
        yield f"first look after them: {cares[0].words}"
    bought = purchases(facts)
    if len(bought) < asking.orders:
        yield f"they bought {len(bought)} times, and {asking.orders} are asked for"
    if asking.products and not any(asking.products & labels for labels in _labels(bought)):
        yield f"they bought nothing of {', '.join(sorted(asking.products))}"


def _cares(facts: Sequence[Fact], now: datetime) -> list[Care]:
    """What is wrong for them: a ticket as long as it is open, a refund as long as it is fresh."""
    return [care for care in care_of(facts) if care.what != REFUND or care.since + FRESH > now]


def purchases(facts: Sequence[Fact]) -> list[Deed]:
    """What they bought, oldest first; what only was tried out does not count."""
    bought = [f for f in newest(facts).values() if isinstance(f, OrderPaid | InvoicePaid | DealWon) and not f.test]
    return sorted(bought, key=lambda deed: (deed.happened_at, deed.key))


def _labels(bought: Sequence[Deed]) -> Iterator[frozenset[str]]:
    for deed in bought:
        for item in deed.items or ():
            yield item.labels


def quiet_until(asking: Asking, now: datetime) -> datetime | None:
    """When the quiet time of this day is over; None where it is none now. It may go over midnight."""
    if asking.quiet is None:
        return None
    start, end = asking.quiet
    here = now.astimezone(ZoneInfo(asking.zone))
    clock = here.time()
    inside = start <= clock < end if start <= end else clock >= start or clock < end
    if not inside:
        return None
    day = here.date() + timedelta(days=1 if clock >= end else 0)
    return datetime.combine(day, end, here.tzinfo).astimezone(now.tzinfo)


# ── How likely they bring friends ────────────────────────────────────────────────────────────────────────────────


def score(facts: Sequence[Fact], past: Past, now: datetime) -> Score:
    """From what they did themselves, and nothing else: purchases, how lately, and what came of friends they sent."""
    parts = [(points, why) for points, why in _parts(facts, past, now) if points]
    reasons = tuple(f"{points:+d}: {why}" for points, why in parts)
    return Score(min(100, max(0, sum(points for points, _ in parts))), reasons)


def _parts(facts: Sequence[Fact], past: Past, now: datetime) -> Iterator[tuple[int, str]]:
    bought = purchases(facts)
    yield min(30, 10 * len(bought)), f"bought {len(bought)} times"
    if bought:
        ago = (now - bought[-1].happened_at).days
        yield (20 if ago <= 30 else 10 if ago <= 90 else 0), f"bought {days_words(max(ago, 0))} ago"  # noqa: PLR2004
    yield min(40, 20 * past.counted), f"{past.counted} friends of theirs count"
    yield -min(30, 15 * past.lost), f"{past.lost} friends of theirs did not count or were taken back"
    yield -20 * bool(_cares(facts, now)), "something is wrong for them now"
