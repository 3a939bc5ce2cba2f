"""A program's data: settings as a merchant writes them (YAML or JSON) become a program. Wrong ones say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from connector.domain.asking_data import asking, share
from connector.domain.fraud_data import HOST, fraud_rules
from connector.domain.money import Money, Rate
from connector.domain.program import (
    EVENTS,
    ITEM,
    KINDS,
    OFFERS,
    PAID_KINDS,
    PRICED,
    THANKS,
    Bounds,
    Budget,
    Caps,
    Clawback,
    Enrolment,
    Milestone,
    Mode,
    Offer,
    Payment,
    Period,
    Pilot,
    Program,
    Review,
    RewardRule,
    Rounding,
    Step,
    Tiers,
    When,
)
from connector.domain.reader import Reader, listed
from connector.domain.touch import LINKS, Source
from connector.errors import ConfigError

_COUNTRY = re.compile(r"[a-z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_NONE = timedelta(0)
#: staff, or a file of theirs; a qualifying order or a won deal; a list or property in the CRM; people themselves.
WAYS = ("staff", "file", "order", "deal", "list", "join")
VANITY = ("staff", "advocates", "nobody")


def parse(data: Mapping[str, Any]) -> Program:
    """A program from its data (YAML or JSON). Raises ConfigError naming every problem and its remedy."""
    read = Reader(data)
    name = read.text("name")
    program = Program(
        name=name,
        slug=read.text("slug", "-".join(name.lower().split())),
        mode=read.one_of("mode", Mode, Mode.LIVE),
        event=read.choice("event", tuple(EVENTS), "order_paid"),
        source=read.text("source", empty=True),
        window=read.days("window_days", 30) or _NONE,
        hold=read.days("hold_days", 14) or _NONE,
        late_after=read.days("late_days", 1) or _NONE,
        minimum_net=read.money("minimum_net"),
        new_customers_only=read.flag("new_customers_only", default=True),
        last_touch=read.choice("attribution.touch", ("first", "last"), "last") == "last",
        precedence=_precedence(read),
        advocate_reward=_side(read, "advocate"),
        friend_reward=_side(read, "friend"),
        redirect_hosts=read.texts("links.hosts"),
        landing=read.text("links.path", "/"),
        offer=_offer(read) if read.has("offer") else None,
        rates=_rates(read),
        clawback=read.one_of("clawback.after_issue", Clawback, Clawback.TAKE),
        netted=read.choice("clawback.shortfall", ("absorb", "net"), "absorb") == "net",
        **_qualify(read),
        **_limits(read),
        **_people(read),
    )
    _check(read, program)
    read.leftovers()
    if read.problems:
        raise ConfigError(read.problems)
    return program


# ── What qualifies ───────────────────────────────────────────────────────────────────────────────────────────────


def _qualify(read: Reader) -> dict[str, Any]:
    payment = read.one_of("qualify.payment", Payment, Payment.FIRST)
    told = len(read.problems)
    payments = read.count("qualify.payments", 1, 1, 1000)
    if len(read.problems) == told and (payments > 1) != (payment is not Payment.FIRST):
        words = "goes with `payment: nth` or `payment: each`, and both need it: 2 or more"
        read.wrong("qualify.payments", words)
    return {
        "stage": read.text("qualify.stage", empty=True),
        "property_name": read.text("qualify.property", empty=True),
        "property_value": read.text("qualify.value", empty=True),
        "stays": read.days("qualify.stays_days", 0) or _NONE,
        "payment": payment,
        "payments": payments,
        "bounds": _bounds(read),
    }


def _bounds(read: Reader) -> Bounds:
    tax = read.choice("orders.tax", ("included", "excluded"), "included")
    bounds = Bounds(
        products=read.labels("orders.products"),
        no_products=read.labels("orders.except_products"),
        countries=read.labels("orders.countries"),
        no_countries=read.labels("orders.except_countries"),
        currencies=frozenset(each.upper() for each in read.labels("orders.currencies")),
        with_tax=tax == "included",
    )
    for key, countries in (("countries", bounds.countries), ("except_countries", bounds.no_countries)):
        if wrong := [each for each in countries if not _COUNTRY.fullmatch(each)]:
            read.wrong(f"orders.{key}", f"{listed(wrong)}: write countries as two letters, such as DE")
    if wrong := [each for each in bounds.currencies if not _CURRENCY.fullmatch(each)]:
        read.wrong("orders.currencies", f"{listed(wrong)}: write currencies as three letters, such as EUR")
    for what, both in (
        ("products", bounds.products & bounds.no_products),
        ("countries", bounds.countries & bounds.no_countries),
    ):
        if both:
            read.wrong(f"orders.except_{what}", f"{listed(both)} is also among orders.{what}; keep it in one of them")
    return bounds


def _precedence(read: Reader) -> tuple[Source, ...]:
    """Sources by strength. The merchant names them all, or says only whether codes or links go first."""
    names, prefer = read.texts("attribution.precedence"), read.get("attribution.prefer")
    wrong = [name for name in names if name not in set(Source)]
    if wrong or len(set(names)) != len(names):
        read.wrong("attribution.precedence", f"name each of {', '.join(Source)} at most once")
    elif names and prefer is not None:
        read.wrong("attribution.prefer", "leave it out where attribution.precedence names the sources in order")
    elif names:
        return tuple(Source(name) for name in names)
    if read.choice("attribution.prefer", ("code", "link"), "code") == "link":
        return (*LINKS, *(source for source in Source if source not in LINKS))
    return tuple(Source)


def _rates(read: Reader) -> dict[str, Rate]:
    rates = {}
    for of, text in read.table("rates").items():
        value, _, into = str(text).partition(" ")
        try:
            rates[str(of)] = Rate(str(of), into.strip(), value)
        except ValueError:
            into = "?"
        if not _CURRENCY.fullmatch(str(of)) or not _CURRENCY.fullmatch(into.strip()) or of == into.strip():
            read.wrong(f"rates.{of}", f'{text!r}: write what one {of} is worth, such as "0.92 EUR"')
            rates.pop(str(of), None)
    return rates


# ── What is promised ─────────────────────────────────────────────────────────────────────────────────────────────


def _side(read: Reader, key: str) -> RewardRule | None:
    return reward(read, f"{key}.") if read.has(key) else None


def reward(read: Reader, at: str) -> RewardRule:
    """One promise, whose settings begin with `at`."""
    kind = read.choice(f"{at}kind", KINDS, "balance")
    fixed, basis_points = read.money(f"{at}amount"), read.percent(f"{at}percent")
    cap, item = read.money(f"{at}cap"), read.text(f"{at}item", empty=True)
    fallback, expires = read.texts(f"{at}fallback"), read.days(f"{at}expires_days", None)
    given, name = read.has(f"{at}amount") + read.has(f"{at}percent"), at.rstrip(".") or "reward"
    if kind == THANKS and given:
        read.wrong(name, "thanks cost nothing: take `amount` and `percent` out")
    elif kind == ITEM and (read.has(f"{at}percent") or not given or not item):
        read.wrong(name, 'an item needs `item: "a mug"` and what it costs you, `amount: "8.00 EUR"`')
    elif kind in PAID_KINDS and given != 1:
        read.wrong(name, 'give either `amount: "10.00 EUR"` or `percent: 10`, not both, not neither')
    if item and kind != ITEM:
        read.wrong(f"{at}item", f"goes with `kind: {ITEM}` only")
    if expires is not None and not expires:
        read.wrong(f"{at}expires_days", "must be at least 1, or left out for credit that never expires")
    if fixed and cap and fixed.currency != cap.currency:
        read.wrong(f"{at}cap", f"{cap} is not in the currency of {name}.amount")
    _fallback(read, at, kind, fallback)
    remind = read.days(f"{at}remind_days", 14) or _NONE
    rounding = read.one_of(f"{at}rounding", Rounding, Rounding.HALF_UP)
    return RewardRule(kind, fixed, basis_points, cap, expires, fallback, remind, rounding, item)


def _fallback(read: Reader, at: str, kind: str, fallback: tuple[str, ...]) -> None:
    if fallback and kind not in PAID_KINDS:
        read.wrong(f"{at}fallback", f"a reward of kind {kind} is paid by no platform, so nothing can stand in for it")
    elif len({kind, *fallback}) != 1 + len(fallback) or not {*fallback} <= {*PAID_KINDS}:
        read.wrong(f"{at}fallback", f"name other kinds than {kind}, each once, of {', '.join(PAID_KINDS)}")


def _offer(read: Reader) -> Offer | None:
    """The friend's offer, with exactly what its kind needs."""
    kind = read.choice("offer.kind", OFFERS, "percent")
    percent, amount = read.percent("offer.percent"), read.money("offer.amount")
    product, collection = str(read.get("offer.product", "")), str(read.get("offer.collection", ""))
    needs = [("percent", "percent"), ("amount", "amount"), ("gift", "product"), ("gift", "collection")]
    for owner, key in [(owner, f"offer.{name}") for owner, name in needs]:
        if (owner == kind) != read.has(key):
            read.wrong(key, "is missing" if owner == kind else f"does not belong to a {kind} offer; take it out")
    return Offer(kind, percent, amount, product, collection, read.money("offer.minimum"))


def _limits(read: Reader) -> dict[str, Any]:
    """How much, at the most, and what more for many friends."""
    tiers = None
    if read.has("tiers"):
        tiers = Tiers(
            read.one_of("tiers.period", Period, Period.EVER),
            tuple(Step(start, rule) for start, rule in _numbered(read, "tiers.steps", "from", 2)),
        )
        starts = [step.start for step in tiers.steps]
        if not starts or starts != sorted(set(starts)):
            read.wrong(
                "tiers.steps", "write at least one step, each with a higher `from` than the one before, from 2 on"
            )
    milestones = tuple(Milestone(at, rule) for at, rule in _numbered(read, "milestones", "at", 1))
    if len({milestone.at for milestone in milestones}) != len(milestones):
        read.wrong("milestones", "two of them are at the same number of friends; keep one")
    return {
        "tiers": tiers,
        "milestones": milestones,
        "caps": _caps(read) if read.has("caps") else None,
        "budget": _budget(read) if read.has("budget") else None,
    }


def _numbered(read: Reader, key: str, number: str, least: int) -> Iterator[tuple[int, RewardRule]]:
    """A list of rewards, each with the number of friends that it takes."""
    for row in read.rows(key):
        yield row.count(number, least, least), reward(row, "")
        if not row.has(number):
            row.wrong(number, f"say how many friends it takes, {least} or more")
        row.leftovers()


def _caps(read: Reader) -> Caps:
    caps = Caps(
        read.one_of("caps.period", Period, Period.EVER), read.whole("caps.rewards", None, 1), read.money("caps.amount")
    )
    if not (read.has("caps.rewards") or read.has("caps.amount")):
        read.wrong("caps", 'say how much: `rewards: 10`, `amount: "200.00 EUR"`, or both')
    return caps


def _budget(read: Reader) -> Budget | None:
    period = read.one_of("budget.period", Period, Period.EVER)
    amount, warn = read.money("budget.amount"), read.count("budget.warn_percent", 80, 1, 100)
    if not read.has("budget.amount"):
        read.wrong("budget.amount", 'say how much the program may cost, such as "5000.00 EUR"')
    return Budget(amount, period, warn) if amount else None


# ── Who takes part, and who is looked at ─────────────────────────────────────────────────────────────────────────


def _people(read: Reader) -> dict[str, Any]:
    return {
        "pilot": _pilot(read) if read.has("pilot") else None,
        "review": Review(
            read.one_of("review.when", When, When.FLAGGED),
            read.days("review.within_days", 7) or _NONE,
            read.days("review.decline_after_days", None),
        ),
        "fraud": fraud_rules(read),
        "enrolment": _enrolment(read),
        "asking": asking(read),
        "share": share(read),
    }


def _pilot(read: Reader) -> Pilot:
    pilot = Pilot(read.text("pilot.group", empty=True), read.percent("pilot.percent"), read.whole("pilot.cap", None, 1))
    if read.has("pilot.group") == read.has("pilot.percent"):
        read.wrong("pilot", 'say who takes part: either `group: "tag:vip"` or `percent: 10`')
    return pilot


def _enrolment(read: Reader) -> Enrolment:
    ways = read.texts("enrol.ways")
    if not {*ways} <= {*WAYS} or (read.has("enrol.ways") and not ways):
        read.wrong("enrol.ways", f"name some of {', '.join(WAYS)}")
    name, value = read.text("enrol.property", empty=True), read.text("enrol.value", empty=True)
    if bool(name) != bool(value):
        read.wrong("enrol.value" if name else "enrol.property", "name both: the field, and the value it must have")
    lists = read.texts("enrol.lists")
    if (lists or name) and ways and "list" not in ways:
        read.wrong("enrol.ways", "add list, since `enrol.lists` or `enrol.property` let people in that way")
    return Enrolment(
        frozenset(ways or WAYS),
        read.flag("enrol.after_order", default=False),
        read.choice("enrol.vanity_by", VANITY, "staff"),
        tuple(lists),
        name,
        value,
    )


# ── What must fit together ───────────────────────────────────────────────────────────────────────────────────────


def _check(read: Reader, program: Program) -> None:
    if not program.every_reward and program.offer is None and not read.problems:
        read.wrong("advocate", "promise something: a reward to the advocate, to the friend, or an offer")
    if not program.landing.startswith("/") or program.landing.startswith(("//", "/\\")):
        read.wrong("links.path", f"{program.landing!r} must be a path on the shop, such as /collections/all")
    if wrong := [host for host in program.redirect_hosts if not HOST.fullmatch(host)]:
        read.wrong("links.hosts", f"{wrong[0]!r} is no host name")
    _check_event(read, program)
    _check_mode(read, program)
    currencies = {money.currency for money in _amounts(program) if money}
    if len(currencies) > 1 and not any("currency" in problem for problem in read.problems):
        read.wrong("minimum_net", f"the program names amounts in {listed(currencies)}; use one currency")
    elif currencies and (wrong := [rate.of for rate in program.rates.values() if rate.into not in currencies]):
        read.wrong(f"rates.{wrong[0]}", f"turn it into {listed(currencies)}, the currency of the program's amounts")


def _check_event(read: Reader, program: Program) -> None:
    """What an event needs, and what it has no use for."""
    event = program.event
    needs = {
        "qualify.stage": "stage_reached",
        "qualify.property": "property_reached",
        "qualify.value": "property_reached",
    }
    for key, owner in needs.items():
        if (event == owner) != read.has(key):
            words = f"say which: `event: {owner}` needs it" if event == owner else f"goes with `event: {owner}` only"
            read.wrong(key, words)
    if program.stays and event != "deal_won":
        read.wrong("qualify.stays_days", "goes with `event: deal_won` only; hold_days makes any reward wait")
    if event in PRICED:
        return
    words = f"{event} comes without a price"
    if any(rule.percent_bp for rule in program.every_reward):
        read.wrong("event", f"{words}, so promise an `amount` and no `percent`")
    if program.payment is not Payment.FIRST:
        read.wrong("qualify.payment", f"{words}, so there are no payments to count")
    if program.minimum_net or program.bounds.by_product:
        read.wrong("minimum_net" if program.minimum_net else "orders.products", f"{words}; take it out")


def _check_mode(read: Reader, program: Program) -> None:
    if (program.mode is Mode.PILOT) != (program.pilot is not None):
        words = "say who takes part: a section `pilot`" if program.pilot is None else "goes with `mode: pilot` only"
        read.wrong("pilot", words)
    if program.tiers and program.advocate_reward is None:
        read.wrong("tiers", "tiers raise the advocate's reward: promise one under `advocate` first")
    if read.has("fraud.employees") and not program.fraud.employees:
        read.wrong("fraud.employees", "name at least one domain, or leave it out")


def _amounts(program: Program) -> list[Money | None]:
    rewards = [money for rule in program.every_reward for money in (rule.fixed, rule.cap)]
    offer = [program.offer.amount, program.offer.minimum] if program.offer else []
    caps = [program.caps.amount] if program.caps else []
    budget = [program.budget.amount] if program.budget else []
    return [program.minimum_net, *rewards, *offer, *caps, *budget]
