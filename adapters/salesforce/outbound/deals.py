"""What an opportunity says: whose it is, what it is worth, whether it is won.

Stages have the names that the org gives them; whether one means won is a field of its own, `IsWon`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.plain import time_of
from adapters.salesforce.outbound.org import Kind
from adapters.salesforce.outbound.people import Person, as_of_all, changed_at, reached, the_friend
from adapters.salesforce.outbound.values import Json, created_at, held, money_in, when
from connector.domain.facts import DealReopened, DealWon, Fact, ObjectRef, StageReached
from connector.domain.touch import Touch
from connector.ports.platform import Truth

_OWN = (
    "Id", "AccountId", "ContactId", "Amount", "CurrencyIsoCode", "StageName", "IsWon", "IsClosed", "IsDeleted",
    "CloseDate", "CreatedDate", "LastStageChangeDate", "SystemModstamp",
)  # fmt: skip


def fields_of(kind: Kind, wanted: Iterable[str] = ()) -> list[str]:
    """What is read of an opportunity, as far as the org has and shows it."""
    return list(dict.fromkeys(kind.names((*_OWN, *sorted(wanted))).values()))


@dataclass(frozen=True)
class Deal:
    """An opportunity with everybody on it. first_won: when its account's first won one was made, "" for none yet.

    won_since: when it was won, whichever won stages it went through since; "" where the org does not tell.
    """

    record: Json
    people: tuple[Person, ...]
    first_won: str
    won_since: str = ""


@dataclass(frozen=True)
class View:
    """One reading of one org. currency: the org's own; at: when it was read; wanted: fields that a program asks for."""

    kind: Kind
    currency: str
    at: datetime
    wanted: frozenset[str]


def deal_truth(view: View, ref: ObjectRef, deal: Deal) -> Truth:
    """An opportunity with the person whom it belongs to."""
    friend, placed = the_friend(deal.people), created_at(deal.record)
    view = replace(view, at=as_of_all(view.at, [deal.record]))
    return Truth(
        ref,
        found=True,
        as_of=view.at,
        placed_at=placed,
        buyer=tuple(friend.marks()) if friend else (),
        touches=tuple(_touches(deal.people, placed)),
        facts=tuple(_facts(view, ref, deal)),
        note="deleted" if deal.record.get("IsDeleted") is True else "" if friend else "no_buyer",
    )


def _touches(people: Iterable[Person], placed: datetime) -> Iterator[Touch]:
    """The evidence on everybody. Fields speak of the past: one filled after the opportunity was made tells of before."""
    for person in people:
        for touch in person.touches():
            yield replace(touch, at=min(touch.at, placed))


def _facts(view: View, ref: ObjectRef, deal: Deal) -> Iterator[Fact]:
    record, placed = deal.record, created_at(deal.record)
    since = when(record, "LastStageChangeDate") or when(record, "CloseDate") or changed_at(record)
    since = max(since, placed)
    if record.get("IsDeleted") is True:
        yield DealReopened(ref, view.at, view.at)  # it counts for nothing until it is restored
        return
    first = _is_first(deal)
    if record.get("IsWon") is True:
        net = money_in(record, "Amount", held(record, "CurrencyIsoCode") or view.currency)
        won = max(time_of(deal.won_since) or since, placed)
        yield DealWon(ref, view.at, won, placed, net, first_order=first)
    else:
        yield DealReopened(ref, view.at, since)
    if stage := held(record, "StageName"):
        yield StageReached(ref, view.at, since, placed, first_order=first, stage=stage)
    yield from reached(ref, view.kind, record, view.wanted, placed, view.at, first=first)


def _is_first(deal: Deal) -> bool | None:
    """Whether its account had won none before it; None for one without an account."""
    if not held(deal.record, "AccountId"):
        return None
    first = time_of(deal.first_won)
    return first is None or first >= created_at(deal.record)
