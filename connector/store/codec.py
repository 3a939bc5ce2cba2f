"""Truths and touches, standings and evidence as stored data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from connector.domain.case import Standing
from connector.domain.facts import ObjectRef
from connector.domain.fraud import Evidence
from connector.domain.money import Money
from connector.domain.touch import Source, Touch
from connector.ports.platform import Truth


def plain_touch(touch: Touch) -> dict[str, Any]:
    return {
        "source": touch.source.value,
        "code": touch.code,
        "at": touch.at,
        "confirmed": touch.confirmed,
        "medium": touch.medium,
        "campaign": touch.campaign,
        "evidence": touch.evidence,
        **({"referrer": touch.referrer} if touch.referrer else {}),
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
        data.get("referrer", ""),
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
        **({"referrers": sorted(truth.referrers)} if truth.referrers else {}),
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
        referrers=frozenset(data.get("referrers", ())),
    )


def plain_standing(standing: Standing) -> dict[str, Any]:
    return asdict(standing)


def standing(data: Mapping[str, Any]) -> Standing:
    money = {name: Money(**data[name]) if data[name] else None for name in ("earned", "spent")}
    return Standing(**{**data, **money})


def plain_evidence(evidence: Evidence) -> dict[str, Any]:
    said = asdict(evidence)
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in said.items()}


def evidence(data: Mapping[str, Any]) -> Evidence:
    said: dict[str, Any] = {name: frozenset(v) if isinstance(v, list) else v for name, v in data.items()}
    return Evidence(**said)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
