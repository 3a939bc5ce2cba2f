"""Rules: why a purchase earns nothing, each with the sentence shown to people and what would have made it earn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from connector.domain.case import Case, Remedy
from connector.domain.facts import Deed
from connector.domain.money import Money
from connector.domain.person import in_share
from connector.domain.program import TESTERS, Bounds, Mode, Pilot, Program
from connector.domain.words import percent_words
from connector.domain.worth import Worth


@dataclass(frozen=True)
class Refusal:
    """One rule that was broken. appealable: a person may overrule it."""

    rule: str
    reason: str
    remedy: Remedy
    appealable: bool = True


@dataclass(frozen=True)
class Look:
    """What a rule looks at: one deed, what of it counts, and the friend's first deed, None where that does not matter."""

    program: Program
    case: Case
    deed: Deed
    worth: Worth | None
    opening: Deed | None = None


#: Somebody else, for trying out what would be if two people were not one.
_SOMEBODY_ELSE = UUID(int=0)
DUPLICATE = Refusal(
    "duplicate",
    "This person was already referred; the first referral stands.",
    Remedy("If these are two people, un-merge them; then each has a referral.", case={"duplicate": False}),
    appealable=False,
)


def refusal(look: Look, *, approved: bool = False) -> Refusal | None:
    """The first rule this deed breaks, or None. approved: a person has overruled what they may overrule."""
    broken = (found for rule in _RULES if (found := rule(look)) is not None)
    return next((found for found in broken if not (approved and found.appealable)), None)


def _duplicate(look: Look) -> Refusal | None:
    return DUPLICATE if look.case.duplicate else None


def _self_referral(look: Look) -> Refusal | None:
    if look.case.advocate != look.case.friend:
        return None
    remedy = Remedy("If these are two people, un-merge them.", case={"friend": _SOMEBODY_ELSE})
    return Refusal("self_referral", "Advocate and friend are the same person.", remedy, appealable=False)


def _test_order(look: Look) -> Refusal | None:
    if not look.deed.test or (look.program.mode is Mode.TEST and TESTERS in look.case.groups):
        return None
    remedy = Remedy("A real order would earn; test orders earn for testers of a program in test.", deed={"test": False})
    return Refusal("test_order", "The order is a test order, and test orders never pay.", remedy, appealable=False)


def _products(look: Look) -> Refusal | None:
    bounds, worth = look.program.bounds, look.worth
    if worth is None or not bounds.by_product or worth.whole or not look.deed.net:
        return None
    # Whoever may be left out by another label of the same thing is let in by all of them.
    labels = next((item.labels for item in look.deed.items or () if item.net and item.labels), frozenset())
    name = min(labels, default="")
    settings: tuple[tuple[str, Any], ...] = ()
    if bounds.products:
        settings += (("orders.products", sorted(bounds.products | {name}) if name else None),)
    if bounds.no_products:
        settings += (("orders.except_products", sorted(bounds.no_products - labels) or None if name else None),)
    what = f"count {name!r}" if name else "count things that have no name"
    keys = " and ".join(f"`{key}`" for key, _ in settings)
    remedy = Remedy(f"Let the program {what}: change {keys}.", settings=settings)
    reason = "Nothing that was bought is among the products that the program counts."
    return Refusal("products", reason, remedy, appealable=False)


def _zero_total(look: Look) -> Refusal | None:
    if look.worth is None or look.worth.counted:
        return None
    remedy = Remedy("A purchase that costs something would earn.", deed=_priced(look))
    return Refusal("zero_total", "The order's net is zero, so there is nothing to reward.", remedy, appealable=False)


def _priced(look: Look) -> dict[str, Any]:
    """The same deed with a price above any minimum."""
    enough = Money(10**9, look.deed.net.currency if look.deed.net is not None else "EUR")
    free = Money.zero(enough.currency)
    items = tuple(replace(item, net=enough, tax=free) for item in look.deed.items or ())
    return {"net": enough, "tax": free, "items": items}


def _below_minimum(look: Look) -> Refusal | None:
    minimum, worth = look.program.minimum_net, look.worth
    if minimum is None or worth is None or not worth.counted < minimum:
        return None
    words = (
        f"Set `minimum_net` to {worth.counted} or less, or take it out." if worth.counted else "Take `minimum_net` out."
    )
    remedy = Remedy(words, settings=(("minimum_net", str(worth.counted) if worth.counted else None),))
    reason = f"The order's net of {worth.counted} is below the minimum of {minimum}."
    return Refusal("below_minimum", reason, remedy)


def _countries(look: Look) -> Refusal | None:
    bounds, country = look.program.bounds, look.deed.country.casefold()
    if not (bounds.countries and country not in bounds.countries) and country not in bounds.no_countries:
        return None
    where = country.upper() or "a place that nobody told us"
    settings: tuple[tuple[str, Any], ...] = ()
    if bounds.countries:
        settings += (("orders.countries", sorted(bounds.countries | {country}) if country else None),)
    if country in bounds.no_countries:
        settings += (("orders.except_countries", sorted(bounds.no_countries - {country}) or None),)
    keys = " and ".join(f"`{key}`" for key, _ in settings)
    remedy = Remedy(f"Let the program count purchases that go to {where}: change {keys}.", settings=settings)
    return Refusal("country", f"The purchase went to {where}, where the program does not count.", remedy)


def _currencies(look: Look) -> Refusal | None:
    allowed = look.program.bounds.currencies
    paid_in = look.deed.paid_in or (look.deed.net.currency if look.deed.net is not None else "")
    if not allowed or not paid_in or paid_in in allowed:
        return None
    remedy = Remedy(
        f"Add {paid_in} to `orders.currencies`.", settings=(("orders.currencies", sorted(allowed | {paid_in})),)
    )
    return Refusal("paid_in", f"The friend paid in {paid_in}, which the program does not count.", remedy)


def _not_new(look: Look) -> Refusal | None:
    if not look.program.new_customers_only or look.opening is None or look.opening.first_order is not False:
        return None
    remedy = Remedy("Set `new_customers_only: false`.", settings=(("new_customers_only", False),))
    return Refusal("not_new", "The friend had ordered before, and the program is for new customers.", remedy)


_RULES: tuple[Callable[[Look], Refusal | None], ...] = (
    _duplicate,
    _self_referral,
    _test_order,
    _not_new,
    _products,
    _countries,
    _currencies,
    _below_minimum,
    _zero_total,
)


# ── Who takes part ───────────────────────────────────────────────────────────────────────────────────────────────


def outside(program: Program, case: Case) -> Refusal | None:
    """Why this referral is watched and not paid, in a program that does not pay everybody yet."""
    if case.standing.pinned:
        return None  # what was promised stays promised, whoever leaves a group afterwards
    live = Remedy("Set `mode: live`, and take `pilot` out.", settings=(("mode", "live"), ("pilot", None)))
    if program.mode is Mode.SHADOW:
        return Refusal("shadow_mode", "The program only watches, and pays nobody", live)
    if program.mode is Mode.TEST and TESTERS not in case.groups:
        return Refusal("test_mode", "The program is in test mode", live)
    if program.pilot is None:
        return None
    if not takes_part(program.pilot, program.slug, case.advocate, case.groups):
        return Refusal("outside_pilot", f"The program is a pilot for {pilot_words(program.pilot)}", live)
    if program.pilot.cap is not None and case.standing.piloted >= program.pilot.cap:
        return Refusal("pilot_full", f"The pilot's {program.pilot.cap} places are taken", live)
    return None


def takes_part(pilot: Pilot, slug: str, advocate: UUID, groups: frozenset[str]) -> bool:
    """Members of the group do; of a percentage, always the same advocates."""
    if pilot.group:
        return pilot.group in groups
    return in_share(advocate, pilot.percent_bp, slug.encode())


def pilot_words(pilot: Pilot) -> str:
    return f"the group {pilot.group!r}" if pilot.group else f"{percent_words(pilot.percent_bp)} of all advocates"


def bounds_words(bounds: Bounds) -> list[str]:
    """What counts and what does not, one sentence each."""
    said = []
    if bounds.products:
        said.append(f"Only these products count: {', '.join(sorted(bounds.products))}.")
    if bounds.no_products:
        said.append(f"These products do not count: {', '.join(sorted(bounds.no_products))}.")
    if bounds.countries:
        said.append(f"Only purchases to these countries count: {', '.join(sorted(bounds.countries)).upper()}.")
    if bounds.no_countries:
        said.append(f"Purchases to these countries do not count: {', '.join(sorted(bounds.no_countries)).upper()}.")
    if bounds.currencies:
        said.append(f"Only purchases in these currencies count: {', '.join(sorted(bounds.currencies))}.")
    if not bounds.with_tax:
        said.append("Tax does not count.")
    return said
