"""Programs: the merchant's promise as versioned data. A decision pins the version it was made under."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from connector.domain.money import WHOLE_BP, Money
from connector.domain.touch import Source
from connector.errors import ConfigError

#: Reward kinds are what a platform may be able to do; no platform is ever named in a program.
KINDS = ("balance", "code", "gift_card")
OFFERS = ("percent", "amount", "shipping", "gift")
EVENTS = ("order_paid",)
MAX_DAYS = 3650
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


class Mode(StrEnum):
    """test: nothing is paid. live: everything is."""

    TEST = "test"
    LIVE = "live"


@dataclass(frozen=True)
class RewardRule:
    """What one side is promised: a fixed amount, or `percent_bp` basis points of the order's net, at most `cap`.

    fallback: kinds to pay it with, in order, where the first is of no use to the person. remind_before: how long before
    its end the person is reminded.
    """

    kind: str
    fixed: Money | None = None
    percent_bp: int = 0
    cap: Money | None = None
    expires_after: timedelta | None = None
    fallback: tuple[str, ...] = ()
    remind_before: timedelta = timedelta(days=14)

    @property
    def kinds(self) -> tuple[str, ...]:
        return (self.kind, *self.fallback)

    def full(self, net: Money) -> Money:
        """The reward for an order of `net`, before refunds. Raises ValueError when currencies differ."""
        amount = self.fixed or net.percent(self.percent_bp)
        if amount.currency != net.currency:
            raise ValueError(f"the promise is in {amount.currency}, the order in {net.currency}")
        return amount.at_most(self.cap) if self.cap else amount


@dataclass(frozen=True)
class Offer:
    """What a friend gets at checkout with an advocate's code.

    kind: percent (`percent_bp` off the order), amount (`amount` off the order), shipping (free), gift (one `product`
    free with something from `collection`; the platform's ids of them). minimum: the order must come to this much.
    """

    kind: str
    percent_bp: int = 0
    amount: Money | None = None
    product: str = ""
    collection: str = ""
    minimum: Money | None = None


@dataclass(frozen=True)
class Program:
    """One version of a merchant's rules.

    window: how long before checkout a touch still counts. hold: how long after payment a reward waits. minimum_net
    is compared with the order's net. redirect_hosts: the only hosts a link may lead to; `landing` is the path there.
    """

    name: str
    slug: str
    mode: Mode
    event: str
    window: timedelta
    hold: timedelta
    advocate_reward: RewardRule
    last_touch: bool = True
    precedence: tuple[Source, ...] = tuple(Source)
    minimum_net: Money | None = None
    new_customers_only: bool = True
    redirect_hosts: tuple[str, ...] = ()
    landing: str = "/"
    friend_reward: RewardRule | None = None
    offer: Offer | None = None

    @property
    def rewards(self) -> Mapping[str, RewardRule]:
        """What each side is promised, by role."""
        return {"advocate": self.advocate_reward, **({"friend": self.friend_reward} if self.friend_reward else {})}


class _Reader:
    """Reads untyped data and gathers every problem, each with its remedy."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.problems: list[str] = []
        self.read: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        value: Any = self.data
        for part in key.split("."):
            if not isinstance(value, Mapping) or value.get(part) is None:
                return default
            value = value[part]
        return value

    def has(self, key: str) -> bool:
        return self.get(key) is not None

    def leftovers(self) -> list[str]:
        """What nobody asked for, and sections that are none: a misspelt promise must not be dropped in silence."""
        sections = {key.partition(".")[0] for key in self.read if "." in key}
        problems = []
        for name, value in self.data.items():
            if name in sections and not isinstance(value, Mapping):
                problems.append(f"{name}: write it as a section of `setting: value` lines")
            elif name in sections:
                problems += [f"{name}.{key}: no such setting" for key in value if f"{name}.{key}" not in self.read]
            elif name not in self.read:
                problems.append(f"{name}: no such setting")
        return problems

    def text(self, key: str, default: str = "") -> str:
        value = self.get(key, default)
        if not isinstance(value, str) or not value.strip():
            self.problems.append(f"{key}: write a text")
            return "?"
        return value.strip()

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.get(key, default)
        if value not in allowed:
            self.problems.append(f"{key}: {value!r} is none of {', '.join(allowed)}")
            return default
        return str(value)

    def days(self, key: str, default: int | None) -> timedelta | None:
        value = self.get(key, default)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_DAYS:
            self.problems.append(f"{key}: {value!r} must be a whole number of days, 0 to {MAX_DAYS}")
            return timedelta(0)
        return timedelta(days=value)

    def money(self, key: str) -> Money | None:
        value = self.get(key)
        if value is None:
            return None
        amount, _, currency = str(value).partition(" ")
        try:
            money = Money.parse(amount, currency.strip())
        except ValueError:
            money = None
        if money is None or money.minor <= 0:
            self.problems.append(f'{key}: {value!r} must be an amount and its currency, such as "10.00 EUR"')
        return money

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            self.problems.append(f"{key}: {value!r} must be true or false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.problems.append(f"{key}: write a list of texts")
            return ()
        return tuple(value)


def _percent(read: _Reader, key: str) -> int:
    """A percentage as basis points; 0 where none is given."""
    percent = read.get(key)
    if percent is None:
        return 0
    try:
        basis_points = Money.parse(str(percent), "EUR").minor  # two digits after the point, as basis points have
    except ValueError:
        basis_points = 0
    if not 0 < basis_points <= WHOLE_BP:
        read.problems.append(f"{key}: {percent!r} must be more than 0 and at most 100")
    return basis_points


def _reward(read: _Reader, key: str) -> RewardRule:
    fixed, basis_points = read.money(f"{key}.amount"), _percent(read, f"{key}.percent")
    if read.has(f"{key}.amount") == read.has(f"{key}.percent"):
        read.problems.append(f'{key}: give either `amount: "10.00 EUR"` or `percent: 10`, not both, not neither')
    expires = read.days(f"{key}.expires_days", None)
    if expires is not None and not expires:
        read.problems.append(f"{key}.expires_days: must be at least 1, or left out for credit that never expires")
    kind, cap = read.choice(f"{key}.kind", KINDS, "balance"), read.money(f"{key}.cap")
    if fixed and cap and fixed.currency != cap.currency:
        read.problems.append(f"{key}.cap: {cap} is not in the currency of {key}.amount")
    fallback = read.texts(f"{key}.fallback")
    if len({kind, *fallback}) != 1 + len(fallback) or not {*fallback} <= {*KINDS}:
        read.problems.append(f"{key}.fallback: name other kinds than {kind}, each once, of {', '.join(KINDS)}")
    remind = read.days(f"{key}.remind_days", 14) or timedelta(0)
    return RewardRule(kind, fixed, basis_points, cap, expires, fallback, remind)


def _offer(read: _Reader) -> Offer | None:
    """The friend's offer, with exactly what its kind needs."""
    kind = read.choice("offer.kind", OFFERS, "percent")
    percent, amount = _percent(read, "offer.percent"), read.money("offer.amount")
    product, collection = str(read.get("offer.product", "")), str(read.get("offer.collection", ""))
    needs = [("percent", "percent"), ("amount", "amount"), ("gift", "product"), ("gift", "collection")]
    for owner, key in [(owner, f"offer.{name}") for owner, name in needs]:
        if (owner == kind) != read.has(key):
            words = "is missing" if owner == kind else f"does not belong to a {kind} offer"
            read.problems.append(f"{key}: {words}")
    return Offer(kind, percent, amount, product, collection, read.money("offer.minimum"))


def _precedence(read: _Reader) -> tuple[Source, ...]:
    names = read.texts("attribution.precedence")
    wrong = [name for name in names if name not in set(Source)]
    if wrong or len(set(names)) != len(names):
        read.problems.append(f"attribution.precedence: name each of {', '.join(Source)} at most once")
        return tuple(Source)
    return tuple(Source(name) for name in names) or tuple(Source)


def _amounts(program: Program) -> list[Money | None]:
    rewards = [money for rule in program.rewards.values() for money in (rule.fixed, rule.cap)]
    offer = [program.offer.amount, program.offer.minimum] if program.offer else []
    return [program.minimum_net, *rewards, *offer]


def parse(data: Mapping[str, Any]) -> Program:
    """A program from its data (YAML or JSON). Raises ConfigError naming every problem and its remedy."""
    read = _Reader(data)
    name = read.text("name")
    program = Program(
        name=name,
        slug=read.text("slug", "-".join(name.lower().split())),
        mode=Mode(read.choice("mode", tuple(Mode), Mode.LIVE)),
        event=read.choice("event", EVENTS, "order_paid"),
        window=read.days("window_days", 30) or timedelta(0),
        hold=read.days("hold_days", 14) or timedelta(0),
        minimum_net=read.money("minimum_net"),
        new_customers_only=read.flag("new_customers_only", default=True),
        last_touch=read.choice("attribution.touch", ("first", "last"), "last") == "last",
        precedence=_precedence(read),
        advocate_reward=_reward(read, "advocate"),
        redirect_hosts=read.texts("links.hosts"),
        landing=str(read.get("links.path", "/")),
        friend_reward=_reward(read, "friend") if read.has("friend") else None,
        offer=_offer(read) if read.has("offer") else None,
    )
    if not program.landing.startswith("/") or program.landing.startswith(("//", "/\\")):
        read.problems.append(f"links.path: {program.landing!r} must be a path on the shop, such as /collections/all")
    amounts = {m.currency for m in _amounts(program) if m}
    if len(amounts) > 1 and not any("currency" in problem for problem in read.problems):
        read.problems.append(
            f"minimum_net: the program names amounts in {', '.join(sorted(amounts))}; use one currency"
        )
    read.problems += read.leftovers()
    read.problems += [
        f"links.hosts: {host!r} is no host name" for host in program.redirect_hosts if not _HOST.fullmatch(host)
    ]
    if read.problems:
        raise ConfigError(read.problems)
    return program
