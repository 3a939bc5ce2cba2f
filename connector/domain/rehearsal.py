"""Rehearsal: what another program would have made of all that happened, held against what stands. Nothing moves here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connector.domain.case import Decision, Stage, Standing
from connector.domain.money import Money
from connector.domain.program import ITEM, Clawback, Period, Program

#: Rules by which a referral waits for a person's word, or was stopped for want of one.
_FLAGGED = frozenset({"review", "review_lapsed", "fraud"})
#: Stages of which something is owed, and rules under which it is owed already and only time is missing.
_EARNING = frozenset({Stage.CONVERTED, Stage.REWARDED})
_WAITING = frozenset({"hold", "thanks_held"})
#: What takes no place among an advocate's rewarded friends.
OVER = frozenset({Stage.REJECTED, Stage.REVERSED, Stage.EXPIRED})


# ── What stands, and what would ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Stood:
    """A reward as it stands, less what is taken back of it, with what is kept of it for an earlier loss.

    locked: it may be paid, so that only a debit lessens it.
    """

    role: str
    kind: str
    ordinal: int
    amount: Money
    locked: bool


@dataclass(frozen=True)
class Outcome:
    """Where a referral stands or would stand. amounts: what all sides have of it together, one for each currency."""

    advocate: UUID
    code: str
    stage: Stage
    rule: str
    reason: str
    amounts: tuple[Money, ...] = ()

    @property
    def earns(self) -> bool:
        """Whether it counts as converted: paid, being paid, or promised and only held for a time."""
        return self.stage in _EARNING or self.rule in _WAITING

    @property
    def flagged(self) -> bool:
        return self.rule in _FLAGGED

    def __str__(self) -> str:
        amounts = f" {_listed(self.amounts)}" if self.amounts else ""
        return f"{self.stage}/{self.rule}{amounts}"


@dataclass(frozen=True)
class Compared:
    """One friend: what stands of their referral, and what would; None where there is none. purchase: its id."""

    purchase: str
    before: Outcome | None
    after: Outcome | None

    @property
    def changed(self) -> bool:
        """Whether anything but its words would be another: advocate, stage, rule or amount."""
        return _gist(self.before) != _gist(self.after)

    @property
    def why(self) -> str:
        if self.after is not None:
            return self.after.reason
        return "Nothing that the program trusts names an advocate."

    @property
    def code(self) -> str:
        """Whose it is; where that changes, whose it was and whose it would be."""
        codes = [each.code for each in (self.before, self.after) if each is not None]
        moved = self.before is not None and self.after is not None and self.before.advocate != self.after.advocate
        return " -> ".join(codes) if moved else codes[-1]


def _gist(outcome: Outcome | None) -> tuple[object, ...]:
    return (outcome.advocate, outcome.stage, outcome.rule, outcome.amounts) if outcome is not None else ()


def standing(stage: Stage, rule: str, stood: Iterable[Stood]) -> tuple[Money, ...]:
    """What a stored referral comes to: all that may be paid, and what is promised where it is sure to be."""
    sure = stage in _EARNING or rule in _WAITING
    return by_currency(each.amount for each in stood if sure or each.locked)


def promised(decision: Decision, stood: Iterable[Stood]) -> tuple[Money, ...]:
    """What a decision comes to. What may be paid already stays where the program does not take back, or nobody could."""
    plans = {} if decision.review else {(each.role, each.kind, each.ordinal): each.amount for each in decision.plans}
    for each in stood:
        key = (each.role, each.kind, each.ordinal)
        stays = each.kind == ITEM or decision.clawback is not Clawback.TAKE
        if each.locked and stays and _is_less(plans.get(key), each.amount):
            plans[key] = each.amount
    return by_currency(plans.values())


def _is_less(amount: Money | None, than: Money) -> bool:
    return amount is None or amount.currency != than.currency or amount < than


def by_currency(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """One sum for each currency, without those that come to nothing."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return tuple(sums[currency] for currency in sorted(sums) if sums[currency])


# ── All together ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Totals:
    """converted, lost: referrals that would count, or count no longer. money: what it would cost more, or less.

    flagged: more that wait for a person; released: fewer, and they would earn. moved: to another advocate.
    """

    converted: int
    lost: int
    money: tuple[Money, ...]
    flagged: int
    released: int
    moved: int

    def __str__(self) -> str:
        money = [f"{'+' if each.minor > 0 else ''}{each}" for each in self.money] or ["no difference in money"]
        parts = [f"+{self.converted} converted", f"-{self.lost} no longer", *money]
        parts += [f"{self.flagged} flagged", f"{self.released} released"]
        return ", ".join([*parts, f"{self.moved} to another advocate"] if self.moved else parts)


@dataclass(frozen=True)
class Rehearsal:
    """A whole replay. purchases: how many were looked at since then. unknown: what it cannot tell, in words."""

    since: datetime
    purchases: int
    compared: tuple[Compared, ...]
    unknown: tuple[str, ...]

    @property
    def changes(self) -> tuple[Compared, ...]:
        return tuple(each for each in self.compared if each.changed)

    @property
    def owed(self) -> tuple[Money, ...]:
        """All that would be owed."""
        outcomes = (each.after for each in self.compared)
        return by_currency(amount for outcome in outcomes if outcome is not None for amount in outcome.amounts)


def totals(compared: Sequence[Compared]) -> Totals:
    """The difference that the other program would make."""
    pairs = [(each.before, each.after) for each in compared]
    was = [(before, after) for before, after in pairs if before is not None and before.earns]
    would = [(before, after) for before, after in pairs if after is not None and after.earns]
    both = [(before, after) for before, after in pairs if before is not None and after is not None]
    flagged = [before for before, after in pairs if after is not None and after.flagged]
    paid = by_currency(
        amount if place else Money(-amount.minor, amount.currency)
        for pair in pairs
        for place, outcome in enumerate(pair)
        if outcome is not None
        for amount in outcome.amounts
    )
    return Totals(
        converted=sum(before is None or not before.earns for before, _ in would),
        lost=sum(after is None or not after.earns for _, after in was),
        money=paid,
        flagged=sum(before is None or not before.flagged for before in flagged),
        released=sum(before is not None and before.flagged for before, _ in would),
        moved=sum(before.advocate != after.advocate for before, after in both),
    )


def _listed(amounts: Iterable[Money]) -> str:
    return " and ".join(str(amount) for amount in amounts)


# ── Limits ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Tally:
    """The figures that tiers, caps, budgets and pilots ask for, counted while referrals pass in the order of time."""

    def __init__(self, program: Program) -> None:
        self._tier = program.tiers.period if program.tiers else Period.EVER
        self._cap = program.caps.period if program.caps else Period.EVER
        self._budget = program.budget.period if program.budget else Period.EVER
        self._earns_in = program.caps.amount.currency if program.caps and program.caps.amount else ""
        self._spends_in = program.budget.amount.currency if program.budget else ""
        self._friends: Counter[tuple[UUID, datetime | None]] = Counter()
        self._rewards: Counter[tuple[UUID, datetime | None]] = Counter()
        self._earned: defaultdict[tuple[UUID, datetime | None], int] = defaultdict(int)
        self._spent: defaultdict[datetime | None, int] = defaultdict(int)
        self._ever: Counter[UUID] = Counter()
        self._all = 0

    def standing(self, advocate: UUID, at: datetime) -> Standing:
        """Where a referral stands that qualified then, behind all that were added."""
        capped = (advocate, self._cap.start(at))
        return Standing(
            friends=self._friends[advocate, self._tier.start(at)],
            ever=self._ever[advocate],
            rewards=self._rewards[capped],
            earned=Money(self._earned[capped], self._earns_in) if self._earns_in else None,
            spent=Money(self._spent[self._budget.start(at)], self._spends_in) if self._spends_in else None,
            piloted=self._all,
        )

    def add(self, advocate: UUID, at: datetime, promised: Iterable[tuple[str, Money]]) -> None:
        """One more that was promised something, by role; thanks alone count too."""
        capped = (advocate, self._cap.start(at))
        self._friends[advocate, self._tier.start(at)] += 1
        self._rewards[capped] += 1
        self._ever[advocate] += 1
        self._all += 1
        for role, amount in promised:
            if role != "friend" and amount.currency == self._earns_in:
                self._earned[capped] += amount.minor
            if amount.currency == self._spends_in:
                self._spent[self._budget.start(at)] += amount.minor
