"""Facts as stored data, and back. What a fact does not say is left out, so that an older row reads as it was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from connector.domain.facts import (
    Appealed,
    CareRaised,
    CreditExpiring,
    CreditLapsed,
    CreditRedeemed,
    DealReopened,
    DealWon,
    Deed,
    Enrolled,
    Fact,
    InvoicePaid,
    Item,
    JobDone,
    Judged,
    LeadCreated,
    ObjectRef,
    OrderFulfilled,
    OrderPaid,
    OrderRefunded,
    PropertyReached,
    RewardReleased,
    StageReached,
)
from connector.domain.money import Money
from connector.errors import InvariantBroken

_DEEDS: Mapping[str, Callable[..., Fact]] = {
    kind.__name__: kind
    for kind in (OrderPaid, InvoicePaid, LeadCreated, StageReached, PropertyReached, DealWon, JobDone)
}


def plain_fact(fact: Fact) -> dict[str, Any]:
    """The fields that decide, without the platform's time of the sighting, which has a column of its own."""
    common = {"is": type(fact).__name__, "kind": fact.ref.kind, "id": fact.ref.id, "at": fact.happened_at}
    return {**common, **(_plain_deed(fact) if isinstance(fact, Deed) else _SAID[type(fact)](fact))}


def _plain_deed(deed: Deed) -> dict[str, Any]:
    own = {name: getattr(deed, name) for name in ("stage", "name", "value", "by") if hasattr(deed, name)}
    net = {"net": deed.net.minor, "currency": deed.net.currency} if deed.net is not None else {}
    more = _given(
        tax=deed.tax.minor if deed.tax is not None else None,
        items=_plain_items(deed.items),
        country=deed.country or None,
        paid_in=deed.paid_in or None,
    )
    return {"placed": deed.placed_at, **net, "test": deed.test, "first": deed.first_order, **more, **own}


def _plain_items(items: tuple[Item, ...] | None) -> list[dict[str, Any]] | None:
    if items is None:
        return None
    return [
        {
            "labels": sorted(item.labels),
            **_plain_money(item.net),
            **_given(tax=item.tax.minor if item.tax is not None else None),
        }
        for item in items
    ]


def _plain_money(money: Money) -> dict[str, Any]:
    return {"amount": money.minor, "currency": money.currency}


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def fact(data: Mapping[str, Any], as_of: datetime) -> Fact:
    """Raises InvariantBroken for a kind of fact that this version does not know."""
    ref, at, name = ObjectRef(data["kind"], data["id"]), _time(data["at"]), data["is"]
    if name in _DEEDS:
        return _deed(_DEEDS[name], ref, as_of, at, data)
    if name not in _READERS:
        raise InvariantBroken(f"a stored fact of kind {name!r} is unknown to this version")
    return _READERS[name](ref, as_of, at, data)


def _deed(kind: Callable[..., Fact], ref: ObjectRef, as_of: datetime, at: datetime, data: Mapping[str, Any]) -> Fact:
    own = {name: data[name] for name in ("stage", "name", "value", "by") if name in data}
    net = Money(data["net"], data["currency"]) if "net" in data else None
    return kind(
        ref,
        as_of,
        at,
        _time(data["placed"]),
        net,
        data["test"],
        data["first"],
        tax=Money(data["tax"], data["currency"]) if "tax" in data else None,
        items=_items(data),
        country=data.get("country", ""),
        paid_in=data.get("paid_in", ""),
        **own,
    )


def _items(data: Mapping[str, Any]) -> tuple[Item, ...] | None:
    if "items" not in data:
        return None
    return tuple(
        Item(frozenset(row["labels"]), _money(row), Money(row["tax"], row["currency"]) if "tax" in row else None)
        for row in data["items"]
    )


_READERS: Mapping[str, Callable[[ObjectRef, datetime, datetime, Mapping[str, Any]], Fact]] = {
    "OrderRefunded": lambda ref, as_of, at, d: OrderRefunded(ref, as_of, at, d["refund"], _money(d), _items(d)),
    "OrderFulfilled": lambda ref, as_of, at, _: OrderFulfilled(ref, as_of, at),
    "DealReopened": lambda ref, as_of, at, _: DealReopened(ref, as_of, at),
    "Judged": lambda ref, as_of, at, d: Judged(ref, as_of, at, d["by"], d["approved"], d["reason"]),
    "Appealed": lambda ref, as_of, at, d: Appealed(ref, as_of, at, d["by"], d["reason"]),
    "CareRaised": lambda ref, as_of, at, d: CareRaised(ref, as_of, at, d["what"], d["still"], d["words"]),
    "Enrolled": lambda ref, as_of, at, d: Enrolled(ref, as_of, at, d["program"], d["way"]),
    "RewardReleased": lambda ref, as_of, at, d: RewardReleased(ref, as_of, at, d["by"]),
    "CreditRedeemed": lambda ref, as_of, at, d: CreditRedeemed(ref, as_of, at, UUID(d["reward"]), _money(d)),
    "CreditLapsed": lambda ref, as_of, at, d: CreditLapsed(ref, as_of, at, UUID(d["reward"]), _money(d)),
    "CreditExpiring": lambda ref, as_of, at, d: CreditExpiring(
        ref, as_of, at, UUID(d["reward"]), _money(d), _time(d["ends"])
    ),
}


#: What each kind of fact says besides whom or what it is about, and when.
_SAID: Mapping[type[Fact], Callable[[Any], dict[str, Any]]] = {
    OrderRefunded: lambda f: {"refund": f.refund, **_plain_money(f.amount), **_given(items=_plain_items(f.items))},
    OrderFulfilled: lambda _: {},
    DealReopened: lambda _: {},
    Judged: lambda f: {"by": f.by, "approved": f.approved, "reason": f.reason},
    Appealed: lambda f: {"by": f.by, "reason": f.reason},
    CareRaised: lambda f: {"what": f.what, "still": f.still, "words": f.words},
    Enrolled: lambda f: {"program": f.program, "way": f.way},
    RewardReleased: lambda f: {"by": f.by},
    CreditRedeemed: lambda f: {"reward": f.reward, **_plain_money(f.total)},
    CreditLapsed: lambda f: {"reward": f.reward, **_plain_money(f.amount)},
    CreditExpiring: lambda f: {"reward": f.reward, **_plain_money(f.amount), "ends": f.expires_at},
}


def _money(data: Mapping[str, Any]) -> Money:
    return Money(data["amount"], data["currency"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
