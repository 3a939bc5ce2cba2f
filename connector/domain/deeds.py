"""Deeds: which of all facts about a friend are the ones that the program asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.facts import (
    DealWon,
    Deed,
    Fact,
    ObjectRef,
    OrderFulfilled,
    OrderRefunded,
    PropertyReached,
    StageReached,
    newest,
)
from connector.domain.program import EVENTS, Payment, Program


@dataclass(frozen=True)
class Deeds:
    """What the facts come to for one program.

    payments: what earns, in the order in which it happened. opening: the first of all, whether it earns or not. seen: how
    many payments there were in all. standing: the facts that nothing has replaced. undone: a deal was won once and is no
    longer. waits_until: when the next won deal will have stayed won for long enough.
    """

    payments: tuple[Deed, ...]
    seen: int
    standing: tuple[Fact, ...]
    opening: Deed | None = None
    undone: bool = False
    waits_until: datetime | None = None

    @property
    def refunds(self) -> frozenset[str]:
        return frozenset(fact.key for fact in self.standing if isinstance(fact, OrderRefunded))


def deeds_of(program: Program, facts: Iterable[Fact], now: datetime) -> Deeds:
    """The friend's deeds of the kind that the program asks for, and which of them earn."""
    every = tuple(facts)
    standing = tuple(newest(every).values())
    found = sorted(_asked_for(program, standing), key=_order)
    undone = not found and program.event == "deal_won" and any(isinstance(fact, DealWon) for fact in every)
    waits = None
    if found and program.stays:
        ends = [deed.happened_at + program.stays for deed in found]
        waits = min((end for end in ends if end > now), default=None)
        found = [deed for deed, end in zip(found, ends, strict=True) if end <= now]
    opening = found[0] if found else None
    return Deeds(_earning(program, found), len(found), standing, opening, undone, waits)


def _order(deed: Deed) -> tuple[datetime, bool, ObjectRef]:
    """By time; of two in one instant, the one that the platform calls the first."""
    return deed.happened_at, deed.first_order is False, deed.ref


def _asked_for(program: Program, standing: Sequence[Fact]) -> Sequence[Deed]:
    found = [fact for fact in standing if isinstance(fact, Deed) and is_asked_for(program, fact)]
    if program.event == "order_fulfilled":
        handed = {fact.ref: fact.happened_at for fact in standing if isinstance(fact, OrderFulfilled)}
        return [
            replace(deed, happened_at=max(deed.happened_at, handed[deed.ref])) for deed in found if deed.ref in handed
        ]
    return found


def is_asked_for(program: Program, fact: Fact) -> bool:
    """Whether it is a deed of the kind that the program asks for: a lead is none where deals are.

    A stage and a property are compared as people write them, without regard to case.
    """
    if type(fact) is not EVENTS[program.event]:
        return False
    match fact:
        case StageReached(stage=stage):
            return stage.casefold() == program.stage.casefold()
        case PropertyReached(name=name, value=value):
            asked = (program.property_name.casefold(), program.property_value.casefold())
            return (name.casefold(), value.casefold()) == asked
        case _:
            return True


def _earning(program: Program, found: Sequence[Deed]) -> tuple[Deed, ...]:
    if program.payment is Payment.FIRST:
        return tuple(found[:1])
    if program.payment is Payment.EACH:
        return tuple(found[: program.payments])
    return tuple(found[program.payments - 1 : program.payments])
