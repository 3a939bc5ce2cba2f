"""Attempts: the commitment before a call and the one answer after it. Here money is guarded.

A reward or reversal follows its newest attempt only while this worker's epoch still holds the lane; an answer that
comes later stays on its own attempt row, and a late "done" of another transaction is a surplus to reconcile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from connector.domain.money import Money
from connector.ports.platform import Capability, Direction, Effect
from connector.ports.store import Answer, Attempt, AttemptState, Lease, Movement, RewardState
from connector.store.base import Repository

_ROW_AFTER = {
    AttemptState.DONE: RewardState.ISSUED,
    AttemptState.NOT_DONE: RewardState.APPROVED,
    AttemptState.UNKNOWN: RewardState.UNKNOWN,
    AttemptState.REFUSED: RewardState.REFUSED,
    AttemptState.GONE: RewardState.HELD,
}


class Attempts(Repository):
    def begin(self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta) -> Attempt | None:
        """Commit to one call: the row is `sending`, everything is pinned. None if it changed or the account is busy."""
        try:
            with self.tx.savepoint():
                if not self._claim_row(movement, effect):
                    return None
                return self._insert(movement, effect, lease, deadline)
        except IntegrityError as error:
            if "attempt_one_open" in str(error.orig):
                return None  # another effect is open on this account: it goes first
            raise

    def _claim_row(self, movement: Movement, effect: Effect) -> bool:
        if movement.reversal:
            return bool(
                self.run(
                    """UPDATE reversal SET state = 'sending', attempt_id = :attempt, tries = tries + 1
                       WHERE merchant_id = :merchant AND id = :id AND state = 'approved' AND decision = :decision""",
                    id=movement.reversal.id,
                    decision=movement.decision,
                    attempt=effect.id,
                ).rowcount
            )
        return bool(
            self.run(
                """UPDATE reward SET state = 'sending', attempt_id = :attempt, tries = tries + 1,
                       owner = :owner, marker = :marker, expires_at = :expires_at
                   WHERE merchant_id = :merchant AND id = :id AND state = 'approved' AND decision = :decision""",
                id=movement.reward.id,
                decision=movement.decision,
                attempt=effect.id,
                owner=effect.owner,
                marker=effect.marker,
                expires_at=effect.expires_at,
            ).rowcount
        )

    def _insert(self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta) -> Attempt:
        row = self.run(
            """INSERT INTO attempt (id, merchant_id, connection_id, reward_id, reversal_id, capability, direction, owner,
                   holder, amount, currency, marker, expires_at, since, deadline_at, epoch, state)
               VALUES (:id, :merchant, :connection, :reward, :reversal, :capability, :direction, :owner, :holder,
                   :amount, :currency, :marker, :expires_at, clock_timestamp(), clock_timestamp() + :deadline, :epoch,
                   'open')
               RETURNING *""",
            id=effect.id,
            connection=movement.reward.connection,
            reward=movement.reward.id,
            reversal=movement.reversal.id if movement.reversal else None,
            capability=effect.capability.value,
            direction=effect.direction.value,
            owner=effect.owner,
            holder=effect.holder,
            amount=effect.amount.minor,
            currency=effect.amount.currency,
            marker=effect.marker,
            expires_at=effect.expires_at,
            deadline=min(deadline, lease.left()),
            epoch=lease.epoch,
        ).one()
        return _attempt(row)

    def overdue(self, connection: UUID, quiet: timedelta) -> Sequence[Attempt]:
        """Open attempts past their deadline and unknown ones, quiet for long enough to be read back."""
        rows = self.run(
            """SELECT * FROM attempt WHERE merchant_id = :merchant AND connection_id = :connection
                 AND state IN ('open', 'unknown') AND needs_person = '' AND deadline_at + :quiet <= clock_timestamp()
               ORDER BY deadline_at""",
            connection=connection,
            quiet=quiet,
        )
        return [_attempt(row) for row in rows]

    def settle(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Write the answer if this attempt is still the newest word on its row; else keep it on the attempt alone."""
        if not self._move_row(attempt, lease, answer):
            self._keep_late(attempt, answer)
            return False
        self.run(
            """UPDATE attempt SET state = :state, transaction = :transaction, holder = :holder, reason = :reason,
                   needs_person = '', answered_at = clock_timestamp()
               WHERE merchant_id = :merchant AND id = :id""",
            id=attempt.effect.id,
            state=answer.state.value,
            transaction=answer.transaction or None,
            holder=answer.holder or attempt.effect.holder,
            reason=answer.reason,
        )
        return True

    def _move_row(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Compare-and-set on (row, newest attempt, its state, epoch): only the worker who holds the lane may settle."""
        after = _ROW_AFTER[answer.state]
        table = "reversal" if attempt.reversal else "reward"
        done = (
            ", taken = (SELECT amount FROM attempt WHERE id = :attempt)"
            if attempt.reversal
            else ", issued_at = clock_timestamp(), holder = :holder"
        )
        return bool(
            self.run(
                f"""UPDATE {table} SET state = :state, reason = :reason, retry_at = clock_timestamp() + :retry,
                        transaction = coalesce(:transaction, transaction)
                        {done if answer.state is AttemptState.DONE else ""}
                    WHERE merchant_id = :merchant AND id = :id AND attempt_id = :attempt
                      AND state IN ('sending', 'unknown')
                      AND EXISTS (SELECT FROM attempt WHERE id = :attempt AND state IN ('open', 'unknown'))
                      AND EXISTS (SELECT FROM lane WHERE id = :lane AND epoch = :epoch)""",  # noqa: S608
                id=attempt.reversal or attempt.reward,
                attempt=attempt.effect.id,
                state=after.value,
                reason=answer.reason,
                retry=answer.retry,
                transaction=answer.transaction or None,
                holder=answer.holder,
                lane=lease.lane,
                epoch=lease.epoch,
            ).rowcount
        )

    def _keep_late(self, attempt: Attempt, answer: Answer) -> None:
        """An answer that came after somebody else had to decide without it."""
        row = self.run(
            """UPDATE attempt SET late_state = :state, late_transaction = :transaction, late_holder = :holder
               WHERE merchant_id = :merchant AND id = :id RETURNING state""",
            id=attempt.effect.id,
            state=answer.state.value,
            transaction=answer.transaction,
            holder=answer.holder,
        ).one()
        if answer.state is AttemptState.DONE and row.state == AttemptState.NOT_DONE:
            self.run(
                """INSERT INTO surplus (attempt_id, merchant_id, connection_id, transaction, amount, currency)
                   VALUES (:id, :merchant, :connection, :transaction, :amount, :currency) ON CONFLICT DO NOTHING""",
                id=attempt.effect.id,
                connection=attempt.connection,
                transaction=answer.transaction,
                amount=attempt.effect.amount.minor,
                currency=attempt.effect.amount.currency,
            )

    def need_person(self, attempt: Attempt, reason: str) -> None:
        """Nobody but a person can tell whether it landed; until they rule, this account waits."""
        self.run(
            """UPDATE attempt SET state = 'unknown', needs_person = :reason
               WHERE merchant_id = :merchant AND id = :id AND state IN ('open', 'unknown')""",
            id=attempt.effect.id,
            reason=reason,
        )
        table = "reversal" if attempt.reversal else "reward"
        self.run(
            f"""UPDATE {table} SET state = 'unknown', reason = :reason WHERE merchant_id = :merchant AND id = :id
                AND attempt_id = :attempt AND state IN ('sending', 'unknown')""",  # noqa: S608  (one of two tables)
            id=attempt.reversal or attempt.reward,
            attempt=attempt.effect.id,
            reason=reason,
        )

    def claimed(self, connection: UUID, transaction: str, *, but: UUID) -> bool:
        """Whether this platform transaction already settles another row."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM attempt WHERE merchant_id = :merchant AND connection_id = :connection
                     AND transaction = :transaction AND id <> :but)""",
                connection=connection,
                transaction=transaction,
                but=but,
            ).scalar_one()
        )

    def marker_taken(self, connection: UUID, owner: str, marker: str, *, but: UUID) -> bool:
        """Whether another reward on this account carries the marker."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM reward WHERE merchant_id = :merchant AND connection_id = :connection
                     AND owner = :owner AND marker = :marker AND id <> :but)""",
                connection=connection,
                owner=owner,
                marker=marker,
                but=but,
            ).scalar_one()
        )


def _attempt(row: Any) -> Attempt:
    effect = Effect(
        id=row.id,
        capability=Capability(row.capability),
        direction=Direction(row.direction),
        owner=row.owner,
        holder=row.holder,
        amount=Money(row.amount, row.currency),
        marker=row.marker,
        since=row.since,
        expires_at=row.expires_at,
    )
    return Attempt(
        effect=effect,
        connection=row.connection_id,
        reward=row.reward_id,
        reversal=row.reversal_id,
        epoch=row.epoch,
        deadline_at=row.deadline_at,
        state=AttemptState(row.state),
        late=Answer(AttemptState(row.late_state), row.late_transaction, row.late_holder) if row.late_state else None,
    )
