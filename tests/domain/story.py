"""Stories: what people did, in a notation that reads like a diary, becomes facts and cases.

    d0 order 100.00 EUR                   on day 0 the friend's order over 100 euros is paid; day 0 is 2026-05-20, noon UTC
    d0 order 100.00 EUR id=B placed=d-2 tax=19.00 to=DE in=GBP first=no kind=test items=tea:60.00/9.58+mug:40.00
    d3 refund 25.00 EUR                   r=a names the refund, items=mug:25.00 says what went back
    d2 fulfilled | d5 won 900.00 EUR | d6 reopened | d1 lead | d1 stage Demo booked | d1 property plan gold
    d1 invoice 20.00 EUR id=I1 | d4 job 80.00 EUR
    d2 released Eva | d3 approved Eva a good friend | d3 declined Eva a bad one | d4 appealed Anna please look again

An item is label:net or label:net/tax in the order's currency, several labels with commas between them. A moment is a day
and, where it matters, `-` for the last instant before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from connector.domain import facts as f
from connector.domain.case import Case, Standing
from connector.domain.fraud import Evidence
from connector.domain.money import Money

DAY0 = datetime(2026, 5, 20, 12, tzinfo=UTC)
ANNA, BEN = UUID(int=1), UUID(int=2)
REFERRAL = f.ObjectRef("referral", "R")
BASE: dict[str, Any] = {"name": "Friends", "advocate": {"percent": 10}}
_FIRST = {"yes": True, "no": False, "unknown": None}


def at(moment: str) -> datetime:
    """d14 is noon of day 14, d14- the last instant before."""
    day = DAY0 + timedelta(days=float(moment.rstrip("-").removeprefix("d")))
    return day - timedelta(microseconds=1) if moment.endswith("-") else day


def money(amount: str, currency: str = "") -> Money:
    number, _, written = amount.partition(" ")
    return Money.parse(number, written or currency)


def fact(told: str) -> f.Fact:
    """One line of a story."""
    day, verb, *words = told.split()
    said = [word for word in words if "=" not in word]
    named = dict(word.split("=", 1) for word in words if "=" in word)
    when = at(day)
    if verb in _DEEDS:
        return cast("f.Fact", _deed(verb, when, said, named))
    return _after(verb, when, said, named)


def facts(told: Sequence[str]) -> tuple[f.Fact, ...]:
    return tuple(fact(each) for each in told)


def _items(text: str, currency: str) -> tuple[f.Item, ...]:
    return tuple(_item(each, currency) for each in text.split("+") if each)


def _item(text: str, currency: str) -> f.Item:
    labels, _, price = text.partition(":")
    net, _, tax = price.partition("/")
    names = frozenset(label for label in labels.split(",") if label)
    return f.Item(names, money(net, currency), money(tax, currency) if tax else None)


#: verb: its kind of deed, the kind of object it is about, and what the words say beside an amount.
_DEEDS: Mapping[str, tuple[type[f.Deed], str, tuple[str, ...]]] = {
    "order": (f.OrderPaid, "order", ()),
    "invoice": (f.InvoicePaid, "invoice", ()),
    "lead": (f.LeadCreated, "lead", ()),
    "won": (f.DealWon, "deal", ()),
    "job": (f.JobDone, "job", ()),
    "stage": (f.StageReached, "deal", ("stage",)),
    "property": (f.PropertyReached, "contact", ("name", "value")),
}


def _deed(verb: str, when: datetime, said: list[str], named: Mapping[str, str]) -> f.Deed:
    kind, about, names = _DEEDS[verb]
    more: dict[str, Any] = dict(zip(names, [" ".join(said)] if len(names) == 1 else said, strict=False))
    priced = bool(said) and not names
    currency = said[1] if priced else ""
    net = money(said[0], currency) if priced else None
    if "tax" in named:
        more["tax"] = money(named["tax"], currency)
    return kind(
        ref=f.ObjectRef(about, named.get("id", "A")),
        as_of=when,
        happened_at=when,
        placed_at=at(named["placed"]) if "placed" in named else when,
        net=net,
        test=named.get("kind") == "test",
        first_order=_FIRST[named.get("first", "yes")],
        items=_items(named["items"], currency) if "items" in named else None,
        country=named.get("to", ""),
        paid_in=named.get("in", ""),
        **more,
    )


def _after(verb: str, when: datetime, said: list[str], named: Mapping[str, str]) -> f.Fact:
    """What changes a deed, or what somebody says about it."""
    about = f.ObjectRef(named.get("of", "order"), named.get("id", "A"))
    match verb:
        case "refund":
            items = _items(named["items"], said[1]) if "items" in named else None
            return f.OrderRefunded(about, when, when, named.get("r", "r1"), money(said[0], said[1]), items)
        case "fulfilled":
            return f.OrderFulfilled(about, when, when)
        case "reopened":
            return f.DealReopened(f.ObjectRef("deal", named.get("id", "A")), when, when)
        case "released":
            return f.RewardReleased(about, when, when, said[0])
        case "appealed":
            return f.Appealed(REFERRAL, when, when, said[0], " ".join(said[1:]))
        case "approved" | "declined":
            return f.Judged(REFERRAL, when, when, said[0], verb == "approved", " ".join(said[1:]))
    raise ValueError(f"{verb!r} is no word of the notation")


def case(told: Sequence[str], now: str = "d14", **about: Any) -> Case:
    """A case of these facts, Anna's of Ben. about: what differs from the usual, as written in a golden table."""
    about = dict(about)
    standing: dict[str, Any] = {
        name: money(value) if isinstance(value, str) else value for name, value in about.pop("standing", {}).items()
    }
    evidence: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in about.pop("evidence", {}).items()
    }
    return Case(
        advocate=ANNA,
        friend=ANNA if about.pop("self", False) else BEN,
        captured_at=at(about.pop("captured", "d0")),
        facts=facts(told),
        duplicate=about.pop("duplicate", False),
        paid_out=about.pop("paid_out", False),
        now=at(now),
        settled=about.pop("settled", False),
        groups=frozenset(about.pop("groups", ())),
        standing=Standing(**standing),
        evidence=Evidence(**evidence),
        kept={name: money(left) for name, left in about.pop("kept", {}).items()},
        **about,
    )
