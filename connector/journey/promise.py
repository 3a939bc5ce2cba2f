"""A program's promise in plain sentences, as friends and advocates read it."""

from __future__ import annotations

from connector.domain.program import Program, RewardRule

_KINDS = {"balance": "store credit", "code": "a discount code", "gift_card": "a gift card"}


def kind_words(kind: str) -> str:
    """A kind of credit, or another part of the product, as a heading."""
    words = _KINDS.get(kind, kind.replace("_", " ")).removeprefix("a ")
    return words[:1].upper() + words[1:]


def offer_words(program: Program) -> str:
    """What a friend gets at checkout; "" where the program offers nothing."""
    offer = program.offer
    if offer is None:
        return ""
    gets = {
        "percent": f"{_percent(offer.percent_bp)} off",
        "amount": f"{offer.amount} off",
        "shipping": "free shipping",
        "gift": "a gift",
    }[offer.kind]
    least = f" on an order of {offer.minimum} or more" if offer.minimum else ""
    return f"Your friend gets {gets}{least}."


def terms_words(program: Program) -> str:
    """What the advocate gets, and when."""
    rule = program.advocate_reward
    days = f"{program.hold.days} day{'s' if program.hold.days != 1 else ''} after" if program.hold else "once"
    least = f" at least {program.minimum_net}" if program.minimum_net else ""
    return f"You get {_reward(rule)} as {_KINDS[rule.kind]}, {days} your friend has paid{least}."


def _reward(rule: RewardRule) -> str:
    if rule.fixed is not None:
        return str(rule.fixed)
    cap = f", at most {rule.cap}," if rule.cap else ""
    return f"{_percent(rule.percent_bp)} of your friend's order{cap}"


def _percent(basis_points: int) -> str:
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + " %"
