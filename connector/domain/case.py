"""Cases and decisions: all that decides about one referral, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from connector.domain.facts import Fact, ObjectRef
from connector.domain.fraud import Evidence, Signal
from connector.domain.money import Money
from connector.domain.program import Clawback


class Stage(StrEnum):
    """pending -> qualified -> converted -> rewarded; the others are exits."""

    PENDING = "pending"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    REWARDED = "rewarded"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REVERSED = "reversed"


@dataclass(frozen=True)
class Standing:
    """Where a referral stands among the others of its advocate and program, without itself.

    pinned: it was promised something on these figures, and keeps them. friends and ever: the advocate's other friends
    who earned a reward in the tiers' period and of all times. rewards and earned: what the advocate was promised in the
    caps' period. spent: what the program has promised in the budget's period. piloted: friends rewarded in the pilot.
    """

    pinned: bool = False
    friends: int = 0
    ever: int = 0
    rewards: int = 0
    earned: Money | None = None
    spent: Money | None = None
    piloted: int = 0


@dataclass(frozen=True)
class Case:
    """All that decides one referral. captured_at: when it was first known. paid_out: every reward stands issued.

    settled: money of it may have moved, so that suspicion is too late. groups: those that the advocate belongs to.
    claimed: nothing but the advocate's own word speaks for it. kept: what stands of each paid reward of which something
    was taken back, by its plan's key.
    """

    advocate: UUID
    friend: UUID
    captured_at: datetime
    facts: tuple[Fact, ...]
    duplicate: bool
    paid_out: bool
    now: datetime
    settled: bool = False
    claimed: bool = False
    groups: frozenset[str] = frozenset()
    standing: Standing = Standing()
    evidence: Evidence = field(default_factory=Evidence)
    kept: Mapping[str, Money] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What one side is owed in total, net of everything taken back. release_at: when it may be paid; ready: it may.

    ordinal: which payment of the friend it is for; deed: what they paid for. fallback: kinds to pay it with where `kind`
    is of no use to the person. item: what staff hand over. sum: how the amount came about, in words.
    """

    role: str
    kind: str
    amount: Money
    release_at: datetime
    expires_after: timedelta | None
    fallback: tuple[str, ...] = ()
    ordinal: int = 1
    ready: bool = False
    item: str = ""
    sum: str = ""
    deed: ObjectRef | None = None

    @property
    def key(self) -> str:
        return plan_key(self.role, self.kind, self.ordinal)


def plan_key(role: str, kind: str, ordinal: int) -> str:
    """What tells a reward of a referral from its others."""
    return f"{role}/{kind}/{ordinal}"


@dataclass(frozen=True)
class Remedy:
    """What would have made it another decision, in words and so exactly that it can be tried.

    settings: keys of the program's data and what they would have to say (None: nothing). ruling: a person approves it.
    deed: fields of what the friend did that would have to differ; case: of the case. without: keys of facts that would
    have to be missing; forget: kinds of them.
    """

    words: str
    settings: tuple[tuple[str, Any], ...] = ()
    ruling: bool = False
    deed: Mapping[str, Any] = field(default_factory=dict)
    case: Mapping[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    forget: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decision:
    """The stage, the rule that decided it, the reason in plain words, what is owed, and when to look again.

    hold: what it waits for, besides time. review: why a person should look; overdue: they should have by now.
    clawback: what becomes of what was paid and is owed no longer; netted: whether an earlier loss is kept from rewards.
    counts: it takes a place among its advocate's friends, whatever is owed for it.
    """

    stage: Stage
    rule: str
    reason: str
    plans: tuple[Plan, ...] = ()
    look_again: datetime | None = None
    hold: str = ""
    review: str = ""
    overdue: bool = False
    clawback: Clawback = Clawback.TAKE
    netted: bool = False
    remedy: Remedy | None = None
    signals: tuple[Signal, ...] = ()
    counts: bool = False
