"""Card: what a sales or support person sees beside a record in their CRM. Only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.journey.desk import Desk
from connector.journey.explain import Explained, explain
from connector.journey.record import permission_of
from connector.journey.whose import behind
from connector.ports.rows import Owner
from connector.ports.store import Tx
from connector.values import PERMISSIONS

_STAGES = {
    "pending": "Waiting for the deal or purchase that counts",
    "qualified": "It counts; the waiting time is running",
    "converted": "It counts; the reward is on its way",
    "rewarded": "The reward was paid",
    "rejected": "It does not count",
    "expired": "It came to nothing in time",
    "reversed": "The reward was taken back",
}
_NOBODY = "Nobody referred this person, as far as we know."
_ASK = "If they say that somebody sent them, ask for the code or the link, and fill it in the referral code field."
_FRIEND = "Thank them. Who referred them is theirs and the advocate's business: name the advocate only if they ask."
_ADVOCATE = "Their link and balance are on this record. A reward comes once the friend's purchase has stood its time."


@dataclass(frozen=True)
class Card:
    """state: none, friend, advocate or both. lines: label and value; words: one paragraph; answer: what to say if asked."""

    state: str
    lines: tuple[tuple[str, str], ...] = ()
    words: str = _NOBODY
    answer: str = _ASK


def card(desk: Desk, owner: Owner, ref: ObjectRef, person_kind: str) -> Card:
    """The card of one record: a person, or a purchase."""
    with desk.store.snapshot(owner.merchant) as tx:
        person = tx.people.find(owner.target, ref.kind, ref.id) if ref.kind == person_kind else None
        referrals = list(behind(tx, owner.target, ref))
        own = list(_advocacies(tx, person)) if person else []
    told = [explain(desk, owner.merchant, referral) for referral in referrals]
    lines = [line for each in told for line in _friend_lines(each)]
    lines += [("Shares the code", code) for code in own]
    if not told and not own:
        return Card("none")
    state = "both" if told and own else "friend" if told else "advocate"
    words = " ".join(each.why.decision.reason for each in told) or "This person may refer others."
    return Card(state, tuple(lines), words, " ".join([_FRIEND] * bool(told) + [_ADVOCATE] * bool(own)))


def _advocacies(tx: Tx, person: UUID) -> Iterator[str]:
    for program in tx.programs.current():
        yield from (each.code for each in tx.programs.of_people(program.id, [person]))


def _friend_lines(told: Explained) -> Sequence[tuple[str, str]]:
    touch, stage = told.referral.touch, told.why.decision.stage
    lines = [("Referred with the code", touch.code), ("Stage", _STAGES[stage])]
    lines += [
        ("Reward", f"{each.reward.amount} to the {each.reward.role}: {each.reward.state}") for each in told.promises
    ]
    lines += [("May I contact them?", _may_contact(told))]
    return [*lines, *(("Look after them", each.words) for each in told.care)]


def _may_contact(told: Explained) -> str:
    permission, words = permission_of(told.referral.touch)
    return f"{'Yes' if permission == PERMISSIONS[0] else 'Ask first'}. {words}"
