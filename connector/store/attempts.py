"""Attempts: the commitment before a call and the one answer after it. Here money is guarded.

A reward or reversal follows its newest attempt only while this worker's epoch still holds the lane; an answer that
comes later stays on its own attempt row, and a late "done" of another transaction is a surplus to reconcile.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from connector.domain.money import Money
from connector.ports.money import Lease
from connector.ports.platform import Capability, Direction, Effect
from connector.ports.rows import Answer, Attempt, AttemptState, Movement, RewardState
from connector.store.base import Repository

_ROW_AFTER = {
    AttemptState.DONE: RewardState.ISSUED,
    AttemptState.NOT_DONE: RewardState.APPROVED,
    AttemptState.UNKNOWN: RewardState.UNKNOWN,
    AttemptState.REFUSED: RewardState.REFUSED,
    AttemptState.GONE: RewardState.APPROVED,  # the connection stops; the reward waits for it to come back
}


class Attempts(Repository):
    def begin(
        self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta, quiet: timedelta
    ) -> Attempt | None:
        """Commit to one call: the row is `sending`, everything is pinned. None if it changed or the account is busy."""
        try:
            with self.tx.savepoint():
                if not self._claim_row(movement, effect):
                    return None
                return self._insert(movement, effect, lease, deadline, quiet)
        except IntegrityError as error:
            if "attempt_one_open" in str(error.orig):
                return None  # another effect is open on this account: it goes first
            raise

    def _claim_row(self, movement: Movement, effect: Effect) -> bool:
        if movement.reversal:
            self.before_reversal(movement.reward.id)
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
                       owner = :owner, marker = :marker, expires_at = :expires_at, means = :means
                   WHERE merchant_id = :merchant AND id = :id AND state = 'approved' AND decision = :decision""",
                id=movement.reward.id,
                decision=movement.decision,
                attempt=effect.id,
                owner=effect.owner,
                marker=effect.marker,
                expires_at=effect.expires_at,
                means=effect.capability.value,
            ).rowcount
        )

    def _insert(
        self, movement: Movement, effect: Effect, lease: Lease, deadline: timedelta, quiet: timedelta
    ) -> Attempt:
        row = self.run(
            """INSERT INTO attempt (id, merchant_id, connection_id, reward_id, reversal_id, capability, direction, owner,
                   holder, amount, currency, marker, expires_at, leaves, since, deadline_at, readback_at, epoch, state)
               VALUES (:id, :merchant, :connection, :reward, :reversal, :capability, :direction, :owner, :holder,
                   :amount, :currency, :marker, :expires_at, :leaves, clock_timestamp(),
                   least(clock_timestamp() + :deadline, :ends_at),
                   least(clock_timestamp() + :deadline, :ends_at) + :quiet, :epoch, 'open')
               RETURNING *, (SELECT referral_id FROM reward WHERE reward.id = reward_id) AS referral_id,
                   CAST(:owed AS bigint) AS owed, CAST(:tries AS int) AS tries, CAST(:kinds AS text[]) AS kinds""",
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
            leaves=None if effect.leaves is None else effect.leaves.minor,
            kinds=[movement.reward.kind, *movement.reward.fallback],
            deadline=deadline,
            ends_at=lease.ends_at,
            quiet=quiet,
            epoch=lease.epoch,
            owed=movement.amount.minor,
            tries=(movement.reversal or movement.reward).tries + 1,
        ).one()
        return _attempt(row)

    def overdue(self, connection: UUID) -> Sequence[Attempt]:
        """Open attempts past their deadline and unknown ones, quiet for long enough to be read back."""
        rows = self.run(
            f"""{_SELECT} AND attempt.connection_id = :connection
                 AND attempt.state IN ('open', 'unknown') AND needs_person = '' AND readback_at <= clock_timestamp()
               ORDER BY deadline_at""",
            connection=connection,
        )
        return [_attempt(row) for row in rows]

    def settle(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Write the answer if this attempt is still the newest word on its row; else keep it on the attempt alone.

        What was only found is dropped then: whoever lost the lane may have found what a later attempt of the same row
        did, and nobody must believe that this one did it, or the later one is sent again.
        """
        if not self._move_row(attempt, lease, answer):
            if not answer.found:
                self._keep_late(attempt, answer)
            return False
        self._write_answer(attempt, answer)
        return True

    def _write_answer(self, attempt: Attempt, answer: Answer) -> None:
        self.run(
            """UPDATE attempt SET state = :state, transaction = :transaction, holder = :holder, reason = :reason,
                   needs_person = '', answered_at = clock_timestamp(), moved = :moved
               WHERE merchant_id = :merchant AND id = :id""",
            id=attempt.effect.id,
            moved=_moved(attempt, answer) if answer.state is AttemptState.DONE else None,
            state=answer.state.value,
            transaction=answer.transaction or None,
            holder=answer.holder or attempt.effect.holder,
            reason=answer.reason,
        )

    def _move_row(self, attempt: Attempt, lease: Lease, answer: Answer) -> bool:
        """Compare-and-set on (row, newest attempt, its state, epoch): only the worker who holds the lane may settle."""
        held = "EXISTS (SELECT FROM lane WHERE id = :lane AND epoch = :epoch)"
        return self._write_row(attempt, answer, held, lane=lease.lane, epoch=lease.epoch)

    def _write_row(self, attempt: Attempt, answer: Answer, allowed: str, **values: object) -> bool:
        table = "reversal" if attempt.reversal else "reward"
        if attempt.reversal:
            self.before_reversal(attempt.reward)
        done = (
            ", taken = :moved"
            if attempt.reversal
            else ", issued_at = clock_timestamp(), holder = :holder, watch_at = clock_timestamp()"
        )
        state = RewardState.APPROVED if answer.next_means else _ROW_AFTER[answer.state]
        means = ", means = :means" if answer.next_means else ""
        return bool(
            self.run(
                f"""UPDATE {table} SET state = :state, reason = :reason, retry_at = clock_timestamp() + :retry,
                        transaction = coalesce(:transaction, transaction)
                        {means}{done if answer.state is AttemptState.DONE else ""}
                    WHERE merchant_id = :merchant AND id = :id AND attempt_id = :attempt
                      AND state IN ('sending', 'unknown')
                      AND EXISTS (SELECT FROM attempt WHERE id = :attempt AND state IN ('open', 'unknown'))
                      AND {allowed}""",  # noqa: S608  (one of two tables, one of two conditions)
                id=attempt.reversal or attempt.reward,
                attempt=attempt.effect.id,
                state=state.value,
                means=answer.next_means,
                moved=_moved(attempt, answer),
                reason=answer.reason,
                retry=answer.retry,
                transaction=answer.transaction or None,
                holder=answer.holder or attempt.effect.holder,
                **values,
            ).rowcount
        )

    def _keep_late(self, attempt: Attempt, answer: Answer) -> None:
        """An answer that came after somebody else had to decide without it."""
        row = self.run(
            """UPDATE attempt SET late_state = :state, late_transaction = :transaction, late_holder = :holder,
                   needs_person = CASE WHEN :state = 'unknown' THEN needs_person ELSE '' END
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

    def rule(self, attempt: UUID, answer: Answer) -> Attempt | None:
        """A person's word on an attempt that waits for one; None if it does not. No lane touches such an attempt."""
        row = self.run(
            f"{_SELECT} AND attempt.id = :id AND needs_person <> '' FOR UPDATE OF attempt", id=attempt
        ).first()
        if row is None or row.state != AttemptState.UNKNOWN:
            return None
        found = _attempt(row)
        self._write_row(found, answer, "true")
        self._write_answer(found, answer)
        return found

    def claimed(self, connection: UUID, transaction: str, *, but: UUID) -> bool:
        """Whether this platform transaction already settles another row, or waits there as a surplus."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM attempt WHERE merchant_id = :merchant AND connection_id = :connection
                     AND :transaction IN (transaction, late_transaction) AND id <> :but)""",
                connection=connection,
                transaction=transaction,
                but=but,
            ).scalar_one()
        )

    def settles_another(self, attempt: UUID, transaction: str) -> bool:
        """Whether a transaction on the connection of this attempt already settles another one."""
        connection = self.run(
            "SELECT connection_id FROM attempt WHERE merchant_id = :merchant AND id = :id", id=attempt
        ).scalar_one_or_none()
        return connection is not None and self.claimed(connection, transaction, but=attempt)

    def busy(self, connection: UUID, owner: str) -> bool:
        """Whether an effect on this account is under way or in doubt."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM attempt WHERE merchant_id = :merchant AND connection_id = :connection
                     AND owner = :owner AND state IN ('open', 'unknown'))""",
                connection=connection,
                owner=owner,
            ).scalar_one()
        )

    def expiry_taken(self, connection: UUID, owner: str, expires_at: datetime, *, but: UUID) -> bool:
        """Whether another reward on this account ends at the very same second, and so could be mistaken for it."""
        return bool(
            self.run(
                """SELECT EXISTS (SELECT FROM reward WHERE merchant_id = :merchant AND connection_id = :connection
                     AND owner = :owner AND expires_at = :expires_at AND id <> :but)""",
                connection=connection,
                owner=owner,
                expires_at=expires_at,
                but=but,
            ).scalar_one()
        )


_SELECT = """SELECT attempt.*, reward.referral_id, coalesce(reversal.amount, reward.amount) AS owed,
        coalesce(reversal.tries, reward.tries) AS tries, array_prepend(reward.kind, reward.fallback) AS kinds
    FROM attempt JOIN reward ON reward.id = attempt.reward_id
    LEFT JOIN reversal ON reversal.id = attempt.reversal_id WHERE attempt.merchant_id = :merchant"""


def _moved(attempt: Attempt, answer: Answer) -> int:
    """What really moved: as the platform says, else as it was asked."""
    return (attempt.effect.amount if answer.moved is None else answer.moved).minor


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
        leaves=None if row.leaves is None else Money(row.leaves, row.currency),
        reward=row.reward_id,
    )
    return Attempt(
        effect=effect,
        connection=row.connection_id,
        reward=row.reward_id,
        reversal=row.reversal_id,
        epoch=row.epoch,
        deadline_at=row.deadline_at,
        state=AttemptState(row.state),
        referral=row.referral_id,
        owed=Money(row.owed, row.currency),
        tries=row.tries,
        late=Answer(AttemptState(row.late_state), row.late_transaction, row.late_holder) if row.late_state else None,
        instead=tuple(row.kinds[row.kinds.index(row.capability) + 1 :]),
    )
