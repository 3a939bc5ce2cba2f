"""Limits: where a referral stands among the others of its advocate and program, so that caps and budgets hold."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from connector.domain.case import Standing
from connector.domain.fraud import Evidence
from connector.domain.money import Money
from connector.domain.program import Period, Program
from connector.ports.rows import Referral
from connector.store import codec
from connector.store.base import Repository, as_json


class Limits(Repository):
    def standing(self, referral: Referral, program: Program, at: datetime) -> Standing:
        """The figures of the others, as they are now. at: when the deed qualified; periods are those that hold it."""
        if not (program.tiers or program.milestones or program.caps or program.budget or program.pilot):
            return Standing()
        cap = program.caps.amount.currency if program.caps and program.caps.amount else ""
        budget = program.budget.amount.currency if program.budget else ""
        row = self.run(
            _STANDING,
            referral=referral.id,
            program=referral.program,
            advocate=referral.advocate,
            tier_from=_start(program.tiers.period if program.tiers else Period.EVER, at),
            cap_from=_start(program.caps.period if program.caps else Period.EVER, at),
            budget_from=_start(program.budget.period if program.budget else Period.EVER, at),
            cap_currency=cap,
            budget_currency=budget,
            pilot=program.pilot is not None,
            never=["void", "refused"],
        ).one()
        return Standing(
            friends=row.friends,
            ever=row.ever,
            rewards=row.rewards,
            earned=Money(row.earned, cap) if cap else None,
            spent=Money(row.spent, budget) if budget else None,
            piloted=row.piloted,
        )

    def pin(self, referral: UUID, standing: Standing, at: datetime) -> None:
        """It was promised something on these figures, and keeps them."""
        self.run(
            """UPDATE referral SET standing = CAST(:standing AS jsonb), qualified_at = :at
               WHERE merchant_id = :merchant AND id = :id AND standing IS NULL""",
            id=referral,
            standing=as_json(codec.plain_standing(standing)),
            at=at,
        )

    def keep_evidence(self, referral: UUID, evidence: Evidence) -> None:
        """What the fraud rules saw, so that a later explanation says what was known then."""
        self.run(
            "UPDATE referral SET evidence = CAST(:evidence AS jsonb) WHERE merchant_id = :merchant AND id = :id",
            id=referral,
            evidence=as_json(codec.plain_evidence(evidence)),
        )

    def spent(self, program: UUID, currency: str, start: datetime | None) -> Money:
        """What a program has promised since `start`, less what was taken back."""
        minor = self.run(
            f"""SELECT {_SUM} FROM reward JOIN referral ON referral.id = reward.referral_id
               WHERE reward.merchant_id = :merchant AND referral.program_id = :program AND reward.currency = :currency
                 AND reward.state <> ALL(:never) AND qualified_at >= coalesce(CAST(:start AS timestamptz), '-infinity')""",  # noqa: S608
            program=program,
            currency=currency,
            start=start,
            never=["void", "refused"],
        ).scalar_one()
        return Money(int(minor), currency)


def _start(period: Period, at: datetime) -> datetime | None:
    return period.start(at)


_FROM = "qualified_at >= coalesce(CAST(:{} AS timestamptz), '-infinity')"
_TIER, _CAP, _BUDGET = (_FROM.format(name) for name in ("tier_from", "cap_from", "budget_from"))
#: What was promised, less what was taken back.
_SUM = """coalesce(sum(reward.amount - coalesce(
    (SELECT sum(taken) FROM reversal WHERE reversal.reward_id = reward.id), 0)), 0)::bigint"""
#: Friends who sent everything back, or were rejected after all, take no place.
_STANDING = f"""
WITH counted AS NOT MATERIALIZED (SELECT id, advocate_id, qualified_at FROM referral
                 WHERE merchant_id = :merchant AND program_id = :program AND id <> :referral AND qualified_at IS NOT NULL
                   AND stage NOT IN ('rejected', 'reversed', 'expired')),
     mine AS (SELECT * FROM counted WHERE advocate_id = :advocate)
SELECT (SELECT count(*) FROM mine WHERE {_TIER}) AS friends,
       (SELECT count(*) FROM mine) AS ever,
       (SELECT count(*) FROM mine WHERE {_CAP}) AS rewards,
       (SELECT {_SUM} FROM mine JOIN reward ON reward.referral_id = mine.id
          WHERE currency = :cap_currency AND role <> 'friend' AND reward.state <> ALL(:never) AND {_CAP}) AS earned,
       -- What no limit asks for is not added up over the whole program.
       CASE WHEN :budget_currency = '' THEN 0 ELSE (SELECT {_SUM} FROM counted JOIN reward ON reward.referral_id = counted.id
          WHERE currency = :budget_currency AND reward.state <> ALL(:never) AND {_BUDGET}) END AS spent,
       CASE WHEN :pilot THEN (SELECT count(*) FROM counted) ELSE 0 END AS piloted
"""  # noqa: S608 - parts of ours
