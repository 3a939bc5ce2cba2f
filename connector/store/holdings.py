"""What is left of credits that were paid: when to look, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from connector.domain.facts import ObjectRef
from connector.domain.money import Money
from connector.ports.platform import Capability, Holding
from connector.ports.rows import Credit, Paid
from connector.store.base import Repository


class Holdings(Repository):
    def due(self, connection: UUID, limit: int) -> Sequence[Credit]:
        """All paid credits of the accounts that were not looked at for longest, soonest ending first."""
        rows = self.run(
            """SELECT reward.id, reward.means, reward.transaction, reward.holder, reward.amount, reward.currency,
                   reward.redeemed, reward.lapsed, reward.expires_at, reward.role, reward.reminded_at,
                   referral.program_id, referral.program_version, referral.object_kind, referral.external_id,
                   coalesce((SELECT sum(taken) FROM reversal WHERE reward_id = reward.id AND state = 'issued'), 0) AS taken
               FROM reward JOIN referral ON referral.id = reward.referral_id
               WHERE reward.merchant_id = :merchant AND reward.connection_id = :connection AND reward.state = 'issued'
                 AND reward.transaction IS NOT NULL AND reward.item = '' AND reward.holder IN (
                   SELECT holder FROM reward due WHERE due.merchant_id = :merchant AND due.connection_id = :connection
                     AND due.state = 'issued' AND due.watch_at <= clock_timestamp()
                     AND NOT EXISTS (SELECT FROM attempt WHERE attempt.connection_id = :connection
                       AND attempt.owner = due.owner AND attempt.state IN ('open', 'unknown'))
                   GROUP BY holder ORDER BY min(due.watch_at) LIMIT :limit)
               ORDER BY reward.holder, reward.expires_at NULLS LAST, reward.id""",
            connection=connection,
            limit=limit,
        )
        return [_credit(row) for row in rows]

    def any(self, connection: UUID) -> bool:
        """Whether anything is left to look at, now or later."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM reward WHERE merchant_id = :merchant AND connection_id = :connection
                     AND state = 'issued' AND watch_at IS NOT NULL)""",
                connection=connection,
            ).scalar_one()
        )

    def saw(self, credit: Credit, redeemed: Money, lapsed: Money, after: timedelta | None) -> None:
        """Keep what was seen. after: when to look again; None where nothing can change any more."""
        self.run(
            """UPDATE reward SET redeemed = :redeemed, lapsed = :lapsed,
                   watch_at = clock_timestamp() + CAST(:after AS interval)
               WHERE merchant_id = :merchant AND id = :id""",
            id=credit.reward,
            redeemed=redeemed.minor,
            lapsed=lapsed.minor,
            after=after,
        )

    def of_reward(self, reward: UUID) -> Paid | None:
        """A credit that was paid, and what became of it; None where there is none."""
        row = self.run(
            """SELECT reward.connection_id, platform, object_kind, external_id, amount, reward.currency, redeemed, lapsed,
                   coalesce((SELECT sum(taken) FROM reversal WHERE reward_id = reward.id AND state = 'issued'), 0) AS taken
               FROM reward JOIN connection ON connection.id = reward.connection_id
               JOIN referral ON referral.id = reward.referral_id
               WHERE reward.merchant_id = :merchant AND reward.id = :id AND reward.state = 'issued' AND item = ''
               FOR UPDATE OF reward""",
            id=reward,
        ).first()
        if row is None:
            return None
        sums = [Money(int(minor), row.currency) for minor in (row.amount, row.taken, row.redeemed, row.lapsed)]
        return Paid(row.connection_id, row.platform, ObjectRef(row.object_kind, row.external_id), *sums)

    def look_again(self, reward: UUID) -> None:
        """Have the account that holds it looked at now, for something was just spent of it."""
        self.run(
            """UPDATE reward SET watch_at = clock_timestamp() WHERE merchant_id = :merchant AND state = 'issued'
               AND (connection_id, holder) IN (SELECT connection_id, holder FROM reward WHERE id = :id)""",
            id=reward,
        )

    def spent(self, reward: UUID, total: Money) -> None:
        """Staff told what was spent of it in all."""
        self.run(
            "UPDATE reward SET redeemed = :total WHERE merchant_id = :merchant AND id = :id",
            id=reward,
            total=total.minor,
        )

    def reminded(self, credit: Credit) -> None:
        """Its owner was told that it ends soon: once is enough."""
        self.run(
            "UPDATE reward SET reminded_at = clock_timestamp() WHERE merchant_id = :merchant AND id = :id",
            id=credit.reward,
        )


def _credit(row: Any) -> Credit:
    amount = Money(row.amount, row.currency)
    return Credit(
        reward=row.id,
        role=row.role,
        program=row.program_id,
        version=row.program_version,
        ref=ObjectRef(row.object_kind, row.external_id),
        holding=Holding(Capability(row.means), row.transaction, row.holder, amount, row.expires_at),
        taken=Money(int(row.taken), row.currency),
        redeemed=Money(row.redeemed, row.currency),
        lapsed=Money(row.lapsed, row.currency),
        expires_at=row.expires_at,
        reminded=row.reminded_at is not None,
    )
