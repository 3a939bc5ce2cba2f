"""Rewards and reversals: what is owed, what must come back, and what may be sent now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from connector.domain.case import Plan
from connector.domain.money import Money
from connector.ports.rows import LOCKED, Movement, Referral, Reversal, Reward, RewardState
from connector.store.base import Repository, new_id


class Rewards(Repository):
    def of(self, referral: UUID) -> Sequence[Reward]:
        """The rewards of a referral, locked."""
        rows = self.run(
            "SELECT * FROM reward WHERE merchant_id = :merchant AND referral_id = :id ORDER BY ordinal FOR UPDATE",
            id=referral,
        )
        return [reward_row(row) for row in rows]

    def returned(self, referral: UUID) -> dict[UUID, Money]:
        """What was taken back, or is being, of each paid reward; only reads."""
        rows = self.run(
            """SELECT reward_id, reversal.currency, sum(reversal.amount) AS amount FROM reversal
               JOIN reward ON reward.id = reversal.reward_id
               WHERE reversal.merchant_id = :merchant AND reward.referral_id = :id
                 AND reversal.state IN ('sending', 'unknown', 'issued', 'refused') GROUP BY 1, 2""",
            id=referral,
        )
        return {row.reward_id: Money(int(row.amount), row.currency) for row in rows}

    def get(self, reward: UUID) -> Reward | None:
        row = self.run("SELECT * FROM reward WHERE merchant_id = :merchant AND id = :id", id=reward).first()
        return reward_row(row) if row else None

    def reversals(self, reward: UUID) -> Sequence[Reversal]:
        rows = self.run(
            "SELECT * FROM reversal WHERE merchant_id = :merchant AND reward_id = :id ORDER BY ordinal FOR UPDATE",
            id=reward,
        )
        return [_reversal(row) for row in rows]

    def owe(
        self, referral: Referral, plan: Plan, beneficiary: UUID, connection: UUID, state: RewardState, reason: str
    ) -> UUID:
        """Create a reward. The unique key (referral, role, kind, ordinal) is the guard against a second one."""
        reward = new_id()
        self.run(
            """INSERT INTO reward (id, merchant_id, referral_id, role, kind, ordinal, beneficiary_id, connection_id, amount,
                   currency, expires_after, fallback, state, reason, due_at, item, said)
               VALUES (:id, :merchant, :referral, :role, :kind, :ordinal, :beneficiary, :connection, :amount, :currency,
                   :expires, :fallback, :state, :reason, :due, :item, :said)""",
            id=reward,
            referral=referral.id,
            role=plan.role,
            kind=plan.kind,
            ordinal=plan.ordinal,
            due=plan.release_at,
            item=plan.item,
            said=plan.sum,
            beneficiary=beneficiary,
            connection=connection,
            amount=plan.amount.minor,
            currency=plan.amount.currency,
            expires=plan.expires_after,
            fallback=list(plan.fallback),
            state=state.value,
            reason=reason,
        )
        return reward

    def change(
        self,
        reward: Reward,
        plan: Plan | None,
        amount: Money,
        state: RewardState,
        reason: str,
        beneficiary: UUID | None,
    ) -> bool:
        """Change a reward that no attempt has locked; False if one has since."""
        return bool(
            self.run(
                """UPDATE reward SET amount = :amount, state = :state, reason = :reason, decision = decision + 1,
                       said = coalesce(:said, said), due_at = coalesce(CAST(:due AS timestamptz), due_at),
                       retry_at = clock_timestamp(), tries = 0,
                       beneficiary_id = coalesce(CAST(:beneficiary AS uuid), beneficiary_id),
                       owner = CASE WHEN CAST(:beneficiary AS uuid) IS NULL THEN owner ELSE '' END,
                       marker = CASE WHEN CAST(:beneficiary AS uuid) IS NULL THEN marker ELSE '' END,
                       means = CASE WHEN CAST(:beneficiary AS uuid) IS NULL THEN means ELSE '' END,
                       expires_at = CASE WHEN CAST(:beneficiary AS uuid) IS NULL THEN expires_at END
                   WHERE merchant_id = :merchant AND id = :id AND decision = :decision AND state <> ALL(:locked)""",
                id=reward.id,
                amount=amount.minor,
                state=state.value,
                reason=reason,
                decision=reward.decision,
                said=plan.sum if plan else None,
                due=plan.release_at if plan else None,
                beneficiary=beneficiary,
                locked=[s.value for s in LOCKED],
            ).rowcount
        )

    def reverse(self, reward: Reward, ordinal: int, amount: Money) -> UUID:
        """Create the reversal with this ordinal; the unique key guards against a second one."""
        reversal = new_id()
        self.run(
            """INSERT INTO reversal (id, merchant_id, reward_id, connection_id, ordinal, amount, currency, state)
               VALUES (:id, :merchant, :reward, :connection, :ordinal, :amount, :currency, 'approved')""",
            id=reversal,
            reward=reward.id,
            connection=reward.connection,
            ordinal=ordinal,
            amount=amount.minor,
            currency=amount.currency,
        )
        return reversal

    def change_reversal(self, reversal: Reversal, amount: Money, state: RewardState) -> bool:
        """Change a reversal that no attempt has locked."""
        return bool(
            self.run(
                """UPDATE reversal SET amount = :amount, state = :state, decision = decision + 1,
                       retry_at = clock_timestamp(), tries = 0
                   WHERE merchant_id = :merchant AND id = :id AND decision = :decision AND state <> ALL(:locked)""",
                id=reversal.id,
                amount=amount.minor,
                state=state.value,
                decision=reversal.decision,
                locked=[s.value for s in LOCKED],
            ).rowcount
        )

    def movable(self, connection: UUID, limit: int) -> Sequence[Movement]:
        """What may be sent now on accounts without an open effect: reversals first, oldest first, one per account."""
        found = self._due_reversals(connection, limit)
        busy = {(m.reward.owner, m.amount.currency) for m in found}
        credits_ = [m for m in self._due_credits(connection, limit) if (m.reward.owner, m.amount.currency) not in busy]
        return [*found, *credits_][:limit]

    def _due_reversals(self, connection: UUID, limit: int) -> list[Movement]:
        rows = self.run(
            """SELECT DISTINCT ON (reward.owner, reversal.currency) reward.*, reversal.id AS reversal_id,
                   reversal.ordinal AS reversal_ordinal, reversal.amount AS reversal_amount,
                   reversal.decision AS reversal_decision, reversal.tries AS reversal_tries
               FROM reversal JOIN reward ON reward.id = reversal.reward_id
               WHERE reversal.merchant_id = :merchant AND reversal.connection_id = :connection
                 AND reversal.state = 'approved' AND reversal.retry_at <= clock_timestamp() AND reward.state = 'issued'
                 AND NOT EXISTS (SELECT FROM attempt WHERE attempt.connection_id = :connection
                   AND attempt.owner = reward.owner AND attempt.currency = reversal.currency
                   AND attempt.state IN ('open', 'unknown'))
               ORDER BY reward.owner, reversal.currency, reversal.id LIMIT :limit""",
            connection=connection,
            limit=limit,
        )
        return [_reversal_movement(row) for row in rows]

    def _due_credits(self, connection: UUID, limit: int) -> list[Movement]:
        # The owner is not pinned yet, so the beneficiary stands for it; the unique index has the last word.
        rows = self.run(
            """SELECT DISTINCT ON (person.canonical_id, reward.currency) reward.*
               FROM reward JOIN person ON person.id = reward.beneficiary_id
               WHERE reward.merchant_id = :merchant AND reward.connection_id = :connection
                 AND reward.state = 'approved' AND reward.retry_at <= clock_timestamp()
                 AND NOT EXISTS (SELECT FROM attempt JOIN reward blocked ON blocked.id = attempt.reward_id
                   JOIN person same ON same.id = blocked.beneficiary_id
                   WHERE attempt.connection_id = :connection AND attempt.currency = reward.currency
                   AND same.canonical_id = person.canonical_id AND attempt.state IN ('open', 'unknown'))
               ORDER BY person.canonical_id, reward.currency, reward.id LIMIT :limit""",
            connection=connection,
            limit=limit,
        )
        return [Movement(reward, None, reward.amount, reward.decision) for reward in map(reward_row, rows)]

    def close_empty(self, reversal: Reversal, reason: str) -> bool:
        """Settle a reversal that found nothing to take; False if it changed meanwhile."""
        self.before_reversal(reversal.reward)
        return bool(
            self.run(
                """UPDATE reversal SET state = 'issued', reason = :reason
                   WHERE merchant_id = :merchant AND id = :id AND state = 'approved' AND decision = :decision""",
                id=reversal.id,
                decision=reversal.decision,
                reason=reason,
            ).rowcount
        )

    def revoke(self, reward: UUID) -> None:
        """A person ruled that it must come back whatever the rules say."""
        self.run("UPDATE reward SET revoked = true WHERE merchant_id = :merchant AND id = :id", id=reward)

    def lost(self, beneficiary: UUID, currency: str) -> Money:
        """What could not be taken back from this human and has not been kept from a later reward yet."""
        minor = self.run(
            """SELECT coalesce(sum(posting.amount), 0) FROM posting JOIN batch ON batch.id = posting.batch_id
               JOIN reward ON reward.id = batch.reward_id JOIN person ON person.id = reward.beneficiary_id
               WHERE posting.merchant_id = :merchant AND book = 'shortfall' AND posting.currency = :currency
                 AND person.canonical_id = (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :id)""",
            id=beneficiary,
            currency=currency,
        ).scalar_one()
        return Money(int(minor), currency).at_least_zero()

    def net(self, reward: UUID, kept: Money) -> None:
        """So much of it is kept for an earlier loss."""
        self.run(
            "UPDATE reward SET netted = :kept WHERE merchant_id = :merchant AND id = :id", id=reward, kept=kept.minor
        )

    def hand_over(self, reward: UUID, transaction: str) -> Reward | None:
        """Staff gave a thing that waited for it; None where none did."""
        row = self.run(
            """UPDATE reward SET state = 'issued', transaction = :transaction, reason = :transaction,
                   issued_at = clock_timestamp()
               WHERE merchant_id = :merchant AND id = :id AND state = 'held' AND item <> '' RETURNING *""",
            id=reward,
            transaction=transaction,
        ).first()
        return reward_row(row) if row else None

    def hold(self, movement: Movement, reason: str) -> None:
        """It cannot be sent until somebody does what `reason` says; it blocks nothing and may be decided anew."""
        self._leave(movement, "state = 'held', decision = decision + 1", reason)

    def held(self) -> list[str]:
        """Referrals with something held, to be decided anew once its remedy was applied."""
        rows = self.run(
            """SELECT DISTINCT reward.referral_id FROM reward LEFT JOIN reversal ON reversal.reward_id = reward.id
               WHERE reward.merchant_id = :merchant AND 'held' IN (reward.state, reversal.state)"""
        )
        return [str(row.referral_id) for row in rows]

    def retry(self, movement: Movement, after: timedelta, reason: str) -> None:
        """Try again after a while."""
        change = "retry_at = clock_timestamp() + :after, tries = tries + 1"
        self._leave(movement, change, reason, after=after)

    def try_now(self) -> int:
        """What waits for a later try is tried at once, such as after an outage; returns how many."""
        waiting = "SET retry_at = clock_timestamp() WHERE state = 'approved' AND retry_at > clock_timestamp()"
        tables = ("reward", "reversal")
        return sum(self.run(f"UPDATE {each} {waiting} AND merchant_id = :merchant").rowcount for each in tables)

    def _leave(self, movement: Movement, change: str, reason: str, **values: object) -> None:
        table, row = ("reversal", movement.reversal.id) if movement.reversal else ("reward", movement.reward.id)
        self.run(
            f"""UPDATE {table} SET {change}, reason = :reason
                WHERE merchant_id = :merchant AND id = :id AND state = 'approved' AND decision = :decision""",  # noqa: S608
            id=row,
            decision=movement.decision,
            reason=reason,
            **values,
        )


def reward_row(row: Any) -> Reward:
    """A row of the reward table."""
    return Reward(
        id=row.id,
        referral=row.referral_id,
        role=row.role,
        kind=row.kind,
        beneficiary=row.beneficiary_id,
        connection=row.connection_id,
        amount=Money(row.amount, row.currency),
        state=RewardState(row.state),
        decision=row.decision,
        expires_after=row.expires_after,
        owner=row.owner,
        holder=row.holder,
        marker=row.marker,
        expires_at=row.expires_at,
        transaction=row.transaction or "",
        tries=row.tries,
        revoked=row.revoked,
        fallback=tuple(row.fallback),
        means=row.means,
        lapsed=Money(row.lapsed, row.currency),
        ordinal=row.ordinal,
        item=row.item,
        netted=Money(row.netted, row.currency),
    )


def _reversal(row: Any) -> Reversal:
    return Reversal(
        id=row.id,
        reward=row.reward_id,
        ordinal=row.ordinal,
        amount=Money(row.amount, row.currency),
        taken=Money(row.taken, row.currency),
        state=RewardState(row.state),
        decision=row.decision,
        tries=row.tries,
    )


def _reversal_movement(row: Any) -> Movement:
    amount = Money(row.reversal_amount, row.currency)
    reversal = Reversal(
        id=row.reversal_id,
        reward=row.id,
        ordinal=row.reversal_ordinal,
        amount=amount,
        taken=Money.zero(row.currency),
        state=RewardState.APPROVED,
        decision=row.reversal_decision,
        tries=row.reversal_tries,
    )
    return Movement(reward_row(row), reversal, amount, row.reversal_decision)
