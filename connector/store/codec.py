"""Facts, truths and touches as stored data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from connector.domain.facts import (
    CreditExpiring,
    CreditLapsed,
    CreditRedeemed,
    Fact,
    ObjectRef,
    OrderPaid,
    OrderRefunded,
    RewardReleased,
)
from connector.domain.money import Money
from connector.domain.touch import Source, Touch
from connector.errors import InvariantBroken
from connector.ports.platform import Truth


def plain_fact(fact: Fact) -> dict[str, Any]:
    """The fields that decide, without the platform's time of the sighting, which has a column of its own."""
    common = {"is": type(fact).__name__, "kind": fact.ref.kind, "id": fact.ref.id, "at": fact.happened_at}
    match fact:
        case OrderPaid():
            return {
                **common,
                "placed": fact.placed_at,
                "net": fact.net.minor,
                "currency": fact.net.currency,
                "test": fact.test,
                "first": fact.first_order,
            }
        case OrderRefunded():
            return {**common, "refund": fact.refund, "amount": fact.amount.minor, "currency": fact.amount.currency}
        case RewardReleased():
            return {**common, "by": fact.by}
        case CreditRedeemed():
            return {**common, "reward": fact.reward, "amount": fact.total.minor, "currency": fact.total.currency}
        case CreditLapsed():
            return {**common, "reward": fact.reward, "amount": fact.amount.minor, "currency": fact.amount.currency}
        case CreditExpiring():
            amount = {"amount": fact.amount.minor, "currency": fact.amount.currency}
            return {**common, "reward": fact.reward, **amount, "ends": fact.expires_at}


def fact(data: Mapping[str, Any], as_of: datetime) -> Fact:
    ref, at = ObjectRef(data["kind"], data["id"]), _time(data["at"])
    match data["is"]:
        case "OrderPaid":
            net = Money(data["net"], data["currency"])
            return OrderPaid(ref, as_of, at, _time(data["placed"]), net, data["test"], data["first"])
        case "OrderRefunded":
            return OrderRefunded(ref, as_of, at, data["refund"], Money(data["amount"], data["currency"]))
        case "RewardReleased":
            return RewardReleased(ref, as_of, at, data["by"])
        case "CreditRedeemed":
            return CreditRedeemed(ref, as_of, at, UUID(data["reward"]), _money(data))
        case "CreditLapsed":
            return CreditLapsed(ref, as_of, at, UUID(data["reward"]), _money(data))
        case "CreditExpiring":
            return CreditExpiring(ref, as_of, at, UUID(data["reward"]), _money(data), _time(data["ends"]))
        case other:
            raise InvariantBroken(f"a stored fact of kind {other!r} is unknown to this version")


def plain_touch(touch: Touch) -> dict[str, Any]:
    return {
        "source": touch.source.value,
        "code": touch.code,
        "at": touch.at,
        "confirmed": touch.confirmed,
        "medium": touch.medium,
        "campaign": touch.campaign,
        "evidence": touch.evidence,
    }


def touch(data: Mapping[str, Any]) -> Touch:
    return Touch(
        Source(data["source"]),
        data["code"],
        _time(data["at"]),
        data["confirmed"],
        data["medium"],
        data["campaign"],
        data["evidence"],
    )


def plain_truth(truth: Truth) -> dict[str, Any]:
    """Without the buyer's identifiers: those live as keyed hashes beside the person alone."""
    return {
        "kind": truth.ref.kind,
        "id": truth.ref.id,
        "as_of": truth.as_of,
        "placed": truth.placed_at,
        "touches": [plain_touch(t) for t in truth.touches],
        "complete": truth.complete,
        "note": truth.note,
    }


def truth(data: Mapping[str, Any]) -> Truth:
    return Truth(
        ObjectRef(data["kind"], data["id"]),
        found=True,
        as_of=_time(data["as_of"]),
        placed_at=_time(data["placed"]) if data["placed"] else None,
        touches=tuple(touch(t) for t in data["touches"]),
        complete=data["complete"],
        note=data["note"],
    )


def _money(data: Mapping[str, Any]) -> Money:
    return Money(data["amount"], data["currency"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
