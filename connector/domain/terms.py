"""A program's promise in plain sentences, as friends and advocates read it, worked out from its data alone."""

from __future__ import annotations

from collections.abc import Mapping

from connector.domain.program import (
    ITEM,
    THANKS,
    Mode,
    Offer,
    Payment,
    Period,
    Program,
    RewardRule,
    When,
)
from connector.domain.rules import bounds_words, pilot_words
from connector.domain.words import days_words, percent_words

_KINDS = {
    "balance": "store credit",
    "code": "a discount code",
    "gift_card": "a gift card",
    "points": "loyalty points",
    "native": "a reward of our customer program",
}
#: What the friend has done once it counts.
_DONE: Mapping[str, str] = {
    "order_paid": "has paid",
    "order_fulfilled": "has received their order",
    "invoice_paid": "has paid their invoice",
    "lead_created": "has got in touch",
    "stage_reached": "has got as far as {stage}",
    "property_reached": "has {property}",
    "deal_won": "has become a customer",
    "job_done": "has had the work done",
}
_TIMES = {Period.MONTH: "a month", Period.QUARTER: "a quarter", Period.YEAR: "a year", Period.EVER: "in all"}


def kind_words(kind: str) -> str:
    """A kind of credit, or another part of the product, as a heading."""
    words = _KINDS.get(kind, kind.replace("_", " ")).removeprefix("a ")
    return words[:1].upper() + words[1:]


def offer_words(program: Program) -> str:
    """What a friend gets at checkout; "" where the program offers nothing."""
    return f"Your friend gets {_offer(program.offer)}." if program.offer else ""


def terms_words(program: Program) -> str:
    """What the advocate gets, and when, in one sentence."""
    rule = program.advocate_reward
    if rule is None or rule.kind == THANKS:
        return f"You get our thanks once your friend {_done(program)}."
    # "has paid" alone takes a sum; elsewhere the minimum has a sentence of its own.
    least = f" at least {program.minimum_net}" if program.minimum_net and program.event == "order_paid" else ""
    return f"You get {_reward(rule)}, {_when(program)} your friend {_done(program)}{least}."


def terms(program: Program) -> list[str]:
    """The whole promise: who takes part, what is promised, when it comes, what does not count. One sentence each."""
    said = [
        f"{program.name}: tell a friend about us. {terms_words(program)}",
        *([offer_words(program)] if program.offer else []),
        *_friends_reward(program),
        *_more(program),
        *_counting(program),
        *_limits(program),
        *_timing(program),
    ]
    return [sentence for sentence in said if sentence]


# ── What is promised ─────────────────────────────────────────────────────────────────────────────────────────────


def _offer(offer: Offer) -> str:
    gets = {
        "percent": f"{percent_words(offer.percent_bp)} off",
        "amount": f"{offer.amount} off",
        "shipping": "free shipping",
        "gift": "a gift",
    }[offer.kind]
    return gets + (f" on an order of {offer.minimum} or more" if offer.minimum else "")


def _reward(rule: RewardRule, whose: str = "your friend's") -> str:
    if rule.kind == THANKS:
        return "our thanks"
    if rule.kind == ITEM:
        return rule.item
    amount = str(rule.fixed) if rule.fixed is not None else f"{percent_words(rule.percent_bp)} of {whose} order"
    cap = f", at most {rule.cap}," if rule.cap and rule.fixed is None else ""
    return f"{amount}{cap} as {_KINDS[rule.kind]}"


def _friends_reward(program: Program) -> list[str]:
    rule = program.friend_reward
    if rule is None or rule.kind == THANKS:
        return []
    return [f"Your friend gets {_reward(rule, 'their')}, too."]


def _more(program: Program) -> list[str]:
    said = []
    if program.tiers:
        for step in program.tiers.steps:
            period = "" if program.tiers.period is Period.EVER else f" of the {program.tiers.period}"
            said.append(f"From your friend number {step.start}{period} on, you get {_reward(step.reward)}.")
    said += [
        f"With your friend number {each.at}, you get {_reward(each.reward)} on top." for each in program.milestones
    ]
    if program.payment is Payment.EACH:
        said.append(f"This holds for each of your friend's first {program.payments} payments.")
    if program.payment is Payment.NTH:
        said.append(f"It comes with payment number {program.payments} of your friend.")
    return said


# ── What counts ──────────────────────────────────────────────────────────────────────────────────────────────────


def _counting(program: Program) -> list[str]:
    said = [f"Your friend has {days_words(program.window.days)} from your word to their decision."]
    if program.new_customers_only:
        said.append("It counts for people who have not bought from us before.")
    if program.minimum_net:
        said.append(f"Purchases of {program.minimum_net} or more count, without shipping.")
    said.append("Each friend counts once, for whoever told them of us " + _precedence(program))
    said.append("You cannot refer yourself, and trial orders do not count.")
    return said + bounds_words(program.bounds)


def _precedence(program: Program) -> str:
    return "last." if program.last_touch else "first."


def _limits(program: Program) -> list[str]:
    said = []
    if caps := program.caps:
        friends = "one rewarded friend" if caps.rewards == 1 else f"{caps.rewards} rewarded friends"
        most = [friends if caps.rewards else "", str(caps.amount) if caps.amount else ""]
        said.append(f"One person can earn at most {' and '.join(filter(None, most))} {_TIMES[caps.period]}.")
    if program.budget:
        said.append("The program has a budget; once it is spent, new rewards wait until we raise it.")
    if program.mode is Mode.PILOT and program.pilot:
        said.append(f"For now, it is open to {pilot_words(program.pilot)}.")
    if program.mode in (Mode.TEST, Mode.SHADOW):
        said.append("It is being tried out: nothing is paid yet.")
    return said


def _timing(program: Program) -> list[str]:
    said = ["If a purchase goes back, in whole or in part, so does the reward, in proportion."]
    if program.stays:
        said.append(f"It must stay so for {days_words(program.stays.days)}.")
    if program.review.when is When.ALWAYS:
        said.append("We look at each referral before we pay.")
    elif program.review.when is When.FLAGGED:
        said.append("We look at unusual referrals before we pay, and you can ask us for another look.")
    theirs = program.friend_reward
    yours = {rule.expires_after for rule in program.every_reward if rule is not theirs and rule.kind in _KINDS}
    said += [f"Credit ends {days_words(end.days)} after you get it." for end in sorted(filter(None, yours))]
    if theirs is not None and theirs.kind in _KINDS and theirs.expires_after:
        said.append(f"Your friend's credit ends {days_words(theirs.expires_after.days)} after they get it.")
    return said


def _when(program: Program) -> str:
    wait = program.hold + program.stays
    return f"{days_words(wait.days)} after" if wait else "once"


def _done(program: Program) -> str:
    words = _DONE[program.event]
    return words.format(stage=program.stage, property=f"{program.property_name} at {program.property_value}")
