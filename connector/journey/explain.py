"""Explain: why a referral stands where it stands, by the same case and the same rules that decide it. Only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from connector.domain import explain as domain
from connector.domain.attribution import WORDS, Candidate, Weighed
from connector.domain.care import Care, care_of
from connector.domain.case import Case
from connector.domain.explain import Explanation
from connector.domain.program_data import parse
from connector.domain.receipt import plain
from connector.errors import NotFound
from connector.journey.attribute import candidates_of
from connector.journey.decide import case_of, facts_of, has_deed
from connector.journey.desk import Desk
from connector.ports.receipts import Pinned, Promise, Returned, Stands
from connector.ports.rows import Referral, SavedTruth
from connector.ports.store import Tx


@dataclass(frozen=True)
class Explained:
    """A referral with all that can be said of it. stands: what was written down when it was decided last."""

    referral: Referral
    program: Pinned
    stands: Stands
    why: Explanation
    promises: tuple[Promise, ...]
    care: tuple[Care, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Opened:
    """What decides about a referral now, read without changing anything."""

    referral: Referral
    program: Pinned
    promises: tuple[Promise, ...]
    case: Case


def open_case(tx: Tx, referral_id: UUID) -> Opened:
    """Raises NotFound where this merchant has no such referral."""
    story = tx.referrals.story(referral_id)
    if story is None:
        raise NotFound(f"there is no referral {referral_id}: `connector explain` also finds one by its code or order")
    referral, promises = story.referral, tuple(tx.receipts.promises(referral_id))
    pinned = tx.receipts.program(referral)
    program = parse(pinned.data)
    facts = facts_of(tx, referral, program)
    owned = not has_deed(program, facts) or not tx.referrals.is_anothers(referral)
    case = case_of(tx, referral, program, [promise.reward for promise in promises], facts, owned=owned)
    return Opened(referral, pinned, promises, case)


def explain(desk: Desk, merchant: UUID, referral_id: UUID) -> Explained:
    """Why it stands where it stands, and what would change that. Raises NotFound."""
    with desk.store.snapshot(merchant) as tx:
        opened = open_case(tx, referral_id)
        referral, stands = opened.referral, tx.receipts.stands(referral_id)
        saved = tx.truths.get(referral.connection, referral.ref)
        candidates = _candidates(tx, desk.touch_key, referral, opened.program, saved)
    placed_at = saved.truth.placed_at if saved else None
    why = domain.explain(opened.program.data, opened.case, candidates, placed_at)
    notes = _notes(referral, stands, why)
    return Explained(referral, opened.program, stands, why, opened.promises, care_of(opened.case.facts), notes)


def _candidates(
    tx: Tx, key: bytes, referral: Referral, program: Pinned, saved: SavedTruth | None
) -> Sequence[Candidate]:
    """All evidence that names somebody of this program, and the touch by which the referral came to be."""
    found: list[Candidate] = []
    if saved is not None:
        every = candidates_of(tx, key, referral.connection, saved, parse(program.data).window)
        found = [candidate for candidate, advocate in every if advocate.program == referral.program]
    own = Candidate(replace(referral.touch, evidence=""), referral.advocate)
    known = any(replace(each.touch, evidence="") == own.touch and each.advocate == own.advocate for each in found)
    return found if known else [*found, own]


def _notes(referral: Referral, stands: Stands, why: Explanation) -> tuple[str, ...]:
    """What the rules alone do not tell."""
    notes = [f"A person should look: {stands.review}"] if stands.review else []
    won = next((each for each in why.evidence if each.won), None)
    if won is not None and won.touch.code != referral.touch.code:
        notes.append(
            f"{referral.touch.code} stands, for it opened the referral; {won.touch.code} was seen only after that."
        )
    if (stands.stage, stands.rule) != (why.decision.stage, why.decision.rule):
        notes.append(f"It was decided as {stands.stage} by the rule {stands.rule!r}, and is due to be decided again.")
    return tuple(notes)


# ── In words ─────────────────────────────────────────────────────────────────────────────────────────────────────


def in_words(told: Explained) -> list[str]:
    """All of it for the merchant, one sentence a line."""
    lines = [*domain.in_words(told.why), *told.notes]
    for promise in told.promises:
        lines.append(_promise(promise))
        lines += [_returned(each) for each in promise.returned]
    lines += [f"Care, {care.what} since {care.since:%Y-%m-%d}: {care.words} {care.do}" for care in told.care]
    return lines


def _promise(promise: Promise) -> str:
    reward = promise.reward
    what = reward.item or (reward.means or reward.kind).replace("_", " ")
    due = f", due {promise.due_at:%Y-%m-%d %H:%M UTC}" if promise.due_at and promise.issued_at is None else ""
    paid = f" on {promise.issued_at:%Y-%m-%d %H:%M UTC}" if promise.issued_at else ""
    late = ", late" if promise.late else ""
    words = f"reward {reward.amount} to the {reward.role} as {what}: {reward.state}{paid}{due}{late}"
    return f"{words}. {promise.reason}".rstrip(". ") + "."


def _returned(back: Returned) -> str:
    return f"taken back {back.taken} of {back.amount}: {back.state} {back.reason}".rstrip() + "."


# ── For machines ─────────────────────────────────────────────────────────────────────────────────────────────────


def as_data(told: Explained) -> dict[str, Any]:
    """The same as JSON data, in the shape that docs/explanation.md promises."""
    decision = told.why.decision
    return {
        "referral": str(told.referral.id),
        "program": {"slug": told.program.slug, "version": told.program.version},
        "purchase": {"kind": told.referral.ref.kind, "id": told.referral.ref.id},
        "code": told.referral.touch.code,
        "captured_at": plain(told.referral.captured_at),
        "stage": decision.stage.value,
        "rule": decision.rule,
        "reason": decision.reason,
        "hold": decision.hold,
        "review": decision.review or told.stands.review,
        "evidence": [_weighed(each) for each in told.why.evidence],
        "signals": [plain(signal) for signal in told.why.signals],
        "arithmetic": list(told.why.arithmetic),
        "due": [plain(due) for due in told.why.due],
        "remedies": [remedy.words for remedy in told.why.remedies],
        "rewards": [_reward(promise) for promise in told.promises],
        "care": [plain(care) for care in told.care],
        "notes": list(told.notes),
        "words": in_words(told),
        "for_advocate": told.why.for_advocate,
    }


def _weighed(each: Weighed) -> dict[str, Any]:
    touch = each.touch
    seen = {"at": plain(touch.at), "source": touch.source.value, "words": WORDS[touch.source], "code": touch.code}
    return {**seen, "medium": touch.medium, "campaign": touch.campaign, "won": each.won, "verdict": each.verdict}


def _reward(promise: Promise) -> Mapping[str, Any]:
    reward = promise.reward
    return {
        "id": str(reward.id),
        "role": reward.role,
        "kind": reward.kind,
        "means": reward.means,
        "item": reward.item,
        "ordinal": reward.ordinal,
        "amount": plain(reward.amount),
        "state": reward.state.value,
        "reason": promise.reason,
        "sum": promise.sum,
        "due_at": plain(promise.due_at),
        "issued_at": plain(promise.issued_at),
        "expires_at": plain(reward.expires_at),
        "late": promise.late,
        "transaction": reward.transaction,
        "returned": [plain(each) for each in promise.returned],
    }
