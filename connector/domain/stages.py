"""Stages: where a referral stands and what it owes, as a pure function of all facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain import fraud, rules
from connector.domain.case import Case, Decision, Plan, Remedy, Stage
from connector.domain.deeds import Deeds, deeds_of
from connector.domain.facts import REFERRAL, Appealed, DealReopened, Deed, Judged, RewardReleased
from connector.domain.fraud import Signal
from connector.domain.owed import owed
from connector.domain.program import THANKS, Clawback, Payment, Program, When
from connector.domain.rules import DUPLICATE, Look, Refusal
from connector.domain.words import days_words
from connector.domain.worth import Undecided, Worth, worth_of

_APPROVE = Remedy("A person approves it: `connector judge approve REFERRAL --reason WHY`.", ruling=True)


@dataclass(frozen=True)
class _Docket:
    """One case with what was read out of its facts. ruling: a person's last word; appeal: asked for after it."""

    program: Program
    case: Case
    deeds: Deeds
    ruling: Judged | None
    appeal: Appealed | None
    signals: tuple[Signal, ...]

    @property
    def approved(self) -> bool:
        return self.ruling is not None and self.ruling.approved

    @property
    def declined(self) -> bool:
        return self.ruling is not None and not self.ruling.approved and self.appeal is None


def decide(program: Program, case: Case) -> Decision:
    """The decision that follows from the facts, whatever order they arrived in."""
    deeds = deeds_of(program, case.facts, case.now)
    ruling = next((fact for fact in deeds.standing if isinstance(fact, Judged)), None)
    asked = (fact for fact in deeds.standing if isinstance(fact, Appealed))
    appeal = next((fact for fact in asked if ruling is None or fact.as_of > ruling.as_of), None)
    docket = _Docket(program, case, deeds, ruling, appeal, fraud.assess(program.fraud, case.evidence))
    decision = _decide(docket)
    if appeal is not None and decision.stage in (Stage.REJECTED, Stage.EXPIRED):
        decision = replace(decision, review=_asked(appeal))
    return replace(
        decision,
        look_again=_look_again(docket, decision),
        clawback=_clawback(docket),
        netted=program.netted,
        signals=docket.signals,
    )


def _look_again(docket: _Docket, decision: Decision) -> datetime | None:
    """When its own time comes, or when a further deal that may earn too has stayed won for long enough: nobody tells."""
    further = docket.deeds.waits_until if docket.program.payment is not Payment.FIRST else None
    return min((at for at in (decision.look_again, further) if at is not None), default=None)


def _clawback(docket: _Docket) -> Clawback:
    """Where the merchant wants to be asked, declining takes the money back and approving lets it be."""
    if docket.program.clawback is not Clawback.REVIEW or docket.ruling is None:
        return docket.program.clawback
    return Clawback.ABSORB if docket.approved else Clawback.TAKE


def _decide(docket: _Docket) -> Decision:
    if not docket.deeds.payments:
        return _unpaid(docket)
    try:
        return _paid(docket)
    except Undecided as error:
        return Decision(Stage.QUALIFIED, error.hold, f"On hold: {error}", hold=error.hold, remedy=error.remedy)
    except ValueError as error:  # money of two currencies met, and no rate is ever assumed
        reason = f"On hold: {error}; state the program in the shop's currency, or write a rate into it."
        return Decision(Stage.QUALIFIED, "currency", reason, hold="currency", remedy=_rate(docket))


def _rate(docket: _Docket) -> Remedy:
    """Rates for what was paid in other currencies; one to one stands for the true one, which the merchant alone knows."""
    program = docket.program
    paid_in = [deed.net.currency for deed in docket.deeds.payments if deed.net is not None]
    into = program.currency or paid_in[0]
    others = sorted({currency for currency in paid_in if currency != into and currency not in program.rates})
    lines = ", ".join(f'{of}: "RATE {into}"' for of in others)
    words = f"Write what one {' and one '.join(others)} is worth into the program: `rates: {{{lines}}}`."
    return Remedy(words, settings=tuple((f"rates.{of}", f"1 {into}") for of in others))


# ── Nothing was paid, or not yet ─────────────────────────────────────────────────────────────────────────────────


def _unpaid(docket: _Docket) -> Decision:
    program, case, deeds = docket.program, docket.case, docket.deeds
    deadline = case.captured_at + program.window
    if case.duplicate:
        return _refused(DUPLICATE)
    if docket.declined:
        return _declined(docket)
    if deeds.undone:
        remedy = Remedy("It would count once it is won again.", forget=frozenset({DealReopened.__name__}))
        return Decision(Stage.REVERSED, "reopened", "The deal was won and is open again.", remedy=remedy)
    if deeds.waits_until is not None and not deeds.seen:
        when = _minute(deeds.waits_until)
        words = f"The deal is won, and must stay so until {when}."
        return Decision(Stage.PENDING, "stays", words, look_again=deeds.waits_until)
    if deeds.seen:
        return _counting(docket)
    if case.now >= deadline:
        days = (case.now - case.captured_at).days + 1
        remedy = Remedy(f"Set `window_days: {days}` or more.", settings=(("window_days", days),))
        return Decision(Stage.EXPIRED, "window", f"No payment within {days_words(program.window.days)}.", remedy=remedy)
    return Decision(
        Stage.PENDING, "unpaid", _WAITS.get(program.event, "The order is not paid yet."), look_again=deadline
    )


_WAITS: Mapping[str, str] = {
    "order_fulfilled": "The order is not paid and fulfilled yet.",
    "invoice_paid": "No invoice is paid yet.",
    "lead_created": "No lead has come of it yet.",
    "stage_reached": "The stage is not reached yet.",
    "property_reached": "The property has not come to its value yet.",
    "deal_won": "No deal is won yet.",
    "job_done": "The job is not done yet.",
}


def _counting(docket: _Docket) -> Decision:
    """The friend pays, and another payment than these earns the reward; the next one is told of by itself."""
    nth, so_far = docket.program.payments, docket.deeds.seen
    return Decision(Stage.PENDING, "payments", f"Payment {so_far} of {nth}: the reward is for number {nth}.")


# ── Something was paid ───────────────────────────────────────────────────────────────────────────────────────────


def _paid(docket: _Docket) -> Decision:
    """The decision on what was paid. Raises ValueError where amounts of two currencies would have to be compared."""
    if docket.declined:
        return _declined(docket)
    looks = [_look(docket, deed) for deed in docket.deeds.payments]
    broken = [rules.refusal(look, approved=docket.approved) for look in looks]
    if broken[0] is not None:
        return _refused(broken[0])
    good = [(place, look) for place, look in enumerate(looks) if broken[place] is None]
    if not any(_is_left(look.worth) for _, look in good):
        return Decision(
            Stage.REVERSED, "refunded", "The order was cancelled or refunded in full.", remedy=_keep(docket)
        )
    if suspicion := _suspicion(docket):
        return suspicion
    return _promised(docket, [(place, look.deed, look.worth) for place, look in good])


def _look(docket: _Docket, deed: Deed) -> Look:
    worth = worth_of(docket.program, deed, docket.deeds.standing)
    return Look(docket.program, docket.case, deed, worth, docket.deeds.opening)


def _is_left(worth: Worth | None) -> bool:
    return worth is None or bool(worth.left)


def _keep(docket: _Docket) -> Remedy:
    words = "It would have earned had nothing gone back."
    return Remedy(words, without=docket.deeds.refunds)


def _refused(broken: Refusal) -> Decision:
    return Decision(Stage.REJECTED, broken.rule, broken.reason, remedy=broken.remedy)


def _declined(docket: _Docket) -> Decision:
    words = f"Declined by {docket.ruling.by}: {docket.ruling.reason}" if docket.ruling is not None else ""
    return Decision(Stage.REJECTED, "declined", words, remedy=_APPROVE)


# ── Whether a person must look first ─────────────────────────────────────────────────────────────────────────────


def _suspicion(docket: _Docket) -> Decision | None:
    """A block by the score of all signals. Once money moved, or a person has spoken, it is too late for that."""
    if docket.case.settled or docket.approved:
        return None
    if fraud.score(docket.signals) < docket.program.fraud.block:
        return None
    return Decision(Stage.REJECTED, "fraud", f"Blocked as suspicious. {fraud.told(docket.signals)}", remedy=_APPROVE)


def _to_review(docket: _Docket) -> str:
    """Why a person must look before anything is paid; "" where nobody needs to."""
    program, case = docket.program, docket.case
    if case.settled:
        return ""
    if docket.appeal is not None:
        return _asked(docket.appeal)
    if docket.approved:
        return ""
    if case.claimed:
        return "Nothing but the advocate's own word speaks for it."
    if program.review.when is When.ALWAYS:
        return "A person looks at every referral of this program."
    if program.review.when is When.FLAGGED and fraud.score(docket.signals) >= program.fraud.flag:
        return fraud.told(docket.signals)
    opening = docket.deeds.opening
    if program.new_customers_only and program.event in _SHOP_EVENTS and opening and opening.first_order is None:
        return "Nobody tells whether the friend had bought before, and the program is for new customers."
    return ""


def _asked(appeal: Appealed) -> str:
    return f"{appeal.by} asked for a look: {appeal.reason}"


#: Events of which a first one can be told from a later one.
_SHOP_EVENTS = frozenset({"order_paid", "order_fulfilled"})


def _waiting_for_review(docket: _Docket, why: str, plans: Sequence[Plan], promised: str) -> Decision:
    review, case = docket.program.review, docket.case
    since = max(docket.deeds.payments[0].happened_at, case.captured_at)
    if review.decline_after is not None and case.now >= since + review.decline_after:
        words = f"Nobody approved it within {days_words(review.decline_after.days)}. {why}"
        return Decision(Stage.REJECTED, "review_lapsed", words, remedy=_APPROVE)
    late = since + review.within
    ends = [at for at in (late, since + review.decline_after if review.decline_after is not None else None) if at]
    return Decision(
        Stage.QUALIFIED,
        "review",
        f"{promised} is promised once a person approves it: {why}",
        tuple(replace(plan, ready=False) for plan in plans),
        look_again=min((at for at in ends if at > case.now), default=None),
        review=why,
        overdue=case.now >= late,
        remedy=_APPROVE,
        counts=True,
    )


# ── What is owed ─────────────────────────────────────────────────────────────────────────────────────────────────


def _promised(docket: _Docket, payments: Sequence[tuple[int, Deed, Worth | None]]) -> Decision:
    program, case = docket.program, docket.case
    owing = owed(program, case.standing, payments)
    if owing.stopped is not None:
        return Decision(Stage.QUALIFIED, "budget", owing.stopped.reason, hold="budget", remedy=owing.stopped.remedy)
    outside, share = rules.outside(program, case), _share(payments)
    if not owing.plans:
        return _nothing(docket, owing.capped, outside)
    promised = " and ".join(f"{_given(plan)} to the {_ROLES.get(plan.role, plan.role)}" for plan in owing.plans)
    if outside is not None:
        words = f"{outside.reason}: {promised} would be owed.{share}"
        return Decision(Stage.QUALIFIED, outside.rule, words, remedy=outside.remedy)
    if why := _to_review(docket):
        return _waiting_for_review(docket, why, owing.plans, promised)
    return _released(docket, owing.plans, promised, share)


_ROLES = {"milestone": "advocate as a milestone"}


def _given(plan: Plan) -> str:
    return f"{plan.item} ({plan.amount})" if plan.item else str(plan.amount)


def _share(payments: Sequence[tuple[int, Deed, Worth | None]]) -> str:
    """What refunds left, of each payment that lost something."""
    reduced = [worth for _, _, worth in payments if worth is not None and worth.left != worth.whole]
    return "".join(f" {worth.left} of {worth.whole} is left after refunds." for worth in reduced)


def _nothing(docket: _Docket, capped: Refusal | None, outside: Refusal | None) -> Decision:
    """It counts as converted, and nobody is owed money for it: thanks alone, a limit, or less than a coin."""
    program, case = docket.program, docket.case
    if outside is not None:
        words = f"{outside.reason}: nothing but thanks would be due."
        return Decision(Stage.QUALIFIED, outside.rule, words, remedy=outside.remedy)
    if capped is not None:
        return Decision(Stage.CONVERTED, capped.rule, capped.reason, remedy=capped.remedy, counts=True)
    rule = program.advocates_reward(case.standing.friends + 1)
    if rule is not None and rule.kind != THANKS:
        return Decision(
            Stage.REWARDED, "nothing_owed", "The promise comes to less than the smallest coin.", counts=True
        )
    release_at = docket.deeds.payments[0].happened_at + program.stays + program.hold
    if case.now < release_at and not _releases(docket):
        words = f"Thanks are due on {_minute(release_at)}."
        return Decision(Stage.QUALIFIED, "thanks_held", words, look_again=release_at, counts=True)
    words = "The advocate has our thanks, and one more friend to their name."
    return Decision(Stage.REWARDED, "thanks", words, counts=True)


def _releases(docket: _Docket) -> list[RewardReleased]:
    """Who said that it need not wait, of the referral as a whole or of one payment; the earliest word first."""
    told = [fact for fact in docket.deeds.standing if isinstance(fact, RewardReleased)]
    return sorted(told, key=lambda fact: (fact.happened_at, fact.by))


def _released(docket: _Docket, plans: Sequence[Plan], promised: str, share: str) -> Decision:
    case = docket.case
    early = {(plan.role, plan.ordinal): fact for plan in plans for fact in _early(docket, plan)}
    plans = tuple(
        replace(plan, ready=case.now >= plan.release_at or (plan.role, plan.ordinal) in early) for plan in plans
    )
    waiting = [plan.release_at for plan in plans if not plan.ready]
    if len(waiting) == len(plans):
        when = _minute(min(waiting))
        reason = f"{promised} is promised and held until {when}.{share}"
        return Decision(Stage.QUALIFIED, "hold", reason, plans, min(waiting), counts=True)
    first = min(((fact.happened_at, fact.by) for fact in early.values()), default=(None, ""))[1]
    said, again = f"{share} Released early by {first}." if first else share, min(waiting, default=None)
    if case.paid_out and any(plan.key in case.kept and case.kept[plan.key] < plan.amount for plan in plans):
        words = f"{promised} is owed again, after it was taken back: a person gives it by hand, or lets it be.{said}"
        return Decision(Stage.CONVERTED, "owed_again", words, plans, again, counts=True)
    if case.paid_out:
        return Decision(Stage.REWARDED, "paid", f"{promised} is paid.{said}", plans, again, counts=True)
    return Decision(Stage.CONVERTED, "released", f"{promised} is being paid.{said}", plans, again, counts=True)


def _early(docket: _Docket, plan: Plan) -> list[RewardReleased]:
    """The word by which this plan need not wait for its time, if there is one."""
    paid_for = {fact.ref for fact in docket.deeds.payments} if plan.role == "milestone" else {plan.deed}
    told = [fact for fact in _releases(docket) if fact.ref in paid_for or fact.ref.kind == REFERRAL]
    return [fact for fact in told[:1] if fact.happened_at < plan.release_at]


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
