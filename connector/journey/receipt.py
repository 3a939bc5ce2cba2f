"""Receipt: one document that proves a reward, from the deliveries that told of it to the platform's transactions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from connector.domain import receipt as domain
from connector.domain.case import Case, Decision, Plan
from connector.domain.program_data import parse
from connector.domain.stages import decide
from connector.errors import NotFound
from connector.journey.decide import counts
from connector.journey.desk import Desk
from connector.journey.explain import open_case
from connector.ports.receipts import Stands

#: Of the key that receipts are sealed with.
PURPOSE = "receipts"


def receipt(desk: Desk, merchant: UUID, reward: UUID, key: bytes) -> dict[str, Any]:
    """The receipt of a reward as it stands now. key: what this installation seals with. Raises NotFound."""
    with desk.store.snapshot(merchant) as tx:
        owner = tx.receipts.owner(reward)
        if owner is None:
            raise NotFound(f"there is no reward {reward}: `connector explain` shows the rewards of a referral")
        opened = open_case(tx, owner)
        rows = tx.receipts.proof(reward, opened.referral)
        told = tx.truths.of_referral(opened.referral)
        stands = tx.receipts.stands(owner)
    program, data = parse(opened.program.data), domain.plain(opened.program.data)
    facts = [
        _fact(domain.plain(row), counted=counts(program, platform, fact))
        for row, (platform, fact) in zip(rows["facts"], told, strict=True)
    ]
    sections = {
        **rows,
        "facts": facts,
        "program": {**domain.plain(opened.program), "hash": domain.fingerprint(data)},
        "decision": _decision(decide(program, opened.case), opened.case, stands),
    }
    return domain.made(merchant, reward, opened.case.now, sections, key)


def _fact(row: dict[str, Any], *, counted: bool) -> dict[str, Any]:
    return {**row, "counts": counted, "hash": domain.fingerprint([row["as_of"], row["data"]])}


def _decision(decision: Decision, case: Case, stands: Stands) -> dict[str, Any]:
    """What was decided, on what, and what is written down of it."""
    known = {name: value for name, value in asdict(case).items() if name != "facts"}
    return {
        "stage": decision.stage.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "plans": [_plan(plan) for plan in decision.plans],
        "case": known,
        "stands": stands,
    }


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "role": plan.role,
        "kind": plan.kind,
        "ordinal": plan.ordinal,
        "amount": plan.amount.minor,
        "currency": plan.amount.currency,
        "release_at": plan.release_at,
        "sum": plan.sum,
    }
