"""Programs: the merchant's promise as versioned data. A decision pins the version it was made under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from connector.domain.asking import Asking
from connector.domain.facts import (
    DealWon,
    Deed,
    InvoicePaid,
    JobDone,
    LeadCreated,
    OrderPaid,
    PropertyReached,
    StageReached,
)
from connector.domain.money import Money, Rate
from connector.domain.touch import Source

#: Reward kinds that a platform may be able to pay; no platform is ever named in a program.
PAID_KINDS = ("balance", "code", "gift_card", "points", "native")
#: item: a thing that staff hand over. thanks: a word of thanks and the count of friends, nothing else.
ITEM, THANKS = "item", "thanks"
KINDS = (*PAID_KINDS, ITEM, THANKS)
OFFERS = ("percent", "amount", "shipping", "gift")
#: What may qualify a referral, and the fact that tells of it.
EVENTS: Mapping[str, type[Deed]] = MappingProxyType(
    {
        "order_paid": OrderPaid,
        "order_fulfilled": OrderPaid,
        "invoice_paid": InvoicePaid,
        "lead_created": LeadCreated,
        "stage_reached": StageReached,
        "property_reached": PropertyReached,
        "deal_won": DealWon,
        "job_done": JobDone,
    }
)
#: Events that come with a price, of which a percentage can be promised.
PRICED = frozenset({"order_paid", "order_fulfilled", "invoice_paid", "deal_won", "job_done"})
#: Events that staff record here, so that no platform has to supply them.
OWN_EVENTS = frozenset({"job_done"})


class Mode(StrEnum):
    """shadow: nothing is written anywhere. test: testers alone are paid. pilot: an audience is. live: everybody."""

    SHADOW = "shadow"
    TEST = "test"
    PILOT = "pilot"
    LIVE = "live"


#: The group of advocates who are paid while a program is in test.
TESTERS = "testers"


class Period(StrEnum):
    """How long a count runs before it starts anew, by the calendar in UTC."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    EVER = "ever"

    def start(self, at: datetime) -> datetime | None:
        """The first moment of the period that holds `at`; None where it has no beginning."""
        if self is Period.EVER:
            return None
        month = {Period.MONTH: at.month, Period.QUARTER: (at.month - 1) // 3 * 3 + 1}.get(self, 1)
        return datetime(at.year, month, 1, tzinfo=at.tzinfo)


class Rounding(StrEnum):
    """What becomes of less than the smallest coin of a percentage."""

    HALF_UP = "half_up"
    DOWN = "down"
    UP = "up"


class Payment(StrEnum):
    """Which payment of a friend earns: the first, the nth alone, or each up to so many."""

    FIRST = "first"
    NTH = "nth"
    EACH = "each"


class Clawback(StrEnum):
    """What follows when a paid reward is owed no longer: take it back, let a person decide, or bear it."""

    TAKE = "take"
    REVIEW = "review"
    ABSORB = "absorb"


class When(StrEnum):
    """Which referrals wait for a person before anything is paid."""

    NEVER = "never"
    FLAGGED = "flagged"
    ALWAYS = "always"


@dataclass(frozen=True)
class RewardRule:
    """What one side is promised: a fixed amount, or `percent_bp` basis points of the purchase's net, at most `cap`.

    fallback: kinds to pay it with, in order, where the first is of no use to the person. remind_before: how long before
    its end the person is reminded. item: what is handed over, where the kind is one; `fixed` is what it costs.
    """

    kind: str
    fixed: Money | None = None
    percent_bp: int = 0
    cap: Money | None = None
    expires_after: timedelta | None = None
    fallback: tuple[str, ...] = ()
    remind_before: timedelta = timedelta(days=14)
    rounding: Rounding = Rounding.HALF_UP
    item: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        return (self.kind, *self.fallback)

    def full(self, net: Money | None) -> Money:
        """The reward for a purchase of `net`, before refunds. Raises ValueError when currencies differ."""
        amount = self.fixed
        if amount is None:
            if net is None:
                raise ValueError("a percentage is promised, and there is nothing to take it of")
            amount = net.percent(self.percent_bp, self.rounding.value)
        elif net is not None and amount.currency != net.currency:
            raise ValueError(f"the promise is in {amount.currency}, the order in {net.currency}")
        return amount.at_most(self.cap) if self.cap else amount


@dataclass(frozen=True)
class Step:
    """From the `start`th friend of a period on, the advocate is promised `reward`."""

    start: int
    reward: RewardRule


@dataclass(frozen=True)
class Tiers:
    """The more friends in a period, the better the reward. steps: by rising start."""

    period: Period
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Milestone:
    """An extra reward to the advocate at exactly the `at`th friend of all times."""

    at: int
    reward: RewardRule


@dataclass(frozen=True)
class Caps:
    """The most that one advocate can earn in a period: so many rewarded friends, or so much money."""

    period: Period
    rewards: int | None = None
    amount: Money | None = None


@dataclass(frozen=True)
class Budget:
    """What the program may cost in a period: a warning at `warn_percent`, a stop at `amount`."""

    amount: Money
    period: Period = Period.EVER
    warn_percent: int = 80


@dataclass(frozen=True)
class Pilot:
    """Who takes part in a pilot: members of `group`, or a share of all advocates; at most `cap` rewarded friends."""

    group: str = ""
    percent_bp: int = 0
    cap: int | None = None


@dataclass(frozen=True)
class Review:
    """Which referrals a person looks at, and after how long a forgotten one is declined, or only shouted about.

    Nothing is ever paid because nobody looked.
    """

    when: When = When.FLAGGED
    within: timedelta = timedelta(days=7)
    decline_after: timedelta | None = None


@dataclass(frozen=True)
class Bounds:
    """Which purchases count. products and countries: one of these, where any are named; never one of the excluded ones."""

    products: frozenset[str] = frozenset()
    no_products: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    no_countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    with_tax: bool = True

    @property
    def by_product(self) -> bool:
        return bool(self.products or self.no_products)


@dataclass(frozen=True)
class FraudRules:
    """What makes a referral suspicious. points: by rule; together they flag or block. Counts are of friends.

    velocity: more friends of one advocate than this within `velocity_days`. network: more friends from one network
    address block than this. guesses: more wrong codes than this from the friend's network. ring: the percentage of the
    advocate's friends whose purchases were refunded. employees: mail domains of the merchant's own people.
    """

    flag: int = 50
    block: int = 100
    points: Mapping[str, int] = field(default_factory=dict)
    velocity: int = 20
    velocity_days: int = 1
    network: int = 5
    network_days: int = 7
    guesses: int = 10
    ring_percent: int = 50
    employees: frozenset[str] = frozenset()
    coupon_sites: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Enrolment:
    """How people become advocates, and who may choose a code of their own.

    lists: whoever is on one of these lists of a CRM; property_name and property_value: whoever has this value there.
    """

    ways: frozenset[str] = frozenset({"staff", "file", "order", "deal", "list", "join"})
    after_order: bool = False
    vanity_by: str = "staff"
    lists: tuple[str, ...] = ()
    property_name: str = ""
    property_value: str = ""


@dataclass(frozen=True)
class Share:
    """What an advocate may send to friends. disclosure: the words which say that they have something of it.

    In both, {link} and {code} stand for the advocate's own, {program} and {business} for the names.
    """

    text: str = "I recommend {business}: {link}"
    disclosure: str = "(I get a reward if you buy something.)"


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

    event: what qualifies; source: the platform that tells of it, "" where only one can. stage, property_name and
    property_value: what it must come to. stays: how long a won deal must stay won. window: how long before checkout a
    touch still counts. hold: how long after it qualified a reward waits. late_after: how long after it is due a reward
    that did not arrive alarms. minimum_net is compared with the purchase's net. rates: what one unit of another currency
    is worth. redirect_hosts: the only hosts a link may lead to; `landing` is the path there. netted: whether what could
    not be taken back is kept from the advocate's next reward. asking: whom it asks to take part, None for nobody.
    """

    name: str
    slug: str
    mode: Mode
    event: str
    window: timedelta
    hold: timedelta
    advocate_reward: RewardRule | None
    last_touch: bool = True
    precedence: tuple[Source, ...] = tuple(Source)
    minimum_net: Money | None = None
    new_customers_only: bool = True
    redirect_hosts: tuple[str, ...] = ()
    landing: str = "/"
    friend_reward: RewardRule | None = None
    offer: Offer | None = None
    source: str = ""
    stage: str = ""
    property_name: str = ""
    property_value: str = ""
    stays: timedelta = timedelta(0)
    payment: Payment = Payment.FIRST
    payments: int = 1
    bounds: Bounds = Bounds()
    tiers: Tiers | None = None
    milestones: tuple[Milestone, ...] = ()
    caps: Caps | None = None
    budget: Budget | None = None
    pilot: Pilot | None = None
    review: Review = Review()
    fraud: FraudRules = field(default_factory=FraudRules)
    rates: Mapping[str, Rate] = field(default_factory=dict)
    enrolment: Enrolment = Enrolment()
    clawback: Clawback = Clawback.TAKE
    netted: bool = False
    late_after: timedelta = timedelta(days=1)
    asking: Asking | None = None
    share: Share = Share()

    @property
    def rewards(self) -> Mapping[str, RewardRule]:
        """What each side is promised first, by role."""
        sides = {"advocate": self.advocate_reward, "friend": self.friend_reward}
        return {role: rule for role, rule in sides.items() if rule is not None}

    @property
    def every_reward(self) -> tuple[RewardRule, ...]:
        """All that may ever be promised."""
        steps = [step.reward for step in self.tiers.steps] if self.tiers else []
        return (*self.rewards.values(), *steps, *(milestone.reward for milestone in self.milestones))

    @property
    def currency(self) -> str:
        """The currency of its amounts, or of its rates; "" where it names none."""
        named = [money for rule in self.every_reward for money in (rule.fixed, rule.cap)]
        named += [
            self.minimum_net,
            self.caps.amount if self.caps else None,
            self.budget.amount if self.budget else None,
        ]
        return next((money.currency for money in named if money), next((r.into for r in self.rates.values()), ""))

    def advocates_reward(self, place: int) -> RewardRule | None:
        """What the advocate is promised for the `place`th friend of the period."""
        rule = self.advocate_reward
        for step in self.tiers.steps if self.tiers else ():
            if place >= step.start:
                rule = step.reward
        return rule
